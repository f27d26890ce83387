"""Witten-Bell against counting by hand, a slow transcription, and what must add up."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import text
from companion.ngrams import WittenBell, mix

SIZE = 4
some_ids = st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=40)


class Slow:
    """The recursion as it is written, with a dictionary for each context."""

    def __init__(self, ids, size, order):
        self.size = size
        self.after = defaultdict(list)
        for t, y in enumerate(ids):
            for k in range(min(order, t) + 1):
                self.after[tuple(ids[t - k : t])].append(y)

    def probability(self, y, context):
        if context is None:
            return 1 / self.size
        shorter = context[1:] if context else None
        seen = self.after[tuple(context)]
        if not seen:
            return self.probability(y, shorter)
        N, T = len(seen), len(set(seen))
        return (seen.count(y) + T * self.probability(y, shorter)) / (N + T)


def test_order_zero_by_hand():
    # a a b: three tokens, two different ones, of an alphabet of four
    model = WittenBell.fit([0, 0, 1], SIZE, 0)
    expected = np.array([2 + 2 / 4, 1 + 2 / 4, 2 / 4, 2 / 4]) / 5
    np.testing.assert_allclose(model.next_distribution(), expected)
    np.testing.assert_allclose(np.exp(model.log_probs([1, 3])), expected[[1, 3]])


def test_order_one_by_hand():
    # after a came a, b: N = 2, T = 2; after b nothing, so order 0 answers
    model = WittenBell.fit([0, 0, 1], SIZE, 1)
    below = np.array([2.5, 1.5, 0.5, 0.5]) / 5
    np.testing.assert_allclose(
        model.next_distribution([0]), (np.array([1, 1, 0, 0]) + 2 * below) / 4
    )
    np.testing.assert_allclose(model.next_distribution([1]), below)


@given(some_ids, some_ids, st.integers(0, 6))
def test_equal_to_a_slow_transcription(known, unseen, order):
    model, slow = WittenBell.fit(known, SIZE, order), Slow(known, SIZE, order)
    found = model.log_probs_by_order(unseen)
    assert found.shape == (order + 1, len(unseen))
    for k in range(order + 1):
        expected = [
            np.log(slow.probability(y, unseen[max(t - k, 0) : t]))
            for t, y in enumerate(unseen)
        ]
        np.testing.assert_allclose(found[k], expected, rtol=1e-12)


@given(some_ids, some_ids, some_ids)
def test_known_tokens_before_the_text_are_context(known, before, unseen):
    model = WittenBell.fit(known, SIZE, 5)
    whole = model.log_probs_by_order([*before, *unseen])
    after = model.log_probs_by_order(unseen, before=before)
    np.testing.assert_array_equal(after, whole[:, len(before) :])


@given(some_ids, st.lists(st.integers(0, SIZE - 1), max_size=8), st.integers(0, 4))
def test_a_distribution_adds_up_and_is_what_a_text_is_scored_with(known, context, k):
    model = WittenBell.fit(known, SIZE, 4)
    p = model.next_distribution(context, order=k)
    assert np.all(p > 0)
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-12)
    for y in range(SIZE):
        last = model.log_probs([*context, y], order=k)[-1]
        np.testing.assert_allclose(np.exp(last), p[y], rtol=1e-12)


@given(some_ids, st.integers(0, 4))
def test_a_lower_order_is_the_model_of_that_order(known, order):
    tall, small = WittenBell.fit(known, SIZE, 7), WittenBell.fit(known, SIZE, order)
    unseen = [3, 0, 1, 1, 2, 0]
    np.testing.assert_array_equal(
        tall.log_probs(unseen, order=order), small.log_probs(unseen)
    )
    assert tall.order == 7


def test_on_a_story_a_middle_order_is_best_and_beats_the_unigram_twice_over():
    """The shape that every prose of this length has; its own text it knows better."""
    story = text.characters(text.story("keeper").lower())
    vocabulary = text.Vocabulary.build(story)
    known, unseen = text.split(vocabulary.encode(story))
    model = WittenBell.fit(known, len(vocabulary), 14)
    held_out, learned = model.perplexities(unseen), model.perplexities(known)
    best = int(held_out.argmin())
    assert 2 <= best <= 5
    assert 3 < held_out[best] < held_out[0] / 2
    assert np.all(np.diff(held_out[:best]) < 0) and np.all(np.diff(held_out[best:]) > 0)
    assert np.all(np.diff(learned) < 0) and learned[-1] < 1.6
    np.testing.assert_allclose(
        held_out[best], np.exp(-np.mean(model.log_probs(unseen, order=best)))
    )


# --- mixtures -----------------------------------------------------------------------


@given(some_ids, st.floats(0, 1))
def test_a_mixture_is_exact(unseen, weight):
    high, low = (WittenBell.fit([0, 1, 2, 0, 1], SIZE, k) for k in (3, 0))
    p, q = high.log_probs(unseen), low.log_probs(unseen)
    np.testing.assert_allclose(
        np.exp(mix(p, q, weight)), weight * np.exp(p) + (1 - weight) * np.exp(q)
    )


def test_all_of_one_is_that_one_and_half_is_the_default():
    p, q = np.log([0.5, 0.1]), np.log([0.25, 0.3])
    np.testing.assert_allclose(mix(p, q, 1), p)
    np.testing.assert_allclose(mix(p, q, 0), q)
    np.testing.assert_allclose(np.exp(mix(p, q)), [0.375, 0.2])


# --- bad input ----------------------------------------------------------------------

model = WittenBell.fit([0, 1, 2], SIZE, 2)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: WittenBell.fit([], 4, 2), "ids is empty"),
        (lambda: WittenBell.fit([0, 4], 4, 2), "0 to 4, but an alphabet of size 4"),
        (lambda: WittenBell.fit([0, -1], 4, 2), "from -1"),
        (lambda: WittenBell.fit([0.5], 4, 2), "ids must be integers"),
        (lambda: WittenBell.fit([[0, 1]], 4, 2), r"got shape \(1, 2\)"),
        (lambda: WittenBell.fit([0], 0, 2), "size must be at least 1"),
        (lambda: WittenBell.fit([0], 4, -1), "order must be at least 0, got -1"),
        (lambda: WittenBell.fit([0], 4, 1.5), "order must be an integer"),
        (lambda: model.log_probs([0], order=3), "order must be at most 2, got 3"),
        (lambda: model.log_probs([9]), "ids runs from 9"),
        (lambda: model.log_probs([0], before=[9]), "before runs from 9"),
        (lambda: model.next_distribution([9]), "context runs from 9"),
        (lambda: model.perplexities([]), "ids is empty"),
        (lambda: mix([0.0], [0.0, 0.0]), r"shapes \(1,\) and \(2,\)"),
        (lambda: mix([0.0], [0.0], 1.5), "weight must lie between 0 and 1"),
    ],
)
def test_what_does_not_fit_is_named(bad, said, as_readers_run_it):
    with pytest.raises((TypeError, ValueError), match=said):
        bad()


def test_a_text_under_its_own_raw_counts_is_a_table_read_back():
    ids = np.random.default_rng(5).integers(0, 4, 60)
    found = WittenBell.fit(ids, 4, order=5).own_perplexities()
    for k, perplexity in enumerate(found):
        after = {}
        for t in range(k, len(ids)):
            after.setdefault(tuple(ids[t - k : t]), []).append(ids[t])
        shares = [ys.count(y) / len(ys) for ys in after.values() for y in ys]
        assert perplexity == pytest.approx(np.exp(-np.mean(np.log(shares))))
    assert (np.diff(found) < 0).all(), "who looks further back is surprised less"
