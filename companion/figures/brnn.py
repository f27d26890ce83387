"""Pictures of notebook 09: both directions drawn, what each output hears, and scores.

The two pictures with controls have modules of their own: `ahead`, how far a tagger
looks ahead, and `sweeps`, the states of both directions over a sentence.
"""

from collections.abc import Mapping, Sequence
from numbers import Real
from types import MappingProxyType

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from companion.figures import style
from companion.figures.boxes import arrow, box, plane, symbol
from companion.figures.scores import spread

__all__ = ["by_place", "corners", "dependency", "padded", "two_directions", "waits"]

NOTHING = MappingProxyType({})
SHAPES = "os^Dv"
BACKWARD = r"$\overleftarrow{a}"
FORWARD = r"$\overrightarrow{a}"


@style.picture(height=3.3)
def two_directions(fig: Figure, n_steps: int = 4) -> str:
    """The unrolled network with its second recursion, which begins at the end."""
    ax = fig.subplots()
    xs, ahead, back, ys = 0.0, 0.95, 1.9, 2.85
    pitch, side = 1.5, 0.16
    rows = {"right": (ahead, FORWARD), "left": (back, BACKWARD)}
    states = {
        (way, t): box(ax, (t * pitch, height), "a", written(name, t))
        for way, (height, name) in rows.items()
        for t in range(n_steps + 2)
        if (way, t) not in (("right", n_steps + 1), ("left", 0))
    }
    for t in range(1, n_steps + 1):
        x = box(ax, (t * pitch, xs), "x", symbol("x", t))
        y = box(ax, (t * pitch, ys), "y", symbol("y", t))
        one, other = states["right", t], states["left", t]
        arrow(ax, x.side("top"), one.side("bottom"), "x")
        arrow(ax, other.side("top"), y.side("bottom"), "y")
        # past the box of the other direction, on its way up
        foot, head = (t * pitch + side, xs + 0.26), (t * pitch + side, back - 0.28)
        for start, end, kind, bend in (
            (foot, head, "x", 0.55),
            ((t * pitch - side, ahead + 0.26), (t * pitch - side, ys - 0.26), "y", 0.5),
        ):
            bend = bend if kind == "x" else -bend
            arrow(ax, start, end, kind, bend=bend)
        before = states["right", t - 1]
        arrow(ax, before.side("right"), one.side("left"), "a")
        arrow(ax, states["left", t + 1].side("left"), other.side("right"), "a")
    plane(ax, -0.45, xs - 0.4, (n_steps + 1) * pitch + 0.45, ys + 0.4)
    return (
        f"A network unrolled over {n_steps} steps. Each input has an arrow to two "
        "states. The lower row of states is joined by arrows to the right and begins "
        "at step 0; the upper row by arrows to the left and begins after the last "
        "step. Both states of a step lead to its output."
    )


def written(name: str, t: int) -> str:
    """A state's symbol, with a space between the arrow above it and the step."""
    return rf"{name}^{{\,\,\langle {t}\rangle}}$"


@style.picture(height=3.9)
def dependency(fig: Figure, panels: Mapping = NOTHING) -> str:
    """How far each output moves when one input is touched, for some networks.

    panels: name of a network -> (T, T), row k - 1, column t - 1: the change of output
    t after x<k> was touched. Exact zeros are left white and written as 0.
    """
    panels = {name: np.asarray(change, float) for name, change in panels.items()}
    every = [change[change > 0] for change in panels.values()]
    if not panels or not np.concatenate([moved.ravel() for moved in every]).size:
        fig.subplots()  # an empty frame
        return "No networks, or none in which an output moves: nothing is drawn."
    axes = fig.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    norm = LogNorm(min(m.min() for m in every), max(m.max() for m in every))
    said = []
    for ax, (name, change) in zip(axes, panels.items(), strict=True):
        T = len(change)
        if change.shape != (T, T):
            raise ValueError(f"{name!r} must be square, got shape {change.shape}")
        edges = np.arange(T + 1) + 0.5
        shown = np.ma.masked_equal(change, 0)
        mesh = ax.pcolormesh(
            edges, edges, shown, norm=norm, edgecolors="white", linewidth=0.5
        )
        for k, t in np.argwhere(change == 0):
            look = {"ha": "center", "va": "center", "color": "#777777", "fontsize": 8}
            ax.text(t + 1, k + 1, "0", **look)
        ax.set(xticks=range(1, T + 1), yticks=range(1, T + 1), title=name)
        ax.set(ylim=(T + 0.5, 0.5), aspect=1)
        ax.set_xlabel(f"output {style.math('y', 't')}")
        said.append(f"{name}: {_triangle(change)}")
    axes[0].set_ylabel(f"touched input {style.math('x', 'k')}")
    fig.colorbar(mesh, ax=list(axes), label="size of the change", shrink=0.8)
    return (
        "Maps, a row for each touched input k and a column for each output t. "
        f"{'; '.join(said)}."
    )


def _triangle(change) -> str:
    early = np.tril(np.ones(change.shape, bool), -1)
    if change.all():
        return "no cell is 0"
    if not change[early].any() and change[~early].all():
        return "0 exactly where t is before k"
    return f"{int((change == 0).sum())} of {change.size} cells are 0"


