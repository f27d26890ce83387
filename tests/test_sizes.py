"""Sizes: counts are written out, and the nearest is looked up in a row of them."""

from functools import partial

import jax
import pytest

from companion.cells import GRU, LSTM, RNN, count_parameters
from companion.layers import Bidirectional, Stacked
from companion.sizes import parameters_of, size_for, sized


def rnn_count(n, n_x):
    return n * (n + n_x) + n


@pytest.mark.parametrize("wanted", [100, 995, 1500, 4321])
def test_the_nearest_of_all(wanted):
    found = size_for(RNN, wanted, 8)
    counts = {n: rnn_count(n, 8) for n in range(1, 80)}
    best = min(counts, key=lambda n: abs(counts[n] - wanted))
    assert found[:2] == (best, counts[best])
    assert found.percent_off == pytest.approx(100 * counts[best] / wanted - 100)


def test_the_nearest_may_lie_above_or_below():
    below, above = rnn_count(10, 3), rnn_count(11, 3)
    assert size_for(RNN, below + 4, 3).n_a == 10
    assert size_for(RNN, above - 4, 3).n_a == 11
    assert size_for(RNN, above, 3) == (11, above, 0.0)


def test_the_readout_counts_if_asked():
    layer = Stacked((Bidirectional(GRU(3)), LSTM(4)))
    params = layer.init(jax.random.key(0), 5)
    assert parameters_of(layer, 5) == count_parameters(params)
    assert parameters_of(layer, 5, n_y=7) == count_parameters(params) + 7 * (4 + 1)
    assert size_for(RNN, 1000, 4, n_y=50).n_a < size_for(RNN, 1000, 4).n_a


def test_layers_of_one_price():
    def tower(n):
        return Stacked((GRU(n), GRU(n)))

    makes = {"wide": GRU, "deep": tower, "old": partial(LSTM, forget_gate=False)}
    layers = sized(makes, 3000, 6)
    assert list(layers) == list(makes)
    assert isinstance(layers["deep"], Stacked) and not layers["old"].forget_gate
    counts = [count_parameters(v.init(jax.random.key(0), 6)) for v in layers.values()]
    assert max(counts) / min(counts) < 1.1


def test_what_cannot_be():
    with pytest.raises(ValueError, match=r"n_a=1, has 44, \+340%"):
        size_for(LSTM, 10, 9)
    with pytest.raises(ValueError, match="within 1%"):
        size_for(lambda n: RNN(10 * n), 1500, 9, within=1)
    with pytest.raises(ValueError, match="n_parameters must be at least 1, got 0"):
        size_for(RNN, 0, 9)
