"""Flax: `nnx.RNN` over `nnx.OptimizedLSTMCell`, as its documentation stacks them."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.peers.on_jax import OnJax
from companion.convert import from_keras, to_keras
from companion.models import ModelParams, ReadoutParams

__all__ = ["FlaxNnx"]


class CharacterModel(nnx.Module):
    def __init__(self, work, rngs):
        self.work = work
        sizes = [work.n_y] + [work.n_a] * (work.depth - 1)
        cells = [nnx.OptimizedLSTMCell(n, work.n_a, rngs=rngs) for n in sizes]
        # the states start at zero, so no layer needs a random stream of its own
        self.layers = nnx.List([nnx.RNN(c, time_major=True, rngs=False) for c in cells])
        self.readout = nnx.Linear(work.n_a, work.n_y, rngs=rngs)

    def __call__(self, tokens):
        a = jax.nn.one_hot(tokens.T, self.work.n_y)
        zero = jnp.zeros((tokens.shape[0], self.work.n_a))
        for layer in self.layers:
            a = layer(a, initial_carry=(zero, zero))
        return jnp.swapaxes(self.readout(a), 0, 1)


class FlaxNnx(OnJax):
    name = "Flax nnx"

    def pack(self, params):
        model = CharacterModel(self.work, nnx.Rngs(0))
        for layer, ours in zip(model.layers, params.layer, strict=True):
            # Keras and Flax lay the weights of an LSTM out alike
            kernel, recurrent, bias = to_keras(self.work.cell, ours)
            layer.cell.dense_i.kernel[...] = jnp.asarray(kernel)
            layer.cell.dense_h.kernel[...] = jnp.asarray(recurrent)
            layer.cell.dense_h.bias[...] = jnp.asarray(bias)
        model.readout.kernel[...] = jnp.asarray(params.readout.W_y.T)
        model.readout.bias[...] = jnp.asarray(params.readout.b_y)
        # split and merge outside and inside jit: the way without nnx.jit's overhead
        self.graph, weights = nnx.split(model)
        return weights

    def unpack(self, weights):
        model = nnx.merge(self.graph, weights)
        layers = []
        for layer in model.layers:
            below, back = layer.cell.dense_i, layer.cell.dense_h
            given = (v[...] for v in (below.kernel, back.kernel, back.bias))
            layers.append(from_keras(self.work.cell, *map(np.asarray, given)))
        W_y, b_y = model.readout.kernel[...].T, model.readout.bias[...]
        return ModelParams(tuple(layers), ReadoutParams(W_y, b_y))

    def apply(self, weights, tokens):
        return nnx.merge(self.graph, weights)(tokens)
