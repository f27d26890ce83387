"""What each layer of a network holds on to, and what can be read off it.

    sounds = listen(model, params, xs)["layer 2"]        # (batch, T, n_a)
    time_constants(model, params, xs)["layer 2"].mean()  # steps that a value lasts
    probe(sounds, regimes, kind="classes").score         # how well a line reads it

A probe is a linear map fitted to states after training; the network never sees it. A
high score says that something can be read off the states. Whether the training put it
there, only a control can say: the same probe on shuffled labels, and on a network that
was never trained (an untrained recurrent network remembers, too).
The idea of probing layers is that of Alain and Bengio (2016), the control by labels
that mean nothing that of Hewitt and Liang (2019).
"""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from companion import validate
from companion.inspector import look_inside

__all__ = [
    "Probe",
    "by_layer",
    "listen",
    "probe",
    "time_constant",
    "time_constants",
]

STILL = 1e-6  # a unit that moves less than this times its size stands still


def listen(
    model, params, xs, lengths=None, quantity: str = "a"
) -> dict[str, np.ndarray]:
    """One quantity of every cell of a model: {"layer 1": (batch, T, n_a), ...}.

    model, params, xs, lengths: as in `inspector.look_inside`, which computes more; here
    only the values called `quantity` are kept: "a", or "c", "gamma_u", ... Raises
    ValueError naming the quantity if some cell has none of that name.
    """
    seen = look_inside(model, params, xs, lengths)
    for cell, values in seen.items():
        if quantity not in values:
            raise ValueError(
                f"quantity must be one of {', '.join(values)} for the {cell}, got "
                f"{quantity!r}"
            )
    return {cell: np.asarray(values[quantity]) for cell, values in seen.items()}


def by_layer(
    model, params, xs, score: Callable[[np.ndarray], Any], lengths=None
) -> dict[str, np.ndarray]:
    """A score of every cell in several networks: {"layer 1": (seeds, ...), ...}.

    params: those of one model, with an axis of seeds in front, as `fit` leaves them.
    xs, lengths: as in `listen`. score: a function of the states of one cell, (batch, T,
    n_a), that returns a number, or several: each network is listened to only once.
    """
    seeds = {np.shape(leaf)[:1] for leaf in jax.tree.leaves(params)}
    if len(seeds) != 1 or seeds == {()}:
        raise ValueError("params must hold arrays with one axis of seeds in front")
    found = {}
    for seed in range(*seeds.pop()):
        one = jax.tree.map(lambda leaf, seed=seed: leaf[seed], params)
        for cell, states in listen(model, one, xs, lengths).items():
            found.setdefault(cell, []).append(np.asarray(score(states), float))
    return {cell: np.array(scores) for cell, scores in found.items()}


def time_constants(
    model, params, xs, lengths=None, *, quantity: str = "a", longest: Integral = 100
) -> dict[str, np.ndarray]:
    """`time_constant` of every unit in every cell of a model: {"layer 1": (n_a,), ...}.

    model, params, xs, lengths, quantity: as in `listen`.
    """
    return {
        cell: time_constant(values, longest=longest)
        for cell, values in listen(model, params, xs, lengths, quantity).items()
    }


def time_constant(values, *, longest: Integral = 100) -> np.ndarray:
    """How many steps a unit's value lasts: where its autocorrelation falls below 1/e.

    values: (..., T, n_a), floats; NaN where a sequence has ended. longest: the largest
    lag that is looked at; T - 1 where that is less.

    The autocorrelation at lag k is the correlation, over all sequences and steps, of a
    unit with itself k steps later. A value that decays by a factor r a step has the
    autocorrelation r^k and the time constant -1/log(r); between two lags the place is
    interpolated along such a decay. Noise without memory is near 0.

    Returns (n_a,); `longest` for a unit that is still above 1/e there, NaN for one that
    stands still or has no two steps.
    """
    longest = validate.positive_int("longest", longest)
    values = np.asarray(values, np.float64)
    if values.ndim < 2:
        raise ValueError(f"values has shape {values.shape}, but needs (..., T, n_a)")
    values = values.reshape(-1, *values.shape[-2:])  # (sequences, T, n_a)
    T, n_a = values.shape[1:]
    if T < 2:
        raise ValueError(f"values has T = {T} steps, but needs 2 or more")
    there = np.isfinite(values)
    count = there.sum(axis=(0, 1))
    mean = np.where(there, values, 0).sum(axis=(0, 1)) / np.maximum(count, 1)
    centred = np.where(there, values - mean, 0)
    spread = np.sqrt((centred**2).sum(axis=(0, 1)) / np.maximum(count, 1))
    moving = (count > 1) & (spread > STILL * (1 + np.abs(mean)))

    found = np.where(moving, float(min(longest, T - 1)), np.nan)
    before, open_ = np.ones(n_a), moving.copy()
    for lag in range(1, min(longest, T - 1) + 1):
        if not open_.any():
            break
        early, late = centred[:, :-lag, open_], centred[:, lag:, open_]
        both = there[:, :-lag, open_] & there[:, lag:, open_]
        power = np.sqrt((early**2 * both).sum((0, 1)) * (late**2 * both).sum((0, 1)))
        now = np.zeros(n_a)
        now[open_] = (early * late).sum((0, 1)) / np.maximum(power, 1e-300)
        fallen = open_ & (now < np.exp(-1))
        # along a decay between the two lags: log r is linear in the lag
        high = -np.log(np.clip(before, 1e-3, 1))
        low = -np.log(np.clip(now, 1e-3, 1))
        place = lag - 1 + (1 - high) / np.maximum(low - high, 1e-12)
        found[fallen] = place[fallen]
        before, open_ = now, open_ & ~fallen
    return found


