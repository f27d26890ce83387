"""Networks drawn from code: folded and unrolled, with or without numbers inside.

Time runs to the right and layers go upward. An arrow is drawn in the style of the
weights it stands for, so arrows that share their weights look alike at every step.

    diagram = unrolled(fig.subplots(), n_steps=5, n_layers=2)
    diagram.nodes["a", 3, 2]          # the box of a^[2]<3>; "x" and "y" have no layer
    diagram.edges["W_aa", 3, 2]       # the arrow into it from a^[2]<2>

Wirings of your own are made from the parts in `companion.figures.boxes`.
"""

import itertools
from collections.abc import Iterable
from numbers import Real
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from companion.figures import style
from companion.figures.boxes import Box, Edge, arrow, box, plane, size, symbol

__all__ = ["Diagram", "folded", "folded_and_unrolled", "unrolled"]

_GAP = 0.45  # between a row of boxes and the row above
_DRAWN_AS = {"W_ax": "x", "W_aa": "a", "W_y": "y"}
_WRITTEN = {"W_ax": "W_{ax}", "W_aa": "W_{aa}", "W_y": "W_y"}


class Diagram(NamedTuple):
    """Boxes by ("x", t), ("a", t, layer), ("y", t); arrows by weights, t and layer."""

    nodes: dict[tuple, Box]
    edges: dict[tuple, Edge]


def unrolled(
    ax: Axes,
    n_steps: int = 4,
    *,
    n_layers: int = 1,
    inputs: Iterable[int] | None = None,
    outputs: Iterable[int] | None = None,
    values: tuple[int, int, int] = (0, 0, 0),
    weights: bool = True,
    pitch: Real = 1.5,
    left: Real = 0.0,
    whole: bool = True,
) -> Diagram:
    """One copy of the network a step, from a<0> on the left.

    inputs, outputs: the steps, from 1, that have one; all of them if None.
    values: how many numbers the boxes of x, a and y hold.
    weights: write the name of the weights beside each arrow.
    pitch: from one step to the next. left: where the box of a<0> stands.
    whole: make the axes a plane that holds all of it.
    """
    if n_steps < 1 or n_layers < 1:
        raise ValueError(f"n_steps and n_layers start at 1, got {n_steps}, {n_layers}")
    steps = range(1, n_steps + 1)
    inputs = set(steps if inputs is None else inputs)
    outputs = set(steps if outputs is None else outputs)
    if not inputs | outputs <= set(steps):
        raise ValueError(f"inputs and outputs must lie in 1..{n_steps}")
    column = [left + t * pitch for t in range(n_steps + 1)]
    rows = _rows(n_layers, values)
    n_x, n_a, n_y = values
    nodes, edges = {}, {}
    for layer in range(1, n_layers + 1):
        written = layer if n_layers > 1 else None
        for t in (0, *steps):
            label = symbol("a", t, written)
            nodes["a", t, layer] = box(ax, (column[t], rows[layer]), "a", label, n_a)
    for t in inputs:
        nodes["x", t] = box(ax, (column[t], rows[0]), "x", symbol("x", t), n_x)
    for t in outputs:
        nodes["y", t] = box(ax, (column[t], rows[-1]), "y", symbol("y", t), n_y)
    for t in steps:
        for layer in range(1, n_layers + 1):
            below = nodes.get(("a", t, layer - 1), nodes.get(("x", t)))
            here, before = nodes["a", t, layer], nodes["a", t - 1, layer]
            number = layer if n_layers > 1 else None
            if below is not None:
                name = _weights("W_ax", number) if weights else None
                ends = below.side("top"), here.side("bottom")
                edges["W_ax", t, layer] = arrow(ax, *ends, _DRAWN_AS["W_ax"], name)
            name = _weights("W_aa", number) if weights else None
            ends = before.side("right"), here.side("left")
            edges["W_aa", t, layer] = arrow(
                ax, *ends, _DRAWN_AS["W_aa"], name, under=n_a > 0
            )
        if t in outputs:
            name = _weights("W_y") if weights else None
            ends = nodes["a", t, n_layers].side("top"), nodes["y", t].side("bottom")
            edges["W_y", t] = arrow(ax, *ends, _DRAWN_AS["W_y"], name)
    if whole:
        plane(ax, left - 0.5, rows[0] - 0.5, column[-1] + 0.85, rows[-1] + 0.5)
    return Diagram(nodes, edges)


def folded(ax: Axes, *, left: Real = 0.0, whole: bool = True) -> Diagram:
    """The network once, its state led back to itself through a delay of one step."""
    rows = _rows(1, (0, 0, 0))
    nodes = {
        (name,): box(ax, (left, row), name, symbol(name, "t"))
        for name, row in zip("xay", rows, strict=True)
    }
    x, a, y = nodes["x",], nodes["a",], nodes["y",]
    edges = {
        ("W_ax",): arrow(ax, x.side("top"), a.side("bottom"), "x", _weights("W_ax")),
        ("W_y",): arrow(ax, a.side("top"), y.side("bottom"), "y", _weights("W_y")),
    }
    # out to the right, through the delay, and back in from below on the same side
    right, middle = a.side("right")[0], rows[1]
    out, back = (right, middle + 0.13), (right, middle - 0.13)
    loop = (out, (right + 0.55, middle + 0.13), (right + 0.55, middle - 0.13), back)
    ax.plot(*zip(*loop[:3], strict=True), solid_capstyle="butt", **style.line("a"))
    edges["W_aa",] = arrow(ax, loop[2], back, "a", shrink=0.0)
    ax.add_patch(Rectangle((right + 0.49, middle - 0.06), 0.12, 0.12, fc="black"))
    ax.text(right + 0.68, middle, "one step\nlater", va="center", fontsize=8.5)
    ax.text(right + 0.32, middle + 0.2, _weights("W_aa"), ha="center", fontsize=10.5)
    if whole:
        plane(ax, left - 0.6, rows[0] - 0.5, right + 1.4, rows[-1] + 0.5)
    return Diagram(nodes, edges)


@style.picture(height=2.7)
def folded_and_unrolled(fig: Figure, n_steps: int = 3) -> str:
    """One network drawn twice: as a loop, and with one copy for each step."""
    ax = fig.subplots()
    folded(ax, whole=False)
    rows = _rows(1, (0, 0, 0))
    start = 2.6
    ax.text(start - 0.72, rows[1], "=", ha="center", va="center", fontsize=18)
    nodes = unrolled(ax, n_steps, left=start, whole=False).nodes
    right = nodes["y", n_steps].center[0]
    plane(ax, -0.45, rows[0] - 0.35, right + 0.45, rows[-1] + 0.35)
    return (
        "Left, the folded network: x<t> enters a<t> from below, y-hat<t> leaves above, "
        "and an arrow leads from a<t> back to itself through a small black square, one "
        f"step later. Right, the same network unrolled over {n_steps} steps: every "
        "copy has the same three arrows, W_ax from below, W_aa from the left, W_y up."
    )


def _rows(n_layers: int, values: tuple[int, int, int]) -> list[float]:
    """The heights of the middles: x, layers 1 to n_layers, y."""
    n_x, n_a, n_y = values
    heights = [size(n)[1] for n in (n_x, *[n_a] * n_layers, n_y)]
    middles = [heights[0] / 2]
    for below, here in itertools.pairwise(heights):
        middles.append(middles[-1] + below / 2 + _GAP + here / 2)
    return middles


def _weights(name: str, layer: int | None = None) -> str:
    return f"${_WRITTEN[name]}" + ("$" if layer is None else f"^{{[{layer}]}}$")
