"""Keras runs our weights on its JAX backend, and gives our numbers."""

import os

os.environ["KERAS_BACKEND"] = "jax"  # Keras reads it once, on import

import jax.numpy as jnp
import keras
import numpy as np
import pytest
import reference
from reference import CELLS, N_A, N_X

from companion.convert import from_keras, to_keras
from companion.layers import Bidirectional, BothWays, apply
from companion.unroll import unroll

T, BATCH = 6, 3
LAYERS = {
    "rnn": lambda **options: keras.layers.SimpleRNN(N_A, **options),
    "gru before": lambda **options: keras.layers.GRU(N_A, reset_after=False, **options),
    "gru after": lambda **options: keras.layers.GRU(N_A, reset_after=True, **options),
    "lstm": lambda **options: keras.layers.LSTM(N_A, **options),
}
names = pytest.mark.parametrize("name", LAYERS)


def draw(name, seed):
    rng = np.random.default_rng(seed)
    cell = CELLS[name][0]
    params = {
        key: jnp.asarray(value, jnp.float32)
        for key, value in reference.draw_params(name, rng).items()
    }
    start = [
        np.asarray(field, np.float32)
        for field in reference.draw_state(name, rng, (BATCH,))
    ]
    xs = rng.normal(size=(BATCH, T, N_X)).astype(np.float32)
    return cell, cell.Params(**params), start, xs


def built(layer, *weights):
    layer.build((BATCH, T, N_X))
    layer.set_weights([array for direction in weights for array in direction])
    return layer


def time_major(xs):
    return jnp.swapaxes(jnp.asarray(xs), 0, 1)


@names
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
def test_one_direction_with_a_start(name, reverse):
    cell, params, start, xs = draw(name, 1)
    layer = built(
        LAYERS[name](return_sequences=True, return_state=True, go_backwards=reverse),
        to_keras(cell, params),
    )
    outputs, *last = layer(xs, initial_state=start)
    state = cell.State(*[jnp.asarray(field) for field in start])
    states = unroll(cell, params, time_major(xs), state=state, reverse=reverse)
    outputs = np.asarray(outputs)
    if reverse:  # Keras leaves what it read last in the last place
        outputs = outputs[:, ::-1]
    reference.close(time_major(outputs), states.a, 1e-6)
    end = 0 if reverse else -1
    for value, wanted in zip(last, states, strict=True):
        reference.close(value, wanted[end], 1e-6)


@names
def test_masking(name):
    cell, params, _, xs = draw(name, 2)
    lengths = np.array([T, 2, 4])
    mask = np.arange(T) < lengths[:, None]
    layer = built(
        LAYERS[name](return_sequences=True, zero_output_for_mask=True),
        to_keras(cell, params),
    )
    outputs = layer(xs, mask=jnp.asarray(mask))
    states = unroll(cell, params, time_major(xs), lengths=lengths)
    reference.close(time_major(outputs), states.a, 1e-6)


@pytest.mark.parametrize("merge", ["concat", "sum"])
@pytest.mark.parametrize("name", ["gru before", "lstm"])
def test_both_directions(name, merge):
    cell, ahead, _, xs = draw(name, 3)
    back = draw(name, 4)[1]
    layer = built(
        keras.layers.Bidirectional(
            LAYERS[name](return_sequences=True), merge_mode=merge
        ),
        to_keras(cell, ahead),
        to_keras(cell, back),
    )
    run = apply(Bidirectional(cell, merge=merge), BothWays(ahead, back), time_major(xs))
    reference.close(time_major(layer(xs)), run.outputs, 1e-6)


@names
def test_weights_of_a_keras_layer(name):
    cell, _, _, xs = draw(name, 5)
    rng = np.random.default_rng(6)
    layer = LAYERS[name](return_sequences=True)
    layer.build((BATCH, T, N_X))
    weights = [rng.normal(0, 0.7, w.shape).astype(np.float32) for w in layer.weights]
    layer.set_weights(weights)
    states = unroll(cell, from_keras(cell, *weights), time_major(xs))
    reference.close(time_major(layer(xs)), states.a, 1e-6)
