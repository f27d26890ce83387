"""Overlaps and loops against slow searches and cases made by hand."""

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.copies import (
    Loop,
    Overlap,
    distinct,
    longest_overlap,
    loop,
    overlaps,
)
from companion.text import story

short = st.text("abc", max_size=25)


def slow_overlaps(text, source):
    return [
        max(n for n in range(len(text) - i + 1) if text[i : i + n] in source)
        for i in range(len(text))
    ]


@given(short, short)
def test_overlaps_against_trying_every_stretch(text, source):
    expected = slow_overlaps(text, source)
    assert overlaps(text, source).tolist() == expected
    found = longest_overlap(text, source)
    assert found.length == max(expected, default=0)
    passage = text[found.start : found.start + found.length]
    assert found.start == (expected.index(found.length) if found.length else 0)
    assert found.source_start == source.index(passage)


@given(short, short)
def test_ids_and_words_overlap_as_characters_do(text, source):
    expected = longest_overlap(text, source)
    assert longest_overlap(list(text), list(source)) == expected
    ids = [np.array(["abc".index(c) for c in each], int) for each in (text, source)]
    assert longest_overlap(*ids) == expected


def test_a_passage_of_a_story_is_found_in_milliseconds():
    keeper, cook = story("keeper"), story("cook")
    copied = keeper[20_000:20_141]
    sample = cook[:200] + "#" + copied + "#" + cook[7000:7257]
    started = time.process_time()
    found = longest_overlap(sample, keeper)
    assert time.process_time() - started < 0.5  # about 0.02 on an idle core
    assert found == Overlap(141, 201, 20_000)
    # two people who never met share a phrase, not a sentence
    assert longest_overlap(cook, keeper).length < 60


def test_nothing_in_common():
    assert longest_overlap("abc", "xyz") == longest_overlap("", "") == Overlap(0, 0, 0)


# --- loops --------------------------------------------------------------------------


@given(
    st.text("abc", max_size=10),
    st.text("abc", min_size=1, max_size=6),
    st.integers(3, 5),
)
def test_a_loop_made_by_hand_is_found(before, turn, times):
    said = before + turn * times
    found = loop(said)
    assert found is not None and found.start <= len(before)
    tail = said[found.start :]
    assert tail[found.period :] == tail[: -found.period]


@given(st.text("ab", max_size=14), st.integers(2, 4))
def test_a_loop_is_found_where_there_is_one_and_nowhere_else(said, times):
    tails = [
        (start, period)
        for start in range(len(said))
        for period in range(1, (len(said) - start) // times + 1)
        if said[start + period :] == said[start : len(said) - period]
    ]
    expected = Loop(*min(tails)[::-1]) if tails else None
    assert loop(said, times) == expected


def test_where_a_loop_begins():
    assert loop("the cat sat on on on on ") == Loop(3, 11)
    # the loop that began first, not the three full stops at its end
    assert loop("well... well... well... well...") == Loop(8, 0)
    assert loop([5, 1, 2, 1, 2, 1, 2, 1]) == Loop(2, 1)
    assert loop("the cat sat on on") is None
    assert loop("ball") is None
    assert loop("") is None
    assert loop(story("keeper")[:2000]) is None


def test_distinct_by_hand():
    assert distinct("abcde", 2) == 1
    assert distinct("ababa", 2) == 0.5  # ab ba ab ba
    assert distinct([1, 1, 1, 1], 1) == 0.25
    assert distinct("he said that " * 40) < 0.05 < 0.5 < distinct(story("cook")[:500])


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: overlaps("abc", [1, 2]), "two strings, or two lists"),
        (lambda: overlaps([[1, 2]], [1, 2]), r"text must be one .* got shape \(1, 2\)"),
        (lambda: loop("abc", 1), "times must be at least 2"),
        (lambda: distinct("abc", 4), "at least n = 4, got 3"),
        (lambda: distinct("abc", 0), "n must be at least 1"),
    ],
)
def test_what_does_not_fit_is_named(bad, said):
    with pytest.raises((TypeError, ValueError), match=said):
        bad()
