"""What a network can still do with some of its units frozen, all cases in one program.

found = ablate_each(model, params, score, examples, means, group=[3, 7])
found.base, found.each, found.group
"""

import functools
from collections.abc import Callable
from numbers import Integral
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from companion import validate
from companion.frozen import freeze, layer_of, place

__all__ = ["Ablations", "ablate_each"]


class Ablations(NamedTuple):
    """A network's score with units frozen. With seeds, a seed axis in front of each.

    base: nothing frozen. each: (n_a,), one unit frozen. group: (g,), at index k - 1 the
    first k units of the group frozen together. random: (controls,), g random units that
    are not in the group frozen together.
    """

    base: Float[np.ndarray, "*seeds"]
    each: Float[np.ndarray, "*seeds n_a"]
    group: Float[np.ndarray, "*seeds g"]
    random: Float[np.ndarray, "*seeds controls"]


def ablate_each(
    model,
    params,
    score: Callable[[Any, Any, Any], Any],
    examples,
    values,
    *,
    group=(),
    controls: Integral = 0,
    key: Array | None = None,
    where: str | None = None,
    over_seeds: bool = False,
) -> Ablations:
    """The score with each unit frozen in turn, with a group of them, and with others.

    model, params, where: as in `freeze`; where names the cell if there are several.
    score: score(model, params, examples) -> one number, in operations that JAX can
        trace. Define it once: each new function compiles again.
    examples: what score needs besides, a pytree of arrays.
    values: the cell's State of (n_a,): what a frozen unit shows, such as its mean.
    group: units, (g,) integers, to freeze together, first one, then two, ..., then all;
        (seeds, g) if each seed has others.
    controls: how many random groups of g units outside the group to freeze, drawn from
        key.
    over_seeds: every array of params and values has a seed axis in front.

    All of it is one compiled program. Raises ValueError or TypeError naming the
    argument that does not fit.
    """
    if not callable(score):
        raise TypeError(f"score must be a function, got {type(score).__name__}")
    n_a = place(layer_of(model), where)[0].n_a
    seeds = np.shape(jax.tree.leaves(params)[0])[:1] if over_seeds else ()
    group = _groups(group, n_a, seeds)
    g = group.shape[-1]
    firsts = (group[..., None] == np.arange(n_a)).cumsum(
        axis=-2
    ) > 0  # (*seeds, g, n_a)
    random = _controls(firsts.any(axis=-2), g, controls, key)
    eye = np.broadcast_to(np.eye(n_a + 1, n_a, -1, bool), (*seeds, n_a + 1, n_a))
    rows = np.concatenate([eye, firsts, random], axis=-2)
    found = _scores(model, score, params, examples, values, rows, where, over_seeds)
    base, each, together, others = np.split(found, [1, n_a + 1, n_a + 1 + g], axis=-1)
    return Ablations(base[..., 0], each, together, others)


def _groups(group, n_a, seeds):
    """Different units for each seed: (*seeds, g)."""
    group = np.asarray(group)
    group = group.astype(int) if group.size == 0 else group
    if not np.issubdtype(group.dtype, np.integer):
        raise TypeError(f"group must hold integers, got {group.dtype}")
    if group.ndim == 1:
        group = np.broadcast_to(group, (*seeds, *group.shape))
    if group.shape[:-1] != seeds or group.ndim != len(seeds) + 1:
        wanted = "(g,) or (seeds, g)" if seeds else "(g,)"
        raise ValueError(f"group has shape {group.shape}, but needs {wanted}")
    if group.size and (group.min() < 0 or group.max() >= n_a):
        raise ValueError(f"group must hold units 0..{n_a - 1}, got {group.tolist()}")
    if (np.diff(np.sort(group, axis=-1), axis=-1) == 0).any():
        raise ValueError(f"group holds a unit twice: {group.tolist()}")
    return group


def _controls(masks, g, controls, key):
    """Masks of g random units outside those of masks: (*seeds, controls, n_a)."""
    n_a = masks.shape[-1]
    if controls == 0:
        return np.zeros((*masks.shape[:-1], 0, n_a), bool)
    controls = validate.positive_int("controls", controls)
    if key is None:
        raise ValueError("controls are drawn at random: they need a key")
    if g == 0 or 2 * g > n_a:
        raise ValueError(
            f"group of {g} units: its controls are as many of the {n_a - g} others"
        )
    die = jax.random.uniform(key, (*masks.shape[:-1], controls, n_a))
    die = np.where(masks[..., None, :], 2, np.asarray(die))  # never one of the group
    return die.argsort(axis=-1).argsort(axis=-1) < g


def _scores(model, score, params, examples, values, rows, where, over_seeds):
    found = _scored(
        model, score, params, examples, values, jnp.asarray(rows), where, over_seeds
    )
    return np.asarray(found, np.float64)


@functools.partial(jax.jit, static_argnames=("model", "score", "where", "over_seeds"))
def _scored(model, score, params, examples, values, rows, where, over_seeds):
    def of_seed(one):
        params, values, rows = one

        def of_row(frozen):
            got = score(*freeze(model, params, frozen, values, where), examples)
            if jnp.shape(got) != ():
                raise ValueError(
                    f"score must return one number, got shape {jnp.shape(got)}"
                )
            return jnp.asarray(got, float)

        return jax.vmap(of_row)(rows)

    everything = params, values, rows
    if not over_seeds:
        return of_seed(everything)
    return jax.lax.map(of_seed, everything)  # one after the other: less memory
