"""Models: a layer with an output layer on top, batch first at the user's edge."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from companion import layers, validate
from companion.cells import Cell, times
from companion.validate import Given

__all__ = ["ManyToMany", "ModelParams", "Readout", "ReadoutParams"]


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
        W_y = jax.nn.initializers.glorot_uniform()(key, (self.n_y, n_a), dtype)
        return ReadoutParams(W_y, jnp.zeros(self.n_y, dtype))

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


class ModelParams(NamedTuple):
    layer: Any
    readout: ReadoutParams


@dataclass(frozen=True)
class ManyToMany:
    """One output for every input step: any layer, then a `Readout` of n_y at each t."""

    layer: Any
    n_y: int

    def __post_init__(self):
        kinds = (Cell, layers.Bidirectional, layers.Stacked)
        validate.instance("layer", self.layer, kinds)
        validate.positive_int("n_y", self.n_y)

    @property
    def readout(self) -> Readout:
        return Readout(self.n_y)

    def init(self, key: Array, n_x: int, dtype=None) -> ModelParams:
        """Fresh parameters for inputs of n_x features (or n_x different tokens)."""
        below, above = jax.random.split(key)
        return ModelParams(
            self.layer.init(below, n_x, dtype),
            self.readout.init(above, layers.width(self.layer), dtype),
        )

    def logits(
        self,
        params: ModelParams,
        xs,
        lengths=None,
        *,
        key: Array | None = None,
        window: int | None = None,
        checkpoint: bool = False,
        fast: bool = True,
    ) -> Float[Array, "batch T n_y"]:
        """Logits of every step: (batch, T, n_x) or ids (batch, T) -> (batch, T, n_y).

        lengths: (batch,), true lengths; logits past them mean nothing, so mask the
        loss. key: switches dropout on. window, checkpoint, fast: as in `unroll`.
        """
        validate.instance("params", params, ModelParams)
        xs = validate.as_input("xs", xs)
        wanted = 2 if validate.is_tokens(xs) else 3
        if xs.ndim != wanted:
            names = "(batch, T)" if wanted == 2 else "(batch, T, n_x)"
            raise ValueError(f"xs has shape {xs.shape}, but needs {names}")
        time_major = jnp.swapaxes(xs, 0, 1)
        run = layers.apply(
            self.layer,
            params.layer,
            time_major,
            lengths=lengths,
            key=key,
            window=window,
            checkpoint=checkpoint,
            fast=fast,
        )
        return jnp.swapaxes(self.readout.logits(params.readout, run.outputs), 0, 1)
