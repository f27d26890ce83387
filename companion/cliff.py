"""One unit, two parameters: a loss surface with a cliff, and descents over it.

A sigmoid unit hears nothing and listens to itself for fifty steps,

    a<t> = sigmoid(w a<t-1> + b),  a<0> = 0.5,

and should end at 0.7. Two numbers, w and b, make a surface one can look at (after
Pascanu, Mikolov and Bengio 2013, figure 6). Where the end of the run tips from one
resting place to another, the loss has a cliff, and on it the gradient is as large as a
product of fifty factors above 1 can be.
"""

from numbers import Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from companion import validate

__all__ = ["Descent", "Surface", "descend", "ends", "loss", "starts", "surface"]

T, START, TARGET = 50, 0.5, 0.7
W_RANGE, B_RANGE = (0.0, 9.0), (-6.0, 2.0)
SOLVED = 0.01


class Surface(NamedTuple):
    """The loss and the length of its gradient over a grid; row i is b[i]."""

    w: np.ndarray  # (points,)
    b: np.ndarray  # (points,)
    loss: np.ndarray  # (points, points)
    norm: np.ndarray  # (points, points)


class Descent(NamedTuple):
    """Gradient descents from several starts, one column each; row k is after k steps.

    norms are those of the gradient before it was clipped.
    """

    points: np.ndarray  # (steps + 1, starts, 2)
    losses: np.ndarray  # (steps + 1, starts)
    norms: np.ndarray  # (steps + 1, starts)

    @property
    def solved(self) -> np.ndarray:
        """Whether each start ends with a loss below 0.01; (starts,)."""
        return self.losses[-1] < SOLVED


def ends(w, b) -> jax.Array:
    """a<50> for weights w and biases b, which broadcast against each other."""
    w, b = jnp.broadcast_arrays(jnp.asarray(w, float), jnp.asarray(b, float))

    def body(a, _):
        return jax.nn.sigmoid(w * a + b), None

    return lax.scan(body, jnp.full(w.shape, START, w.dtype), length=T)[0]


def loss(point) -> jax.Array:
    """(a<50> - 0.7)^2 at a point (w, b); (..., 2) -> (...)."""
    point = jnp.asarray(point)
    if point.shape[-1:] != (2,):
        raise ValueError(f"point must be (..., 2), w and b, got shape {point.shape}")
    return (ends(point[..., 0], point[..., 1]) - TARGET) ** 2


_slope = jax.value_and_grad(loss)
_slopes = jax.jit(jax.vmap(jax.vmap(_slope)))


def surface(points: int = 200) -> Surface:
    """The loss and its gradient's length, w in 0..9 and b in -6..2, `points` each."""
    points = validate.positive_int("points", points)
    w, b = np.linspace(*W_RANGE, points), np.linspace(*B_RANGE, points)
    grid = jnp.asarray(np.stack(np.meshgrid(w, b), axis=-1), jnp.float32)
    value, gradient = _slopes(grid)
    norm = np.linalg.norm(np.asarray(gradient, float), axis=-1)
    return Surface(w, b, np.asarray(value, float), norm)


def starts(side: int = 13) -> np.ndarray:
    """side x side starting points on both sides of the cliff; (side^2, 2)."""
    side = validate.positive_int("side", side)
    w, b = np.linspace(4.6, 7.0, side), np.linspace(-3.4, -1.8, side)
    return np.stack(np.meshgrid(w, b), axis=-1).reshape(-1, 2)


def descend(
    points,
    learning_rate: Real = 0.3,
    clip: Real | None = 1.0,
    steps: int = 300,
) -> Descent:
    """Plain gradient descent from every point at once.

    points: (starts, 2), w and b of each. clip: a gradient that is longer is shortened
    to it; None never clips.

    Raises ValueError if learning_rate or clip is not positive.
    """
    points = jnp.asarray(points, jnp.float32)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"points must be (starts, 2), got shape {points.shape}")
    clip = np.inf if clip is None else clip
    if not (learning_rate > 0 and clip > 0):
        raise ValueError(
            f"learning_rate and clip must be positive, got {learning_rate} and {clip}"
        )
    steps = validate.positive_int("steps", steps)
    return Descent(*map(np.asarray, _descend(points, learning_rate, clip, steps)))


# the threshold and the rate are data, so that a slider over them never compiles again
def _one_descent(start, learning_rate, clip, steps):
    def body(point, _):
        value, gradient = _slope(point)
        norm = jnp.sqrt(jnp.sum(gradient**2))
        shorter = jnp.minimum(1.0, clip / jnp.maximum(norm, 1e-30))
        return point - learning_rate * shorter * gradient, (point, value, norm)

    return lax.scan(body, start, length=steps + 1)[1]


_descend = jax.jit(
    jax.vmap(_one_descent, in_axes=(0, None, None, None), out_axes=1),
    static_argnums=3,
)
