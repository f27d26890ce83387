"""Flax: `nnx.RNN` over `nnx.OptimizedLSTMCell`, as its documentation stacks them."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks.layer import LayerOnJax
from benchmarks.peers.on_jax import OnJax
from companion.convert import from_keras, from_torch, to_keras, to_torch
from companion.models import ModelParams, ReadoutParams

__all__ = ["FlaxLayer", "FlaxNnx"]

CELLS = {"RNN": nnx.SimpleCell, "GRU": nnx.GRUCell, "LSTM": nnx.OptimizedLSTMCell}


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


class FlaxLayer(LayerOnJax):
    name = FlaxNnx.name

    def __init__(self, work, params, xs, d_outputs):
        self.lacks = ("b_cc",) if work.kind == "GRU" else ()
        super().__init__(work, params, xs, d_outputs)

    def pack(self, params):
        layers = [self.packed(ours) for ours in self.work.directions(params)]
        model = layers[0]
        if self.work.both_ways:
            model = nnx.Bidirectional(*layers, time_major=True, rngs=False)
        self.graph, weights = nnx.split(model)
        return weights

    def packed(self, ours):
        work, kind = self.work, self.work.kind
        cell = CELLS[kind](work.n_x, work.n_a, rngs=nnx.Rngs(0))
        if kind == "GRU":  # stacked as PyTorch does, lying as in Keras
            below, back, bias, _ = to_torch(work.cell, ours)
            kernel, recurrent = below.T, back.T
        else:
            kernel, recurrent, bias = to_keras(work.cell, ours)
        for part, value in zip(
            self.parts(cell), (kernel, recurrent, bias), strict=True
        ):
            part[...] = jnp.asarray(value)
        return nnx.RNN(cell, time_major=True, rngs=False)

    def parts(self, cell):
        """Input kernel, recurrent kernel, bias: the LSTM has it with the second."""
        biased = cell.dense_h if self.work.kind == "LSTM" else cell.dense_i
        return cell.dense_i.kernel, cell.dense_h.kernel, biased.bias

    def unpack(self, gradients):
        model = nnx.merge(self.graph, gradients)
        layers = [model]
        if self.work.both_ways:
            layers = [model.forward_rnn, model.backward_rnn]
        return self.work.together([self.unpacked(layer.cell) for layer in layers])

    def unpacked(self, cell):
        kernel, recurrent, bias = (np.asarray(part[...]) for part in self.parts(cell))
        if self.work.kind != "GRU":
            return from_keras(self.work.cell, kernel, recurrent, bias)
        ours = from_torch(self.work.cell, kernel.T, recurrent.T, bias)
        return ours._replace(b_cc=None)

    def apply(self, weights, xs):
        zero = jnp.zeros((self.work.batch, self.work.n_a))
        start = (zero, zero) if self.work.kind == "LSTM" else zero
        if self.work.both_ways:
            start = (start, start)
        return nnx.merge(self.graph, weights)(xs, initial_carry=start)
