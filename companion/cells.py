"""The cells: one step of every recurrence in the course, written as its equation.

A cell is a frozen dataclass of hyperparameters. Its weights (`params`) and its memory
(`state`) are NamedTuples that you pass in, so every function here is pure:

    cell = LSTM(n_a=256)
    params = cell.init(key, n_x=28)
    state = cell.start(batch=32)
    state = cell.step(params, state, x)      # x: (32, 28), or 32 token ids

Leading axes are free but must agree between `state` and `x`: one example, a batch and a
batch of batches are the same code. Weights multiply from the left, W_u is
(n_a, n_a + n_x) and W_u[a, x] is `affine(W_u, b_u, a, x)`. An integer `x` stands for
one-hot vectors: it has no feature axis, and W x is then a column of W.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid
from jaxtyping import Float, Integer

from companion import initial, validate

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "Cell",
    "GRUParams",
    "GRUState",
    "LSTMParams",
    "LSTMState",
    "PeepholeLSTM",
    "PeepholeLSTMParams",
    "RNNParams",
    "RNNState",
    "SimplifiedGRU",
    "SimplifiedGRUParams",
    "affine",
    "checked",
    "count_parameters",
    "times",
]

tanh = jnp.tanh
Vector = Float[Array, "*batch n"]
Tokens = Integer[Array, "*batch"]
Weights = Float[Array, "n_a n_a+n_x"]
Bias = Float[Array, " n_a"]


def times(
    W: Float[Array, "n_out n_in"], x: Float[Array, "*batch n_in"] | Tokens
) -> Float[Array, "*batch n_out"]:
    """W x. An integer x is a token id: the product with its one-hot vector is column x.

    An id outside 0..n_in-1 gives NaN, so that it cannot pass unseen under jit.
    """
    if jnp.issubdtype(x.dtype, jnp.integer):
        return columns(W, x)
    return x @ W.T


def columns(W, tokens):
    """Column `tokens` of W along the last axis, NaN for one that W does not have."""
    column = tokens.astype(int)  # W may have more than a small integer type can count
    outside = (column < 0) | (column >= W.shape[1])
    none = jnp.full((1, W.shape[0]), jnp.nan, W.dtype)  # read by every id outside
    return jnp.concatenate([W.T, none])[jnp.where(outside, W.shape[1], column)]


def affine(
    W: Float[Array, "n_out n_in"],
    b: Float[Array, " n_out"],
    a: Float[Array, "*batch n_a"],
    x: Float[Array, "*batch n_x"] | Tokens,
) -> Float[Array, "*batch n_out"]:
    """W[a, x] + b, with W = [W_a. | W_x.]: the first columns multiply a, the rest x."""
    n_a = a.shape[-1]
    return times(W[:, :n_a], a) + times(W[:, n_a:], x) + b


def count_parameters(params) -> int:
    """How many numbers a pytree of parameters holds."""
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def checked(step):
    """Compare params, state and x with what the cell expects, then take the step."""

    @functools.wraps(step)
    def checked_step(self, params, state, x):
        x = validate.as_input("x", x)
        validate.params(self, params, validate.features(self, params, "x", x))
        validate.state(self, state, validate.leading_axes(x))
        return step(self, params, state, x)

    return checked_step


@dataclass(frozen=True)
class Cell:
    """What every cell has. A cell of your own: a frozen dataclass that subclasses this,
    sets the three class attributes and writes `step`, wrapped in `checked`.

    n_a: number of units, the size of the state.
    Params, State: the NamedTuples of the parameters and of the state. Every field of
        the state is (..., n_a), and one of them, or a property, is `a`.
    maps: the letters of the weight matrices, at least one, each a W_. of shape
        (n_a, n_a + n_x) with its b_. (n_a,).
    sees_state: False if the maps read x<t> alone: then every W_. is (n_a, n_x).
    """

    n_a: int
    Params: ClassVar[type]
    State: ClassVar[type]
    maps: ClassVar[tuple[str, ...]]
    sees_state: ClassVar[bool] = True

    def __post_init__(self):
        validate.positive_int("n_a", self.n_a)
        for bias in start_biases(self):
            validate.as_number(bias.name, getattr(self, bias.name))

    def shapes(self, n_x: int) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter for inputs of n_x features.

        A cell may override this. A parameter that is a tuple of arrays, as in
        `companion.deep_cells`, has a tuple of shapes.
        """
        shapes, n_seen = {}, self.n_a if self.sees_state else 0
        for letter in self.maps:
            shapes[f"W_{letter}"] = (self.n_a, n_seen + n_x)
            shapes[f"b_{letter}"] = (self.n_a,)
        return shapes

    def init(self, key: Array, n_x: int, dtype=None):
        """Fresh parameters: W_aa orthogonal, W_ax Glorot uniform, biases zero.

        key: a `jax.random.key`. n_x: input features, or the vocabulary size for tokens.
        dtype: float32 unless said otherwise (float64 where JAX has it switched on).
        """
        validate.positive_int("n_x", n_x)
        dtype = validate.float_dtype(dtype)
        drawn = jnp.promote_types(dtype, jnp.float32)  # no half-precision QR
        keys = jax.random.split(key, 2 * len(self.maps))
        params = {name: initial.zeros(s, dtype) for name, s in self.shapes(n_x).items()}
        for i, letter in enumerate(self.maps):
            for_a, for_x = keys[2 * i], keys[2 * i + 1]
            if self.sees_state:
                shape = {"shape": (self.n_a, self.n_a), "n_x": n_x}
                W = initial.orthogonal_and_glorot(for_a, for_x, **shape, dtype=drawn)
            else:
                W = initial.glorot(for_x, shape=(self.n_a, n_x), dtype=drawn)
            params[f"W_{letter}"] = W.astype(dtype)
        return self.Params(**params)

    def start(self, batch: int | tuple[int, ...] = (), dtype=None):
        """The state before the first step: zeros of shape (*batch, n_a)."""
        batch = validate.batch_axes(batch)
        dtype = validate.float_dtype(dtype)
        zeros = jnp.zeros((*batch, self.n_a), dtype)
        return self.State(*[zeros] * len(self.State._fields))

    def step(self, params, state, x):
        """One step: the state after seeing x, of shape (..., n_a)."""
        raise NotImplementedError(f"{type(self).__name__} has no step yet")


