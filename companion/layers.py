"""Layers: cells composed over direction and depth.

A layer is a cell, a `Bidirectional` pair of cells, or a `Stacked` tower of layers. All
three are run by `apply`, time first, and say what they hand upward and what they hold:

    tower = Stacked((Bidirectional(LSTM(64)), GRU(32)), dropout=0.2)
    params = tower.init(key, n_x=28)
    outputs, states, last = apply(tower, params, xs, lengths=lengths, key=dropout_key)

A `Wrapper` runs one of them in another way; those of the package are in `streaming`.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Shaped

from companion import validate
from companion.cells import Cell
from companion.unroll import unroll
from companion.validate import Given

__all__ = [
    "Bidirectional",
    "BothWays",
    "Stacked",
    "Unrolled",
    "Wrapper",
    "apply",
    "width",
]


class Unrolled(NamedTuple):
    """A layer run over a sequence.

    outputs: what it hands upward, (T, ..., width).
    states: every state it went through, with fields (T, ..., n_a).
    last: the final states, ready to be the `state` of the next call.

    For a cell the two hold its state NamedTuple, for `Bidirectional` a `BothWays` of
    them, for `Stacked` a tuple with one entry a layer.
    """

    outputs: Float[Array, "T *batch n_out"]
    states: Any
    last: Any


class BothWays(NamedTuple):
    """Something of the left-to-right cell, and the same of the right-to-left one."""

    forward: Any
    backward: Any


@dataclass(frozen=True)
class Bidirectional:
    """Two cells with weights of their own; one reads each sequence from its end.

    backward: the cell that reads right to left; None for another one like `forward`.
    merge: "concat" hands on [a->, a<-], "sum" their sum (which needs equal n_a).

    Source: Schuster and Paliwal (1997).
    """

    forward: Cell
    backward: Cell | None = None
    merge: Literal["concat", "sum"] = "concat"

    def __post_init__(self):
        validate.one_of("merge", self.merge, ("concat", "sum"))
        for name, cell in zip(("forward", "backward"), self.cells, strict=True):
            validate.instance(name, cell, Cell)
        sizes = [cell.n_a for cell in self.cells]
        if self.merge == "sum" and sizes[0] != sizes[1]:
            raise ValueError(
                f"merge='sum' needs cells of equal n_a, got {sizes[0]} and {sizes[1]}"
            )

    @property
    def cells(self) -> BothWays:
        return BothWays(self.forward, self.backward or self.forward)

    def init(self, key: Array, n_x: int, dtype=None) -> BothWays:
        """Fresh parameters, different in the two directions."""
        keys = jax.random.split(key)
        pairs = zip(self.cells, keys, strict=True)
        return BothWays(*[cell.init(k, n_x, dtype) for cell, k in pairs])


class Wrapper:
    """A layer that runs another one, its `core`, in another way.

    Parameters, width and the kind of `last` are the core's, so what was trained in one
    way can be run in the other. A wrapper of your own is a frozen dataclass with a
    `core` (a field, or a property) and `run`, which `apply` calls with its own options
    (state, lengths, key, and those of `unroll`) and which returns an `Unrolled`.
    """

    core: Any

    def init(self, key: Array, n_x: int, dtype=None):
        """Fresh parameters: the core's."""
        return self.core.init(key, n_x, dtype)

    def run(self, params, xs, *, state, lengths, key, **options) -> Unrolled:
        raise NotImplementedError


@dataclass(frozen=True)
class Stacked:
    """A tower: layer l reads what layer l - 1 hands up, each with weights of its own.

        a^[l]<t> = g(W_a^[l][a^[l]<t-1>, a^[l-1]<t>] + b_a^[l]),   a^[0] = x

    layers: the layers from the bottom up, any mix of cells, `Bidirectional` and others.
    dropout: share of the values set to zero between layers, never inside a recurrence,
        when `apply` is given a key (after Zaremba et al. 2014, who drop x and the top
        output as well).
    residual: every layer but the first adds its input to its output; equal widths.
    """

    layers: tuple
    dropout: float = 0.0
    residual: bool = False

    def __post_init__(self):
        object.__setattr__(self, "layers", tuple(self.layers))
        if not self.layers:
            raise ValueError("layers must hold at least one layer, got none")
        for number, layer in enumerate(self.layers, 1):
            validate.instance(f"layer {number}", layer, KINDS)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in [0, 1), got {self.dropout}")
        widths = [width(layer) for layer in self.layers]
        if self.residual and len(set(widths)) > 1:
            raise ValueError(f"residual=True needs layers of one width, got {widths}")

    def init(self, key: Array, n_x: int, dtype=None) -> tuple:
        """Fresh parameters, one entry a layer."""
        keys = jax.random.split(key, len(self.layers))
        inputs = [n_x, *[width(layer) for layer in self.layers[:-1]]]
        triples = zip(self.layers, keys, inputs, strict=True)
        return tuple(layer.init(k, n, dtype) for layer, k, n in triples)


