"""Keras 3 on JAX: `keras.layers.LSTM`, jitted through `Model.stateless_call`."""

import os

import jax
import numpy as np

# Keras reads its backend once, when it is first imported
os.environ.setdefault("KERAS_BACKEND", "jax")
import keras

from benchmarks.peers.on_jax import OnJax
from companion.convert import from_keras, to_keras
from companion.models import ModelParams, ReadoutParams

__all__ = ["KerasJax"]


class KerasJax(OnJax):
    name = "Keras on JAX"

    def __init__(self, work, params, tokens, targets):
        if keras.backend.backend() != "jax":
            raise RuntimeError(f"Keras runs on {keras.backend.backend()}, not on JAX")
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
