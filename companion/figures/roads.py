"""How long two roads are: a loop over T steps, and an associative scan.

`scan_work` counts what the scan does. `road_*` turns that into ticks of a machine with
a given number of lanes, beside times that were measured.
"""

from functools import cache
from numbers import Integral
from types import MappingProxyType
from typing import NamedTuple

from matplotlib.figure import Figure

from companion.figures import style

__all__ = [
    "LOOKS",
    "POWERS",
    "Road",
    "Work",
    "road_describe",
    "road_setup",
    "road_update",
    "scan_work",
]

LOOKS = MappingProxyType(
    {
        "sequential": {"color": "black", "linestyle": "-", "marker": "o"},
        "parallel": {"color": "#767676", "linestyle": "--", "marker": "s"},
    }
)
POWERS = tuple(2**k for k in range(1, 13))  # sequence lengths of the explorer


class Work(NamedTuple):
    """What `jax.lax.associative_scan` does with T elements, round by round."""

    pairs: tuple[int, ...]  # in each round, how many pairs are composed

    @property
    def rounds(self) -> int:
        return len(self.pairs)

    @property
    def compositions(self) -> int:
        return sum(self.pairs)


@cache
def scan_work(T: Integral) -> Work:
    """The pairs composed in each round of a scan over T steps.

    Neighbours first; the scan of these pairs; then every step that is no pair's end is
    composed with the prefix before it. Raises ValueError if T < 1.
    """
    if T < 1:
        raise ValueError(f"T must be at least 1, got {T}")
    if T == 1:
        return Work(())
    last = (T - 1) // 2
    return Work((T // 2, *scan_work(T // 2).pairs, *([last] if last else [])))


class Road(NamedTuple):
    """Ticks of both roads, for the chosen T and for every T of the curves."""

    T: int
    rounds: int
    compositions: int
    sequential: int
    parallel: int
    curves: dict[str, list[int]]


def ticks(T: int, lanes: int, width: int) -> tuple[int, int]:
    """(sequential, parallel) ticks: in one, each lane does one product and one sum.

    A step of the loop is one of them for each of `width` numbers. A composition is
    two: it multiplies the alphas as well.
    """
    loop = T * -(-width // lanes)
    return loop, sum(2 * -(-n * width // lanes) for n in scan_work(T).pairs)


def road_setup(fig: Figure, width: int = 1024, measured=None, **values) -> dict:
    """Counted ticks on the left; on the right what was measured, if anything was."""
    axes = fig.subplots(1, 2 if measured else 1, squeeze=False)[0]
    lines, points = {}, {}
    for name, look in LOOKS.items():
        (lines[name],) = axes[0].plot([], [], label=name, **look, markersize=3)
        (points[name],) = axes[0].plot([], [], "o", color=look["color"], markersize=9)
    axes[0].set(
        xscale="log", yscale="log", xlabel="steps T", ylabel="ticks",
        xlim=(1.6, 5200), ylim=(1, 3e7), title=f"counted, {width:,} numbers a step",
    )  # fmt: skip
    axes[0].legend(loc="upper left")
    here = [ax.axvline(2, **style.line("best")) for ax in axes]
    if measured:
        for name, took in measured.items():
            axes[1].plot(list(took), list(took.values()), **LOOKS[name])
        axes[1].set(xscale="log", yscale="log", xlabel="steps T", ylabel="seconds")
        axes[1].set(title="measured here", xlim=(1.6, 5200))
    return {"lines": lines, "points": points, "here": here}


def road_update(artists: dict, T: int, lanes: int, width: int = 1024, **_) -> Road:
    curves = {name: [] for name in LOOKS}
    for each in POWERS:
        for name, count in zip(curves, ticks(each, lanes, width), strict=True):
            curves[name].append(count)
    here = dict(zip(curves, ticks(T, lanes, width), strict=True))
    for name, counts in curves.items():
        artists["lines"][name].set_data(POWERS, counts)
        artists["points"][name].set_data([T], [here[name]])
    for line in artists["here"]:
        line.set_xdata([T, T])
    work = scan_work(T)
    return Road(T, work.rounds, work.compositions, *here.values(), curves)


def road_describe(road: Road, lanes: int, **values) -> str:
    ahead = "parallel" if road.parallel < road.sequential else "sequential"
    more = max(road.parallel, road.sequential) / min(road.parallel, road.sequential)
    return (
        f"the loop takes {road.sequential:,} ticks in {road.T:,} rounds, the scan "
        f"{road.parallel:,} in {road.rounds} rounds with {road.compositions:,} "
        f"compositions; the {ahead} road is ahead by a factor of {more:.1f}."
    )
