"""The market: its filter against a sum over all paths, its scores against samples."""

import itertools
import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.tasks.markets import BEAR, BULL, Market, Returns

MARKET = Market()
CASES = {
    "default": MARKET,
    "calm bear": Market(stay=0.9, means=(0.2, 0.1), sds=(1.5, 0.5)),
    "equal sds": Market(stay=0.7, means=(1.0, -1.0), sds=(1, 1)),
    "equal means": Market(stay=0.95, means=(0, 0), sds=(1.0, 2.0)),
}
cases = pytest.mark.parametrize("market", CASES.values(), ids=CASES)


@pytest.fixture(scope="module")
def many():
    return jax.tree.map(np.asarray, MARKET.sample(jax.random.key(0), 6000))


def normal(x, mean, sd):
    return math.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * math.sqrt(2 * math.pi))


def by_paths(market, xs):
    """P(bull at t | x<1..t>) and the density of x<1..t>, for each t, by brute force."""
    beliefs, densities = [], []
    for t in range(1, len(xs) + 1):
        mass = [0.0, 0.0]
        for path in itertools.product((BULL, BEAR), repeat=t):
            p = 0.5
            for today, tomorrow in itertools.pairwise(path):
                p *= market.stay if today == tomorrow else 1 - market.stay
            for x, regime in zip(xs, path, strict=False):
                p *= normal(x, market.means[regime], market.sds[regime])
            mass[path[-1]] += p
        beliefs.append(mass[BULL] / sum(mass))
        densities.append(sum(mass))
    return np.array(beliefs), np.array(densities)


@cases
def test_the_filter_is_the_sum_over_all_paths(market, x64):
    xs = np.random.default_rng(1).normal(0, 1.5, (2, 7, 1))
    got = market.filtered(xs)
    for row, beliefs in zip(xs, got, strict=True):
        wanted, densities = by_paths(market, row[:, 0])
        np.testing.assert_allclose(beliefs, wanted, rtol=1e-12)
        # and the predictions of the next days multiply to the density of them all
        nats = market.losses(row[1:], market.predicted(row)[:-1])
        np.testing.assert_allclose(
            nats, -np.log(densities[1:] / densities[:-1]), rtol=1e-10
        )


@settings(max_examples=10)
@given(
    axes=st.sampled_from([(), (2, 3)]),
    T=st.just(4),
    far=st.sampled_from([0.0, -9.0, 1e3]),
)
def test_a_batch_is_one_by_one_and_never_leaves_its_range(axes, T, far):
    xs = np.random.default_rng(2).normal(far, 1, (*axes, T, 1)).astype(np.float32)
    p, q = np.asarray(MARKET.filtered(xs)), np.asarray(MARKET.predicted(xs))
    assert p.shape == q.shape == (*axes, T)
    assert np.all((p >= 0) & (p <= 1))
    assert np.all((q > 0.0199) & (q < 0.9801))
    assert np.isfinite(MARKET.losses(xs, q)).all()
    for i in np.ndindex(axes):
        np.testing.assert_allclose(p[i], MARKET.filtered(xs[i]), rtol=1e-5)


def test_the_filter_does_not_read_ahead():
    xs = np.zeros((6, 1), np.float32)
    other = xs.copy()
    other[3:] = 2.0
    one, two = (np.asarray(MARKET.filtered(x)) for x in (xs, other))
    np.testing.assert_array_equal(one[:3], two[:3])
    assert np.all(one[3:] != two[3:])


# --- the samples --------------------------------------------------------------------


def test_samples_are_what_the_market_says(many):
    assert many.xs.shape == many.nexts.shape == (6000, MARKET.T, 1)
    assert many.regimes.shape == (6000, MARKET.T)
    np.testing.assert_array_equal(many.nexts[:, :-1], many.xs[:, 1:])
    stays = (many.regimes[:, 1:] == many.regimes[:, :-1]).mean()
    assert abs(stays - MARKET.stay) < 0.001  # 600 000 days: 5 standard deviations
    assert abs((many.regimes[:, 0] == BULL).mean() - 0.5) < 0.03
    assert abs((many.regimes[:, -1] == BULL).mean() - 0.5) < 0.03
    for regime in (BULL, BEAR):
        days = many.xs[..., 0][many.regimes == regime]
        assert abs(days.mean() - MARKET.means[regime]) < 0.02
        assert abs(days.std() - MARKET.sds[regime]) < 0.02
        # apart from the regime the days know nothing of one another
        calm = (many.regimes[:, 1:] == regime) & (many.regimes[:, :-1] == regime)
        today, tomorrow = many.xs[:, :-1, 0][calm], many.xs[:, 1:, 0][calm]
        assert abs(np.corrcoef(today, tomorrow)[0, 1]) < 0.01


