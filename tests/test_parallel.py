"""Cells linear in their state: oracle = step = scan of steps = all steps at once."""

import functools

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from jax.flatten_util import ravel_pytree

from companion import losses, sampling
from companion.cells import GRU, GRUState, RNNState, count_parameters
from companion.frozen import freeze
from companion.inside import inside, memory_line, saturation
from companion.inspector import look_inside
from companion.language import LanguageModel
from companion.layers import Bidirectional, Stacked, apply
from companion.linear_cells import (
    DiagonalParams,
    DiagonalRNN,
    MinGRU,
    MinGRUParams,
    MinLSTM,
    MinLSTMParams,
    log_positive,
    positive,
)
from companion.models import ManyToMany
from companion.parallel import Affine, compose, log_compose, log_scan, scan
from companion.streaming import LookAhead
from companion.training import fit
from companion.unroll import unroll

# The fixture x64 only sets the precision, so hypothesis may share it between examples.
shared = [hypothesis.HealthCheck.function_scoped_fixture]
N_A, N_X, T, BATCH = 4, 3, 6, 3


# The oracle: one step of one example, in NumPy, from the paper.


def sigma(z):
    return 1 / (1 + np.exp(-z))


def g(z):
    return np.array([v + 0.5 if v >= 0 else 1 / (1 + np.exp(-v)) for v in z])


def min_gru(p, c, x, squash=lambda z: z):
    candidate = squash(p.W_c @ x + p.b_c)
    update = sigma(p.W_u @ x + p.b_u)
    return (1 - update) * c + update * candidate


def min_lstm(p, c, x, squash=lambda z: z):
    candidate = squash(p.W_c @ x + p.b_c)
    i, f = sigma(p.W_u @ x + p.b_u), sigma(p.W_f @ x + p.b_f)
    return f / (f + i) * c + i / (f + i) * candidate


def diagonal(p, a, x, normalised=False):
    decay = np.exp(-np.exp(p.nu))
    gain = np.sqrt(1 - decay**2) if normalised else 1
    return decay * a + gain * (p.W_a @ x + p.b_a)


CELLS = {
    "minGRU": (MinGRU(N_A), min_gru),
    "minGRU positive": (
        MinGRU(N_A, positive=True),
        functools.partial(min_gru, squash=g),
    ),
    "minLSTM": (MinLSTM(N_A), min_lstm),
    "minLSTM positive": (
        MinLSTM(N_A, positive=True),
        functools.partial(min_lstm, squash=g),
    ),
    "diagonal": (DiagonalRNN(N_A), diagonal),
    "diagonal normalised": (
        DiagonalRNN(N_A, normalised=True),
        functools.partial(diagonal, normalised=True),
    ),
}
each_cell = pytest.mark.parametrize("name", CELLS)


def draw(name, seed=0, T=T, batch=(BATCH,), n_a=N_A, scale=1.0):
    """Every array drawn on its own: two swapped gates cannot give the same numbers."""
    rng = np.random.default_rng(seed)
    cell = CELLS[name][0]
    shapes = cell.shapes(N_X)
    params = cell.Params(*[scale * rng.normal(size=shapes[f]) for f in shapes])
    state = cell.State(rng.normal(size=(*batch, n_a)))
    return cell, params, state, rng.normal(size=(T, *batch, N_X))


def by_the_oracle(name, params, state, xs, lengths):
    """One example at a time; zero past the lengths."""
    states = np.zeros((*xs.shape[:2], N_A))
    for i, length in enumerate(lengths):
        a = state[0][i]
        for t in range(length):
            a = states[t, i] = CELLS[name][1](params, a, xs[t, i])
    return states


def outcome(cell, given, lengths, **options):
    """All states, and the gradient of a scalar of them by everything there is."""
    weights = np.random.default_rng(9).normal(size=cell.n_a)

    def run(given, lengths):
        params, state, xs = given
        found = unroll(cell, params, xs, state=state, lengths=lengths, **options)
        return jnp.sum(weights * jnp.sin(2 * found.a)), found.a

    found = jax.jit(jax.value_and_grad(run, has_aux=True))(given, lengths)
    return found[0][1], found[1]


