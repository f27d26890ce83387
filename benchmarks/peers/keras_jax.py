"""Keras 3 on JAX: `keras.layers.LSTM`, jitted through `Model.stateless_call`."""

import os

import jax
import numpy as np

# Keras reads its backend once, when it is first imported
os.environ.setdefault("KERAS_BACKEND", "jax")
import keras

from benchmarks.layer import LayerOnJax, only_candidate
from benchmarks.peers.on_jax import OnJax
from companion.convert import from_keras, to_keras
from companion.models import ModelParams, ReadoutParams

__all__ = ["KerasJax", "KerasLayer"]

LAYERS = {
    "RNN": keras.layers.SimpleRNN,
    "GRU": keras.layers.GRU,
    "LSTM": keras.layers.LSTM,
}


class KerasJax(OnJax):
    name = "Keras on JAX"

    def __init__(self, work, params, tokens, targets):
        runs_on_jax()
        layers = [keras.Input((work.T, work.n_y))]
        for _ in range(work.depth):
            layers.append(keras.layers.LSTM(work.n_a, return_sequences=True))
        self.model = keras.Sequential([*layers, keras.layers.Dense(work.n_y)])
        super().__init__(work, params, tokens, targets)

    def pack(self, params):
        weights = []
        for ours in params.layer:
            weights += to_keras(self.work.cell, ours)
        weights += [params.readout.W_y.T, params.readout.b_y]
        shapes = [tuple(v.shape) for v in self.model.trainable_variables]
        assert [w.shape for w in weights] == shapes, "Keras lists its variables anew"
        return weights

    def unpack(self, weights):
        *layers, kernel, b_y = map(np.asarray, weights)
        threes = zip(*[iter(layers)] * 3, strict=True)
        layers = tuple(from_keras(self.work.cell, *three) for three in threes)
        return ModelParams(layers, ReadoutParams(kernel.T, b_y))

    def apply(self, weights, tokens):
        others = [v.value for v in self.model.non_trainable_variables]
        x = jax.nn.one_hot(tokens, self.work.n_y)
        return self.model.stateless_call(weights, others, x, training=True)[0]


class KerasLayer(LayerOnJax):
    name = KerasJax.name
    time_first = False

    def __init__(self, work, params, xs, d_outputs):
        runs_on_jax()
        layer = LAYERS[work.kind](work.n_a, return_sequences=True)
        if work.both_ways:
            layer = keras.layers.Bidirectional(layer)
        self.model = keras.Sequential([keras.Input((work.T, work.n_x)), layer])
        super().__init__(work, params, xs, d_outputs)

    def pack(self, params):
        weights = []
        for ours in self.work.directions(params):
            weights += to_keras(self.work.cell, ours)
        shapes = [tuple(v.shape) for v in self.model.trainable_variables]
        assert [w.shape for w in weights] == shapes, "Keras lists its variables anew"
        return weights

    def unpack(self, gradients):
        directions = []
        for kernel, recurrent, bias in zip(
            *[map(np.asarray, gradients)] * 3, strict=True
        ):
            if self.work.kind == "GRU":
                bias = np.stack([bias[0], only_candidate(bias[1])])
            directions.append(from_keras(self.work.cell, kernel, recurrent, bias))
        return self.work.together(directions)

    def apply(self, weights, xs):
        others = [v.value for v in self.model.non_trainable_variables]
        return self.model.stateless_call(weights, others, xs, training=True)[0]


def runs_on_jax():
    if keras.backend.backend() != "jax":
        raise RuntimeError(f"Keras runs on {keras.backend.backend()}, not on JAX")
