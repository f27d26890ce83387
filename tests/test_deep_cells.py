"""Cells with networks for maps: against NumPy, against the cells they grow out of."""

import dataclasses
import functools

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from jax.flatten_util import ravel_pytree
from reference import N_X, close, join, sigma

from companion import gradients
from companion.cells import GRU, LSTM, RNN, count_parameters, for_running
from companion.deep_cells import MLPGRU, MLPLSTM, DeepTransition, NetworkCell
from companion.inside import inside, memory_line, saturation
from companion.language import LanguageModel
from companion.layers import Bidirectional, BothWays, Stacked, apply
from companion.models import ManyToMany
from companion.paths import path_length
from companion.training import fit
from companion.unroll import unroll

N_A, T = 6, 5  # six units fall into groups of 1, 2, 3 and 6


# The oracle: one example, one step, vectors and loops. p holds a list a parameter.


def network(p, letter, v, g):
    """g after every layer but the last."""
    layers = list(zip(p[f"W_{letter}"], p[f"b_{letter}"], strict=True))
    for number, (W, b) in enumerate(layers, 1):
        v = W @ v + b
        if number < len(layers):
            v = g(v)
    return v


def gate(p, letter, v, g):
    """A gate of fewer numbers than units: neighbours share one."""
    values = sigma(network(p, letter, v, g))
    each = N_A // len(values)
    return np.array([values[unit // each] for unit in range(N_A)])


def relu(z):
    return np.maximum(z, 0)


def deep_transition(p, state, x, g=np.tanh, skip=0):
    (a,) = state
    return (g(network(p, "a", join(a, x), g) + skip * a),)


def mlp_gru(p, state, x, g=np.tanh):
    (c,) = state
    gamma_r = gate(p, "r", join(c, x), g)
    gamma_u = gate(p, "u", join(c, x), g)
    c_tilde = np.tanh(network(p, "c", join(gamma_r * c, x), g))
    return (gamma_u * c_tilde + (1 - gamma_u) * c,)


def mlp_lstm(p, state, x, g=np.tanh):
    a, c = state
    gamma_u, gamma_f, gamma_o = (gate(p, m, join(a, x), g) for m in "ufo")
    c = gamma_u * np.tanh(network(p, "c", join(a, x), g)) + gamma_f * c
    return gamma_o * np.tanh(c), c


def with_relu(step, **settings):
    return functools.partial(step, g=relu, **settings)


# A cell, its oracle, and the sizes of each map's layers, the last one included.
CASES = {
    "depth 1": (DeepTransition(N_A, 1), deep_transition, {"a": (6,)}),
    "depth 2": (DeepTransition(N_A), deep_transition, {"a": (6, 6)}),
    "depth 3, skip": (
        DeepTransition(N_A, 3, (8, 2), skip=True),
        functools.partial(deep_transition, skip=1),
        {"a": (8, 2, 6)},
    ),
    "depth 4 of 3, relu": (
        DeepTransition(N_A, 4, 3, activation=jax.nn.relu),
        with_relu(deep_transition),
        {"a": (3, 3, 3, 6)},
    ),
    "gru, unequal": (
        MLPGRU(N_A, {"c": (9,), "u": (4, 2)}, {"u": 1, "r": 3}),
        mlp_gru,
        {"c": (9, 6), "u": (4, 2, 1), "r": (3,)},
    ),
    "gru, relu": (
        MLPGRU(N_A, (5,), inner_activation=jax.nn.relu),
        with_relu(mlp_gru),
        {"c": (5, 6), "u": (5, 6), "r": (5, 6)},
    ),
    "lstm, unequal": (
        MLPLSTM(N_A, {"o": (7,), "f": (2, 3)}, {"u": 2, "f": 1}),
        mlp_lstm,
        {"c": (6,), "u": (2,), "f": (2, 3, 1), "o": (7, 6)},
    ),
    "lstm, one number a gate": (
        MLPLSTM(N_A, (4,), 1, jax.nn.relu),
        with_relu(mlp_lstm),
        {"c": (4, 6), "u": (4, 1), "f": (4, 1), "o": (4, 1)},
    ),
}
cases = pytest.mark.parametrize("name", CASES)
FEW = ["depth 3, skip", "gru, unequal", "lstm, unequal"]
few = pytest.mark.parametrize("name", FEW)
STEP = jax.jit(lambda cell, *args: cell.step(*args), static_argnums=0)


def needed(name, n_x=N_X):
    """The shape of every parameter, written down without the package."""
    shapes = {}
    for letter, sizes in CASES[name][2].items():
        reads = [N_A + n_x, *sizes[:-1]]
        shapes[f"W_{letter}"] = tuple(zip(sizes, reads, strict=True))
        shapes[f"b_{letter}"] = tuple((n,) for n in sizes)
    return shapes


def draw(name, seed, batch=(), tokens=False):
    """Parameters, each matrix drawn on its own, a state, inputs and their vectors."""
    rng = np.random.default_rng(seed)
    p = {
        key: tuple(rng.normal(0, 0.7, shape) for shape in shapes)
        for key, shapes in needed(name).items()
    }
    fields = 2 if "lstm" in name else 1
    start = tuple(rng.normal(0, 0.7, (*batch, N_A)) for _ in range(fields))
    if tokens:
        ids = rng.integers(0, N_X, (T, *batch))
        return p, start, ids, reference.one_hot(ids, N_X)
    xs = rng.normal(size=(T, *batch, N_X))
    return p, start, xs, xs


def as_given(cell, p, start):
    return jax.tree.map(jnp.asarray, (cell.Params(**p), cell.State(*start)))


def same(got, expected, tolerance=1e-13):
    for field, value, wanted in zip(got._fields, got, expected, strict=True):
        close(value, wanted, tolerance, field)


# One step and many, against the oracle.


@pytest.mark.parametrize(
    "name, tokens",
    [*((name, False) for name in CASES), *((name, True) for name in FEW)],
)
def test_step_is_the_equation(name, tokens, x64):
    cell, step, _ = CASES[name]
    batch = (2, 3) if tokens else (4,)
    p, start, xs, vectors = draw(name, 1, batch, tokens)
    expected = reference.unroll(step, p, vectors[:1], start)[1]
    got = STEP(cell, *as_given(cell, p, start), jnp.asarray(xs[0]))
    assert type(got) is cell.State
    same(got, expected, 1e-14)


ROWS = reference.pairwise(
    name=FEW,
    tokens=[False, True],
    lengths=[False, True],
    reverse=[False, True],
    last=[False, True],
    checkpoint=[False, True],
    window=[None, 3],
    zero_start=[False, True],
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_unroll_is_the_oracle(row, x64):
    row = dict(row)
    name = row.pop("name")
    cell, step, _ = CASES[name]
    p, start, xs, vectors = draw(name, 2, (4,), row.pop("tokens"))
    lengths = np.array([T, 0, 2, 1]) if row.pop("lengths") else None
    params, state = as_given(cell, p, start)
    if row.pop("zero_start"):
        state, start = None, tuple(np.zeros_like(field) for field in start)
    expected = reference.unroll(step, p, vectors, start, lengths, row["reverse"])
    got = unroll(cell, params, jnp.asarray(xs), state=state, lengths=lengths, **row)
    same(got, expected[row["last"]])


@few
def test_unroll_is_a_loop_of_steps_and_a_batch_its_examples(name, x64):
    cell = CASES[name][0]
    p, start, xs, _ = draw(name, 3, (3,))
    params, state = as_given(cell, p, start)
    together = unroll(cell, params, jnp.asarray(xs), state=state)
    steps = []
    for x in xs:
        state = STEP(cell, params, state, jnp.asarray(x))
        steps.append(state)
    same(together, jax.tree.map(lambda *s: jnp.stack(s), *steps), 1e-14)
    for i in range(3):
        first = cell.State(*(jnp.asarray(field[i]) for field in start))
        alone = unroll(cell, params, jnp.asarray(xs[:, i]), state=first)
        same(alone, [field[:, i] for field in together], 1e-14)


@few
def test_gradient_is_the_finite_difference_and_the_forward_mode_one(name, x64):
    cell = CASES[name][0]
    p, start, xs, _ = draw(name, 4, (3,))
    flat, unravel = ravel_pytree((*as_given(cell, p, start), jnp.asarray(xs)))
    rng = np.random.default_rng(5)
    weights = [rng.normal(size=(T, 3, N_A)) for _ in start]

    @jax.jit
    def loss(flat):
        params, state, xs = unravel(flat)
        states = unroll(cell, params, xs, state=state, lengths=jnp.array([T, 2, 0]))
        pairs = zip(weights, states, strict=True)
        return sum(jnp.sum(w * jnp.sin(2 * s)) for w, s in pairs)

    gradient = jax.jit(jax.grad(loss))(flat)
    assert np.count_nonzero(gradient) > 0.6 * flat.size
    h = 1e-5  # central differences: error of order h squared
    steps = h * jnp.eye(flat.size)
    values = jax.jit(jax.vmap(loss))
    difference = (values(flat + steps) - values(flat - steps)) / (2 * h)
    close(gradient, difference, 1e-8)
    v = jnp.asarray(rng.normal(size=flat.size))
    along = jax.jit(lambda v: jax.jvp(loss, (flat,), (v,))[1])(v)
    close(v @ gradient, along, 1e-11)


# The cells they grow out of.


PLAIN = {
    "rnn": (DeepTransition(N_A, 1), RNN(N_A)),
    "rnn relu": (
        DeepTransition(N_A, 1, activation=jax.nn.relu),
        RNN(N_A, jax.nn.relu),
    ),
    "gru": (MLPGRU(N_A), GRU(N_A)),
    "gru, biased": (MLPGRU(N_A, (), N_A, update_bias=-2.0), GRU(N_A, update_bias=-2.0)),
    "lstm": (MLPLSTM(N_A, {}, {"f": N_A}), LSTM(N_A)),
    "lstm, biased": (MLPLSTM(N_A, forget_bias=3.0), LSTM(N_A, forget_bias=3.0)),
}


def in_tuples(cell, params):
    """The parameters of a plain cell as those of networks of one layer."""
    return cell.Params(
        **{k: (v,) for k, v in params._asdict().items() if v is not None}
    )


@pytest.mark.parametrize("name", PLAIN)
def test_networks_of_one_layer_are_the_plain_cell(name):
    cell, plain = PLAIN[name]
    wanted = plain.init(jax.random.key(0), N_X)
    params = cell.init(jax.random.key(0), N_X)
    for got, value in zip(params, in_tuples(cell, wanted), strict=True):
        np.testing.assert_array_equal(got[0], value[0])
        assert len(got) == len(value)
    params = reference.random_params(plain, N_X, 1)
    xs = np.random.default_rng(6).normal(size=(T, 2, N_X)).astype(np.float32)
    got = unroll(cell, in_tuples(cell, params), xs)
    for value, wanted in zip(got, unroll(plain, params, xs, fast=False), strict=True):
        np.testing.assert_array_equal(value, wanted)


def test_a_gate_of_groups_is_a_gate_with_equal_rows(x64):
    cell = MLPGRU(N_A, gate_size={"u": 2, "r": 1})
    params = reference.random_params(cell, N_X)
    rows = {"u": [0, 0, 0, 1, 1, 1], "r": [0] * 6, "c": range(6)}
    wide = {f"W_{m}": params._asdict()[f"W_{m}"][0][jnp.array(rows[m])] for m in rows}
    wide |= {f"b_{m}": params._asdict()[f"b_{m}"][0][jnp.array(rows[m])] for m in rows}
    xs = np.random.default_rng(7).normal(size=(T, N_X))
    wanted = unroll(GRU(N_A), GRU.Params(**wide), xs, fast=False)
    close(unroll(cell, params, xs).c, wanted.c, 1e-14)


def test_the_skip_is_an_identity_before_the_last_nonlinearity(x64):
    rng = np.random.default_rng(8)
    W_a, b_a = rng.normal(size=(N_A, N_A + N_X)), rng.normal(size=N_A)
    state = DeepTransition.State(jnp.asarray(rng.normal(size=N_A)))
    x = jnp.asarray(rng.normal(size=N_X))
    one = DeepTransition(N_A, 1, skip=True)
    got = one.step(one.Params((jnp.asarray(W_a),), (jnp.asarray(b_a),)), state, x)
    with_identity = W_a + np.eye(N_A, N_A + N_X)
    wanted = np.tanh(with_identity @ join(state.a, x) + b_a)
    close(got.a, wanted, 1e-14)


def test_with_the_skip_one_slope_a_step_is_left_of_the_gradient(x64):
    cell = DeepTransition(4, 3, skip=True)
    params = reference.random_params(cell, N_X)
    silent = params._replace(W_a=(*params.W_a[:-1], jnp.zeros((4, 4))))
    xs = np.random.default_rng(9).normal(size=(T, N_X))
    states = unroll(cell, silent, xs).a
    J = gradients.step_jacobians(cell, silent, xs)
    close(J, jax.vmap(jnp.diag)(1 - states**2), 1e-14)
    closed = dataclasses.replace(cell, skip=False)
    assert not gradients.step_jacobians(closed, silent, xs).any()


@pytest.mark.parametrize("depth", [1, 3])
def test_the_gradient_crosses_every_layer_or_takes_the_skip(depth):
    assert path_length(DeepTransition(4, depth), 5) == (5 * depth, 5 * depth)
    # from x<1> there is no skip in the first step
    shortest = depth + 4
    assert path_length(DeepTransition(4, depth, skip=True), 5) == (shortest, 5 * depth)


# Shapes, sizes, first values and dtypes.


@cases
def test_parameters_have_the_documented_shapes(name):
    cell = CASES[name][0]
    wanted = needed(name)
    assert cell.shapes(N_X) == wanted
    params = jax.eval_shape(lambda key: cell.init(key, N_X), jax.random.key(0))
    assert jax.tree.map(jnp.shape, params) == cell.Params(**wanted)
    numbers = sum(int(np.prod(s)) for shapes in wanted.values() for s in shapes)
    assert count_parameters(params) == numbers


def test_count_parameters_by_hand():
    def count(cell):
        params = jax.eval_shape(lambda key: cell.init(key, 3), jax.random.key(0))
        return count_parameters(params)

    assert count(DeepTransition(4, 3, (5, 2))) == (5 * 7 + 5) + (2 * 5 + 2) + (
        4 * 2 + 4
    )
    # a map of the GRU with n_a 4, n_x 3 has 32 numbers; a scalar gate 8
    assert count(MLPGRU(4, gate_size={"u": 1})) == 32 + 8 + 32
    assert count(MLPLSTM(4, {"o": (2,)})) == 3 * 32 + (2 * 7 + 2) + (4 * 2 + 4)


sizes = st.lists(st.integers(1, 5), max_size=3).map(tuple)


@hypothesis.settings(max_examples=20)
@hypothesis.given(
    kind=st.sampled_from([DeepTransition, MLPGRU, MLPLSTM]),
    groups=st.integers(1, 3),
    each=st.integers(1, 3),
    n_x=st.integers(1, 4),
    inner=sizes,
    other=sizes,
    batch=st.lists(st.integers(1, 3), max_size=2).map(tuple),
    tokens=st.booleans(),
    skip=st.booleans(),
)
def test_any_sizes(kind, groups, each, n_x, inner, other, batch, tokens, skip):
    n_a = groups * each
    if kind is DeepTransition:
        cell = DeepTransition(n_a, len(inner) + 1, inner, skip)
        lasts = {"a": n_a}
    else:
        cell = kind(n_a, {"c": inner, "u": other}, {"u": groups})
        lasts = dict.fromkeys(cell.maps, n_a) | {"u": groups}
    shape, dtype = (batch, jnp.int32) if tokens else ((*batch, n_x), jnp.float32)

    def run(key, x):
        params = cell.init(key, n_x)
        state = cell.step(params, cell.start(batch), x)
        return params, state, state.a

    x = jax.ShapeDtypeStruct(shape, dtype)
    params, state, a = jax.eval_shape(run, jax.random.key(0), x)
    for field in (*state, a):
        assert field.shape == (*batch, n_a)
        assert field.dtype == jnp.float32
    for letter, last in lasts.items():
        Ws = getattr(params, f"W_{letter}")
        widths = {"c": inner, "a": inner, "u": other}.get(letter, ())
        assert [W.shape[0] for W in Ws] == [*widths, last]
        assert [W.shape[1] for W in Ws] == [n_a + n_x, *widths]


def test_init_is_orthogonal_glorot_and_zero():
    cell = DeepTransition(16, 3, (24, 8))
    params = cell.init(jax.random.key(5), 40)
    first, second, third = map(np.asarray, params.W_a)
    close(first[:, :16].T @ first[:, :16], np.eye(16), 1e-5)  # 24 rows: its columns
    close(second @ second.T, np.eye(8), 1e-5)
    close(third.T @ third, np.eye(8), 1e-5)
    limit = np.sqrt(6 / (24 + 40))
    assert 0.9 * limit < np.abs(first[:, 16:]).max() <= limit
    assert not any(b.any() for b in params.b_a)


def test_init_draws_every_matrix_on_its_own():
    params = MLPLSTM(4, (4, 4)).init(jax.random.key(0), 4)
    square = [W[:, -4:] for W in jax.tree.leaves(params) if W.ndim == 2]
    square += [W[:, :4] for W in jax.tree.leaves(params) if W.shape == (4, 8)]
    for i, one in enumerate(square):
        for other in square[:i]:
            assert not np.allclose(one, other)


@pytest.mark.parametrize(
    "cell, bias, value",
    [
        (MLPGRU(6, (4,), 1, update_bias=-1.5), "b_u", -1.5),
        (MLPLSTM(6, (4,), 3), "b_f", 1.0),
        (MLPLSTM(6, {"f": (4, 5)}, forget_bias=2.5), "b_f", 2.5),
    ],
    ids=["gru", "lstm", "lstm f"],
)
def test_the_last_bias_starts_where_asked(cell, bias, value):
    params = cell.init(jax.random.key(0), 2)
    for name, biases in params._asdict().items():
        if name.startswith("b_"):
            start = value if name == bias else 0
            assert all(not b.any() for b in biases[:-1])
            np.testing.assert_array_equal(biases[-1], np.float32(start))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_init_in_half_precision_is_the_rounded_single_one(dtype):
    cell = MLPGRU(4, (3,), update_bias=0.5)
    single = jax.tree.leaves(cell.init(jax.random.key(0), 3))
    half = jax.tree.leaves(cell.init(jax.random.key(0), 3, dtype=dtype))
    assert all(h.dtype == dtype for h in half)
    for h, s in zip(half, single, strict=True):
        np.testing.assert_array_equal(h, s.astype(dtype))


@few
def test_float32_stays_float32_and_the_wider_dtype_wins(name, x64):
    cell, step, _ = CASES[name]
    p, start, xs, _ = draw(name, 10, (2,))
    params, state = jax.tree.map(
        lambda v: jnp.asarray(v, jnp.float32), as_given(cell, p, start)
    )
    expected = reference.unroll(step, p, xs, start)[0]
    for dtype in (jnp.float32, jnp.float64):
        got = unroll(cell, params, jnp.asarray(xs, dtype), state=state)
        assert all(field.dtype == dtype for field in got)
        same(got, expected, 3e-6)


def test_cells_are_values_and_a_dictionary_is_read_by_letter():
    cell = MLPGRU(6, {"u": [4], "c": (3, 2)}, {"r": 1})
    assert cell == MLPGRU(6, {"c": (3, 2), "u": (4,), "r": ()}, {"r": 1, "u": 6})
    assert hash(cell) == hash(MLPGRU(6, {"c": (3, 2), "u": (4,)}, {"r": 1}))
    assert cell != MLPGRU(6, {"c": (3, 2), "u": (4,)}, {"u": 1})
    assert MLPLSTM(6, (4,)) == MLPLSTM(6, dict.fromkeys("cufo", (4,)))
    assert dataclasses.replace(cell, update_bias=1.0).inner == cell.inner
    assert for_running(dataclasses.replace(cell, update_bias=1.0)) == cell
    assert (
        DeepTransition(6, 3) == DeepTransition(6, 3, 6) == DeepTransition(6, 3, [6, 6])
    )
    assert dataclasses.replace(DeepTransition(6, 3, (2, 3)), skip=True).n_inner == (
        2,
        3,
    )


# In the rest of the package.


@pytest.mark.parametrize("name", ["depth 3, skip", "lstm, unequal"])
def test_in_a_tower_read_both_ways(name, x64):
    cell, step, _ = CASES[name]
    lengths = np.array([T, 2, 0])
    p, start, xs, _ = draw(name, 11, (3,))
    q = draw(name, 12)[0]
    zeros = tuple(np.zeros_like(field) for field in start)
    ahead = reference.unroll(step, p, xs, zeros, lengths)[0][0]
    back = reference.unroll(step, q, xs, zeros, lengths, reverse=True)[0][0]
    both = np.concatenate([ahead, back], axis=-1)

    above = dataclasses.replace(cell, n_a=N_A)
    tower = Stacked((Bidirectional(cell), above))
    top = reference.random_params(above, 2 * N_A, 13)
    pair = BothWays(as_given(cell, p, start)[0], as_given(cell, q, start)[0])
    run = apply(tower, (pair, top), jnp.asarray(xs), lengths=lengths)
    r = {key: tuple(map(np.asarray, v)) for key, v in top._asdict().items()}
    wanted = reference.unroll(step, r, both, zeros, lengths)
    close(run.outputs, wanted[0][0], 1e-12)
    for got, last in zip(run.last[1], wanted[1], strict=True):
        close(got, last, 1e-12)


def test_in_a_residual_tower_and_a_language_model():
    cell = MLPGRU(6, (4,), 1)
    tower = Stacked((cell, DeepTransition(6, 2)), dropout=0.5, residual=True)
    model = LanguageModel(tower, 9)
    params = reference.random_params(model.wiring, 1)
    ids = jnp.array([[4, 5, 6, 7], [8, 4, 4, 0]])
    whole = model.logits(params, ids)
    logits, (state, x) = [], model.start(params, (2,))
    for t in range(4):
        one, state = model.step(params, state, x)
        logits.append(one)
        x = ids[:, t]
    assert whole.shape == (2, 4, 9)
    close(jnp.stack(logits, 1), whole, 1e-5)


@few
def test_inside_shows_what_the_step_computes(name, x64):
    cell = CASES[name][0]
    p, start, xs, _ = draw(name, 14, (2,))
    params, state = as_given(cell, p, start)
    values = jax.tree.map(np.asarray, inside(cell, params, xs, state))
    assert all(v.shape == (T, 2, N_A) for v in values.values())
    if isinstance(cell, DeepTransition):
        assert list(values) == ["a"]
        flat = np.abs(values["a"]) > 0.95
        share = saturation(cell, params, xs, state)["a"]
        np.testing.assert_allclose(share, flat.reshape(T, -1).mean(1))
        return
    before = np.concatenate([start[-1][None], values["c"][:-1]])
    seen = np.concatenate([start[0][None], values["a"][:-1]])
    for letter in cell.maps[1:]:
        wanted = [
            [gate(p, letter, join(seen[t, i], xs[t, i]), np.tanh) for i in range(2)]
            for t in range(T)
        ]
        close(values[f"gamma_{letter}"], np.array(wanted), 1e-12, letter)
    keep = values.get("gamma_f", 1 - values["gamma_u"])
    close(memory_line(cell, params, xs, state), keep, 1e-14)
    close(values["c"], values["gamma_u"] * values["c_tilde"] + keep * before, 1e-12)
    assert set(saturation(cell, params, xs, state)) == set(values) - {"a", "c"}


@few
def test_step_jacobians_are_finite_differences(name, x64):
    cell, step, _ = CASES[name]
    p, start, xs, _ = draw(name, 15)
    params, state = as_given(cell, p, start)
    J = np.asarray(gradients.step_jacobians(cell, params, xs, state))
    h, old = 1e-6, start
    for t in range(T):
        flat = np.concatenate(old)
        columns = []
        for direction in h * np.eye(flat.size):
            up, down = (
                np.concatenate(step(p, np.split(flat + s * direction, len(old)), xs[t]))
                for s in (1, -1)
            )
            columns.append((up - down) / (2 * h))
        close(J[t], np.stack(columns, axis=1), 1e-7)
        old = step(p, old, xs[t])


def test_the_parts_by_lag_sum_to_the_gradient(x64):
    cell = CASES["gru, unequal"][0]
    p, start, xs, _ = draw("gru, unequal", 16)
    params, _ = as_given(cell, p, start)
    d = jnp.asarray(np.random.default_rng(17).normal(size=(T, N_A)))
    parts = gradients.weight_gradient_by_lag(cell, params, xs, cell.State(d))
    whole = jax.grad(lambda params: jnp.sum(d * unroll(cell, params, xs).c))(params)
    pairs = zip(jax.tree.leaves(parts), jax.tree.leaves(whole), strict=True)
    for part, wanted in pairs:
        close(part.sum(0), wanted, 1e-12)
    assert gradients.share_by_lag(parts).shape == (T,)


@pytest.mark.parametrize("name", ["depth 3, skip", "gru, unequal"])
def test_seeds_train_together_as_they_do_alone(name):
    model = ManyToMany(CASES[name][0], 3)
    xs = jax.random.normal(jax.random.key(0), (16, T, N_X))
    ys = jnp.cumsum(xs, axis=1)

    def loss(params, batch):
        return jnp.mean((model.logits(params, xs) - ys) ** 2)

    def begin(key):
        return model.init(key, N_X)

    keys = jax.random.split(jax.random.key(1), 2)
    together = fit(loss, jax.vmap(begin)(keys), jnp.zeros((2, 40)), over_seeds=True)
    alone = fit(loss, begin(keys[1]), jnp.zeros(40))
    np.testing.assert_allclose(together.losses[1], alone.losses, rtol=1e-3)
    assert (together.losses[:, -1] < 0.7 * together.losses[:, 0]).all()


# Bad input.


def cell_with(params_of, name="gru, unequal"):
    cell = CASES[name][0]
    p, start, xs, _ = draw(name, 0, (2,))
    params, _ = as_given(cell, p, start)
    return unroll(cell, params_of(params), jnp.asarray(xs))


BAD = {
    "depth 0": (
        lambda: DeepTransition(4, 0),
        ValueError,
        "depth must be at least 1, got 0",
    ),
    "depth float": (
        lambda: DeepTransition(4, 2.0),
        TypeError,
        "depth must be an integer, got 2.0",
    ),
    "n_inner 0": (
        lambda: DeepTransition(4, 2, 0),
        ValueError,
        "n_inner must be at least 1, got 0",
    ),
    "n_inner text": (
        lambda: DeepTransition(4, 2, "8"),
        TypeError,
        "n_inner must be an integer",
    ),
    "n_inner 0 in a tuple": (
        lambda: DeepTransition(4, 3, (8, 0)),
        ValueError,
        r"n_inner\[1\] must be at lea",
    ),
    "n_inner too many": (
        lambda: DeepTransition(4, 3, (8, 8, 8)),
        ValueError,
        r"n_inner must hold 2 sizes for depth=3.* got \(8, 8, 8\)",
    ),
    "n_inner at depth 1": (
        lambda: DeepTransition(4, 1, (8,)),
        ValueError,
        "n_inner must hold 0 sizes",
    ),
    "inner a number": (
        lambda: MLPGRU(4, 16),
        TypeError,
        r"inner must be a tuple of sizes such as \(64,\), got 16",
    ),
    "inner a number by letter": (
        lambda: MLPGRU(4, {"u": 16}),
        TypeError,
        r"inner\['u'\] must be a tuple of sizes",
    ),
    "inner of 0": (
        lambda: MLPLSTM(4, {"o": (3, 0)}),
        ValueError,
        r"inner\['o'\]\[1\] must be at l",
    ),
    "inner of a stranger": (
        lambda: MLPGRU(4, {"f": (8,)}),
        ValueError,
        "inner has an entry for 'f', but the letters here are c, u, r",
    ),
    "gate size of the candidate": (
        lambda: MLPLSTM(4, gate_size={"c": 1}),
        ValueError,
        "gate_size has an entry for 'c', but the letters here are u, f, o",
    ),
    "gate size that does not divide": (
        lambda: MLPGRU(4, gate_size={"u": 3}),
        ValueError,
        r"gate_size\['u'\] must be 1, n_a or another divisor of n_a, got 3 for n_a=4",
    ),
    "gate wider than the state": (
        lambda: MLPLSTM(4, gate_size=8),
        ValueError,
        "a gate of 8 numbers cannot be broadcast to a state of 4",
    ),
    "gate size 0": (
        lambda: MLPGRU(4, gate_size=0),
        ValueError,
        "gate_size must be at least 1, got 0",
    ),
    "gate size float": (
        lambda: MLPGRU(4, gate_size={"r": 2.0}),
        TypeError,
        r"gate_size\['r'\] must be an integer, got 2.0",
    ),
    "bias text": (
        lambda: MLPLSTM(4, forget_bias="1"),
        TypeError,
        "forget_bias must be a number",
    ),
    "n_x 0": (
        lambda: MLPGRU(4).init(jax.random.key(0), 0),
        ValueError,
        "n_x must be at least 1, got 0",
    ),
    "init of integers": (
        lambda: MLPGRU(4).init(jax.random.key(0), 2, int),
        TypeError,
        "dtype must be one of floats",
    ),
    "parameters of a GRU": (
        lambda: cell_with(lambda p: GRU.Params(*[w[0] for w in p])),
        TypeError,
        "params: MLPGRU needs MLPGRUParams, got GRUParams",
    ),
    "arrays for tuples": (
        lambda: cell_with(lambda p: p._replace(W_u=p.W_u[0])),
        ValueError,
        "params.W_u must be a tuple of 3 arrays, one a layer, got ArrayImpl",
    ),
    "a layer too few": (
        lambda: cell_with(lambda p: p._replace(b_u=p.b_u[:-1])),
        ValueError,
        "params.b_u must be a tuple of 3 arrays, one a layer, got 2",
    ),
    "no layer at all": (
        lambda: cell_with(lambda p: p._replace(W_c=())),
        TypeError,
        "params.W_c must be an array of floats, got tuple",
    ),
    "a first layer that reads too little": (
        lambda: cell_with(lambda p: p._replace(W_c=(jnp.ones((9, 5)), p.W_c[1]))),
        ValueError,
        r"params.W_c\[0\] has shape \(9, 5\), but .* needs \(9, 6 \+ n_x\)",
    ),
    "an upper layer turned over": (
        lambda: cell_with(lambda p: p._replace(W_u=(p.W_u[0], p.W_u[1].T, p.W_u[2]))),
        ValueError,
        r"params.W_u\[1\] has shape \(4, 2\), but .* 3 features needs \(2, 4\)",
    ),
    "a gate that is not what was asked": (
        lambda: cell_with(lambda p: p._replace(b_r=(jnp.ones(2),))),
        ValueError,
        r"params.b_r\[0\] has shape \(2,\), but .* needs \(3,\)",
    ),
    "a layer of integers": (
        lambda: cell_with(lambda p: p._replace(b_r=(jnp.ones(3, int),))),
        TypeError,
        r"params.b_r\[0\] must be an array of floats, got int32",
    ),
    "a cell without sizes": (
        lambda: NetworkCell(4).sizes("c"),
        NotImplementedError,
        "has no sizes yet",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name, as_readers_run_it):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_a_plain_cell_takes_no_tuples(as_readers_run_it):
    params = GRU(4).init(jax.random.key(0), 3)
    with pytest.raises(
        TypeError, match=r"params.W_u must be an array of floats, got tu"
    ):
        GRU(4).step(params._replace(W_u=(params.W_u,)), GRU(4).start(), jnp.ones(3))
