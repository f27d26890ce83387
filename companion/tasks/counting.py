"""Two tasks that take a count of the past: all of it (a^n b^n), or its parity."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int

from companion import validate
from companion.tasks.base import Sample, Task, whole
from companion.validate import Given

__all__ = ["Counting", "Parity"]


@dataclass(frozen=True)
class Counting(Task):
    """Strings a^n b^n and an end: as many b as there were a, then stop.

    The tokens are a, b and end (0, 1, 2: `Counting.a`, `Counting.b`, `Counting.end`).
    n is one of 1..longest, equally likely. The target is the next token. A string takes
    2n + 1 steps; behind it all is end, up to T = 2 longest + 1. The steps that count
    are the n at which a b stands. What follows there, b or end, is certain for whoever
    has counted. What follows an a is not, except after `longest` of them, and behind
    the end stands nothing worth predicting.

    What can be scored, per step that counts (accuracy, or cross-entropy): 1 with a
    counter. One who sees the b alone faces, in the mean over all strings, one end in
    E[n] = (longest + 1) / 2 steps: a share of p = 2 / (longest + 1). Always b is right
    in 1 - p, .905 for longest = 20, and always end in p, which is more only for
    longest < 3: the accuracy is the larger of the two. The loss is the entropy of p.
    Since every step that counts holds a b, to see it is to see nothing, and chance is
    the same. Neither ever gets a whole string right for n > 1.
    """

    longest: Integral = 20
    a = 0
    b = 1
    end = 2
    n_x = 3
    n_y = 3
    best_accuracy = 1.0
    best_loss = 0.0

    def __post_init__(self):
        whole("longest", self.longest, 1, "a's")

    @property
    def T(self) -> Integral:
        return 2 * self.longest + 1

    @property
    def memoryless_accuracy(self) -> float:
        ends = 2 / (self.longest + 1)
        return max(ends, 1 - ends)

    @property
    def memoryless_loss(self) -> float:
        return entropy(2 / (self.longest + 1))

    chance_accuracy = memoryless_accuracy
    chance_loss = memoryless_loss

    def strings(self, n: Integral | Sequence[Integral] | Given) -> Sample:
        """The strings of these n, in this order, also of n beyond `longest`.

        n: one number >= 1, or several. Returns a sample (2n + 1,), or for several
        (number of strings, 2 max(n) + 1), the shorter ones filled up with end.
        """
        given = np.asarray(n)
        if given.size == 0:
            raise ValueError("n must hold at least one number, got none")
        if given.ndim > 1 or not np.issubdtype(given.dtype, np.integer):
            raise TypeError(f"n must be whole numbers, one or a row of them, got {n!r}")
        if given.min() < 1:
            raise ValueError(f"n must be at least 1, got {given.min()}")
        return spelled(jnp.asarray(given), 2 * int(given.max()) + 1)

    def lengths(self, xs: Int[Array, "*batch T"]) -> Int[Array, "*batch"]:
        """Steps up to and with the first end, 2n + 1, of the inputs of a sample."""
        return (xs != self.end).sum(axis=-1) + 1

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        n = jax.random.randint(key, axes, 1, self.longest + 1)
        return spelled(n, self.T)


def spelled(n: Int[Array, "*batch"], T: int) -> Sample:
    """a^n b^n end end ... of T steps."""
    n, t = n[..., None], jnp.arange(T + 1)  # one more: the last step has a next, too
    tokens = jnp.where(t < 2 * n, Counting.b, Counting.end)
    tokens = jnp.where(t < n, Counting.a, tokens).astype(int)  # no weak type
    xs, ys = tokens[..., :-1], tokens[..., 1:]
    return Sample(xs, ys, xs == Counting.b)


@dataclass(frozen=True)
class Parity(Task):
    """Is the number of ones so far odd? y<t> = x<1> + ... + x<t> modulo 2.

    x<t> is 0 or 1, each equally likely at each of T steps. Every step counts.

    What can be scored, per step (accuracy, or cross-entropy): 1 with a memory of one
    bit, which is turned over by each 1. Seen alone, x<t> is worth something only at the
    first step, where y<1> = x<1>. At any later one y<t> is x<t> plus the parity of what
    came before, which is 0 or 1 with equal probability whatever x<t> is. The best of
    the memoryless does not know the step, and says x<t>: right with probability
    q = (1 + (T - 1) / 2) / T = 1/2 + 1 / (2T), at a loss of the entropy of q.
    `chance_accuracy` is 1/2: both targets are equally likely at every step.
    """

    T: Integral = 16
    n_x = 2
    n_y = 2
    best_accuracy = 1.0
    best_loss = 0.0
    chance_accuracy = 0.5
    chance_loss = math.log(2)

    def __post_init__(self):
        validate.positive_int("T", self.T)

    @property
    def memoryless_accuracy(self) -> float:
        return 0.5 + 0.5 / self.T

    @property
    def memoryless_loss(self) -> float:
        return entropy(self.memoryless_accuracy)

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        xs = jax.random.randint(key, (*axes, self.T), 0, 2)
        return Sample(xs, jnp.cumsum(xs, axis=-1) % 2, jnp.ones(xs.shape, bool))


def entropy(p: float) -> float:
    """Of a coin that falls on one side with probability p, in nats."""
    return -sum(share * math.log(share) for share in (p, 1 - p) if share > 0)
