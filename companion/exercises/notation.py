"""Exercises of notebook 01: their solutions and the mistakes they recognise."""

from collections import Counter

import numpy as np

from companion.exercises.check import Exercise, Mistake
from companion.text import SPECIAL

__all__ = ["one_hot", "padding", "vocabulary"]

# --- 1. one-hot ---------------------------------------------------------------------


def _one_hot(ids, size):
    vectors = np.zeros((len(ids), size))
    vectors[np.arange(len(ids)), ids] = 1
    return vectors


def _one_hot_counted_from_one(ids, size):
    vectors = np.zeros((len(ids), size))
    vectors[np.arange(len(ids)), np.asarray(ids) - 1] = 1
    return vectors


def _one_hot_as_wide_as_the_ids(ids, size):
    return np.eye(max(ids) + 1)[ids]


# index 0 and the last index, a repeated index; once T = |V|, so that a transposed
# answer has a legal shape, and the highest id below |V| - 1, so that its width is not
_ONE_HOT_CASES = (
    (np.array([2, 0, 2, 1, 3]), 5),
    (np.array([5, 0, 3, 3]), 6),
)

one_hot = Exercise(
    title="One-hot vectors",
    solution=_one_hot,
    cases=_ONE_HOT_CASES,
    mistakes=(
        Mistake(
            "counted from one",
            "Every one stands one place too far left: indices count from 0, so index k "
            "is entry k of the vector.",
            _one_hot_counted_from_one,
        ),
        Mistake(
            "transposed",
            "The axes are swapped: row t should be the vector of token t, (T, size).",
            lambda ids, size: _one_hot(ids, size).T,
        ),
        Mistake(
            "summed over the steps",
            "This is one vector of counts for the whole sequence. The order is lost in "
            "it: give each step a row of its own.",
            lambda ids, size: _one_hot(ids, size).sum(axis=0),
        ),
        Mistake(
            "every token there at once",
            "All ones ended up in all rows: vectors[:, ids] = 1 sets whole columns. "
            "Pair each row with its own index: vectors[np.arange(T), ids].",
            lambda ids, size: np.tile(_one_hot(ids, size).max(axis=0), (len(ids), 1)),
        ),
        Mistake(
            "as wide as the largest index",
            "The width follows the largest index in this sequence. It must be |V|, or "
            "two sentences give vectors that do not fit together.",
            _one_hot_as_wide_as_the_ids,
        ),
        Mistake(
            "the index instead of a one",
            "The entry holds the index itself. A one-hot vector holds a 1 there, "
            "whatever the index is.",
            lambda ids, size: _one_hot(ids, size) * np.asarray(ids)[:, None],
        ),
    ),
    passed="Each row has one 1, so a product with it can only pick.",
)

# --- 2. vocabulary ------------------------------------------------------------------


def _vocabulary(tokens, min_count, enough=None, key=None, special=SPECIAL):
    """The solution, with a place for each way to go wrong."""
    enough = enough or (lambda count: count >= min_count)
    counts = Counter(tokens)
    kept = [token for token in counts if enough(counts[token])]
    order = key or (lambda token: (-counts[token], token))
    return {token: i for i, token in enumerate((*special, *sorted(kept, key=order)))}


def _build(tokens, min_count):
    return _vocabulary(tokens, min_count)


# ties whose order of appearance is not the alphabet; a token exactly at the minimum,
# one below it; the most frequent token is neither first in the text nor by alphabet
_VOCABULARY_CASES = (
    ("the sea was grey and the lamp was lit and the lamp was new".split(), 2),
    ("to see the sea you see the lamp and the lamp sees you by the sea".split(), 2),
)

