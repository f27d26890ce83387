"""What every generated task has: samples drawn from a key, and scores known beforehand.

Three scores tell what a network's own score is worth. All are means over the steps that
count (mask True), and expectations over the samples:

- `best_*`: whoever sees all inputs up to the step can reach it, and nobody passes it;
- `memoryless_*`: the best of those whose answer is a function of x<t> alone. A network
  without a recurrence is one of them, and does not know which step it is;
- `chance_*`: the best of those who see nothing, and so answer alike at every step.

`*_accuracy` is the share of right answers. `*_loss` is the cross-entropy in nats where
the targets are classes, and the squared error where they are numbers.
"""

import functools
import math
from numbers import Integral
from typing import NamedTuple

import jax
from jax import Array
from jaxtyping import Bool, Float, Int

from companion import validate

__all__ = ["Recall", "Sample", "Task", "whole"]


class Sample(NamedTuple):
    """Generated sequences, batch first: inputs, targets, and where a target counts.

    Classes are integers without an axis of their own; numbers stand on a last axis, in
    the targets too, so that y_hat - ys of two (*batch, T, n_y) cannot broadcast.
    """

    xs: Int[Array, "*batch T"] | Float[Array, "*batch T n_x"]
    ys: Int[Array, "*batch T"] | Float[Array, "*batch T n_y"]
    mask: Bool[Array, "*batch T"]


class Task:
    """A frozen dataclass with n_x inputs, n_y outputs, T steps and `draw(key, axes)`.

    For inputs that are tokens n_x is the size of their vocabulary; for targets that are
    classes n_y is the number of classes.
    """

    def sample(self, key: Array, batch: int | tuple[int, ...] = ()) -> Sample:
        """Sequences from a `jax.random.key`: fields (*batch, T), or (*batch, T, n).

        The same key and batch give the same sample. For `training.fit` a batch of
        (steps, 32), or (seeds, steps, 32), makes a whole run's data at once; inside a
        compiled loop, `task.sample(key, 32)` makes one step's.
        """
        return _sample(key, self, validate.batch_axes(batch))


@functools.partial(jax.jit, static_argnames=("task", "axes"))
def _sample(key: Array, task: Task, axes: tuple[int, ...]) -> Sample:
    return task.draw(key, axes)


class Recall(Task):
    """Tasks whose answer is one of `n_answers` that are equally likely.

    It has been seen when it is asked for, so `best_accuracy` is 1 and `best_loss` 0.
    Whoever sees none of the inputs it depends on is right with probability
    1 / n_answers, and an honest guess costs log(n_answers) nats: `chance_accuracy` and
    `chance_loss`. One who sees x<t> alone gets no further, unless the answer is
    `in_sight`, that is in x<t> itself.
    """

    best_accuracy = 1.0
    best_loss = 0.0
    in_sight = False

    @property
    def chance_accuracy(self) -> float:
        return 1 / self.n_answers

    @property
    def chance_loss(self) -> float:
        return math.log(self.n_answers)

    @property
    def memoryless_accuracy(self) -> float:
        return self.best_accuracy if self.in_sight else self.chance_accuracy

    @property
    def memoryless_loss(self) -> float:
        return self.best_loss if self.in_sight else self.chance_loss


def whole(name, value, low, unit="steps"):
    """value, which must be a whole number of at least low."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be a whole number of {unit}, got {value!r}")
    if value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
    return value
