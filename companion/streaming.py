"""Layers for inputs that have not ended yet: how long to wait before an answer.

    LookAhead(GRU(64), k=3)               answers for step t at step t + 3
    Chunked(Bidirectional(GRU(64)), 16)   reads on to the end of each 16 steps

A cell answers at once and knows the left only; `Bidirectional` knows everything and
answers after the last step. These two lie in between, and `latency` says where. Both
are layers: `layers.apply`, `layers.width`, `Stacked` and the wirings of `models` take
them, and both use the parameters of the layer they are made of, so a network trained in
one way can be run in another.
"""

from dataclasses import dataclass
from numbers import Integral
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int

from companion import layers, validate
from companion.cells import Cell
from companion.layers import Bidirectional, BothWays, Stacked, Unrolled, Wrapper
from companion.unroll import length_mask

__all__ = ["Chunked", "LookAhead", "latency"]


@dataclass(frozen=True)
class LookAhead(Wrapper):
    """Emit late: the output for step t is read k steps later, after x<t+k>.

        output<t> = a<t + k>,   with x<t> = 0 past the end of the sequence

    layer: a cell, or a `Stacked` tower of cells; k: steps to wait, 0 or more.
    k = 0 is the layer itself. The zeros at the end are vectors, for tokens too: no
    token stands for nothing.

    `states` at t are those of step t + k, which the output comes from; `last` are those
    after the last real step, from where a next call goes on reading.
    """

    layer: Any
    k: Integral

    def __post_init__(self):
        left_to_right(self.layer)
        object.__setattr__(self, "k", at_least_0("k", self.k))

    @property
    def core(self):
        return self.layer

    def run(self, params, xs, *, state, lengths, key, **options) -> Unrolled:
        xs, T, batch = with_steps(xs)
        given = {"state": state, "key": key, **options}
        if self.k == 0:
            return layers.apply(self.layer, params, xs, lengths=lengths, **given)
        xs = vectors(self.layer, params, xs)
        longer = None
        if lengths is not None:
            lengths = validate.lengths(lengths, T, batch)
            longer = jnp.where(lengths > 0, lengths.astype(int) + self.k, 0)
            xs = jnp.where(length_mask(lengths, T)[..., None], xs, 0)
        zeros = jnp.zeros((self.k, *xs.shape[1:]), xs.dtype)
        run = layers.apply(
            self.layer, params, jnp.concatenate([xs, zeros]), lengths=longer, **given
        )

        return Unrolled(
            run.outputs[self.k :],
            jax.tree.map(lambda s: s[self.k :], run.states),
            after_the_end(self.layer, run.states, state, lengths, T),
        )


@dataclass(frozen=True)
class Chunked(Wrapper):
    """Chunked bidirection: read on to the end of a chunk, never of the whole sequence.

    The sequence is cut into chunks of `chunk` steps. The forward sweep goes through all
    of it, as always. The backward sweep starts anew, from a zero state, `ahead` steps
    after the end of each chunk (or at the end of the sequence, if that comes first) and
    its states are kept inside the chunk. So the first step of a chunk sees
    chunk - 1 + ahead steps of the future, the last one `ahead`.

    bidirectional: the layer to run; a chunk as long as the sequence gives back its own
    outputs. chunk: 1 or more. ahead: 0 or more; each chunk costs that many steps again.

    `last`, as that of `Bidirectional`, holds the forward state after the last step and
    the backward one at step 1. Of a `state` the backward part is not used, since every
    backward sweep starts from zeros: with ahead=0, a sequence may be handed over in
    calls of whole chunks, each with the `last` of the one before.

    Source: Zhang et al. (2016), the latency-controlled bidirectional LSTM.
    """

    bidirectional: Bidirectional
    chunk: Integral
    ahead: Integral = 0

    def __post_init__(self):
        validate.instance("bidirectional", self.bidirectional, Bidirectional)
        object.__setattr__(self, "chunk", validate.positive_int("chunk", self.chunk))
        object.__setattr__(self, "ahead", at_least_0("ahead", self.ahead))

    @property
    def core(self):
        return self.bidirectional

    def run(self, params, xs, *, state, lengths, key, **options) -> Unrolled:
        validate.instance("params", params, BothWays)
        state = BothWays(None, None) if state is None else state
        validate.instance("state", state, BothWays)
        xs, T, batch = with_steps(xs)
        cells = self.bidirectional.cells
        ahead = layers.apply(
            cells.forward,
            params.forward,
            xs,
            state=state.forward,
            lengths=lengths,
            **options,
        )
        # every chunk with what follows it, side by side as one more axis of the batch
        chunk = min(self.chunk, T)
        starts = np.arange(0, T, chunk)
        steps = np.arange(min(chunk + self.ahead, T))[:, None] + starts
        windows = xs[np.minimum(steps, T - 1)]
        ends = jnp.full(batch, T) if lengths is None else jnp.asarray(lengths)
        firsts = starts.reshape(-1, *[1] * len(batch))
        back = layers.apply_cell(
            cells.backward,
            params.backward,
            windows,
            None,
            jnp.clip(ends.astype(int) - firsts, 0, len(steps)),
            options,
            reverse=True,
        )

        def side_by_side(values):  # (steps, chunks, ...) -> (T, ...)
            values = jnp.swapaxes(values[:chunk], 0, 1)
            return values.reshape(-1, *values.shape[2:])[:T]

        states = jax.tree.map(side_by_side, back.states)
        last = jax.tree.map(lambda s: s[0], back.last)
        back = Unrolled(states.a, states, last)
        return layers.merged(self.bidirectional, ahead, back)


