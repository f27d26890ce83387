"""The cups game: things in a row change places, and where does each stand now?

The answer is a running product in the group of all permutations, whose factors do not
commute: swapping the first two and then the last two is not the same the other way
round. No count and no latch will do; the whole arrangement is the state.
"""

import functools
import itertools
from dataclasses import dataclass
from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from companion.tasks.balance import best_guess
from companion.tasks.base import Sample, Task, whole

__all__ = ["Permutations", "arrangements", "swaps"]

MOST = 6  # things: 720 arrangements


@dataclass(frozen=True)
class Permutations(Task):
    """n things in a row; at each of T steps two change places; name the arrangement.

    x<t> is one of the n (n - 1) / 2 swaps of two places, in the order of `swaps(n)`,
    each equally likely. The target is the arrangement after it, one of n!, numbered as
    in `arrangements(n)`; before the first step it is number 0, (0, 1, ..., n - 1).
    Every step counts. n is 2 to 6: 2 is a clock of period two, 3 has 6 classes, 5 has
    120, and with 5 the group stops being solvable.

    What can be scored, per step (accuracy, or cross-entropy): 1 with a memory of one
    arrangement. For the memoryless and for chance the scores are those of the best
    answer under the exact distribution of (x<t>, y<t>), with all t equally likely.
    """

    n: Integral = 3
    T: Integral = 16
    best_accuracy = 1.0
    best_loss = 0.0

    def __post_init__(self):
        whole("n", self.n, 2, "things")
        whole("T", self.T, 1)
        if self.n > MOST:
            raise ValueError(f"n must be at most {MOST}, got {self.n}")

    @property
    def n_x(self) -> int:
        return len(swaps(self.n))

    @property
    def n_y(self) -> int:
        return len(arrangements(self.n))

    @property
    def chance_accuracy(self) -> float:
        return best_guess(joint(self.n, self.T).sum(axis=0, keepdims=True))[0]

    @property
    def chance_loss(self) -> float:
        return best_guess(joint(self.n, self.T).sum(axis=0, keepdims=True))[1]

    @property
    def memoryless_accuracy(self) -> float:
        return best_guess(joint(self.n, self.T))[0]

    @property
    def memoryless_loss(self) -> float:
        return best_guess(joint(self.n, self.T))[1]

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        xs = jax.random.randint(key, (*axes, self.T), 0, self.n_x)
        after = jnp.asarray(moves(self.n))

        def step(now, x):
            now = after[now, x]
            return now, now

        _, ys = jax.lax.scan(step, jnp.zeros(axes, int), jnp.moveaxis(xs, -1, 0))
        return Sample(xs, jnp.moveaxis(ys, 0, -1), jnp.ones(xs.shape, bool))


def swaps(n: Integral) -> list[tuple[int, int]]:
    """The pairs of places, first (0, 1), then (0, 2), ..."""
    return list(itertools.combinations(range(n), 2))


def arrangements(n: Integral) -> list[tuple[int, ...]]:
    """All orders of the things 0..n-1, in the order of a dictionary."""
    return list(itertools.permutations(range(n)))


@functools.cache
def moves(n: int) -> np.ndarray:
    """(n!, number of swaps): which arrangement a swap makes of each."""
    number = {order: i for i, order in enumerate(arrangements(n))}
    table = np.empty((len(number), len(swaps(n))), int)
    for order, i in number.items():
        for x, (first, second) in enumerate(swaps(n)):
            new = list(order)
            new[first], new[second] = new[second], new[first]
            table[i, x] = number[tuple(new)]
    return table


@functools.cache
def joint(n: int, T: int) -> np.ndarray:
    """How often x<t> stands beside y<t>, all sequences and steps: (n_x, n!)."""
    after = moves(n)
    states, n_x = after.shape
    before, table = np.eye(states)[0], np.zeros((n_x, states))
    for _ in range(T):
        at_t = np.zeros((n_x, states))
        for x in range(n_x):
            at_t[x, after[:, x]] = before / n_x  # a swap maps arrangements one to one
        table, before = table + at_t / T, at_t.sum(axis=0)
    return table
