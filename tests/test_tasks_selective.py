"""Selective copying: what it asks for, and what players with less memory reach."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.selective import SelectiveCopy


def draw(task, batch, seed=0):
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch))


@settings(max_examples=5)
@given(sizes=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 5)))
def test_the_answer_is_what_a_plain_reader_says(sizes):
    context, n_kept = max(sizes[:2]), min(sizes[:2])
    task = SelectiveCopy(context, n_kept, n_symbols=sizes[2])
    xs, ys, mask = draw(task, (3, 7), seed=context)
    assert xs.shape == ys.shape == mask.shape == (3, 7, task.T)
    for x, y, m in zip(*(v.reshape(-1, task.T) for v in (xs, ys, mask)), strict=True):
        assert list(m) == [False] * context + [True] * n_kept
        heard = [token for token in x[:context] if token != task.noise]
        assert all(token < task.n_symbols for token in heard)
        assert list(y) == [0] * context + heard
        assert all(x[context:] == task.ask)
    assert xs.max() < task.n_x and ys.max() < task.n_y


def test_places_and_symbols_are_uniform_and_independent():
    task = SelectiveCopy(context=6, n_kept=2, n_symbols=3)
    xs, ys, _ = draw(task, 12_000)
    places = xs[:, :6] < task.n_symbols
    np.testing.assert_allclose(places.mean(axis=0), 2 / 6, atol=0.02)
    each_choice = np.unique(places @ 2 ** np.arange(6), return_counts=True)[1]
    np.testing.assert_allclose(each_choice / len(xs), 1 / 15, atol=0.01)
    pairs = np.bincount(3 * ys[:, -2] + ys[:, -1], minlength=9) / len(ys)
    np.testing.assert_allclose(pairs, 1 / 9, atol=0.01)


def test_the_scores_are_those_of_simple_players():
    task = SelectiveCopy(context=9, n_kept=4, n_symbols=5)
    _, ys, mask = draw(task, 10_000, seed=3)
    answers = ys[mask].reshape(-1, 4)
    assert (answers == 2).mean() == pytest.approx(task.chance_accuracy, abs=0.01)
    for k in (0, 1, 4):  # the last k are known, the others guessed alike
        guess = answers.copy()
        guess[:, : 4 - k] = 1
        right = (guess == answers).mean()
        assert right == pytest.approx(task.accuracy_keeping(k), abs=0.01)
    assert task.accuracy_keeping(4) == task.best_accuracy == 1
    assert task.accuracy_keeping(0) == task.memoryless_accuracy == 1 / 5
    assert task.chance_loss == pytest.approx(np.log(5))


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: SelectiveCopy(4, 5), ValueError, "n_kept must be at most context"),
        (lambda: SelectiveCopy(4.0), TypeError, "context must be a whole number"),
        (lambda: SelectiveCopy(4, 0), ValueError, "n_kept must be at least 1"),
        (lambda: SelectiveCopy(n_symbols=0), ValueError, "n_symbols must be at least"),
        (lambda: SelectiveCopy().accuracy_keeping(5), ValueError, "k must be at most"),
        (lambda: SelectiveCopy().accuracy_keeping(-1), ValueError, "k must be at"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_arguments(make, error, said):
    with pytest.raises(error, match=said):
        make()
