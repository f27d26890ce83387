"""Cells that are linear in their state: c<t> = alpha<t> * c<t-1> + beta<t>.

    MinGRU, MinLSTM  the GRU and the LSTM cut down until that is true (Feng et al. 2024)
    DiagonalRNN      a plain cell without g1 whose W_aa is a diagonal

alpha<t> and beta<t> come from x<t> alone: no gate and no candidate sees the state, and
W_. is (n_a, n_x). So all of them can be known before the first step is taken, and
`companion.parallel` then runs all steps at once. `step` is for decoding, and to read.

Used like every other cell; `unroll(..., parallel=True)` takes the parallel road.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array
from jax.nn import log_sigmoid, sigmoid, softplus
from jaxtyping import Float

from companion.cells import (
    Bias,
    Cell,
    GRUState,
    RNNState,
    checked,
    start_bias,
    times,
)

__all__ = [
    "DiagonalParams",
    "DiagonalRNN",
    "LinearCell",
    "MinGRU",
    "MinGRUParams",
    "MinLSTM",
    "MinLSTMParams",
    "log_positive",
    "positive",
]

Weights = Float[Array, "n_a n_x"]  # no columns for a<t-1>
Vectors = Float[Array, "*batch n_a"]


def positive(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """g(z) = z + 1/2 for z >= 0, sigmoid(z) below: above 0, smooth, no ceiling.

    Source: Feng et al. (2024), appendix B.
    """
    return jnp.where(z >= 0, jnp.maximum(z, 0) + 0.5, sigmoid(z))


def log_positive(z: Float[Array, "..."]) -> Float[Array, "..."]:
    """log g(z), finite also where g(z) itself is too small for a float."""
    return jnp.where(z >= 0, jnp.log(jnp.maximum(z, 0) + 0.5), log_sigmoid(z))


@dataclass(frozen=True)
class LinearCell(Cell):
    """A cell that is linear in its state. One of your own has a state of one field, a
    `step`, and `recurrence`; for `look_inside`, `gates` says what it computes on the
    way.
    """

    sees_state = False

    def recurrence(self, params, xs) -> tuple[Array, Vectors]:
        """alpha and beta of all steps: xs (..., n_x) or ids (...) -> (..., n_a) each.

        An alpha that is the same at all steps may be (n_a,).
        """
        raise NotImplementedError(f"{type(self).__name__} has no recurrence yet")

    def log_recurrence(self, params, xs) -> tuple[Vectors, Vectors]:
        """log alpha and log beta, of a cell in which both are positive."""
        raise NotImplementedError(f"{type(self).__name__} has no logarithms")

    def gates(self, params, xs) -> dict[str, Vectors]:
        """The candidate and the gates of all steps, by name."""
        return {}


class MinGRUParams(NamedTuple):
    W_c: Weights
    b_c: Bias
    W_u: Weights
    b_u: Bias


@dataclass(frozen=True)
class MinGRU(LinearCell):
    """The GRU whose gate and candidate see x<t> alone (Feng et al. 2024).

        c~<t> = W_c x<t> + b_c
        G_u   = sigmoid(W_u x<t> + b_u)
        c<t>  = G_u * c~<t> + (1 - G_u) * c<t-1>;  a<t> = c<t>

    Beside the `SimplifiedGRU` three things are gone: the state in the gate, the state
    in the candidate, and tanh, which kept what came through the state in bounds.

    positive: c~<t> = g(W_c x<t> + b_c), with g as in `positive`. Every candidate is
        then above 0 and the paper's logarithms exist: `unroll(..., parallel="log")`.
    update_bias: where b_u starts; a negative one keeps the memory longer at first.
    """

    positive: bool = False
    update_bias: float = start_bias(0.0)
    Params = MinGRUParams
    State = GRUState
    maps = ("c", "u")

    def init(self, key: Array, n_x: int, dtype=None) -> MinGRUParams:
        params = super().init(key, n_x, dtype)
        return params._replace(b_u=params.b_u + self.update_bias)

    @checked
    def step(self, params: MinGRUParams, state: GRUState, x) -> GRUState:
        p, c = params, state.c
        z_c = times(p.W_c, x) + p.b_c
        c_tilde = positive(z_c) if self.positive else z_c
        gamma_u = sigmoid(times(p.W_u, x) + p.b_u)
        return GRUState(gamma_u * c_tilde + (1 - gamma_u) * c)

    def gates(self, params: MinGRUParams, xs) -> dict[str, Vectors]:
        z_c = times(params.W_c, xs) + params.b_c
        gamma_u = sigmoid(times(params.W_u, xs) + params.b_u)
        return {"c_tilde": positive(z_c) if self.positive else z_c, "gamma_u": gamma_u}

    def recurrence(self, params: MinGRUParams, xs) -> tuple[Vectors, Vectors]:
        known = self.gates(params, xs)
        return 1 - known["gamma_u"], known["gamma_u"] * known["c_tilde"]

    def log_recurrence(self, params: MinGRUParams, xs) -> tuple[Vectors, Vectors]:
        z_c = times(params.W_c, xs) + params.b_c
        z_u = times(params.W_u, xs) + params.b_u
        return log_sigmoid(-z_u), log_sigmoid(z_u) + log_positive(z_c)


class MinLSTMParams(NamedTuple):
    W_c: Weights
    b_c: Bias
    W_u: Weights
    b_u: Bias
    W_f: Weights
    b_f: Bias


@dataclass(frozen=True)
class MinLSTM(LinearCell):
    """The LSTM whose gates and candidate see x<t> alone (Feng et al. 2024).

        c~<t>    = W_c x<t> + b_c
        G_u, G_f = sigmoid(W_. x<t> + b_.), each then divided by G_u + G_f
        c<t>     = G_u * c~<t> + G_f * c<t-1>;  a<t> = c<t>

    The division keeps c<t> between c<t-1> and the candidate, however long the sequence.
    There is no output gate and no second tanh: like a GRU, it shows all it remembers.

    positive: as in `MinGRU`.
    forget_bias: where b_f starts; at 1 the share first kept is 0.59, at 0 a half.
    """

    positive: bool = False
    forget_bias: float = start_bias(1.0)
    Params = MinLSTMParams
    State = GRUState
    maps = ("c", "u", "f")

    def init(self, key: Array, n_x: int, dtype=None) -> MinLSTMParams:
        params = super().init(key, n_x, dtype)
        return params._replace(b_f=params.b_f + self.forget_bias)

    @checked
    def step(self, params: MinLSTMParams, state: GRUState, x) -> GRUState:
        p, c = params, state.c
        z_c = times(p.W_c, x) + p.b_c
        z_u, z_f = times(p.W_u, x) + p.b_u, times(p.W_f, x) + p.b_f
        c_tilde = positive(z_c) if self.positive else z_c
        # u / (u + f) = sigmoid(log u - log f): two gates shut tight give no 0/0
        gamma_u = sigmoid(log_sigmoid(z_u) - log_sigmoid(z_f))
        gamma_f = sigmoid(log_sigmoid(z_f) - log_sigmoid(z_u))
        return GRUState(gamma_u * c_tilde + gamma_f * c)

    def gates(self, params: MinLSTMParams, xs) -> dict[str, Vectors]:
        """The two gates as they are used, after the division."""
        z_c = times(params.W_c, xs) + params.b_c
        more = self.log_odds(params, xs)
        return {
            "c_tilde": positive(z_c) if self.positive else z_c,
            "gamma_u": sigmoid(-more),
            "gamma_f": sigmoid(more),
        }

    def log_odds(self, params, xs) -> Vectors:
        """log(G_f / G_u)."""
        z_u = times(params.W_u, xs) + params.b_u
        z_f = times(params.W_f, xs) + params.b_f
        return softplus(-z_u) - softplus(-z_f)

    def recurrence(self, params: MinLSTMParams, xs) -> tuple[Vectors, Vectors]:
        known = self.gates(params, xs)
        return known["gamma_f"], known["gamma_u"] * known["c_tilde"]

    def log_recurrence(self, params: MinLSTMParams, xs) -> tuple[Vectors, Vectors]:
        z_c = times(params.W_c, xs) + params.b_c
        more = self.log_odds(params, xs)
        return log_sigmoid(more), log_sigmoid(-more) + log_positive(z_c)


class DiagonalParams(NamedTuple):
    """nu gives lambda, see `DiagonalRNN.decay`."""

    W_a: Weights
    b_a: Bias
    nu: Bias


@dataclass(frozen=True)
class DiagonalRNN(LinearCell):
    """A linear recurrence with a diagonal: each unit fades at a rate of its own.

        a<t> = lambda * a<t-1> + W_a x<t> + b_a,   lambda = exp(-exp(nu)) in (0, 1)

    Whatever nu is trained to, no unit explodes. The rates are the same at every step,
    where the gates of `MinGRU` change with x<t>: it filters and cannot choose. It is
    the real, positive case of the linear recurrent unit (Orvieto et al. 2023), which
    has complex lambda, and so units that turn as they fade.

    normalised: the input is multiplied by sqrt(1 - lambda^2), as in the LRU. Under
        white noise a slow unit then has no larger values than a fast one.
    slowest, fastest: the lambdas start evenly spread between fastest and slowest.
    """

    normalised: bool = False
    slowest: float = start_bias(0.99)
    fastest: float = start_bias(0.5)
    Params = DiagonalParams
    State = RNNState
    maps = ("a",)

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.fastest <= self.slowest < 1:
            raise ValueError(
                "fastest and slowest must be 0 < fastest <= slowest < 1, got "
                f"{self.fastest} and {self.slowest}"
            )

    def shapes(self, n_x: int) -> dict[str, tuple[int, ...]]:
        return super().shapes(n_x) | {"nu": (self.n_a,)}

    def init(self, key: Array, n_x: int, dtype=None) -> DiagonalParams:
        params = super().init(key, n_x, dtype)
        decay = jnp.linspace(self.fastest, self.slowest, self.n_a)
        return params._replace(nu=jnp.log(-jnp.log(decay)).astype(params.nu.dtype))

    def decay(self, params: DiagonalParams) -> Float[Array, " n_a"]:
        """lambda, the share of each unit that is left after one step."""
        return jnp.exp(-jnp.exp(params.nu))

    @checked
    def step(self, params: DiagonalParams, state: RNNState, x) -> RNNState:
        p = params
        z = times(p.W_a, x) + p.b_a
        return RNNState(self.decay(p) * state.a + self.gain(p) * z)

    def gain(self, params):
        """What the input is multiplied by: 1, or sqrt(1 - lambda^2) near 1 too."""
        return jnp.sqrt(-jnp.expm1(-2 * jnp.exp(params.nu))) if self.normalised else 1.0

    def recurrence(self, params: DiagonalParams, xs) -> tuple[Array, Vectors]:
        z = times(params.W_a, xs) + params.b_a
        return self.decay(params), self.gain(params) * z