def same(one, other, tolerance):
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    for a, b in pairs:
        reference.close(a, b, tolerance)


@each_cell
def test_oracle_step_scan_and_parallel_are_one(name, x64):
    cell, params, state, xs = draw(name)
    lengths = np.array([T, 2, 0])
    expected = by_the_oracle(name, params, state, xs, lengths)
    sequential = outcome(cell, (params, state, xs), lengths)
    reference.close(sequential[0], expected, 1e-13)

    stepped, step = state, jax.jit(cell.step)
    for t in range(2):
        stepped = step(params, stepped, xs[t])
        assert type(stepped) is cell.State
    reference.close(stepped.a[:2], expected[1, :2], 1e-13)

    roads = [True, "log"] if name == "minLSTM positive" else [True]
    for parallel in roads:
        found = outcome(cell, (params, state, xs), lengths, parallel=parallel)
        same(found, sequential, 1e-10)


ROWS = [
    ("minGRU", True, {"reverse": True, "window": 4}),
    ("minGRU", True, {"window": 2, "checkpoint": True}),
    ("minLSTM positive", "log", {"reverse": True, "checkpoint": True}),
    ("minLSTM", True, {"last": True}),
    ("diagonal normalised", True, {"window": 1, "last": True}),
    ("minGRU positive", "log", {"fast": False, "last": True}),
]


@pytest.mark.parametrize(("name", "parallel", "options"), ROWS)
def test_every_option_of_unroll_is_kept(name, parallel, options, x64):
    cell, params, state, xs = draw(name, seed=1)
    lengths = np.array([T, 3, 0])
    xs[3:, 1] = np.nan  # padding cannot matter, whatever it holds
    given = (params, state, xs)
    sequential = outcome(cell, given, lengths, **{**options, "fast": True})
    same(outcome(cell, given, lengths, parallel=parallel, **options), sequential, 1e-10)


@pytest.mark.parametrize("name", ["minGRU positive", "minLSTM", "diagonal normalised"])
def test_gradient_is_the_finite_difference(name, x64):
    cell, *given = draw(name, seed=2, T=4)
    flat, unravel = ravel_pytree(jax.tree.map(jnp.asarray, given))
    weights = np.random.default_rng(3).normal(size=(4, BATCH, N_A))

    def loss(flat, fast=True):
        params, state, xs = unravel(flat)
        lengths = jnp.array([4, 2, 0])
        options = {"state": state, "lengths": lengths, "fast": fast}
        found = unroll(cell, params, xs, parallel=True, **options)
        return jnp.sum(weights * jnp.sin(2 * found.a))

    gradient = jax.jit(jax.grad(loss))(flat)
    steps = 1e-5 * jnp.eye(flat.size)
    values = jax.jit(jax.vmap(loss))
    differences = (values(flat + steps) - values(flat - steps)) / 2e-5
    reference.close(gradient, differences, 1e-8)

    along = np.random.default_rng(4).normal(size=flat.size)
    forward = jax.jit(lambda v: jax.jvp(lambda f: loss(f, False), (flat,), (v,))[1])
    reference.close(gradient @ along, forward(along), 1e-11)


@functools.cache
def compiled(parallel, reverse):
    cell = CELLS["minLSTM positive"][0]
    return jax.jit(
        lambda params, state, xs, lengths: unroll(
            cell,
            params,
            xs,
            state=state,
            lengths=lengths,
            parallel=parallel,
            reverse=reverse,
        )
    )


@hypothesis.settings(suppress_health_check=shared)
@hypothesis.given(
    lengths=st.lists(st.integers(0, T), min_size=BATCH, max_size=BATCH).map(np.array),
    reverse=st.booleans(),
)
def test_any_lengths(x64, lengths, reverse):
    _, *given = draw("minLSTM positive", seed=5)
    expected = compiled(False, reverse)(*given, lengths)
    same(compiled("log", reverse)(*given, lengths), expected, 1e-12)


