"""Two bits to keep up to date: what was stored must be overwritten."""

from dataclasses import dataclass
from numbers import Integral

import jax
import jax.numpy as jnp
from jax import Array

from companion import validate
from companion.tasks.base import Recall, Sample, whole

__all__ = ["Registers"]


@dataclass(frozen=True)
class Registers(Recall):
    """Two registers of one bit each: set them, wait, and say what is in one.

    The tokens, by name in `Registers.words`: `A=0`, `A=1`, `B=0`, `B=1` store a bit,
    `wait` does nothing, `A?` and `B?` ask for the bit of that register. The first two
    steps set A, then B; the last one asks; at each step between, setting, waiting and
    asking are equally likely, and so are the two registers and the two bits. The steps
    that count are those that ask; the other targets are 0.

    What can be scored, per step that counts (accuracy, or cross-entropy): 1 with a
    memory of two bits that are overwritten. A register's bit is independent of all
    tokens but the last that set it, so whoever sees the question alone is right in 1/2,
    at log 2 nats. `first_accuracy` is reached by one who keeps the first bit of each
    register and never overwrites it: .62 for T = 24.
    """

    T: Integral = 24
    words = ("A=0", "A=1", "B=0", "B=1", "wait", "A?", "B?")
    n_x = len(words)
    n_y = n_answers = 2

    def __post_init__(self):
        validate.positive_int("T", self.T)
        whole("T", self.T, 3)

    @property
    def first_accuracy(self) -> float:
        # a question at step t (from 0) is asked with this weight, after t - 2 steps
        # each of which set this register with probability 1/6
        weights = [1 / 3] * (self.T - 3) + [1.0]
        kept = [(5 / 6) ** steps for steps in range(self.T - 2)]
        share = sum(w * k for w, k in zip(weights, kept, strict=True)) / sum(weights)
        return (1 + share) / 2

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        keys, shape = jax.random.split(key, 3), (*axes, self.T)
        kind = jax.random.randint(keys[0], shape, 0, 3)  # set, wait, ask
        kind = kind.at[..., :2].set(0).at[..., -1].set(2)
        register = jax.random.randint(keys[1], shape, 0, 2)
        register = register.at[..., 0].set(0).at[..., 1].set(1)
        bit = jax.random.randint(keys[2], shape, 0, 2)
        xs = jnp.select([kind == 0, kind == 1], [2 * register + bit, 4], 5 + register)
        stored = jnp.stack([held(bit, (kind == 0) & (register == r)) for r in (0, 1)])
        asked = kind == 2
        ys = jnp.where(asked, jnp.where(register == 0, *stored), 0)
        return Sample(xs, ys, asked)


def held(bits: Array, set_here: Array) -> Array:
    """At each step the bit of the last step that set it; the first step does, or 0."""
    t = jnp.arange(bits.shape[-1])
    last = jax.lax.cummax(jnp.where(set_here, t, 0), axis=bits.ndim - 1)
    return jnp.take_along_axis(bits, last, axis=-1)
