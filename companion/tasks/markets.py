"""Returns from a market with a hidden regime, bull or bear, and the best one can know.

Each day the regime stays with probability `stay` or turns; it is never shown. Shown is
the return: normal, with a mean and a standard deviation of the regime's. One day says
little, so whoever wants to know the regime has to remember. How much there is to know
is computed: the Bayes filter holds the exact probability of a bull market given all
returns so far, and nobody who sees the same returns does better.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float, Int

from companion import validate
from companion.validate import Given

__all__ = ["BEAR", "BULL", "REGIMES", "Market", "Returns"]

REGIMES = ("bull", "bear")
BULL, BEAR = 0, 1


class Returns(NamedTuple):
    """Returns day by day, and what is behind them.

    xs: the return of each day. nexts: that of the day after. regimes: 0 on a day in a
    bull market, 1 in a bear market.
    """

    xs: Float[Array, "*batch T 1"]
    nexts: Float[Array, "*batch T 1"]
    regimes: Int[Array, "*batch T"]


@dataclass(frozen=True)
class Market:
    """T days of a market: (x<t> | regime) ~ Normal(mean, sd), regimes a Markov chain.

    T: days in a sample. stay: probability that tomorrow's regime is today's, between
    1/2 and 1; a regime lasts 1 / (1 - stay) days in the mean. means, sds: of the daily
    return in per cent, in a bull and in a bear market. On the first day both regimes
    are equally likely.

    Scores are means over the T days. `*_accuracy` is about the day's regime: the share
    of days on which it is told right. `*_loss` is about the next day's return: the
    nats, -log of the density that was given to it (which may be below 0, as densities
    exceed 1).

    `best_*`: of the filter, that is, of whoever sees all returns up to the day.
    `memoryless_*`: of whoever sees the day's return alone.
    `chance_*`: of whoever sees nothing.
    """

    T: Integral = 100
    stay: Real = 0.98
    means: Sequence = (0.5, -0.5)
    sds: Sequence = (0.8, 1.2)
    n_x: ClassVar[int] = 1
    n_y: ClassVar[int] = len(REGIMES)
    chance_accuracy: ClassVar[float] = 0.5

    def __post_init__(self):
        validate.positive_int("T", self.T)
        if not 0.5 < validate.as_number("stay", self.stay) < 1:
            raise ValueError(f"stay must be between 0.5 and 1, got {self.stay}")
        for name in ("means", "sds"):
            pair = tuple(validate.as_number(name, v) for v in getattr(self, name))
            if len(pair) != 2:
                raise ValueError(f"{name} must hold two numbers, got {pair}")
            object.__setattr__(self, name, pair)
        if min(self.sds) <= 0:
            raise ValueError(f"sds must be positive, got {self.sds}")
        if len(set(self.means)) == len(set(self.sds)) == 1:
            raise ValueError(
                f"means {self.means} and sds {self.sds} leave nothing to tell apart"
            )

    def sample(self, key: Array, batch: int | tuple[int, ...] = ()) -> Returns:
        """Samples from a `jax.random.key`: xs (*batch, T, 1), regimes (*batch, T)."""
        return _sample(key, self, validate.batch_axes(batch))

    def filtered(self, xs: Float[Given, "*batch T 1"]) -> Float[Array, "*batch T"]:
        """The Bayes filter: the probability of a bull market given x<1>, ..., x<t>.

        With q the probability before the day's return x is seen (1/2 on the first day)
        and p that after it,

            p = q N(x; bull) / (q N(x; bull) + (1 - q) N(x; bear))
            q of the next day = p stay + (1 - p) (1 - stay)
        """
        return jax.nn.sigmoid(_log_odds(self, self._checked("xs", xs))[1])

    def predicted(self, xs: Float[Given, "*batch T 1"]) -> Float[Array, "*batch T"]:
        """The probability that the day after step t is bullish, given x<1>, ..., x<t>.

        It never leaves 1 - stay .. stay.
        """
        p = self.filtered(xs)
        return p * self.stay + (1 - p) * (1 - self.stay)

    def losses(
        self, nexts: Float[Given, "*batch T 1"], q: Float[Given, "*batch T"]
    ) -> Float[Array, "*batch T"]:
        """Nats of each next return where its day was held bullish with probability q.

        The density is q N(bull) + (1 - q) N(bear); with q = predicted(xs) it is the
        true one, and the mean tends to `best_loss`. q = 1/2 gives `chance_loss`.
        """
        nexts, q = self._checked("nexts", nexts), validate.as_input("q", q, "floats")
        if q.shape != nexts.shape[:-1]:
            raise ValueError(f"q has shape {q.shape}, but needs {nexts.shape[:-1]}")
        log = _log_densities(self, nexts[..., 0])
        return -jnp.logaddexp(jnp.log(q) + log[BULL], jnp.log1p(-q) + log[BEAR])

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The returns at which one day alone speaks for neither regime, ascending.

        Between two of them it speaks for the calmer regime, the one of the smaller sd,
        below and above for the other: a very good day, too, speaks for the wilder one.
        With equal sds there is one threshold, half-way between the means.
        """
        (m, n), (s, r) = self.means, self.sds
        a, b = (1 / r**2 - 1 / s**2) / 2, m / s**2 - n / r**2
        c = (n**2 / r**2 - m**2 / s**2) / 2 + math.log(r / s)  # log N - log N
        if s == r:
            return (-c / b,)
        root = math.sqrt(b**2 - 4 * a * c)
        return tuple(sorted(((-b - root) / (2 * a), (-b + root) / (2 * a))))

    @property
    def memoryless_accuracy(self) -> float:
        """Of the best rule on one day's return: the two thresholds, not one."""
        inside = [_below(self, self.thresholds[-1], regime) for regime in (BULL, BEAR)]
        if len(self.thresholds) == 2:
            low = self.thresholds[0]
            inside = [p - _below(self, low, i) for i, p in enumerate(inside)]
        return 0.5 + abs(inside[BULL] - inside[BEAR]) / 2

    @property
    def memoryless_loss(self) -> float:
        return float(_days(self, 1)[1][0])  # on the first day the filter knows no more

    @property
    def chance_loss(self) -> float:
        _, dx, densities = _returns(self)
        return float(_entropies(densities, dx, np.array([0.5]))[0])

    @property
    def best_accuracy(self) -> float:
        return float(_days(self, self.T)[0].mean())

    @property
    def best_loss(self) -> float:
        return float(_days(self, self.T)[1].mean())

    def _checked(self, name, xs):
        xs = validate.as_input(name, xs, "floats")
        if xs.ndim < 2 or xs.shape[-1] != 1 or xs.shape[-2] < 1:
            raise ValueError(
                f"{name} has shape {xs.shape}, but needs (..., T, 1) with T >= 1"
            )
        return xs


