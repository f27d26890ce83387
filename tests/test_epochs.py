"""Reading a text over and over: against a loop written out, and what it reports."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import epochs
from companion.cells import GRU, LSTM, RNN
from companion.deep_cells import MLPGRU
from companion.language import LanguageModel
from companion.layers import Stacked

IDS = np.random.default_rng(0).integers(3, 9, 90)
HELD = np.random.default_rng(1).integers(3, 9, 40)
MODEL = LanguageModel(Stacked((LSTM(5), GRU(4))), 9)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(2, 400), T=st.integers(1, 40), batch=st.integers(1, 12))
def test_rows_hold_every_token_in_order(n, T, batch):
    ids = np.arange(n)
    if n <= T:
        with pytest.raises(ValueError, match=f"T = {T} steps need"):
            epochs.rows(ids, T, batch)
        return
    windows = epochs.rows(ids, T, batch)
    assert windows.shape[1:] == (batch, T + 1)
    assert np.all(np.diff(windows, axis=-1) == 1)  # each is a piece of the text
    np.testing.assert_array_equal(windows[1:, :, 0], windows[:-1, :, -1])
    if batch > 1:
        assert set(windows[..., 1:].flat) == set(range(1, n))
    else:
        assert n - 1 - windows.max() < T
    # no more windows than the even cut needs: one round more would be a round too many
    assert (len(windows) - 1) * batch * T < n - 1


def test_a_run_is_the_loop_written_out(x64):
    params = MODEL.init(jax.random.key(0), dtype=np.float64)
    run = epochs.read(
        MODEL,
        params,
        IDS,
        held_out=HELD,
        T=7,
        batch=3,
        epochs=3,
        warm_up=4,
        learning_rate=0.05,
        clip=0.2,
    )
    windows = epochs.rows(IDS, 7, 3)
    steps = 3 * len(windows)

    def rate(t):  # up over 4 steps, then down to 0 at the last
        return 0.05 * (t / 4 if t < 4 else 1 - (t - 4) / (steps - 4))

    optimiser = optax.inject_hyperparams(optax.adam)(learning_rate=0.0, b2=0.95)

    @jax.jit
    def one_step(params, memory, carried, window, rate):
        def loss(params):
            logits, after = MODEL.read(params, window[:, 1:], state=carried)
            log_p = jax.nn.log_softmax(logits)
            return -jnp.take_along_axis(log_p, window[:, 1:, None], -1).mean(), after

        (value, carried), gradient = jax.value_and_grad(loss, has_aux=True)(params)
        squares = [jnp.sum(g**2) for g in jax.tree.leaves(gradient)]
        factor = jnp.minimum(1, 0.2 / jnp.sqrt(sum(squares)))
        gradient = jax.tree.map(lambda g: g * factor, gradient)
        memory.hyperparams["learning_rate"] = rate
        updates, memory = optimiser.update(gradient, memory, params)
        return optax.apply_updates(params, updates), memory, carried, value

    memory, t, nats, held = optimiser.init(params), 0, [], []
    for _ in range(3):
        carried = MODEL.start(params, (3,), before=windows[0][:, 0])
        for window in windows:
            state = (params, memory, carried, window, rate(t))
            params, memory, carried, value = one_step(*state)
            nats.append(value)
            t += 1
        start = MODEL.start(params, before=HELD[0])
        surprise = MODEL.surprise(params, HELD[1:], state=start)
        held.append(np.exp(surprise.mean()))
    expected = np.exp(np.mean(np.reshape(nats, (3, -1)), axis=1))
    np.testing.assert_allclose(run.perplexities, expected, rtol=1e-7)
    np.testing.assert_allclose(run.held_out, held, rtol=1e-7)
    start = MODEL.start(params, before=IDS[0])
    whole = np.exp(MODEL.surprise(params, IDS[1:], state=start).mean())
    np.testing.assert_allclose(run.frozen, whole, rtol=1e-7)


def test_it_learns_by_heart_and_stops_when_told():
    ids = np.tile([3, 4, 5, 6, 7, 8], 15)
    model = LanguageModel(LSTM(16), 9)
    params = model.init(jax.random.key(0))
    run = epochs.read(
        model, params, ids, T=10, batch=2, epochs=60, until=1.2, warm_up=1
    )
    assert run.perplexities[-1] <= 1.2 < run.perplexities[-2]
    assert run.epochs == len(run.perplexities) < 60
    assert np.isnan(run.held_out).all()
    assert run.tokens_per_second > 0 and run.seconds > 0 and run.compile_seconds >= 0
    # targets in an epoch over the seconds of the usual one
    targets = epochs.rows(ids, 10, 2)[..., 1:].size
    per_epoch = run.seconds / run.epochs
    np.testing.assert_allclose(run.tokens_per_second, targets / per_epoch, rtol=1e-6)


@pytest.mark.parametrize("layer", [RNN(40), Stacked((Stacked((GRU(40),)), RNN(40)))])
def test_loud_inputs_change_what_the_lowest_layer_reads_and_nothing_else(layer):
    model = LanguageModel(layer, 30)
    params = model.init(jax.random.key(0))
    loud = epochs.loud_inputs(model, params, jax.random.key(1), scale=2.0)
    before = jax.tree_util.tree_leaves_with_path(params)
    changed = {}
    for (path, old), new in zip(before, jax.tree.leaves(loud), strict=True):
        if np.any(old != new):
            changed[jax.tree_util.keystr(path)] = old, new
    letters = RNN.maps if isinstance(layer, RNN) else GRU.maps
    lowest = "" if isinstance(layer, RNN) else "[0][0]"
    assert set(changed) == {f".layer{lowest}.W_{letter}" for letter in letters}
    for old, new in changed.values():
        np.testing.assert_array_equal(old[:, :40], new[:, :40])
        assert abs(float(new[:, 40:].std()) - 2) < 0.2
    columns = [np.asarray(new[:, 40:]) for _, new in changed.values()]
    assert len({c.tobytes() for c in columns}) == len(columns)


def test_loud_inputs_are_for_cells_that_read_with_one_matrix():
    model = LanguageModel(MLPGRU(4, inner=(3,)), 9)
    params = model.init(jax.random.key(0))
    with pytest.raises(TypeError, match="model must read with one matrix a map"):
        epochs.loud_inputs(model, params, jax.random.key(1))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (dict(model=LSTM(3)), TypeError, "model"),
        (dict(ids=IDS[:30, None]), ValueError, r"ids has shape \(30, 1\)"),
        (dict(ids=IDS[:7]), ValueError, r"n > 7"),
        (dict(ids=IDS / 2), TypeError, "ids"),
        (dict(held_out=HELD[:1]), ValueError, r"held_out has shape \(1,\)"),
        (dict(epochs=0), ValueError, "epochs must be at least 1"),
        (dict(T=0), ValueError, "T must be at least 1"),
        (dict(batch=0), ValueError, "batch must be at least 1"),
        (dict(warm_up=0), ValueError, "warm_up must be at least 1"),
    ],
)
def test_bad_input(change, error, message, as_readers_run_it):
    params = MODEL.init(jax.random.key(0))
    arguments = dict(model=MODEL, params=params, ids=IDS, T=7, batch=2, epochs=1)
    with pytest.raises(error, match=message):
        epochs.read(**(arguments | change))
