"""Lengths of paths: by hand for each cell, by walking all ways for towers."""

import itertools
import re

import jax
import jax.numpy as jnp
import pytest

from companion.cells import (
    GRU,
    LSTM,
    RNN,
    PeepholeLSTM,
    RNNState,
    SimplifiedGRU,
    checked,
)
from companion.layers import Bidirectional, Stacked
from companion.paths import path_length, step_paths

T = 7
PLAIN = RNN(2)


@pytest.mark.parametrize(
    ("cell", "shortest", "longest"),
    [
        (PLAIN, T, T),
        (RNN(2, activation=jax.nn.relu), T, T),
        (RNN(2, activation=jax.nn.softplus), T, T),
        (RNN(2, activation=lambda z: z), 0, 0),
        (SimplifiedGRU(2), 1, T),  # tanh once, then along the memory
        (GRU(2), 1, 2 * T),  # relevance gate and candidate at every step
        (GRU(2, reset="after"), 1, 2 * T),
        (LSTM(2), 2, 2 * T),  # candidate, along c, tanh out; or a: c, tanh, ...
        (LSTM(2, output_tanh=False), 1, T),
        (LSTM(2, output_gate=False), 2, 2 * T),
        (PeepholeLSTM(2), 2, 2 * T),
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", repr(value)),  # the same anywhere
)
def test_cells(cell, shortest, longest):
    assert path_length(cell, T) == (shortest, longest)


def test_one_step_of_an_lstm():
    paths = step_paths(LSTM(2))
    assert paths["c"] == {"a": (1, 1), "c": (0, 0), "x": (1, 1)}
    assert paths["a"] == {"a": (1, 2), "c": (1, 1), "x": (1, 2)}
    assert paths["output"] == paths["a"]


def test_a_cell_of_ones_own():
    class Twice(RNN):
        """Two nonlinearities a step, and a skip that the second does not see."""

        @checked
        def step(self, params, state, x):
            h = jnp.tanh(super().step(params, state, x).a)
            flat = jax.lax.stop_gradient(jnp.sin(h)) + (state.a > 0)
            return RNNState(h + state.a + 0 * flat)

    assert path_length(Twice(2), 5) == (2, 10)


def walked(layers, residual):
    """All ways through a tower of plain cells: at each stop right, or up."""
    lengths = set()
    for ups in itertools.combinations_with_replacement(range(T), layers - 1):
        rows = [0, *ups, T - 1]  # the steps at which the way goes up
        stops = [rows[i + 1] - rows[i] + 1 for i in range(layers)]
        for skipped in itertools.product((False, True), repeat=layers - 1):
            if any(skipped) and not residual:
                continue
            over = [False, *skipped]  # past the cell: along the sum, at one step
            pairs = list(zip(stops, over, strict=True))
            if all(stop == 1 for stop, jumped in pairs if jumped):
                lengths.add(sum(stop for stop, jumped in pairs if not jumped))
    return min(lengths), max(lengths)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_towers(layers, residual):
    tower = Stacked((PLAIN,) * layers, residual=residual)
    assert path_length(tower, T) == walked(layers, residual)


def test_both_directions():
    both = Bidirectional(PLAIN)
    assert path_length(both, T) == (
        T,
        T,
    )  # reading back, the output at T sees x<T> only
    assert path_length(Stacked((both, both)), T) == (T + 1, T + 1)
    # forward to T, back to 1, forward to T again
    assert path_length(Stacked((both,) * 3), T) == (T + 2, 3 * T)
    assert path_length(Bidirectional(PLAIN, GRU(2)), 1) == (1, 2)


def test_what_it_cannot_read():
    with pytest.raises(TypeError, match="layer must be Cell or Bidirectional"):
        path_length("LSTM", 3)
    with pytest.raises(ValueError, match="T must be at least 1, got 0"):
        path_length(PLAIN, 0)

    class Looped(RNN):
        @checked
        def step(self, params, state, x):
            a, _ = jax.lax.scan(lambda a, _: (jnp.tanh(a), 0), state.a, length=3)
            return RNNState(a)

    with pytest.raises(TypeError, match="reads no loop in a step"):
        path_length(Looped(2), 3)
