"""LookAhead and Chunked: against the oracle, what they know and what they refuse."""

import math

import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from hypothesis import given, settings
from reference import CELLS, N_A, N_X

from companion.cells import GRU, LSTM, RNN
from companion.feedback import OneToMany
from companion.layers import Bidirectional, BothWays, Stacked, Wrapper, apply, width
from companion.models import ManyToMany, ManyToOne
from companion.streaming import Chunked, LookAhead, latency

T, BATCH = 7, (4,)
LENGTHS = np.array([T, 0, 5, 2])
PAIR = Bidirectional(LSTM(N_A), GRU(N_A))
NAMES = ("lstm", "gru before")
SMALL = Bidirectional(RNN(N_A))  # quick to compile


def numbers(params):
    """A cell's parameters for the oracle."""
    return {k: np.asarray(v) for k, v in params._asdict().items() if v is not None}


def inputs(T=T, seed=9):
    return np.random.default_rng(seed).normal(size=(T, *BATCH, N_X))


def states_of(name, params, xs, reverse=False):
    """The oracle over one sequence (T, n_x), from zeros: all its states, (T, n_a)."""
    start = (np.zeros(N_A),) * (2 if "lstm" in name else 1)
    step = CELLS[name][1]
    return reference.unroll(step, numbers(params), xs, start, reverse=reverse)[0]


def looked_ahead(name, params, xs, lengths, k):
    """One sequence at a time: append k zeros, read k steps later, 0 in the padding."""
    a = np.zeros((*xs.shape[:-1], N_A))
    for i, n in enumerate(lengths):
        longer = np.concatenate([xs[:n, i], np.zeros((k, xs.shape[-1]))])
        a[:n, i] = states_of(name, params, longer)[0][k : n + k]
    return a


def chunked(params, xs, lengths, chunk, ahead, names=NAMES):
    """One chunk of one sequence at a time, [a->, a<-]."""
    outputs = np.zeros((*xs.shape[:-1], 2 * N_A))
    for i, n in enumerate(lengths):
        outputs[:n, i, :N_A] = states_of(names[0], params.forward, xs[:n, i])[0]
        for first in range(0, n, chunk):
            end, last = min(first + chunk, n), min(first + chunk + ahead, n)
            back = states_of(names[1], params.backward, xs[first:last, i], True)
            outputs[first:end, i, N_A:] = back[0][: end - first]
    return outputs


# --- what they compute --------------------------------------------------------------


@pytest.mark.parametrize("name", ["rnn", "gru after", "lstm", "peephole lstm"])
def test_look_ahead_is_append_zeros_and_read_late(name, x64):
    cell, k = CELLS[name][0], 2
    params = reference.random_params(cell, N_X)
    xs = inputs()
    run = apply(LookAhead(cell, k), params, xs, lengths=LENGTHS)
    wanted = looked_ahead(name, params, xs, LENGTHS, k)
    reference.close(run.outputs, wanted, 1e-13)
    reference.close(run.states.a, wanted, 1e-13)
    if name == "rnn":
        whole = apply(LookAhead(cell, k), params, xs)
        wanted = looked_ahead(name, params, xs, [T] * 4, k)
        reference.close(whole.outputs, wanted, 1e-13)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["full", "lengths"])
def test_chunked_is_one_chunk_at_a_time(lengths, x64):
    params = reference.random_params(PAIR, N_X)
    xs = inputs()
    got = apply(Chunked(PAIR, 3, 1), params, xs, lengths=lengths).outputs
    real = [T] * 4 if lengths is None else lengths
    reference.close(got, chunked(params, xs, real, 3, 1), 1e-13)


@given(
    T=st.sampled_from([1, 2, 7]),
    chunk=st.integers(1, 8),
    ahead=st.integers(0, 8),
    data=st.data(),
)
@settings(max_examples=10)
def test_any_size_and_any_lengths(T, chunk, ahead, data):
    """The same number serves as how far to look ahead without chunks."""
    lengths = np.array(data.draw(st.lists(st.integers(0, T), min_size=4, max_size=4)))
    xs = inputs(T).astype(np.float32)
    params = reference.random_params(SMALL, N_X)
    both = apply(Chunked(SMALL, chunk, ahead), params, xs, lengths=lengths)
    late = apply(LookAhead(RNN(N_A), ahead), params.forward, xs, lengths=lengths)
    wanted = chunked(params, xs, lengths, chunk, ahead, ("rnn", "rnn"))
    reference.close(both.outputs, wanted, 1e-5)
    wanted = looked_ahead("rnn", params.forward, xs, lengths, ahead)
    reference.close(late.outputs, wanted, 1e-5)


def equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_no_look_ahead_is_the_layer():
    tower = Stacked((GRU(3), LSTM(2)), dropout=0.3)
    params = reference.random_params(tower, N_X)
    for xs in (inputs().astype(np.float32), np.ones((T, *BATCH), int)):
        options = {"lengths": LENGTHS, "key": jax.random.key(3)}
        equal(
            apply(LookAhead(tower, 0), params, xs, **options),
            apply(tower, params, xs, **options),
        )


@pytest.mark.parametrize(
    "chunk, ahead, merge", [(T, 0, "concat"), (T + 3, 2, "sum"), (1, T - 1, "sum")]
)
def test_a_chunk_as_long_as_the_sequence_is_bidirectional(chunk, ahead, merge, x64):
    pair = Bidirectional(LSTM(N_A), RNN(N_A), merge)
    params = reference.random_params(pair, N_X)
    got = apply(Chunked(pair, chunk, ahead), params, inputs(), lengths=LENGTHS)
    wanted = apply(pair, params, inputs(), lengths=LENGTHS)
    if chunk < T:  # the last chunk begins at T: only the outputs are the same
        reference.close(got.outputs, wanted.outputs, 1e-14)
        return
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        reference.close(one, other, 1e-14)


LAYERS = {
    "look ahead": LookAhead(Stacked((RNN(3), GRU(2))), 2),
    "chunked": Chunked(Bidirectional(RNN(3), GRU(3), "sum"), 3, 1),
    "in a tower": Stacked((Chunked(Bidirectional(RNN(2)), 3), LookAhead(RNN(4), 1))),
}
layers = pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)


@layers
def test_one_by_one_is_the_batch(layer, x64):
    params = reference.random_params(layer, N_X)
    xs = inputs()
    run = apply(layer, params, xs, lengths=LENGTHS)
    assert run.outputs.shape == (T, *BATCH, width(layer))
    short = LENGTHS[2]
    cut = apply(layer, params, xs[:short, 2])  # without padding, without lengths
    reference.close(run.outputs[:short, 2], cut.outputs, 1e-13)
    for i, n in enumerate(LENGTHS):
        alone = apply(layer, params, xs[:, i], lengths=n)
        reference.close(run.outputs[:, i], alone.outputs, 1e-13)
        assert not run.outputs[n:, i].any()
        for both, one in zip(
            *map(jax.tree.leaves, (run.last, alone.last)), strict=True
        ):
            reference.close(both[i], one, 1e-13)
            assert n or not one.any()
    for both, one in zip(*map(jax.tree.leaves, (run.last, cut.last)), strict=True):
        reference.close(both[2], one, 1e-13)
    deeper = apply(
        layer, params, xs.reshape(T, 2, 2, N_X), lengths=LENGTHS.reshape(2, 2)
    )
    reference.close(deeper.outputs.reshape(run.outputs.shape), run.outputs, 1e-13)


@layers
def test_padding_cannot_matter(layer, x64):
    params = reference.random_params(layer, N_X)
    xs = inputs()
    clean = apply(layer, params, xs, lengths=LENGTHS)
    dirty = np.where((np.arange(T)[:, None] >= LENGTHS)[..., None], np.nan, xs)
    equal(apply(layer, params, dirty, lengths=LENGTHS), clean)
    more = np.concatenate([dirty, np.full((5, *BATCH, N_X), np.nan)])
    longer = apply(layer, params, more, lengths=LENGTHS)
    reference.close(longer.outputs[:T], clean.outputs, 1e-13)
    assert not longer.outputs[T:].any()


