"""Jacobians through time against forward mode of the whole loop, and against theory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from reference import CELLS, N_A, N_X

from companion import gradients
from companion.cells import GRU, LSTM, RNN, LSTMState, RNNParams, RNNState
from companion.unroll import unroll

T = 6


def problem(name, batch=()):
    rng = np.random.default_rng(5)
    cell = CELLS[name][0]
    params = cell.Params(**reference.draw_params(name, rng))
    state = cell.State(*reference.draw_state(name, rng, batch))
    params, state = jax.tree.map(jnp.asarray, (params, state))
    return cell, params, jnp.asarray(rng.normal(size=(T, *batch, N_X))), state


def whole_jacobians(cell, params, xs, state):
    """ds<t>/ds<k> for all k <= t by forward mode of the loop from step k on."""
    states = unroll(cell, params, xs, state=state, fast=False)
    flat = [jnp.concatenate(state)] + [
        jnp.concatenate([field[t] for field in states]) for t in range(T)
    ]

    def run(s, k):
        s = cell.State(*jnp.split(s, len(cell.State._fields)))
        steps = []
        for x in xs[k:]:
            s = cell.step(params, s, x)
            steps.append(jnp.concatenate(s))
        return steps

    found = {(t, t): np.eye(len(flat[0])) for t in range(T + 1)}
    for k in range(T):
        for i, J in enumerate(jax.jacfwd(run)(flat[k], k)):
            found[k + 1 + i, k] = np.asarray(J)
    return found


PARTS = {"state": slice(None), "a": slice(0, N_A), "c": slice(N_A, 2 * N_A)}


@pytest.mark.parametrize("name", CELLS)
def test_norms_and_maps_are_those_of_the_whole_loop(name, x64):
    cell, params, xs, state = problem(name)
    whole = whole_jacobians(cell, params, xs, state)
    J = gradients.step_jacobians(cell, params, xs, state)
    for t in range(T):
        reference.close(J[t], whole[t + 1, t], 1e-12)
    for part in ["state", *(PARTS if "lstm" in name else [])]:
        block = {at: J[PARTS[part], PARTS[part]] for at, J in whole.items()}
        back = [block[T, T - lag] for lag in range(T + 1)]
        given = (cell, params, xs, state)
        largest = gradients.norm_by_lag(*given, part=part)
        expected = [np.linalg.norm(b, 2) for b in back]
        reference.close(largest / expected, np.ones(T + 1), 1e-12)
        average = gradients.norm_by_lag(*given, part=part, norm="average")
        expected = [np.linalg.norm(b) / np.sqrt(len(b)) for b in back]
        reference.close(average / expected, np.ones(T + 1), 1e-12)
        values = gradients.singular_values(*given, part=part)
        svd = [np.linalg.svd(b, compute_uv=False) for b in back]
        reference.close(values, svd, 1e-12)
        for every in (1, 2):
            found = gradients.norm_map(*given, part=part, every=every)
            expected = np.full((T + 1, T), np.nan)
            for (t, k), b in block.items():
                if k < T:
                    size = np.linalg.norm(b) / np.sqrt(len(b))
                    expected[t, k] = np.log10(size)
            expected = expected[:, ::every]
            assert np.array_equal(np.isnan(found), np.isnan(expected))
            reference.close(np.nan_to_num(found), np.nan_to_num(expected), 1e-12)


def scaled_rotation(rho, n, activation, seed=0):
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    W_a = np.concatenate([rho * Q, np.eye(n)], axis=1).astype(np.float32)
    return RNN(n, activation), RNNParams(jnp.asarray(W_a), jnp.zeros(n))


def identity(z):
    return z


@pytest.mark.parametrize("rho", [0.1, 0.5, 2.0, 30.0])
def test_a_linear_rotation_multiplies_by_rho_and_nothing_underflows(rho):
    cell, params = scaled_rotation(rho, 16, identity)
    xs = jnp.zeros((200, 16))
    lags = np.arange(201)
    for norm in ("largest", "average"):
        found = gradients.norm_by_lag(cell, params, xs, norm=norm)
        assert found.dtype == np.float64
        reference.close(np.log10(found) - lags * np.log10(rho), 0 * lags, 1e-1)
    for nudges in (None, 3):
        found = gradients.norm_map(cell, params, xs, nudges=nudges)
        t, k = np.tril_indices(200)
        expected = (t + 1 - k) * np.log10(rho)
        reference.close(found[t + 1, k] - expected, 0 * t, 1e-1)


def test_float32_alone_would_say_zero():
    cell, params = scaled_rotation(0.5, 64, jnp.tanh)
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(100, 64)), jnp.float32)
    J = gradients.step_jacobians(cell, params, xs)
    product = jnp.eye(64)
    for step in J[::-1]:
        product = product @ step
    assert jnp.linalg.norm(product) == 0
    found = gradients.norm_by_lag(cell, params, xs)
    assert 1e-50 < found[100] < 1e-44
    assert np.all(np.diff(np.log10(found)) < 0)


def test_eight_nudges_are_near_the_exact_map():
    cell, params = scaled_rotation(1.0, 64, jnp.tanh)
    xs = jnp.asarray(np.random.default_rng(1).normal(size=(60, 64)), jnp.float32)
    exact = gradients.norm_map(cell, params, xs)
    near = gradients.norm_map(cell, params, xs, nudges=8)
    again = gradients.norm_map(cell, params, xs, nudges=8)
    other = gradients.norm_map(cell, params, xs, nudges=8, seed=1)
    error = np.abs(near - exact)[~np.isnan(exact)]
    assert 0.01 < error.mean() < 0.1
    assert error.max() < 0.5
    assert np.array_equal(near, again, equal_nan=True)
    assert not np.array_equal(near, other, equal_nan=True)


def test_nothing_arrives_through_dead_units():
    cell = RNN(4, jax.nn.relu)
    params = RNNParams(jnp.ones((4, 5)), -1e3 * jnp.ones(4))
    xs = jnp.ones((8, 1))
    assert gradients.norm_by_lag(cell, params, xs).tolist() == [1.0] + [0.0] * 8
    found = gradients.norm_map(cell, params, xs, nudges=2)
    below = np.tril(np.ones((9, 8), bool), -1)
    assert np.all(found[below] == -np.inf)
    assert np.all(found[np.eye(9, 8, dtype=bool)] == 0)


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_batches_and_seeds_are_the_same_runs_one_by_one(name, x64):
    cell, params, xs, state = problem(name, batch=(3,))
    one_by_one = [
        gradients.norm_by_lag(
            cell, params, xs[:, i], jax.tree.map(lambda s, i=i: s[i], state)
        )
        for i in range(3)
    ]
    found = gradients.norm_by_lag(cell, params, xs, state)
    reference.close(found, one_by_one, 1e-12)
    J = gradients.step_jacobians(cell, params, xs, state)
    assert J.shape[:2] == (T, 3)

    many = jax.tree.map(lambda p: jnp.stack([p, 0.5 * p]), params)
    runs = jnp.stack([xs, -xs])
    starts = jax.tree.map(lambda s: jnp.stack([s, s + 1]), state)
    for norm in ("largest", "average"):
        found = gradients.norm_by_lag(
            cell, many, runs, starts, norm=norm, over_seeds=True
        )
        assert found.shape == (2, 3, T + 1)
        for i in range(2):
            p, s = jax.tree.map(lambda v, i=i: v[i], (many, starts))
            alone = gradients.norm_by_lag(cell, p, runs[i], s, norm=norm)
            reference.close(found[i], alone, 1e-12)
    values = gradients.singular_values(cell, many, runs, over_seeds=True)
    assert values.shape[:3] == (2, 3, T + 1)


def test_the_a_of_a_gru_is_its_whole_state():
    cell, params, xs, state = problem("gru before")
    whole, part = (
        gradients.norm_by_lag(cell, params, xs, state, part=part)
        for part in ("state", "a")
    )
    assert np.array_equal(whole, part)


@pytest.mark.parametrize("name", ["rnn", "gru after", "lstm", "peephole lstm"])
def test_the_parts_by_lag_add_up_to_the_gradient(name, x64):
    cell, params, xs, state = problem(name, batch=(2,))
    weights = np.random.default_rng(6).normal(size=(T, 2, N_A))

    def terms(states):
        return weights * jnp.sin(states.a) + (states.c**2 if "c" in cell.maps else 0)

    def loss(params, window=None):
        states = unroll(cell, params, xs, state=state, fast=False, window=window)
        return terms(states).sum()

    states = unroll(cell, params, xs, state=state)
    d_states = jax.grad(lambda s: terms(s).sum())(states)
    parts = gradients.weight_gradient_by_lag(cell, params, xs, d_states, state)
    total = jax.grad(loss)(params)
    for got, expected in zip(*map(jax.tree.leaves, (parts, total)), strict=True):
        assert got.shape == (T, *expected.shape)
        reference.close(got.sum(axis=0), expected, 1e-12)
    # a window of one step lets through the parts of lag 0 and no other
    alone = jax.grad(loss)(params, window=1)
    for got, expected in zip(*map(jax.tree.leaves, (parts, alone)), strict=True):
        reference.close(got[0], expected, 1e-12)
    share = gradients.share_by_lag(parts)
    norms = [
        np.sqrt(sum(float((leaf[j] ** 2).sum()) for leaf in jax.tree.leaves(parts)))
        for j in range(T)
    ]
    reference.close(share, np.array(norms) / sum(norms), 1e-12)


def test_a_loss_at_the_end_splits_by_lag_as_truncation_does(x64):
    cell, params, xs, state = problem("rnn")
    zeros = jnp.zeros((T, N_A)).at[-1].set(1.0)
    parts = gradients.weight_gradient_by_lag(
        cell, params, xs, RNNState(zeros), state
    ).W_a
    for tau in range(1, T + 1):

        def late(params, tau=tau):
            held = unroll(cell, params, xs, state=state)
            held = jax.tree.map(lambda s: jax.lax.stop_gradient(s[T - tau - 1]), held)
            start = held if tau < T else state
            return unroll(cell, params, xs[T - tau :], state=start, last=True).a.sum()

        reference.close(parts[:tau].sum(axis=0), jax.grad(late)(params).W_a, 1e-12)


def test_shares_hold_numbers_whose_squares_leave_float32():
    parts = RNNParams(jnp.full((2, 1, 1), 1e-30), jnp.zeros((2, 1)))
    assert gradients.share_by_lag(parts).tolist() == [0.5, 0.5]
    with pytest.raises(ValueError, match="parts are all zero"):
        gradients.share_by_lag(jax.tree.map(jnp.zeros_like, parts))
    with pytest.raises(ValueError, match="parts are not finite"):
        gradients.share_by_lag(jax.tree.map(lambda part: part * jnp.nan, parts))


def test_what_does_not_fit_is_named(as_readers_run_it):
    cell, params, xs, state = problem("rnn")
    with pytest.raises(ValueError, match="part must be 'state' or 'a', got 'c'"):
        gradients.norm_by_lag(cell, params, xs, part="c")
    with pytest.raises(ValueError, match="norm must be"):
        gradients.norm_by_lag(cell, params, xs, norm="biggest")
    with pytest.raises(TypeError, match="cell must be Cell"):
        gradients.norm_map(LSTM, params, xs)
    with pytest.raises(ValueError, match="every must be at least 1"):
        gradients.norm_map(cell, params, xs, every=0)
    with pytest.raises(ValueError, match="nudges must be at least 1"):
        gradients.norm_map(cell, params, xs, nudges=0)
    with pytest.raises(ValueError, match="xs must be one sequence"):
        gradients.norm_map(cell, params, jnp.zeros((T, 2, N_X)))
    with pytest.raises(TypeError, match="d_states must be RNNState"):
        gradients.weight_gradient_by_lag(cell, params, xs, LSTMState(xs, xs), state)
    with pytest.raises(ValueError, match=r"d_states.a has shape \(6, 3\)"):
        gradients.weight_gradient_by_lag(cell, params, xs, RNNState(xs), state)
    with pytest.raises(ValueError, match="xs has"):
        gradients.step_jacobians(GRU(3), GRU(3).init(jax.random.key(0), 2), xs)
