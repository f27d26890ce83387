"""The microscope's picture: what it draws and says, against the numbers behind it."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from companion import gradients
from companion.explorers.gradients import microscope
from companion.figures import microscope as pictures


@pytest.fixture(scope="module")
def explorer():
    return microscope()


@pytest.fixture(autouse=True)
def defaults(explorer):
    explorer.set(cell="tanh", rho=1.0, input_scale=1.0, bias=1.0, T=100, seed=1)


def test_the_curve_is_the_exact_norm_by_lag(explorer):
    explorer.set(T=30, rho=1.2)
    view = explorer.result
    norms = gradients.norm_by_lag(view.cell, view.params, view.xs, norm="average")
    lags, drawn = explorer._artists["whole"].get_data()
    np.testing.assert_allclose(lags * 30, np.arange(31), atol=1e-9)
    np.testing.assert_allclose(drawn, np.log10(norms), atol=1e-4)


def shades(image, ax, column):
    """The colours up one column of the map, read from the finished picture."""
    height = image.shape[0]
    box = ax.get_window_extent()
    x = round(box.x0 + column * box.width)
    ys = np.linspace(box.y0 + 4, box.y1 - 4, 40).round().astype(int)
    return image[height - 1 - ys, x].astype(int)


def test_the_map_on_the_page_has_the_colours_of_the_numbers(explorer):
    explorer.set(T=50)
    image = np.asarray(Image.open(io.BytesIO(explorer.png())))
    view, ax = explorer.result, explorer.fig.axes[0]
    column = shades(image, ax, 0.4)
    expected = pictures.coloured(view.map[:, 20])
    rows = np.rint(np.linspace(0.5, 49.5, 40)).astype(int)
    above = rows > 21  # the start has the colour of 1, below it there is no map
    np.testing.assert_allclose(column[above], expected[rows[above], :3], atol=12)
    assert (column[rows < 18] == 0xE4).all()


def test_colours_stop_at_the_ends_of_the_scale():
    low, lowest, one, highest, none = pictures.coloured(
        np.array([-20.0, -np.inf, 0.0, 30.0, np.nan])
    )
    assert (low == lowest).all() and low[3] == 255
    assert (highest == pictures.COLOURS[-1]).all()
    assert (one == pictures.COLOURS[int(20 / 25 * 255)]).all()
    assert none[3] == 0


@pytest.mark.parametrize("cell", list(pictures.ROWS))
def test_each_cell_shows_its_own_lines_and_bars(explorer, cell):
    explorer.set(cell=cell, bias=2.0)
    view, artists = explorer.result, explorer._artists
    (kind,) = (k for k, line in artists["memory"].items() if line.get_visible())
    drawn = artists["memory"][kind].get_ydata()
    if cell in ("GRU", "LSTM"):
        assert kind == cell
        np.testing.assert_array_equal(drawn, view.memory)
    else:
        assert kind is None
        np.testing.assert_allclose(10 ** drawn[1], 1 / (1 + np.exp(-2)))
    for other, bars in artists["bars"].items():
        assert {bar.get_visible() for bar in bars} == {other == cell}
    shares = [bar.get_width() for bar in artists["bars"][cell]]
    assert shares == [view.saturation[name] for name in pictures.ROWS[cell]]
    assert [end.get_text() for end in artists["ends"]] == ["100"] * 3


def test_the_caption_says_the_numbers(explorer):
    view = explorer.result
    assert f"about 1e{view.by_lag[99]:.0f} of its size at step 100" in repr(explorer)
    assert f"{view.saturation['a']:.0%} of the units sit on a flat part" in repr(
        explorer
    )
    assert "There is no gate for the bias." in repr(explorer)
    explorer.set(cell="LSTM", bias=6.0, T=10)
    said = repr(explorer)
    assert "one at step" not in said  # ten steps before the end there is nothing
    assert f"{explorer.result.saturation['gamma_f']:.0%} of the forget gates" in said
    explorer.set(cell="ReLU")
    assert "change nothing in a ReLU" in repr(explorer)


def test_the_lags_of_the_caption_count_from_the_steps_it_names(explorer):
    view = dataclasses.replace(explorer.result, by_lag=-np.arange(101.0))
    said = pictures.microscope_describe(view, **explorer.values)
    assert said.startswith("a random nudge at step 1 has about 1e-99 of its size at")
    assert "step 100, one at step 90 has about 1e-10 of its size;" in said


def test_nothing_left_is_said_and_drawn():
    assert pictures._became(-np.inf) == "is gone"
    assert pictures._became(np.log10(0.034)) == "has 0.03 of its size"
    assert pictures._became(np.log10(34)) == "has 30 of its size"
    assert pictures._became(-19.7) == "has about 1e-20 of its size"
    assert pictures._became(12.2) == "has about 1e12 of its size"


def test_a_sweep_gives_the_numbers(explorer):
    views = explorer.sweep("rho", [0.5, 1.0, 1.5])
    last = [view.by_lag[99] for view in views]
    assert last == sorted(last) and last[0] < -40 and last[2] < -3


def test_the_quick_png_is_the_small_one(explorer):
    quick, small = (
        np.asarray(Image.open(io.BytesIO(explorer._live_figure.png(level))))
        for level in (1, 9)
    )
    np.testing.assert_array_equal(quick, small)
