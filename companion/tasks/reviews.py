"""Film reviews with one to five stars, in which one sentence decides.

"there is nothing to like in this movie ." is one star. The same words are also said of
the plot or of the music, and those sentences do not count: a bag of words cannot tell
whose verdict is whose. The other sentences say nothing about anything.
"""

import functools
from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from companion import validate

__all__ = [
    "BEST",
    "HELD_OUT",
    "PLACES",
    "WORDS",
    "Reviews",
    "encode",
    "reviews",
    "verdicts",
]

QUANTITIES = ("nothing", "little", "something", "much", "everything")  # to like: 1..5
PLAIN = {"awful": 1, "dull": 2, "fair": 3, "good": 4, "superb": 5}
VERY = {"awful": 1, "dull": 1, "good": 5, "superb": 5}
NOT = {"awful": 3, "dull": 3, "fair": 2, "good": 2, "superb": 3}
OTHERS = ("plot", "music")
FILLERS = tuple(
    sentence.split()
    for sentence in (
        "i saw it on a rainy evening .",
        "we sat in the third row .",
        "it was shown twice last week .",
        "my brother came with me .",
        "the hall was half empty .",
        "it runs for two hours .",
        "tickets were sold at the door .",
        "they had popcorn and lemonade .",
    )
)
HELD_OUT = ("nothing", "like")  # the pair that training can be kept from
PLACES = ("any", "first", "last")
BEST = 1.0


def verdicts(subject: str = "movie") -> dict[tuple[str, ...], int]:
    """Every sentence that judges the subject, as words, and its stars, 1 to 5."""
    found = {}
    for up, quantity in enumerate(QUANTITIES, start=1):
        for verb, stars in (("like", up), ("dislike", 6 - up)):
            said = f"there is {quantity} to {verb} in this {subject} ."
            found[tuple(said.split())] = stars
    for degree, table in (("", PLAIN), ("very", VERY), ("not", NOT)):
        for adjective, stars in table.items():
            said = f"the {subject} is {degree} {adjective} ."
            found[tuple(said.split())] = stars
    return found


WORDS = (
    "<PAD>",
    *sorted(
        {
            word
            for subject in ("movie", *OTHERS)
            for sentence in verdicts(subject)
            for word in sentence
        }
        | {word for sentence in FILLERS for word in sentence}
    ),
)


class Reviews(NamedTuple):
    """A batch of reviews.

    ids: word indices into WORDS, 0 past the end. stars: 0 to 4 for one to five stars.
    place: which sentence decides, counted from 0.
    """

    ids: Int[np.ndarray, "n T"]
    lengths: Int[np.ndarray, " n"]
    stars: Int[np.ndarray, " n"]
    place: Int[np.ndarray, " n"]


def reviews(
    rng: np.random.Generator,
    n: Integral,
    *,
    sentences: Integral = 4,
    place: str = "any",
    without_held_out: bool = False,
) -> Reviews:
    """n reviews of so many sentences: one verdict on the movie, one on something else,
    and fillers, in random order.

    place: where the verdict on the movie stands: "any", "first" or "last".
    without_held_out: leave out the verdict with the words of HELD_OUT. (Of the plot and
        of the music it may still be said.)

    Stars are equally likely, and so are the sentences that give them. The best possible
    accuracy is 1 (`BEST`).
    """
    n = validate.positive_int("n", n)
    if validate.positive_int("sentences", sentences) < 2:
        raise ValueError(f"sentences must be at least 2, got {sentences}")
    validate.one_of("place", place, PLACES)
    by_stars = [[] for _ in range(5)]
    for said, stars in verdicts().items():
        if not (without_held_out and set(HELD_OUT) <= set(said)):
            by_stars[stars - 1].append(said)
    others = [said for subject in OTHERS for said in verdicts(subject)]
    rows, stars, places = [], rng.integers(5, size=n), np.zeros(n, np.int32)
    for i, star in enumerate(stars):
        said = by_stars[star][rng.integers(len(by_stars[star]))]
        rest = [others[rng.integers(len(others))]]
        chosen = rng.choice(len(FILLERS), sentences - 2, replace=sentences > 9)
        rest += [FILLERS[j] for j in chosen]
        rest = [rest[j] for j in rng.permutation(sentences - 1)]
        where = {"first": 0, "last": sentences - 1}.get(place)
        places[i] = rng.integers(sentences) if where is None else where
        rest.insert(places[i], said)
        rows.append([word for sentence in rest for word in sentence])
    ids = np.zeros((n, sentences * longest_sentence()), np.int32)
    for row, words in zip(ids, rows, strict=True):
        row[: len(words)] = encode(words)
    lengths = np.array([len(words) for words in rows], np.int32)
    return Reviews(ids, lengths, stars.astype(np.int32), places)


@functools.cache
def longest_sentence() -> int:
    return max(map(len, [*verdicts(), *FILLERS]))


def encode(words: str | Sequence[str]) -> Int[np.ndarray, " T"]:
    """Word indices of a review of your own, a string or a list of words.

    Raises ValueError for a word that is not in WORDS.
    """
    words = words.split() if isinstance(words, str) else words
    unknown = [word for word in words if word not in INDEX]
    if unknown:
        raise ValueError(f"words has {unknown[0]!r}, which is in no review")
    return np.array([INDEX[word] for word in words], np.int32)


INDEX = {word: i for i, word in enumerate(WORDS)}
