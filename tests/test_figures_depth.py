"""Pictures of notebook 10: depth against width, single layers, the stethoscope."""

import numpy as np
import pytest

from companion.explorers import deep
from companion.figures import depth, stethoscope, style


def test_heat_writes_every_mean_and_what_it_costs():
    losses = np.array([[2.5, 2.0], [1.0, 3.0]])[..., None] + [-0.1, 0.1]
    drawn = depth.heat(losses, (1, 2), (6, 12), [[10, 2000], [30, 40]])
    written = {text.get_text() for text in drawn.fig.axes[0].texts}
    assert written == {"2.50", "2.00", "1.00", "3.00", "10", "2,000", "30", "40"}
    assert "6 units are best with depth 2, 2.0" in drawn.alt
    assert "12 units are best with depth 1, 1.0" in drawn.alt
    with pytest.raises(ValueError, match="seeds"):
        depth.heat(losses[0], (1, 2), (6, 12))


def test_variants_draws_a_line_of_means_and_a_mark_a_seed():
    losses = {"plain": [[2.0, 2.2], [2.6, 2.8]], "other": [[2.0, 2.0], [9.0, 30.0]]}
    drawn = depth.variants(losses, (1, 8), chance=2.8)
    lines = [line.get_ydata() for line in drawn.fig.axes[0].get_lines()]
    np.testing.assert_allclose(lines[0], [2.1, 2.7])
    np.testing.assert_allclose(lines[1], [2.0, 2.6])  # the first seed
    assert max(map(np.max, lines)) <= 1.15 * 2.8 + 1e-9  # cut, and said so
    assert "up to 30" in [text.get_text() for text in drawn.fig.axes[0].texts]
    assert "plain 2.1 to 2.7" in drawn.alt and "other 2.0 to 19.5" in drawn.alt
    with pytest.raises(ValueError, match="plain"):
        depth.variants(losses, (1, 2, 8))


def test_variants_may_have_depths_of_their_own():
    drawn = depth.variants(
        {"a": [[1.0], [2.0]], "b": [[3.0]]}, {"a": (1, 4), "b": (4,)}
    )
    assert list(drawn.fig.axes[0].get_xticks()) == [1, 4]


def test_layers_draws_a_dot_a_seed_and_the_best_where_it_is_known():
    panels = {
        "R²": {"layer 1": [0.5, 0.62], "layer 2": [0.7]},
        "steps": {"layer 1": [3]},
    }
    drawn = depth.layers(panels, {"R²": 0.8})
    first, second = drawn.fig.axes
    assert [line.get_xdata()[0] for line in first.get_lines()] == [0.5, 0.7, 0.8]
    assert len(second.get_lines()) == 1
    assert "R²: layer 1 0.6 [0.5, 0.6], layer 2 0.7" in drawn.alt
    with pytest.raises(ValueError, match="a score for each seed"):
        depth.layers({"R²": {"layer 1": [[1.0]]}})


def test_places_shows_a_state_before_and_after_in_every_panel():
    drawn = depth.places()
    for ax in drawn.fig.axes:
        said = "".join(text.get_text() for text in ax.texts)
        assert "t-1" in said and r"\langle t\rangle" in said
    titles = [ax.get_title(loc="left") for ax in drawn.fig.axes]
    assert titles[1] == "deep transition"


@pytest.mark.parametrize(
    "draw", [depth.heat, depth.layers, depth.places, depth.variants]
)
def test_pictures_can_be_drawn_without_arguments(draw):
    drawn = draw()
    assert isinstance(drawn, style.Picture)
    assert len(drawn.alt.split()) >= 5
    assert drawn.png()[:4] == b"\x89PNG"


def test_the_stethoscope_shows_the_slowest_unit_first():
    seen = stethoscope.untrained()
    for lasting in seen.lasting.values():
        assert (np.diff(lasting) <= 0).all()
    explorer = deep.stethoscope()
    slow = explorer.result
    explorer.set(unit=8, cell="layer 1", sequence=3)
    quick = explorer.result
    assert slow.lasts == seen.lasting["layer 2"][0]
    assert quick.lasts == seen.lasting["layer 1"][7] < slow.lasts
    np.testing.assert_array_equal(quick.values, seen.values["layer 1"][2, :, 7])
    both = seen.values["layer 1"][..., 7].ravel(), seen.behind.ravel()
    assert abs(quick.correlation - np.corrcoef(*both)[0, 1]) < 1e-9
    assert "bull market" in explorer.describe()


def test_the_stethoscope_wants_all_of_a_model_or_nothing():
    with pytest.raises(ValueError, match="or none"):
        deep.stethoscope(model=object())
