"""Scores of several runs side by side, with the best possible score and chance."""

from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType

import numpy as np
from matplotlib.figure import Figure

from companion.figures import style

__all__ = ["compare", "spread"]


def spread(runs, decimals: int = 2) -> str:
    """The mean and the range of one score over seeds, as "0.98 [0.97, 0.99]"."""
    runs = np.asarray(runs, float)
    mean, low, high = (
        f"{score:.{decimals}f}" for score in (runs.mean(), runs.min(), runs.max())
    )
    return f"{mean} [{low}, {high}]"


@style.picture(height=2.2)
def compare(
    fig: Figure,
    runs: Mapping = MappingProxyType({}),
    best: Real = 1.0,
    chance: Real | None = None,
    label: str = "accuracy",
    chance_name: str = "chance",
    best_name: str = "best possible",
    decimals: int = 2,
) -> str:
    """One row of dots for each kind of run, one dot a seed, the range as a bar.

    runs: name -> the score of each seed. best, chance: lines to measure them against,
    and what they are called. decimals: how far the alt text may be trusted to read the
    same on every machine.
    """
    ax = fig.subplots()
    for row, (name, scores) in enumerate(runs.items()):
        scores = np.asarray(scores, float)
        if scores.ndim != 1 or not scores.size:
            raise ValueError(
                f"runs[{name!r}] must hold a score for each seed, got shape "
                f"{scores.shape}"
            )
        ax.hlines(
            row, scores.min(), scores.max(), color="black", linewidth=5, alpha=0.3
        )
        ax.plot(scores, np.full(scores.shape, row), "o", color="black", markersize=5)
    ax.axvline(best, label=best_name, **style.line("best"))
    if chance is not None:
        ax.axvline(chance, label=chance_name, **style.line("best") | {"linestyle": ":"})
    ax.set(yticks=range(len(runs)), yticklabels=list(runs), xlabel=label)
    ax.set_ylim(max(len(runs), 1) - 0.5, -0.5)
    ax.margins(x=0.05)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.3), ncols=2)
    rows = "; ".join(
        f"{name}: {spread(scores, decimals)}" for name, scores in runs.items()
    )
    against = f"{best_name} {best:.3g}" + (
        "" if chance is None else f", {chance_name} {chance:.3g}"
    )
    return f"Dots, one for each seed, against {label}: {rows or 'no runs'}; {against}."
