"""Kitchen and clothing: a small language whose every sentence has a known probability.

"The apple and pear salad" and "a pair of old socks": pear and pair sound alike, and a
language model must say which was meant. One time in a hundred somebody writes pair for
the second fruit, so that even the wrong sentence has a probability, and the ratio of
the two is a number one can compare a model with.
"""

import functools
import itertools
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from companion import validate
from companion.text import Vocabulary

__all__ = ["Language", "Sentences", "kitchen"]

FIRST = ("apple", "beetroot", "carrot", "walnut")
SECOND = ("pear", "plum", "fig")
DISHES = ("salad", "pie")
GARMENTS = ("socks", "gloves", "boots")
QUALITIES = ("warm", "fresh", "old")
SLIP = 0.01  # how often the second fruit is written "pair"


class Sentences(NamedTuple):
    """A batch drawn from a language: token ids with EOS at the end, then PAD.

    mask: True at the tokens of a sentence, EOS included.
    """

    ids: Int[Array, "*batch T"]
    lengths: Int[Array, "*batch"]
    mask: Bool[Array, "*batch T"]


class Language:
    """Finitely many sentences with their probabilities, so that everything is exact.

    chances: sentence (words with spaces between) -> probability; they add up to 1.

    Raises ValueError if they do not, or if one of them is not positive.
    """

    def __init__(self, chances: dict[str, float]):
        if not chances or min(chances.values()) <= 0:
            raise ValueError("chances must hold a positive number for each sentence")
        if not math.isclose(math.fsum(chances.values()), 1, abs_tol=1e-9):
            raise ValueError(f"chances add up to {math.fsum(chances.values())}, not 1")
        self.chances = dict(chances)
        words = dict.fromkeys(word for said in chances for word in said.split())
        self.vocabulary = Vocabulary.build(words)
        rows = [self.vocabulary.encode(said.split(), eos=True) for said in chances]
        self.lengths = np.array([len(row) for row in rows], np.int32)
        self.ids = np.zeros((len(rows), int(self.lengths.max())), np.int32)
        for row, ids in zip(rows, self.ids, strict=True):
            ids[: len(row)] = row
        self.probabilities = np.array(list(chances.values()))

    @property
    def entropy(self) -> float:
        """Nats a sentence: no model's mean surprise can be smaller."""
        return float(-(self.probabilities * np.log(self.probabilities)).sum())

    @property
    def tokens(self) -> float:
        """The expected number of tokens in a sentence, EOS included."""
        return float(self.probabilities @ self.lengths)

    @property
    def entropy_per_token(self) -> float:
        """Nats a token: the best possible loss of a model that reads from the left."""
        return self.entropy / self.tokens

    def log_prob(self, sentence: str) -> float:
        """The log-probability of a sentence in nats, -inf if it is never said."""
        chance = self.chances.get(" ".join(sentence.split()), 0.0)
        return math.log(chance) if chance else -math.inf

    def next_word(self, prefix: Iterable[str] = ()) -> dict[str, float]:
        """What follows these words, and how probably; "<EOS>" where a sentence ends.

        Raises ValueError for a beginning that no sentence has.
        """
        if isinstance(prefix, str):
            raise TypeError(f"prefix must be a list of words, got {prefix!r}")
        start = self.vocabulary.encode(prefix)
        begins = (self.ids[:, : len(start)] == start).all(axis=1)
        begins &= self.lengths > len(start)
        if not begins.any():
            raise ValueError(f"no sentence begins with {' '.join(prefix)!r}")
        after: dict[str, float] = defaultdict(float)
        for token, chance in zip(
            self.ids[begins, len(start)], self.probabilities[begins], strict=True
        ):
            after[self.vocabulary.tokens[token]] += float(chance)
        total = math.fsum(after.values())
        ordered = sorted(after.items(), key=lambda pair: -pair[1])
        return {word: chance / total for word, chance in ordered}

    def sample(self, key: Array, batch: int | tuple[int, ...] = ()) -> Sentences:
        """Sentences drawn with a `jax.random.key`, each independently: (*batch, T)."""
        axes = validate.batch_axes(batch)
        logs = jnp.asarray(np.log(self.probabilities), jnp.float32)
        drawn = jax.random.categorical(key, logs, shape=axes)
        ids, lengths = jnp.asarray(self.ids)[drawn], jnp.asarray(self.lengths)[drawn]
        return Sentences(ids, lengths, jnp.arange(ids.shape[-1]) < lengths[..., None])

    def cross_entropy(self, log_probs: Float[np.ndarray, " sentences"]) -> float:
        """Nats a sentence that a model pays on average, exactly.

        log_probs: its log-probability of every sentence, in the order of `ids`.
        """
        log_probs = np.asarray(log_probs, float)
        if log_probs.shape != self.probabilities.shape:
            raise ValueError(
                f"log_probs has shape {log_probs.shape}, but there are "
                f"{len(self.probabilities)} sentences"
            )
        return float(-(self.probabilities * log_probs).sum())


@functools.cache
def kitchen() -> Language:
    """Dishes and clothes: 169 sentences over 22 words (|V| = 25).

    Four tenths speak of a dish with two fruits, and half of those say how it is; the
    rest are a dish with one fruit, a pair of something, or a garment and its quality.
    """
    chances: dict[str, float] = defaultdict(float)

    def say(chance, *parts):
        """Every way to choose one word from each part; a dict gives their chances."""
        parts = [
            {word: 1 / len(p) for word in p} if isinstance(p, tuple) else p
            for p in parts
        ]
        for chosen in itertools.product(*(part.items() for part in parts)):
            words = " ".join(word for word, _ in chosen if word)
            chances[words] += chance * math.prod(share for _, share in chosen)

    second = {fruit: (1 - SLIP) / len(SECOND) for fruit in SECOND} | {"pair": SLIP}
    two_fruits = ({"the": 1}, FIRST, {"and": 1}, second, DISHES)
    say(0.2, *two_fruits)
    say(0.2, *two_fruits, {"is": 1}, QUALITIES)
    say(0.15, {"the": 1}, FIRST, DISHES)
    maybe = {"": 0.5} | {word: 0.5 / len(QUALITIES) for word in QUALITIES}
    say(0.3, {"a": 0.8, "one": 0.2}, {"pair of": 1}, maybe, GARMENTS)
    say(0.15, {"the": 1}, QUALITIES, GARMENTS)
    return Language(dict(chances))
