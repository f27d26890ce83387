"""One step of every cell: against the oracle, and what the notation says of it."""

import dataclasses

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import reference
from reference import CELLS, N_A, N_X

from companion.cells import (
    GRU,
    LSTM,
    RNN,
    Cell,
    PeepholeLSTM,
    PeepholeLSTMParams,
    RNNState,
    SimplifiedGRU,
    affine,
    count_parameters,
    times,
)

STEP = jax.jit(lambda cell, *args: cell.step(*args), static_argnums=0)
cells = pytest.mark.parametrize("name", CELLS)


@cells
@pytest.mark.parametrize("batch", [(), (2, 3)], ids=str)
def test_step_is_the_equation(name, batch, x64):
    cell, step, _ = CELLS[name]
    rng = np.random.default_rng(1)
    p = reference.draw_params(name, rng)
    start = reference.draw_state(name, rng, batch)
    x = rng.normal(size=(*batch, N_X))
    expected = reference.unroll(step, p, x[None], start)[1]
    got = STEP(cell, cell.Params(**p), cell.State(*start), x)
    assert type(got) is cell.State
    for field, value, wanted in zip(got._fields, got, expected, strict=True):
        reference.close(value, wanted, 1e-14, field)


@cells
def test_a_token_is_its_one_hot_vector(name, x64):
    cell, step, _ = CELLS[name]
    rng = np.random.default_rng(2)
    p = reference.draw_params(name, rng)
    start = reference.draw_state(name, rng, (N_X,))
    tokens = np.arange(N_X)
    expected = reference.unroll(step, p, reference.one_hot(tokens, N_X)[None], start)[1]
    got = STEP(cell, cell.Params(**p), cell.State(*start), tokens)
    for value, wanted in zip(got, expected, strict=True):
        reference.close(value, wanted, 1e-14)


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.uint8, jnp.int8])
def test_times_of_a_token_is_a_column(dtype):
    W = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    tokens = jnp.array([[2, 0], [1, 1]], dtype)
    np.testing.assert_array_equal(times(W, tokens), np.asarray(W).T[tokens])


def test_a_small_integer_type_holds_a_large_vocabulary():
    W = jnp.asarray(np.random.default_rng(0).normal(size=(2, 300)))
    for dtype in (jnp.int8, jnp.uint8):
        got = times(W, jnp.array([5, 127], dtype))
        np.testing.assert_array_equal(got, np.asarray(W).T[[5, 127]])


@pytest.mark.parametrize("bad", [-1, -3, 3, 100])
def test_times_of_a_token_outside_is_nan_under_jit(bad):
    W = jnp.ones((4, 3))
    got = jax.jit(times)(W, jnp.array([bad, 1]))
    assert np.isnan(got[0]).all()
    assert np.isfinite(got[1]).all()


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.uint8])
def test_gradient_of_a_token_is_that_of_its_one_hot_vector(dtype, x64):
    rng = np.random.default_rng(3)
    W, v = rng.normal(size=(4, 3)), rng.normal(size=(5, 4))
    tokens = jnp.array([2, 0, 2, 2, 0], dtype)
    got = jax.grad(lambda W: jnp.sum(v * times(W, tokens)))(jnp.asarray(W))
    reference.close(got, v.T @ reference.one_hot(tokens, 3), 1e-14)


def test_affine_gives_the_first_columns_to_a(x64):
    rng = np.random.default_rng(4)
    W, b = rng.normal(size=(5, 4 + 3)), rng.normal(size=5)
    a, x = rng.normal(size=(2, 4)), rng.normal(size=(2, 3))
    got = affine(*(jnp.asarray(v) for v in (W, b, a, x)))
    reference.close(got, np.concatenate([a, x], axis=1) @ W.T + b, 1e-14)


@hypothesis.settings(max_examples=8)
@hypothesis.given(
    name=st.sampled_from(list(CELLS)),
    n_a=st.integers(1, 5),
    n_x=st.integers(1, 5),
    batch=st.lists(st.integers(1, 3), max_size=3).map(tuple),
    tokens=st.booleans(),
)
def test_shapes_follow_from_n_a_n_x_and_the_leading_axes(name, n_a, n_x, batch, tokens):
    cell = dataclasses.replace(CELLS[name][0], n_a=n_a)
    shape, dtype = (batch, jnp.int32) if tokens else ((*batch, n_x), jnp.float32)
    x = jax.ShapeDtypeStruct(shape, dtype)

    def run(key, x):
        params = cell.init(key, n_x)
        state = cell.step(params, cell.start(batch), x)
        return params, state, state.a

    params, state, a = jax.eval_shape(run, jax.random.key(0), x)
    for field in state:
        assert field.shape == (*batch, n_a)
        assert field.dtype == jnp.float32
    assert a.shape == (*batch, n_a)
    for letter in cell.maps:
        assert getattr(params, f"W_{letter}").shape == (n_a, n_a + n_x)
        assert getattr(params, f"b_{letter}").shape == (n_a,)


