"""Pictures of notebook 04: five wirings of one unrolled network, and scores as curves.

An arrow in the style of x leads an output back in: it is read through the weights of x.
"""

from collections.abc import Mapping, Sequence
from numbers import Real
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures import boxes, style
from companion.figures.diagrams import Diagram, unrolled

__all__ = [
    "TYPES",
    "Wired",
    "curves",
    "five",
    "wire",
    "wiring_describe",
    "wiring_setup",
    "wiring_update",
]

ENCODER_DECODER = "many to many, T_x and T_y free"
TYPES = (
    "one to one",
    "one to many",
    "many to one",
    "many to many, T_x = T_y",
    ENCODER_DECODER,
)
MOST = 4  # inputs, and outputs, that the explorer draws
_PITCH = 1.12
_BOTTOM, _TOP = -0.75, 2.45  # what a drawing takes, with its inscription below


class Wired(NamedTuple):
    """What a type does at which step. steps: how often the cell is used.

    inputs, outputs: the steps, from 1, with an x and with a y-hat. fed_back: the steps
    whose y-hat is what the next step reads.
    """

    steps: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    fed_back: tuple[int, ...]


def wire(kind: str, T_x: int = 3, T_y: int = 3) -> Wired:
    """The wiring of one of TYPES. A length that its type fixes is not looked at."""
    if kind not in TYPES:
        raise ValueError(f"kind must be one of {TYPES}, got {kind!r}")
    if T_x < 1 or T_y < 1:
        raise ValueError(f"T_x and T_y must be at least 1, got {T_x} and {T_y}")
    read, written = tuple(range(1, T_x + 1)), tuple(range(1, T_y + 1))
    if kind == "one to one":
        return Wired(1, (1,), (1,), ())
    if kind == "one to many":
        return Wired(T_y, (1,), written, written[:-1])
    if kind == "many to one":
        return Wired(T_x, read, (T_x,), ())
    if kind == ENCODER_DECODER:
        late = tuple(T_x + t for t in written)
        return Wired(T_x + T_y, read, late, late[:-1])
    return Wired(T_x, read, read, ())


def draw(ax: Axes, kind: str, T_x: int = 3, T_y: int = 3) -> tuple[Wired, Diagram]:
    """One wiring on an axes, from a<0> at 0 to the right."""
    wired = wire(kind, T_x, T_y)
    diagram = unrolled(
        ax,
        wired.steps,
        inputs=wired.inputs,
        outputs=wired.outputs,
        weights=False,
        pitch=_PITCH,
        whole=False,
    )
    nodes = diagram.nodes
    for node in nodes.values():
        node.label.set_fontsize(10.5)
    for t in wired.fed_back:
        y, a = nodes["y", t], nodes["a", t + 1, 1]
        into = a.center[0] - 0.18, a.side("top")[1]
        edge = boxes.arrow(ax, y.side("right"), into, "x", shrink=3.0)
        diagram.edges["fed back", t] = edge
    if kind == ENCODER_DECODER:
        for t in wired.outputs:  # the outputs are counted from 1 again
            nodes["y", t].label.set_text(boxes.symbol("y", t - T_x))
        between = (nodes["a", T_x, 1].center[0] + nodes["a", T_x + 1, 1].center[0]) / 2
        ax.plot([between] * 2, [-0.6, 2.3], **style.line("best") | {"linestyle": ":"})
        beside = {"y": -0.42, "fontsize": 9.5, "va": "center"}
        ax.text(between - 0.1, s="encoder", ha="right", **beside)
        ax.text(between + 0.1, s="decoder: weights of its own", ha="left", **beside)
    return wired, diagram


