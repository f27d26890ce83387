"""Balance: every sequence is spelled out, and the best table is scored on all."""

import itertools
import math
from collections import Counter

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.balance import Balance


def scores(pairs):
    """Accuracy and loss of the best table from what is seen to the answer, exactly."""
    joint, total = Counter(pairs), len(pairs)
    right, loss = 0, 0.0
    for seen in {pair[0] for pair in pairs}:
        row = [n for (s, _), n in joint.items() if s == seen]
        right += max(row)
        loss -= sum(n * math.log(n / sum(row)) for n in row)
    return right / total, loss / total


def balance(ups, limit):
    total, seen = 0, []
    for up in ups:
        total += 1 if up else -1
        seen.append(max(-limit, min(limit, total)) + limit)
    return seen


@settings(max_examples=4)
@given(T=st.integers(1, 20), limit=st.integers(1, 5))
def test_the_dial_shows_the_sum(T, limit):
    task = Balance(T=T, limit=limit)
    sample = task.sample(jax.random.key(T), 30)
    xs, ys, mask = jax.tree.map(np.asarray, sample)
    assert mask.all() and mask.shape == xs.shape == (30, T)
    assert [balance(x, limit) for x in xs] == ys.tolist()
    assert ys.min() >= 0 and ys.max() < task.n_y and task.n_x == 2


def test_the_sum_goes_on_beyond_the_dial():
    assert balance([1, 1, 1, 0, 0], limit=1) == [2, 2, 2, 2, 2]
    long = Balance(T=60, limit=1).sample(jax.random.key(0), 50)
    xs, ys, _ = jax.tree.map(np.asarray, long)
    sums = np.cumsum(2 * xs - 1, axis=1)
    assert (ys[sums > 3] == 2).all() and (sums > 3).any()


def test_steps_are_fair():
    xs = np.asarray(Balance(T=8).sample(jax.random.key(1), 2000).xs)
    assert np.abs(xs.mean(axis=0) - 0.5).max() < 5 * 0.5 / math.sqrt(2000)


@pytest.mark.parametrize(("T", "limit"), [(1, 1), (3, 4), (7, 2), (10, 4)])
def test_scores_over_all_sequences(T, limit):
    task = Balance(T=T, limit=limit)
    pairs = [
        pair
        for ups in itertools.product((0, 1), repeat=T)
        for pair in zip(ups, balance(ups, limit), strict=True)
    ]
    accuracy, loss = scores(pairs)
    assert task.memoryless_accuracy == pytest.approx(accuracy, abs=1e-12)
    assert task.memoryless_loss == pytest.approx(loss, abs=1e-12)
    accuracy, loss = scores([(None, y) for _, y in pairs])
    assert task.chance_accuracy == pytest.approx(accuracy, abs=1e-12)
    assert task.chance_loss == pytest.approx(loss, abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"T": 0}, ValueError, "T must be at least 1, got 0"),
        ({"limit": 0}, ValueError, "limit must be at least 1, got 0"),
        ({"limit": 1.5}, TypeError, "limit must be an integer"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        Balance(**arguments)