@cells
def test_start_is_zero(name):
    cell = CELLS[name][0]
    for batch, shape in [((), (N_A,)), (2, (2, N_A)), ((2, 3), (2, 3, N_A))]:
        for field in cell.start(batch):
            np.testing.assert_array_equal(field, np.zeros(shape, np.float32))


def test_a_gru_shows_its_memory():
    state = GRU(3).start()
    assert state.a is state.c


@cells
def test_maps_are_those_of_the_equations(name):
    cell, _, maps = CELLS[name]
    assert set(cell.maps) == set(maps)
    params = jax.eval_shape(lambda key: cell.init(key, N_X), jax.random.key(0))
    there = {name for name, value in params._asdict().items() if value is not None}
    assert there == set(reference.draw_params(name, np.random.default_rng(0)))


@pytest.mark.parametrize(
    "name, count",
    [  # n_a = 4, n_x = 3: a map has 4 (4 + 3) + 4 = 32 numbers
        ("rnn", 32),
        ("simplified gru", 64),
        ("gru before", 96),
        ("gru after", 100),
        ("lstm", 128),
        ("lstm coupled", 96),
        ("lstm without forget", 96),
        ("lstm without output", 96),
        ("peephole lstm", 140),
    ],
)
def test_count_parameters(name, count):
    cell = CELLS[name][0]
    params = jax.eval_shape(lambda key: cell.init(key, N_X), jax.random.key(0))
    assert count_parameters(params) == count


def test_init_is_orthogonal_glorot_and_zero():
    n_a, n_x = 24, 40
    params = LSTM(n_a).init(jax.random.key(5), n_x)
    for letter in "cufo":
        W = np.asarray(getattr(params, f"W_{letter}"))
        W_aa, W_ax = W[:, :n_a], W[:, n_a:]
        np.testing.assert_allclose(W_aa @ W_aa.T, np.eye(n_a), atol=1e-5)
        limit = np.sqrt(6 / (n_a + n_x))
        assert 0.9 * limit < np.abs(W_ax).max() <= limit
    for letter in "cuo":
        assert not getattr(params, f"b_{letter}").any()
    assert not np.allclose(params.W_c, params.W_u)


@pytest.mark.parametrize(
    "cell, bias, value",
    [
        (LSTM(3), "b_f", 1.0),
        (LSTM(3, forget_bias=-2.0), "b_f", -2.0),
        (LSTM(3, forget_bias=4.0, coupled=True), "b_f", 4.0),
        (PeepholeLSTM(3, forget_bias=2.0), "b_f", 2.0),
        (GRU(3), "b_u", 0.0),
        (GRU(3, update_bias=-1.0), "b_u", -1.0),
        (SimplifiedGRU(3, update_bias=-3.0), "b_u", -3.0),
    ],
    ids=repr,
)
def test_gate_biases_start_where_asked(cell, bias, value):
    params = cell.init(jax.random.key(0), 2)
    np.testing.assert_array_equal(getattr(params, bias), np.full(3, value, np.float32))
    others = [n for n in params._fields if n.startswith("b_") and n != bias]
    for other in others:
        start = getattr(params, other)
        assert start is None or not start.any()


def test_init_differs_between_keys_and_repeats():
    cell = GRU(3)
    one, again, other = (cell.init(jax.random.key(k), 2) for k in (0, 0, 1))
    np.testing.assert_array_equal(one.W_c, again.W_c)
    assert not np.allclose(one.W_c, other.W_c)


@pytest.mark.parametrize("asked", [None, jnp.float32])
def test_dtype_of_init_and_start(asked, x64):
    def run(key):
        return LSTM(2).init(key, 2, asked), LSTM(2).start(2, asked)

    for leaf in jax.tree.leaves(jax.eval_shape(run, jax.random.key(0))):
        assert leaf.dtype == (asked or jnp.float64)


# Equalities between cells.


def test_peepholes_at_zero_are_an_lstm(x64):
    rng = np.random.default_rng(6)
    p = reference.draw_params("lstm", rng)
    state = LSTM.State(*reference.draw_state("lstm", rng, (5,)))
    x = rng.normal(size=(5, N_X))
    zeros = {f"p_{m}": np.zeros(N_A) for m in "ufo"}
    plain = STEP(LSTM(N_A), LSTM.Params(**p), state, x)
    peephole = STEP(PeepholeLSTM(N_A), PeepholeLSTMParams(**p, **zeros), state, x)
    for got, wanted in zip(peephole, plain, strict=True):
        reference.close(got, wanted, 1e-14)


