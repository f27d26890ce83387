"""What a text has copied from another, and whether it goes round in circles.

    longest_overlap(sample, story)     # Overlap(length=141, start=20, source_start=905)
    loop(sample)                       # Loop(period=24, start=9), or None
    distinct(sample, n=4)              # 0.62 of the stretches of four are different

A sample that reads well proves little while it may have been copied. Every function
takes strings, character by character, or sequences of tokens or ids.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from companion import validate

__all__ = ["Loop", "Overlap", "distinct", "longest_overlap", "loop", "overlaps"]


class Overlap(NamedTuple):
    """A stretch that stands in both texts: its length, and its start in each."""

    length: int
    start: int
    source_start: int


class Loop(NamedTuple):
    """From `start` to its end a text repeats what it said `period` tokens before."""

    period: int
    start: int


def longest_overlap(text, source) -> Overlap:
    """The longest stretch of a text that stands word for word in a source.

    If several are longest, the first in the text and its first place in the source;
    if nothing is shared, Overlap(0, 0, 0).
    """
    lengths = overlaps(text, source)
    if not lengths.any():
        return Overlap(0, 0, 0)
    text, source = as_tokens("text", text), as_tokens("source", source)
    start = int(lengths.argmax())
    length = int(lengths[start])
    passage = text[start : start + length]
    there = (i for i in range(len(source)) if source[i : i + length] == passage)
    return Overlap(length, start, next(there))


def overlaps(text, source) -> Int[np.ndarray, " T"]:
    """How long a stretch of a source begins at each place of a text: (T,).

    One walk through each, so the time grows with the sum of the lengths.
    """
    # The automaton knows about ends of stretches. Backwards, they are starts.
    text = as_tokens("text", text)[::-1]
    source = as_tokens("source", source)[::-1]
    if isinstance(text, str) != isinstance(source, str):
        raise TypeError("text and source must be two strings, or two lists of tokens")
    automaton = Automaton(text)
    lengths = automaton.shared_with(source)
    return np.array([lengths[state] for state in automaton.prefixes], np.int64)[::-1]


def loop(tokens, times: int = 3) -> Loop | None:
    """The loop in which a text ends, or None.

    times: how often its last `period` tokens must have been said in a row. If several
    periods fit, the loop that began first; of those the shortest.
    """
    if validate.positive_int("times", times) < 2:
        raise ValueError(f"times must be at least 2, got {times}")
    tokens = as_tokens("tokens", tokens)
    _, ids = np.unique(np.array(list(tokens)), return_inverse=True)
    found = None
    for period in range(1, len(ids) // times + 1):
        differ = np.flatnonzero(ids[period:] != ids[:-period])
        start = int(differ[-1]) + 1 if differ.size else 0
        fits = len(ids) - start >= times * period
        if fits and (found is None or start < found.start):
            found = Loop(period, start)
    return found


def distinct(tokens, n: int = 4) -> float:
    """The share of different ones among a text's stretches of n tokens.

    1 if nothing is said twice, near 0 in a loop. Li et al. 2016, there for words and
    n = 1 and 2.
    """
    n = validate.positive_int("n", n)
    tokens = as_tokens("tokens", tokens)
    if len(tokens) < n:
        raise ValueError(f"tokens must be at least n = {n}, got {len(tokens)}")
    stretches = [tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)]
    return len(set(stretches)) / len(stretches)


class Automaton:
    """The suffix automaton of a text: the smallest machine that reads its stretches.

    A state stands for stretches that end at the same places of the text; `longest` is
    the length of the longest of them, `steps` leads on by one token, and `link` to the
    state of the longest suffix that ends in more places. `prefixes` holds the state of
    each prefix. Source: Blumer et al. 1985, built token by token.
    """

    def __init__(self, text: Sequence[Hashable]):
        self.longest, self.link, self.steps = [0], [-1], [{}]
        self.prefixes = []
        last = 0
        for token in text:
            new = self.add(self.longest[last] + 1, 0, {})
            back = last
            while back >= 0 and token not in self.steps[back]:
                self.steps[back][token] = new
                back = self.link[back]
            if back >= 0:
                self.link[new] = self.split(back, token)
            last = new
            self.prefixes.append(new)

    def add(self, longest, link, steps):
        self.longest.append(longest)
        self.link.append(link)
        self.steps.append(steps)
        return len(self.longest) - 1

    def split(self, back, token):
        """The state of exactly the longest stretch at `back` and then this token."""
        there = self.steps[back][token]
        if self.longest[there] == self.longest[back] + 1:
            return there
        # the longer stretches at `there` do not end here too: part the two
        short = self.add(
            self.longest[back] + 1, self.link[there], dict(self.steps[there])
        )
        self.link[there] = short
        while back >= 0 and self.steps[back].get(token) == there:
            self.steps[back][token] = short
            back = self.link[back]
        return short

    def shared_with(self, source: Sequence[Hashable]) -> list[int]:
        """For each state the longest of its suffixes that stands in the source."""
        shared = [0] * len(self.longest)
        state, n = 0, 0  # the longest end of what was read that stands in the text
        for token in source:
            while state and token not in self.steps[state]:
                state = self.link[state]
                n = self.longest[state]
            if token in self.steps[state]:
                state, n = self.steps[state][token], n + 1
            if n > shared[state]:
                shared[state] = n
        by_length = sorted(range(1, len(shared)), key=self.longest.__getitem__)
        for each in reversed(by_length):  # a whole stretch holds its suffixes
            if shared[each]:
                link = self.link[each]
                shared[link] = self.longest[link]
        for each in by_length:
            shared[each] = shared[each] or shared[self.link[each]]
        return shared


def as_tokens(name, tokens):
    """A string as it is, anything else as a list."""
    if isinstance(tokens, str):
        return tokens
    tokens = np.asarray(tokens)
    if tokens.ndim != 1:
        raise ValueError(f"{name} must be one sequence (T,), got shape {tokens.shape}")
    return tokens.tolist()
