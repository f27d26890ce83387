"""Bidirectional and Stacked: against the oracle and against the unrolls they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from reference import CELLS, N_A, N_X

from companion.cells import GRU, LSTM, RNN
from companion.layers import Bidirectional, BothWays, Stacked, apply, width
from companion.unroll import unroll

T, BATCH = 5, (4,)
LENGTHS = np.array([3, 0, T, 1])


def draw(name, seed, n_x=N_X):
    """A cell's parameters and start for the oracle, and the same for the package."""
    rng = np.random.default_rng(seed)
    cell = CELLS[name][0]
    p = reference.draw_params(name, rng, n_x)
    start = reference.draw_state(name, rng, BATCH)
    ours = cell.Params(**p), cell.State(*start)
    return p, start, *jax.tree.map(jnp.asarray, ours)


def inputs(n_x=N_X):
    return np.random.default_rng(9).normal(size=(T, *BATCH, n_x))


def oracle(name, p, xs, start, lengths=None, reverse=False):
    return reference.unroll(CELLS[name][1], p, xs, start, lengths, reverse)


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
def test_bidirectional_is_two_passes(merge, lengths, x64):
    ahead, back = draw("lstm", 1), draw("gru before", 2)
    layer = Bidirectional(LSTM(N_A), GRU(N_A), merge)
    xs = inputs()
    run = apply(
        layer,
        BothWays(ahead[2], back[2]),
        jnp.asarray(xs),
        state=BothWays(ahead[3], back[3]),
        lengths=lengths,
    )
    states_a, last_a = oracle("lstm", ahead[0], xs, ahead[1], lengths)
    states_b, last_b = oracle("gru before", back[0], xs, back[1], lengths, True)
    join = np.add if merge == "sum" else lambda *p: np.concatenate(p, axis=-1)
    reference.close(run.outputs, join(states_a[0], states_b[0]), 1e-13)
    assert run.outputs.shape[-1] == width(layer)
    got = jax.tree.leaves((run.states, run.last))
    wanted = (*states_a, *states_b, *last_a, *last_b)
    for value, expected in zip(got, wanted, strict=True):
        reference.close(value, expected, 1e-13)


def test_a_bidirectional_output_knows_the_whole_sequence(x64):
    layer = Bidirectional(RNN(3))
    params = reference.random_params(layer, 2)

    def first_output(xs):
        return apply(layer, params, xs).outputs[0].sum()

    heard = np.abs(jax.grad(first_output)(jnp.ones((T, 2)))).sum(1)
    assert (heard > 0).all()


def test_directions_and_layers_have_weights_of_their_own():
    pair = Bidirectional(RNN(3)).init(jax.random.key(0), 2)
    assert not np.allclose(pair.forward.W_a, pair.backward.W_a)
    one, two = Stacked((RNN(3), RNN(3))).init(jax.random.key(0), 3)
    assert not np.allclose(one.W_a, two.W_a)


def test_widths_add_up():
    tower = Stacked((Bidirectional(LSTM(3), GRU(2)), RNN(6)))
    params = reference.random_params(tower, 4)
    assert width(tower) == 6
    assert params[0].forward.W_c.shape == (3, 3 + 4)
    assert params[0].backward.W_c.shape == (2, 2 + 4)
    assert params[1].W_a.shape == (6, 6 + 5)
    assert width(Bidirectional(RNN(3), merge="sum")) == 3
    assert width(Stacked((RNN(2), Bidirectional(RNN(3))))) == 6


def test_a_stack_of_one_is_the_layer(x64):
    _, _, params, state = draw("lstm", 3)
    xs = jnp.asarray(inputs())
    plain = unroll(LSTM(N_A), params, xs, state=state, lengths=LENGTHS)
    last = unroll(LSTM(N_A), params, xs, state=state, lengths=LENGTHS, last=True)
    for residual in (False, True):
        tower = Stacked((LSTM(N_A),), dropout=0.5, residual=residual)
        run = apply(
            tower,
            (params,),
            xs,
            state=(state,),
            lengths=LENGTHS,
            key=jax.random.key(0),  # nothing is between layers here, nothing drops
        )
        np.testing.assert_array_equal(run.outputs, plain.a)
        for got, wanted in zip(run.states[0], plain, strict=True):
            np.testing.assert_array_equal(got, wanted)
        for got, wanted in zip(run.last[0], last, strict=True):
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("residual", [False, True])
def test_a_stack_is_layer_upon_layer(residual, x64):
    # n_x = n_a: the first layer could add its input too, and must not
    low, high = draw("gru after", 4, N_A), draw("rnn", 5, N_A)
    xs = inputs(N_A)
    run = apply(
        Stacked((GRU(N_A, "after"), RNN(N_A)), residual=residual),
        (low[2], high[2]),
        jnp.asarray(xs),
        state=(low[3], high[3]),
        lengths=LENGTHS,
    )
    below, below_last = oracle("gru after", low[0], xs, low[1], LENGTHS)
    above, above_last = oracle("rnn", high[0], below[0], high[1], LENGTHS)
    outputs = above[0] + below[0] if residual else above[0]
    reference.close(run.outputs, outputs, 1e-13)
    got = jax.tree.leaves((run.states, run.last))
    wanted = (*below, *above, *below_last, *above_last)
    for value, expected in zip(got, wanted, strict=True):
        reference.close(value, expected, 1e-13)


