"""Drawn networks: what is there, how shared weights look, numbers in the boxes."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from companion.figures import boxes, diagrams, style


@pytest.fixture
def ax():
    with style.drawing():
        yield style.figure().subplots()


def test_one_box_a_quantity_and_step(ax):
    nodes, edges = diagrams.unrolled(ax, 3, n_layers=2)
    assert set(nodes) == {
        *(("x", t) for t in (1, 2, 3)),
        *(("y", t) for t in (1, 2, 3)),
        *(("a", t, layer) for t in (0, 1, 2, 3) for layer in (1, 2)),
    }
    assert set(edges) == {
        *(
            (W, t, layer)
            for W in ("W_ax", "W_aa")
            for t in (1, 2, 3)
            for layer in (1, 2)
        ),
        *(("W_y", t) for t in (1, 2, 3)),
    }
    assert nodes["a", 3, 2].label.get_text() == r"$a^{[2]\langle 3\rangle}$"


def test_time_runs_to_the_right_and_layers_upward(ax):
    nodes = diagrams.unrolled(ax, 3, n_layers=2).nodes
    for t in (1, 2, 3):
        column = nodes["x", t], nodes["a", t, 1], nodes["a", t, 2], nodes["y", t]
        assert len({box.center[0] for box in column}) == 1
        heights = [box.center[1] for box in column]
        assert heights == sorted(heights)
        assert nodes["a", t, 1].center[0] > nodes["a", t - 1, 1].center[0]


def test_only_the_inputs_and_outputs_asked_for(ax):
    nodes, edges = diagrams.unrolled(ax, 4, inputs=(1,), outputs=[4])
    assert {key for key in nodes if key[0] in "xy"} == {("x", 1), ("y", 4)}
    assert [key for key in edges if key[0] == "W_ax"] == [("W_ax", 1, 1)]
    assert [key for key in edges if key[0] == "W_y"] == [("W_y", 4)]


def test_shared_weights_are_drawn_alike(ax):
    edges = diagrams.unrolled(ax, 4).edges
    looks = {}
    for (weights, *_), edge in edges.items():
        line = edge.line
        look = to_hex(line.get_edgecolor()), str(line.get_linestyle()), line.get_lw()
        looks.setdefault(weights, set()).add((*look, edge.label.get_text()))
    assert all(len(look) == 1 for look in looks.values())
    assert len(set.union(*looks.values())) == 3  # and different weights differently
    colours = {weights: next(iter(look))[0] for weights, look in looks.items()}
    assert colours["W_ax"] == style.COLORS["x"].lower()
    assert colours["W_aa"] == style.COLORS["a"].lower()


def test_arrows_lead_from_box_to_box(ax):
    nodes, edges = diagrams.unrolled(ax, 2)
    start, end = edges["W_aa", 2, 1].line._posA_posB
    assert tuple(start) == nodes["a", 1, 1].side("right")
    assert tuple(end) == nodes["a", 2, 1].side("left")
    start, end = edges["W_ax", 1, 1].line._posA_posB
    assert tuple(start) == nodes["x", 1].side("top")
    assert tuple(end) == nodes["a", 1, 1].side("bottom")


def test_numbers_in_a_box_from_the_top_down(ax):
    box = diagrams.unrolled(ax, 1, values=(2, 3, 0)).nodes["a", 1, 1]
    boxes.fill(box.entries, [0.25, -0.004, 0])
    assert [entry.text.get_text() for entry in box.entries] == ["0.25", "0.00", "0"]
    heights = [entry.text.get_position()[1] for entry in box.entries]
    assert heights == sorted(heights, reverse=True)
    boxes.fill(box.entries, [-1.5, 0, 9])
    assert box.entries[0].text.get_text() == "\N{MINUS SIGN}1.50"
    faces = [entry.cell.get_facecolor() for entry in box.entries]
    assert len(set(faces)) == 3


def test_a_matrix_is_filled_row_by_row(ax):
    entries = boxes.grid(ax, (0, 0), 2, 3)
    boxes.fill(entries, np.arange(6).reshape(2, 3), decimals=1)
    said = [[entry.text.get_text() for entry in row] for row in entries]
    assert said == [["0", "1.0", "2.0"], ["3.0", "4.0", "5.0"]]


@pytest.mark.parametrize("number", np.linspace(-1, 1, 9))
def test_every_number_can_be_read_on_its_colour(ax, number):
    (row,) = boxes.grid(ax, (0, 0), 1, 1)
    boxes.fill(row, [number])
    face = row[0].cell.get_facecolor()[:3]
    ink = {"white": 1.0, "black": 0.0}[row[0].text.get_color()]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in face]
    light = np.dot([0.2126, 0.7152, 0.0722], linear)
    high, low = max(light, ink), min(light, ink)
    assert (high + 0.05) / (low + 0.05) > 4.5  # WCAG 2, level AA


def test_light_fades_a_part_and_brings_it_back(ax):
    nodes, edges = diagrams.unrolled(ax, 1)
    for part in (nodes["a", 1, 1], edges["W_aa", 1, 1]):
        boxes.light(part, False)
        assert all(artist.get_alpha() < 0.3 for artist in boxes.artists(part))
        boxes.light(part, True)
        assert all(artist.get_alpha() == 1 for artist in boxes.artists(part))


def test_the_picture_says_what_it_shows():
    picture = diagrams.folded_and_unrolled(n_steps=2)
    assert "over 2 steps" in picture.alt
    texts = [text.get_text() for text in picture.fig.axes[0].texts]
    for weights in ("$W_{ax}$", "$W_{aa}$", "$W_y$"):
        assert texts.count(weights) == 3  # once folded, twice unrolled
    assert len(picture.png()) < 60_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n_steps": 0}, "n_steps and n_layers start at 1, got 0, 1"),
        ({"n_layers": 0}, "n_steps and n_layers start at 1, got 4, 0"),
        ({"inputs": [5]}, "must lie in 1..4"),
        ({"outputs": [0]}, "must lie in 1..4"),
    ],
)
def test_bad_arguments(ax, arguments, said):
    with pytest.raises(ValueError, match=said):
        diagrams.unrolled(ax, **arguments)


def test_numbers_must_fit_the_entries(ax):
    with pytest.raises(ValueError, match="3 entries cannot show 2 numbers"):
        boxes.fill(
            diagrams.unrolled(ax, 1, values=(0, 3, 0)).nodes["a", 1, 1][-1], [1, 2]
        )
    with pytest.raises(ValueError, match="quantity must be one of"):
        boxes.symbol("q")