def latency(layer, T: Integral) -> Int[np.ndarray, " T"]:
    """How many steps after step t the output for t can be given, for t = 1..T.

    0 for a cell, min(k, T - t) for a look-ahead of k, T - t for `Bidirectional`. A
    tower waits for all its layers. The mean is the usual wait, the largest the worst,
    index 0 the time to the first output. layer: any that `layers.apply` runs.
    """
    T = validate.positive_int("T", T)
    validate.instance("layer", layer, layers.KINDS)
    return furthest(layer, np.arange(T), T) - np.arange(T)


def furthest(layer, steps, T):
    """The last input step that a layer's outputs at these steps depend on."""
    if isinstance(layer, Stacked):
        for inner in reversed(layer.layers):
            steps = furthest(inner, steps, T)
        return steps
    if isinstance(layer, Bidirectional):
        return np.full_like(steps, T - 1)
    if isinstance(layer, LookAhead):
        return np.minimum(furthest(layer.layer, steps, T) + layer.k, T - 1)
    if isinstance(layer, Chunked):
        end = (steps // layer.chunk + 1) * layer.chunk - 1
        return np.minimum(end + layer.ahead, T - 1)
    validate.instance("layer", layer, Cell)
    return steps


def left_to_right(layer):
    """Refuse a layer that reads ahead already."""
    validate.instance("layer", layer, layers.KINDS)
    if isinstance(layer, Bidirectional | Wrapper):
        raise ValueError(
            f"layer must be a cell or a tower of cells, got {layer!r}, which reads "
            "ahead already"
        )
    for inner in layer.layers if isinstance(layer, Stacked) else ():
        left_to_right(inner)


def at_least_0(name, value):
    if value == 0 and not isinstance(value, bool | float):
        return 0
    try:
        return validate.positive_int(name, value)
    except ValueError:
        raise ValueError(f"{name} must be at least 0, got {value}") from None


def with_steps(xs):
    """xs as an array (T, ...), its T >= 1 and its batch axes."""
    xs = validate.as_input("xs", xs)
    axes = validate.leading_axes(xs)
    if len(axes) < 1 or axes[0] < 1:
        wanted = "(T, ...)" if validate.is_tokens(xs) else "(T, ..., n_x)"
        raise ValueError(f"xs has shape {xs.shape}, but needs {wanted} with T >= 1")
    return xs, axes[0], axes[1:]


def vectors(layer, params, xs) -> Array:
    """Inputs with a feature axis: tokens as one-hot vectors, NaN for an id outside."""
    if not validate.is_tokens(xs):
        return xs
    while isinstance(layer, Stacked):
        if not isinstance(params, tuple) or len(params) != len(layer.layers):
            raise ValueError(
                f"params must be a tuple with one entry for each of the "
                f"{len(layer.layers)} layers"
            )
        layer, params = layer.layers[0], params[0]
    n_x = validate.features(layer, params, "xs", xs)
    validate.tokens_in_range("xs", xs, n_x)
    dtype = jnp.result_type(*jax.tree.leaves(params))
    outside = (xs < 0) | (xs >= n_x)
    return jnp.where(outside[..., None], jnp.nan, jax.nn.one_hot(xs, n_x, dtype=dtype))


def after_the_end(layer, states, state, lengths, T):
    """The states after the last real step, out of those of a run that went on."""
    if isinstance(layer, Stacked):
        starts = (None,) * len(layer.layers) if state is None else state
        rows = zip(layer.layers, states, starts, strict=True)
        return tuple(after_the_end(*row, lengths, T) for row in rows)
    real = jax.tree.map(lambda s: s[:T], states)
    return layers.final_state(real, state, lengths, reverse=False)