def test_an_untrained_peephole_lstm_has_no_peepholes():
    params = PeepholeLSTM(3).init(jax.random.key(0), 2)
    assert not any(p.any() for p in (params.p_u, params.p_f, params.p_o))


def test_a_relevance_gate_held_open_makes_both_resets_the_simplified_gru(x64):
    rng = np.random.default_rng(7)
    p = reference.draw_params("gru before", rng)
    p["W_r"], p["b_r"] = np.zeros_like(p["W_r"]), np.full(N_A, 100.0)
    state = GRU.State(*reference.draw_state("gru before", rng, (5,)))
    x = rng.normal(size=(5, N_X))
    plain = {name: p[name] for name in ("W_c", "b_c", "W_u", "b_u")}
    wanted = STEP(SimplifiedGRU(N_A), SimplifiedGRU.Params(**plain), state, x).c
    before = STEP(GRU(N_A), GRU.Params(**p), state, x).c
    p["b_cc"] = np.zeros(N_A)
    after = STEP(GRU(N_A, "after"), GRU.Params(**p), state, x).c
    reference.close(before, wanted, 1e-14)
    reference.close(after, wanted, 1e-14)


@pytest.mark.parametrize("update, share", [(100.0, 1.0), (-100.0, 0.0)])
def test_an_update_gate_near_one_takes_the_candidate(update, share, x64):
    rng = np.random.default_rng(8)
    for name in ("simplified gru", "gru before", "gru after"):
        cell = CELLS[name][0]
        p = reference.draw_params(name, rng)
        p["W_u"], p["b_u"] = np.zeros_like(p["W_u"]), np.full(N_A, update)
        p["W_c"] = np.zeros_like(p["W_c"])
        if "b_cc" in p:
            p["b_cc"] = np.zeros(N_A)
        (c,) = reference.draw_state(name, rng, ())
        got = STEP(cell, cell.Params(**p), cell.State(c), rng.normal(size=N_X)).c
        reference.close(got, share * np.tanh(p["b_c"]) + (1 - share) * c, 1e-14)


def test_gates_forced_open_keep_the_lstm_memory(x64):
    rng = np.random.default_rng(9)
    p = reference.draw_params("lstm", rng)
    for letter, bias in (("u", -100.0), ("f", 100.0)):
        p[f"W_{letter}"] = np.zeros_like(p[f"W_{letter}"])
        p[f"b_{letter}"] = np.full(N_A, bias)
    a, c = reference.draw_state("lstm", rng, ())
    got = STEP(LSTM(N_A), LSTM.Params(**p), LSTM.State(a, c), rng.normal(size=N_X))
    reference.close(got.c, c, 1e-14)


# What a cell is to the rest of the package, and a cell of one's own.


def test_cells_are_values():
    assert LSTM(4) == LSTM(4)
    assert hash(LSTM(4)) == hash(LSTM(4))
    assert LSTM(4) != LSTM(5)
    assert LSTM(4) != LSTM(4, coupled=True)
    with pytest.raises(dataclasses.FrozenInstanceError):
        LSTM(4).n_a = 5


@dataclasses.dataclass(frozen=True)
class Leaky(Cell):
    """A cell as a reader would write one."""

    Params = RNN.Params
    State = RNNState
    maps = ("a",)

    def step(self, params, state, x):
        return RNNState(0.9 * state.a + affine(params.W_a, params.b_a, state.a, x))


def test_a_cell_of_ones_own():
    cell = Leaky(3)
    params = cell.init(jax.random.key(0), 2)
    state = cell.step(params, RNNState(jnp.ones(3)), jnp.zeros(2))
    wanted = 0.9 + np.asarray(params.W_a)[:, :3].sum(1)
    np.testing.assert_allclose(state.a, wanted, rtol=1e-6)


def test_a_cell_without_a_step_says_so():
    class Unfinished(Cell):
        Params, State, maps = RNN.Params, RNNState, ("a",)

    with pytest.raises(NotImplementedError, match="Unfinished has no step"):
        Unfinished(3).step(None, None, None)


def test_annotated_shapes_are_checked_while_tests_run():
    with pytest.raises(jaxtyping.TypeCheckError):
        affine(jnp.ones((4, 7)), jnp.ones(5), jnp.ones(4), jnp.ones(3))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
def test_init_in_half_precision_is_the_rounded_single_one(dtype):
    single = LSTM(4).init(jax.random.key(0), 3)
    half = LSTM(4).init(jax.random.key(0), 3, dtype=dtype)
    assert all(
        np.array_equal(h, s.astype(dtype)) for h, s in zip(half, single, strict=True)
    )
