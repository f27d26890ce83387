"""What all memory tasks promise, measured; and the echo and copy tasks' targets."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks import memory
from companion.tasks.memory import (
    Adding,
    Copy,
    Counting,
    Echo,
    Latch,
    Parity,
    RunningSum,
    StoreAndReport,
    TemporalOrder,
)

TASKS = (
    Echo(lag=2, T=6),
    Latch(lag=5, before=3),
    Latch(lag=4, n_symbols=2, ask=True),
    Copy(gap=3, n_symbols=3, length=2),
    TemporalOrder(T=9),
    Counting(longest=4),
    Parity(T=5),
    Adding(T=6),
    RunningSum(T=12),
    StoreAndReport(T=12),
)
each_task = pytest.mark.parametrize("task", TASKS, ids=repr)


@functools.cache
def draw(task, batch=200, seed=0):
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch))


@settings(max_examples=4)  # each shape is drawn by functions compiled for it
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


@settings(max_examples=4)
@given(gap=st.integers(1, 6), n_symbols=st.integers(1, 9), length=st.integers(1, 5))
def test_a_copy_is_the_string_after_the_gap(gap, n_symbols, length):
    task = Copy(gap=gap, n_symbols=n_symbols, length=length)
    xs, ys, mask = draw(task, batch=7, seed=gap)
    blank, marker = n_symbols, n_symbols + 1
    assert task.T == gap + 2 * length
    for x, y, counts in zip(xs.tolist(), ys.tolist(), mask.tolist(), strict=True):
        string = x[:length]
        assert set(string) <= set(range(n_symbols))
        assert x == string + [blank] * (gap - 1) + [marker] + [blank] * length
        assert y == [blank] * (gap + length) + string
        assert counts == [False] * (gap + length) + [True] * length


@each_task
@pytest.mark.parametrize(
    ("batch", "axes"), [((), ()), (4, (4,)), ((4,), (4,)), ((2, 3), (2, 3))]
)
def test_leading_axes_are_free(task, batch, axes):
    one = jax.random.key(1)
    sample = jax.eval_shape(lambda key: task.sample(key, batch), one)
    steps = (*axes, task.T)
    if jnp.issubdtype(sample.xs.dtype, jnp.integer):
        assert sample.xs.shape == sample.ys.shape == steps
    else:
        assert sample.xs.shape == (*steps, task.n_x)
        assert sample.ys.shape == (*steps, task.n_y)
    assert sample.mask.shape == steps and sample.mask.dtype == bool
    assert not any(a.weak_type for a in sample), "would be compiled for twice"


@each_task
def test_the_key_decides_and_the_compiled_loop_agrees(task):
    keys = jax.random.split(jax.random.key(3), 2)
    plain, other = task.sample(keys[0], 5), task.sample(keys[1], 5)
    again = task.sample(keys[0], 5)
    assert all(np.array_equal(a, b) for a, b in zip(plain, again, strict=True))
    assert not np.array_equal(plain.xs, other.xs)
    rows = np.asarray(plain.xs)
    assert any(not np.array_equal(rows[0], row) for row in rows[1:])
    # as in training: drawn by compiled code, for several seeds at once
    looped = jax.jit(jax.vmap(lambda key: task.sample(key, 5)))(keys)
    for a, b, c in zip(plain, other, looped, strict=True):
        np.testing.assert_allclose(c[0], a, rtol=1e-6)
        np.testing.assert_allclose(c[1], b, rtol=1e-6)


class Scores(NamedTuple):
    accuracy: float
    loss: float


def best_guess(seen, ys):
    """Scores of the best table from what is seen, (n,), to an answer, (n,)."""
    counts = np.zeros((seen.max() + 1, ys.max() + 1))
    np.add.at(counts, (seen, ys), 1)
    share = counts / counts.sum()
    given_seen = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    logs = np.log(np.where(given_seen > 0, given_seen, 1))
    return Scores(share.max(axis=1).sum(), -(share * logs).sum())


TOKEN_TASKS = (
    Echo(),
    Echo(lag=3, n_symbols=5),
    Latch(lag=10, before=5),
    Latch(lag=0, before=2),
    Latch(lag=19, ask=True),
    Copy(gap=4, n_symbols=8, length=3),
    TemporalOrder(T=20),
    TemporalOrder(T=13, n_marks=3),
    Counting(longest=2),
    Counting(longest=20),
    Parity(T=1),
    Parity(T=4),
    Parity(T=16),
)


@pytest.mark.parametrize("task", TOKEN_TASKS, ids=repr)
def test_the_scores_without_memory_are_those_of_the_best_table(task):
    """A table of counts from x<t>, or from nothing, to the answer; never the formula.

    The tables are scored on what they were made on. With at most nine rows and eight
    answers this flatters them by less than the tolerance.
    """
    xs, ys, mask = draw(task, batch=20_000)
    seen, answers = xs[mask], ys[mask]
    alone = best_guess(seen, answers)
    blind = best_guess(np.zeros_like(seen), answers)
    assert alone.accuracy == pytest.approx(task.memoryless_accuracy, abs=0.015)
    assert alone.loss == pytest.approx(task.memoryless_loss, abs=0.006)
    assert blind.accuracy == pytest.approx(task.chance_accuracy, abs=0.015)
    assert blind.loss == pytest.approx(task.chance_loss, abs=0.006)


def off_the_mask(task):
    """Outputs that are targets, but never where a target counts."""
    return {Copy: {task.n_y - 1}, Counting: {Counting.a}}.get(type(task), set())


@pytest.mark.parametrize("task", TOKEN_TASKS, ids=repr)
def test_the_sizes_fit_the_samples(task):
    """n_x and n_y are reached, so a model built from them is neither short nor wide."""
    xs, ys, mask = draw(task, batch=20_000)
    assert set(np.unique(xs)) == set(range(task.n_x))
    assert set(np.unique(ys)) <= set(range(task.n_y))
    assert set(np.unique(ys[mask])) == set(range(task.n_y)) - off_the_mask(task)


@pytest.mark.parametrize("task", TOKEN_TASKS, ids=repr)
def test_the_past_holds_the_answer(task):
    """No two samples agree in all inputs up to a step that counts but in its target."""
    xs, ys, mask = draw(task, batch=20_000)
    answers = {}
    for x, y, counts in zip(
        xs[:4000].tolist(), ys[:4000].tolist(), mask[:4000], strict=True
    ):
        for t in np.flatnonzero(counts):
            assert answers.setdefault(tuple(x[: t + 1]), y[t]) == y[t]
    assert (task.best_accuracy, task.best_loss) == (1, 0)


@pytest.mark.parametrize("lag", [1, 3])
def test_another_symbol_than_the_one_asked_for_is_worth_nothing(lag):
    task = Echo(lag=lag)
    xs, ys, mask = draw(task, batch=20_000)
    other = np.roll(xs, 1 if lag != 1 else 2, axis=1)
    found = best_guess(other[mask], ys[mask])
    assert found.accuracy == pytest.approx(task.chance_accuracy, abs=0.01)
    assert best_guess(np.roll(xs, lag, axis=1)[mask], ys[mask]) == (1, 0)


def test_chance_is_a_uniform_guess():
    assert Echo(n_symbols=5).chance_loss == math.log(5)
    assert Latch(lag=100).chance_accuracy == Latch(lag=100).memoryless_accuracy == 0.25
    assert Echo(lag=0).memoryless_loss == 0
    assert Latch(lag=0).memoryless_accuracy == 1


@pytest.mark.parametrize(
    ("gap", "known"), [(50, 0.2971), (100, 0.1733), (200, 0.0945), (500, 0.0400)]
)
def test_the_loss_of_copy_that_is_usually_quoted(gap, known):
    assert Copy(gap=gap).blind_loss_all_steps == pytest.approx(known, abs=6e-5)


def test_the_quoted_loss_of_copy_takes_the_clock_but_no_symbol():
    task = Copy(gap=6, n_symbols=5, length=3)
    xs, ys, _ = draw(task, batch=20_000)
    step = np.broadcast_to(np.arange(task.T), xs.shape)
    with_clock = best_guess(step.ravel(), ys.ravel()).loss
    assert with_clock == pytest.approx(task.blind_loss_all_steps, abs=2e-3)
    assert best_guess(xs.ravel(), ys.ravel()).loss > 2 * with_clock


def test_symbols_are_drawn_evenly():
    """chi^2 of n values has a mean of n - 1 and a variance of 2 (n - 1)."""
    for values, n in [
        (draw(Echo(n_symbols=6), 2000).xs, 6),
        (draw(Copy(n_symbols=7, gap=2), 2000).xs[:, :10], 7),
    ]:
        counts = np.bincount(values.ravel(), minlength=n)
        chi2 = ((counts - counts.mean()) ** 2 / counts.mean()).sum()
        assert chi2 < n - 1 + 5 * math.sqrt(2 * (n - 1))


def test_memory_has_all_of_them():
    for task in TASKS:
        assert getattr(memory, type(task).__name__) is type(task)
        assert type(task).__name__ in memory.__all__


@pytest.mark.parametrize(
    ("task", "arguments", "error", "said"),
    [
        (Echo, {"lag": 20}, ValueError, "lag must lie in 0..T-1 = 19, got 20"),
        (Echo, {"lag": -1}, ValueError, "lag must lie"),
        (Echo, {"lag": True}, TypeError, "lag must be a whole number"),
        (Echo, {"T": 0}, ValueError, "T"),
        (Echo, {"n_symbols": 0}, ValueError, "n_symbols"),
        (Copy, {"gap": 0}, ValueError, "gap must be at least 1, got 0"),
        (Copy, {"gap": 2.5}, TypeError, "gap must be a whole number of steps, got 2.5"),
        (Copy, {"length": 0}, ValueError, "length must be at least 1"),
        (Copy, {"n_symbols": 0}, ValueError, "n_symbols must be at least 1"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_arguments(task, arguments, error, said):
    with pytest.raises(error, match=said):
        task(**arguments)


@each_task
@pytest.mark.parametrize(("batch", "error"), [(0, ValueError), (1.5, TypeError)])
@pytest.mark.usefixtures("as_readers_run_it")
def test_a_bad_batch(task, batch, error):
    with pytest.raises(error, match="batch must be"):
        task.sample(jax.random.key(0), batch)
