"""Tagged sentences: each tag allowed, the ceiling of a lone word counted again."""

from collections import Counter

import jax
import numpy as np
import pytest

from companion.tasks import tags as module
from companion.tasks.tags import KINDS, TAGS, WORDS, encode, tagged, word_alone_accuracy


def sentences(batch, seed=0):
    drawn = tagged(jax.random.key(seed), batch)
    return [np.asarray(field) for field in drawn]


def test_every_word_has_a_kind_that_it_can_be_and_shapes_are_sentences():
    ids, tags, mask = sentences((20, 50))
    assert ids.shape == tags.shape == mask.shape == (20, 50, 8)
    shapes = Counter()
    for row, said, real in zip(
        ids.reshape(-1, 8), tags.reshape(-1, 8), mask.reshape(-1, 8), strict=True
    ):
        length = int(real.sum())
        assert real[:length].all()
        assert not row[length:].any() and not said[length:].any()
        kinds = tuple(TAGS[tag] for tag in said[:length])
        shapes[kinds] += 1
        for word, kind in zip(row, kinds, strict=False):
            assert WORDS[word] in KINDS[kind]
    assert set(shapes) == set(module.SHAPES)
    assert max(shapes.values()) < 1.5 * min(shapes.values())


def test_words_of_a_kind_are_equally_likely():
    ids, tags, mask = sentences(5000, seed=1)
    for tag, name in enumerate(TAGS):
        found = Counter(ids[mask & (tags == tag)].tolist())
        counts = np.array([found[WORDS.index(word)] for word in KINDS[name]])
        expected = counts.sum() / len(counts)
        assert ((counts - expected) ** 2 / expected).sum() < 4 * len(counts) + 12


def test_the_past_decides_and_a_lone_word_does_not():
    ids, tags, mask = sentences(20_000, seed=2)
    by_word, by_past = {}, {}
    for row, said, real in zip(ids, tags, mask, strict=True):
        for t in range(int(real.sum())):
            by_word.setdefault(row[t], Counter())[said[t]] += 1
            by_past.setdefault(tuple(row[: t + 1]), set()).add(said[t])
    assert all(len(possible) == 1 for possible in by_past.values())
    right = sum(max(counts.values()) for counts in by_word.values()) / mask.sum()
    assert right == pytest.approx(word_alone_accuracy(), abs=0.01)
    assert 0.75 < word_alone_accuracy() < 0.95


def test_sentences_of_your_own():
    ids = encode("the cook can fish the can")
    assert [WORDS[i] for i in ids] == "the cook can fish the can".split()
    with pytest.raises(ValueError, match="sentence has the word 'cat'"):
        encode("the cat can fish")
