"""Equinox: `eqx.nn.LSTMCell` in a `lax.scan` for one sequence, then `jax.vmap`."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.peers.on_jax import OnJax
from companion.convert import from_torch, to_torch
from companion.models import ModelParams, ReadoutParams

__all__ = ["EquinoxScan"]


class CharacterModel(eqx.Module):
    cells: list
    readout: eqx.nn.Linear

    def __call__(self, tokens):
        a = jax.nn.one_hot(tokens, self.cells[0].input_size)
        for cell in self.cells:
            a = run(cell, a)
        return jax.vmap(self.readout)(a)


def run(cell, xs):
    def step(state, x):
        state = cell(x, state)
        return state, state[0]

    zero = jnp.zeros(cell.hidden_size)
    return jax.lax.scan(step, (zero, zero), xs)[1]


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
