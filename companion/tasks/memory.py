"""Tasks that ask a network to remember, each with the best score there is.

Symbols are drawn independently and uniformly, so nothing about one can be guessed from
another: a score above chance is memory, or sight of the symbol, and nothing else.
"""

import functools
import math
from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int

from companion import validate

__all__ = ["Echo", "Sample"]


class Sample(NamedTuple):
    """Generated sequences, batch first: inputs, targets, and where a target counts."""

    xs: Int[Array, "*batch T"]
    ys: Int[Array, "*batch T"]
    mask: Bool[Array, "*batch T"]


@dataclass(frozen=True)
class Echo:
    """Repeat the symbol heard `lag` steps ago: y<t> = x<t-lag>.

    T: the length of a sequence. n_symbols: x<t> is one of 0..n_symbols-1, each equally
    likely at each step. The first `lag` steps have no answer; their mask is False.

    What can be scored, per step that counts:

    - `best_accuracy` is 1: the answer is in the past, x<t-lag> has been seen at step t.
    - `chance_accuracy` is 1 / n_symbols. Whoever has not seen x<t-lag> knows nothing
      about it, because it was drawn apart from all other symbols; then every answer is
      right with probability 1 / n_symbols. The loss of an honest guess is
      `chance_loss`, log(n_symbols) nats.
    - `memoryless_accuracy` is the best of those who see x<t> but nothing before it: 1
      at lag 0, where that is the answer, and chance at every other lag.
    """

    lag: Integral = 0
    n_symbols: int = 8
    T: int = 20
    best_accuracy = 1.0
    best_loss = 0.0

    def __post_init__(self):
        validate.positive_int("T", self.T)
        validate.positive_int("n_symbols", self.n_symbols)
        if isinstance(self.lag, bool) or not isinstance(self.lag, Integral):
            raise TypeError(f"lag must be a whole number of steps, got {self.lag!r}")
        if not 0 <= self.lag < self.T:
            raise ValueError(f"lag must lie in 0..T-1 = {self.T - 1}, got {self.lag}")

    @property
    def chance_accuracy(self) -> float:
        return 1 / self.n_symbols

    @property
    def chance_loss(self) -> float:
        return math.log(self.n_symbols)

    @property
    def memoryless_accuracy(self) -> float:
        return self.best_accuracy if self.lag == 0 else self.chance_accuracy

    def sample(self, key: Array, batch: int | tuple[int, ...] = ()) -> Sample:
        """Sequences from a `jax.random.key`: fields (*batch, T).

        The targets of the steps that do not count are 0. For `training.fit` a batch of
        (steps, 32), or (seeds, steps, 32), makes a whole run's data at once.
        """
        return _echo(key, self, validate.batch_axes(batch))


@functools.partial(jax.jit, static_argnames=("task", "axes"))
def _echo(key: Array, task: Echo, axes: tuple[int, ...]) -> Sample:
    xs = jax.random.randint(key, (*axes, task.T), 0, task.n_symbols)
    heard = jnp.arange(task.T) >= task.lag
    ys = jnp.where(heard, jnp.roll(xs, task.lag, axis=-1), 0)
    return Sample(xs, ys, jnp.broadcast_to(heard, xs.shape))