vocabulary = Exercise(
    title="A vocabulary with a minimum count",
    solution=_build,
    cases=_VOCABULARY_CASES,
    mistakes=(
        Mistake(
            "more than the minimum",
            "A token that occurs exactly min_count times belongs in: use >=, not >.",
            lambda tokens, least: _vocabulary(tokens, least, lambda n: n > least),
        ),
        Mistake(
            "minimum ignored",
            "Rare tokens are still in: keep a token only if it occurs at least "
            "min_count times.",
            lambda tokens, least: _vocabulary(tokens, least, lambda n: True),
        ),
        Mistake(
            "no special tokens",
            "<PAD>, <UNK> and <EOS> are missing: they take the indices 0, 1 and 2.",
            lambda tokens, least: _vocabulary(tokens, least, special=()),
        ),
        Mistake(
            "alphabetical",
            "The tokens are in alphabetical order. Sort by falling count first; the "
            "alphabet only settles ties.",
            lambda tokens, least: _vocabulary(tokens, least, key=lambda token: token),
        ),
        Mistake(
            "in order of appearance",
            "The tokens are in the order in which the text brings them. Sort them by "
            "falling count, ties by alphabet.",
            lambda tokens, least: _vocabulary(tokens, least, key=tokens.index),
        ),
        Mistake(
            "ties by appearance",
            "Equal counts stand in order of appearance (so Counter.most_common leaves "
            "them). Settle ties by alphabet, or the index depends on the text's order.",
            lambda tokens, least: _vocabulary(
                tokens, least, key=lambda token: -tokens.count(token)
            ),
        ),
        Mistake(
            "ties backwards",
            "Equal counts stand in reverse alphabetical order: reverse=True turns the "
            "alphabet round as well. Use -count in the key instead.",
            lambda tokens, least: _vocabulary(
                tokens,
                least,
                key=lambda token: (
                    -tokens.count(token),
                    -sorted(set(tokens)).index(token),
                ),
            ),
        ),
        Mistake(
            "rarest first",
            "The rarest tokens come first. Sort by falling count: -count as the key.",
            lambda tokens, least: _vocabulary(
                tokens, least, key=lambda token: (tokens.count(token), token)
            ),
        ),
    ),
    passed="The same text gives the same indices on every machine.",
)

# --- 3. padding and mask ------------------------------------------------------------


def _pad(sequences, pad):
    T = max(len(row) for row in sequences)
    ids = np.full((len(sequences), T), pad)
    mask = np.zeros((len(sequences), T), bool)
    for i, row in enumerate(sequences):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = True
    return ids, mask


def _pad_in_front(sequences, pad):
    ids, mask = _pad([row[::-1] for row in sequences], pad)
    return ids[:, ::-1], mask[:, ::-1]


def _cut(sequences, pad):
    T = min(len(row) for row in sequences)
    ids = np.array([row[:T] for row in sequences])
    return ids, np.ones(ids.shape, bool)


def _pad_with_zero(sequences, pad):
    return _pad(sequences, 0)


def _mask_by_value(sequences, pad):
    ids, _ = _pad(sequences, pad)
    return ids, ids != pad


def _inverted(sequences, pad):
    ids, mask = _pad(sequences, pad)
    return ids, ~mask


def _time_major(sequences, pad):
    ids, mask = _pad(sequences, pad)
    return ids.T, mask.T


# the pad value also stands inside a sequence, and once it is not 0; no first sequence
# is the longest; once as many sequences as steps
_PADDING_CASES = (
    ([[4, 0, 2], [7], [3, 5, 8, 6], [9, 1]], 0),
    ([[5, 4], [3, 7, 4, 6, 2], [8, 4, 9]], 4),
)

padding = Exercise(
    title="Pad and mask",
    solution=_pad,
    cases=_PADDING_CASES,
    mistakes=(
        Mistake(
            "mask from the values",
            "The mask asks where ids differ from the pad value, so a real token equal "
            "to it is lost. Make the mask from the lengths.",
            _mask_by_value,
        ),
        Mistake(
            "mask inverted",
            "The mask is the wrong way round: True where there is a token, False in "
            "the padding.",
            _inverted,
        ),
        Mistake(
            "padded in front",
            "The padding is in front. Put it at the end: then step t of each sequence "
            "stands in the same column.",
            _pad_in_front,
        ),
        Mistake(
            "cut to the shortest",
            "The sequences are cut to the shortest one: tokens are lost. Make room for "
            "the longest.",
            _cut,
        ),
        Mistake(
            "always padded with 0",
            "The padding is always 0. Use the pad value that was given.",
            _pad_with_zero,
        ),
        Mistake(
            "time first",
            "The axes are swapped: one row a sequence, (batch, T).",
            _time_major,
        ),
    ),
    passed="Nothing is lost, and nothing that was added will count.",
)
