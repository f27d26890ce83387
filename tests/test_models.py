"""The output layer and the first wiring, batch first at the user's edge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference

from companion.cells import LSTM, RNN
from companion.layers import Bidirectional, Stacked
from companion.models import ManyToMany, ModelParams, Readout, ReadoutParams

N_Y, T, BATCH = 5, 6, 3


def draw_readout(n_a):
    rng = np.random.default_rng(1)
    W_y, b_y = rng.normal(size=(N_Y, n_a)), rng.normal(size=N_Y)
    return ReadoutParams(jnp.asarray(W_y), jnp.asarray(b_y))


def test_readout_is_the_equation(x64):
    params = draw_readout(4)
    a = np.random.default_rng(2).normal(size=(2, 3, 4))
    got = Readout(N_Y).logits(params, jnp.asarray(a))
    wanted = np.einsum("ya,ija->ijy", params.W_y, a) + np.asarray(params.b_y)
    reference.close(got, wanted, 1e-14)


def test_readout_starts_glorot_and_zero():
    params = Readout(30).init(jax.random.key(0), 40)
    limit = np.sqrt(6 / 70)
    assert params.W_y.shape == (30, 40)
    assert 0.9 * limit < np.abs(params.W_y).max() <= limit
    assert params.b_y.shape == (30,)
    assert not params.b_y.any()


@pytest.mark.parametrize("tokens", [False, True], ids=["floats", "tokens"])
def test_many_to_many_is_the_oracle_and_a_readout(tokens, x64):
    rng = np.random.default_rng(3)
    p = reference.draw_params("lstm", rng)
    xs = rng.normal(size=(BATCH, T, reference.N_X))
    vectors = xs
    if tokens:
        xs = rng.integers(0, reference.N_X, (BATCH, T))
        vectors = reference.one_hot(xs, reference.N_X)
    lengths = np.array([T, 2, 0])
    model = ManyToMany(LSTM(reference.N_A), N_Y)
    layer = jax.tree.map(jnp.asarray, LSTM.Params(**p))
    params = ModelParams(layer, draw_readout(reference.N_A))
    got = model.logits(params, jnp.asarray(xs), lengths)
    start = tuple(np.zeros((2, BATCH, reference.N_A)))
    (a, _), _ = reference.unroll(
        reference.lstm, p, vectors.swapaxes(0, 1), start, lengths
    )
    wanted = a.swapaxes(0, 1) @ np.asarray(params.readout.W_y).T + params.readout.b_y
    reference.close(got, wanted, 1e-13)


def test_any_layer_fits_below():
    layer = Stacked((Bidirectional(RNN(2)), LSTM(3), Bidirectional(RNN(4))))
    model = ManyToMany(layer, N_Y)
    params = jax.eval_shape(lambda key: model.init(key, 7), jax.random.key(0))
    assert params.readout.W_y.shape == (N_Y, 8)
    logits = jax.eval_shape(model.logits, params, jnp.zeros((BATCH, T), int))
    assert logits.shape == (BATCH, T, N_Y)


MODEL = ManyToMany(RNN(4), N_Y)


@pytest.fixture(scope="module")
def params():
    return reference.random_params(MODEL, 3)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda p: Readout(0), ValueError, "n_y must be at least 1, got 0"),
        (lambda p: ManyToMany(RNN(4), 2.5), TypeError, "n_y must be an integer"),
        (
            lambda p: Readout(N_Y).logits(p.readout, jnp.ones((2, 3))),
            ValueError,
            r"a has shape \(2, 3\) and params.W_y \(5, 4\)",
        ),
        (
            lambda p: Readout(N_Y).logits(p, jnp.ones((2, 4))),
            TypeError,
            "params must be ReadoutParams, got ModelParams",
        ),
        (
            lambda p: MODEL.logits(p.readout, jnp.ones((2, 6, 3))),
            TypeError,
            "params must be ModelParams, got ReadoutParams",
        ),
        (
            lambda p: MODEL.logits(p, jnp.ones((6, 3))),
            ValueError,
            r"xs has shape \(6, 3\), but needs \(batch, T, n_x\)",
        ),
        (
            lambda p: MODEL.logits(p, jnp.ones(6, int)),
            ValueError,
            r"xs has shape \(6,\), but needs \(batch, T\)",
        ),
        (
            lambda p: MODEL.logits(p, jnp.ones((2, 6, 4))),
            ValueError,
            "was made for a last axis of 3 features",
        ),
        (
            lambda p: MODEL.logits(p, jnp.ones((2, 6, 3)), [6, 7]),
            ValueError,
            "lengths runs from 6 to 7, but T is 6",
        ),
    ],
)
def test_bad_input(call, error, message, params, as_readers_run_it):
    with pytest.raises(error, match=message):
        call(params)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda r, p: r.logits(p, jnp.array([1, 0, 2])),
            TypeError,
            "a must hold floats, got int32",
        ),
        (
            lambda r, p: r.logits(p._replace(b_y=jnp.zeros((2, 1))), jnp.ones(3)),
            ValueError,
            r"params.b_y has shape \(2, 1\)",
        ),
        (
            lambda r, p: ManyToMany("x", 2),
            TypeError,
            "layer must be Cell or Bidirectional or Stacked, got str",
        ),
    ],
)
def test_what_would_broadcast_or_look_up_is_refused(
    call, error, message, as_readers_run_it
):
    readout = Readout(2)
    with pytest.raises(error, match=message):
        call(readout, readout.init(jax.random.key(0), 3))
