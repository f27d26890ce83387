"""Accuracy by distance and over training: what is drawn is what was measured."""

import numpy as np
import pytest

from companion import explorers
from companion.figures import agreement
from companion.tasks.agreement import Agreement

DISTANCES = (0, 7, 16)


def scores(looks=3, seeds=2):
    """Every accuracy different, so that a wrong axis cannot pass."""
    sizes = (looks, seeds, 3, len(DISTANCES))
    return np.arange(np.prod(sizes)).reshape(sizes) / np.prod(sizes)


def practice(**changed):
    named = {
        "0.01": {"tanh": scores(), "GRU": scores(2) / 2},
        "0.03": {"GRU": scores()},
    }
    given = {"steps": (50, 100, 150), "distances": DISTANCES, "scores": named}
    return agreement.Practice(**given | changed)


def drawn(explorer, name):
    found = explorer._artists["curves"][name]
    return {key: np.array(line.get_data()) for key, line in found.items()}


def test_the_curves_are_the_scores():
    explorer = explorers.agreement.practice(practice())
    explorer.set(kind="opposite", distance=7, step=150, setting="0.01")
    ours = scores()[:, :, 2]
    tanh = drawn(explorer, "tanh")
    np.testing.assert_allclose(tanh["mean"], [(50, 100, 150), ours[:, :, 1].mean(1)])
    np.testing.assert_allclose(tanh["end"], [DISTANCES, ours[2].mean(0)])
    np.testing.assert_allclose(tanh["seeds"][1], ours[2].ravel())
    each = tanh["each"][1].reshape(2, 4)  # a line a seed, with a gap behind it
    np.testing.assert_allclose(each[:, :3], ours[:, :, 1].T)
    assert np.isnan(each[:, 3]).all()


def test_a_name_with_fewer_looks_stays_at_its_last():
    explorer = explorers.agreement.practice(practice())
    explorer.set(step=150)
    gru = drawn(explorer, "GRU")
    assert gru["mean"].shape == (2, 2) and explorer.result.after["GRU"] == 100
    np.testing.assert_allclose(gru["end"][1], scores(2)[1, :, 1].mean(0) / 2)


def test_a_setting_without_a_name_hides_it():
    explorer = explorers.agreement.practice(practice())
    assert all(
        line.get_visible() for line in explorer._artists["curves"]["tanh"].values()
    )
    explorer.set(setting="0.03")
    hidden = explorer._artists["curves"]["tanh"].values()
    assert not any(line.get_visible() for line in hidden)


def test_the_best_possible_line():
    explorer = explorers.agreement.practice()
    found = explorer._artists["lines"]["best"].get_ydata()
    task = Agreement()
    wanted = [task.best_accuracy_at(d) for d in task.distances]
    np.testing.assert_allclose(found, wanted)
    explorer.set(kind="same")
    assert (explorer._artists["lines"]["best"].get_ydata() == 1).all()


def test_the_readers_are_told_apart():
    explorer = explorers.agreement.practice()
    assert "latest noun guesses" in explorer.describe()
    explorer.set(kind="opposite")
    assert "latest noun is worse than guessing" in explorer.describe()
    explorer.set(distance=4)
    assert "latest noun is near the best" in explorer.describe()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"steps": (50, 50, 60)}, "steps must rise"),
        ({"scores": {}}, "must hold a setting"),
        ({"scores": {"a": {}}}, "must hold a setting"),
        ({"scores": {"a": {"tanh": scores()[0]}}}, "'tanh'.*must be"),
        ({"scores": {"a": {"tanh": scores(4)}}}, "at most 3 looks"),
        ({"distances": (0, 7)}, "must be"),
        ({"scores": {"a": dict.fromkeys("vwxyz", scores())}}, "at most 4 names"),
    ],
)
def test_bad_scores_are_named(changed, said):
    with pytest.raises(ValueError, match=said):
        explorers.agreement.practice(practice(**changed))
