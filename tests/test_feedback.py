"""One-to-many and encoder-decoder: teacher forcing and free running must agree."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference

from companion import sampling
from companion.cells import GRU, LSTM, RNN, SimplifiedGRU
from companion.feedback import (
    Carried,
    EncoderDecoder,
    EncoderDecoderParams,
    OneToMany,
)
from companion.layers import Bidirectional, Stacked, apply
from companion.models import ManyToMany

N_Y, N_X, T = 5, 3, 6

LAYERS = {
    "rnn": RNN(4),
    "lstm": LSTM(4),
    "stack": Stacked((GRU(4), LSTM(4)), residual=True, dropout=0.5),
}


def one_to_many(name):
    model = OneToMany(LAYERS[name], N_Y)
    return model, reference.random_params(model, N_X)


def test_the_first_input_is_the_condition_and_the_next_are_the_outputs(x64):
    """Against the oracle, one sequence and one step at a time."""
    cell = LSTM(reference.N_A)
    rng = np.random.default_rng(0)
    p = reference.draw_params("lstm", rng, N_Y + N_X)
    model = OneToMany(cell, N_Y)
    params = jax.eval_shape(lambda key: model.init(key, N_X), jax.random.key(0))
    assert params.layer.W_c.shape == (4, 4 + N_Y + N_X)
    W_y, b_y = rng.normal(size=(N_Y, 4)), rng.normal(size=N_Y)
    readout = type(params.readout)(jnp.asarray(W_y), jnp.asarray(b_y))
    params = params._replace(
        layer=cell.Params(**{k: jnp.asarray(v) for k, v in p.items()}), readout=readout
    )
    x, ys = rng.integers(0, N_X, 2), rng.integers(0, N_Y, (2, T))
    got = np.asarray(model.logits(params, x, ys))
    for i in range(2):
        state, seen = (np.zeros(4), np.zeros(4)), N_Y + x[i]
        for t in range(T):
            state = reference.lstm(p, state, np.eye(N_Y + N_X)[seen])
            reference.close(got[i, t], W_y @ state[0] + b_y, 1e-12)
            seen = ys[i, t]


@pytest.mark.parametrize("name", LAYERS)
def test_free_running_is_teacher_forcing_on_its_own_output(name, x64):
    model, params = one_to_many(name)
    x = np.arange(N_X)
    ids, lengths = sampling.greedy(model, params, x, (N_X,), stop=None, most=T)
    logits = np.asarray(model.logits(params, x, ids))
    np.testing.assert_array_equal(ids, logits.argmax(axis=-1))
    assert lengths.tolist() == [T] * N_X
    # and step by step the very same logits
    state, seen = model.begin(params, x)
    for t in range(T):
        now, state = model.step(params, state, seen)
        reference.close(now, logits[:, t], 1e-12)
        seen = ids[:, t]


def test_what_comes_later_changes_nothing_before():
    model, params = one_to_many("stack")
    ys = np.ones(T, int)
    other = np.where(np.arange(T) >= 3, 2, ys)
    a, b = (np.asarray(model.logits(params, 0, y)) for y in (ys, other))
    np.testing.assert_array_equal(a[:4], b[:4])
    assert (a[4:] != b[4:]).any(axis=1).all()


def test_one_condition_for_a_batch_and_any_leading_axes():
    model, params = one_to_many("rnn")
    ys = np.random.default_rng(1).integers(0, N_Y, (2, 3, T))
    x = np.array([[0, 1, 2], [2, 2, 0]])
    got = model.logits(params, x, ys)
    one = model.logits(params, 2, ys[1, 0])
    np.testing.assert_allclose(got[1, 0], one, rtol=1e-5)
    for start in (1, np.full(4, 1)):
        ids = sampling.greedy(model, params, start, 4, stop=None, most=3).ids
        np.testing.assert_array_equal(
            ids[3], sampling.greedy(model, params, 1, stop=None, most=3).ids
        )


def test_an_unknown_condition_cannot_pass_unseen_under_jit():
    """Negative, it would be an output's id in the joint vocabulary."""
    model, params = one_to_many("rnn")
    logits = jax.jit(model.logits)(
        params, jnp.array([-1, N_X, 0]), jnp.ones((3, 2), int)
    )
    assert jnp.isnan(logits[:2]).all() and jnp.isfinite(logits[2]).all()


def test_dropout_is_for_teacher_forcing_with_a_key():
    model, params = one_to_many("stack")
    ys = np.ones((1, T), int)
    plain = model.logits(params, [0], ys)
    dropped = model.logits(params, [0], ys, key=jax.random.key(0))
    assert not np.allclose(plain, dropped)


