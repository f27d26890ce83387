"""Parts of speech: one tag for every word, where a word alone does not always tell.

"the cook can fish the can": *can* is a modal or a noun, *fish* a verb or a noun. A
sentence is a noun phrase, a modal, a verb and a noun phrase; a noun phrase is an
article, sometimes an adjective, and a noun. Whoever has read the words before knows
which part comes next, so the past decides every tag.
"""

import functools
import itertools
import math
from collections import Counter
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int

from companion import validate

__all__ = ["BEST", "TAGS", "WORDS", "Tagged", "encode", "tagged", "word_alone_accuracy"]

TAGS = ("article", "adjective", "noun", "modal", "verb")
KINDS = {
    "article": ("the", "a"),
    "adjective": ("old", "green", "happy"),
    "noun": ("can", "fish", "water", "book", "park", "cook", "dog", "boat"),
    "modal": ("can", "will", "must"),
    "verb": ("fish", "water", "book", "park", "cook", "see", "paint"),
}
WORDS = tuple(dict.fromkeys(word for words in KINDS.values() for word in words))
PHRASES = (("article", "noun"), ("article", "adjective", "noun"))
SHAPES = tuple(
    (*before, "modal", "verb", *after)
    for before, after in itertools.product(PHRASES, repeat=2)
)
BEST = 1.0  # accuracy of reading from the left


class Tagged(NamedTuple):
    """A batch of sentences: words as indices into WORDS, tags as indices into TAGS.

    mask: True at words, False in the padding (where both are 0).
    """

    ids: Int[Array, "*batch T"]
    tags: Int[Array, "*batch T"]
    mask: Bool[Array, "*batch T"]


def tagged(key: Array, batch: int | tuple[int, ...] = ()) -> Tagged:
    """Sentences from a `jax.random.key`, 6 to 8 words, padded to T = 8.

    Each shape of the two noun phrases is as likely as the others, and so is each word
    among those of its kind.
    """
    return _tagged(key, validate.batch_axes(batch))


@functools.partial(jax.jit, static_argnames="axes")
def _tagged(key, axes):
    which, words = jax.random.split(key)
    shapes, lengths, first = _tables()
    shape = jax.random.randint(which, axes, 0, len(SHAPES))
    tags = jnp.asarray(shapes)[shape]
    mask = jnp.arange(tags.shape[-1]) < jnp.asarray(lengths)[shape][..., None]
    counts = jnp.array([len(KINDS[tag]) for tag in TAGS])
    drawn = jnp.floor(jax.random.uniform(words, tags.shape) * counts[tags]).astype(int)
    ids = jnp.asarray(first)[tags, drawn]
    return Tagged(jnp.where(mask, ids, 0), jnp.where(mask, tags, 0), mask)


@functools.cache
def _tables():
    """Tags by shape (padded with 0), lengths by shape, ids of the words of each tag."""
    longest = max(map(len, SHAPES))
    shapes = np.zeros((len(SHAPES), longest), np.int32)
    for row, shape in zip(shapes, SHAPES, strict=True):
        row[: len(shape)] = [TAGS.index(tag) for tag in shape]
    words = np.zeros((len(TAGS), max(map(len, KINDS.values()))), np.int32)
    for row, tag in zip(words, TAGS, strict=True):
        row[: len(KINDS[tag])] = [WORDS.index(word) for word in KINDS[tag]]
    return shapes, np.array([len(shape) for shape in SHAPES]), words


def encode(sentence: str) -> Int[np.ndarray, " T"]:
    """The index of each word of a sentence; ValueError for one not in WORDS."""
    words = sentence.split()
    for word in words:
        if word not in WORDS:
            raise ValueError(f"sentence has the word {word!r}; known are {WORDS}")
    return np.array([WORDS.index(word) for word in words], np.int32)


def word_alone_accuracy() -> float:
    """The best accuracy of a tagger that sees one word and nothing else, exactly.

    For each word it says the tag that the word has most often. Over the four shapes
    together a tag stands at a word with the same probability each time it occurs.
    """
    occurs = Counter(itertools.chain(*SHAPES))
    share = {
        (word, tag): occurs[tag] / len(words)
        for tag, words in KINDS.items()
        for word in words
    }
    best = Counter()
    for (word, _), chance in share.items():
        best[word] = max(best[word], chance)
    return math.fsum(best.values()) / occurs.total()