def start_bias(value: float):
    """A field that says where a bias starts: `init` reads it, `step` never does."""
    return field(default=value, metadata={"start": True})


def start_biases(cell: Cell) -> list:
    return [known for known in fields(cell) if known.metadata.get("start")]


def for_running(cell: Cell) -> Cell:
    """The same cell for `step`: cells that differ in start biases compile once."""
    biases = {bias.name: bias.default for bias in start_biases(cell)}
    return replace(cell, **biases) if biases else cell


class RNNParams(NamedTuple):
    W_a: Weights
    b_a: Bias


class RNNState(NamedTuple):
    a: Vector


@dataclass(frozen=True)
class RNN(Cell):
    """The plain recurrent cell (Elman 1990): a<t> = g1(W_a[a<t-1>, x<t>] + b_a).

    activation: g1, any function that keeps the shape, applied to z (..., n_a). Define
        it once: each new lambda is a new function to JAX and compiles again. One that
        closes over a value being differentiated or traced needs unroll(fast=False).
    """

    activation: Callable[[Array], Array] = tanh
    Params = RNNParams
    State = RNNState
    maps = ("a",)

    @checked
    def step(self, params: RNNParams, state: RNNState, x) -> RNNState:
        z = affine(params.W_a, params.b_a, state.a, x)
        return RNNState(self.activation(z))


class GRUState(NamedTuple):
    """A GRU shows all it remembers: its activation is its memory cell, a<t> = c<t>."""

    c: Vector

    @property
    def a(self) -> Vector:
        return self.c


class SimplifiedGRUParams(NamedTuple):
    W_c: Weights
    b_c: Bias
    W_u: Weights
    b_u: Bias


