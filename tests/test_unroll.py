"""A cell through time, in values: oracle = loop of steps = plain scan = fast road."""

import functools

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from reference import CELLS, N_A, N_X

from companion.cells import LSTM, RNN
from companion.unroll import length_mask, reverse_within, through_time, unroll

# The fixture x64 only sets the precision, so hypothesis may share it between examples.
shared = [hypothesis.HealthCheck.function_scoped_fixture]
T = 6
roads = pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])


def draw(name, seed, T=T, batch=(), tokens=False):
    rng = np.random.default_rng(seed)
    p = reference.draw_params(name, rng)
    start = reference.draw_state(name, rng, batch)
    if tokens:
        ids = rng.integers(0, N_X, (T, *batch))
        return p, start, ids, reference.one_hot(ids, N_X)
    xs = rng.normal(size=(T, *batch, N_X))
    return p, start, xs, xs


def same(got, expected, tolerance=1e-13):
    for field, value, wanted in zip(got._fields, got, expected, strict=True):
        reference.close(value, wanted, tolerance, field)


ROWS = reference.pairwise(
    name=list(CELLS),
    fast=[True, False],
    tokens=[False, True],
    lengths=[False, True],
    reverse=[False, True],
    zero_start=[False, True],
    last=[False, True],
    checkpoint=[False, True],
    window=[None, 4],
    batch=[(5,), (2, 2)],
    T=[T, 1],
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_unroll_is_the_oracle(row, x64):
    row = dict(row)
    name, T, batch = row.pop("name"), row.pop("T"), row.pop("batch")
    p, start, xs, vectors = draw(name, 1, T, batch, row.pop("tokens"))
    cell, step, _ = CELLS[name]
    lengths = None
    if row.pop("lengths"):  # nobody, everybody, and between
        lengths = np.resize([4 % T, 0, T, 1], batch)
    if row.pop("zero_start"):
        start = tuple(np.zeros_like(field) for field in start)
        state = None
    else:
        state = cell.State(*start)
    expected = reference.unroll(step, p, vectors, start, lengths, row["reverse"])
    got = unroll(
        cell,
        jax.tree.map(jnp.asarray, cell.Params(**p)),
        jnp.asarray(xs),
        state=state,
        lengths=lengths,
        **row,
    )
    assert type(got) is cell.State
    same(got, expected[row["last"]])


@pytest.mark.parametrize("name", ["rnn", "gru after", "peephole lstm"])
def test_unroll_is_a_loop_of_steps(name, x64):
    p, start, xs, _ = draw(name, 2, batch=(3,))
    cell = CELLS[name][0]
    params, state = cell.Params(**p), cell.State(*start)
    step = jax.jit(cell.step)
    states = []
    for x in xs:
        state = step(params, state, x)
        states.append(state)
    states = jax.tree.map(lambda *steps: jnp.stack(steps), *states)
    got = unroll(cell, params, jnp.asarray(xs), state=cell.State(*start))
    same(got, states, 1e-14)


# One compiled function serves all examples: shapes stay, lengths and content change.


@functools.cache
def run(name, reverse, fast):
    cell = CELLS[name][0]
    return lambda p, xs, start, lengths: unroll(
        cell,
        cell.Params(**p),
        jnp.asarray(xs),
        state=cell.State(*start),
        lengths=jnp.asarray(lengths),
        reverse=reverse,
        fast=fast,
    )


lengths_of_four = st.lists(st.integers(0, T), min_size=4, max_size=4).map(np.array)


@roads
@hypothesis.settings(suppress_health_check=shared)
@hypothesis.given(lengths=lengths_of_four, reverse=st.booleans())
def test_any_lengths(x64, fast, lengths, reverse):
    p, start, xs, _ = draw("lstm", 3, batch=(4,))
    step = CELLS["lstm"][1]
    expected = reference.unroll(step, p, xs, start, lengths, reverse)[0]
    same(run("lstm", reverse, fast)(p, xs, start, lengths), expected)


@roads
@pytest.mark.parametrize("reverse", [False, True])
def test_what_stands_in_the_padding_cannot_matter(fast, reverse, x64):
    p, start, xs, _ = draw("gru before", 4, batch=(4,))
    lengths = np.array([0, 2, T - 1, T])
    clean = run("gru before", reverse, fast)(p, xs, start, lengths)
    padding = np.arange(T)[:, None] >= lengths
    for filler in (np.nan, np.inf, 1e9):
        dirty = np.where(padding[..., None], filler, xs)
        got = run("gru before", reverse, fast)(p, dirty, start, lengths)
        np.testing.assert_array_equal(got.c, clean.c)
    assert np.isfinite(clean.c).all()
    assert not np.asarray(clean.c)[padding].any()


@roads
def test_nan_in_the_padding_leaves_the_gradients_alone(fast, x64):
    p, start, xs, _ = draw("rnn", 5, batch=(3,))
    cell, lengths = RNN(N_A), np.array([0, 2, T])
    padding = (np.arange(T)[:, None] >= lengths)[..., None]

    @jax.jit
    def gradient(params, xs, state):
        def loss(params, xs, state):
            states = unroll(cell, params, xs, state=state, lengths=lengths, fast=fast)
            return jnp.sum(states.a**2)

        return jax.grad(loss, argnums=(0, 1, 2))(params, xs, state)

    args = (RNN.Params(**p), RNN.State(*start))
    clean = gradient(args[0], xs, args[1])
    dirty = gradient(args[0], np.where(padding, np.nan, xs), args[1])
    for got, wanted in zip(jax.tree.leaves(dirty), jax.tree.leaves(clean), strict=True):
        np.testing.assert_array_equal(got, wanted)
    assert not np.where(padding, clean[1], 0).any()


@roads
def test_a_batch_is_its_examples_one_by_one(fast, x64):
    p, start, xs, _ = draw("gru after", 6, batch=(4,))
    lengths = np.array([3, 0, T, 1])
    together = run("gru after", True, fast)(p, xs, start, lengths).c
    for i in range(4):
        alone = run("gru after", True, fast)(p, xs[:, i], (start[0][i],), lengths[i])
        reference.close(together[:, i], alone.c, 1e-14, f"example {i}")


def test_a_batch_of_batches_is_a_batch(x64):
    p, start, xs, _ = draw("lstm", 7, batch=(2, 2))
    lengths = np.array([[3, 0], [T, 1]])
    nested = run("lstm", False, True)(p, xs, start, lengths)
    flat = run("lstm", False, True)(
        p, xs.reshape(T, 4, N_X), [s.reshape(4, N_A) for s in start], lengths.ravel()
    )
    for one, other in zip(nested, flat, strict=True):
        reference.close(one.reshape(T, 4, N_A), other, 1e-14)


def test_reverse_is_the_reversed_sequence_reversed(x64):
    p, start, xs, _ = draw("lstm", 8, batch=(4,))
    lengths = np.array([0, 2, 5, T])
    direct = run("lstm", True, True)(p, xs, start, lengths)
    turned = np.asarray(reverse_within(jnp.asarray(xs), jnp.asarray(lengths)))
    there = run("lstm", False, True)(p, turned, start, lengths)
    for one, other in zip(direct, there, strict=True):
        back = reverse_within(other, jnp.asarray(lengths))
        np.testing.assert_array_equal(one, back)


def test_two_halves_joined_by_the_state_are_the_whole(x64):
    p, start, xs, _ = draw("lstm", 9, batch=(2,))
    params, state, xs = LSTM.Params(**p), LSTM.State(*start), jnp.asarray(xs)
    cell = LSTM(N_A)
    whole = unroll(cell, params, xs, state=state)
    middle = unroll(cell, params, xs[:4], state=state, last=True)
    rest = unroll(cell, params, xs[4:], state=middle)
    for one, other in zip(whole, rest, strict=True):
        reference.close(other, one[4:], 1e-14)


@roads
def test_full_lengths_are_no_lengths(fast, x64):
    p, start, xs, _ = draw("lstm", 10, batch=(2,))
    args = (LSTM(N_A), LSTM.Params(**p), jnp.asarray(xs))
    state = LSTM.State(*start)
    plain = unroll(*args, state=state, fast=fast)
    full = unroll(*args, state=state, lengths=[T, T], fast=fast)
    for one, other in zip(plain, full, strict=True):
        reference.close(other, one, 1e-15)


@pytest.mark.parametrize("name", ["rnn", "gru before", "lstm"])
@roads
def test_a_token_outside_the_vocabulary_is_nan_under_jit(name, fast):
    cell = CELLS[name][0]
    params = reference.random_params(cell, N_X)
    tokens = jnp.array([[0, 1], [N_X, 2], [1, 1]])
    go = jax.jit(lambda params, xs: unroll(cell, params, xs, fast=fast).a)
    states = go(params, tokens)
    assert np.isfinite(states[0]).all()
    assert np.isnan(states[1:, 0]).all()
    assert np.isfinite(states[:, 1]).all()
    assert np.isnan(go(params, tokens.at[1, 0].set(-1))[1:, 0]).all()


@roads
def test_float32_stays_float32_and_is_close(fast):
    p, start, xs, _ = draw("lstm", 11, batch=(2,))
    cell, step, _ = CELLS["lstm"]
    expected = reference.unroll(step, p, xs, start)[0]
    single = jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), (p, xs, start))
    p, xs, start = single
    got = unroll(cell, cell.Params(**p), xs, state=cell.State(*start), fast=fast)
    for value, wanted in zip(got, expected, strict=True):
        assert value.dtype == jnp.float32
        reference.close(value, wanted, 2e-6)


