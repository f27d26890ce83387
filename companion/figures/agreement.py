"""Was or were, as a score: by distance, and while training goes on.

A `Practice` holds how several kinds of networks did while they learned. Given none, the
pictures show two readers that need no training: the best possible one, and one that
listens to the latest noun.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from companion import validate
from companion.figures import style
from companion.tasks.agreement import Agreement

__all__ = [
    "KINDS",
    "Practice",
    "Shown",
    "practice_describe",
    "practice_setup",
    "practice_update",
    "readers",
]

KINDS = ("same", "free", "opposite")  # the numbers of the attractors
CHANCE = 0.5
NEAR = 0.1
LOOKS = ("a", "c", "x", "gamma_f")  # colours and lines of the curves, in this order
MARKS = "os^D"


class Practice(NamedTuple):
    """Accuracies of networks while they learn.

    steps: (looks,), after how many training steps they were looked at, rising.
    distances: (distances,), tokens between subject and verb.
    scores: setting -> (name -> (looks, seeds, 3, distances)), the third axis as in
        `KINDS`. A name may have fewer looks than steps has: training ended there.
    """

    steps: Sequence
    distances: Sequence
    scores: Mapping


class Shown(NamedTuple):
    """Of each name, (seeds, looks) at one distance and (seeds, distances) at one step.

    best: (distances,), the best possible score. after: name -> steps of its last look.
    """

    over_time: Mapping
    by_distance: Mapping
    best: np.ndarray
    after: Mapping
    distances: np.ndarray


def readers() -> Practice:
    """Two readers that need no training: the same at both looks."""
    distances = Agreement().distances
    free = [Agreement().best_accuracy_at(d) for d in distances]
    best = np.array([np.ones(len(distances)), free, np.ones(len(distances))])
    latest = best.copy()
    # from distance 7 on the latest noun is an attractor
    latest[:, np.array(distances) >= 7] = np.array([[1.0], [CHANCE], [0.0]])
    scores = {"best possible": best, "latest noun": latest}
    scores = {name: np.stack([score[None]] * 2) for name, score in scores.items()}
    return Practice((0, 100), distances, {"no training": scores})


def checked(practice: Practice) -> Practice:
    """The same with arrays. Raises ValueError for a shape that does not fit."""
    validate.instance("practice", practice, Practice)
    steps, distances = np.asarray(practice.steps), np.asarray(practice.distances)
    if steps.ndim != 1 or not len(steps) or np.any(np.diff(steps) <= 0):
        raise ValueError(f"steps must rise, got {practice.steps}")
    scores = {
        setting: {name: np.asarray(score, float) for name, score in named.items()}
        for setting, named in practice.scores.items()
    }
    if not scores or not all(scores.values()):
        raise ValueError("scores must hold a setting, and each setting a name")
    names = {name for named in scores.values() for name in named}
    if len(names) > len(LOOKS):
        raise ValueError(
            f"scores must hold at most {len(LOOKS)} names, got {sorted(names)}"
        )
    wanted = (len(KINDS), len(distances))
    for setting, named in scores.items():
        for name, score in named.items():
            fits = score.ndim == 4 and score.shape[2:] == wanted and score.shape[1]
            if not fits or not 1 <= len(score) <= len(steps):
                raise ValueError(
                    f"scores[{setting!r}][{name!r}] must be (looks, seeds, "
                    f"{wanted[0]}, {wanted[1]}) with at most {len(steps)} looks, got "
                    f"shape {score.shape}"
                )
            if not np.all((score >= 0) & (score <= 1)):
                raise ValueError(f"scores[{setting!r}][{name!r}] must lie in 0..1")
    return Practice(steps, distances, scores)


def practice_setup(fig: Figure, practice: Practice, **values) -> dict:
    """Left, accuracy at one distance while training goes on; right, by distance."""
    left, right = fig.subplots(1, 2, sharey=True)
    high = max(practice.steps)
    names = list(dict.fromkeys(n for s in practice.scores.values() for n in s))
    curves = {}
    for name, look, mark in zip(names, LOOKS, MARKS, strict=False):
        # training is slow change: all seeds thin, and their mean as a line
        (mean,) = left.plot([], [], label=name, **style.line(look))
        thin = style.line(look) | {"linewidth": 0.7, "alpha": 0.5}
        (each,) = left.plot([], [], **thin)
        (end,) = right.plot([], [], **style.line(look))
        dots = {"color": style.COLORS[look], "alpha": 0.45, "linestyle": "none"}
        (seeds,) = right.plot([], [], marker=mark, markersize=5, **dots)
        curves[name] = {"mean": mean, "each": each, "end": end, "seeds": seeds}
    (top,) = left.plot([], [], label="best possible", **style.line("best"))
    (best,) = right.plot([], [], **style.line("best"))
    dotted = style.line("best") | {"linestyle": ":"}
    for ax in (left, right):
        ax.axhline(CHANCE, label="chance" if ax is left else None, **dotted)
    at = left.axvline(0, color="#b0b0b0", linewidth=1.0)
    where = right.axvline(0, color="#b0b0b0", linewidth=1.0)
    left.set(xlim=(0, max(high, 1) * 1.03), ylim=(-0.05, 1.05), xlabel="training steps")
    left.set_ylabel("accuracy")
    right.set(xlabel="words between subject and verb", xticks=practice.distances)
    right.set_xlim(min(practice.distances) - 1, max(practice.distances) + 1)
    fig.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    lines = {"top": top, "best": best, "at": at, "where": where}
    return {"curves": curves, "lines": lines, "practice": lambda: practice}


def practice_update(
    artists: dict, step: int, distance: int, kind: str, setting: str | None = None
) -> Shown:
    """Show one setting and kind of attractors at one distance and one look."""
    practice = artists["practice"]()
    setting = next(iter(practice.scores)) if setting is None else setting
    steps, distances = practice.steps, practice.distances
    column = list(distances).index(distance)
    look = int(np.searchsorted(steps, step, side="right")) - 1
    over_time, by_distance, after = {}, {}, {}
    for name, score in practice.scores[setting].items():
        seen = min(max(look, 0), len(score) - 1)
        score = score[:, :, KINDS.index(kind)]
        over_time[name] = score[:, :, column].T
        by_distance[name] = score[seen]
        after[name] = int(steps[seen])
    for name, drawn in artists["curves"].items():
        for artist in drawn.values():
            artist.set_visible(name in over_time)
        if name not in over_time:
            continue
        each, ends = over_time[name], by_distance[name]
        known = steps[: each.shape[1]]
        drawn["mean"].set_data(known, each.mean(axis=0))
        gap = np.full((len(each), 1), np.nan)  # one line for all seeds, with breaks
        drawn["each"].set_data(
            np.tile([*known, np.nan], len(each)), np.concatenate([each, gap], 1).ravel()
        )
        drawn["end"].set_data(distances, ends.mean(axis=0))
        drawn["seeds"].set_data(np.tile(distances, len(ends)), ends.ravel())
    task = Agreement(distances=tuple(int(d) for d in distances))
    best = np.array([task.best_accuracy_at(int(d)) for d in distances])
    best = best if kind == "free" else np.ones(len(distances))
    lines = artists["lines"]
    lines["top"].set_data([0, max(*steps, 1) * 1.03], [best[column]] * 2)
    lines["best"].set_data(distances, best)
    lines["at"].set_xdata([step, step])
    lines["where"].set_xdata([distance, distance])
    return Shown(over_time, by_distance, best, after, distances)


def practice_describe(shown: Shown, distance: int, kind: str, **values) -> str:
    """Where each name stands at this distance: near the best, near chance, below it."""
    said = []
    for name, scores in shown.by_distance.items():
        at = list(shown.distances).index(distance)
        mean, best = scores[:, at].mean(), shown.best[at]
        if mean > best - NEAR:
            place = "is near the best possible"
        elif mean < CHANCE - NEAR:
            place = "is worse than guessing"
        else:
            place = "guesses" if mean < CHANCE + NEAR else "is better than guessing"
        said.append(f"{name} {place} ({shown.after[name]} steps)")
    return f"{'; '.join(said)}."
