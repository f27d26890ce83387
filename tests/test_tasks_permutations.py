"""Permutations: cups moved by hand, and every sequence of swaps counted."""

import itertools
import math
from collections import Counter

import jax
import numpy as np
import pytest

from companion.tasks.permutations import Permutations, arrangements, swaps


def scores(pairs):
    """Accuracy and loss of the best table from what is seen to the answer, exactly."""
    joint, total = Counter(pairs), len(pairs)
    right, loss = 0, 0.0
    for seen in {pair[0] for pair in pairs}:
        row = [n for (s, _), n in joint.items() if s == seen]
        right += max(row)
        loss -= sum(n * math.log(n / sum(row)) for n in row)
    return right / total, loss / total


def played(xs, n):
    """Things in a row, swapped by hand: the arrangement after every step."""
    row, seen = list(range(n)), []
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    for i, j in (pairs[x] for x in xs):
        row[i], row[j] = row[j], row[i]
        seen.append(sorted(itertools.permutations(range(n))).index(tuple(row)))
    return seen


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_target_is_the_arrangement(n):
    task = Permutations(n=n, T=12)
    xs, ys, mask = jax.tree.map(np.asarray, task.sample(jax.random.key(n), 20))
    assert mask.all() and mask.shape == xs.shape == (20, 12)
    assert [played(x, n) for x in xs] == ys.tolist()
    assert xs.max() < task.n_x == n * (n - 1) // 2 == len(swaps(n))
    assert ys.max() < task.n_y == math.factorial(n) == len(arrangements(n))


def test_one_sequence_and_a_batch_of_batches():
    task = Permutations()
    one, many = (task.sample(jax.random.key(0), batch) for batch in ((), (2, 3)))
    assert played(np.asarray(one.xs), 3) == one.ys.tolist()
    assert many.ys.shape == (2, 3, task.T)
    assert played(np.asarray(many.xs[1, 2]), 3) == many.ys[1, 2].tolist()


def test_order_matters():
    assert played([0, 2], 3) != played([2, 0], 3)


def test_swaps_are_fair():
    xs = np.asarray(Permutations(n=4, T=6).sample(jax.random.key(1), 6000).xs)
    for column in xs.T:
        assert np.abs(np.bincount(column) - 1000).max() < 5 * math.sqrt(1000)


@pytest.mark.parametrize(("n", "T"), [(2, 3), (3, 1), (3, 7), (4, 4)])
def test_scores_over_all_sequences(n, T):
    task = Permutations(n=n, T=T)
    pairs = [
        pair
        for xs in itertools.product(range(task.n_x), repeat=T)
        for pair in zip(xs, played(xs, n), strict=True)
    ]
    accuracy, loss = scores(pairs)
    assert task.memoryless_accuracy == pytest.approx(accuracy, abs=1e-12)
    assert task.memoryless_loss == pytest.approx(loss, abs=1e-12)
    accuracy, loss = scores([(None, y) for _, y in pairs])
    assert task.chance_accuracy == pytest.approx(accuracy, abs=1e-12)
    assert task.chance_loss == pytest.approx(loss, abs=1e-12)
    assert task.best_accuracy == 1 and task.best_loss == 0


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"n": 1}, ValueError, "n must be at least 2, got 1"),
        ({"n": 7}, ValueError, "n must be at most 6, got 7"),
        ({"T": 0}, ValueError, "T must be at least 1, got 0"),
        ({"n": 2.5}, TypeError, "n must be a whole number of things"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        Permutations(**arguments)
