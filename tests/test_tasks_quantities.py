"""Adding, running sums, store and report: oracles, and errors of the best guesses."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.quantities import Adding, RunningSum, StoreAndReport


def draw(task, batch=200, seed=0):
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch))


def evenly(values, low, high):
    """Each of low..high occurs about as often: within 5 deviations of its count."""
    counts = np.bincount(values, minlength=high + 1)
    assert counts[:low].sum() == 0 and len(counts) == high + 1
    expected = np.size(values) / (high + 1 - low)
    assert np.abs(counts[low:] - expected).max() < 5 * np.sqrt(expected)


def uniformly(values, low, high):
    """In range, and a tenth of the values in each tenth of it."""
    assert values.min() >= low and values.max() <= high
    tenth = np.floor(10 * (values - low) / (high - low)).clip(0, 9).astype(int)
    evenly(tenth, 0, 9)


@settings(max_examples=4)
@given(T=st.integers(2, 15))
def test_the_sum_of_the_two_with_a_flag(T):
    xs, ys, mask = draw(Adding(T=T), batch=9, seed=T)
    assert xs.shape == (9, T, 2) and ys.shape == (9, T, 1)
    for x, y, counts in zip(xs.tolist(), ys.tolist(), mask.tolist(), strict=True):
        flagged = [t for t in range(T) if x[t][1] == 1]
        assert {flag for _, flag in x} <= {0, 1}
        assert len(flagged) == 2 and flagged[0] < T // 2 <= flagged[1]
        assert y[-1][0] == pytest.approx(x[flagged[0]][0] + x[flagged[1]][0])
        assert [value for (value,) in y[:-1]] == [0] * (T - 1)
        assert counts == [False] * (T - 1) + [True]


def test_flags_and_numbers_are_drawn_evenly():
    xs = draw(Adding(T=9), 5000).xs
    places = np.nonzero(xs[..., 1])[1].reshape(-1, 2)
    evenly(places[:, 0], 0, 3)
    evenly(places[:, 1], 4, 8)
    evenly(5 * places[:, 0] + places[:, 1] - 4, 0, 19)
    uniformly(xs[..., 0].ravel(), 0, 1)
    uniformly(xs[..., 0][xs[..., 1] == 1], 0, 1)


@pytest.mark.parametrize("T", [2, 3, 8, 60])
def test_scores_of_adding(T):
    """The best guess from x<T>, found by averaging in bins of it."""
    task = Adding(T=T)
    xs, ys, mask = draw(task, batch=40_000)
    target = ys[mask][:, 0]
    u, flag = xs[:, -1].T
    bins = np.floor(50 * u).clip(0, 49).astype(int) + 50 * flag.astype(int)
    n = np.bincount(bins, minlength=100)
    means = np.bincount(bins, target, minlength=100) / np.maximum(n, 1)
    error = np.mean((target - means[bins]) ** 2)
    assert error == pytest.approx(task.memoryless_loss, abs=0.003)
    assert np.var(target) == pytest.approx(task.chance_loss, abs=0.003)
    assert np.mean(target) == pytest.approx(1, abs=0.01)
    assert task.best_loss == 0


@settings(max_examples=4)
@given(
    store_within=st.integers(1, 4),
    wait=st.integers(0, 4),
    more=st.integers(1, 5),
    largest=st.floats(0.1, 3),
)
def test_the_stored_number_where_it_is_asked_for(store_within, wait, more, largest):
    ask_from = store_within + wait
    task = StoreAndReport(ask_from + more, store_within, ask_from, largest)
    xs, ys, mask = draw(task, batch=9, seed=more)
    for x, y, counts in zip(xs.tolist(), ys.tolist(), mask.tolist(), strict=True):
        stores = [t for t in range(task.T) if x[t][1] == 1]
        asks = [t for t in range(task.T) if x[t][2] == 1]
        assert len(stores) == len(asks) == 1
        (store,), (ask,) = stores, asks
        assert store < store_within and ask_from <= ask < task.T
        v = x[store][0]
        assert abs(v) <= largest * (1 + 1e-6)
        assert x == [
            [v if t == store else 0, t == store, t == ask] for t in range(task.T)
        ]
        assert y == [[v if t == ask else 0] for t in range(task.T)]
        assert counts == [t == ask for t in range(task.T)]


def test_storing_and_asking_are_drawn_evenly():
    xs = draw(StoreAndReport(), 6000).xs
    stores, asks = np.nonzero(xs[..., 1])[1], np.nonzero(xs[..., 2])[1]
    evenly(stores, 0, 3)
    evenly(asks, 8, 23)
    evenly(16 * stores + asks - 8, 0, 63)
    uniformly(xs[..., 0][xs[..., 1] == 1], -0.8, 0.8)


@pytest.mark.parametrize("largest", [0.8, 2])
def test_scores_of_store_and_report(largest):
    task = StoreAndReport(largest=largest)
    xs, ys, mask = draw(task, batch=40_000)
    assert (xs[mask] == (0, 0, 1)).all(), "nothing in sight, so the best is a constant"
    error = np.mean((ys[mask] - ys[mask].mean()) ** 2)
    assert error == pytest.approx(task.memoryless_loss, rel=0.02)
    assert task.chance_loss == task.memoryless_loss
    assert (ys[~mask] == 0).all() and task.best_loss == 0
    assert StoreAndReport().chance_loss == pytest.approx(0.2133, abs=5e-5)


@pytest.mark.parametrize(
    ("task", "arguments", "error", "said"),
    [
        (Adding, {"T": 1}, ValueError, "T must be at least 2, got 1"),
        (Adding, {"T": 6.0}, TypeError, "T must be a whole number of steps, got 6.0"),
        (StoreAndReport, {"T": 8}, ValueError, "ask_from must be below T = 8, got 8"),
        (StoreAndReport, {"store_within": 0}, ValueError, "store_within must be at"),
        (StoreAndReport, {"ask_from": 3}, ValueError, "at least store_within = 4"),
        (StoreAndReport, {"ask_from": None}, TypeError, "ask_from must be a whole"),
        (StoreAndReport, {"largest": 0}, ValueError, "largest must be positive"),
        (StoreAndReport, {"largest": "1"}, TypeError, "largest must be a number"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_arguments(task, arguments, error, said):
    with pytest.raises(error, match=said):
        task(**arguments)


@settings(max_examples=4)
@given(T=st.integers(1, 15), rings=st.sampled_from([0.1, 0.5, 1.0]))
def test_the_sum_since_the_bell(T, rings):
    task = RunningSum(T=T, largest=2.0, rings=rings)
    xs, ys, mask = draw(task, batch=9, seed=T)
    assert xs.shape == (9, T, 2) and ys.shape == (9, T, 1) and mask.all()
    for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
        total = 0.0
        for (u, bell), (target,) in zip(x, y, strict=True):
            assert bell in (0, 1) and (bell == 1 or rings < 1)
            total = u if bell else total + u
            assert target == pytest.approx(total, abs=1e-5)


def test_bells_and_numbers_are_drawn_evenly():
    xs = draw(RunningSum(), 2000).xs
    uniformly(xs[..., 0].ravel(), -0.3, 0.3)
    uniformly(xs[..., 0][xs[..., 1] == 1], -0.3, 0.3)
    share = xs[..., 1].mean(axis=0)
    assert np.abs(share - 0.15).max() < 5 * np.sqrt(0.15 * 0.85 / 2000)


@pytest.mark.parametrize(("T", "rings"), [(1, 0.3), (5, 1.0), (30, 0.15)])
def test_scores_of_running_sums(T, rings):
    task = RunningSum(T=T, rings=rings)
    xs, ys, _ = draw(task, batch=40_000)
    assert np.mean(ys**2) == pytest.approx(task.chance_loss, rel=0.02)
    missed = np.mean((ys[..., 0] - xs[..., 0]) ** 2)
    assert missed == pytest.approx(task.memoryless_loss, rel=0.02, abs=1e-9)
    assert np.abs(ys.mean()) < 0.01 and task.best_loss == 0


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"T": 0}, ValueError),
        ({"T": 2.5}, TypeError),
        ({"largest": 0}, ValueError),
        ({"rings": 0}, ValueError),
        ({"rings": 1.5}, ValueError),
    ],
)
def test_bad_running_sums_are_named(change, error):
    with pytest.raises(error, match=next(iter(change))):
        RunningSum(**change)
