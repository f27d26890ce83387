"""Pictures of the arena: who reached what, a dot a seed, and tasks against cells."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from companion.arena import Outcome, interval
from companion.figures import style

__all__ = ["matrix", "standing"]

EMPTY = MappingProxyType({})
NEAR = 0.05  # of the way from chance to the best: what the alt text calls near
STILL_DARK = 0.55  # of the colour map: below it, white print is the readable one


@style.picture(height=3.2)
def standing(fig: Figure, outcome: Outcome | None = None) -> str:
    """One row an entry: a dot for each seed, the mean as a tick, its 95% interval.

    The interval is Student's, for the mean over all seeds (`companion.intervals`), cut
    where accuracy ends. Beside each name stand its parameters.
    """
    entries = {} if outcome is None else outcome.entries
    ax = fig.subplots()
    for row, entry in enumerate(entries.values()):
        known = interval(entry.scores)
        low, high = np.clip(np.nan_to_num(known[3:], nan=known.mean), 0, 1)
        ax.hlines(row, low, high, color="black", linewidth=6, alpha=0.2)
        seeds = len(entry.scores)
        # side by side in height: dots at one place would look like one dot
        heights = row + np.linspace(-0.18, 0.18, seeds) * (seeds > 1)
        ax.plot(entry.scores, heights, "o", color="black", alpha=0.6, markersize=4)
        ax.plot(known.mean, row, "|", color="black", markersize=14)
    for name, dashes in (("best", "-"), ("chance", ":")):
        at = getattr(outcome, name, None)
        if at is not None:
            label = "best possible" if name == "best" else name
            ax.axvline(at, label=label, **style.line("best") | {"linestyle": dashes})
    names = [f"{name} ({entry.n_parameters})" for name, entry in entries.items()]
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel="accuracy on the test")
    ax.set_ylim(max(len(names), 1) - 0.5, -0.5)
    ax.margins(x=0.05)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    listed = "; ".join(f"{name} {fate(outcome, name)}" for name in entries)
    return f"Accuracy of each entry, a dot a seed: {listed or 'no entries'}."


@style.picture(height=3.4)
def matrix(fig: Figure, outcomes: Mapping[str, Outcome] = EMPTY) -> str:
    """Tasks against entries: the mean accuracy as number and colour, the range below.

    outcomes: task -> its `Outcome`, as from `arena.grid`. The colour goes from the
    task's chance (dark) to its best (light), so that columns can be compared.
    """
    ax = fig.subplots()
    names = list(dict.fromkeys(n for o in outcomes.values() for n in o.entries))
    shares = np.full((len(names), len(outcomes)), np.nan)
    for column, outcome in enumerate(outcomes.values()):
        for name, entry in outcome.entries.items():
            row, known = names.index(name), interval(entry.scores)
            shares[row, column] = share = way(outcome, known.mean)
            ink = {"color": "white" if share < STILL_DARK else "black", "ha": "center"}
            ax.text(column, row - 0.12, f"{known.mean:.2f}", va="center", **ink)
            between = f"{known.least:.2f} to {known.most:.2f}"
            ax.text(column, row + 0.26, between, va="center", fontsize=7.5, **ink)
    if shares.size:
        shown = np.ma.masked_invalid(shares)
        ax.imshow(shown, cmap=colormaps["cividis"], vmin=0, vmax=1, aspect="auto")
    ax.set_xticks(range(len(outcomes)), list(outcomes))
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    ax.spines[:].set_visible(False)
    listed = " ".join(
        f"{title}: {', '.join(f'{name} {mean(outcome, name)}' for name in names)}."
        for title, outcome in outcomes.items()
    )
    if not names:
        ax.text(0.5, 0.5, "no tasks yet", ha="center", transform=ax.transAxes)
    return f"Mean accuracy of each entry on each task. {listed or 'No tasks.'}"


def mean(outcome: Outcome, name: str) -> str:
    tried = outcome.entries.get(name)
    return f"{interval(tried.scores).mean:.2f}" if tried else "not tried"


def way(outcome: Outcome, score: float) -> float:
    """How much of the way from chance (0) to the best possible (1) a score has gone."""
    chance, best = outcome.chance or 0.0, outcome.best or 1.0
    return float(np.clip((score - chance) / (best - chance), 0, 1))


def fate(outcome: Outcome, name: str) -> str:
    """In words that are the same on any machine, as far as that can be."""
    scores = outcome.entries[name].scores
    worst, best = way(outcome, scores.min()), way(outcome, scores.max())
    if worst > 1 - NEAR:
        return "near the best"
    if best < NEAR:
        return "near chance"
    return "mixed over seeds" if best - worst > 0.3 else "in between"
