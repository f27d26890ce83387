"""How to turn a padded batch for the backward cell, and three ways not to.

A backward cell is an ordinary cell that is given its inputs in another order, and whose
states are put back in the order of time. With padding there are several such orders,
and only the first of `WAYS` reads nothing but the sentence before its last word.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int

from companion import layers, validate
from companion.layers import Bidirectional, BothWays

__all__ = ["WAYS", "orders", "outputs"]

WAYS = ("within each length", "turn, turn back", "turn, shift back", "turn only")


def orders(lengths, T: int, way) -> tuple[Int[Array, "batch T"], Int[Array, "batch T"]]:
    """What is read at each turn, and where in the result the state of step t is found.

    lengths: (batch,). way: an index into `WAYS`, which may be traced. Returns (reads,
    finds): the cell reads step reads[i] at its i-th turn, and its state number
    finds[t] is put at step t.

    0: the real steps are turned round and the padding stays where it is.
    1: the whole row is turned, padding first, and its states are turned back.
    2: the whole row is turned, but its states are put back as if it were way 0.
    3: the whole row is turned, and its states are left as they come.
    """
    t, n = jnp.arange(T), jnp.asarray(lengths)[:, None]
    within = jnp.where(t < n, n - 1 - t, t)
    over = jnp.broadcast_to(T - 1 - t, within.shape)
    stay = jnp.broadcast_to(t, within.shape)
    reads = jnp.stack([within, over, over, over])[way]
    return reads, jnp.stack([within, over, within, stay])[way]


def outputs(
    layer: Bidirectional, params: BothWays, xs, lengths, way
) -> Float[Array, "T batch n_out"]:
    """What a bidirectional layer hands upward if it turns its batch in this way.

    xs: (T, batch) token ids or (T, batch, n_x). Padding is read like any other input:
    nothing is masked, so past the lengths the outputs mean nothing. Way 0 gives the
    outputs of `layers.apply` with these lengths.
    """
    validate.instance("layer", layer, Bidirectional)
    if layer.merge != "concat":
        raise ValueError(f"layer must concatenate its directions, got {layer!r}")
    xs = validate.as_input("xs", xs)
    reads, finds = (order.T for order in orders(lengths, len(xs), way))
    ahead = layers.apply(layer.forward, params.forward, xs).outputs
    back = layers.apply(layer.cells.backward, params.backward, taken(xs, reads)).outputs
    return jnp.concatenate([ahead, taken(back, finds)], axis=-1)


def taken(rows, order) -> Array:
    """rows[order[t, b], b] at every t and b."""
    return jnp.take_along_axis(
        rows, order.reshape(*order.shape, *[1] * (rows.ndim - 2)), 0
    )
