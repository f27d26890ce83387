"""Side by side is the same as one after the other; a deaf ear learns nothing."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion import cells, layers
from companion.comparing import (
    at_once,
    both_ears,
    for_each,
    fresh,
    listening,
    side_by_side,
)
from companion.losses import cross_entropy
from companion.models import ManyToMany
from companion.training import fit

MODEL = ManyToMany(layers.Bidirectional(cells.RNN(3), cells.RNN(2)), n_y=4)
EARS = both_ears(MODEL.layer)
KEY = jax.random.key(5)


def loss(params, batch):
    (xs, ys), ears = batch
    return cross_entropy(listening(MODEL, params, xs, None, ears), ys)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 6, (2, 5, 3, 4)), rng.integers(0, 4, (2, 5, 3, 4))


@pytest.fixture(scope="module")
def trained(data):
    return side_by_side(MODEL, loss, EARS, data, key=KEY, n_x=6)


def test_ears_cover_unequal_widths():
    assert EARS.tolist() == [[1, 1, 1, 0, 0], [0, 0, 0, 1, 1], [1] * 5]
    with pytest.raises(ValueError, match="must concatenate"):
        both_ears(layers.Bidirectional(cells.RNN(3), merge="sum"))


def test_starts_are_those_of_the_keys():
    keys = jax.random.split(KEY, 2)
    start = fresh(MODEL, 6, keys)
    for i, key in enumerate(keys):
        one = jax.tree.map(lambda w, i=i: w[i], start)
        jax.tree.map(np.testing.assert_array_equal, one, MODEL.init(key, 6))


def test_each_network_is_the_one_trained_alone(trained, data):
    start = fresh(MODEL, 6, jax.random.split(KEY, 2))
    for setting, seed in ((0, 1), (2, 0)):
        one = jax.tree.map(lambda w, seed=seed: w[seed], (start, data))
        each = np.repeat(EARS[setting][None], 5, axis=0)
        alone = fit(loss, one[0], (one[1], each)).params
        together = jax.tree.map(lambda w, i=(setting, seed): w[i], trained)
        close = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5)  # noqa: E731
        jax.tree.map(close, together, alone)


def test_the_direction_that_is_not_heard_stays_as_it_was(trained):
    start = fresh(MODEL, 6, jax.random.split(KEY, 2))
    same = lambda a, b: np.array_equal(a[0], b)  # noqa: E731
    unheard = jax.tree.map(same, trained.layer.backward, start.layer.backward)
    assert all(jax.tree.leaves(unheard))
    heard = jax.tree.map(same, trained.layer.forward, start.layer.forward)
    assert not any(jax.tree.leaves(heard))


def test_listening_is_the_readout_without_these_columns():
    params = MODEL.init(KEY, 6)
    xs = jnp.array([[1, 2, 3]])
    outputs = layers.apply(MODEL.layer, params.layer, xs.T).outputs[:, 0]
    W_y, b_y = params.readout
    left = listening(MODEL, params, xs, None, EARS[0])[0]
    np.testing.assert_allclose(left, outputs[:, :3] @ W_y[:, :3].T + b_y, atol=1e-6)
    with pytest.raises(ValueError, match="ears has shape"):
        listening(MODEL, params, xs, None, np.ones(4))


def test_for_each_pairs_settings_with_their_networks(trained):
    found = for_each(lambda p, ears: p.readout.b_y.sum() + 10 * ears.sum())(
        trained, EARS
    )
    wanted = trained.readout.b_y.sum(-1) + 10 * EARS.sum(-1)[:, None]
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_bad_input_is_named(data):
    with pytest.raises(ValueError, match="settings must hold"):
        side_by_side(MODEL, loss, [], data, key=KEY, n_x=6)
    with pytest.raises(ValueError, match="data must hold arrays"):
        side_by_side(MODEL, loss, EARS, np.zeros(3), key=KEY, n_x=6)


def test_at_once_means_at_the_same_time():
    both_there = threading.Barrier(2, timeout=30)  # one after the other, it would break

    def learn(value):
        both_there.wait()
        return 2 * value

    assert list(at_once(learn, {"b": 1, "a": 2}).items()) == [("b", 2), ("a", 4)]
    assert at_once(learn, {}) == {}


def test_at_once_raises_what_went_wrong():
    with pytest.raises(ZeroDivisionError):
        at_once(lambda value: 1 / value, {"a": 1, "b": 0})
