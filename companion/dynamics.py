"""Untrained networks left to run: how large a state grows, how flat its units sit."""

import functools
from numbers import Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from companion import validate
from companion.cells import RNN, RNNParams
from companion.unroll import unroll

__all__ = ["ACTIVATIONS", "Wander", "flat_share", "wander"]

ACTIVATIONS = {"tanh": jnp.tanh, "ReLU": jax.nn.relu}
UNITS, EXAMPLES = 64, 8


class Wander(NamedTuple):
    """Untrained networks running: their states, their size, how flat they sit."""

    a: np.ndarray  # (T, examples, units)
    rms: np.ndarray  # (T,)
    flat: np.ndarray  # (T,), share of units on a flat part of the activation


def flat_share(a, activation: str = "tanh") -> np.ndarray:
    """Share of units on a flat part of tanh (|a| > 0.95) or of ReLU (a = 0), per step.

    a: (T, ..., units). Returns (T,).
    """
    a = np.asarray(a)
    flat = np.abs(a) > 0.95 if activation == "tanh" else a == 0
    return flat.reshape(len(a), -1).mean(axis=1)


def wander(
    scale: Real, input_size: Real, activation: str, T: int = 40, seed: int = 2
) -> Wander:
    """64 untrained units hear eight sequences of noise, each unit its own.

    scale: W_aa is Gaussian with a spread of scale / sqrt(64), so that 1 keeps the size
    of a vector on average. input_size: the spread of the inputs; W_ax is the identity.
    """
    validate.one_of("activation", activation, list(ACTIVATIONS))
    unit_W, xs = _noise(T, seed)
    W_a = np.concatenate([scale * unit_W, np.eye(UNITS, dtype=np.float32)], axis=1)
    params = RNNParams(jnp.asarray(W_a), jnp.zeros(UNITS))
    cell = RNN(UNITS, activation=ACTIVATIONS[activation])
    a = np.asarray(unroll(cell, params, input_size * xs).a, float)
    rms = np.sqrt((a**2).mean(axis=(1, 2)))
    return Wander(a, rms, flat_share(a, activation))


@functools.cache
def _noise(T: int, seed: int) -> tuple[np.ndarray, jax.Array]:
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(UNITS, UNITS)) / np.sqrt(UNITS)
    xs = rng.normal(size=(T, EXAMPLES, UNITS))
    return W.astype(np.float32), jnp.asarray(xs, jnp.float32)
