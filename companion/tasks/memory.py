"""Tasks that ask a network to remember, each with the best score there is.

Here are those that repeat what was heard: `Echo` and `Copy`. Symbols are drawn
independently and uniformly, so nothing about one can be guessed from another: a score
above chance is memory, or sight of the symbol, and nothing else. `Latch` and
`TemporalOrder` (module `cues`), `Counting` and `Parity` (`counting`), `Adding`,
`RunningSum` and `StoreAndReport` (`quantities`) are reached from here too. What the
scores mean stands in `base`.
"""

import math
from dataclasses import dataclass
from numbers import Integral

import jax
import jax.numpy as jnp
from jax import Array

from companion import validate
from companion.tasks.base import Recall, Sample, whole
from companion.tasks.counting import Counting, Parity
from companion.tasks.cues import Latch, TemporalOrder
from companion.tasks.quantities import Adding, RunningSum, StoreAndReport

__all__ = [
    "Adding",
    "Copy",
    "Counting",
    "Echo",
    "Latch",
    "Parity",
    "RunningSum",
    "Sample",
    "StoreAndReport",
    "TemporalOrder",
]


@dataclass(frozen=True)
class Echo(Recall):
    """Repeat the symbol heard `lag` steps ago: y<t> = x<t-lag>.

    T: the length of a sequence. n_symbols: x<t> is one of 0..n_symbols-1, each equally
    likely at each step. The first `lag` steps have no answer; their mask is False, and
    their target 0.

    What can be scored, per step that counts (accuracy, or cross-entropy):

    - `best_accuracy` is 1: the answer is in the past, x<t-lag> has been seen at step t.
    - `chance_accuracy` is 1 / n_symbols. Whoever has not seen x<t-lag> knows nothing
      about it, because it was drawn apart from all other symbols; then every answer is
      right with probability 1 / n_symbols. The loss of an honest guess is
      `chance_loss`, log(n_symbols) nats.
    - `memoryless_accuracy` is the best of those who see x<t> but nothing before it: 1
      at lag 0, where that is the answer, and chance at every other lag.
    """

    lag: Integral = 0
    n_symbols: Integral = 8
    T: Integral = 20

    def __post_init__(self):
        validate.positive_int("T", self.T)
        validate.positive_int("n_symbols", self.n_symbols)
        if isinstance(self.lag, bool) or not isinstance(self.lag, Integral):
            raise TypeError(f"lag must be a whole number of steps, got {self.lag!r}")
        if not 0 <= self.lag < self.T:
            raise ValueError(f"lag must lie in 0..T-1 = {self.T - 1}, got {self.lag}")

    @property
    def n_answers(self):
        return self.n_symbols

    n_x = n_y = n_answers

    @property
    def in_sight(self) -> bool:
        return self.lag == 0

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        xs = jax.random.randint(key, (*axes, self.T), 0, self.n_symbols)
        heard = jnp.arange(self.T) >= self.lag
        ys = jnp.where(heard, jnp.roll(xs, self.lag, axis=-1), 0)
        return Sample(xs, ys, jnp.broadcast_to(heard, xs.shape))


@dataclass(frozen=True)
class Copy(Recall):
    """Repeat a string of `length` symbols after a gap, in order.

    The tokens are the symbols 0..n_symbols-1, the blank n_symbols and the marker
    n_symbols + 1. A sequence of T = gap + 2 length steps holds the string, gap - 1
    blanks, the marker, and `length` blanks, during which the string is to be said. The
    targets are the blank up to and with the marker, then the string; the marker is
    never one, so n_y = n_symbols + 1. The steps that count are the last `length`. Train
    on the others as well by leaving the mask out.

    What can be scored, per step that counts (accuracy, or cross-entropy): 1 with a
    memory of the string. Without one, x<t> is the blank, the answer is any symbol, and
    1 / n_symbols of the guesses are right, at log(n_symbols) nats.

    The number usually quoted is a mean over all T steps: `blind_loss_all_steps`, that
    of one who says the blank with certainty as long as it is due and then guesses,
    length log(n_symbols) / (gap + 2 length) nats. This takes no memory of the string,
    but some of the clock: x<t> is the blank before the marker and after it.

    Source: Hochreiter and Schmidhuber (1997) for the idea; in this form Arjovsky, Shah
    and Bengio (2016), section 5.1, with length 10 and eight symbols.
    """

    gap: Integral = 50
    n_symbols: Integral = 8
    length: Integral = 10

    def __post_init__(self):
        validate.positive_int("n_symbols", self.n_symbols)
        whole("gap", self.gap, 1)
        whole("length", self.length, 1)

    @property
    def T(self) -> Integral:
        return self.gap + 2 * self.length

    @property
    def n_x(self) -> Integral:
        return self.n_symbols + 2

    @property
    def n_y(self) -> Integral:
        return self.n_symbols + 1

    @property
    def n_answers(self) -> Integral:
        return self.n_symbols

    @property
    def blind_loss_all_steps(self) -> float:
        return self.length * math.log(self.n_symbols) / self.T

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        string = jax.random.randint(key, (*axes, self.length), 0, self.n_symbols)
        blanks = jnp.full((*axes, self.gap + self.length), self.n_symbols)
        xs = jnp.concatenate([string, blanks], axis=-1)
        xs = xs.at[..., self.gap + self.length - 1].set(self.n_symbols + 1)
        ys = jnp.concatenate([blanks, string], axis=-1)
        asked = jnp.arange(self.T) >= self.gap + self.length
        return Sample(xs, ys, jnp.broadcast_to(asked, xs.shape))
