"""Registers: a plain interpreter reads the program, and strategies are simulated."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.registers import Registers


def draw(task, batch, seed=0):
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch))


@settings(max_examples=4)
@given(T=st.integers(3, 20))
def test_the_answers_are_those_of_an_interpreter(T):
    task = Registers(T=T)
    xs, ys, mask = draw(task, 50, seed=T)
    assert xs.shape == ys.shape == mask.shape == (50, T)
    for x, y, asked in zip(xs, ys, mask, strict=True):
        memory = {}
        for t, word in enumerate(task.words[token] for token in x):
            register, value = word[0], word[1:]
            if value.startswith("="):
                memory[register] = int(value[1:])
            assert asked[t] == value.startswith("?")
            assert y[t] == (memory[register] if asked[t] else 0)
        assert task.words[x[0]][:2] == "A=" and task.words[x[1]][:2] == "B="
        assert asked[-1]


def test_every_word_is_as_likely_as_said():
    xs = draw(Registers(T=12), 3000).xs
    middle = np.bincount(xs[:, 2:-1].ravel(), minlength=7) / xs[:, 2:-1].size
    expected = [1 / 12] * 4 + [1 / 3] + [1 / 6] * 2
    np.testing.assert_allclose(middle, expected, atol=0.01)
    np.testing.assert_allclose((xs[:, -1] == 5).mean(), 1 / 2, atol=0.05)
    for first in (xs[:, 0], xs[:, 1]):
        np.testing.assert_allclose((first % 2).mean(), 1 / 2, atol=0.05)


@pytest.mark.parametrize("T", [3, 8, 24])
def test_what_simple_players_reach(T):
    task = Registers(T=T)
    xs, ys, mask = draw(task, 20_000, seed=T)
    seen, answers = xs[mask], ys[mask]
    for question in (5, 6):  # who sees the question alone
        share = answers[seen == question].mean()
        assert share == pytest.approx(1 - task.memoryless_accuracy, abs=0.02)
    assert answers.mean() == pytest.approx(task.chance_accuracy, abs=0.02)
    first = np.where(xs == 5, xs[:, :1], xs[:, 1:2] - 2)  # never overwritten
    right = (first == ys)[mask].mean()
    assert right == pytest.approx(task.first_accuracy, abs=0.01)
    assert task.best_accuracy == 1 and task.best_loss == 0


@pytest.mark.parametrize(
    ("T", "error", "said"),
    [
        (2, ValueError, "T must be at least 3, got 2"),
        (0, ValueError, "T must be at least"),
        (4.0, TypeError, "T must be a"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_arguments(T, error, said):
    with pytest.raises(error, match=said):
        Registers(T=T)
