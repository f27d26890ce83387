"""Pictures of the arena: what is drawn is what was reached."""

import numpy as np
import pytest

from companion.arena import Entry, Outcome, interval
from companion.cells import RNN
from companion.figures import arena


def entry(*scores):
    known = np.array(scores)
    layer = RNN(3)
    return Entry(layer, 3, 120, 8, 0.01, known, 1 - known, known[None], 1.0, 1e-3, None)


LATCH = Outcome(
    {"one": entry(1.0, 0.98), "two": entry(0.5, 0.52), "three": entry(0.5, 1.0)},
    best=1.0,
    chance=0.5,
    memoryless=0.5,
)
OTHER = Outcome({"two": entry(0.6, 0.64)}, best=1.0, chance=0.2, memoryless=None)


def test_a_row_an_entry_and_a_dot_a_seed():
    (ax,) = arena.standing(LATCH).fig.axes
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_array_equal(
        [d.get_xdata() for d in dots], list(LATCH.scores.values())
    )
    assert [round(d.get_ydata().mean()) for d in dots] == [0, 1, 2]
    assert all(len(set(d.get_ydata())) == 2 for d in dots)
    ticks = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "|"]
    np.testing.assert_allclose(ticks, [0.99, 0.51, 0.75])
    lines = {line.get_label(): line.get_xdata()[0] for line in ax.lines}
    assert lines["best possible"] == 1 and lines["chance"] == 0.5
    bands = [band.get_segments()[0][:, 0] for band in ax.collections]
    known = interval([0.5, 0.52])
    np.testing.assert_allclose(bands[1], [known.low, known.high])
    np.testing.assert_allclose(bands[2], [0, 1])  # cut where accuracy ends
    assert ax.get_yticklabels()[0].get_text() == "one (120)"


def test_rows_are_told_in_words():
    alt = arena.standing(LATCH).alt
    for said in ("one near the best", "two near chance", "three mixed over seeds"):
        assert said in alt
    assert "no entries" in arena.standing().alt
    assert "two in between" in arena.standing(OTHER).alt
    lone = Outcome({"one": entry(0.7)}, best=None, chance=None, memoryless=None)
    assert "one in between" in arena.standing(lone).alt


def test_the_matrix():
    picture = arena.matrix({"latch": LATCH, "other": OTHER})
    (ax,) = picture.fig.axes
    texts = {text.get_position(): text for text in ax.texts}
    assert texts[0, -0.12].get_text() == "0.99"
    assert texts[0, 0.26].get_text() == "0.98 to 1.00"
    assert texts[1, 0.88].get_text() == "0.62"  # the second row, the second column
    shown = ax.images[0].get_array()
    expected = [[0.98, np.nan], [0.02, (0.62 - 0.2) / 0.8], [0.5, np.nan]]
    np.testing.assert_allclose(shown.filled(np.nan), expected)
    assert ax.images[0].get_clim() == (0, 1)
    assert texts[0, -0.12].get_color() == "black"
    assert texts[0, 0.88].get_color() == "white"  # on the dark end of the colours
    assert "other: one not tried, two 0.62" in picture.alt
    assert "No tasks" in arena.matrix().alt


@pytest.mark.parametrize("score", [0.2, 1.2])
def test_the_way_from_chance_to_the_best_ends_at_both(score):
    assert arena.way(LATCH, score) == (score > 1)
