"""Timing side by side: everybody in turn, round after round, compared within a round.

A shared machine slows down and speeds up while it measures. Two libraries timed one
after the other would carry that in their ratio; timed in turn within a second, and
compared round by round, they mostly do not.
"""

import time
from collections.abc import Callable

import numpy as np

__all__ = ["first_call", "interleave", "ratios"]


def first_call(run: Callable[[], object]) -> float:
    """Seconds of one call: with JAX, tracing and compiling and then the work once."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def interleave(
    runs: dict[str, Callable[[], object]],
    rounds: int,
    repeats: int,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds per call of each run, one number a round.

    Each round takes the runs in a new order. A turn is one call that does not count,
    so that caches and thread pools are its own again, and then `repeats` that do.
    """
    rng = np.random.default_rng(seed)
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name in rng.permutation(list(runs)).tolist():
            runs[name]()
            start = clock()
            for _ in range(repeats):
                runs[name]()
            seconds[name].append((clock() - start) / repeats)
    return seconds


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
