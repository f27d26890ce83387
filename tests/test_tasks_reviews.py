"""Reviews: the sentence that decides is there, once, where it is said to be."""

from collections import Counter

import numpy as np
import pytest

from companion.tasks.reviews import (
    HELD_OUT,
    WORDS,
    encode,
    reviews,
    verdicts,
)


def sentences_of(row, length):
    text = " ".join(WORDS[i] for i in row[:length])
    return [tuple(f"{s} .".split()) for s in text.split(" .") if s.strip()]


@pytest.mark.parametrize("place", ["any", "first", "last"])
def test_one_sentence_decides(place):
    drawn = reviews(np.random.default_rng(1), 800, sentences=5, place=place)
    judged, others = verdicts(), verdicts("plot") | verdicts("music")
    for row, length, stars, where in zip(*drawn, strict=True):
        said = sentences_of(row, length)
        assert len(said) == 5
        assert not row[length:].any()
        assert judged[said[where]] == stars + 1
        assert sum(s in judged for s in said) == 1
        assert sum(s in others for s in said) == 1
    wanted = {"first": {0}, "last": {4}, "any": set(range(5))}[place]
    assert set(drawn.place.tolist()) == wanted
    counts = np.bincount(drawn.stars, minlength=5)
    assert ((counts - 160) ** 2 / 160).sum() < 20  # 4 degrees of freedom


def test_the_table_of_verdicts():
    table = {" ".join(said): stars for said, stars in verdicts().items()}
    assert table["there is nothing to like in this movie ."] == 1
    assert table["there is nothing to dislike in this movie ."] == 5
    assert table["there is much to like in this movie ."] == 4
    assert table["the movie is very dull ."] == 1
    assert table["the movie is not good ."] == 2
    assert table["the movie is superb ."] == 5
    assert set(table.values()) == {1, 2, 3, 4, 5}
    assert len(table) == 10 + 5 + 4 + 5


def test_what_is_said_of_other_things_is_independent_of_the_stars():
    drawn = reviews(np.random.default_rng(2), 6000)
    others = verdicts("plot") | verdicts("music")
    table = np.zeros((5, 5))
    for row, length, stars in zip(drawn.ids, drawn.lengths, drawn.stars, strict=True):
        (other,) = [s for s in sentences_of(row, length) if s in others]
        table[stars, others[other] - 1] += 1
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() < 40  # 16 degrees of freedom


def test_the_held_out_pair_is_left_out_of_what_decides():
    drawn = reviews(np.random.default_rng(3), 2000, without_held_out=True)
    seen = Counter()
    for row, length, where in zip(drawn.ids, drawn.lengths, drawn.place, strict=True):
        for i, said in enumerate(sentences_of(row, length)):
            seen[set(HELD_OUT) <= set(said), i == where] += 1
    assert seen[True, True] == 0
    assert seen[True, False] > 0
    assert set(np.unique(drawn.stars)) == set(range(5))


def test_what_does_not_fit_is_named():
    rng = np.random.default_rng(0)
    assert [WORDS[i] for i in encode("the movie is dull .")][3] == "dull"
    with pytest.raises(ValueError, match="words has 'opera'"):
        encode(["the", "opera"])
    with pytest.raises(ValueError, match="sentences must be at least 2"):
        reviews(rng, 3, sentences=1)
    with pytest.raises(ValueError, match="place must be"):
        reviews(rng, 3, place="middle")
    with pytest.raises(ValueError, match="n must be at least 1"):
        reviews(rng, 0)
    again = [reviews(np.random.default_rng(5), 9).ids for _ in range(2)]
    assert np.array_equal(*again)
