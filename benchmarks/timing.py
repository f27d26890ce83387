"""Timing side by side: everybody in turn, round after round, compared within a round.

A shared machine slows down and speeds up while it measures. Two libraries timed one
after the other would carry that in their ratio; timed in turn within a second, and
compared round by round, they mostly do not.
"""

import math
import time
from collections.abc import Callable

import numpy as np

__all__ = ["first_call", "interleave", "plan", "ratios"]


def first_call(
    run: Callable[[], object], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Seconds of one call: with JAX, tracing and compiling and then the work once."""
    start = clock()
    run()
    return clock() - start


def interleave(
    runs: dict[str, Callable[[], object]],
    rounds: int,
    repeats: int,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
    warm: bool = True,
) -> dict[str, list[float]]:
    """Seconds per call of each run, one number a round.

    Each round takes the runs in a new order. A turn is one call that does not count,
    so that caches and thread pools are its own again, and then `repeats` that do;
    warm=False leaves out the call that does not count, where one takes seconds.
    """
    rng = np.random.default_rng(seed)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name in rng.permutation(list(runs)).tolist():
            if warm:
                runs[name]()
            start = clock()
            for _ in range(repeats):
                runs[name]()
            seconds[name].append((clock() - start) / repeats)
    return seconds


def plan(
    runs: dict[str, Callable[[], object]],
    budget: float,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, object]:
    """rounds, repeats and warm for `interleave` to take about `budget` seconds.

    Calls every run once. A turn of the quickest is at least 10 ms. There are 3 to 30
    rounds, so runs that take seconds may go over the budget.
    """
    seconds = [first_call(run, clock) for run in runs.values()]
    repeats = min(10, math.ceil(0.01 / max(min(seconds), 1e-3)))
    warm = max(seconds) < 0.5
    a_round = (repeats + warm) * sum(seconds)
    rounds = min(30, max(3, round(budget / a_round)))
    return {"rounds": rounds, "repeats": repeats, "warm": warm}


def ratios(
    seconds: dict[str, list[float]], reference: str
) -> dict[str, tuple[float, float, float]]:
    """How many times as fast as the reference: lower quartile, median, upper quartile.

    The ratio is taken in each round, the quartiles over rounds.
    """
    base = np.asarray(seconds[reference])
    return {
        name: tuple(np.quantile(base / np.asarray(own), [0.25, 0.5, 0.75]).tolist())
        for name, own in seconds.items()
    }