@style.picture(height=4.2)
def five(fig: Figure) -> str:
    """The five types, three steps of each where the length is free."""
    drawn = (TYPES[:3], (1, 3, 3), -0.1), (TYPES[3:], (3, 5), _BOTTOM)
    rows = fig.subfigures(2, 1, height_ratios=[_TOP + 0.3 - low for *_, low in drawn])
    for row, (kinds, lengths, low) in zip(rows, drawn, strict=True):
        widths = [length * _PITCH + 0.95 for length in lengths]
        wide = 7 * _PITCH + 3 * 0.95  # both rows in one scale
        spare = [wide - sum(widths)] if wide - sum(widths) > 0.01 else []
        axes = row.subplots(1, len(kinds) + len(spare), width_ratios=widths + spare)
        for ax in axes[len(kinds) :]:
            ax.set_axis_off()
        for ax, kind, width in zip(axes, kinds, widths, strict=False):
            draw(ax, kind, 3, 2 if kind == ENCODER_DECODER else 3)
            boxes.plane(ax, -0.45, low, width - 0.45, _TOP)
            ax.set_title(kind.replace("T_x", "$T_x$").replace("T_y", "$T_y$"))
    return (
        "Five unrolled networks. One to one: a single step. One to many: one input, "
        "an output at each of three steps, and an arrow from each output into the next "
        "step. Many to one: three inputs, one output after the last. Many to many with "
        "equal lengths: an input and an output at each step. Many to many with free "
        "lengths: an encoder reads three inputs and says nothing, then a decoder with "
        "weights of its own writes two outputs, the first fed back in."
    )


def wiring_setup(fig: Figure, kind: str, T_x: int, T_y: int) -> dict:
    return {"ax": fig.subplots()}  # the whole axes is drawn anew: its parts come and go


def wiring_update(artists: dict, kind: str, T_x: int, T_y: int) -> Wired:
    ax = artists["ax"]
    ax.clear()
    wired, _ = draw(ax, kind, T_x, T_y)
    boxes.plane(ax, -0.45, _BOTTOM, 2 * MOST * _PITCH + 0.5, _TOP)
    return wired


def wiring_describe(wired: Wired, kind: str, T_x: int, T_y: int) -> str:
    def count(number, what):
        return f"{number} {what}" + ("" if number == 1 else "s")

    steps = "one step" if wired.steps == 1 else f"{wired.steps} steps"
    said = (
        f"{count(len(wired.inputs), 'input')} and "
        f"{count(len(wired.outputs), 'output')} in {steps}"
    )
    if wired.fed_back:
        return f"{said}; {count(len(wired.fed_back), 'output')} read by the next step."
    return f"{said}; no output is read by the network itself."


_MARKS = (("o", "-"), ("s", "--"), ("^", "-."), ("D", ":"))


@style.picture(height=3.0)
def curves(
    fig: Figure,
    lines: Mapping[str, Sequence] = MappingProxyType({}),
    x: Sequence[Real] = (),
    xlabel: str = "",
    ylabel: str = "accuracy",
    best: Real = 1.0,
    chance: Real | None = None,
    decimals: int = 1,
) -> str:
    """Scores along an axis, one line for each kind of run: the mean over seeds.

    lines: name -> (seeds, len(x)); the range over the seeds is a bar at each point.
    best, chance: drawn as thin lines.
    decimals: how far the alt text may be trusted to read the same on every machine.
    """
    ax = fig.subplots()
    x = np.asarray(x, float)
    said = []
    tones = ("#000000", "#777777", "#000000", "#777777")  # and each its own mark
    for (name, scores), (mark, dash), tone in zip(
        lines.items(), _MARKS, tones, strict=False
    ):
        scores = np.asarray(scores, float)
        if scores.ndim != 2 or scores.shape[1] != len(x):
            raise ValueError(
                f"lines[{name!r}] must be (seeds, {len(x)}), got shape {scores.shape}"
            )
        mean = scores.mean(axis=0)
        ax.plot(x, mean, mark, linestyle=dash, color=tone, label=name, markersize=5)
        ax.vlines(
            x,
            scores.min(axis=0),
            scores.max(axis=0),
            color=tone,
            linewidth=4,
            alpha=0.3,
        )
        spots = dict.fromkeys((0, len(x) // 2, len(x) - 1))
        parts = (f"{mean[i]:.{decimals}f} at {x[i]:g}" for i in spots)
        said.append(f"{name}: {', '.join(parts)}")
    ax.axhline(best, label="best possible", **style.line("best"))
    if chance is not None:
        ax.axhline(chance, **style.line("best") | {"linestyle": ":"}, label="chance")
    ax.set(xlabel=xlabel, ylabel=ylabel, ylim=(-0.03, 1.1))
    if np.array_equal(x, x.round()):
        ax.set_xticks(x)
    fig.legend(loc="outside right center")
    return f"Lines of {ylabel} over {xlabel}. " + "; ".join(said or ["no runs"]) + "."
