"""Two tasks with cues among distractors, and one answer at the very end.

Cues and distractors are different tokens, drawn independently and uniformly: only the
cues say anything about the answer.
"""

from dataclasses import dataclass
from numbers import Integral

import jax
import jax.numpy as jnp
from jax import Array

from companion import validate
from companion.tasks.base import Recall, Sample, whole

__all__ = ["Latch", "TemporalOrder"]


@dataclass(frozen=True)
class Latch(Recall):
    """Hold one cue among distractors, and name it at the last step, `lag` steps later.

    `before` distractors, the cue, then `lag` more steps: T = before + 1 + lag. The cue
    is one of the tokens 0..n_symbols-1, and at every other step stands one of the
    distractors n_symbols..2 n_symbols - 1, all drawn independently and uniformly.
    ask: the last step holds the token 2 n_symbols instead of a distractor. Without it
    nothing but the number of steps says that the answer is due. Only the last step
    counts; the other targets are 0.

    What can be scored (accuracy, or cross-entropy): 1 with a memory of one symbol, and
    1 / n_symbols without, `log(n_symbols)` nats. What stands at the last step, a
    distractor or the question, was drawn apart from the cue; so the memoryless are at
    chance, but for lag 0, where the cue itself is in sight.
    """

    lag: Integral = 10
    before: Integral = 0
    n_symbols: Integral = 4
    ask: bool = False

    def __post_init__(self):
        validate.positive_int("n_symbols", self.n_symbols)
        validate.instance("ask", self.ask, bool)
        whole("before", self.before, 0)
        whole("lag", self.lag, 0)
        if self.ask and self.lag == 0:
            raise ValueError("lag must be at least 1 with ask=True, got 0")

    @property
    def T(self) -> Integral:
        return self.before + 1 + self.lag

    @property
    def n_x(self) -> Integral:
        return 2 * self.n_symbols + self.ask

    @property
    def n_answers(self) -> Integral:
        return self.n_symbols

    n_y = n_answers

    @property
    def in_sight(self) -> bool:
        return self.lag == 0

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        for_cue, for_rest = jax.random.split(key)
        K = self.n_symbols
        cue = jax.random.randint(for_cue, axes, 0, K)
        xs = jax.random.randint(for_rest, (*axes, self.T), K, 2 * K)
        xs = xs.at[..., self.before].set(cue)
        if self.ask:
            xs = xs.at[..., -1].set(2 * K)
        return at_the_end(xs, cue)


@dataclass(frozen=True)
class TemporalOrder(Recall):
    """Name the order of the marks X and Y that stood among distractors.

    Cut the T steps into n_marks equal parts. In the first half of each stands one mark,
    anywhere: X (token 0) or Y (token 1), equally likely. All other steps hold one of
    the distractors 2..n_distractors + 1. The class, asked at the last step, is the
    row of marks read as a binary number: XX is 0, XY 1, YX 2, YY 3. Only the last step
    counts; the other targets are 0.

    What can be scored (accuracy, or cross-entropy): 1 with a memory of all marks. The
    2^n_marks classes are equally likely: 1/4 for two marks and 1/8 for three is chance,
    at n_marks log 2 nats. The last step never holds a mark, since each part ends on its
    second half, so x<T> says nothing and the memoryless are at chance. Each mark that
    is remembered alone doubles the accuracy.

    Source: Hochreiter and Schmidhuber (1997), section 5.6, who place the marks in
    narrower windows and end on a token of its own.
    """

    T: Integral = 100
    n_marks: Integral = 2
    n_distractors: Integral = 4

    def __post_init__(self):
        validate.positive_int("n_marks", self.n_marks)
        validate.positive_int("n_distractors", self.n_distractors)
        validate.positive_int("T", self.T)
        if self.T < 2 * self.n_marks:
            raise ValueError(
                f"T must be at least 2 n_marks = {2 * self.n_marks}, got {self.T}"
            )

    @property
    def n_x(self) -> Integral:
        return 2 + self.n_distractors

    @property
    def n_answers(self) -> Integral:
        return 2**self.n_marks

    n_y = n_answers

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        for_marks, for_places, for_rest = jax.random.split(key, 3)
        several = (*axes, self.n_marks)
        marks = jax.random.randint(for_marks, several, 0, 2)
        part = self.T // self.n_marks
        places = jax.random.randint(for_places, several, 0, part // 2)
        places = places + part * jnp.arange(self.n_marks)
        xs = jax.random.randint(for_rest, (*axes, self.T), 2, self.n_x)
        for i in range(self.n_marks):
            here = jnp.arange(self.T) == places[..., i, None]
            xs = jnp.where(here, marks[..., i, None], xs)
        powers = 2 ** jnp.arange(self.n_marks)[::-1]
        return at_the_end(xs, (marks * powers).sum(axis=-1))


def at_the_end(xs: Array, answer: Array) -> Sample:
    """A sample of tokens (*batch, T) whose only answer (*batch,) is due at step T."""
    last = jnp.arange(xs.shape[-1]) == xs.shape[-1] - 1
    ys = jnp.where(last, answer[..., None], 0)
    return Sample(xs, ys, jnp.broadcast_to(last, xs.shape))
