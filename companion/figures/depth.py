"""Pictures of notebook 10: where depth can go, what it does, what a layer holds."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures import style
from companion.figures.boxes import arrow, box, plane, symbol
from companion.figures.scores import spread

__all__ = ["heat", "layers", "places", "variants"]

NOTHING = MappingProxyType({})
LOOKS = (("o", "-"), ("s", "--"), ("^", ":"), ("D", "-."), ("v", (0, (6, 1))))
PITCH, UP = 1.25, 0.95  # between two boxes of the diagram, across and up


@style.picture(height=4.8)
def places(fig: Figure) -> str:
    """One step of four networks that have a second layer, each in another place."""
    panels = fig.subplots(2, 2).ravel()
    draw = (stacked, deep_transition, gate_network, deep_output)
    titles = ("stacked", "deep transition", "a network as gate", "deep output")
    for ax, one, title in zip(panels, draw, titles, strict=True):
        one(ax)
        plane(ax, -0.5, -0.45, 2 * PITCH + 0.5, 2 * UP + 0.45)
        ax.set_title(title)
    return (
        "One step of four networks. Stacked: two states, one above the other, each "
        "with an arrow from its own past. Deep transition: one state, and a layer h "
        "between its past and its present; a dashed arc skips h. A network as gate: "
        "the memory goes straight on, h is on the way to its gate. Deep output: h is "
        "above the state, on the way to the output."
    )


def states(ax: Axes, height: float = UP, quantity: str = "a", layer=None):
    """A state before the step and after it, at the two sides of a panel."""
    return (
        box(ax, (at, height), quantity, symbol(quantity, t, layer))
        for at, t in ((0, "t-1"), (2 * PITCH, "t"))
    )


def stacked(ax: Axes) -> None:
    x = box(ax, (2 * PITCH, 0), "x", symbol("x", "t"))
    below = x
    for layer, height in ((1, UP), (2, 2 * UP)):
        before, after = states(ax, height, "a", layer)
        for each in (before, after):
            each.label.set_fontsize(10)  # the longest symbols
        arrow(ax, before.side("right"), after.side("left"), "a")
        arrow(ax, below.side("top"), after.side("bottom"), "x" if layer == 1 else "a")
        below = after


def deep_transition(ax: Axes) -> None:
    before, after = states(ax)
    x, h = box(ax, (PITCH, 0), "x", symbol("x", "t")), box(ax, (PITCH, UP), "a", "$h$")
    arrow(ax, x.side("top"), h.side("bottom"), "x")
    arrow(ax, before.side("right"), h.side("left"), "a")
    arrow(ax, h.side("right"), after.side("left"), "a")
    skip = arrow(ax, before.side("top"), after.side("top"), "a", bend=-0.5)
    skip.line.set_linestyle("--")
    ax.text(PITCH, 1.9 * UP, "skip", ha="center", va="bottom")


def gate_network(ax: Axes) -> None:
    before, after = states(ax, 2 * UP, "c")
    line = arrow(ax, before.side("right"), after.side("left"), "c")
    line.line.set_linewidth(3)
    x, h = box(ax, (PITCH, 0), "x", symbol("x", "t")), box(ax, (PITCH, UP), "a", "$h$")
    arrow(ax, x.side("top"), h.side("bottom"), "x")
    arrow(ax, before.side("bottom"), h.side("left"), "c")
    gate = (PITCH, 2 * UP - 0.04)
    arrow(ax, h.side("top"), gate, "gamma_u", r"$\Gamma_u$")


def deep_output(ax: Axes) -> None:
    before, after = states(ax, UP)
    x, h = box(ax, (2 * PITCH, 0), "x", symbol("x", "t")), (PITCH, 2 * UP)
    h, y = box(ax, h, "a", "$h$"), box(ax, (2 * PITCH, 2 * UP), "y", symbol("y", "t"))
    arrow(ax, before.side("right"), after.side("left"), "a")
    arrow(ax, x.side("top"), after.side("bottom"), "x")
    arrow(ax, (after.center[0] - 0.2, after.side("top")[1]), h.side("bottom"), "y")
    arrow(ax, h.side("right"), y.side("left"), "y")


@style.picture(height=3.0)
def heat(
    fig: Figure,
    losses: Sequence | np.ndarray = ((),),
    depths: Sequence[int] = (),
    widths: Sequence[int] = (),
    n_parameters: Sequence | np.ndarray | None = None,
    label: str = "nats a character",
) -> str:
    """Width against depth: the mean loss as number and colour, light is better.

    losses: (widths, depths, seeds). n_parameters: (widths, depths), written below each
    number, so that cells of equal cost can be compared.
    """
    ax = fig.subplots()
    losses = np.asarray(losses, float)
    shape = len(widths), len(depths)
    if losses.size and (losses.ndim != 3 or losses.shape[:2] != shape):
        raise ValueError(f"losses must be (*{shape}, seeds), got {losses.shape}")
    said = []
    if losses.size:
        mean = losses.mean(axis=2)
        shown = ax.imshow(mean, cmap=colormaps["cividis_r"], aspect="auto")
        for (row, column), loss in np.ndenumerate(mean):
            ink = "white" if shown.norm(loss) > 0.5 else "black"
            look = {"color": ink, "ha": "center", "va": "center"}
            ax.text(column, row - 0.12, f"{loss:.2f}", **look)
            if n_parameters is not None:
                few = f"{np.asarray(n_parameters)[row][column]:,}"
                ax.text(column, row + 0.26, few, fontsize=8, **look)
        fig.colorbar(shown, ax=ax, label=label)
        for row, n in enumerate(widths):
            best = depths[int(mean[row].argmin())]
            said.append(f"{n} units are best with depth {best}, {mean[row].min():.1f}")
    ax.set_xticks(range(len(depths)), depths)
    ax.set_yticks(range(len(widths)), widths)
    ax.set(xlabel="layers", ylabel="units a layer")
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    listed = "; ".join(said) or "no networks"
    return f"A map of {label}, a column for each depth, a row for each width: {listed}."


@style.picture(height=3.2)
def variants(
    fig: Figure,
    losses: Mapping = NOTHING,
    depths: Mapping | Sequence[int] = (),
    chance: float | None = None,
    chance_name: str = "letter frequencies",
    label: str = "nats a character",
) -> str:
    """Loss against depth, one line a variant, a mark a seed.

    losses: variant -> (depths, seeds). depths: the layers, for all variants, or a
    mapping with those of each. chance: a line; what lies far above it is drawn at the
    upper edge, with its number.
    """
    ax = fig.subplots()
    top = np.inf if chance is None else 1.15 * chance
    shades = colormaps["cividis"](np.linspace(0, 0.85, max(len(losses), 1)))
    said, most = [], {}  # depth -> the largest loss there
    for i, (name, rows) in enumerate(losses.items()):
        rows = np.asarray(rows, float)
        own = depths[name] if isinstance(depths, Mapping) else depths
        if rows.ndim != 2 or len(rows) != len(own):
            raise ValueError(
                f"losses[{name!r}] must be ({len(own)} depths, seeds), got {rows.shape}"
            )
        mark, dashes = LOOKS[i % len(LOOKS)]
        at = np.asarray(own) * 1.04 ** (i - (len(losses) - 1) / 2)  # side by side
        look = {"color": shades[i], "linestyle": dashes, "label": name}
        ax.plot(at, np.minimum(rows.mean(axis=1), top), **look)
        for each in rows.T:
            seen = np.minimum(each, top)
            ax.plot(at, seen, mark, color=shades[i], markersize=4, alpha=0.8)
        for depth, each in zip(own, rows, strict=True):
            most[depth] = max(most.get(depth, 0), each.max())
        said.append(f"{name} {rows[0].mean():.1f} to {rows[-1].mean():.1f}")
    if chance is not None:
        line = style.line("best") | {"linestyle": ":"}
        ax.axhline(chance, label=chance_name, **line)
    ax.set(xscale="log", xlabel="layers", ylabel=label)
    for depth, loss in most.items():
        if loss > top:
            up = {"ha": "center", "va": "bottom", "fontsize": 8.5}
            ax.text(depth, 1.01 * top, f"up to {loss:.0f}", **up)
    ax.set_xticks(sorted(most), sorted(most))
    ax.set_xticks([], minor=True)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    listed = "; ".join(said) or "no networks"
    return f"Loss against depth, fewest layers to most: {listed}."


@style.picture(height=2.5)
def layers(
    fig: Figure,
    panels: Mapping = NOTHING,
    best: Mapping = NOTHING,
    decimals: int = 1,
) -> str:
    """Some scores of each layer side by side, a dot a seed, a panel a score.

    panels: title -> (name of a row -> a score for each seed). best: title -> what the
    best possible reader of the inputs scores there, a grey line. decimals: how far the
    alt text may be trusted to read the same on every machine.
    """
    if not panels:
        fig.subplots()  # an empty frame
        return "No scores of any layer: nothing is drawn."
    axes = fig.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    said = []
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        for row, scores in enumerate(rows.values()):
            scores = np.asarray(scores, float)
            if scores.ndim != 1 or not scores.size:
                raise ValueError(
                    f"{title!r} must hold a score for each seed, got {scores.shape}"
                )
            ends = scores.min(), scores.max()
            ax.hlines(row, *ends, color="black", linewidth=5, alpha=0.3)
            ax.plot(scores, np.full(len(scores), row), "o", color="black", markersize=4)
        if title in best:
            ax.axvline(best[title], **style.line("best"))
        ax.set(title=title, yticks=range(len(rows)), yticklabels=list(rows))
        ax.margins(x=0.12)
        ax.tick_params(labelsize=9)
        each = ", ".join(f"{name} {spread(s, decimals)}" for name, s in rows.items())
        said.append(f"{title}: {each}")
    axes[0].set_ylim(len(rows) - 0.5, -0.5)
    marked = " A grey line is the best possible." if best else ""
    return f"Dots, one for each seed, by layer. {'; '.join(said)}.{marked}"