def test_last_is_the_state_of_the_next_call(x64):
    tower = Stacked((GRU(2), LSTM(3)))
    params = reference.random_params(tower, N_X)
    xs = jnp.asarray(inputs())
    whole = apply(tower, params, xs)
    half = apply(tower, params, xs[:3])
    rest = apply(tower, params, xs[3:], state=half.last)
    reference.close(rest.outputs, whole.outputs[3:], 1e-14)


@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
@pytest.mark.parametrize("cell", [RNN(3), LSTM(3)], ids=["rnn", "lstm"])
def test_last_of_an_empty_sequence_is_its_start(cell, dtype, x64):
    params = reference.random_params(cell, N_X)
    lengths = LENGTHS.astype(dtype)
    for state in (None, cell.State(*[jnp.ones((4, 3))] * len(cell.State._fields))):
        run = apply(cell, params, jnp.asarray(inputs()), state=state, lengths=lengths)
        start = 0.0 if state is None else 1.0
        for field in run.last:
            assert np.all(np.asarray(field)[1] == start)
            assert not np.any(np.asarray(field)[[0, 2, 3]] == start)


def test_tokens_enter_at_the_bottom(x64):
    tower = Stacked((Bidirectional(RNN(2)), LSTM(3)))
    params = reference.random_params(tower, N_X)
    tokens = np.random.default_rng(0).integers(0, N_X, (T, *BATCH))
    got = apply(tower, params, jnp.asarray(tokens), lengths=LENGTHS).outputs
    vectors = jnp.asarray(reference.one_hot(tokens, N_X))
    wanted = apply(tower, params, vectors, lengths=LENGTHS).outputs
    reference.close(got, wanted, 1e-14)


def test_padding_cannot_matter_in_a_tower(x64):
    tower = Stacked((Bidirectional(RNN(2)), LSTM(4)))
    params = reference.random_params(tower, N_X)
    xs = inputs()
    dirty = np.where((np.arange(T)[:, None] >= LENGTHS)[..., None], np.nan, xs)
    clean = apply(tower, params, jnp.asarray(xs), lengths=LENGTHS)
    same = apply(tower, params, jnp.asarray(dirty), lengths=LENGTHS)
    np.testing.assert_array_equal(same.outputs, clean.outputs)


# Dropout: between layers, at the given rate, only with a key.


class Echo(RNN):
    """Hands its input on: what a layer above receives can be read off."""

    def step(self, params, state, x):
        return self.State(x + 0 * state.a)


def echo_tower(depth, dropout):
    tower = Stacked((Echo(50),) * depth, dropout=dropout)
    return tower, reference.random_params(tower, 50)


def test_dropout_sits_between_layers_and_keeps_the_mean():
    xs = jnp.ones((20, 10, 50))
    for depth in (1, 2, 3):
        tower, params = echo_tower(depth, 0.25)
        got = np.asarray(apply(tower, params, xs, key=jax.random.key(1)).outputs)
        scale = 0.75 ** -(depth - 1)
        np.testing.assert_allclose(np.unique(got), [0, scale][depth == 1 :], rtol=1e-6)
        kept = (got > 0).mean()  # of 10000 values: 4 standard deviations are 0.02
        assert abs(kept - 0.75 ** (depth - 1)) < 0.02
        assert abs(got.mean() - 1) < 0.04


def test_dropout_needs_a_key_and_follows_it():
    tower, params = echo_tower(2, 0.5)
    xs = jnp.ones((4, 3, 50))
    np.testing.assert_array_equal(apply(tower, params, xs).outputs, xs)
    one, again, other = (
        apply(tower, params, xs, key=jax.random.key(k)).outputs for k in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, again)
    assert np.any(one != other)


def test_options_reach_every_cell(x64):
    """A window of one step: no output may depend on an earlier input."""
    tower = Stacked((LSTM(3), RNN(3)))
    params = reference.random_params(tower, 2)

    def last_output(xs):
        return apply(tower, params, xs, window=1).outputs[-1].sum()

    d_xs = jax.grad(last_output)(jnp.ones((3, 2)))
    assert not d_xs[:-1].any()
    assert d_xs[-1].any()


def test_residual_adds_the_input_without_its_dropout():
    tower = Stacked((RNN(4), RNN(4)), dropout=0.5, residual=True)
    params = tower.init(jax.random.key(0), 3)
    still = jax.tree.map(jnp.zeros_like, params[1])  # the upper layer says nothing
    xs = jax.random.normal(jax.random.key(1), (6, 2, 3))
    run = apply(tower, (params[0], still), xs, key=jax.random.key(2))
    assert np.array_equal(run.outputs, run.states[0].a)
