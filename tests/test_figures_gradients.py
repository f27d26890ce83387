"""Pictures of notebook 06: what they draw, and what they say of it."""

import numpy as np
import pytest

from companion import cliff
from companion.explorers import clipping as explorers
from companion.figures import clipping, gradients


def curve(line):
    return np.asarray(line.get_ydata(), float)


def test_a_curve_is_the_geometric_mean_and_its_band_the_range():
    norms = np.array([[1.0, 0.1, 0.01], [1.0, 0.4, 0.04]])
    picture = gradients.norm_by_lag({"left": {"one": norms}, "right": {"two": norms}})
    left, right = picture.fig.axes
    assert [ax.get_title() for ax in (left, right)] == ["", ""]  # titles stand left
    assert left.get_title("left") == "left"
    np.testing.assert_allclose(curve(left.lines[0]), [1.0, 0.2, 0.02])
    (band,) = left.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert {0.01, 0.04} <= set(np.round(heights, 6))


def test_the_alt_text_says_which_curves_vanish_and_which_explode():
    lags = np.arange(11)
    curves = {"a": 0.5**lags, "b": np.ones(11), "c": 2.0**lags}
    alt = gradients.norm_by_lag({"here": curves}).alt
    assert "here: at lag 10 below 0.1 a; near 1 b; above 10 c." in alt
    assert "No curves" in gradients.norm_by_lag().alt


def test_names_stay_in_the_frame_and_apart():
    lags = np.arange(101)
    curves = {"gone": 1e-1**lags, "one": 0.98**lags, "other": 0.981**lags}
    picture = gradients.norm_by_lag({"": curves}, limits=(1e-20, 1e3))
    (ax,) = picture.fig.axes
    texts = {text.get_text(): text.get_position() for text in ax.texts}
    assert all(0 <= height <= 1 for _, height in texts.values())
    assert texts["gone"][0] == pytest.approx(21, abs=1)  # where it leaves the frame
    assert texts["other"][1] - texts["one"][1] >= gradients.NARROWEST - 1e-9


def test_what_is_zero_ends_its_curve():
    picture = gradients.norm_by_lag({"": {"underflow": [1.0, 1e-30, 0.0, 0.0]}})
    assert np.isnan(curve(picture.fig.axes[0].lines[0])[2:]).all()
    assert "below 0.1 underflow" in picture.alt


def test_singular_values_end_where_float32_loses_them():
    values = np.array([[1.0, 1.0], [0.5, 1e-3], [0.25, 1e-9]])
    picture = gradients.singular_values(values)
    (ax,) = picture.fig.axes
    drawn = [curve(line) for line in ax.lines[:2]]
    assert np.isnan(drawn[0][2]) and drawn[0][1] == 1e-3
    np.testing.assert_allclose(drawn[1], values[:, 0])
    with pytest.raises(ValueError, match="values must be"):
        gradients.singular_values(np.zeros((3, 2)))


def test_shares_and_distances_are_drawn_and_said():
    share = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
    picture = gradients.share_by_lag({"mine": share})
    np.testing.assert_allclose(curve(picture.fig.axes[0].lines[0]), share)
    assert "mine: lags 0 to 4 hold 95%" in picture.alt

    scores = {"few": np.array([[0.9, 0.5], [1.0, 0.52]])}
    picture = gradients.by_distance(scores, distances=(0, 7), best=(0.95, 0.93))
    np.testing.assert_allclose(curve(picture.fig.axes[0].lines[0]), [0.95, 0.51])
    assert "few near the best at 0, near chance at 7" in picture.alt
    with pytest.raises(ValueError, match=r"accuracy\['few'\] must be \(seeds, 3\)"):
        gradients.by_distance(scores, distances=(0, 7, 10))


def test_two_ways_to_clip():
    alt = clipping.two_ways((3.0, 4.0), threshold=1.0).alt
    assert "still at 53 degrees" in alt and "at 45 degrees" in alt
    with pytest.raises(ValueError, match="gradient must be two numbers"):
        clipping.two_ways((0.0, 0.0))


def test_the_log_marks_alarms_and_where_it_broke():
    log = np.array([1.0, 2.0, 100.0, 3.0])
    picture = clipping.norm_log(log, 2 * log, [], [2])
    top, bottom = picture.fig.axes
    np.testing.assert_allclose(curve(top.lines[0]), 2 * log)
    np.testing.assert_allclose(top.lines[1].get_xydata(), [(2, 200)])
    assert not len(bottom.lines[1].get_xdata())
    assert top.lines[2].get_xdata()[0] == 4
    assert "gradient norm with 1 marked steps, the first at step 2" in picture.alt
    with pytest.raises(ValueError, match="losses and norms must be"):
        clipping.norm_log([1.0], [1.0, 2.0])


def test_the_cut_through_the_cliff_finds_the_wall():
    picture = clipping.cliff()
    cut = picture.fig.axes[1].lines[0]
    b, loss = cut.get_xdata(), curve(cut)
    i = 300
    assert loss[i] == pytest.approx(float(cliff.loss(np.array([5.5, b[i]]))), abs=1e-6)
    assert "near b = -2.8 the loss drops by 0.3" in picture.alt


def test_the_explorer_walks_the_descent_it_is_set_to():
    edge = explorers.cliff()
    for values in ({"clip": "none"}, {"clip": 0.1}, {"w": 6.0, "b": -3.0}):
        edge.set(**values)
        now = edge.values
        clip = None if now["clip"] == "none" else now["clip"]
        # beside the cliff a last digit decides, so the same batch of starts
        starts = np.concatenate([[[now["w"], now["b"]]], cliff.starts()])
        run = cliff.descend(starts, now["learning_rate"], clip)
        artists = edge._artists
        np.testing.assert_allclose(edge.result.losses, run.losses[:, 0], rtol=1e-3)
        seen = np.clip(run.points[:, 0], -50, 50)
        np.testing.assert_allclose(artists["path"][1].get_xydata(), seen, atol=1e-3)
        np.testing.assert_allclose(curve(artists["norms"]), run.norms[:, 0], rtol=1e-3)
        assert artists["threshold"].get_visible() == (clip is not None)
        if clip is not None:
            assert artists["threshold"].get_ydata()[0] == clip
    few, many = edge.sweep("clip", ["none", 1.0])
    assert many.share - few.share > 0.25
    assert many.longest_step <= 0.3 * 1.001 < few.longest_step


def test_shares_are_said_in_words():
    words = [clipping._some(share) for share in (0, 0.1, 0.4, 0.6, 0.9, 1)]
    assert words == ["none", "few", "fewer than half", "more than half", "most", "all"]