# The operator


numbers = st.floats(-3, 3, width=32)


def maps(shape):
    part = hnp.arrays(np.float64, shape, elements=numbers)
    return st.tuples(part, part)


@hypothesis.given(maps((2, 3)), maps((2, 3)), maps((2, 3)), numbers)
def test_composition_is_what_it_says_and_associative(f, g, h, c):
    def at(f, c):
        return f[0] * c + f[1]

    both = compose(f, g)
    assert type(both) is Affine
    np.testing.assert_allclose(at(both, c), at(g, at(f, c)), atol=1e-12)
    left, right = compose(both, h), compose(f, compose(g, h))
    np.testing.assert_allclose(left, right, atol=1e-12)
    one = (np.ones((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(compose(f, one), f)
    np.testing.assert_array_equal(compose(one, f), f)


@hypothesis.settings(suppress_health_check=shared, max_examples=10)
@hypothesis.given(maps((4,)), maps((4,)))
def test_composition_in_logarithms_is_the_same(x64, f, g):
    f, g = (tuple(np.exp(part) for part in pair) for pair in (f, g))
    in_logs = log_compose(tuple(map(np.log, f)), tuple(map(np.log, g)))
    reference.close(np.exp(in_logs), np.stack(compose(f, g)), 1e-12)


def test_the_order_of_composition_matters():
    halve, add = (0.5, 0.0), (1.0, 1.0)
    assert compose(halve, add) == (0.5, 1.0)
    assert compose(add, halve) == (0.5, 0.5)
    rng = np.random.default_rng(0)
    alpha, beta = rng.uniform(size=(2, 5, 3)).astype(np.float32)
    swapped = jax.lax.associative_scan(
        lambda one, other: compose(other, one), (jnp.asarray(alpha), jnp.asarray(beta))
    )[1]
    right = scan(alpha, beta)
    assert np.abs(swapped - right)[1:].min() > 1e-3


@pytest.mark.parametrize("shape", [(1,), (2, 3), (13,), (5, 2, 2)])
def test_scan_is_the_loop(shape, x64):
    rng = np.random.default_rng(6)
    alpha, beta = rng.uniform(size=(2, *shape))
    start = rng.normal(size=shape[1:])
    c, expected = start, []
    for t in range(len(alpha)):
        c = alpha[t] * c + beta[t]
        expected.append(c)
    reference.close(scan(alpha, beta, start), np.stack(expected), 1e-13)
    in_logs = log_scan(np.log(alpha), np.log(beta), start)
    reference.close(in_logs, np.stack(expected), 1e-12)
    reference.close(scan(alpha, beta), scan(alpha, beta, 0 * start), 0)


# Numbers of ordinary size, and the edges of float32


def test_float32_is_right_to_five_digits():
    name = "minGRU positive"
    cell, *given = draw(name, seed=7, T=300)
    given = jax.tree.map(lambda v: jnp.asarray(v, jnp.float32), given)
    sequential = outcome(cell, given, None)
    states, gradient = outcome(cell, given, None, parallel=True)
    assert states.dtype == np.float32
    reference.close(states, sequential[0], 1e-5)
    same(gradient, sequential[1], 1e-5)
    params, state, xs = given
    in_logs = unroll(cell, params, xs, state=state, parallel="log")
    reference.close(in_logs.c, sequential[0], 1e-5)


@pytest.mark.parametrize("road", [True, "log"])
def test_ten_thousand_steps_with_gates_shut_and_open(road):
    """The first half of the units keeps for ever, the second takes all, in float32."""
    steps, cell = 10_000, MinLSTM(N_A, positive=True)
    params = cell.init(jax.random.key(0), N_X)
    bias = jnp.where(jnp.arange(N_A) < 2, 200.0, -200.0)
    params = params._replace(b_f=bias, b_u=-bias)
    xs = jax.random.normal(jax.random.key(1), (steps, 1, N_X))
    state = GRUState(-jnp.ones((1, N_A)))
    states, gradient = outcome(cell, (params, state, xs), None, parallel=road)
    assert np.isfinite(states).all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    np.testing.assert_array_equal(states[..., :2], -1)
    candidate = positive(xs @ params.W_c.T)[..., 2:]
    reference.close(states[..., 2:], candidate, 1e-5)
    assert np.abs(gradient[1].c[0, :2]).min() > 100  # 10,000 steps, each one's share


def test_two_gates_shut_at_once_do_not_divide_by_zero():
    cell = MinLSTM(N_A)
    params = cell.init(jax.random.key(0), N_X)
    shut = jnp.full(N_A, -300.0)
    params = params._replace(b_f=shut, b_u=shut - 100)
    x = jnp.zeros((1, N_X))
    state = GRUState(jnp.ones((1, N_A)))
    np.testing.assert_array_equal(cell.step(params, state, x).c, 1)
    np.testing.assert_array_equal(unroll(cell, params, x[None], parallel=True).c, 0)


def test_g_is_smooth_and_its_logarithm_never_infinite(x64):
    z = jnp.array([-700.0, -3.0, -1e-9, 0.0, 1e-9, 3.0, 1e6])
    np.testing.assert_allclose(positive(z), g(np.asarray(z)), rtol=1e-12)
    np.testing.assert_allclose(jnp.exp(log_positive(z))[1:], positive(z)[1:], rtol=1e-9)
    assert np.isfinite(log_positive(z)).all()
    slopes = jax.vmap(jax.grad(log_positive))(z)
    assert np.isfinite(slopes).all()
    below, above = jax.vmap(jax.grad(positive))(jnp.array([-1e-9, 1e-9]))
    assert (below, above) == (pytest.approx(0.25), pytest.approx(1))  # a kink, no gap


# Where a cell stands


def test_tokens_stand_for_one_hot_vectors(x64):
    cell, params, state, _ = draw("minGRU")
    ids = np.array([[0, 2, 1], [1, 1, 0]])
    vectors = reference.one_hot(ids, N_X)
    by_id = unroll(cell, params, ids, state=state, parallel=True)
    by_vector = unroll(cell, params, vectors, state=state)
    reference.close(by_id.c, by_vector.c, 1e-13)
    small = unroll(cell, params, ids.astype(np.int8), state=state, parallel=True)
    reference.close(small.c, by_id.c, 0)


def test_leading_axes_are_free(x64):
    cell, params, state, xs = draw("minLSTM", batch=(2, 3))
    whole = unroll(cell, params, xs, state=state, parallel=True)
    one = unroll(
        cell, params, xs[:, 1, 2], state=GRUState(state.c[1, 2]), parallel=True
    )
    assert one.c.shape == (T, N_A)
    reference.close(whole.c[:, 1, 2], one.c, 1e-13)


def test_in_towers_both_ways_and_streamed(x64):
    tower = Stacked(
        (
            Bidirectional(MinGRU(2), MinLSTM(2), merge="sum"),
            LookAhead(DiagonalRNN(2), 2),
            MinGRU(2, positive=True),
        )
    )
    params = tower.init(jax.random.key(0), N_X)
    xs = jax.random.normal(jax.random.key(1), (T, 2, N_X))
    options = {"lengths": jnp.array([T, 4])}
    sequential = apply(tower, params, xs, **options)
    same(apply(tower, params, xs, parallel=True, **options), sequential, 1e-12)


def test_a_language_model_reads_at_once_and_writes_step_by_step():
    model = LanguageModel(Stacked((MinGRU(6), MinLSTM(6))), size=7)
    params = model.init(jax.random.key(0))
    params = jax.tree.map(lambda leaf: 3 * leaf, params)
    prompt = jnp.array([4, 5, 6])
    written = sampling.greedy(model, params, prompt, most=5, stop=None)
    text = jnp.concatenate([prompt, written.ids])
    at_once = model.logits(params, text, parallel=True).argmax(-1)
    np.testing.assert_array_equal(at_once[3:], written.ids)
    state = model.begin(params, ())
    bytes_held = sum(leaf.nbytes for leaf in jax.tree.leaves(state.state))
    assert bytes_held == 2 * 6 * 4  # whatever the length of the text


def test_training_over_seeds_takes_either_road():
    model = ManyToMany(MinGRU(3), n_y=2)
    keys = jax.random.split(jax.random.key(0), 2)
    params = jax.vmap(lambda key: model.init(key, N_X))(keys)
    xs = jax.random.normal(jax.random.key(1), (2, 3, BATCH, T, N_X))
    ys = (xs.sum(-1).cumsum(-1) > 0).astype(jnp.int32)

    def losing(parallel):
        def loss(params, batch):
            logits = model.logits(params, batch[0], parallel=parallel)
            return losses.cross_entropy(logits, batch[1])

        return fit(loss, params, (xs, ys), over_seeds=True).losses

    np.testing.assert_allclose(losing(True), losing(False), atol=1e-5)


def test_inside_shows_candidate_and_gates(x64):
    cell, params, state, xs = draw("minLSTM")
    values = inside(cell, params, xs, state)
    assert set(values) == {"a", "c", "c_tilde", "gamma_u", "gamma_f"}
    before = np.concatenate([state.c[None], values["c"][:-1]])
    v = values
    reference.close(v["gamma_u"] * v["c_tilde"] + v["gamma_f"] * before, v["c"], 1e-13)
    i = sigma(xs @ params.W_u.T + params.b_u)
    f = sigma(xs @ params.W_f.T + params.b_f)
    reference.close(v["gamma_f"], f / (f + i), 1e-13)
    assert set(saturation(cell, params, xs)) == {"gamma_u", "gamma_f"}

    kept = np.prod(memory_line(cell, params, xs), axis=0)  # here no path leads around
    last = jax.jacobian(lambda c: unroll(cell, params, xs, state=GRUState(c)).c[-1])
    reference.close(np.einsum("ijij->ij", last(state.c)), kept, 1e-12)

    cell, params, state, xs = draw("diagonal")
    assert list(inside(cell, params, xs)) == ["a"]
    reference.close(memory_line(cell, params, xs)[2, 1], cell.decay(params), 1e-13)


def test_a_model_is_looked_into_and_frozen():
    model = ManyToMany(Bidirectional(MinGRU(N_A)), n_y=2)
    params = model.init(jax.random.key(0), N_X)
    xs = jax.random.normal(jax.random.key(1), (2, T, N_X))
    found = look_inside(model, params, xs)["backward"]
    again = unroll(
        MinGRU(N_A), params.layer.backward, jnp.swapaxes(xs, 0, 1), reverse=True
    )
    reference.close(found["c"], jnp.swapaxes(again.c, 0, 1), 1e-6)

    mask, held = jnp.eye(N_A)[1], GRUState(jnp.full(N_A, 0.5))
    frozen, params = freeze(MinGRU(N_A), params.layer.forward, mask, held)
    states = unroll(frozen, params, xs[0]).c
    assert (states[:, 1] == 0.5).all() and (states[:, 0] != 0.5).all()


# What a cell starts with, and what it refuses


def test_fresh_parameters(x64):
    key = jax.random.key(0)
    gru, lstm = MinGRU(5, update_bias=-2.0).init(key, 3), MinLSTM(5).init(key, 3)
    assert [v.shape for v in gru] == [(5, 3), (5,)] * 2
    assert (gru.b_u == -2).all() and (gru.b_c == 0).all()
    assert (lstm.b_f == 1).all() and (lstm.b_u == 0).all()
    assert not np.allclose(gru.W_c, gru.W_u)
    assert count_parameters(gru) == 2 * 5 * (3 + 1)
    cell = DiagonalRNN(5, slowest=0.9, fastest=0.1)
    params = cell.init(key, 3, dtype=jnp.float32)
    np.testing.assert_allclose(cell.decay(params), [0.1, 0.3, 0.5, 0.7, 0.9], rtol=1e-5)
    assert {leaf.dtype for leaf in params} == {np.dtype("float32")}
    extreme = params._replace(nu=jnp.linspace(-5, 5, 5))
    assert (0 <= cell.decay(extreme)).all() and (cell.decay(extreme) < 1).all()


XS, KEY = jnp.ones((T, 2, N_X)), jax.random.key(0)
GRU_PARAMS = MinGRU(N_A).init(KEY, N_X)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (
            lambda: unroll(GRU(2), GRU(2).init(KEY, N_X), XS, parallel=True),
            ValueError,
            "parallel=True needs a cell that is linear in its state.*GRU has to",
        ),
        (
            lambda: unroll(MinGRU(N_A), GRU_PARAMS, XS, parallel="log"),
            ValueError,
            "parallel='log' needs a cell whose candidates are above 0",
        ),
        (
            lambda: unroll(MinGRU(N_A), GRU_PARAMS, XS, parallel="fast"),
            ValueError,
            "parallel must be False or True or 'log', got 'fast'",
        ),
        (
            lambda: unroll(
                MinGRU(N_A, positive=True), GRU_PARAMS, XS, parallel="log", window=2
            ),
            ValueError,
            "window needs parallel=True",
        ),
        (
            lambda: unroll(MinGRU(N_A), GRU_PARAMS, XS[..., :2], parallel=True),
            ValueError,
            "xs has shape .6, 2, 2.*a last axis of 3 features",
        ),
        (
            lambda: unroll(MinGRU(5), GRU_PARAMS, XS, parallel=True),
            ValueError,
            r"params.W_c has shape \(4, 3\), but MinGRU.* needs \(5, 3\)",
        ),
        (
            lambda: unroll(
                MinGRU(N_A), GRU_PARAMS._replace(W_c=jnp.ones(3)), XS, parallel=True
            ),
            ValueError,
            r"params.W_c has shape \(3,\), but MinGRU\(n_a=4\) needs \(4, n_x\)",
        ),
        (
            lambda: MinGRU(N_A).step(GRU_PARAMS, RNNState(jnp.ones((2, N_A))), XS[0]),
            TypeError,
            "state: MinGRU needs GRUState, got RNNState",
        ),
        (
            lambda: unroll(MinGRU(N_A), GRU_PARAMS, jnp.full((2, 2), 3), parallel=True),
            ValueError,
            "xs holds token ids from 3 to 3, but the vocabulary of size 3",
        ),
        (lambda: MinGRU(0), ValueError, "n_a must be at least 1"),
        (lambda: MinLSTM(2, forget_bias="1"), TypeError, "forget_bias must be a"),
        (lambda: DiagonalRNN(2, slowest=1.0), ValueError, "fastest and slowest must"),
        (lambda: DiagonalRNN(2, fastest=0.999), ValueError, "fastest and slowest"),
        (lambda: compose(0.5, (1.0, 2.0)), TypeError, "first must be a pair"),
        (
            lambda: compose((0.5, 1.0), (np.ones(2), np.ones(2))),
            ValueError,
            "first and second must have parts of one shape",
        ),
        (lambda: scan(np.ones(3), np.ones(2)), ValueError, "alpha and beta must both"),
        (lambda: scan(jnp.ones((0, 2)), jnp.ones((0, 2))), ValueError, "T >= 1"),
        (
            lambda: scan(np.ones((3, 2)), np.ones((3, 2)), np.ones(3)),
            ValueError,
            r"start has shape \(3,\), but beta of shape \(3, 2\) needs \(2,\)",
        ),
        (
            lambda: log_scan(np.ones(3, int), np.ones(3)),
            TypeError,
            "log_alpha must hold floats",
        ),
    ],
)
def test_bad_input(call, error, said, as_readers_run_it):
    with pytest.raises(error, match=said):
        call()


def test_the_parameters_carry_their_names():
    assert MinGRUParams._fields == ("W_c", "b_c", "W_u", "b_u")
    assert MinLSTMParams._fields == ("W_c", "b_c", "W_u", "b_u", "W_f", "b_f")
    assert DiagonalParams._fields == ("W_a", "b_a", "nu")