def encoder_decoder(name, reads=None):
    model = EncoderDecoder(reads or LAYERS[name], LAYERS[name], N_Y)
    return model, reference.random_params(model, N_X)


@pytest.mark.parametrize("name", LAYERS)
def test_decoding_is_teacher_forcing_on_its_own_output(name, x64):
    model, params = encoder_decoder(name)
    rng = np.random.default_rng(2)
    xs, lengths = rng.normal(size=(3, 4, N_X)), np.array([4, 2, 0])
    ids = model.decode(params, xs, lengths, T)
    assert ids.shape == (3, T)
    logits = model.logits(params, xs, ids, lengths)
    np.testing.assert_array_equal(ids, np.argmax(logits, axis=-1))


@pytest.mark.parametrize("name", ["lstm", "stack"])
def test_the_decoder_starts_where_the_encoder_ended(name, x64):
    """Each example by itself, cut to its length: a layer, then another layer."""
    model, params = encoder_decoder(name)
    rng = np.random.default_rng(3)
    lengths = np.array([4, 1])
    xs, ys = rng.integers(0, N_X, (2, 4)), rng.integers(0, N_Y, (2, T))
    got = model.logits(params, xs, ys, lengths)
    dirty = np.where(np.arange(4) < lengths[:, None], xs, 1)
    np.testing.assert_array_equal(got, model.logits(params, dirty, ys, lengths))
    decoder = ManyToMany(model.decoder, N_Y)
    for i in range(2):
        read = apply(model.encoder, params.encoder, xs[i, : lengths[i]])
        inputs = np.concatenate([[N_Y], ys[i, :-1]])
        run = apply(model.decoder, params.decoder.layer, inputs, state=read.last)
        wanted = decoder.readout.logits(params.decoder.readout, run.outputs)
        reference.close(got[i], wanted, 1e-12)


def test_drawing_from_a_decoder():
    model, params = encoder_decoder("rnn")
    xs, key = np.ones((400, 2), int), jax.random.key(0)
    drawn = model.decode(params, xs, None, 1, key=key)
    p = sampling.next_distribution(model.logits(params, xs[:1], drawn[:1])[0, 0])
    counts = np.bincount(np.asarray(drawn)[:, 0], minlength=N_Y) / 400
    assert np.abs(counts - p).sum() / 2 < 0.1
    again = model.decode(params, xs, None, 1, key=key)
    np.testing.assert_array_equal(drawn, again)
    cold = model.decode(params, xs, None, 1, key=key, temperature=1e-4)
    np.testing.assert_array_equal(cold, model.decode(params, xs, None, 1))


def test_layers_that_hold_the_same_may_differ():
    model, params = encoder_decoder("rnn", reads=RNN(4, jax.nn.relu))
    assert isinstance(params, EncoderDecoderParams)
    assert model.decode(params, np.ones((1, 2), int), [2], 3).shape == (1, 3)
    EncoderDecoder(SimplifiedGRU(4), GRU(4), N_Y)  # both hold a GRUState of 4 units


MODEL, DECODER = OneToMany(RNN(4), N_Y), EncoderDecoder(RNN(4), RNN(4), N_Y)
BOTH_WAYS = Bidirectional(RNN(4))
YS = np.ones((2, T), int)


