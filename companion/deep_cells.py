"""Cells with a network where the others have one matrix.

A map of `companion.cells` is W[a, x] + b. Here a map is a network of k such layers with
a nonlinearity g between them, so one step of time may compute more:

    z = W^[k] g( ... g(W^[1][a<t-1>, x<t>] + b^[1]) ... ) + b^[k]

    DeepTransition   the plain cell: k nonlinearities from a<t-1> to a<t>
    MLPGRU, MLPLSTM  each gate and the candidate is a network with sizes of its own,
                     and a gate may be one number for all units, or one a group

The state is still one vector, that is the difference from `layers.Stacked`: a tower has
a state in every layer and one nonlinearity between a<t-1> and a<t> of each.

The parameters keep their names and become tuples, layer 1 at index 0: `params.W_u[0]`
reads [a, x], `params.W_u[-1]` ends in the gate. These cells take the plain road of
`unroll`; with one layer a map they equal RNN, GRU and LSTM.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid
from jaxtyping import Float

from companion import initial, validate
from companion.cells import (
    Cell,
    GRUState,
    LSTMState,
    RNNState,
    affine,
    checked,
    start_bias,
    times,
)

__all__ = [
    "MLPGRU",
    "MLPLSTM",
    "DeepTransition",
    "DeepTransitionParams",
    "MLPGRUParams",
    "MLPLSTMParams",
    "NetworkCell",
    "upper_layers",
]

tanh = jnp.tanh
Weights = tuple[Float[Array, "_ _"], ...]  # each layer has sizes of its own
Biases = tuple[Float[Array, " _"], ...]


def upper_layers(
    Ws: Weights, bs: Biases, z: Float[Array, "*batch n"], activation: Callable
) -> Float[Array, "*batch n_out"]:
    """From the first layer's z to the last one's: z = W g(z) + b for each of them."""
    for W, b in zip(Ws, bs, strict=True):
        z = times(W, activation(z)) + b
    return z


@dataclass(frozen=True)
class NetworkCell(Cell):
    """A cell whose maps are networks. A subclass says in `sizes` how wide they are.

    For pictures, its `z` gives a map's end before the tanh or sigmoid, (..., n_a).
    """

    def sizes(self, letter: str) -> tuple[int, ...]:
        """How many units each layer of a map has, the last one included."""
        raise NotImplementedError(f"{type(self).__name__} has no sizes yet")

    def shapes(self, n_x: int) -> dict[str, tuple[tuple[int, ...], ...]]:
        """The shapes of every parameter, layer by layer, for inputs of n_x features."""
        shapes = {}
        for letter in self.maps:
            sizes = self.sizes(letter)
            reads = (self.n_a + n_x, *sizes[:-1])
            shapes[f"W_{letter}"] = tuple(zip(sizes, reads, strict=True))
            shapes[f"b_{letter}"] = tuple((n,) for n in sizes)
        return shapes

    def init(self, key: Array, n_x: int, dtype=None):
        """Fresh parameters: W^[1] as in `Cell.init`, the W above it orthogonal.

        Where a matrix is not square, its shorter side is orthonormal.
        """
        validate.positive_int("n_x", n_x)
        dtype = validate.float_dtype(dtype)
        drawn = jnp.promote_types(dtype, jnp.float32)  # no half-precision QR
        keys = jax.random.split(key, 2 * len(self.maps))
        params = {}
        for i, letter in enumerate(self.maps):
            first, *above = self.shapes(n_x)[f"W_{letter}"]
            for_a, for_x = keys[2 * i], keys[2 * i + 1]
            shape = {"shape": (first[0], self.n_a), "n_x": n_x}
            Ws = [initial.orthogonal_and_glorot(for_a, for_x, **shape, dtype=drawn)]
            further = jax.random.split(jax.random.fold_in(for_a, 1), len(above))
            for own, shape in zip(further, above, strict=True):
                Ws.append(initial.orthogonal(own, shape=shape, dtype=drawn))
            params[f"W_{letter}"] = tuple(W.astype(dtype) for W in Ws)
            biases = (initial.zeros(n, dtype) for n in self.sizes(letter))
            params[f"b_{letter}"] = tuple(biases)
        return self.Params(**params)

    def network(self, letter, params, a, x, activation) -> Float[Array, "*batch n"]:
        """The z of a map's last layer, before what makes it a gate or a candidate."""
        Ws, bs = getattr(params, f"W_{letter}"), getattr(params, f"b_{letter}")
        z = affine(Ws[0], bs[0], a, x)
        return upper_layers(Ws[1:], bs[1:], z, activation)


