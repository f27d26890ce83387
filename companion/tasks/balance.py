"""A running sum: counting up and down, at every step, with a dial that ends."""

import functools
import math
from dataclasses import dataclass
from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from companion import validate
from companion.tasks.base import Sample, Task

__all__ = ["Balance"]


@dataclass(frozen=True)
class Balance(Task):
    """The running sum of steps down and up, read off a dial from -limit to limit.

    x<t> is 0 (down, -1) or 1 (up, +1), each equally likely at each of T steps. With
    s<t> the sum of all steps so far, the target is s<t> cut to [-limit, limit], as a
    class 0..2 limit: class `limit` is a sum of zero. The dial ends, the sum does not:
    ten steps beyond the end of the dial take ten steps to come back. Every step counts.

    What can be scored, per step (accuracy, or cross-entropy): 1 with a counter. For the
    memoryless and for chance the scores are those of the best answer under the exact
    distribution of (x<t>, y<t>), with all t equally likely.
    """

    T: Integral = 24
    limit: Integral = 4
    n_x = 2
    best_accuracy = 1.0
    best_loss = 0.0

    def __post_init__(self):
        validate.positive_int("T", self.T)
        validate.positive_int("limit", self.limit)

    @property
    def n_y(self) -> Integral:
        return 2 * self.limit + 1

    @property
    def chance_accuracy(self) -> float:
        return best_guess(joint(self.T, self.limit).sum(axis=0, keepdims=True))[0]

    @property
    def chance_loss(self) -> float:
        return best_guess(joint(self.T, self.limit).sum(axis=0, keepdims=True))[1]

    @property
    def memoryless_accuracy(self) -> float:
        return best_guess(joint(self.T, self.limit))[0]

    @property
    def memoryless_loss(self) -> float:
        return best_guess(joint(self.T, self.limit))[1]

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        xs = jax.random.randint(key, (*axes, self.T), 0, 2)
        sums = jnp.cumsum(2 * xs - 1, axis=-1)
        ys = jnp.clip(sums, -self.limit, self.limit) + self.limit
        return Sample(xs, ys, jnp.ones(xs.shape, bool))


@functools.cache
def joint(T: int, limit: int) -> Float[np.ndarray, "n_x n_y"]:
    """How often x<t> stands beside y<t>, over all sequences and all steps."""
    table = np.zeros((2, 2 * limit + 1))
    for t in range(1, T + 1):
        for ups in range(t):  # among the t - 1 steps before
            share = math.comb(t - 1, ups) / 2**t / T
            for x in (0, 1):
                total = 2 * ups - (t - 1) + 2 * x - 1
                table[x, min(max(total, -limit), limit) + limit] += share
    return table


def best_guess(table: Float[np.ndarray, "seen n_y"]) -> tuple[float, float]:
    """Accuracy and loss of the best answer to each row of a joint distribution."""
    rows = table.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = -np.nansum(table * np.log(table / rows))
    return float(table.max(axis=1).sum()), float(loss)
