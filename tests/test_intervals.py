"""Intervals over seeds: against SciPy, and by how often they hold the mean."""

import numpy as np
import pytest
from scipy import stats  # JAX brings it

from companion.intervals import interval, student


@pytest.mark.parametrize("freedom", [1, 2, 4, 8, 9, 10, 11, 15, 29, 100, 10_000])
def test_students_quantile(freedom):
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=2e-4)


def test_mean_range_and_interval():
    scores = [0.5, 0.7, 0.9, 0.8]
    known = interval(scores)
    assert known[:3] == pytest.approx((0.725, 0.5, 0.9))
    expected = stats.t.interval(0.95, 3, np.mean(scores), stats.sem(scores))
    assert known[3:] == pytest.approx(expected, rel=1e-4)


def test_nineteen_of_twenty_intervals_hold_the_mean():
    rng = np.random.default_rng(0)
    known = [interval(rng.normal(3, 2, size=5)) for _ in range(2000)]
    share = np.mean([low <= 3 <= high for *_, low, high in known])
    assert share == pytest.approx(0.95, abs=0.02)


def test_one_seed_has_no_interval():
    known = interval([0.5])
    assert known[:3] == (0.5, 0.5, 0.5) and np.isnan(known[3:]).all()


@pytest.mark.parametrize("scores", [[], 0.5, [[0.5, 0.6]]])
def test_bad_scores(scores):
    with pytest.raises(ValueError, match=r"scores must be \(seeds,\), got shape"):
        interval(scores)
