"""a^n b^n and parity: spelled out in plain Python, and scored by exact enumeration."""

import itertools
import math
from collections import Counter

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.counting import Counting, Parity


def draw(task, batch=200, seed=0):
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch))


def scores(pairs):
    """Accuracy and loss of the best table from what is seen to the answer, exactly."""
    joint, total = Counter(pairs), len(pairs)
    right, loss = 0, 0.0
    for seen in {pair[0] for pair in pairs}:
        row = [n for (s, _), n in joint.items() if s == seen]
        right += max(row)
        loss -= sum(n * math.log(n / sum(row)) for n in row)
    return right / total, loss / total


@settings(max_examples=4)
@given(longest=st.integers(1, 12))
def test_as_many_b_as_a(longest):
    task = Counting(longest=longest)
    xs, ys, mask = draw(task, batch=9, seed=longest)
    assert xs.shape == (9, 2 * longest + 1)
    for x, y, counts in zip(xs.tolist(), ys.tolist(), mask.tolist(), strict=True):
        n = x.count(0)
        assert 1 <= n <= longest
        text = "a" * n + "b" * n
        spelled = [{"a": 0, "b": 1}[letter] for letter in text] + [2] * (task.T + 1)
        assert x == spelled[: task.T]
        assert y == spelled[1 : task.T + 1]
        assert [t for t in range(task.T) if counts[t]] == list(range(n, 2 * n))


def test_every_count_is_as_likely():
    n = (draw(Counting(longest=6), 6000).xs == Counting.a).sum(axis=1)
    counts = np.bincount(n, minlength=7)
    assert counts[0] == 0 and len(counts) == 7
    assert np.abs(counts[1:] - 1000).max() < 5 * math.sqrt(1000)


@pytest.mark.parametrize("longest", [1, 2, 3, 4, 20])
def test_scores_of_counting_over_all_strings(longest):
    task = Counting(longest=longest)
    xs, ys, mask = jax.tree.map(np.asarray, task.strings(range(1, longest + 1)))
    accuracy, loss = scores(list(zip(xs[mask], ys[mask], strict=True)))
    assert task.memoryless_accuracy == pytest.approx(accuracy, abs=1e-12)
    assert task.memoryless_loss == pytest.approx(loss, abs=1e-12)
    assert task.chance_accuracy == task.memoryless_accuracy
    assert task.chance_loss == task.memoryless_loss


def test_strings_beyond_the_training_range():
    task = Counting(longest=2)
    one = task.strings(3)
    assert one.xs.tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert one.ys.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert one.mask.tolist() == [False] * 3 + [True] * 3 + [False]
    several = task.strings([3, 1])
    assert several.xs.tolist() == [one.xs.tolist(), [0, 1, 2, 2, 2, 2, 2]]
    assert several.mask.sum(axis=-1).tolist() == [3, 1]
    assert task.lengths(several.xs).tolist() == [7, 3]
    assert task.strings(np.array([5])).xs.shape == (1, 11)
    assert task.lengths(one.xs) == 7


@pytest.mark.parametrize(
    ("n", "error", "said"),
    [
        (0, ValueError, "n must be at least 1, got 0"),
        ([3, -1], ValueError, "n must be at least 1, got -1"),
        ([], ValueError, "n must hold at least one number"),
        (2.0, TypeError, "n must be whole numbers"),
        ([[1, 2]], TypeError, "n must be whole numbers, one or a row"),
        (True, TypeError, "n must be whole numbers"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_strings(n, error, said):
    with pytest.raises(error, match=said):
        Counting().strings(n)


@settings(max_examples=4)
@given(T=st.integers(1, 20))
def test_the_running_parity(T):
    xs, ys, mask = draw(Parity(T=T), batch=9, seed=T)
    assert mask.all() and mask.shape == (9, T)
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        assert y == [sum(x[: t + 1]) % 2 for t in range(T)]


def test_bits_are_fair():
    xs = draw(Parity(T=8), 2000).xs
    assert set(np.unique(xs)) == {0, 1}
    assert np.abs(xs.mean(axis=0) - 0.5).max() < 5 * 0.5 / math.sqrt(2000)


@pytest.mark.parametrize("T", [1, 2, 3, 7])
def test_scores_of_parity_over_all_strings(T):
    task = Parity(T=T)
    pairs = [
        (bits[t], sum(bits[: t + 1]) % 2)
        for bits in itertools.product((0, 1), repeat=T)
        for t in range(T)
    ]
    accuracy, loss = scores(pairs)
    assert task.memoryless_accuracy == pytest.approx(accuracy, abs=1e-12)
    assert task.memoryless_loss == pytest.approx(loss, abs=1e-12)
    accuracy, loss = scores([(None, y) for _, y in pairs])
    assert task.chance_accuracy == pytest.approx(accuracy, abs=1e-12)
    assert task.chance_loss == pytest.approx(loss, abs=1e-12)


@pytest.mark.parametrize(
    ("task", "arguments", "error", "said"),
    [
        (Counting, {"longest": 0}, ValueError, "longest must be at least 1, got 0"),
        (Counting, {"longest": 1.5}, TypeError, "longest must be a whole number"),
        (Parity, {"T": 0}, ValueError, "T must be at least 1, got 0"),
        (Parity, {"T": True}, TypeError, "T must be an integer"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_arguments(task, arguments, error, said):
    with pytest.raises(error, match=said):
        task(**arguments)
