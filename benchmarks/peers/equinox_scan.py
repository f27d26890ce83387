"""Equinox: `eqx.nn.LSTMCell` in a `lax.scan` for one sequence, then `jax.vmap`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.layer import LayerOnJax, only_candidate
from benchmarks.peers.on_jax import OnJax
from companion.convert import from_torch, to_torch
from companion.models import ModelParams, ReadoutParams

__all__ = ["EquinoxLayer", "EquinoxScan"]

CELLS = {"GRU": eqx.nn.GRUCell, "LSTM": eqx.nn.LSTMCell}  # there is no plain RNN


class CharacterModel(eqx.Module):
    cells: list
    readout: eqx.nn.Linear

    def __call__(self, tokens):
        a = jax.nn.one_hot(tokens, self.cells[0].input_size)
        for cell in self.cells:
            a = run(cell, a)
        return jax.vmap(self.readout)(a)


def run(cell, xs, reverse=False):
    lstm = isinstance(cell, eqx.nn.LSTMCell)

    def step(state, x):
        state = cell(x, state)
        return state, state[0] if lstm else state

    zero = jnp.zeros(cell.hidden_size)
    start = (zero, zero) if lstm else zero
    return jax.lax.scan(step, start, xs, reverse=reverse)[1]


class EquinoxScan(OnJax):
    name = "Equinox, lax.scan"

    def pack(self, params):
        key, n_a = jax.random.key(0), self.work.n_a
        sizes = [self.work.n_y] + [n_a] * (self.work.depth - 1)
        model = CharacterModel(
            [eqx.nn.LSTMCell(n, n_a, key=key) for n in sizes],
            eqx.nn.Linear(n_a, self.work.n_y, key=key),
        )
        values = []
        for ours in params.layer:
            weight_ih, weight_hh, bias, _ = to_torch(self.work.cell, ours)
            values += [weight_ih, weight_hh, bias]
        values += [params.readout.W_y, params.readout.b_y]
        return eqx.tree_at(leaves, model, values)

    def unpack(self, weights):
        *layers, W_y, b_y = map(np.asarray, leaves(weights))
        threes = zip(*[iter(layers)] * 3, strict=True)
        layers = tuple(from_torch(self.work.cell, *three) for three in threes)
        return ModelParams(layers, ReadoutParams(W_y, b_y))

    def apply(self, weights, tokens):
        return jax.vmap(weights)(tokens)


def leaves(model):
    values = []
    for cell in model.cells:
        values += [cell.weight_ih, cell.weight_hh, cell.bias]
    return [*values, model.readout.weight, model.readout.bias]


class EquinoxLayer(LayerOnJax):
    name = EquinoxScan.name
    time_first = False

    @classmethod
    def does(cls, work):
        return work.kind in CELLS

    def pack(self, params):
        work = self.work
        return tuple(map(self.packed, work.directions(params)))

    def packed(self, ours):
        work = self.work
        cell = CELLS[work.kind](work.n_x, work.n_a, key=jax.random.key(0))
        weight_ih, weight_hh, bias, bias_hh = to_torch(work.cell, ours)
        values = [weight_ih, weight_hh, bias]
        if work.kind == "GRU":
            values.append(bias_hh[2 * work.n_a :])
        return eqx.tree_at(self.parts, cell, values)

    def parts(self, cell):
        parts = [cell.weight_ih, cell.weight_hh, cell.bias]
        return [*parts, cell.bias_n] if self.work.kind == "GRU" else parts

    def unpack(self, gradients):
        return self.work.together([self.unpacked(g) for g in gradients])

    def unpacked(self, cell):
        parts = [np.asarray(part) for part in self.parts(cell)]
        if self.work.kind == "GRU":
            parts[3] = only_candidate(np.tile(parts[3], 3))
        return from_torch(self.work.cell, *parts)

    def apply(self, weights, xs):
        def one(xs):
            ways = zip(weights, (False, True), strict=False)
            return jnp.concatenate([run(c, xs, reverse=r) for c, r in ways], axis=-1)

        return jax.vmap(one)(xs)