class DeepTransitionParams(NamedTuple):
    """W_a^[1] (n_1, n_a + n_x), W_a^[2] (n_2, n_1), ..., W_a^[k] (n_a, n_k-1)."""

    W_a: Weights
    b_a: Biases


@dataclass(frozen=True)
class DeepTransition(NetworkCell):
    """The plain cell with k nonlinearities a step (Pascanu et al. 2014, DT-RNN).

        h^[1] = g(W_a^[1][a<t-1>, x<t>] + b_a^[1])
        h^[l] = g(W_a^[l] h^[l-1] + b_a^[l]),   a<t> = h^[k]
        with skip=True   a<t> = g(W_a^[k] h^[k-1] + b_a^[k] + a<t-1>)

    depth: k, the layers from a<t-1> to a<t>; 1 is the RNN. The gradient crosses k T
        nonlinearities in T steps.
    n_inner: units of the k - 1 layers in between, one number or a tuple; None for n_a.
    skip: add a<t-1> to z^[k], before the last g. It has no weights. It is a second way
        back that crosses one g a step, T in all, and a stays in the range of g.
    activation: g, in every layer; as in `RNN`.

    Raises TypeError or ValueError naming the argument that does not fit.
    """

    depth: int = 2
    n_inner: int | Sequence[int] | None = None
    skip: bool = False
    activation: Callable[[Array], Array] = tanh
    Params = DeepTransitionParams
    State = RNNState
    maps = ("a",)

    def __post_init__(self):
        super().__post_init__()
        between = validate.positive_int("depth", self.depth) - 1
        n_inner = self.n_a if self.n_inner is None else self.n_inner
        if not isinstance(n_inner, tuple | list):
            n_inner = (validate.positive_int("n_inner", n_inner),) * between
        n_inner = validate.sizes("n_inner", n_inner)
        if len(n_inner) != between:
            raise ValueError(
                f"n_inner must hold {between} sizes for depth={self.depth}, one for "
                f"each layer but the last, got {n_inner}"
            )
        object.__setattr__(self, "n_inner", n_inner)

    def sizes(self, letter: str) -> tuple[int, ...]:
        return (*self.n_inner, self.n_a)

    def z(self, letter, params, a, x) -> Float[Array, "*batch n_a"]:
        """What the last g is taken of: z^[k], and the skip."""
        z = self.network(letter, params, a, x, self.activation)
        return z + a if self.skip else z

    @checked
    def step(self, params: DeepTransitionParams, state: RNNState, x) -> RNNState:
        return RNNState(self.activation(self.z("a", params, state.a, x)))