@style.picture(height=3.2)
def waits(
    fig: Figure, curves: Mapping = NOTHING, best: Mapping = NOTHING, alone: Real = 0.0
) -> str:
    """Accuracy against how long an answer is waited for.

    curves: kind -> (mean wait (n,), scores (n, seeds)). best: kind -> exact ceilings
    (n,) at the same waits. alone: the ceiling without waiting.
    """
    ax = fig.subplots()
    said = []
    for (kind, (wait, scores)), shape in zip(curves.items(), SHAPES, strict=False):
        wait, scores = np.asarray(wait, float), np.asarray(scores, float)
        filled = shape == SHAPES[0]
        look = {"markersize": 7, "color": "black", "fillstyle": "full"}
        look |= {} if filled else {"fillstyle": "none"}
        ax.plot(wait, scores, shape, **look)
        ax.plot([], [], shape, label=kind, **look)
        if kind in best:
            ax.plot(wait, best[kind], **style.line("best"))
        ends = f"{scores[0].mean():.2f} at {wait[0]:.3g}, "
        ends += f"{scores[-1].mean():.2f} at {wait[-1]:.3g}"
        said.append(f"{kind}: {ends} steps of mean wait")
    if best:
        ax.plot([], [], label="best possible", **style.line("best"))
    if alone:
        ax.axhline(alone, **style.line("best") | {"linestyle": ":"})
    ax.set(xlabel="mean wait for an answer, in steps", ylabel="accuracy, unclear words")
    if curves:
        ax.legend(loc="lower right")
    return f"Accuracy against waiting. {'; '.join(said) or 'No curves'}."


@style.picture(height=3.0)
def by_place(
    fig: Figure,
    scores: Mapping = NOTHING,
    places: Sequence[str] = (),
    label: str = "accuracy",
) -> str:
    """Scores of some kinds of network at some places: a dot a seed, a line the mean.

    scores: kind -> (places, seeds).
    """
    ax = fig.subplots()
    said = []
    ways = zip(scores.items(), SHAPES, ("--", ":", "-", "-."), strict=False)
    for (kind, values), shape, dash in ways:
        values = np.asarray(values, float)
        if values.ndim != 2 or len(values) != len(places):
            raise ValueError(
                f"scores[{kind!r}] must be ({len(places)}, seeds), got {values.shape}"
            )
        look = {"color": "black", "marker": shape, "markersize": 5}
        ax.plot(range(len(places)), values, linestyle="", **look)
        mean = values.mean(axis=1)
        ax.plot(range(len(places)), mean, linestyle=dash, label=kind, **look)
        said.append(f"{kind} " + ", ".join(f"{v:.1f}" for v in mean))
    ax.set(xticks=range(len(places)), xticklabels=places, ylabel=label)
    if scores:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return (
        f"The {label} at {', '.join(places) or 'no places'}: "
        f"{'; '.join(said) or 'no scores'}."
    )


@style.picture(height=2.8)
def padded(fig: Figure, scores: Mapping = NOTHING, changes: Mapping = NOTHING) -> str:
    """Ways to turn a padded batch: what each scores, and what padding does to it.

    scores, changes: way -> (seeds,), accuracy, and how far a probability moves when a
    sentence is padded further.
    """
    left, right = fig.subplots(1, 2, sharey=True)
    for ax, values in ((left, scores), (right, changes)):
        for row, found in enumerate(values.values()):
            found = np.asarray(found, float)
            ax.plot(found, np.full(found.shape, row), "o", color="black", markersize=5)
    names = [*scores] or [*changes]
    left.set(xlim=(0.45, 1.03), yticks=range(len(names)), yticklabels=names)
    left.set(ylim=(max(len(names), 1) - 0.5, -0.5), xlabel="accuracy, unclear words")
    right.set(xlim=(-0.02, None), xlabel="largest change of a probability")
    left.axvline(1.0, **style.line("best"))
    right.axvline(0.0, **style.line("best"))
    said = [
        f"{name}: accuracy {spread(scores[name], 1)}"
        + (f", change {spread(changes[name], 1)}" if name in changes else "")
        for name in scores
    ]
    return f"Dots, one for each seed. {'; '.join(said) or 'No ways are given'}."


@style.picture(height=2.5)
def corners(
    fig: Figure,
    panels: Mapping = NOTHING,
    rows: Sequence[str] = ("left 1", "left 2"),
    columns: Sequence[str] = ("right 1", "right 2"),
    label: str = "score",
) -> str:
    """A number for each pair of a left and a right side, for some layers.

    panels: name -> (2, 2), row = left side, column = right side.
    """
    if not panels:
        fig.subplots()  # an empty frame
        return "No layers are given, so no squares are drawn."
    axes = fig.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    size = max(1e-9, max(float(np.abs(values).max()) for values in panels.values()))
    said = []
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        values = np.round(np.asarray(values, float), 1) + 0.0  # no "-0.0"
        ax.imshow(values, vmin=-size, vmax=size, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            ink = "white" if value < 0 else "black"
            sign = f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
            ax.text(j, i, sign, ha="center", va="center", color=ink, fontsize=12)
        ax.set(xticks=(0, 1), xticklabels=columns, yticks=(0, 1), yticklabels=rows)
        ax.set_title(name)
        pairs = [
            f"{rows[i]} and {columns[j]} {value:.1f}"
            for (i, j), value in np.ndenumerate(values)
        ]
        said.append(f"{name}: {', '.join(pairs)}")
    fig.supxlabel(label, fontsize=10)
    return f"The {label} for four pairs of clues. {'; '.join(said)}."