@roads
def test_the_wider_dtype_wins(fast, x64):
    cell = RNN(N_A)
    params = cell.init(jax.random.key(0), N_X, jnp.float32)
    state = cell.start(2, jnp.float32)
    for xs, dtype in [
        (jnp.ones((3, 2, N_X), jnp.float64), jnp.float64),
        (jnp.ones((3, 2, N_X), jnp.float32), jnp.float32),
        (jnp.zeros((3, 2), jnp.int32), jnp.float32),
    ]:
        assert unroll(cell, params, xs, state=state, fast=fast).a.dtype == dtype


def test_unroll_works_under_vmap(x64):
    p, start, xs, _ = draw("gru before", 12, batch=(3,))
    cell = CELLS["gru before"][0]
    params, state = cell.Params(**p), cell.State(*start)
    batch = unroll(cell, params, jnp.asarray(xs), state=state).c
    mapped = jax.vmap(
        lambda xs, state: unroll(cell, params, xs, state=state).c,
        in_axes=(1, 0),
        out_axes=1,
    )(jnp.asarray(xs), state)
    reference.close(mapped, batch, 1e-14)


def test_a_cell_is_compiled_once_for_equal_settings():
    before = through_time._cache_size()
    for seed in range(3):
        cell = RNN(5)
        params = reference.random_params(cell, N_X, seed)
        unroll(cell, params, jnp.full((2, N_X), 1.0 + seed))
    assert through_time._cache_size() == before + 1