@functools.partial(jax.jit, static_argnames=("market", "axes"))
def _sample(key: Array, market: Market, axes: tuple[int, ...]) -> Returns:
    for_start, for_turns, for_noise = jax.random.split(key, 3)
    start = jax.random.randint(for_start, (*axes, 1), 0, 2)
    turns = jax.random.bernoulli(for_turns, 1 - market.stay, (*axes, market.T))
    regimes = jnp.concatenate([start, turns.astype(start.dtype)], axis=-1)
    regimes = jnp.cumsum(regimes, axis=-1) % 2
    noise = jax.random.normal(for_noise, regimes.shape)
    means, sds = jnp.asarray(market.means), jnp.asarray(market.sds)
    days = (means[regimes] + sds[regimes] * noise)[..., None]
    return Returns(days[..., :-1, :], days[..., 1:, :], regimes[..., :-1])


@functools.partial(jax.jit, static_argnames="market")
def _log_odds(market, xs):
    """log q / (1 - q) before each day's return, and log p / (1 - p) after it."""
    log = _log_densities(market, jnp.moveaxis(xs[..., 0], -1, 0))

    def day(before, evidence):
        after = before + evidence
        return _to_next(market, after, jnp), (before, after)

    evidence = log[BULL] - log[BEAR]
    before, after = lax.scan(day, jnp.zeros_like(evidence[0]), evidence)[1]
    return jnp.moveaxis(before, 0, -1), jnp.moveaxis(after, 0, -1)