@pytest.fixture(scope="module")
def params():
    return reference.random_params(MODEL, N_X), reference.random_params(DECODER, N_X)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda p, q: OneToMany(BOTH_WAYS, N_Y),
            ValueError,
            "layer must read left to right, got Bidirectional.* cannot generate",
        ),
        (
            lambda p, q: OneToMany(Stacked((RNN(4), BOTH_WAYS)), N_Y),
            ValueError,
            "layer must read left to right",
        ),
        (
            lambda p, q: OneToMany(3, N_Y),
            TypeError,
            "layer must be Cell or Bidirectional or Stacked or Wrapper, got int",
        ),
        (
            lambda p, q: MODEL.init(jax.random.key(0), 0),
            ValueError,
            "n_x must be at least 1, got 0",
        ),
        (
            lambda p, q: MODEL.logits(p, [0, N_X], YS),
            ValueError,
            "x holds token ids from 0 to 3, but the vocabulary of size 3",
        ),
        (
            lambda p, q: MODEL.logits(p, [-1, 0], YS),
            ValueError,
            "x holds token ids from -1 to 0",
        ),
        (
            lambda p, q: MODEL.logits(p, [0.0, 1.0], YS),
            TypeError,
            "x must hold integers, got float32",
        ),
        (
            lambda p, q: MODEL.logits(p, [0, 1], YS * N_Y),
            ValueError,
            "ys holds token ids from 5 to 5, but the vocabulary of size 5",
        ),
        (
            lambda p, q: MODEL.logits(p, [0, 1], YS * 1.0),
            TypeError,
            "ys must hold integers",
        ),
        (
            lambda p, q: MODEL.logits(p, [0, 1, 2], YS),
            ValueError,
            r"ys has shape \(2, 6\), but needs \(3, 'T'\)",
        ),
        (
            lambda p, q: MODEL.logits(p, [0, 1], YS[:, :0]),
            ValueError,
            r"ys has shape \(2, 0\), but needs \(..., T\) with T >= 1",
        ),
        (
            lambda p, q: MODEL.logits(q, [0, 1], YS),
            TypeError,
            "params must be ModelParams, got EncoderDecoderParams",
        ),
        (
            lambda p, q: OneToMany(LSTM(4), N_Y).logits(p, [0, 1], YS),
            TypeError,
            "params: LSTM needs LSTMParams, got RNNParams",
        ),
        (
            lambda p, q: OneToMany(Stacked((RNN(4),)), N_Y).logits(p, [0, 1], YS),
            ValueError,
            "params.layer must be a tuple with one entry for each of the 1 layers",
        ),
        (
            lambda p, q: MODEL.logits(p, [0, 1], YS, lenghts=[1, 2]),
            TypeError,
            "lenghts",
        ),
        (
            lambda p, q: MODEL.read(p, YS, p),
            TypeError,
            "carried must be Carried, got ModelParams",
        ),
        (
            lambda p, q: MODEL.read(p, YS, Carried(RNN(4).start(2), jnp.zeros(2))),
            TypeError,
            "carried.x must hold integers, got float32",
        ),
        (
            lambda p, q: MODEL.read(p, YS, Carried(RNN(4).start(3), jnp.zeros(2, int))),
            ValueError,
            r"state.a has shape \(3, 4\)",
        ),
        (
            lambda p, q: MODEL.read(p, YS, MODEL.begin(p, [0, 1]), [6, 7]),
            ValueError,
            "lengths runs from 6 to 7, but T is 6",
        ),
        (
            lambda p, q: sampling.greedy(MODEL, p, [0, 1], 3),
            ValueError,
            r"start has shape \(2,\), but needs \(\) or \(3,\)",
        ),
        (
            lambda p, q: sampling.greedy(MODEL, p),
            TypeError,
            "x must hold integers",
        ),
        (
            lambda p, q: EncoderDecoder(RNN(4), RNN(5), N_Y),
            ValueError,
            r"encoder must hand .* RNN\(n_a=4.* cannot start RNN\(n_a=5",
        ),
        (
            lambda p, q: EncoderDecoder(GRU(4), LSTM(4), N_Y),
            ValueError,
            "encoder must hand the decoder a state of its kind and size",
        ),
        (
            lambda p, q: EncoderDecoder(BOTH_WAYS, RNN(4), N_Y),
            ValueError,
            "encoder must read left to right",
        ),
        (
            lambda p, q: EncoderDecoder(RNN(4), BOTH_WAYS, N_Y),
            ValueError,
            "decoder must read left to right",
        ),
        (
            lambda p, q: EncoderDecoder(RNN(4), "x", N_Y),
            TypeError,
            "decoder must be Cell or Bidirectional or Stacked or Wrapper, got str",
        ),
        (
            lambda p, q: EncoderDecoder(RNN(4), RNN(4), 0),
            ValueError,
            "n_y must be at least 1, got 0",
        ),
        (
            lambda p, q: DECODER.logits(p, YS, YS),
            TypeError,
            "params must be EncoderDecoderParams, got ModelParams",
        ),
        (
            lambda p, q: DECODER.logits(q, YS[0], YS),
            ValueError,
            r"xs has shape \(6,\), but needs \(batch, T\)",
        ),
        (
            lambda p, q: DECODER.logits(q, YS, YS[:1]),
            ValueError,
            r"ys has shape \(1, 6\), but needs \(2, 'T'\)",
        ),
        (
            lambda p, q: DECODER.logits(q, YS, YS, [6]),
            ValueError,
            r"lengths has shape \(1,\), but a batch of shape \(2,\)",
        ),
        (
            lambda p, q: DECODER.decode(q, YS, None, 0),
            ValueError,
            "T must be at least 1, got 0",
        ),
        (
            lambda p, q: DECODER.decode(q, YS, None, 3, temperature=0.5),
            ValueError,
            "temperature needs a key",
        ),
        (
            lambda p, q: DECODER.decode(q, YS, None, 3, key=1),
            TypeError,
            "key must be one jax.random.key, got 1",
        ),
    ],
)
def test_bad_input(call, error, message, params, as_readers_run_it):
    with pytest.raises(error, match=message):
        call(*params)