# Masks and turning around.


@hypothesis.given(
    lengths=st.lists(st.integers(0, T), min_size=3, max_size=3),
    dtype=st.sampled_from([jnp.int32, jnp.uint8]),
)
def test_length_mask_and_reverse_within(lengths, dtype):
    lengths_array = jnp.array(lengths, dtype)
    mask = np.asarray(length_mask(lengths_array, T))
    xs = np.arange(T * 3 * 2).reshape(T, 3, 2)
    turned = np.asarray(reverse_within(jnp.asarray(xs), lengths_array))
    flat = reverse_within(jnp.asarray(xs[..., 0]), lengths_array, features=False)
    np.testing.assert_array_equal(flat, turned[..., 0])
    for i, length in enumerate(lengths):
        assert mask[:, i].tolist() == [t < length for t in range(T)]
        wanted = [*xs[:length, i][::-1].tolist(), *xs[length:, i].tolist()]
        assert turned[:, i].tolist() == wanted


def test_reverse_within_without_lengths_flips():
    xs = jnp.arange(6).reshape(3, 2)
    np.testing.assert_array_equal(reverse_within(xs), xs[::-1])


def test_cells_that_differ_in_start_biases_share_one_compilation():
    xs = jnp.ones((3, 2))
    params = LSTM(2).init(jax.random.key(0), 2)
    unroll(LSTM(2), params, xs)
    before = through_time._cache_size()
    for bias in (0.0, 2.0, 5.0):
        unroll(LSTM(2, forget_bias=bias), params, xs)
    assert through_time._cache_size() == before
