"""The echo task: its targets, and the scores it promises, measured."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.memory import Echo


def draw(task, batch=200, seed=0):
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch))


@settings(max_examples=8)  # each shape is drawn by functions compiled for it
@given(lag=st.integers(0, 5), n_symbols=st.integers(1, 9), more=st.integers(1, 5))
def test_the_target_is_the_symbol_lag_steps_ago(lag, n_symbols, more):
    task = Echo(lag=lag, n_symbols=n_symbols, T=lag + more)
    xs, ys, mask = draw(task, batch=7, seed=lag)
    assert xs.shape == ys.shape == mask.shape == (7, lag + more)
    assert xs.min() >= 0 and xs.max() < n_symbols
    for i in range(7):
        for t in range(lag + more):
            assert mask[i, t] == (t >= lag)
            assert ys[i, t] == (xs[i, t - lag] if t >= lag else 0)


def test_leading_axes_are_free_and_the_key_decides():
    task = Echo(lag=2, T=6)
    key = jax.random.key(1)
    assert task.sample(key).xs.shape == (6,)
    assert task.sample(key, (3, 4)).mask.shape == (3, 4, 6)
    assert jnp.array_equal(task.sample(key, 5).xs, task.sample(key, 5).xs)
    other = task.sample(jax.random.key(2), 5).xs
    assert not jnp.array_equal(task.sample(key, 5).xs, other)


def best_guess(seen, ys, mask):
    """Accuracy of the best table from what is seen to an answer, made on half of it."""
    half = len(ys) // 2
    table = {}
    for row, answers, counts in zip(seen[:half], ys[:half], mask[:half], strict=True):
        for s, answer in zip(row[counts], answers[counts], strict=True):
            table.setdefault(s, []).append(answer)
    table = {s: np.bincount(answers).argmax() for s, answers in table.items()}
    rest = [table[s] for s in seen[half:][mask[half:]]]
    return np.mean(rest == ys[half:][mask[half:]])


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_the_scores_are_what_the_task_says(lag):
    task = Echo(lag=lag)
    xs, ys, mask = draw(task, batch=2000)
    # another step than the answer's: drawn apart from it, so it is worth nothing
    other = np.roll(xs, 1 if lag != 1 else 2, axis=1)
    assert best_guess(xs, ys, mask) == pytest.approx(task.memoryless_accuracy, abs=0.02)
    assert best_guess(other, ys, mask) == pytest.approx(task.chance_accuracy, abs=0.02)
    answer = np.roll(xs, lag, axis=1)
    assert best_guess(answer, ys, mask) == task.best_accuracy == 1


def test_the_chance_loss_is_that_of_a_uniform_guess():
    task = Echo(n_symbols=5)
    share = np.bincount(draw(task, 2000).ys.ravel(), minlength=5) / (2000 * 20)
    entropy = -(share * np.log(share)).sum()
    assert task.chance_loss == math.log(5) == pytest.approx(entropy, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"lag": 20}, ValueError, "lag must lie in 0..T-1 = 19, got 20"),
        ({"lag": -1}, ValueError, "lag must lie"),
        ({"lag": True}, TypeError, "lag must be a whole number"),
        ({"T": 0}, ValueError, "T"),
        ({"n_symbols": 0}, ValueError, "n_symbols"),
    ],
)
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        Echo(**arguments)
