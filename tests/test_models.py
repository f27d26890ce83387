"""The output layer and the wirings on top of it, batch first at the user's edge."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference

from companion.cells import GRU, LSTM, RNN
from companion.feedback import OneToMany
from companion.layers import Bidirectional, Stacked
from companion.models import (
    DeepReadout,
    DeepReadoutParams,
    ManyToMany,
    ManyToOne,
    ModelParams,
    OneToOne,
    Readout,
    ReadoutParams,
)

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


@pytest.mark.parametrize("tokens", [False, True], ids=["floats", "tokens"])
def test_one_to_one_is_a_plain_network(tokens, x64):
    rng = np.random.default_rng(4)
    n_a, n_x = 4, 3
    W_ax, b_a = rng.normal(size=(n_a, n_x)), rng.normal(size=n_a)
    readout = draw_readout(n_a)
    x = rng.integers(0, n_x, BATCH) if tokens else rng.normal(size=(BATCH, n_x))
    vectors = reference.one_hot(x, n_x) if tokens else x
    hidden = np.maximum(vectors @ W_ax.T + b_a, 0)
    wanted = hidden @ np.asarray(readout.W_y).T + np.asarray(readout.b_y)
    # W_aa multiplies a state that is zero: whatever it holds, the answer stays
    W_a = np.concatenate([rng.normal(size=(n_a, n_a)), W_ax], axis=1)
    params = ModelParams(RNN.Params(jnp.asarray(W_a), jnp.asarray(b_a)), readout)
    got = OneToOne(RNN(n_a, jax.nn.relu), N_Y).logits(params, jnp.asarray(x))
    reference.close(got, wanted, 1e-14)


TOWERS = {
    "cell": LSTM(3),
    "stack": Stacked((GRU(3), LSTM(4))),
    "both ways": Bidirectional(GRU(3), RNN(2)),
    "sum, residual": Stacked(
        (RNN(3), Bidirectional(GRU(3), LSTM(3), merge="sum")), residual=True
    ),
}


def read_alone(layer, params, xs):
    """What a layer shows at every step, and all it shows when it has read everything.

    In a backward cell that is step 1, and layers below hand up what they show.
    """
    if isinstance(layer, Stacked):
        ends = 0
        for number, (inner, p) in enumerate(zip(layer.layers, params, strict=True)):
            a, end = read_alone(inner, p, xs)
            if not layer.residual or number == 0:
                xs, ends = a, end
            else:
                xs, ends = xs + a, ends + end
        return xs, ends
    if isinstance(layer, Bidirectional):
        ahead, end = read_alone(layer.forward, params.forward, xs)
        back, start = read_alone(layer.cells.backward, params.backward, xs[::-1])
        if layer.merge == "sum":
            return ahead + back[::-1], end + start
        return np.concatenate([ahead, back[::-1]], 1), np.concatenate([end, start])
    step = {LSTM: reference.lstm, GRU: reference.gru_before, RNN: reference.rnn}
    p = {k: np.asarray(v) for k, v in params._asdict().items() if v is not None}
    state = (np.zeros(layer.n_a),) * len(layer.State._fields)
    shown = []
    for x in xs:
        state = step[type(layer)](p, state, x)
        shown.append(state[0])
    return np.array(shown), shown[-1]


@pytest.mark.parametrize("name", TOWERS)
def test_many_to_one_pools_each_sequence_without_its_padding(name, x64):
    layer, n_x = TOWERS[name], 3
    rng = np.random.default_rng(5)
    lengths = np.array([T, 2, 1, 0])
    xs = rng.normal(size=(len(lengths), T, n_x))
    xs[np.arange(T) >= lengths[:, None]] = np.nan
    params = reference.random_params(ManyToOne(layer, N_Y), n_x)
    W_y, b_y = map(np.asarray, params.readout)
    for pool in ("last", "mean", "max"):
        model = ManyToOne(layer, N_Y, pool)
        logits = np.asarray(model.logits(params, xs, lengths))
        for i, length in enumerate(lengths):
            pooled = np.zeros(W_y.shape[1])
            if length:
                a, end = read_alone(layer, params.layer, xs[i, :length])
                pooled = {"last": end, "mean": a.mean(0), "max": a.max(0)}[pool]
            reference.close(logits[i], W_y @ pooled + b_y, 1e-12)
    full = model.logits(params, xs[:1])
    reference.close(full, logits[:1], 1e-12)


def test_an_empty_sequence_spoils_no_gradient():
    model = ManyToOne(RNN(4), N_Y, "max")
    params = reference.random_params(model, 3)
    xs = jnp.ones((2, 3, 3))

    def loss(params, lengths):
        return jnp.sum(model.logits(params, xs, lengths) ** 2)

    gradient = jax.jit(jax.grad(loss))(params, jnp.array([0, 2]))
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert gradient.layer.W_a.any()


MODEL = ManyToMany(RNN(4), N_Y)


def draw_deep_readout(*sizes):
    rng = np.random.default_rng(21)
    pairs = list(zip(sizes[1:], sizes[:-1], strict=True))
    W_y = tuple(jnp.asarray(rng.normal(size=pair)) for pair in pairs)
    return DeepReadoutParams(
        W_y, tuple(jnp.asarray(rng.normal(size=n)) for n, _ in pairs)
    )


def deep_readout_of_one(params, a, g=np.tanh):
    *below, (W, b) = zip(*params, strict=True)
    for inner_W, inner_b in below:
        a = g(np.asarray(inner_W) @ a + np.asarray(inner_b))
    return np.asarray(W) @ a + np.asarray(b)


@pytest.mark.parametrize("inner", [(), (7,), (3, 6)], ids=str)
def test_deep_readout_is_the_equation(inner, x64):
    params = draw_deep_readout(4, *inner, N_Y)
    a = np.random.default_rng(22).normal(size=(2, 3, 4))
    got = DeepReadout(N_Y, inner).logits(params, jnp.asarray(a))
    wanted = [[deep_readout_of_one(params, v) for v in row] for row in a]
    reference.close(got, np.array(wanted), 1e-14)
    if not inner:
        plain = ReadoutParams(params.W_y[0], params.b_y[0])
        wanted = Readout(N_Y).logits(plain, jnp.asarray(a))
        np.testing.assert_array_equal(got, wanted)


def test_deep_readout_with_another_nonlinearity(x64):
    params = draw_deep_readout(4, 7, 6, N_Y)
    a = np.random.default_rng(23).normal(size=4)
    got = DeepReadout(N_Y, (7, 6), jax.nn.relu).logits(params, jnp.asarray(a))
    wanted = deep_readout_of_one(params, a, lambda z: np.maximum(z, 0))
    reference.close(got, wanted, 1e-14)


def test_deep_readout_starts_glorot_and_zero():
    params = DeepReadout(30, (20, 20)).init(jax.random.key(0), 20)
    assert [W.shape for W in params.W_y] == [(20, 20), (20, 20), (30, 20)]
    for W in params.W_y:
        limit = np.sqrt(6 / sum(W.shape))
        assert 0.9 * limit < np.abs(W).max() <= limit
    assert not np.allclose(params.W_y[0], params.W_y[1])
    assert [b.shape for b in params.b_y] == [(20,), (20,), (30,)]
    assert not any(b.any() for b in params.b_y)


def test_every_wiring_takes_a_deep_output(x64):
    inner, layer = (7, 3), GRU(4)
    xs = np.random.default_rng(24).normal(size=(BATCH, T, 3))
    below = reference.random_params(layer, 3)
    p = {k: np.asarray(v) for k, v in below._asdict().items() if v is not None}
    zero = (np.zeros((BATCH, 4)),)
    (a,), _ = reference.unroll(reference.gru_before, p, xs.swapaxes(0, 1), zero)
    params = ModelParams(below, draw_deep_readout(4, *inner, N_Y))

    def read(vectors):
        return np.array([deep_readout_of_one(params.readout, v) for v in vectors])

    many = ManyToMany(layer, N_Y, inner=inner)
    wanted = np.stack([read(at_t) for at_t in a], axis=1)
    reference.close(many.logits(params, xs), wanted, 1e-13)
    last = ManyToOne(layer, N_Y, "last", inner=inner).logits(params, xs)
    reference.close(last, wanted[:, -1], 1e-13)
    one = OneToOne(layer, N_Y, inner=inner).logits(params, xs[:, 0])
    reference.close(one, wanted[:, 0], 1e-13)

    writer = OneToMany(layer, N_Y, inner=list(inner))
    params = reference.random_params(writer, 2)
    assert isinstance(params.readout, DeepReadoutParams)
    ys = jnp.array([[1, 4, 0], [2, 2, 3]])
    forced = writer.logits(params, jnp.array([0, 1]), ys)
    carried = writer.begin(params, jnp.array([0, 1]), (2,))
    free, _ = writer.step(params, carried.state, carried.x)
    reference.close(forced[:, 0], free, 1e-13)


def test_a_wiring_without_inner_has_the_plain_readout():
    assert MODEL.readout == Readout(N_Y)
    assert ManyToMany(RNN(4), N_Y, inner=(8,)).readout == DeepReadout(N_Y, (8,))
    assert ManyToOne(RNN(4), N_Y, "mean").pool == "mean"


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda p: DeepReadout(0), ValueError, "n_y must be at least 1, got 0"),
        (lambda p: DeepReadout(2, 64), TypeError, "inner must be a tuple of sizes"),
        (
            lambda p: DeepReadout(2, (8, 0)),
            ValueError,
            r"inner\[1\] must be at least 1",
        ),
        (
            lambda p: ManyToMany(RNN(4), 2, inner=(2.0,)),
            TypeError,
            r"inner\[0\] must be an integer, got 2.0",
        ),
        (lambda p: ManyToMany(RNN(4), 2, (8,)), TypeError, "positional arguments"),
        (
            lambda p: DeepReadout(N_Y, (7,)).logits(draw_readout(4), jnp.ones((2, 4))),
            TypeError,
            "params must be DeepReadoutParams, got ReadoutParams",
        ),
        (
            lambda p: DeepReadout(N_Y, (7,)).logits(p, jnp.ones((2, 3))),
            ValueError,
            r"params.W_y\[0\] has shape \(7, 4\), but .* needs \(7, 3\)",
        ),
        (
            lambda p: DeepReadout(N_Y, (7, 7)).logits(p, jnp.ones((2, 4))),
            ValueError,
            "params.W_y must be a tuple of 3 arrays, one a layer, got 2",
        ),
        (
            lambda p: DeepReadout(N_Y, (7,)).logits(p, jnp.ones(())),
            ValueError,
            r"a has shape \(\), but .* needs \(..., n_a\)",
        ),
        (
            lambda p: DeepReadout(N_Y, (7,)).logits(p, jnp.ones(4, int)),
            TypeError,
            "a must hold floats, got int32",
        ),
        (
            lambda p: DeepReadout(2).init(jax.random.key(0), 0),
            ValueError,
            "n_a must be at least 1, got 0",
        ),
    ],
)
def test_bad_input_of_a_deep_output(call, error, message, as_readers_run_it):
    params = draw_deep_readout(4, 7, N_Y)
    with pytest.raises(error, match=message):
        call(params)


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
        (
            lambda p: MODEL.logits(p, jnp.ones((2, 6, 3)), lenghts=[6, 5]),
            TypeError,
            "unexpected keyword argument 'lenghts'",
        ),
        (
            lambda p: OneToOne(RNN(4), N_Y).logits(p, jnp.ones((2, 6, 3))),
            ValueError,
            r"x has shape \(2, 6, 3\), but needs \(batch, n_x\)",
        ),
        (
            lambda p: OneToOne(RNN(4), N_Y).logits(p, jnp.ones((2, 6), int)),
            ValueError,
            r"x has shape \(2, 6\), but needs \(batch,\)",
        ),
        (
            lambda p: OneToOne(RNN(4), N_Y).logits(p, 1.0),
            ValueError,
            r"x has shape \(\), but needs \(batch, n_x\)",
        ),
        (
            lambda p: ManyToOne(RNN(4), N_Y, "first"),
            ValueError,
            "pool must be 'last' or 'mean' or 'max', got 'first'",
        ),
        (lambda p: ManyToOne(RNN(4), 0), ValueError, "n_y must be at least 1, got 0"),
        (
            lambda p: ManyToOne(RNN(4), N_Y).logits(p, jnp.ones((2, 6, 3)), [[6, 5]]),
            ValueError,
            r"lengths has shape \(1, 2\), but a batch of shape \(2,\)",
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
            "layer must be Cell or Bidirectional or Stacked or Wrapper, got str",
        ),
    ],
)
def test_what_would_broadcast_or_look_up_is_refused(
    call, error, message, as_readers_run_it
):
    readout = Readout(2)
    with pytest.raises(error, match=message):
        call(readout, readout.init(jax.random.key(0), 3))
