"""Fresh weights: the draws of which every `init` of the package is made.

Each shape needs a program of its own, which runs once. So a matrix is drawn by one
small program and not by half a dozen, and outside of other compiled code it is compiled
without optimising: a third of the time, and the run is too short to notice.
"""

from functools import partial, wraps

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["glorot", "orthogonal", "orthogonal_and_glorot", "zeros"]

UNOPTIMISED = {"xla_backend_optimization_level": 0}


def runs_once(draw, shapes):
    """Compile `draw(*keys, **shapes)` quickly; as part of another program, as usual."""
    static = partial(jax.jit, static_argnames=shapes)
    inside, alone = static(draw), static(draw, compiler_options=UNOPTIMISED)

    @wraps(draw)
    def drawn(*keys, **given):
        traced = any(isinstance(key, jax.core.Tracer) for key in keys)
        return (inside if traced else alone)(*keys, **given)

    return drawn


@partial(runs_once, shapes=("shape", "dtype"))
def glorot(key: Array, *, shape, dtype) -> Array:
    """Glorot uniform: of variance 2 / (rows + columns)."""
    return jax.nn.initializers.glorot_uniform()(key, shape, dtype)


@partial(runs_once, shapes=("shape", "dtype"))
def orthogonal(key: Array, *, shape, dtype) -> Array:
    """Orthogonal; where the matrix is not square, its shorter side is orthonormal."""
    return jax.nn.initializers.orthogonal()(key, shape, dtype)


@partial(runs_once, shapes=("shape", "n_x", "dtype"))
def orthogonal_and_glorot(for_a: Array, for_x: Array, *, shape, n_x, dtype) -> Array:
    """[W_aa | W_ax]: orthogonal, of a shape (n_a, n_a) or not, and Glorot."""
    W_aa = jax.nn.initializers.orthogonal()(for_a, shape, dtype)
    W_ax = jax.nn.initializers.glorot_uniform()(for_x, (shape[0], n_x), dtype)
    return jnp.concatenate([W_aa, W_ax], axis=1)


def zeros(shape, dtype) -> Array:
    """Zeros by way of NumPy, since `jnp.zeros` compiles for each shape."""
    return jnp.asarray(np.zeros(shape, dtype))