@layers
def test_tokens_are_one_hot_vectors(layer, x64):
    params = reference.random_params(layer, N_X)
    tokens = np.random.default_rng(0).integers(0, N_X, (T, *BATCH))
    tokens_last = np.where(np.arange(T)[:, None] >= LENGTHS, 99, tokens)
    vectors = reference.one_hot(tokens, N_X)
    got = jax.jit(lambda ids: apply(layer, params, ids, lengths=LENGTHS).outputs)
    wanted = apply(layer, params, vectors, lengths=LENGTHS).outputs
    reference.close(got(tokens), wanted, 1e-13)
    reference.close(got(tokens_last), wanted, 1e-13)  # padding may hold any id
    assert np.isnan(got(np.where(tokens == 0, -1, tokens))).any()  # a word may not


@pytest.mark.parametrize("dtype", [np.uint8, np.int32])
def test_lengths_of_a_small_integer_type(dtype):
    """T + k and T + ahead must not wrap around at 256."""
    xs = np.zeros((250, 1, N_X), np.float32)
    n = np.array([250], dtype)
    for layer in (LookAhead(RNN(2), 10), Chunked(Bidirectional(RNN(2)), 100, 60)):
        params = reference.random_params(layer, N_X)
        assert apply(layer, params, xs, lengths=n).outputs[-1].any()


# --- what they may know -------------------------------------------------------------


@layers
def test_an_output_depends_on_the_future_up_to_its_latency_and_no_further(layer):
    params = reference.random_params(layer, N_X)
    xs = inputs()[:, 0].astype(np.float32)

    def heard(xs):  # (T, T): |d output<t> / d x<s>|, summed
        jacobian = jax.jacrev(lambda xs: apply(layer, params, xs).outputs)(xs)
        return jnp.abs(jacobian).sum(axis=(1, 3))

    heard = np.asarray(jax.jit(heard)(xs))
    t, s = np.arange(T)[:, None], np.arange(T)
    np.testing.assert_array_equal(heard > 0, s <= t + latency(layer, T)[:, None])


@pytest.mark.parametrize(
    "layer, wanted",
    [
        (RNN(2), [0, 0, 0, 0, 0]),
        (Bidirectional(RNN(2)), [4, 3, 2, 1, 0]),
        (LookAhead(RNN(2), 2), [2, 2, 2, 1, 0]),
        (Chunked(Bidirectional(RNN(2)), 2), [1, 0, 1, 0, 0]),
        (Chunked(Bidirectional(RNN(2)), 2, 1), [2, 1, 2, 1, 0]),
        (
            Stacked((RNN(2), LookAhead(RNN(2), 1), LookAhead(RNN(2), 2))),
            [3, 3, 2, 1, 0],
        ),
        # layer 2 waits for step 2, which layer 1 gives out after step 3
        (
            Stacked((LookAhead(RNN(2), 1), Chunked(Bidirectional(RNN(2)), 2))),
            [2, 1, 2, 1, 0],
        ),
        # the same chunks twice: nothing more to wait for
        (Stacked((Chunked(Bidirectional(RNN(2)), 2),) * 2), [1, 0, 1, 0, 0]),
    ],
)
def test_latency(layer, wanted):
    assert latency(layer, 5).tolist() == wanted


@layers
def test_gradients_flow_to_every_parameter(layer, x64):
    params = reference.random_params(layer, N_X)
    weights = np.random.default_rng(1).normal(size=(T, *BATCH, width(layer)))
    xs = jnp.asarray(inputs())

    def loss(params, xs):
        return (apply(layer, params, xs, lengths=LENGTHS).outputs * weights).sum()

    d_params, d_xs = jax.jit(jax.grad(loss, (0, 1)))(params, xs)
    for leaf in jax.tree.leaves(d_params):
        assert np.isfinite(leaf).all() and np.any(leaf != 0)
    # against a difference quotient, in a direction drawn at random
    way = reference.random_params(layer, N_X, seed=5), inputs(seed=6)
    step = 1e-6
    moved = [
        jax.tree.map(lambda v, w, s=sign: v + s * step * w, (params, xs), way)
        for sign in (1, -1)
    ]
    slope = (loss(*moved[0]) - loss(*moved[1])) / (2 * step)
    pairs = zip(jax.tree.leaves((d_params, d_xs)), jax.tree.leaves(way), strict=True)
    assert math.isclose(slope, sum((g * w).sum() for g, w in pairs), rel_tol=1e-6)


# --- in one piece or in several, in a tower, under a readout --------------------------


