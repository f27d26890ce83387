"""Selective copying: keep what counts, skip the rest, and say it in the same order."""

from dataclasses import dataclass
from numbers import Integral

import jax
import jax.numpy as jnp
from jax import Array

from companion import validate
from companion.tasks.base import Recall, Sample, whole

__all__ = ["SelectiveCopy"]


@dataclass(frozen=True)
class SelectiveCopy(Recall):
    """Symbols stand at places drawn anew in each sequence, with noise between them.

    n_symbols: how many different symbols; x<t> is one of 0..n_symbols-1, or `noise`
    (n_symbols), or `ask` (n_symbols + 1). The first `context` steps hold `n_kept`
    symbols, each equally likely, at `n_kept` different steps, every choice of steps
    equally likely; the rest is noise. Then come n_kept steps of `ask`, and their
    targets are the symbols in order. Only they count; the other targets are 0.

    A network that treats every step alike cannot do it: how far back a symbol lies
    depends on the noise around it, so what is written must depend on the input.

    What can be scored, per step that counts (accuracy, or cross-entropy): 1 with a
    memory of n_kept symbols. They are independent and uniform, so one who has not kept
    the symbol asked for is right in 1 / n_symbols, at log(n_symbols) nats; and `ask` is
    the same every time. One who keeps only the last k symbols reaches
    `accuracy_keeping(k)`.

    Source: Gu and Dao (2023), section 4.1.1, and Feng et al. (2024), table 1: there
    with 16 symbols of which 16 are kept from 4096 steps.
    """

    context: Integral = 24
    n_kept: Integral = 4
    n_symbols: Integral = 8

    def __post_init__(self):
        for name in ("context", "n_kept"):
            whole(name, getattr(self, name), 1)
        validate.positive_int("n_symbols", self.n_symbols)
        if self.n_kept > self.context:
            raise ValueError(
                f"n_kept must be at most context, got {self.n_kept} symbols for "
                f"{self.context} steps"
            )

    @property
    def T(self) -> int:
        return self.context + self.n_kept

    @property
    def n_x(self) -> int:
        return self.n_symbols + 2

    @property
    def n_answers(self) -> Integral:
        return self.n_symbols

    n_y = n_answers

    @property
    def noise(self) -> Integral:
        return self.n_symbols

    @property
    def ask(self) -> Integral:
        return self.n_symbols + 1

    def accuracy_keeping(self, k: Integral) -> float:
        """The share of right answers of one who keeps k symbols and guesses the rest.

        Raises TypeError or ValueError if k is no whole number of 0..n_kept.
        """
        if whole("k", k, 0, "symbols") > self.n_kept:
            raise ValueError(f"k must be at most n_kept, {self.n_kept}, got {k}")
        share = k / self.n_kept
        return share + (1 - share) / self.n_symbols

    def draw(self, key: Array, axes: tuple[int, ...]) -> Sample:
        for_place, for_symbol = jax.random.split(key)
        # a random order of the steps: the first n_kept of it are the places
        order = jax.random.uniform(for_place, (*axes, self.context)).argsort(axis=-1)
        places = jnp.sort(order[..., : self.n_kept], axis=-1)
        kept = jax.random.randint(
            for_symbol, (*axes, self.n_kept), 0, self.n_symbols, jnp.int32
        )
        here = places[..., None] == jnp.arange(self.context)  # (..., n_kept, context)
        symbols = jnp.sum(jnp.where(here, kept[..., None], 0), axis=-2)
        context = jnp.where(here.any(axis=-2), symbols, self.noise)
        asked = jnp.full((*axes, self.n_kept), self.ask, jnp.int32)
        silent = jnp.zeros((*axes, self.context), jnp.int32)
        xs = jnp.concatenate([context.astype(jnp.int32), asked], axis=-1)
        ys = jnp.concatenate([silent, kept], axis=-1)
        mask = jnp.broadcast_to(jnp.arange(self.T) >= self.context, xs.shape)
        return Sample(xs, ys, mask)
