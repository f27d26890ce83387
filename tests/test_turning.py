"""One way to turn a batch is the package's own; the others are wrong as described."""

import jax
import numpy as np
import pytest

from companion import cells, layers, turning

PAIR = layers.Bidirectional(cells.GRU(3), cells.RNN(2))
LENGTHS = np.array([4, 2, 5])


@pytest.fixture(scope="module")
def params():
    return PAIR.init(jax.random.key(0), 7)


@pytest.fixture(scope="module")
def xs():
    ids = np.random.default_rng(1).integers(1, 7, (5, 3))
    return np.where(np.arange(5)[:, None] < LENGTHS, ids, 0)


def test_within_each_length_is_what_the_layer_does(params, xs):
    own = layers.apply(PAIR, params, xs, lengths=LENGTHS).outputs
    found = turning.outputs(PAIR, params, xs, LENGTHS, 0)
    for i, n in enumerate(LENGTHS):
        np.testing.assert_allclose(found[:n, i], own[:n, i], atol=1e-6)


def test_vectors_are_turned_like_tokens(params, xs):
    for way in range(4):
        one = turning.outputs(PAIR, params, xs, LENGTHS, way)
        other = turning.outputs(PAIR, params, np.eye(7)[xs], LENGTHS, way)
        np.testing.assert_allclose(one, other, atol=1e-6)


def read_by_each(way, n=3, T=5):
    reads, finds = (np.array(order[0]) for order in turning.orders([n], T, way))
    assert sorted(reads) == list(range(T))
    return reads.tolist(), reads[finds].tolist()


def test_what_each_way_reads_and_hands_on():
    assert read_by_each(0) == ([2, 1, 0, 3, 4], [0, 1, 2, 3, 4])
    assert read_by_each(1) == ([4, 3, 2, 1, 0], [0, 1, 2, 3, 4])
    assert read_by_each(2)[1] == [2, 3, 4, 1, 0]
    assert read_by_each(3)[1] == [4, 3, 2, 1, 0]


def test_only_the_first_way_does_not_know_how_much_padding_there_is(params, xs):
    more = np.concatenate([xs, np.zeros((4, 3), int)])
    moved = []
    for way in range(4):
        short, long = (
            turning.outputs(PAIR, params, r, LENGTHS, way) for r in (xs, more)
        )
        moved.append(np.abs(short[:2] - long[:2]).max())
    assert moved[0] < 1e-6 and min(moved[1:]) > 1e-3


def test_without_padding_two_ways_agree(params, xs):
    full = np.full(3, 5)
    one, other = (turning.outputs(PAIR, params, xs, full, way) for way in (0, 1))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_sum_is_refused(params, xs):
    summed = layers.Bidirectional(cells.RNN(2), merge="sum")
    with pytest.raises(ValueError, match="must concatenate"):
        turning.outputs(summed, params, xs, LENGTHS, 0)