@dataclass(frozen=True)
class SimplifiedGRU(Cell):
    """A memory cell and one gate: the GRU without its relevance gate.

        c~<t> = tanh(W_c[c<t-1>, x<t>] + b_c)
        G_u   = sigmoid(W_u[c<t-1>, x<t>] + b_u)
        c<t>  = G_u * c~<t> + (1 - G_u) * c<t-1>;  a<t> = c<t>

    update_bias: where b_u starts; a negative one keeps the memory longer at first.
    """

    update_bias: float = start_bias(0.0)
    Params = SimplifiedGRUParams
    State = GRUState
    maps = ("c", "u")

    def init(self, key: Array, n_x: int, dtype=None) -> SimplifiedGRUParams:
        params = super().init(key, n_x, dtype)
        return params._replace(b_u=params.b_u + self.update_bias)

    @checked
    def step(self, params: SimplifiedGRUParams, state: GRUState, x) -> GRUState:
        p, c = params, state.c
        c_tilde = tanh(affine(p.W_c, p.b_c, c, x))
        gamma_u = sigmoid(affine(p.W_u, p.b_u, c, x))
        return GRUState(gamma_u * c_tilde + (1 - gamma_u) * c)


class GRUParams(NamedTuple):
    """b_cc, the bias inside the reset product, exists with reset="after" only."""

    W_c: Weights
    b_c: Bias
    W_u: Weights
    b_u: Bias
    W_r: Weights
    b_r: Bias
    b_cc: Bias | None = None


@dataclass(frozen=True)
class GRU(Cell):
    """The gated recurrent unit (Cho et al. 2014; the update gate's sense is that of
    Chung et al. 2014: near 1 it takes the candidate).

        G_r   = sigmoid(W_r[c<t-1>, x<t>] + b_r)
        G_u   = sigmoid(W_u[c<t-1>, x<t>] + b_u)
        c~<t> = tanh(W_c[G_r * c<t-1>, x<t>] + b_c)
        c<t>  = G_u * c~<t> + (1 - G_u) * c<t-1>;  a<t> = c<t>

    reset: "before" the product as above, or "after" it as in cuDNN, PyTorch and Keras,
        c~<t> = tanh(G_r * (W_cc c<t-1> + b_cc) + W_cx x<t> + b_c), W_c = [W_cc | W_cx].
    update_bias: where b_u starts; a negative one keeps the memory longer at first.
    """

    reset: Literal["before", "after"] = "before"
    update_bias: float = start_bias(0.0)
    Params = GRUParams
    State = GRUState
    maps = ("c", "u", "r")

    def __post_init__(self):
        super().__post_init__()
        validate.one_of("reset", self.reset, ("before", "after"))

    def shapes(self, n_x: int) -> dict[str, tuple[int, ...]]:
        extra = {"b_cc": (self.n_a,)} if self.reset == "after" else {}
        return super().shapes(n_x) | extra

    def init(self, key: Array, n_x: int, dtype=None) -> GRUParams:
        params = super().init(key, n_x, dtype)
        return params._replace(b_u=params.b_u + self.update_bias)

    @checked
    def step(self, params: GRUParams, state: GRUState, x) -> GRUState:
        p, c = params, state.c
        gamma_r = sigmoid(affine(p.W_r, p.b_r, c, x))
        gamma_u = sigmoid(affine(p.W_u, p.b_u, c, x))
        if self.reset == "before":
            c_tilde = tanh(affine(p.W_c, p.b_c, gamma_r * c, x))
        else:
            W_cc, W_cx = p.W_c[:, : self.n_a], p.W_c[:, self.n_a :]
            c_tilde = tanh(gamma_r * (times(W_cc, c) + p.b_cc) + times(W_cx, x) + p.b_c)
        return GRUState(gamma_u * c_tilde + (1 - gamma_u) * c)


class LSTMParams(NamedTuple):
    """The maps of a gate that an ablated LSTM does without are None."""

    W_c: Weights
    b_c: Bias
    W_u: Weights | None = None
    b_u: Bias | None = None
    W_f: Weights | None = None
    b_f: Bias | None = None
    W_o: Weights | None = None
    b_o: Bias | None = None


class LSTMState(NamedTuple):
    """What the LSTM shows (a) and what it remembers (c)."""

    a: Vector
    c: Vector


