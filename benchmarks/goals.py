"""What the course set out to reach, and what a report says of each.

Every ratio is how many times as fast (or as large, for memory) one is as the other,
taken within each round: lower quartile, median, upper quartile.
"""

from typing import NamedTuple

import numpy as np

__all__ = ["Goal", "goals"]

ON_JAX = ("flax", "equinox", "keras")
ON_TWO = "training step, 2 cores as 2 devices, against PyTorch"
PEER_ON_ONE = "training step, 1 core, against the best JAX peer"
PEER_ON_TWO = "training step, 2 cores, against the best JAX peer"
# what, at least, train or forward, cores, our road, against whom
HEADLINE = (
    ("training step, 1 core, against PyTorch", 0.85, "train", 1, "fast", "torch"),
    (ON_TWO, 0.9, "train", 2, "split", "torch"),
    (PEER_ON_ONE, 1.4, "train", 1, "fast", "peer"),
    (PEER_ON_TWO, 1.4, "train", 2, "fast", "peer"),
    ("forward, 1 core, against PyTorch", 1.0, "forward", 1, "fast", "torch"),
    ("forward, 1 core, against the best JAX peer", 1.15, "forward", 1, "fast", "peer"),
)


class Goal(NamedTuple):
    """One line of the table; measured is None where the report does not hold it."""

    what: str
    at_least: float | None
    at_most: float | None
    measured: tuple | None

    @property
    def wanted(self) -> str:
        if self.at_most is None:
            return f">= {self.at_least:g}"
        return f"<= {self.at_most:g}"

    @property
    def reached(self) -> bool:
        """Whether the median is."""
        median = self.measured[1]
        if self.at_most is None:
            return median >= self.at_least
        return median <= self.at_most


def goals(report: dict) -> list[Goal]:
    """Every goal, with the paired ratio that was measured for it."""
    found = []
    for what, at_least, kind, cores, road, against in HEADLINE:
        ratio = compared(headline_seconds(report, kind, cores), road, against)
        found.append(Goal(f"headline, {what}", at_least, None, ratio))
    for cell, at_least in (("RNN", 1.6), ("GRU", 1.2)):
        ratio = compared(layer_seconds(report, f"{cell}-256-100-32"), "fast", "torch")
        what = f"{cell} training, n = 256, T = 100, batch 32, 1 core, against PyTorch"
        found.append(Goal(what, at_least, None, ratio))
    memory, time = checkpointing(report, 10_000)
    for road, named in (("fast", "the fast road"), ("plain", "the plain scan")):
        what = f"T = 10,000, {named} with checkpointing, against plain autodiff"
        found.append(Goal(f"{what}: memory", None, 0.2, memory.get(road)))
        found.append(Goal(f"{what}: time", None, 0.6, time.get(road)))
    return found


def headline_seconds(report, kind, cores) -> dict:
    for run in report.get("headline", {}).get("runs", []):
        if run["cores"] is not None and len(run["cores"]) == cores:
            return run["seconds"].get(kind, {})
    return {}


def layer_seconds(report, case) -> dict:
    for result in report.get("layers", []):
        if result["case"] == case and len(result["cores"] or []) == 1:
            return result["seconds"].get("train", {})
    return {}


def compared(seconds, road, against):
    """Quartiles of how many times as fast `road` is; None where one is not there."""
    if against == "peer":
        there = [name for name in ON_JAX if name in seconds]
        against = min(there, key=lambda n: np.median(seconds[n]), default=None)
    if road not in seconds or against not in seconds:
        return None
    ratio = np.divide(seconds[against], seconds[road])
    return tuple(np.quantile(ratio, [0.25, 0.5, 0.75]).tolist())


def checkpointing(report, T):
    """Memory and time of each road with checkpointing over those of plain autodiff."""
    for result in report.get("long", []):
        if result["work"]["T"] != T:
            continue
        seconds, needs = result["seconds"]["train"], result["memory"]
        memory, time = {}, {}
        for road in ("plain", "fast"):
            name = f"{road}-checkpoint"
            if name in seconds and "plain" in seconds:
                share = needs[name]["peak"] / needs["plain"]["peak"]
                memory[road] = (share,) * 3
                ratio = np.divide(seconds[name], seconds["plain"])
                time[road] = tuple(np.quantile(ratio, [0.25, 0.5, 0.75]).tolist())
        return memory, time
    return {}, {}
