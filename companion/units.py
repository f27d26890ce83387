"""Which unit carries a property, and what the network can still do without it.

    def score(model, params, sentences): ...        # one number, more is better

    found = find_carrier(
        model, params, score, sentences, xs=xs, property=number, mask=mask, key=key
    )
    found.unit, found.accuracy, found.without_it, found.without_other

A unit that follows a property need not be the one that the network uses. So it is
chosen on one half of the examples, and what freezing it costs is measured on the other;
beside it stands what freezing every other unit costs, and groups of units, the first
of the ranking and random ones: often two or three units carry a property together, and
any one of them can go.
The idea of a single unit that carries number is that of Lakretz et al. (2019), who
looked for it by ablation (`by="ablation"`).
"""

from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import Float, Int, Shaped

from companion import validate
from companion.ablations import Ablations, ablate_each
from companion.frozen import Frozen, freeze, layer_of, place
from companion.inspector import look_inside

__all__ = [
    "Ablations",
    "Carrier",
    "Frozen",
    "ablate_each",
    "carriers",
    "find_carrier",
    "freeze",
]

STILL = 1e-5  # relative to a unit's size: a spread below it is the rounding of float32


def carriers(
    values: Shaped[np.ndarray | Array, "T batch n_a"], property, mask
) -> Float[np.ndarray, " n_a"]:
    """How faithfully each unit carries a property: min over steps of |correlation|.

    values: (T, batch, n_a), what the units show. property: (batch,), a number for each
        sequence: +-1, 0 and 1, or real; classes 0..K only if their order means
        something, else ask for one class at a time, as 0 and 1.
    mask: (T, batch), True at the steps at which a unit has to carry the property. What
        stands elsewhere, NaN too, does not matter.

    At each step the correlation (Pearson's) is over the sequences that count there. The
    minimum is the point: a unit that shows the property for one step and then loses it
    carries nothing. A unit that stands still at a step where the property varies has
    correlation 0 there. A step says nothing, and is left out, if fewer than three
    sequences count or the property is the same in all of them. With few sequences at a
    step chance moves its correlation by about 1/sqrt(sequences).

    Returns (n_a,) numbers in 0..1. Raises ValueError if no step is left, or a value
    that counts is not finite.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 3:
        raise ValueError(f"values has shape {values.shape}, but needs (T, batch, n_a)")
    mask, property = np.asarray(mask), np.asarray(property, np.float64)
    if mask.shape != values.shape[:2]:
        raise ValueError(f"mask has shape {mask.shape}, but needs {values.shape[:2]}")
    if not np.isin(mask, (0, 1)).all():
        raise ValueError("mask must hold 0 and 1, or False and True, only")
    if property.shape != values.shape[1:2]:
        raise ValueError(
            f"property has shape {property.shape}, but needs {values.shape[1:2]}: one "
            "number for each sequence"
        )
    mask = mask.astype(bool)
    if not (np.isfinite(values[mask]).all() and np.isfinite(property).all()):
        raise ValueError("values and property must be finite wherever mask is True")
    correlations = []
    for shown, counts in zip(values, mask, strict=True):
        told = property[counts]
        if len(told) < 3 or np.ptp(told) == 0:
            continue
        shown, told = shown[counts], told - told.mean()
        moved = shown - shown.mean(axis=0)
        spread = np.sqrt((moved**2).mean(axis=0))
        moves = spread > STILL * np.abs(shown).max(axis=0)
        r = (told @ moved) / len(told) / told.std() / np.where(moves, spread, 1)
        correlations.append(np.where(moves, np.minimum(np.abs(r), 1), 0))
    if not correlations:
        raise ValueError(
            "mask leaves no step at which three sequences count and property varies"
        )
    return np.min(correlations, axis=0)


class Carrier(NamedTuple):
    """The unit chosen on one half of the examples, and what the other half says of it.

    With over_seeds each field has a seed axis in front.

    unit: the one chosen. ranking: (n_a,) all units, best first, on the choosing half.
    correlation, confirmed: how faithfully it carries the property (`carriers`) on the
    choosing half and on the other. All the scores are of the other half:
    accuracy: nothing frozen. without_it: the unit frozen at its mean. without_each:
    (n_a,), every unit frozen alone. without_first: (group,), at index k - 1 the first k
    units of the ranking frozen together: how many it takes, where several units carry
    the property and one stands in for another. without_random: (controls,), `group`
    random units frozen together, none of them among these first.
    """

    unit: Int[np.ndarray, "*seeds"]
    ranking: Int[np.ndarray, "*seeds n_a"]
    correlation: Float[np.ndarray, "*seeds"]
    confirmed: Float[np.ndarray, "*seeds"]
    accuracy: Float[np.ndarray, "*seeds"]
    without_it: Float[np.ndarray, "*seeds"]
    without_each: Float[np.ndarray, "*seeds n_a"]
    without_first: Float[np.ndarray, "*seeds group"]
    without_random: Float[np.ndarray, "*seeds controls"]

    @property
    def without_other(self) -> Float[np.ndarray, "*seeds others"]:
        """Every unit but the chosen one frozen alone: the control of a single unit."""
        return np.take_along_axis(self.without_each, self.ranking, axis=-1)[..., 1:]


def find_carrier(
    model,
    params,
    score: Callable[[Any, Any, Any], Any],
    examples,
    *,
    xs,
    property,
    mask,
    key: Array,
    lengths=None,
    by: Literal["correlation", "ablation"] = "correlation",
    part: Literal["c", "a"] | None = None,
    group: Integral = 5,
    controls: Integral = 20,
    where: str | None = None,
    over_seeds: bool = False,
) -> Carrier:
    """Choose the unit that carries a property, then freeze it on examples unseen.

    model, params, score, where: as in `ablate_each`.
    examples: what score needs, a pytree of arrays whose first axis is the example. The
        first half of them chooses, the second half confirms, so the order must mean
        nothing. Of an odd number the last is left out.
    xs, lengths: the inputs of the same examples, as `look_inside` takes them.
    property: (batch,), a number for each, as in `carriers`.
    mask: (batch, T), the steps of `look_inside` at which the unit has to carry it.
    key: for the random controls. group: most units to freeze together, at most half of
        them; controls: how many random groups of as many.
    by: "correlation" takes the unit that `carriers` puts first, "ablation" the one
        whose freezing costs the choosing half most.
    part: what is correlated, "c" or "a"; None for the memory c where there is one.
    over_seeds: every array of params has a seed axis in front; the examples are the
        same for all. The result then has a seed axis too.

    A unit is frozen at its mean over the steps of mask on the choosing half (an LSTM's
    c and a each at its own): the value that says least about the property, if its
    values are equally frequent. The first call for a shape compiles one program for
    all ablations of all seeds. Raises ValueError or TypeError naming the argument.
    """
    validate.one_of("by", by, ("correlation", "ablation"))
    layer = layer_of(model)
    cell = place(layer, where)[0]
    size = validate.positive_int("group", group)
    if 2 * size > cell.n_a:
        raise ValueError(f"group must be at most half of {cell.n_a} units, got {size}")
    mask, property = np.asarray(mask).astype(bool), np.asarray(property)
    lengths = None if lengths is None else np.asarray(lengths)
    if mask.ndim != 2 or len(mask) < 2:
        raise ValueError(f"mask has shape {mask.shape}, but needs (batch, T)")
    half = len(mask) // 2
    given = {"examples": examples, "xs": xs, "property": property, "lengths": lengths}
    for name, tree in given.items():
        if any(np.shape(leaf)[:1] != (len(mask),) for leaf in jax.tree.leaves(tree)):
            raise ValueError(
                f"{name} must hold arrays ({len(mask)}, ...), as many as mask has rows"
            )

    def halves(tree):
        cut = [slice(half), slice(half, 2 * half)]
        return [jax.tree.map(lambda v, s=s: v[s], tree) for s in cut]

    seeds = [params]
    if over_seeds:
        number = len(jax.tree.leaves(params)[0])
        seeds = [jax.tree.map(lambda v, i=i: v[i], params) for i in range(number)]
    first, second = (
        [_shown(model, p, *inputs, where) for p in seeds]
        for inputs in zip(halves(xs), halves(lengths), strict=True)
    )
    keep, keep_after = (m.T for m in halves(mask))
    told, told_after = halves(property)
    fields = cell.State._fields
    part = part or ("c" if "c" in fields else "a")
    validate.one_of("part", part, tuple(dict.fromkeys((*fields, "a"))))
    r = np.stack([carriers(v[part], told, keep) for v in first])
    r_after = np.stack([carriers(v[part], told_after, keep_after) for v in second])
    means = [
        cell.State(*[v[name][keep].mean(axis=0) for name in fields]) for v in first
    ]
    means = jax.tree.map(lambda *v: np.stack(v), *means)
    if not over_seeds:
        r, r_after, means = r[0], r_after[0], jax.tree.map(lambda v: v[0], means)

    settings = {"controls": controls, "key": key, "where": where}
    settings["over_seeds"] = over_seeds
    choose, confirm = halves(examples)
    order = (-r).argsort(axis=-1, kind="stable")
    if by == "ablation":  # the same program as below: its other rows come for free
        tried = ablate_each(
            model, params, score, choose, means, group=order[..., :size], **settings
        )
        order = np.lexsort((-r, tried.each), axis=-1)
    best = order[..., :size]
    found = ablate_each(model, params, score, confirm, means, group=best, **settings)

    def of_it(values):
        return np.take_along_axis(values, order[..., :1], axis=-1)[..., 0]

    return Carrier(
        unit=order[..., 0],
        ranking=order,
        correlation=of_it(r),
        confirmed=of_it(r_after),
        accuracy=found.base,
        without_it=of_it(found.each),
        without_each=found.each,
        without_first=found.group,
        without_random=found.random,
    )


def _shown(model, params, xs, lengths, where) -> dict[str, np.ndarray]:
    """Everything one cell shows, time first."""
    found = look_inside(model, params, xs, lengths)
    values = found[where] if where is not None else next(iter(found.values()))
    return {name: np.swapaxes(v, 0, 1) for name, v in values.items()}