def test_chunks_may_come_in_several_calls(x64):
    layer = Chunked(PAIR, 2)
    params = reference.random_params(layer, N_X)
    xs = inputs(8)
    whole = apply(layer, params, xs)
    first = apply(layer, params, xs[:4])
    rest = apply(layer, params, xs[4:], state=first.last)
    reference.close(rest.outputs, whole.outputs[4:], 1e-14)
    equal(rest.last.forward, whole.last.forward)


@pytest.mark.parametrize("lengths", [None, np.array([4, 0, 1, 3])])
def test_after_a_look_ahead_the_state_is_that_of_the_last_real_step(lengths, x64):
    tower = Stacked((LSTM(3), RNN(2)))
    params = reference.random_params(tower, N_X)
    xs = inputs(4)
    begun = apply(tower, params, inputs(3, seed=2)).last
    for start in (None, begun):
        wanted = apply(tower, params, xs, lengths=lengths, state=start)
        got = apply(LookAhead(tower, 2), params, xs, lengths=lengths, state=start)
        for one, other in zip(
            *map(jax.tree.leaves, (got.last, wanted.last)), strict=True
        ):
            reference.close(one, other, 1e-14)


def test_seeds_are_a_batch_of_parameters():
    layer = LookAhead(RNN(3), 2)
    params = [reference.random_params(layer, N_X, seed) for seed in range(3)]
    together = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params)
    xs = inputs().astype(np.float32)
    run = jax.vmap(lambda p: apply(layer, p, xs, lengths=LENGTHS).outputs)(together)
    for each, p in zip(run, params, strict=True):
        reference.close(each, apply(layer, p, xs, lengths=LENGTHS).outputs, 1e-5)


@layers
def test_the_wirings_take_them(layer, x64):
    xs, n = inputs().swapaxes(0, 1), LENGTHS[2]
    for model in (
        ManyToMany(layer, 5),
        *(ManyToOne(layer, 5, pool) for pool in ("last", "mean", "max")),
    ):
        params = reference.random_params(model, N_X)
        logits = model.logits(params, xs, LENGTHS)
        alone = model.logits(params, xs[2:3, :n])[0]
        mine = logits[2, :n] if isinstance(model, ManyToMany) else logits[2]
        assert alone.shape == ((n, 5) if isinstance(model, ManyToMany) else (5,))
        reference.close(mine, alone, 1e-13)


def test_what_is_trained_in_one_way_runs_in_another():
    pair = Bidirectional(RNN(3))
    params = pair.init(jax.random.key(0), N_X)
    equal(Chunked(pair, 2).init(jax.random.key(0), N_X), params)
    equal(
        LookAhead(RNN(3), 2).init(jax.random.key(0), N_X),
        RNN(3).init(jax.random.key(0), N_X),
    )
    assert width(Chunked(pair, 2)) == 6 and width(LookAhead(RNN(3), 2)) == 3


def test_options_reach_the_cells():
    """A window of one step: no gradient from an output to an input before it."""
    xs = jnp.asarray(inputs()[:, 0], jnp.float32)
    for layer, d in ((LookAhead(RNN(2), 2), 2), (Chunked(Bidirectional(RNN(2)), 2), 0)):
        params = reference.random_params(layer, N_X)

        def third(xs, layer=layer, params=params):
            return apply(layer, params, xs, window=1, fast=False).outputs[2].sum()

        heard = np.asarray(jnp.abs(jax.grad(third)(xs)).sum(axis=1)) > 0
        assert heard[2 + d] and not heard[:2].any()


def test_dropout_sits_inside_the_tower_that_looks_ahead():
    tower = Stacked((RNN(40), RNN(40)), dropout=0.5)
    params = reference.random_params(tower, N_X)
    xs = inputs().astype(np.float32)
    runs = [
        apply(LookAhead(tower, 1), params, xs, key=key).outputs
        for key in (None, jax.random.key(0), jax.random.key(0), jax.random.key(1))
    ]
    equal(runs[1], runs[2])
    assert np.any(runs[0] != runs[1]) and np.any(runs[1] != runs[3])


# --- bad input ----------------------------------------------------------------------

