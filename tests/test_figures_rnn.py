"""Pictures of notebook 02: the numbers they show, against plain NumPy."""

import numpy as np
import pytest

from companion import dynamics
from companion.explorers import rnn as explorers
from companion.figures import boxes, rnn, scores


def by_hand(xs, g):
    """The small network as scalar sums over its weights."""
    w = rnn.small_network()
    a, states_, outputs = [0.0, 0.0, 0.0], [], []
    for x in xs:
        a = [
            g(
                sum(w["W_aa"][i, j] * a[j] for j in range(3))
                + sum(w["W_ax"][i, j] * x[j] for j in range(2))
                + w["b_a"][i]
            )
            for i in range(3)
        ]
        e = np.exp([w["W_y"][k] @ a + w["b_y"][k] for k in range(2)])
        states_.append(a)
        outputs.append(e / e.sum())
    return np.array(states_), np.array(outputs)


@pytest.mark.parametrize(
    ("activation", "g"), [("tanh", np.tanh), ("ReLU", lambda z: max(z, 0.0))]
)
def test_the_forward_pass_is_the_sum_by_hand(activation, g):
    xs = np.random.default_rng(0).normal(size=(6, 2))
    run = rnn.forward(xs, activation)
    a, y_hat = by_hand(xs, g)
    np.testing.assert_allclose(run.a, a, atol=1e-6)
    np.testing.assert_allclose(run.y_hat, y_hat, atol=1e-6)
    np.testing.assert_allclose([[g(z) for z in row] for row in run.z], a, atol=1e-6)


def shown(entries):
    """The numbers written in a column of cells."""
    texts = [e.text.get_text().replace("\N{MINUS SIGN}", "-") for e in entries]
    return [float(text) for text in texts]


@pytest.mark.parametrize(
    "activation, g1", [("tanh", np.tanh), ("ReLU", lambda z: np.maximum(z, 0))]
)
def test_the_explorer_shows_the_numbers_of_its_step(activation, g1):
    explorer = explorers.step_by_step()
    explorer.set(activation=activation)
    artists = explorer._artists
    for t, first in ((1, 1.0), (2, -2.0), (4, 0.3)):
        explorer.set(t=t, first=first)
        run = explorer.result
        np.testing.assert_allclose(run.xs[0], [first, 0])
        a, y_hat = by_hand(run.xs, g1)
        for step in range(1, t + 1):
            numbers = artists["numbers"]
            np.testing.assert_allclose(
                shown(numbers["a", step, 1]), a[step - 1], atol=6e-3
            )
            np.testing.assert_allclose(
                shown(numbers["y", step]), y_hat[step - 1], atol=6e-3
            )
        columns = artists["columns"]
        before = a[t - 2] if t > 1 else np.zeros(3)
        np.testing.assert_allclose(shown(columns["before"]), before, atol=6e-3)
        np.testing.assert_allclose(g1(shown(columns["z"])), a[t - 1], atol=6e-3)
        assert f"{y_hat[t - 1].max():.2f}" in explorer.describe()


def test_steps_that_have_not_happened_show_no_numbers():
    explorer = explorers.step_by_step()
    explorer.set(t=2)
    for key, entries in explorer._artists["numbers"].items():
        visible = {artist.get_visible() for artist in boxes.artists(entries)}
        assert visible == {key[1] <= 2}


def test_causality_speaks_of_zeros_only_where_they_are():
    triangle = np.triu(np.ones((4, 4)))
    assert "is exactly 0" in rnn.causality(triangle).alt
    assert "is exactly 0" in rnn.causality().alt
    leaking = triangle.copy()
    leaking[3, 0] = 0.1
    assert "1 cells with t before k are not 0" in rnn.causality(leaking).alt
    with pytest.raises(ValueError, match="square matrix, got shape"):
        rnn.causality(np.ones((2, 3)))


@pytest.mark.parametrize("activation", ["tanh", "ReLU"])
def test_wander_is_the_recurrence_in_numpy(activation):
    g = np.tanh if activation == "tanh" else lambda z: np.maximum(z, 0)
    W, xs = dynamics._noise(5, 7)
    a, expected = 0, []
    for x in np.asarray(xs):
        a = g(a @ (1.2 * W).T + 0.5 * x if len(expected) else 0.5 * x)
        expected.append(a)
    run = dynamics.wander(1.2, 0.5, activation, T=5, seed=7)
    np.testing.assert_allclose(run.a, expected, atol=1e-5)
    np.testing.assert_allclose(run.rms, np.sqrt(np.mean(run.a**2, axis=(1, 2))))


def test_flat_share_counts_the_flat_parts():
    a = np.array([[0.0, 0.96, -0.96, 0.5], [0.94, 0.0, 0.0, -0.94]])
    assert dynamics.flat_share(a).tolist() == [0.5, 0.0]
    assert dynamics.flat_share(a, "ReLU").tolist() == [0.25, 0.5]


def test_larger_weights_drive_tanh_flat_and_relu_away():
    flat = [dynamics.wander(g, 1.0, "tanh").flat[-10:].mean() for g in (0.5, 1.0, 2.0)]
    assert flat == sorted(flat)
    assert dynamics.wander(2.0, 1.0, "tanh").rms.max() < 1
    assert dynamics.wander(2.0, 1.0, "ReLU").rms[-1] > 1e3
    with pytest.raises(ValueError, match="activation must be 'tanh' or 'ReLU'"):
        dynamics.wander(1.0, 1.0, "relu")


def test_the_trajectories_show_what_was_computed():
    explorer = explorers.trajectories()
    for activation, scale in (("tanh", 0.5), ("ReLU", 2.0)):
        explorer.set(activation=activation, scale=scale)
        run, artists = explorer.result, explorer._artists
        np.testing.assert_array_equal(artists["rms"].get_ydata(), run.rms)
        np.testing.assert_array_equal(artists["flat"].get_ydata(), run.flat)
        drawn = np.array([line.get_ydata() for line in artists["lines"]])
        np.testing.assert_array_equal(drawn, run.a[:, 0, : len(drawn)].T)
        bottom, top = artists["left"].get_ylim()
        assert bottom < drawn.min() and drawn.max() < top


def test_scores_are_drawn_and_said():
    runs = {"right": [1.0, 0.98], "wrong": [0.1, 0.2]}
    picture = scores.compare(runs, chance=0.125)
    assert "right: 0.99 [0.98, 1.00]; wrong: 0.15 [0.10, 0.20]" in picture.alt
    (ax,) = picture.fig.axes
    dots = {tuple(line.get_xdata()) for line in ax.lines}
    assert {(1.0, 0.98), (0.1, 0.2)} <= dots
    assert [label.get_text() for label in ax.get_yticklabels()] == list(runs)
    assert {text.get_text() for text in ax.get_legend().texts} == {
        "best possible",
        "chance",
    }
    with pytest.raises(ValueError, match=r"runs\['none'\]"):
        scores.compare({"none": []})


def test_the_caption_has_no_negative_zero():
    explorer = explorers.step_by_step()
    explorer.set(t=2, first=-0.7)
    assert round(explorer.result.a[1, 1], 2) == 0 and explorer.result.a[1, 1] < 0
    assert "-0.00" not in explorer.describe()


def test_causality_names_a_hole_and_refuses_an_empty_map():
    assert "3 cells from the diagonal on are 0" in rnn.causality(np.eye(3)).alt
    with pytest.raises(ValueError, match="change is 0 everywhere"):
        rnn.causality(np.zeros((3, 3)))
