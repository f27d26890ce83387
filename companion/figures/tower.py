"""A tower of recurrent layers: who reads whom, and what another layer costs."""

from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from companion.cells import GRU, LSTM, RNN
from companion.figures import style
from companion.figures.diagrams import unrolled
from companion.paths import PathLength, along

__all__ = [
    "CELLS",
    "HIGHEST",
    "PARTS",
    "Price",
    "grid",
    "price",
    "price_describe",
    "price_setup",
    "price_update",
]

CELLS = {"tanh": RNN, "GRU": GRU, "LSTM": LSTM}
HIGHEST = 8  # layers
PARTS = {"own past": "a", "layer below": "x", "bias": "c"}
N_X = 28  # the letters, a space, and one to spare
PER_SECOND = 1e10  # multiplications, about what one core of a laptop manages
SEEN, READ = "#FFE9B8", "#FFF6DF"  # behind the black symbols, so both are pale


@style.picture(height=3.3)
def grid(fig: Figure, n_layers: int = 3, n_steps: int = 4) -> str:
    """The tower unrolled; a^[2]<3> and the two states that it reads stand out."""
    ax = fig.subplots()
    drawn = unrolled(ax, n_steps, n_layers=n_layers)
    layer, t = min(2, n_layers), min(3, n_steps)
    below = ("a", t, layer - 1) if layer > 1 else ("x", t)
    for name, colour in ((below, READ), (("a", t - 1, layer), READ)):
        drawn.nodes[name].frame.set(facecolor=colour, linewidth=2.2)
    drawn.nodes["a", t, layer].frame.set(facecolor=SEEN, linewidth=3.2)
    for weights in ("W_ax", "W_aa"):
        drawn.edges[weights, t, layer].line.set(linewidth=3.6)
    source = f"a^[{layer - 1}]<{t}>" if layer > 1 else f"x<{t}>"
    return (
        f"{n_layers} layers over {n_steps} steps, time to the right, layers upward. "
        f"a^[{layer}]<{t}> stands out, with two thick arrows into it: from "
        f"a^[{layer}]<{t - 1}> on its left and from {source} below it. Within a layer "
        "all arrows of a kind carry one name, and each layer has names of its own."
    )


class Price(NamedTuple):
    """What a tower costs.

    parts: (layers, 3) parameters of each layer, by `PARTS`. paths: for 1 to `HIGHEST`
    layers, the nonlinearities from x<1> to the top layer at step T.
    """

    parts: np.ndarray
    paths: tuple[PathLength, ...]

    @property
    def n_parameters(self) -> int:
        return int(self.parts.sum())

    @property
    def multiplications(self) -> int:
        """Of one step of one sequence: each weight is used once."""
        return int(self.parts[:, :2].sum())


@cache
def paths(cell: str, T: int) -> tuple[PathLength, ...]:
    """The paths through 1, 2, ... `HIGHEST` layers; a unit a layer, as n_a is idle."""
    outputs, found = [PathLength(0, 0)] + [None] * (T - 1), []
    for _ in range(HIGHEST):
        outputs = along(CELLS[cell](1), outputs)
        found.append(outputs[-1])
    return tuple(found)


def price_setup(fig: Figure, cell, n_layers, n_a, T):
    left, right = fig.subplots(1, 2, width_ratios=(3, 2))
    left.set(yticks=range(1, HIGHEST + 1), ylabel="layer", xlabel="parameters")
    left.set_ylim(0.4, HIGHEST + 0.6)
    left.xaxis.set_major_locator(MaxNLocator(4))
    left.xaxis.set_major_formatter("{x:,.0f}")
    bars = {
        part: left.barh(
            range(1, HIGHEST + 1), np.zeros(HIGHEST), 0.7, color=style.COLORS[look],
            hatch={"x": "//", "c": "xx"}.get(look), edgecolor="white", linewidth=0,
        )
        for part, look in PARTS.items()
    }  # fmt: skip
    legend = [
        Patch(facecolor=bar[0].get_facecolor(), hatch=bar[0].get_hatch(), ec="white")
        for bar in bars.values()
    ]
    fig.legend(
        legend, PARTS, loc="outside upper left", ncols=3, fontsize=9, handlelength=1.5
    )
    right.set(xlabel="layers L", ylabel="nonlinearities on a path")
    right.set(xlim=(0.5, HIGHEST + 0.5), ylim=(0.7, 400), yscale="log")
    ticks = (1, 3, 10, 30, 100, 300)
    right.set_yticks(ticks, map(str, ticks))
    right.minorticks_off()
    layers = np.arange(1, HIGHEST + 1)
    (longest,) = right.plot(layers, layers, marker="o", ms=3, **style.line("a"))
    (shortest,) = right.plot(layers, layers, marker="o", ms=3, **style.line("c"))
    (here,) = right.plot(
        [], [], "o", ms=11, mfc="none", mec=style.COLORS["gradient"], mew=2
    )
    right.legend(
        [longest, shortest], ["longest", "shortest"], loc="lower right", fontsize=9,
        bbox_to_anchor=(1.0, 1.0), ncols=2,
    )  # fmt: skip
    return {
        "bars": [list(bar) for bar in bars.values()],
        "lines": (longest, shortest, here),
        "left": left,  # as a whole: its scale changes
    }


def price_update(artists, cell, n_layers, n_a, T) -> Price:
    maps = len(CELLS[cell](1).maps)
    below = [N_X] + [n_a] * (n_layers - 1)
    parts = np.array([(maps * n_a * n_a, maps * n_a * n, maps * n_a) for n in below])
    result = Price(parts, paths(cell, T))
    starts = np.cumsum(parts, axis=1) - parts
    for bars, begin, width in zip(artists["bars"], starts.T, parts.T, strict=True):
        for row, bar in enumerate(bars):
            there = row < n_layers
            bar.set(x=begin[row] if there else 0, width=width[row] if there else 0)
    artists["left"].set_xlim(0, 1.05 * parts.sum(axis=1).max())
    longest, shortest, here = artists["lines"]
    longest.set_ydata([path.longest for path in result.paths])
    shortest.set_ydata([max(path.shortest, 1) for path in result.paths])
    chosen = result.paths[n_layers - 1]
    here.set_data([n_layers] * 2, [chosen.longest, max(chosen.shortest, 1)])
    return result


def price_describe(result: Price, cell, n_layers, n_a, T) -> str:
    path = result.paths[n_layers - 1]
    each = (
        f"{path.shortest} nonlinearities on every path"
        if path.shortest == path.longest
        else f"{path.shortest} to {path.longest} nonlinearities on a path"
    )
    seconds = result.multiplications / PER_SECOND
    share = result.parts[0].sum() / result.n_parameters
    return (
        f"{result.n_parameters:,} parameters, {share:.0%} of them in layer 1, about "
        f"{1e6 * seconds:.3g} microseconds a step at ten billion multiplications a "
        f"second; {each} from the first input to the last output."
    )


@style.picture(height=3.4)
def price(
    fig: Figure, cell: str = "LSTM", n_layers: int = 2, n_a: int = 256, T: int = 35
) -> str:
    """Parameters by layer, and the length of the paths through the tower."""
    given = {"cell": cell, "n_layers": n_layers, "n_a": n_a, "T": T}
    return price_describe(price_update(price_setup(fig, **given), **given), **given)