PARAMS = reference.random_params(PAIR, N_X)
XS = np.zeros((T, N_X), np.float32)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: LookAhead(RNN(2), -1), ValueError, "k must be at least 0, got -1"),
        (lambda: LookAhead(RNN(2), 1.0), TypeError, "k must be an integer, got 1.0"),
        (lambda: LookAhead(RNN(2), 0.0), TypeError, "k must be an integer, got 0.0"),
        (lambda: LookAhead(RNN(2), False), TypeError, "k must be an integer"),
        (lambda: LookAhead(3, 1), TypeError, "layer must be Cell or .*, got int"),
        (lambda: LookAhead(PAIR, 1), ValueError, "which reads ahead already"),
        (
            lambda: LookAhead(Stacked((RNN(2), LookAhead(RNN(2), 1))), 1),
            ValueError,
            r"got LookAhead\(.*, which reads ahead already",
        ),
        (
            lambda: Chunked(RNN(2), 3),
            TypeError,
            "bidirectional must be Bidirectional, got RNN",
        ),
        (lambda: Chunked(PAIR, 0), ValueError, "chunk must be at least 1, got 0"),
        (lambda: Chunked(PAIR, 2, -1), ValueError, "ahead must be at least 0, got -1"),
        (lambda: Chunked(PAIR, 2, "a"), TypeError, "ahead must be an integer, got 'a'"),
        (
            lambda: apply(Chunked(PAIR, 2), PARAMS.forward, XS),
            TypeError,
            "params must be BothWays, got LSTMParams",
        ),
        (
            lambda: apply(Chunked(PAIR, 2), PARAMS, XS, state=LSTM(N_A).start(())),
            TypeError,
            "state must be BothWays, got LSTMState",
        ),
        (
            lambda: apply(Chunked(PAIR, 2), PARAMS, XS[:0]),
            ValueError,
            "xs has shape .0, 3., but needs .T, ..., n_x. with T >= 1",
        ),
        (
            lambda: apply(LookAhead(LSTM(N_A), 2), PARAMS.forward, XS[:0]),
            ValueError,
            "xs has shape .0, 3., but needs .T, ..., n_x. with T >= 1",
        ),
        (
            lambda: apply(LookAhead(LSTM(N_A), 2), PARAMS, XS),
            TypeError,
            "params: LSTM needs LSTMParams, got BothWays",
        ),
        (
            lambda: apply(LookAhead(Stacked((RNN(2),)), 2), (), np.zeros(T, int)),
            ValueError,
            "params must be a tuple with one entry for each of the 1 layers",
        ),
        (
            lambda: apply(
                LookAhead(LSTM(N_A), 2), PARAMS.forward, np.full((T, 1), N_X)
            ),
            ValueError,
            "xs holds token ids from 3 to 3",
        ),
        (
            lambda: apply(LookAhead(LSTM(N_A), 2), PARAMS.forward, XS, lengths=T + 1),
            ValueError,
            "lengths runs from 8 to 8, but T is 7",
        ),
        (
            lambda: apply(Chunked(PAIR, 2), PARAMS, XS, lengths=-1),
            ValueError,
            "lengths runs from -1 to -1, but T is 7",
        ),
        (lambda: latency(RNN(2), 0), ValueError, "T must be at least 1, got 0"),
        (lambda: latency("rnn", 3), TypeError, "layer must be Cell or"),
        (
            lambda: OneToMany(LookAhead(RNN(2), 1), 4),
            ValueError,
            "layer must read left to right, got LookAhead.* cannot generate",
        ),
    ],
)
def test_bad_input(call, error, message, as_readers_run_it):
    with pytest.raises(error, match=message):
        call()


def test_a_wrapper_of_ones_own_says_what_is_missing():
    class Twice(Wrapper):
        core = RNN(2)

    with pytest.raises(NotImplementedError):
        apply(Twice(), Twice().init(jax.random.key(0), N_X), XS)


def test_a_pair_of_directions_may_hold_a_state_of_one(x64):
    layer = Chunked(PAIR, 3)
    params = reference.random_params(layer, N_X)
    xs = inputs()
    begun = apply(layer, params, xs).last
    one = apply(layer, params, xs, state=BothWays(begun.forward, None))
    equal(apply(layer, params, xs, state=begun), one)
    fresh = apply(layer, params, xs)
    equal(one.outputs[..., N_A:], fresh.outputs[..., N_A:])
    assert np.any(one.outputs[..., :N_A] != fresh.outputs[..., :N_A])
