"""Latch and temporal order: where the cues stand, and what is asked of them."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.cues import Latch, TemporalOrder


def draw(task, batch=200, seed=0):
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch))


def evenly(values, low, high):
    """Each of low..high occurs about as often: within 5 deviations of its count."""
    counts = np.bincount(np.ravel(values), minlength=high + 1)
    assert counts[:low].sum() == 0 and len(counts) == high + 1
    expected = np.size(values) / (high + 1 - low)
    assert np.abs(counts[low:] - expected).max() < 5 * np.sqrt(expected)


@settings(max_examples=4)
@given(
    lag=st.integers(1, 6),
    before=st.integers(0, 4),
    n_symbols=st.integers(1, 5),
    ask=st.booleans(),
)
def test_a_latch_names_its_only_cue(lag, before, n_symbols, ask):
    task = Latch(lag=lag, before=before, n_symbols=n_symbols, ask=ask)
    xs, ys, mask = draw(task, batch=9, seed=lag)
    T = before + 1 + lag
    assert (task.T, task.n_x, task.n_y) == (T, 2 * n_symbols + ask, n_symbols)
    for x, y, counts in zip(xs.tolist(), ys.tolist(), mask.tolist(), strict=True):
        cues = [t for t in range(T) if x[t] < n_symbols]
        asks = [t for t in range(T) if x[t] == 2 * n_symbols]
        assert cues == [before] and max(x) <= 2 * n_symbols
        assert asks == ([T - 1] if ask else [])
        assert y == [0] * (T - 1) + [x[before]]
        assert counts == [False] * (T - 1) + [True]


def test_latch_tokens_are_drawn_evenly():
    xs = draw(Latch(lag=3, before=2), 4000).xs
    evenly(xs[:, 2], 0, 3)
    for t in (0, 1, 3, 4, 5):
        evenly(xs[:, t], 4, 7)
    # and apart from each other: all pairs of cue and last distractor alike
    evenly(4 * xs[:, 2] + xs[:, 5] - 4, 0, 15)
    evenly(4 * (xs[:, 1] - 4) + xs[:, 3] - 4, 0, 15)


@settings(max_examples=4)
@given(
    n_marks=st.integers(1, 4), more=st.integers(0, 9), n_distractors=st.integers(1, 5)
)
def test_the_class_is_the_order_of_the_marks(n_marks, more, n_distractors):
    T = 2 * n_marks + more
    task = TemporalOrder(T=T, n_marks=n_marks, n_distractors=n_distractors)
    xs, ys, mask = draw(task, batch=9, seed=more)
    part = T // n_marks
    for x, y, counts in zip(xs.tolist(), ys.tolist(), mask.tolist(), strict=True):
        places = [t for t in range(T) if x[t] < 2]
        assert len(places) == n_marks
        assert all(0 <= t - i * part < part // 2 for i, t in enumerate(places))
        assert max(x) < 2 + n_distractors
        assert y[-1] == int("".join(str(x[t]) for t in places), base=2)
        assert y[:-1] == [0] * (T - 1)
        assert counts == [False] * (T - 1) + [True]


def test_marks_fall_evenly():
    task = TemporalOrder(T=41)
    xs, ys, _ = draw(task, 4000)
    places = np.nonzero(xs < 2)[1].reshape(-1, 2)
    evenly(places[:, 0], 0, 9)
    evenly(places[:, 1], 20, 29)
    evenly(ys[:, -1], 0, 3)
    evenly(xs[xs >= 2], 2, 5)
    evenly(10 * places[:, 0] + places[:, 1] - 20, 0, 99)


@pytest.mark.parametrize("n_marks", [1, 2, 3])
def test_each_mark_remembered_doubles_the_accuracy(n_marks):
    task = TemporalOrder(T=12, n_marks=n_marks)
    xs, ys, _ = draw(task, 8000)
    first = np.array([x[x < 2][0] for x in xs])
    share = [
        np.bincount(ys[first == mark, -1], minlength=task.n_y).max()
        / (first == mark).sum()
        for mark in (0, 1)
    ]
    assert np.mean(share) == pytest.approx(2 * task.chance_accuracy, abs=0.03)


@pytest.mark.parametrize(
    ("task", "arguments", "error", "said"),
    [
        (Latch, {"lag": -1}, ValueError, "lag must be at least 0, got -1"),
        (Latch, {"lag": 2.0}, TypeError, "lag must be a whole number of steps"),
        (Latch, {"lag": 0, "ask": True}, ValueError, "lag must be at least 1 with ask"),
        (Latch, {"before": -2}, ValueError, "before must be at least 0, got -2"),
        (Latch, {"before": "no"}, TypeError, "before must be a whole number"),
        (Latch, {"n_symbols": 0}, ValueError, "n_symbols must be at least 1"),
        (Latch, {"ask": 1}, TypeError, "ask must be bool, got int"),
        (
            TemporalOrder,
            {"T": 3},
            ValueError,
            "T must be at least 2 n_marks = 4, got 3",
        ),
        (TemporalOrder, {"n_marks": 0}, ValueError, "n_marks must be at least 1"),
        (TemporalOrder, {"n_distractors": 0}, ValueError, "n_distractors"),
        (TemporalOrder, {"T": 9.5}, TypeError, "T must be an integer"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_arguments(task, arguments, error, said):
    with pytest.raises(error, match=said):
        task(**arguments)
