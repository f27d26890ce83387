"""Pictures of notebook 11: the scan as a tree, what it costs, what a state saves."""

from collections.abc import Mapping
from numbers import Integral
from types import MappingProxyType

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.figures import style
from companion.figures.roads import LOOKS, scan_work

__all__ = [
    "memory",
    "precision",
    "times",
    "tree",
]

NOTHING = MappingProxyType({})
MARKS = ({"color": "black"}, {"color": "#E69F00"}, {"color": "#56B4E9"})


@style.picture(height=3.9)
def tree(fig: Figure, T: Integral = 8) -> str:
    """Which steps are composed in which round, beside the loop."""
    loop, ax = fig.subplots(2, 1, height_ratios=(0.24, 1))
    rows, links = composed(T)
    for t in range(T):
        tile(loop, t, 0, f"{1}–{t + 1}" if t else "1", done=True)
        if t:
            wire(loop, (t - 1, 0), (t, 0), straight=True)
    for height, row in enumerate(rows):
        for t, (first, last) in row.items():
            said = f"{first}–{last}" if first < last else f"{first}"
            tile(ax, t, -height, said, done=first == 1)
    for height, before, now, start in links:
        wire(ax, (now, -start), (now, -height))
        wire(ax, before, (now, -height))
    rounds = len(rows) - 1
    for each, low in ((loop, -0.45), (ax, -rounds - 0.45)):
        each.set(xlim=(-0.6, T - 0.4), ylim=(low, 0.45))
        each.axis("off")
    loop.set_title(f"the loop: {T - 1} rounds, {T - 1} compositions")
    few = scan_work(T).compositions
    ax.set_title(f"the scan: {rounds} rounds, {few} compositions")
    return (
        f"Above, {T} boxes in a row, each with an arrow from the one before it. Below, "
        f"the same {T} steps in {rounds} rounds: pairs of neighbours, pairs of pairs, "
        "then the gaps. Boxes that reach back to step 1 are filled, and in the end "
        "all are."
    )


def composed(T):
    """Row by row {step: (first, last)} of what was made there, and the links.

    A link (row, (x, y) of the earlier part, step, row of the later part).
    """
    rows, links = [{t: (t + 1, t + 1) for t in range(T)}], []
    at = dict.fromkeys(range(T), 0)  # the row in which a step was last touched

    def join(pairs):
        if not pairs:
            return
        new, height = {}, len(rows)
        for before, now in pairs:
            first = next(r[before] for r in reversed(rows) if before in r)[0]
            new[now] = (first, now + 1)
            links.append((height, (before, -at[before]), now, at[now]))
        for now in new:
            at[now] = height
        rows.append(new)

    def scan(steps):
        if len(steps) < 2:
            return
        join([*zip(steps[:-1:2], steps[1::2], strict=False)])
        scan(steps[1::2])
        join([*zip(steps[1::2], steps[2::2], strict=False)])

    scan([*range(T)])
    return rows, links


def tile(ax: Axes, x, y, said, done):
    """A box that names the steps in it; filled if they begin with the first."""
    face = "#FBE3B5" if done else "white"
    look = {"boxstyle": "round,pad=0.25", "facecolor": face, "edgecolor": "#333333"}
    ax.text(x, y, said, ha="center", va="center", fontsize=9.5, bbox=look, zorder=3)


def wire(ax: Axes, start, end, straight=False):
    (x, y), (u, v) = start, end
    gap = (0.3 if straight else 0, 0 if straight else 0.27)
    look = {"arrowstyle": "-|>", "color": "#333333", "shrinkA": 0, "shrinkB": 0}
    ax.annotate(
        "",
        (u - gap[0], v + gap[1]),
        (x + gap[0], y - gap[1]),
        arrowprops=look | {"linewidth": 0.9, "mutation_scale": 8},
        zorder=1,
    )


@style.picture(height=2.9)
def times(fig: Figure, panels: Mapping = NOTHING) -> str:
    """Seconds against the number of steps, one panel a kind of work.

    panels: title -> {"sequential" or "parallel": {T: seconds}}.
    """
    axes = fig.subplots(1, max(len(panels), 1), squeeze=False)[0]
    for ax, (title, roads) in zip(axes, panels.items(), strict=False):
        for name, measured in roads.items():
            if name not in LOOKS:
                raise ValueError(f"a road is one of {list(LOOKS)}, got {name!r}")
            ax.plot(list(measured), list(measured.values()), label=name, **LOOKS[name])
        values = [v for road in roads.values() for v in road.values()]
        far = max(values, default=1) > 30 * min(values, default=1)
        ax.set(title=title, xscale="log", xlabel="steps T")
        ax.set(yscale="log") if far else ax.set(ylim=(0, None))
        steps = sorted({T for road in roads.values() for T in road})
        ax.set_xticks(steps, steps)
        ax.minorticks_off()
    axes[0].set_ylabel("seconds")
    if panels:
        axes[0].legend()
    listed = ", ".join(panels) or "nothing measured"
    return f"Time against T, a sequential and a parallel road: {listed}."


@style.picture(height=3.0)
def precision(fig: Figure, errors: Mapping = NOTHING) -> str:
    """The largest relative error against T, one line a way to compute the scan.

    errors: name -> {T: error}.
    """
    ax = fig.subplots()
    marks = ("o", "s", "^")
    kinds = zip(errors.items(), MARKS, marks, ("--", "-", ":"), strict=False)
    said = []
    for (name, measured), look, mark, line in kinds:
        shown = look | {"marker": mark, "linestyle": line, "label": name}
        values = list(measured.values())
        ax.plot(list(measured), values, **shown)
        grows = values[-1] > 10 * values[0]
        said.append(f"{name} {'grows with T' if grows else 'stays near where it was'}")
    ax.set(xscale="log", yscale="log", xlabel="steps T", ylabel="largest error")
    if errors:
        steps = list(next(iter(errors.values())))
        ax.set_xticks(steps, steps)
        ax.minorticks_off()
        ax.legend()
    listed = "; ".join(said) or "nothing measured"
    return f"The largest relative error in float32 against T, on log axes: {listed}."


@style.picture(height=2.8)
def memory(fig: Figure, sizes: Mapping = NOTHING) -> str:
    """Bytes a network carries from step to step, against the steps it has read.

    sizes: name -> {T: bytes}.
    """
    ax = fig.subplots()
    kinds = zip(sizes.items(), LOOKS.values(), strict=False)
    said = []
    for (name, bytes_at), look in kinds:
        steps, held = list(bytes_at), list(bytes_at.values())
        ax.plot(steps, held, label=name, **look)
        ax.annotate(
            f"{held[-1]:,}", (steps[-1], held[-1]), (0, 6), ha="right",
            textcoords="offset points",
        )  # fmt: skip
        said.append(f"{name} {held[0]:,} bytes at step {steps[0]:,} and {held[-1]:,}")
        said[-1] += f" at step {steps[-1]:,}"
    ax.set(xscale="log", yscale="log", xlabel="steps read", ylabel="bytes carried")
    if sizes:
        ax.margins(y=0.15)
        ax.legend(loc="upper left")
    return f"Bytes carried, on log axes: {'; '.join(said) or 'nothing measured'}."