def test_the_same_key_gives_the_same_sample():
    one, again, other = (MARKET.sample(jax.random.key(k), (2, 3)) for k in (0, 0, 1))
    assert isinstance(one, Returns) and one.xs.shape == (2, 3, MARKET.T, 1)
    jax.tree.map(np.testing.assert_array_equal, one, again)
    assert np.any(one.xs != other.xs)


# --- the scores ---------------------------------------------------------------------


@pytest.mark.parametrize("market", [MARKET, CASES["calm bear"]])
def test_the_scores_are_what_samples_tend_to(market):
    drawn = jax.tree.map(np.asarray, market.sample(jax.random.key(3), 4000))
    bull = drawn.regimes == BULL
    right = ((np.asarray(market.filtered(drawn.xs)) > 0.5) == bull).mean(axis=1)
    nats = np.asarray(market.losses(drawn.nexts, market.predicted(drawn.xs)))
    nats = nats.mean(axis=1)
    even = np.asarray(market.losses(drawn.nexts, np.full(bull.shape, 0.5, np.float32)))
    x = drawn.xs[..., 0]
    alone = market.filtered(x.reshape(-1, 1, 1)).reshape(x.shape)
    q = np.asarray(alone) * market.stay + (1 - np.asarray(alone)) * (1 - market.stay)
    one_day = np.asarray(market.losses(drawn.nexts, q)).mean(axis=1)
    told = ((np.asarray(alone) > 0.5) == bull).mean(axis=1)
    for found, known in (
        (right, market.best_accuracy),
        (nats, market.best_loss),
        (even.mean(axis=1), market.chance_loss),
        (one_day, market.memoryless_loss),
        (told, market.memoryless_accuracy),
    ):
        error = found.std() / math.sqrt(len(found))
        assert abs(found.mean() - known) < 4 * error + 1e-4


@cases
def test_more_to_see_is_never_worse(market):
    assert market.best_accuracy > market.memoryless_accuracy > market.chance_accuracy
    assert market.best_loss < market.memoryless_loss < market.chance_loss


def test_the_numbers_of_the_default():
    """Once the start is forgotten: the filter is right on nine days of ten."""
    long = Market(T=400)
    assert abs(long.best_accuracy - 0.905) < 0.002
    assert abs(long.best_loss - 1.448) < 0.002
    assert abs(MARKET.memoryless_accuracy - 0.7046) < 1e-4
    assert Market(T=1).best_accuracy == pytest.approx(MARKET.memoryless_accuracy)


@cases
def test_two_thresholds_are_the_best_rule_for_one_day(market):
    for x in market.thresholds:
        densities = [
            normal(x, *at) for at in zip(market.means, market.sds, strict=True)
        ]
        assert densities[BULL] == pytest.approx(densities[BEAR])
    assert len(market.thresholds) == (1 if market.sds[0] == market.sds[1] else 2)
    # one threshold, wherever it lies, does not do better
    cuts = np.linspace(-5, 5, 2001)
    below = [
        np.array([0.5 * (1 + math.erf((c - m) / (s * math.sqrt(2)))) for c in cuts])
        for m, s in zip(market.means, market.sds, strict=True)
    ]
    one = 0.5 + np.abs(below[BULL] - below[BEAR]).max() / 2
    assert one <= market.memoryless_accuracy + 1e-9
    if len(market.thresholds) == 1:
        assert one == pytest.approx(market.memoryless_accuracy, abs=1e-5)
    else:
        assert one < market.memoryless_accuracy - 1e-4


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Market(T=0), ValueError, "T must be at least 1, got 0"),
        (lambda: Market(stay=1.0), ValueError, "stay must be between 0.5 and 1"),
        (lambda: Market(stay=0.5), ValueError, "stay must be between 0.5 and 1"),
        (lambda: Market(stay="a"), TypeError, "stay must be a number, got 'a'"),
        (lambda: Market(means=(1, 2, 3)), ValueError, "means must hold two numbers"),
        (lambda: Market(sds=(1, 0)), ValueError, "sds must be positive"),
        (lambda: Market(sds=(1, math.nan)), ValueError, "sds must be finite, got nan"),
        (
            lambda: Market(means=(0, 0), sds=(1, 1)),
            ValueError,
            "leave nothing to tell apart",
        ),
        (
            lambda: MARKET.filtered(np.zeros((4, 2), np.float32)),
            ValueError,
            r"xs has shape \(4, 2\), but needs \(..., T, 1\)",
        ),
        (
            lambda: MARKET.filtered(np.zeros((4, 1), int)),
            TypeError,
            "xs must hold floats, got int32",
        ),
        (
            lambda: MARKET.losses(np.zeros((4, 1), "f"), np.zeros((4, 1), "f")),
            ValueError,
            r"q has shape \(4, 1\), but needs \(4,\)",
        ),
        (
            lambda: MARKET.sample(jax.random.key(0), 0),
            ValueError,
            "batch must be at least 1, got 0",
        ),
    ],
)
def test_bad_input(call, error, message, as_readers_run_it):
    with pytest.raises(error, match=message):
        call()