class Probe(NamedTuple):
    """What a linear probe reads off some states.

    score: on the sequences that it was not fitted to: R^2 for "numbers" (1 is all, 0 is
    no more than the mean), the share told right for "classes".
    shuffled: the same for a probe fitted and scored with the labels in random order.
    guess: the score of whoever knows the labels' distribution and sees no state.
    """

    score: float
    shuffled: float
    guess: float


def probe(
    states,
    labels,
    mask=None,
    *,
    kind: Literal["numbers", "classes"] = "numbers",
    test_share: Real = 0.5,
    ridge: Real = 1e-3,
    seed: Integral = 0,
) -> Probe:
    """How well a linear map of the states gives the labels, on sequences kept apart.

    states: (sequences, T, n), such as the arrays of `listen`; or (examples, n), each
        then a sequence of one step. labels: (sequences, T), real numbers, or whole
        numbers from 0 for kind="classes". mask: (sequences, T), True where a label
        counts; None for all. What stands elsewhere, NaN too, does not matter.
    test_share: of the sequences, the last ones, which the map is not fitted to. Whole
        sequences, since neighbouring steps resemble each other.
    ridge: how much a map is to be small, against states of unit variance: the penalty
        is ridge times the number of labels.
    seed: of the order in which the labels are shuffled.

    The map is found in one step (ridge regression). For classes there is one for each,
    against 1 where it is that class and 0 elsewhere, and the largest answer wins.

    Raises ValueError naming the argument that does not fit.
    """
    validate.one_of("kind", kind, ("numbers", "classes"))
    states, labels = np.asarray(states, np.float64), np.asarray(labels)
    if states.ndim == 2:
        states, labels = states[:, None], labels[..., None]
        mask = None if mask is None else np.asarray(mask)[..., None]
    if states.ndim != 3 or labels.shape != states.shape[:2]:
        raise ValueError(
            f"labels has shape {labels.shape} and states {states.shape}, but they need "
            "(sequences, T) and (sequences, T, n)"
        )
    mask = np.ones(labels.shape, bool) if mask is None else np.asarray(mask)
    if mask.shape != labels.shape:
        raise ValueError(f"mask has shape {mask.shape}, but needs {labels.shape}")
    if not np.isin(mask, (0, 1)).all():
        raise ValueError("mask must hold 0 and 1, or False and True, only")
    if not 0 < validate.as_number("test_share", test_share) < 1:
        raise ValueError(f"test_share must be between 0 and 1, got {test_share}")
    if not validate.as_number("ridge", ridge) > 0:
        raise ValueError(f"ridge must be positive, got {ridge}")
    mask = mask.astype(bool)
    cut = round(len(states) * (1 - test_share))
    halves = slice(None, cut), slice(cut, None)
    seen = [states[half][mask[half]] for half in halves]
    told = [labels[half][mask[half]] for half in halves]
    for name, part in zip(("fitted to", "scored on"), told, strict=True):
        if len(part) < 2:
            raise ValueError(
                f"states has {len(states)} sequences: with test_share={test_share} too "
                f"few labels are left to be {name}"
            )
    if not all(np.isfinite(part).all() for part in (*seen, *told)):
        raise ValueError("states and labels must be finite where they count")
    told = _targets(told, kind)
    hat = _fitting(seen, ridge)
    # the halves are shuffled apart, so that both keep their distribution
    rng = np.random.default_rng(int(seed))
    mixed = [part[rng.permutation(len(part))] for part in told]
    score, shuffled = (_score(hat(fit), fit, test, kind) for fit, test in (told, mixed))
    middle = np.broadcast_to(told[0].mean(axis=0), told[1].shape)
    return Probe(score, shuffled, _score(middle, *told, kind))


def _targets(told, kind):
    """The labels as columns: (examples, 1), or 0 and 1 in (examples, classes)."""
    if kind == "numbers":
        return [part.astype(np.float64)[:, None] for part in told]
    both = np.concatenate(told)
    if not np.array_equal(both, both.astype(int)) or both.min() < 0:
        raise ValueError("labels must be whole numbers from 0 for kind='classes'")
    classes = np.unique(both)
    if len(classes) < 2:
        raise ValueError(f"labels must hold two classes or more, got {classes}")
    return [(part[:, None] == classes).astype(np.float64) for part in told]


def _fitting(seen, ridge):
    """A function from what was told of the first states to answers about the second."""
    mean = seen[0].mean(axis=0)
    spread = np.maximum(seen[0].std(axis=0), 1e-12)
    first, second = ((part - mean) / spread for part in seen)
    gram = first.T @ first + ridge * len(first) * np.eye(first.shape[1])

    def answers(told):
        middle = told.mean(axis=0)
        return second @ np.linalg.solve(gram, first.T @ (told - middle)) + middle

    return answers


def _score(answers, fit, test, kind) -> float:
    if kind == "classes":
        return float(np.mean(answers.argmax(axis=1) == test.argmax(axis=1)))
    off = ((answers - test) ** 2).sum()
    return float(1 - off / ((test - fit.mean(axis=0)) ** 2).sum())