def _to_next(market, log_odds, xp):
    """Today's log odds -> tomorrow's, before its return."""
    stay, turn = math.log(market.stay), math.log1p(-market.stay)
    bull = xp.logaddexp(log_odds + stay, turn)
    return bull - xp.logaddexp(log_odds + turn, stay)


def _log_densities(market, x, xp=jnp):
    return tuple(
        -(((x - mean) / sd) ** 2) / 2 - math.log(sd * math.sqrt(2 * math.pi))
        for mean, sd in zip(market.means, market.sds, strict=True)
    )


def _below(market, x, regime):
    """Probability of a return below x."""
    scaled = (x - market.means[regime]) / (market.sds[regime] * math.sqrt(2))
    return 0.5 * (1 + math.erf(scaled))


# The expected scores of the filter. What it knows before a day is one number, its log
# odds, which never leave an interval; so their distribution is carried from day to day
# on a grid, and every return is weighed with its density. No sample is drawn.

GRID, NODES, REACH = 801, 1201, 8  # points of log odds, of returns, sds on each side


def _returns(market):
    """Points of returns, their distance, and both densities there: (2, NODES)."""
    sides = [[m - REACH * s, m + REACH * s] for m, s in _regimes(market)]
    x = np.linspace(np.min(sides), np.max(sides), NODES)
    return x, x[1] - x[0], np.exp(_log_densities(market, x))


def _regimes(market):
    return zip(market.means, market.sds, strict=True)


def _entropies(densities, dx, q):
    """Nats of a return whose day is bullish with probability q, for each q."""
    density = q[:, None] * densities[BULL] + (1 - q[:, None]) * densities[BEAR]
    nats = np.where(density > 0, -density * np.log(np.maximum(density, 1e-300)), 0)
    return nats.sum(axis=1) * dx


@functools.cache
def _days(market, T):
    """Expected accuracy and loss of the filter after each of T days: two (T,)."""
    x, dx, densities = _returns(market)
    edge = math.log(market.stay / (1 - market.stay))
    before = np.linspace(-edge, edge, GRID)
    q = 1 / (1 + np.exp(-before))
    joint = np.stack([q[:, None] * densities[BULL], (1 - q[:, None]) * densities[BEAR]])
    right = joint.max(axis=0).sum(axis=1) * dx
    nats = _entropies(densities, dx, q)

    evidence = np.subtract(*_log_densities(market, x))
    after = _to_next(market, before[:, None] + evidence, np)
    place = np.clip((after + edge) / (before[1] - before[0]), 0, GRID - 1)
    low = np.minimum(place.astype(int), GRID - 2)
    weight = joint.sum(axis=0)
    weight /= weight.sum(axis=1, keepdims=True)
    origin = np.arange(GRID)[:, None] * GRID  # both neighbours share, by nearness
    kernel = sum(
        np.bincount((origin + low + i).ravel(), (weight * share).ravel(), GRID**2)
        for i, share in ((0, 1 - (place - low)), (1, place - low))
    ).reshape(GRID, GRID)

    known = np.zeros(GRID)
    known[GRID // 2] = 1  # even odds
    accuracies, losses = [], []
    for _ in range(T):
        accuracies.append(known @ right)
        known = known @ kernel
        losses.append(known @ nats)
    return np.array(accuracies), np.array(losses)
