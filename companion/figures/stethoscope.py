"""The stethoscope on a network: how long each unit's value lasts, and one unit's trace.

`heard` listens to a model over some sequences, once; `stethoscope_*` then shows what a
reader picks of it. Without a model it is an untrained tower that reads a market.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from companion.cells import GRU
from companion.figures import style
from companion.layers import Stacked
from companion.models import ManyToMany
from companion.stethoscope import listen, time_constant
from companion.tasks.markets import Market

__all__ = [
    "Heard",
    "Unit",
    "heard",
    "stethoscope_describe",
    "stethoscope_setup",
    "stethoscope_update",
    "untrained",
]


class Heard(NamedTuple):
    """What some layers did over some sequences, their units sorted, slowest first.

    values: cell -> (sequences, T, n_a). lasting: cell -> (n_a,) time constants, NaN
    for a unit that stands still. behind: (sequences, T), a hidden property, or None.
    """

    values: dict[str, np.ndarray]
    lasting: dict[str, np.ndarray]
    behind: np.ndarray | None
    name: str


class Unit(NamedTuple):
    """One unit over one sequence: its time constant, its values, and how closely they
    follow the hidden property over all sequences (NaN without one)."""

    lasts: float
    layer_mean: float
    values: np.ndarray
    correlation: float


def heard(model, params, xs, behind=None, name: str = "hidden") -> Heard:
    """Listen to every cell of a model. xs: a batch as the model takes it.

    behind: (sequences, T), what is drawn behind the trace. Raises as `listen`, and
    ValueError if behind has another shape.
    """
    values = listen(model, params, xs)
    axes = next(iter(values.values())).shape[:-1]
    if len(axes) != 2:
        raise ValueError(f"xs must be a batch of sequences, got states {axes}")
    if behind is not None:
        behind = np.asarray(behind, float)
        if behind.shape != axes:
            raise ValueError(f"behind has shape {behind.shape}, but needs {axes}")
    lasting = {cell: time_constant(states) for cell, states in values.items()}
    order = {cell: np.argsort(-np.nan_to_num(t)) for cell, t in lasting.items()}
    return Heard(
        {cell: states[..., order[cell]] for cell, states in values.items()},
        {cell: t[order[cell]] for cell, t in lasting.items()},
        behind,
        name,
    )


@cache
def untrained() -> Heard:
    """Two layers of 8 units as they come out of `init`, reading a market."""
    # this generator compiles in a third of the time of the usual one
    key, market = jax.random.key(3, impl="rbg"), Market(T=60)
    days = market.sample(key, 40)
    model = ManyToMany(Stacked((GRU(8), GRU(8))), n_y=2)
    bull = 1 - np.asarray(days.regimes)
    return heard(model, model.init(key, 1), days.xs, bull, "bull market")


def stethoscope_setup(fig: Figure, seen: Heard, cell: str, unit: int, sequence: int):
    left, right = fig.subplots(1, 2, width_ratios=(1, 2))
    for row, lasting in enumerate(seen.lasting.values()):
        heights = row + np.linspace(-0.25, 0.25, len(lasting))
        left.plot(lasting, heights, "o", color="black", alpha=0.45, markersize=4)
        left.plot(np.nanmean(lasting), row, "|", color="black", markersize=22)
    left.set_ylim(len(seen.lasting) - 0.5, -0.5)
    left.set(yticks=range(len(seen.lasting)), yticklabels=list(seen.lasting))
    left.set(xlabel="time constant, steps", title="every unit")
    left.set_xlim(left=0)
    (mark,) = left.plot([], [], "o", mfc="none", mec="#D55E00", ms=10, mew=2)

    T = next(iter(seen.values.values())).shape[1]
    (trace,) = right.plot([], [], **style.line("a"))
    right.set(xlabel="step t", ylabel="activation of the unit", xlim=(1, T))
    most = 1.08 * max(1, *(float(np.nanmax(abs(v))) for v in seen.values.values()))
    right.set(ylim=(-most, most), title="one unit")
    right.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    spans = []
    if seen.behind is not None:
        spans = right.pcolormesh(
            np.arange(T + 1) + 0.5,
            [-most, most],
            np.zeros((1, T)),
            cmap="Greys",
            vmin=0,
            vmax=4,
            zorder=-1,
        )
        right.set_title(f"one unit; grey: {seen.name}")
    return {"mark": mark, "trace": trace, "behind": spans}


def stethoscope_update(artists, seen: Heard, cell: str, unit: int, sequence: int):
    states, lasting = seen.values[cell], seen.lasting[cell]
    n_a = len(lasting)
    at = min(unit, n_a) - 1  # layers may differ in width
    values = states[min(sequence, len(states)) - 1, :, at]
    row = list(seen.values).index(cell)
    height = row + np.linspace(-0.25, 0.25, n_a)[at]
    artists["mark"].set_data([lasting[at]], [height])
    artists["trace"].set_data(np.arange(len(values)) + 1, values)
    correlation = np.nan
    if seen.behind is not None:
        shown = seen.behind[min(sequence, len(states)) - 1]
        artists["behind"].set_array(shown[None])
        both = states[..., at].ravel(), seen.behind.ravel()
        if min(map(np.std, both)) > 0:
            correlation = float(np.corrcoef(*both)[0, 1])
    mean = float(np.nanmean(lasting))
    return Unit(float(lasting[at]), mean, values, correlation)


def stethoscope_describe(result: Unit, seen: Heard, **values) -> str:
    said = f"This unit's value lasts about {result.lasts:.0f} steps"
    if np.isnan(result.lasts):
        said = "This unit stands still"
    said += f"; in the mean over its layer it is {result.layer_mean:.0f}."
    if np.isfinite(result.correlation):
        close = abs(result.correlation)
        said += f" Its correlation with the {seen.name} is {close:.1f}, sign aside."
    return said


def shown(seen: Heard) -> tuple[Sequence[str], int, int]:
    """The cells, the most units in one of them, and the number of sequences."""
    first = next(iter(seen.values.values()))
    return list(seen.values), max(map(len, seen.lasting.values())), len(first)
