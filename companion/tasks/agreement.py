"""Was or were? Sentences whose verb agrees with a noun some way back.

    The cat, which slept behind the horses near the frog, was full.
    The cats, which slept behind the horses near the frog, were full.

The clause is in the past tense and "the" fits one and many, so in the ordinary
sentences (`attractor_number` "free") nothing but the subject tells how the verb is to
be spelled. The nouns in between, the attractors, come from the same list as the
subject, each in a number of its own. The idea is that of Linzen, Dupoux and Goldberg
(2016), made small enough for every best score to be known.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int, Integer

from companion import validate
from companion.tasks.base import whole
from companion.validate import Given

__all__ = ["AMBIGUOUS", "HELD_OUT", "NOUNS", "VOCABULARY", "Agreement", "Sentences"]

# All animals, so that any of them may do anything and stand anywhere in a sentence.
# The order counts: a subject is drawn from a range of it.
ONE = (
    "sheep deer cat dog horse cow pig hen duck goose frog bear rabbit camel donkey "
    "lion goat fox owl mouse"
)
MANY = (
    "sheep deer cats dogs horses cows pigs hens ducks geese frogs bears rabbits camels "
    "donkeys lions goats foxes owls mice"
)
NOUNS = tuple(zip(ONE.split(), MANY.split(), strict=True))
AMBIGUOUS, HELD_OUT = NOUNS[:2], NOUNS[-5:]
CLAUSE_VERBS = ("slept", "waited", "rested", "stood", "sat", "played")
PREPOSITIONS = ("behind", "beside", "near", "below", "above")
ADJECTIVES = ("full", "hungry", "tired", "calm", "happy", "wet")
VERB = ("was", "were")  # at index 0 for one, 1 for many
# the first three are those of every vocabulary of `companion.text`
VOCABULARY = (
    *("<PAD>", "<UNK>", "<EOS>", "the", ",", "which", "."),
    *VERB,
    *dict.fromkeys(form for forms in NOUNS for form in forms),
    *CLAUSE_VERBS,
    *PREPOSITIONS,
    *ADJECTIVES,
)
FRAME, CLAUSE, PHRASE = 5, 4, 3  # the N was A . / , which V , / P the N


class Sentences(NamedTuple):
    """Sentences, one a row, padded with 0 to a common T; indices count from 0.

    xs: tokens, indices into the vocabulary. ys: the token that comes next. mask: where
    there is one, that is up to the last word; elsewhere ys is 0. lengths: tokens up to
    the full stop. verb: index of was or were in xs; a network says what it expects
    there at step `verb - 1`. number: 0 for one (was), 1 for many (were). distance:
    tokens between subject and verb. ambiguous: the subject has one form for both.
    """

    xs: Int[Array, "*batch T"]
    ys: Int[Array, "*batch T"]
    mask: Bool[Array, "*batch T"]
    lengths: Int[Array, "*batch"]
    verb: Int[Array, "*batch"]
    number: Int[Array, "*batch"]
    distance: Int[Array, "*batch"]
    ambiguous: Bool[Array, "*batch"]


@dataclass(frozen=True)
class Agreement:
    """the N [, which V (P the N)* ,] was/were A . -- with the number of the first N.

    distances: how many tokens may stand between the subject and its verb, each as
        likely as the others: 0 (no clause), 4 (", which slept ,"), then three more for
        every attractor: 7, 10, 13, ...
    attractor_number: "free", one number drawn for each attractor apart from all else;
        "same" or "opposite", that of the subject or the other one. The last two are
        for asking a trained network: one that listens to the latest noun is always
        right in "same" and, beyond distance 4, always wrong in "opposite".
    held_out: the subjects are the nouns of `HELD_OUT` only. In ordinary sentences these
        are attractors, and subjects at distance 0, never subjects of a longer one.
    ambiguous: nouns with one form for both numbers take part. "same" and "opposite"
        need False: there the attractors would give away the number of such a subject.

    The number is a fair coin, thrown apart from distance and lemmas, so nobody does
    better than a coin at ambiguous subjects. The accuracies are shares of verbs put in
    the right number, the losses nats per token that counts.
    """

    distances: Sequence | Integral = (0, 4, 7, 10, 13, 16)
    attractor_number: str = "free"
    held_out: bool = False
    ambiguous: bool = True
    vocabulary: ClassVar[tuple[str, ...]] = VOCABULARY
    n_x: ClassVar[int] = len(VOCABULARY)
    n_y: ClassVar[int] = len(VOCABULARY)
    chance_accuracy: ClassVar[float] = 0.5

    def __post_init__(self):
        object.__setattr__(self, "distances", _distances(self.distances))
        kinds = ("free", "same", "opposite")
        validate.one_of("attractor_number", self.attractor_number, kinds)
        if self.ambiguous and self.attractor_number != "free":
            raise ValueError(
                f"attractor_number={self.attractor_number!r} needs ambiguous=False: "
                "the attractors would tell the number of an ambiguous subject"
            )

    @property
    def T(self) -> int:
        """Tokens in the longest sentence, full stop included."""
        return FRAME + max(self.distances)

    def best_accuracy_at(self, distance: int) -> float:
        """Of the best possible reader: all but half of the ambiguous subjects."""
        low, high = _subjects(self, distance)
        return 1 - max(len(AMBIGUOUS) - low, 0) / (high - low) / 2

    @property
    def best_accuracy(self) -> float:
        return float(np.mean([self.best_accuracy_at(d) for d in self.distances]))

    @property
    def memoryless_accuracy(self) -> float:
        """Of one who sees only the token before the verb: the subject or a comma."""
        at_zero = 0 in self.distances and self.best_accuracy_at(0)
        others = [self.chance_accuracy for d in self.distances if d > 0]
        return float(at_zero + sum(others)) / len(self.distances)

    @property
    def best_loss(self) -> float:
        """The entropy of the grammar; no language model goes below it.

        Subject and verb together say a lemma and a number, so they cost the entropy of
        both, and an attractor that of its lemma and of the number, if it shows.
        """
        nats = np.mean([_nats(self, d) for d in self.distances])
        return float(math.log(len(self.distances)) + nats) / _targets(self)

    @property
    def numberless_loss(self) -> float:
        """Of one who knows all but the subject's number once its noun is passed.

        What the memory of the number is worth: this minus `best_loss`.
        """
        lost = [2 * self.best_accuracy_at(d) - 1 for d in self.distances if d > 0]
        share = sum(lost) / len(self.distances)
        return self.best_loss + share * math.log(2) / _targets(self)

    def words(self, tokens: Integer[Given, " T"]) -> str:
        """A row of tokens as a sentence; padding is left out."""
        text = " ".join(VOCABULARY[i] for i in np.asarray(tokens) if i)
        text = text.replace(" ,", ",").replace(" .", ".")
        return text[:1].upper() + text[1:]

    def right(
        self, logits: Float[Given, "*batch T n"], sentences: Sentences
    ) -> Bool[Array, "*batch"]:
        """Whether the right one of was and were has the larger logit, a sentence each.

        logits: (..., T, |V|), those after reading each token, as a language model
        gives them. Raises ValueError for another shape.
        """
        wanted = (*sentences.xs.shape, len(VOCABULARY))
        if logits.shape != wanted:
            raise ValueError(f"logits has shape {logits.shape}, but needs {wanted}")
        at = (sentences.verb - 1)[..., None, None]
        guess = jnp.take_along_axis(jnp.asarray(logits), at, axis=-2)[..., 0, :]
        many = guess[..., VERB_IDS[1]] > guess[..., VERB_IDS[0]]
        return many == (sentences.number == 1)

    def sample(self, key: Array, batch: int | tuple[int, ...] = ()) -> Sentences:
        """Sentences from a `jax.random.key`, T tokens each: xs of (*batch, T).

        The same key and batch give the same sentences. For `training.fit`, which draws
        each step's inside its compiled loop: `lambda key: task.sample(key, 32)`.
        """
        return _sentences(key, self, validate.batch_axes(batch))


def _ids(words) -> np.ndarray:
    return np.array([VOCABULARY.index(word) for word in words], np.int32)


NOUN_IDS = np.stack([_ids(forms) for forms in NOUNS])  # (lemmas, 2)
VERB_IDS = _ids(VERB)


@functools.partial(jax.jit, static_argnames=("task", "axes"))
def _sentences(key: Array, task: Agreement, axes: tuple[int, ...]) -> Sentences:
    m = _attractors(max(task.distances))
    # every choice from one draw: each draw of its own would be compiled anew
    die = jax.random.uniform(key, (*axes, 5 + 3 * m))
    phrase = die[..., 5:].reshape(*axes, m, 3)
    distance = _pick(task.distances, die[..., 0])
    number = _throw(die[..., 1], 2)
    low, high = _subjects(task, distance)
    lemma = low + _throw(die[..., 2], high - low)
    numbers = {
        "free": _throw(phrase[..., 0], 2),
        "same": number[..., None],
        "opposite": 1 - number[..., None],
    }[task.attractor_number]
    attractor = _first(task) + _throw(phrase[..., 1], len(NOUNS) - _first(task))
    nouns, verbs = jnp.asarray(NOUN_IDS), jnp.asarray(VERB_IDS)
    the, comma, which, stop = _ids(["the", ",", "which", "."])

    # the longest beginning there can be; a sentence leaves it where its clause ends
    verb = _pick(_ids(CLAUSE_VERBS), die[..., 3])
    start = _side_by_side(the, nouns[lemma, number], comma, which, verb)
    preposition = _pick(_ids(PREPOSITIONS), phrase[..., 2])
    phrases = _side_by_side(preposition, the, nouns[attractor, numbers])
    room = jnp.zeros((*axes, task.T - CLAUSE - 1 - 3 * m), start.dtype)
    start = jnp.concatenate([start, phrases.reshape(*axes, 3 * m), room], axis=-1)
    adjective = _pick(_ids(ADJECTIVES), die[..., 4])
    place, end = jnp.arange(task.T), distance[..., None] + 1
    xs = jnp.select(
        [place < jnp.maximum(end, 2), *(place == end + i for i in range(4))],
        [start, comma, verbs[number][..., None], adjective[..., None], stop],
    ).astype(jnp.int32)
    ys = jnp.roll(xs.at[..., 0].set(0), -1, axis=-1)
    return Sentences(
        xs,
        ys,
        mask=ys > 0,
        lengths=distance + FRAME,
        verb=distance + 2,
        number=number,
        distance=distance,
        ambiguous=lemma < len(AMBIGUOUS),
    )


def _throw(die, sides):
    """A whole number 0..sides-1 from a uniform one in [0, 1)."""
    return (die * sides).astype(jnp.int32)


def _pick(values, die):
    return jnp.asarray(values)[_throw(die, len(values))]


def _side_by_side(*columns):
    return jnp.stack(jnp.broadcast_arrays(*columns), axis=-1)


def _first(task):
    """Where the nouns that take part begin in NOUNS."""
    return 0 if task.ambiguous else len(AMBIGUOUS)


def _subjects(task, distance):
    """The range of NOUNS that subjects at a distance come from."""
    if task.held_out:
        return len(NOUNS) - len(HELD_OUT), len(NOUNS)
    return _first(task), len(NOUNS) - len(HELD_OUT) * (distance > 0)


def _attractors(distance):
    return max(distance - CLAUSE, 0) // PHRASE


def _targets(task):
    """Tokens of a sentence that are to be predicted, on average."""
    return float(np.mean(task.distances)) + FRAME - 1


def _nats(task, distance):
    """Entropy of the sentences of one distance."""
    low, high = _subjects(task, distance)
    frame = math.log(2) + math.log(high - low) + math.log(len(ADJECTIVES))
    if distance == 0:
        return frame
    nouns = len(NOUNS) - _first(task)
    shows = (nouns - len(AMBIGUOUS) * task.ambiguous) / nouns  # one form or the other
    coin = shows * math.log(2) if task.attractor_number == "free" else 0
    phrase = math.log(len(PREPOSITIONS)) + math.log(nouns) + coin
    return frame + math.log(len(CLAUSE_VERBS)) + _attractors(distance) * phrase


def _distances(given) -> tuple[int, ...]:
    given = (given,) if np.ndim(given) == 0 else tuple(given)
    found = tuple(int(whole("distances", d, 0, "tokens")) for d in given)
    off = [d for d in found if d and (d < CLAUSE or (d - CLAUSE) % PHRASE)]
    if not found or off or len(set(found)) < len(found):
        raise ValueError(
            "distances must be different ones of 0 (no clause) and 4, 7, 10, ..., "
            f"got {found}"
        )
    return found
