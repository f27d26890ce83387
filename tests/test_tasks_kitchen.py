"""A language that is known exactly: its sentences counted, and drawn, and asked."""

import math

import jax
import numpy as np
import pytest

from companion.tasks.kitchen import Language, kitchen

PEAR, PAIR = "the apple and pear salad", "the apple and pair salad"


def test_the_sentences_and_their_probabilities():
    language = kitchen()
    assert len(language.chances) == 4 * 4 * 2 * 4 + 4 * 2 + 2 * 4 * 3 + 3 * 3
    assert len(language.vocabulary) == 25
    # by hand: a dish of two fruits, not described; apple; pear; salad
    assert math.exp(language.log_prob(PEAR)) == pytest.approx(0.2 / 4 * 0.33 / 2)
    assert math.exp(language.log_prob(PAIR)) == pytest.approx(0.2 / 4 * 0.01 / 2)
    quality = language.log_prob(PEAR + " is old")
    assert math.exp(quality) == pytest.approx(0.2 / 4 * 0.33 / 2 / 3)
    assert math.exp(language.log_prob("a pair of socks")) == pytest.approx(
        0.3 * 0.8 * 0.5 / 3
    )
    assert language.log_prob("the pear and apple salad") == -math.inf
    assert language.log_prob("  the apple  and pear salad ") == language.log_prob(PEAR)


def test_entropy_is_the_sum_of_the_entropies_of_the_next_word():
    language = kitchen()
    total = 0.0
    prefixes = {
        tuple(said.split()[:n])
        for said in language.chances
        for n in range(len(said.split()) + 1)
    }
    for prefix in prefixes:
        begun = sum(
            chance
            for said, chance in language.chances.items()
            if tuple(said.split()[: len(prefix)]) == prefix
        )
        after = np.array(list(language.next_word(list(prefix)).values()))
        assert after.sum() == pytest.approx(1)
        total += begun * -(after * np.log(after)).sum()
    assert language.entropy == pytest.approx(total)
    expected = sum(c * (len(s.split()) + 1) for s, c in language.chances.items())
    assert language.tokens == pytest.approx(expected)
    assert language.entropy_per_token == pytest.approx(total / expected)


def test_what_follows_is_in_proportion():
    after = kitchen().next_word("the apple and".split())
    assert after == pytest.approx(
        {"pear": 0.33, "plum": 0.33, "fig": 0.33, "pair": 0.01}
    )
    # 0.2 of sentences stop here and 0.2 go on, each in the same share of this beginning
    assert kitchen().next_word(PEAR.split()) == pytest.approx({"<EOS>": 0.5, "is": 0.5})
    with pytest.raises(ValueError, match="no sentence begins with 'a salad'"):
        kitchen().next_word(["a", "salad"])
    with pytest.raises(TypeError, match="prefix must be a list of words"):
        kitchen().next_word("the apple")


def test_samples_are_the_sentences_in_their_shares():
    language = kitchen()
    drawn = language.sample(jax.random.key(3), (40, 500))
    assert drawn.ids.shape == (40, 500, 8)
    ids = np.asarray(drawn.ids).reshape(-1, 8)
    rows, counts = np.unique(ids, axis=0, return_counts=True)
    known = {
        tuple(row): p
        for row, p in zip(language.ids, language.probabilities, strict=True)
    }
    expected = np.array([known[tuple(row)] for row in rows]) * len(ids)
    chi2 = ((counts - expected) ** 2 / expected).sum()
    assert chi2 < len(known) + 6 * math.sqrt(2 * len(known))
    assert chi2 > len(known) / 3
    assert len(rows) > 0.9 * len(known)
    assert np.array_equal(drawn.mask.sum(axis=-1), drawn.lengths)
    ends = np.take_along_axis(ids, np.asarray(drawn.lengths).reshape(-1, 1) - 1, 1)
    assert np.all(ends == language.vocabulary.eos)
    assert np.all((ids == 0) == ~np.asarray(drawn.mask).reshape(-1, 8))
    again = language.sample(jax.random.key(3), (40, 500))
    assert np.array_equal(drawn.ids, again.ids)


def test_the_cross_entropy_of_the_truth_is_the_entropy():
    language = kitchen()
    truth = np.log(language.probabilities)
    assert language.cross_entropy(truth) == pytest.approx(language.entropy)
    flat = np.full_like(truth, -np.log(len(truth)))
    assert language.cross_entropy(flat) == pytest.approx(np.log(169))
    with pytest.raises(ValueError, match=r"log_probs has shape \(2,\)"):
        language.cross_entropy(truth[:2])


def test_chances_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"add up to 0\.5, not 1"):
        Language({"a b": 0.5})
    with pytest.raises(ValueError, match="positive number"):
        Language({"a b": 1.0, "b": 0.0})
    with pytest.raises(ValueError, match="positive number"):
        Language({})