@dataclass(frozen=True)
class MLPGates(NetworkCell):
    """What `MLPGRU` and `MLPLSTM` share; the letters of their maps: c, and the gates.

    inner: units of the layers before the last, () for none: one tuple for all maps, or
        a dictionary by letter, {"c": (64,), "u": (8, 8)}; a letter left out has none.
    gate_size: how many numbers a gate ends in: n_a (None), 1 for one number that all
        units share on purpose, or any n_g that divides n_a: gate number i is then for
        the i-th group of n_a / n_g neighbouring units. One for all gates or by letter.
        The candidate always has n_a, as it becomes the state.
    inner_activation: g between the layers of a map; as `activation` in `RNN`.

    Both are kept as pairs (letter, value), so that a cell can be compared and hashed.
    """

    inner: Mapping | tuple = ()
    gate_size: Mapping | tuple | int | None = None
    inner_activation: Callable[[Array], Array] = tanh

    def __post_init__(self):
        super().__post_init__()
        inner = by_letter("inner", self.inner, self.maps, (), validate.sizes)
        object.__setattr__(self, "inner", inner)
        ends = by_letter("gate_size", self.gate_size, self.maps[1:], None, self.end)
        object.__setattr__(self, "gate_size", ends)

    def end(self, name, size) -> int:
        size = self.n_a if size is None else validate.positive_int(name, size)
        if self.n_a % size:
            raise ValueError(
                f"{name} must be 1, n_a or another divisor of n_a, got {size} for "
                f"n_a={self.n_a}: a gate of {size} numbers cannot be broadcast to a "
                f"state of {self.n_a}"
            )
        return size

    def sizes(self, letter: str) -> tuple[int, ...]:
        return (*dict(self.inner)[letter], dict(self.gate_size).get(letter, self.n_a))

    def z(self, letter, params, a, x) -> Float[Array, "*batch n_a"]:
        """What tanh (c) or sigmoid (a gate) is taken of, a small gate spread to n_a."""
        z = self.network(letter, params, a, x, self.inner_activation)
        return jnp.repeat(z, self.n_a // z.shape[-1], axis=-1)


def by_letter(name, given, letters, default, check):
    """A setting for each letter, from one for all or from a mapping, as pairs."""
    if isinstance(given, tuple) and given and isinstance(given[0], tuple):
        given = dict(given)  # the pairs of another cell: dataclasses.replace
    if not isinstance(given, Mapping):
        return tuple((letter, check(name, given)) for letter in letters)
    unknown = [key for key in given if key not in letters]
    if unknown:
        raise ValueError(
            f"{name} has an entry for {unknown[0]!r}, but the letters here are "
            f"{', '.join(letters)}"
        )
    return tuple(
        (letter, check(f"{name}[{letter!r}]", given.get(letter, default)))
        for letter in letters
    )


def last_bias_from(biases: Biases, start: float) -> Biases:
    return (*biases[:-1], biases[-1] + start)


class MLPGRUParams(NamedTuple):
    """Tuples, layer 1 first: W_u[0] is (n_1, n_a + n_x), W_u[-1] (gate_size, n_k-1)."""

    W_c: Weights
    b_c: Biases
    W_u: Weights
    b_u: Biases
    W_r: Weights
    b_r: Biases


@dataclass(frozen=True)
class MLPGRU(MLPGates):
    """The GRU (reset before the product) whose maps N_. are networks.

        G_r   = sigmoid(N_r[c<t-1>, x<t>]);   G_u = sigmoid(N_u[c<t-1>, x<t>])
        c~<t> = tanh(N_c[G_r * c<t-1>, x<t>])
        c<t>  = G_u * c~<t> + (1 - G_u) * c<t-1>;  a<t> = c<t>

    inner, gate_size, inner_activation: for the letters c, u, r; see `MLPGates`:

        MLPGRU(32, inner={"c": (64,), "u": (8,)}, gate_size={"u": 1})

    update_bias: where the last b_u starts, as in `GRU`.
    """

    update_bias: float = start_bias(0.0)
    Params = MLPGRUParams
    State = GRUState
    maps = ("c", "u", "r")

    def init(self, key: Array, n_x: int, dtype=None) -> MLPGRUParams:
        params = super().init(key, n_x, dtype)
        return params._replace(b_u=last_bias_from(params.b_u, self.update_bias))

    @checked
    def step(self, params: MLPGRUParams, state: GRUState, x) -> GRUState:
        p, c = params, state.c
        gamma_r = sigmoid(self.z("r", p, c, x))
        gamma_u = sigmoid(self.z("u", p, c, x))
        c_tilde = tanh(self.z("c", p, gamma_r * c, x))
        return GRUState(gamma_u * c_tilde + (1 - gamma_u) * c)


class MLPLSTMParams(NamedTuple):
    """Tuples, layer 1 first: W_f[0] is (n_1, n_a + n_x), W_f[-1] (gate_size, n_k-1)."""

    W_c: Weights
    b_c: Biases
    W_u: Weights
    b_u: Biases
    W_f: Weights
    b_f: Biases
    W_o: Weights
    b_o: Biases


@dataclass(frozen=True)
class MLPLSTM(MLPGates):
    """The LSTM whose maps N_. are networks.

        c~<t> = tanh(N_c[a<t-1>, x<t>]);   G_u, G_f, G_o = sigmoid(N_.[a<t-1>, x<t>])
        c<t>  = G_u * c~<t> + G_f * c<t-1>
        a<t>  = G_o * tanh(c<t>)

    inner, gate_size, inner_activation: for the letters c, u, f, o; see `MLPGates`:

        MLPLSTM(32, inner={"o": (16, 16)}, gate_size={"u": 4, "f": 4})

    forget_bias: where the last b_f starts, as in `LSTM`.
    """

    forget_bias: float = start_bias(1.0)
    Params = MLPLSTMParams
    State = LSTMState
    maps = ("c", "u", "f", "o")

    def init(self, key: Array, n_x: int, dtype=None) -> MLPLSTMParams:
        params = super().init(key, n_x, dtype)
        return params._replace(b_f=last_bias_from(params.b_f, self.forget_bias))

    @checked
    def step(self, params: MLPLSTMParams, state: LSTMState, x) -> LSTMState:
        p, (a, c) = params, state
        c_tilde = tanh(self.z("c", p, a, x))
        gamma_u = sigmoid(self.z("u", p, a, x))
        gamma_f = sigmoid(self.z("f", p, a, x))
        gamma_o = sigmoid(self.z("o", p, a, x))
        c = gamma_u * c_tilde + gamma_f * c
        return LSTMState(gamma_o * tanh(c), c)
