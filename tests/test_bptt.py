"""The hand-written backward pass: equal to autodiff of the plain scan, to 1e-10."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from reference import CELLS, FAST, N_A, N_X

from companion import bptt
from companion.bptt import has_rule
from companion.cells import LSTM, RNN, PeepholeLSTM, SimplifiedGRU
from companion.unroll import unroll

ROWS = reference.pairwise(
    name=FAST,
    T=[7, 1, 9],  # with checkpoint: a short first segment, one step, full segments
    batch=[(4,), (), (2, 2)],
    tokens=[False, True],
    lengths=[False, True],
    reverse=[False, True],
    state=[True, False],
    last=[False, True],
    window=[None, 3],
    checkpoint=[False, True],
)


def draw(name, T, batch, tokens, dtype=np.float64):
    rng = np.random.default_rng(0)
    cell = CELLS[name][0]
    params = cell.Params(**reference.draw_params(name, rng))
    state = cell.State(*reference.draw_state(name, rng, batch))
    xs = rng.normal(size=(T, *batch, N_X))
    if tokens:
        xs = rng.integers(0, N_X, (T, *batch))
    lengths = np.resize([(T + 1) // 2, 0, T, 1], batch)
    # one weight for every number that comes back, so that no gradient can hide
    weights = [rng.normal(size=(T, *batch, N_A)) for _ in state]
    cast = functools.partial(jnp.asarray, dtype=dtype)
    params, state, weights = jax.tree.map(cast, (params, state, weights))
    return (
        cell,
        params,
        jnp.asarray(xs, None if tokens else dtype),
        state,
        lengths,
        weights,
    )


def loss(weights, states, last):
    """A scalar that depends on every field of every state, and not linearly."""
    parts = zip(weights, states, strict=True)
    return sum(jnp.sum((w[0] if last else w) * jnp.sin(2 * s)) for w, s in parts)


def values_and_gradients(row, fast, dtype=np.float64):
    row = dict(row)
    drawn = draw(*(row.pop(name) for name in ("name", "T", "batch", "tokens")), dtype)
    cell, params, xs, state, lengths, weights = drawn
    lengths = jnp.asarray(lengths) if row.pop("lengths") else None
    state = state if row.pop("state") else None

    @functools.partial(jax.value_and_grad, argnums=0, has_aux=True)
    def value_and_gradient(wrt, rest):
        params, state, xs = (
            one if one is not None else other
            for one, other in zip(wrt, rest, strict=True)
        )
        states = unroll(
            cell, params, xs, state=state, lengths=lengths, fast=fast, **row
        )
        return loss(weights, states, row["last"]), states

    tokens = jnp.issubdtype(xs.dtype, jnp.integer)
    wrt = (params, state, None if tokens else xs)
    (_, states), gradients = jax.jit(value_and_gradient)(
        wrt, (None, None, xs if tokens else None)
    )
    return states, gradients


def compare(got, expected, tolerance):
    got, expected = (jax.tree_util.tree_leaves_with_path(v) for v in (got, expected))
    assert len(got) == len(expected) > 0
    for (path, value), (_, wanted) in zip(got, expected, strict=True):
        reference.close(value, wanted, tolerance, jax.tree_util.keystr(path))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_fast_road_is_the_plain_road(row, x64):
    states, gradients = values_and_gradients(row, fast=True)
    plain_states, plain_gradients = values_and_gradients(row, fast=False)
    compare(states, plain_states, 1e-10)
    compare(gradients, plain_gradients, 1e-10)
    d_params, d_state, d_xs = gradients
    for name, d in zip(d_params._fields, d_params, strict=True):
        assert d is None or np.any(d), f"nothing compared: d {name} is zero"
    assert (d_state is not None) == row["state"]
    assert (d_xs is None) == row["tokens"]


FULL = dict(
    T=7, batch=(4,), lengths=True, reverse=True, state=True, last=False, window=3
)


@pytest.mark.parametrize("name", ["gru after", "lstm"])
def test_float32_stays_float32_and_is_close(name, x64):
    tokens = name == "gru after"
    row = FULL | {"name": name, "tokens": tokens, "checkpoint": tokens}
    single = values_and_gradients(row, fast=True, dtype=np.float32)
    for leaf in jax.tree.leaves(single):
        assert leaf.dtype == jnp.float32
    compare(single, values_and_gradients(row, fast=True), 1e-5)


@pytest.mark.parametrize("T", [2, 5])  # one full segment; a first segment of two steps
def test_checkpoint_changes_nothing(T, x64):
    row = FULL | {"name": "gru after", "T": T, "tokens": False}
    plain = values_and_gradients(row | {"checkpoint": False}, fast=True)
    again = values_and_gradients(row | {"checkpoint": True}, fast=True)
    compare(again, plain, 1e-12)


@pytest.mark.parametrize("name", FAST)
@pytest.mark.parametrize(
    ("at_once", "tokens"), [(2, False), (3, True)]
)  # 7 = 1 + 2 * 3
def test_inputs_taken_in_parts_change_nothing(name, tokens, at_once, x64, monkeypatch):
    row = FULL | {"name": name, "tokens": tokens, "checkpoint": False}
    whole = values_and_gradients(row, fast=True)
    seen = []

    def steps_at_once(cell, T, start):
        seen.append(T)
        return at_once

    monkeypatch.setattr(bptt, "steps_at_once", steps_at_once)
    jax.clear_caches()  # or the program of the whole would run again
    parts = values_and_gradients(row, fast=True)
    jax.clear_caches()
    assert set(seen) == {7}
    compare(parts, whole, 1e-12)


@pytest.mark.parametrize(
    ("n_a", "batch", "T", "size"),
    [
        (256, 32, 35, 35),  # the headline: 4.4 MiB of products
        (256, 32, 256, 256),  # 32 MiB, the most that is made at once
        (256, 32, 257, 32),  # 4 MiB at a time
        (256, 32, 1000, 25),  # the largest part of 1,000 that is not above it
        (256, 8, 10_000, 125),
        (4096, 512, 3, 1),  # a step that is larger: one at a time
    ],
)
def test_how_many_inputs_are_taken_at_once(n_a, batch, T, size):
    start = LSTM(n_a).start((batch,), jnp.float32)
    assert bptt.steps_at_once(LSTM(n_a), T, start) == size


def test_a_long_sequence_needs_no_memory_for_its_products():
    cell, T, batch = LSTM(64), 2048, (32,)
    params = reference.random_params(cell, N_X)
    params = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), params)
    start = cell.start(batch, jnp.float32)

    def planned(wanted):
        def run(params, xs):
            return bptt.loop_forward(cell, params, xs, start, None)[0].a

        xs = jax.ShapeDtypeStruct((wanted, *batch, N_X), jnp.float32)
        found = jax.jit(run).lower(params, xs).compile().memory_analysis()
        return found.temp_size_in_bytes

    products = 4 * T * 32 * 64 * 4
    assert products == 2 * bptt.WHOLE
    assert planned(T) < products / 2 < planned(T // 2)


def test_checkpoint_keeps_the_states_and_no_gates(x64):
    cell, T, batch = LSTM(N_A), 50, (8,)
    params = reference.random_params(cell, N_X)

    def kept(checkpoint):
        def run(params, xs):
            return unroll(cell, params, xs, checkpoint=checkpoint).a.sum()

        _, backward = jax.vjp(run, params, jnp.zeros((T, *batch, N_X)))
        return sum(leaf.size for leaf in jax.tree.leaves(backward))

    numbers_a_step = 8 * N_A
    assert kept(False) - kept(True) >= 4 * T * numbers_a_step  # the four gates


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
def test_a_window_cuts_the_gradient_and_nothing_else(fast, x64):
    """With window 3, steps 0-2, 3-5 and 6 learn on their own, from a carried state."""
    cell, params, xs, state, _, weights = draw("lstm", 7, (2,), False)

    def windowed(params, xs, state):
        states = unroll(cell, params, xs, state=state, window=3, fast=fast)
        return loss(weights, states, False), states

    def by_pieces(params, xs, state):
        total, pieces = 0.0, []
        for start in (0, 3, 6):
            part = slice(start, start + 3)
            if start:
                state = jax.lax.stop_gradient(state)
            states = unroll(cell, params, xs[part], state=state, fast=False)
            total += loss([w[part] for w in weights], states, False)
            pieces.append(states)
            state = jax.tree.map(lambda s: s[-1], states)
        return total, jax.tree.map(lambda *p: jnp.concatenate(p), *pieces)

    def gradient(loss):
        return jax.jit(jax.grad(loss, argnums=(0, 1, 2), has_aux=True))

    got = gradient(windowed)(params, xs, state)
    compare(got, gradient(by_pieces)(params, xs, state), 1e-12)
    whole = unroll(cell, params, xs, state=state, fast=fast)
    compare(got[1], whole, 1e-15)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
def test_padding_after_the_end_cuts_nothing(fast, x64):
    """The last state of 4 steps, padded to 7: a window of 3 ends in the padding."""
    cell, params, xs, state, _, _ = draw("gru before", 7, (2,), False)

    def last(params, xs, lengths):
        options = dict(state=state, window=3, last=True, fast=fast)
        return unroll(cell, params, xs, lengths=lengths, **options).c.sum()

    gradient = jax.jit(jax.grad(last))
    padded = gradient(params, xs, jnp.array([4, 4]))
    compare(padded, gradient(params, xs[:4], None), 1e-13)


def test_window_of_one_learns_nothing_through_time(x64):
    cell, params, xs, state, _, _ = draw("rnn", 5, (), False)

    def last(xs):
        return unroll(cell, params, xs, state=state, window=1, last=True).a.sum()

    d_xs = jax.grad(last)(xs)
    assert not d_xs[:-1].any()
    assert d_xs[-1].any()


@pytest.mark.parametrize("dtype", [jnp.int8, jnp.uint8])
def test_a_small_integer_type_holds_a_large_vocabulary(dtype, x64):
    cell, n_x = RNN(2), 300
    params = RNN.Params(0.1 * jnp.ones((2, 2 + n_x)), jnp.zeros(2))
    tokens = jnp.array([[5, 100], [7, 127], [5, 0]])

    @jax.jit
    def gradient(tokens):
        return jax.grad(lambda params: unroll(cell, params, tokens).a.sum())(params)

    compare(gradient(tokens.astype(dtype)), gradient(tokens), 1e-15)


def test_which_cells_have_a_rule():
    for name, (cell, _, _) in CELLS.items():
        assert has_rule(cell) == (name in FAST), name
    assert has_rule(LSTM(3, forget_bias=-1.0))
    assert not has_rule(SimplifiedGRU(3))
    assert not has_rule(PeepholeLSTM(3))


def test_a_subclass_does_not_inherit_the_rule():
    class Doubled(RNN):
        def step(self, params, state, x):
            return self.State(2 * super().step(params, state, x).a)

    cell = Doubled(2)
    params = reference.random_params(cell, 1)
    assert not has_rule(cell)
    got = unroll(cell, params, jnp.ones((1, 1))).a
    wanted = 2 * unroll(RNN(2), params, jnp.ones((1, 1))).a
    np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("checkpoint", [False, True])
@pytest.mark.parametrize(
    "of_params, of_xs", [(jnp.bfloat16, jnp.float32), (jnp.float32, jnp.bfloat16)]
)
def test_a_gradient_has_the_dtype_of_its_argument(fast, checkpoint, of_params, of_xs):
    cell = LSTM(3)
    params = cell.init(jax.random.key(0), 2, dtype=of_params)
    xs = jax.random.normal(jax.random.key(1), (5, 2), of_xs)

    def total(params, xs):
        states = unroll(cell, params, xs, fast=fast, checkpoint=checkpoint)
        return jnp.sum(states.a)

    d_params, d_xs = jax.grad(total, (0, 1))(params, xs)
    assert {leaf.dtype for leaf in d_params} == {jnp.dtype(of_params)}
    assert d_xs.dtype == of_xs