KINDS = (Cell, Bidirectional, Stacked, Wrapper)


def width(layer) -> int:
    """How many numbers a layer hands upward at each step."""
    if isinstance(layer, Wrapper):
        return width(layer.core)
    if isinstance(layer, Stacked):
        return width(layer.layers[-1])
    if isinstance(layer, Bidirectional):
        sizes = [cell.n_a for cell in layer.cells]
        return sizes[0] if layer.merge == "sum" else sum(sizes)
    return layer.n_a


def apply(
    layer,
    params,
    xs: Shaped[Given, "T ..."],
    *,
    state=None,
    lengths=None,
    key: Array | None = None,
    window: int | None = None,
    checkpoint: bool = False,
    fast: bool = True,
    parallel: bool | str = False,
) -> Unrolled:
    """Run any layer over a sequence.

    xs: (T, ..., n_x) floats or (T, ...) token ids. state: as `last` of an earlier call,
    None for zeros. lengths: (...), true lengths. key: switches dropout on.
    window, checkpoint, fast, parallel: as in `unroll`, for every cell in the layer.
    """
    options = {"window": window, "checkpoint": checkpoint, "fast": fast}
    options["parallel"] = parallel
    if isinstance(layer, Stacked):
        return apply_stacked(layer, params, xs, state, lengths, key, options)
    if isinstance(layer, Bidirectional):
        return apply_both_ways(layer, params, xs, state, lengths, options)
    if isinstance(layer, Wrapper):
        given = {"state": state, "lengths": lengths, "key": key, **options}
        return layer.run(params, xs, **given)
    validate.instance("layer", layer, Cell)
    return apply_cell(layer, params, xs, state, lengths, options)


def apply_cell(cell, params, xs, state, lengths, options, reverse=False):
    states = unroll(
        cell, params, xs, state=state, lengths=lengths, reverse=reverse, **options
    )
    return Unrolled(states.a, states, final_state(states, state, lengths, reverse))


def final_state(states, start, lengths, reverse):
    """The state after the last step taken: step `lengths`, or step 1 when reversed."""
    if lengths is None:
        return jax.tree.map(lambda s: s[0 if reverse else -1], states)
    lengths = jnp.asarray(lengths)
    taken = 0 * lengths if reverse else jnp.where(lengths > 0, lengths - 1, 0)

    def pick(s, first):
        end = jnp.take_along_axis(s, taken[None, ..., None], axis=0)[0]
        return end if first is None else jnp.where(lengths[..., None] > 0, end, first)

    first = jax.tree.map(lambda s: None, states) if start is None else start
    return type(states)(*map(pick, states, first))


def apply_both_ways(layer, params, xs, state, lengths, options):
    validate.instance("params", params, BothWays)
    state = BothWays(None, None) if state is None else state
    validate.instance("state", state, BothWays)
    cells = layer.cells
    ahead = apply_cell(
        cells.forward, params.forward, xs, state.forward, lengths, options
    )
    back = apply_cell(
        cells.backward,
        params.backward,
        xs,
        state.backward,
        lengths,
        options,
        reverse=True,
    )
    return merged(layer, ahead, back)


def merged(layer: Bidirectional, ahead: Unrolled, back: Unrolled) -> Unrolled:
    """The two directions, run apart, as what the layer hands upward and holds."""
    if layer.merge == "sum":
        outputs = ahead.outputs + back.outputs
    else:
        outputs = jnp.concatenate([ahead.outputs, back.outputs], axis=-1)
    states = BothWays(ahead.states, back.states)
    return Unrolled(outputs, states, BothWays(ahead.last, back.last))


def apply_stacked(layer, params, xs, state, lengths, key, options):
    number = len(layer.layers)
    state = (None,) * number if state is None else state
    for name, given in (("params", params), ("state", state)):
        if not isinstance(given, tuple) or len(given) != number:
            raise ValueError(
                f"{name} must be a tuple with one entry for each of the {number} layers"
            )
    keys = [None] * number if key is None else jax.random.split(key, 2 * number)
    outputs, runs = xs, []
    for i, below in enumerate(layer.layers):
        inputs = outputs
        if i > 0 and key is not None and layer.dropout > 0:
            inputs = drop(keys[2 * i], inputs, layer.dropout)
        inner = None if key is None else keys[2 * i + 1]
        run = apply(
            below,
            params[i],
            inputs,
            state=state[i],
            lengths=lengths,
            key=inner,
            **options,
        )
        outputs = run.outputs + outputs if layer.residual and i > 0 else run.outputs
        runs.append(run)
    return Unrolled(outputs, tuple(r.states for r in runs), tuple(r.last for r in runs))


def drop(key: Array, x: Float[Array, "..."], share: float) -> Float[Array, "..."]:
    """Set a share of the values to zero and scale the rest up, so the mean stays."""
    kept = jax.random.bernoulli(key, 1 - share, x.shape)
    return jnp.where(kept, x / (1 - share), 0)
