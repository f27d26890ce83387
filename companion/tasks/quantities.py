"""Three tasks that remember a real number, scored by squared error.

A tanh unit latches a bit in its two flat ends; a number it has to hold in between.
"""

from dataclasses import dataclass
from numbers import Integral, Real

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from companion import validate
from companion.tasks.base import Sample, Task, whole

__all__ = ["Adding", "RunningSum", "StoreAndReport"]


@dataclass(frozen=True)
class Adding(Task):
    """Add the two numbers that carry a flag, out of T, and say the sum at the end.

    x<t> = (u, flag): u is uniform in [0, 1), the flag 1 at two steps and 0 elsewhere.
    One of them lies in the first half of the sequence (of the first floor(T/2) steps
    any, equally likely), the other in the second (any of the other ceil(T/2), the last
    included). Only the last step counts; the other targets are 0.

    What can be scored, in squared error at the last step: `best_loss` is 0. The sum has
    mean 1, and each u a variance of 1/12; so for who sees nothing 1 is the best guess,
    and `chance_loss` is 1/12 + 1/12 = 1/6. One who sees x<T> alone does better only if
    the flag is there, with probability q = 1 / ceil(T/2): then one number is known,
    u + 1/2 is the best guess, and its error is 1/12. `memoryless_loss` is
    q/12 + (1 - q)/6 = (2 - q)/12: 1/12 at T = 2, .164 at T = 60.

    Source: Hochreiter and Schmidhuber (1997), section 5.4; with u in [0, 1] and the sum
    itself as target, Le, Jaitly and Hinton (2015), section 4.1.
    """

    T: Integral = 60
    n_x = 2
    n_y = 1
    best_loss = 0.0
    chance_loss = 1 / 6

    def __post_init__(self):
        whole("T", self.T, 2)

    @property
    def memoryless_loss(self) -> float:
        flagged = 1 / (self.T - self.T // 2)
        return (2 - flagged) / 12

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        for_u, for_first, for_second = jax.random.split(key, 3)
        u = jax.random.uniform(for_u, (*axes, self.T))
        first = jax.random.randint(for_first, axes, 0, self.T // 2)
        second = jax.random.randint(for_second, axes, self.T // 2, self.T)
        t = jnp.arange(self.T)
        flag = (t == first[..., None]) | (t == second[..., None])
        total = jnp.sum(u, axis=-1, where=flag)[..., None]
        last = jnp.broadcast_to(t == self.T - 1, u.shape)
        return Sample(
            jnp.stack([u, flag.astype(u.dtype)], axis=-1),
            jnp.where(last, total, 0)[..., None],
            last,
        )


@dataclass(frozen=True)
class RunningSum(Task):
    """Say at every step the sum of all that came since the bell last rang.

    x<t> = (u, bell): u is uniform between -largest and largest; the bell is 1 with
    probability `rings` at each step and 0 otherwise. The target is the sum of the u
    from the latest bell on, that step included, or from the first step on if there was
    none. Every step counts.

    What can be scored, in squared error: `best_loss` is 0. A sum of n terms has mean 0
    and variance n largest^2 / 3, and at step t it has on average
    (1 - (1 - rings)^t) / rings terms. So 0 is the best guess of who sees nothing, and
    `chance_loss` the mean of these variances over the steps. The memoryless know the
    last term and guess u: `memoryless_loss` is one term less, chance_loss minus
    largest^2 / 3.
    """

    T: Integral = 30
    largest: Real = 0.3
    rings: Real = 0.15
    n_x = 2
    n_y = 1
    best_loss = 0.0

    def __post_init__(self):
        whole("T", self.T, 1)
        if validate.as_number("largest", self.largest) <= 0:
            raise ValueError(f"largest must be positive, got {self.largest}")
        if not 0 < validate.as_number("rings", self.rings) <= 1:
            raise ValueError(f"rings must lie in (0, 1], got {self.rings}")

    @property
    def chance_loss(self) -> float:
        silent = (1 - self.rings) ** np.arange(1, self.T + 1)
        return float(np.mean((1 - silent) / self.rings) * self.largest**2 / 3)

    @property
    def memoryless_loss(self) -> float:
        return self.chance_loss - self.largest**2 / 3

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        for_u, for_bell = jax.random.split(key)
        shape, top = (*axes, self.T), self.largest
        u = jax.random.uniform(for_u, shape, minval=-top, maxval=top)
        bell = jax.random.bernoulli(for_bell, self.rings, shape)
        rang = jax.lax.cummax(jnp.where(bell, jnp.arange(self.T), 0), axis=u.ndim - 1)
        total = jnp.cumsum(u, axis=-1)
        before = jnp.take_along_axis(total - u, rang, axis=-1)
        xs = jnp.stack([u, bell.astype(u.dtype)], axis=-1)
        return Sample(xs, (total - before)[..., None], jnp.ones(shape, bool))


@dataclass(frozen=True)
class StoreAndReport(Task):
    """Take in a number v when told to, be silent, and report v when asked.

    x<t> = (v, store, ask): v and the store flag 1 at one of the first `store_within`
    steps, the ask flag at one step from index `ask_from` on (counted from 0; T - 1 at
    the latest), each step equally likely, and 0 elsewhere. v is uniform between
    -largest and largest. The target is v at the step that asks, and 0, silence, at all
    others. The mask is True where v is asked for; its opposite are the silent steps.
    A loss that weighs both, such as the squared error where asked plus half of that
    elsewhere, makes a network hide what it holds.

    What can be scored, in squared error: `best_loss` is 0, where asked and elsewhere.
    Where asked, x<t> is (0, 0, 1) whatever v is: the memoryless know no more than who
    sees nothing. Best is then the mean of v, 0, and the error its variance,
    `chance_loss` = `memoryless_loss` = largest^2 / 3, .2133 for .8. Always 0 makes no
    error elsewhere.
    """

    T: Integral = 24
    store_within: Integral = 4
    ask_from: Integral = 8
    largest: Real = 0.8
    n_x = 3
    n_y = 1
    best_loss = 0.0

    def __post_init__(self):
        whole("T", self.T, 2)
        whole("store_within", self.store_within, 1)
        whole("ask_from", self.ask_from, 1)
        if self.ask_from < self.store_within:
            raise ValueError(
                f"ask_from must be at least store_within = {self.store_within}, "
                f"got {self.ask_from}"
            )
        if self.ask_from >= self.T:
            raise ValueError(
                f"ask_from must be below T = {self.T}, got {self.ask_from}"
            )
        if validate.as_number("largest", self.largest) <= 0:
            raise ValueError(f"largest must be positive, got {self.largest}")

    @property
    def chance_loss(self) -> float:
        return self.largest**2 / 3

    memoryless_loss = chance_loss

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        for_v, for_store, for_ask = jax.random.split(key, 3)
        top = self.largest
        v = jax.random.uniform(for_v, (*axes, 1), minval=-top, maxval=top)
        store = jax.random.randint(for_store, (*axes, 1), 0, self.store_within)
        ask = jax.random.randint(for_ask, (*axes, 1), self.ask_from, self.T)
        t = jnp.arange(self.T)
        stores, asks = t == store, t == ask
        flags = [stores.astype(v.dtype), asks.astype(v.dtype)]
        xs = jnp.stack([jnp.where(stores, v, 0), *flags], axis=-1)
        return Sample(xs, jnp.where(asks, v, 0)[..., None], asks)
