"""The types of RNN that are given their whole input: one layer, wired in three ways.

    OneToOne    x  -> y     one step: a plain network
    ManyToOne   xs -> y     one answer about a whole sequence
    ManyToMany  xs -> ys    an answer at every step

(The two that read their own outputs, OneToMany and EncoderDecoder, are in `feedback`.)

Each is a layer (a cell, `Bidirectional` or `Stacked`) with a `Readout` on top, or with
inner=(64,) a `DeepReadout`; batch first at the user's edge. Each runs on
`layers.apply`, whose options all of them take: key switches dropout on; window,
checkpoint, fast and parallel are as in `unroll`.

    model = ManyToOne(LSTM(64), n_y=5, pool="mean")
    params = model.init(key, n_x=len(vocabulary))
    logits = model.logits(params, ids, lengths)    # ids (batch, T) -> (batch, 5)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from companion import initial, layers, validate
from companion.cells import times
from companion.deep_cells import upper_layers
from companion.unroll import length_mask
from companion.validate import Given

__all__ = [
    "DeepReadout",
    "DeepReadoutParams",
    "ManyToMany",
    "ManyToOne",
    "ModelParams",
    "OneToOne",
    "Readout",
    "ReadoutParams",
]

LAYERS = layers.KINDS


class ReadoutParams(NamedTuple):
    W_y: Float[Array, "n_y n_a"]
    b_y: Float[Array, " n_y"]


@dataclass(frozen=True)
class Readout:
    """The output layer before its nonlinearity g2: z_y<t> = W_y a<t> + b_y.

    What comes out are logits: softmax of them for one class of n_y, sigmoid for n_y
    yes-or-no answers, as they are for n_y real numbers.
    """

    n_y: int

    def __post_init__(self):
        validate.positive_int("n_y", self.n_y)

    def init(self, key: Array, n_a: int, dtype=None) -> ReadoutParams:
        """Fresh parameters: W_y Glorot uniform, b_y zero."""
        dtype = validate.float_dtype(dtype)
        W_y = initial.glorot(key, shape=(self.n_y, n_a), dtype=dtype)
        return ReadoutParams(W_y, initial.zeros(self.n_y, dtype))

    def logits(
        self, params: ReadoutParams, a: Float[Given, "..."]
    ) -> Float[Array, "..."]:
        """W_y a + b_y: (..., n_a) -> (..., n_y)."""
        validate.instance("params", params, ReadoutParams)
        a = validate.as_input("a", a, "floats")
        if a.ndim == 0 or params.W_y.shape != (self.n_y, a.shape[-1]):
            raise ValueError(
                f"a has shape {a.shape} and params.W_y {params.W_y.shape}, but "
                f"{self!r} needs (..., n_a) and ({self.n_y}, n_a)"
            )
        if params.b_y.shape != (self.n_y,):
            raise ValueError(
                f"params.b_y has shape {params.b_y.shape}, but {self!r} needs "
                f"({self.n_y},)"
            )
        return times(params.W_y, a) + params.b_y


class DeepReadoutParams(NamedTuple):
    """W_y^[1] (n_1, n_a), W_y^[2] (n_2, n_1), ..., W_y^[k] (n_y, n_k-1)."""

    W_y: tuple[Float[Array, "_ _"], ...]
    b_y: tuple[Float[Array, " _"], ...]


@dataclass(frozen=True)
class DeepReadout:
    """A network for the output layer, the same at every step (Pascanu et al. 2014).

        z_y<t> = W_y^[k] g( ... g(W_y^[1] a<t> + b_y^[1]) ... ) + b_y^[k]

    inner: units of the layers below the last, bottom first; () is the `Readout`.
    activation: g, between the layers.

    It deepens the way from a<t> to y<t> and leaves the recurrence as it is.
    """

    n_y: int
    inner: Sequence[int] = (64,)
    activation: Callable[[Array], Array] = jnp.tanh

    def __post_init__(self):
        validate.positive_int("n_y", self.n_y)
        object.__setattr__(self, "inner", validate.sizes("inner", self.inner))

    def shapes(self, n_a: int) -> DeepReadoutParams:
        """The shapes of the parameters, layer by layer, above an a<t> of n_a."""
        sizes = (*self.inner, self.n_y)
        W_y = tuple(zip(sizes, (n_a, *self.inner), strict=True))
        return DeepReadoutParams(W_y, tuple((n,) for n in sizes))

    def init(self, key: Array, n_a: int, dtype=None) -> DeepReadoutParams:
        """Fresh parameters: every W_y Glorot uniform, every b_y zero."""
        dtype = validate.float_dtype(dtype)
        shapes = self.shapes(validate.positive_int("n_a", n_a))
        keys = jax.random.split(key, len(shapes.W_y))
        pairs = zip(keys, shapes.W_y, strict=True)
        W_y = tuple(initial.glorot(k, shape=s, dtype=dtype) for k, s in pairs)
        b_y = tuple(initial.zeros(s, dtype) for s in shapes.b_y)
        return DeepReadoutParams(W_y, b_y)

    def logits(
        self, params: DeepReadoutParams, a: Float[Given, "..."]
    ) -> Float[Array, "..."]:
        """(..., n_a) -> (..., n_y)."""
        validate.instance("params", params, DeepReadoutParams)
        a = validate.as_input("a", a, "floats")
        if a.ndim == 0:
            raise ValueError(f"a has shape (), but {self!r} needs (..., n_a)")
        needs = f"{self!r} above an a of shape {a.shape}"
        for name, shapes in self.shapes(a.shape[-1])._asdict().items():
            validate.shaped(f"params.{name}", getattr(params, name), shapes, needs)
        z = times(params.W_y[0], a) + params.b_y[0]
        return upper_layers(params.W_y[1:], params.b_y[1:], z, self.activation)


class ModelParams(NamedTuple):
    layer: Any
    readout: ReadoutParams | DeepReadoutParams


@dataclass(frozen=True)
class Wiring:
    """What the wirings share: a layer, and a `Readout` of n_y logits on top of it.

    inner: given by name; with it the readout is the `DeepReadout` of these sizes.
    """

    layer: Any
    n_y: int
    inner: Sequence[int] = field(default=(), kw_only=True)

    def __post_init__(self):
        validate.instance("layer", self.layer, LAYERS)
        validate.positive_int("n_y", self.n_y)
        object.__setattr__(self, "inner", validate.sizes("inner", self.inner))

    @property
    def readout(self) -> Readout | DeepReadout:
        return DeepReadout(self.n_y, self.inner) if self.inner else Readout(self.n_y)

    def init(self, key: Array, n_x: int, dtype=None) -> ModelParams:
        """Fresh parameters for inputs of n_x features (or n_x different tokens)."""
        below, above = jax.random.split(key)
        return ModelParams(
            self.layer.init(below, n_x, dtype),
            self.readout.init(above, layers.width(self.layer), dtype),
        )

    def run(self, params: ModelParams, xs, lengths=None, **options) -> layers.Unrolled:
        """The layer over (batch, T, n_x) or ids (batch, T). Returns it time first."""
        validate.instance("params", params, ModelParams)
        xs = time_first("xs", xs)
        return layers.apply(self.layer, params.layer, xs, lengths=lengths, **options)


@dataclass(frozen=True)
class OneToOne(Wiring):
    """One input, one output, one step: with a plain RNN, a network of one hidden layer.

    y_hat = g2(W_y g1(W_ax x + b_a) + b_y): a<0> is zero, so W_aa has nothing to do.
    """

    def logits(self, params: ModelParams, x, **options) -> Float[Array, "batch n_y"]:
        """(batch, n_x) or ids (batch,) -> (batch, n_y)."""
        x = validate.as_input("x", x)
        wanted = "(batch,)" if validate.is_tokens(x) else "(batch, n_x)"
        if len(validate.leading_axes(x)) != 1 or x.ndim == 0:
            raise ValueError(f"x has shape {x.shape}, but needs {wanted}")
        run = self.run(params, x[:, None], **options)
        return self.readout.logits(params.readout, run.outputs[0])


@dataclass(frozen=True)
class ManyToOne(Wiring):
    """One answer about a whole sequence, from its states pooled into one vector.

    pool: "last" takes what the layer shows when it has read everything (the last real
    step; in a backward cell the first), "mean" and "max" are over the real steps. A
    sequence of length 0 pools to zeros.
    """

    pool: Literal["last", "mean", "max"] = "last"

    def __post_init__(self):
        super().__post_init__()
        validate.one_of("pool", self.pool, ("last", "mean", "max"))

    def logits(
        self, params: ModelParams, xs, lengths=None, **options
    ) -> Float[Array, "batch n_y"]:
        """(batch, T, n_x) or ids (batch, T), lengths (batch,) -> (batch, n_y)."""
        run = self.run(params, xs, lengths, **options)
        return self.readout.logits(params.readout, self.pooled(run, lengths))

    def pooled(self, run: layers.Unrolled, lengths) -> Float[Array, "batch n"]:
        if self.pool == "last":
            return last_output(self.layer, run.last)
        T, batch = run.outputs.shape[:2]
        lengths = jnp.full(batch, T) if lengths is None else jnp.asarray(lengths)
        real, steps = length_mask(lengths, T)[..., None], lengths[:, None]
        if self.pool == "mean":  # outputs past the lengths are zero
            return run.outputs.sum(axis=0) / jnp.maximum(steps, 1)
        largest = run.outputs.max(axis=0, where=real, initial=-jnp.inf)
        return jnp.where(steps > 0, largest, 0)


@dataclass(frozen=True)
class ManyToMany(Wiring):
    """One output for every input step: any layer, then a `Readout` of n_y at each t."""

    def logits(
        self, params: ModelParams, xs, lengths=None, **options
    ) -> Float[Array, "batch T n_y"]:
        """Logits of every step: (batch, T, n_x) or ids (batch, T) -> (batch, T, n_y).

        lengths: (batch,), true lengths; logits past them mean nothing, so mask the
        loss.
        """
        run = self.run(params, xs, lengths, **options)
        return jnp.swapaxes(self.readout.logits(params.readout, run.outputs), 0, 1)


def time_first(name, xs) -> Array:
    """(batch, T, n_x) or ids (batch, T) with the first two axes exchanged."""
    xs = validate.as_input(name, xs)
    wanted = "(batch, T)" if validate.is_tokens(xs) else "(batch, T, n_x)"
    if xs.ndim != wanted.count(",") + 1:
        raise ValueError(f"{name} has shape {xs.shape}, but needs {wanted}")
    return jnp.swapaxes(xs, 0, 1)


def last_output(layer, last) -> Float[Array, "*batch n"]:
    """What a layer hands upward from its final state."""
    if isinstance(layer, layers.Stacked):
        pairs = zip(layer.layers, last, strict=True)
        each = [last_output(inner, state) for inner, state in pairs]
        return sum(each) if layer.residual else each[-1]
    if isinstance(layer, layers.Wrapper):
        return last_output(layer.core, last)
    if isinstance(layer, layers.Bidirectional):
        ends = [state.a for state in last]
        return sum(ends) if layer.merge == "sum" else jnp.concatenate(ends, axis=-1)
    return last.a