@dataclass(frozen=True)
class LSTM(Cell):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate: Gers 2000).

        c~<t> = tanh(W_c[a<t-1>, x<t>] + b_c)
        G_u, G_f, G_o = sigmoid(W_.[a<t-1>, x<t>] + b_.)
        c<t>  = G_u * c~<t> + G_f * c<t-1>
        a<t>  = G_o * tanh(c<t>)

    forget_bias: where b_f starts; sigmoid of it is the share first kept at each step.
    forget_gate=False: the cell of 1997, G_f = 1.      output_gate=False: G_o = 1.
    coupled=True: one gate decides both, G_u = 1 - G_f. output_tanh=False: a = G_o * c.
    """

    forget_bias: float = start_bias(1.0)
    forget_gate: bool = True
    output_gate: bool = True
    coupled: bool = False
    output_tanh: bool = True
    Params = LSTMParams
    State = LSTMState

    def __post_init__(self):
        super().__post_init__()
        if self.coupled and not self.forget_gate:
            raise ValueError("coupled=True needs the forget gate: G_u is 1 - G_f")

    @property
    def maps(self) -> tuple[str, ...]:
        has = {"u": not self.coupled, "f": self.forget_gate, "o": self.output_gate}
        return ("c", *[letter for letter, there in has.items() if there])

    def init(self, key: Array, n_x: int, dtype=None) -> LSTMParams:
        params = super().init(key, n_x, dtype)
        if not self.forget_gate:
            return params
        return params._replace(b_f=params.b_f + self.forget_bias)

    @checked
    def step(self, params: LSTMParams, state: LSTMState, x) -> LSTMState:
        p, (a, c) = params, state
        c_tilde = tanh(affine(p.W_c, p.b_c, a, x))
        gamma_f = sigmoid(affine(p.W_f, p.b_f, a, x)) if self.forget_gate else 1.0
        gamma_u = 1 - gamma_f if self.coupled else sigmoid(affine(p.W_u, p.b_u, a, x))
        gamma_o = sigmoid(affine(p.W_o, p.b_o, a, x)) if self.output_gate else 1.0
        c = gamma_u * c_tilde + gamma_f * c
        a = gamma_o * (tanh(c) if self.output_tanh else c)
        return LSTMState(a, c)


class PeepholeLSTMParams(NamedTuple):
    W_c: Weights
    b_c: Bias
    W_u: Weights
    b_u: Bias
    W_f: Weights
    b_f: Bias
    W_o: Weights
    b_o: Bias
    p_u: Bias
    p_f: Bias
    p_o: Bias


@dataclass(frozen=True)
class PeepholeLSTM(Cell):
    """The LSTM whose gates look into the memory (Gers and Schmidhuber 2000).

        G_u = sigmoid(W_u[a<t-1>, x<t>] + p_u * c<t-1> + b_u), G_f alike
        c<t> = G_u * c~<t> + G_f * c<t-1>
        G_o = sigmoid(W_o[a<t-1>, x<t>] + p_o * c<t> + b_o): the new memory, not the old

    The peepholes p start at zero, so an untrained one equals the LSTM.
    """

    forget_bias: float = start_bias(1.0)
    Params = PeepholeLSTMParams
    State = LSTMState
    maps = ("c", "u", "f", "o")

    def shapes(self, n_x: int) -> dict[str, tuple[int, ...]]:
        peepholes = {f"p_{letter}": (self.n_a,) for letter in "ufo"}
        return super().shapes(n_x) | peepholes

    def init(self, key: Array, n_x: int, dtype=None) -> PeepholeLSTMParams:
        params = super().init(key, n_x, dtype)
        return params._replace(b_f=params.b_f + self.forget_bias)

    @checked
    def step(self, params: PeepholeLSTMParams, state: LSTMState, x) -> LSTMState:
        p, (a, c) = params, state
        c_tilde = tanh(affine(p.W_c, p.b_c, a, x))
        gamma_u = sigmoid(affine(p.W_u, p.b_u, a, x) + p.p_u * c)
        gamma_f = sigmoid(affine(p.W_f, p.b_f, a, x) + p.p_f * c)
        c = gamma_u * c_tilde + gamma_f * c
        gamma_o = sigmoid(affine(p.W_o, p.b_o, a, x) + p.p_o * c)
        return LSTMState(gamma_o * tanh(c), c)
