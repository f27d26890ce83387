"""Grammars small enough to enumerate: sentences of clauses, one ambiguous word in each.

A grammar has a few hundred clauses, each of known probability. So a score is a sum over
all of them, a tagger's as well as the best possible one: no sample is drawn, and nobody
is lucky. The grammars themselves are in `companion.tasks.tagging`.
"""

import functools
import itertools
import math
from collections import defaultdict
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

__all__ = ["FILLERS", "TAGS", "Clause", "Clauses", "Grammar", "Sentences"]

TAGS = ("O", "PER", "TOY", "PLACE")  # O: no name
FILLERS = ("um", "er", "hmm", "well")
AND = 1  # its index in every vocabulary
MOST_FILLERS = 5  # 4^5 ways to hesitate; beyond that a grammar is no longer small


class Clause(NamedTuple):
    """One clause of a grammar.

    words, tags: of equal length. asked: index of the ambiguous word. decided: where its
    tag is decided, "left", "right" or "both". probability: among all clauses.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]
    asked: int
    decided: str
    probability: float


class Sentences(NamedTuple):
    """Sentences, one a row, padded with 0 to a common T.

    xs: words, indices into the vocabulary. ys: tags, indices into TAGS. mask: True at
    words. asked: True at ambiguous words. lengths: words in each sentence.
    """

    xs: Int[Given, "*batch T"]
    ys: Int[Given, "*batch T"]
    mask: Bool[Given, "*batch T"]
    asked: Bool[Given, "*batch T"]
    lengths: Int[Given, "*batch"]


class Clauses(NamedTuple):
    """All clauses of a grammar, each a sentence of its own; fields as in `Sentences`.

    probability: (n,), sums to 1. decided: (n,) of "left", "right", "both".
    """

    xs: Int[np.ndarray, "n T"]
    ys: Int[np.ndarray, "n T"]
    mask: Bool[np.ndarray, "n T"]
    asked: Bool[np.ndarray, "n T"]
    lengths: Int[np.ndarray, " n"]
    probability: Float[np.ndarray, " n"]
    decided: np.ndarray


@dataclass(frozen=True)
class Grammar:
    """Sentences of clauses joined by "and"; a grammar of your own writes `spelled`.

    hesitation: the probabilities of 0, 1, 2, ... fillers in front of a clue on the
        right; each filler is one of `FILLERS`, equally likely, whatever the tag.
    joined: how many clauses a sentence has, each number as likely as the others.

    The clauses of a sentence are drawn apart from one another, so none says anything
    about another, and a score on clauses is a score on sentences.
    """

    hesitation: Sequence = (0.4, 0.3, 0.2, 0.1)
    joined: Sequence = (1, 2, 3)
    n_y: ClassVar[int] = len(TAGS)
    tags: ClassVar[tuple[str, ...]] = TAGS

    def __post_init__(self):
        object.__setattr__(self, "hesitation", _shares(self.hesitation))
        joined = tuple(int(whole("joined", n, 1, "clauses")) for n in self.joined)
        if not joined or len(set(joined)) < len(joined):
            raise ValueError(f"joined must hold different numbers, got {joined}")
        object.__setattr__(self, "joined", joined)

    def spelled(self, filled) -> list[Clause]:
        """All clauses; `filled` holds each row of fillers with its probability."""
        raise NotImplementedError

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Every clause the grammar has, with its probability."""
        return _clauses(self)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """ "<PAD>" at index 0, then "and", then every other word."""
        words = itertools.chain.from_iterable(c.words for c in self.clauses)
        return ("<PAD>", "and", *dict.fromkeys(words))

    @property
    def n_x(self) -> int:
        return len(self.vocabulary)

    @property
    def T(self) -> int:
        """Words in the longest sentence."""
        longest = max(len(c.words) for c in self.clauses)
        return max(self.joined) * (longest + 1) - 1

    @property
    def enumerated(self) -> Clauses:
        """Every clause as one row of arrays: what to run a network on for `accuracy`.

        Run it as it is, padding and lengths included, and keep the order of the rows.
        """
        return _enumerated(self)

    def after(self, prefix: str) -> Clauses:
        """Every clause as the last of a sentence: `prefix`, "and", the clause.

        For networks to which the place in the sentence matters, such as
        `streaming.Chunked`. Only the ambiguous word of the last clause counts as asked,
        and ys are 0 in the prefix. prefix: text of whole clauses.
        """
        return _after(self, self.encode(prefix))

    def ceiling(
        self,
        ahead: Integral | Sequence | np.ndarray | None = 0,
        behind: Integral | None = None,
        *,
        decided: str | None = None,
    ) -> float:
        """The best accuracy at ambiguous words of any tagger with this view, exactly.

        The tagger sees the word, `behind` words to its left and `ahead` to its right;
        None for all there are. So ceiling() is that of any left-to-right tagger,
        ceiling(k) with look-ahead k, ceiling(None) with both sides, and
        ceiling(None, behind=0) that of a tagger that reads from the right. Where the
        view depends on the place, ahead is a row of numbers, one for each word of a
        clause: `streaming.latency(layer, T)`, from the place where the clause begins.

        Clauses that look alike through this window cannot be told apart. The best
        answer for them all is the likeliest tag, and the ceiling is the sum of its
        probability. decided: the accuracy of that tagger on one kind of clause only.
        """
        kept = _of_kind(self, decided)
        right, every = [], []
        for seen in _groups(self, _ahead(self, ahead), _behind(behind)):
            mass = _mass(seen)
            bet = max(mass, key=mass.get)
            counted = [c for c in seen if c.decided in kept]
            every += [c.probability for c in counted]
            right += [c.probability for c in counted if c.tags[c.asked] == bet]
        return math.fsum(right) / math.fsum(every)

    def belief(
        self,
        clause: Sequence[str] | str,
        ahead: Integral | Sequence | np.ndarray | None = 0,
        behind: Integral | None = None,
    ) -> dict[str, float]:
        """What a tagger with this view can know: tag -> probability, summing to 1.

        clause: one of the grammar, as words or as a text; the belief is about the tag
        of its ambiguous word. ahead, behind: as in `ceiling`.
        """
        words = tuple(clause.split() if isinstance(clause, str) else clause)
        found = [c for c in self.clauses if c.words == words]
        if not found:
            raise ValueError(f"clause must be one of the grammar, got {clause!r}")
        view = _ahead(self, ahead), _behind(behind)
        seen = _window(found[0], *view)
        mass = _mass([c for c in self.clauses if _window(c, *view) == seen])
        return {tag: m / math.fsum(mass.values()) for tag, m in mass.items()}

    def accuracy(
        self,
        logits: Float[Given, "*seeds n T n_y"],
        *,
        decided: str | None = None,
        rows: Clauses | None = None,
    ) -> Float[np.ndarray, "*seeds"]:
        """Share of ambiguous words that get their tag: the sum over all clauses.

        logits: (..., n, T, n_y) of the sentences `enumerated`, or of other rows such as
        `after` gives; axes in front, such as seeds, stay. decided: on one kind of
        clause only. Comparable with `ceiling` to the last digit. Raises ValueError for
        another shape, or if a logit at an ambiguous word is not finite.
        """
        rows = self.enumerated if rows is None else rows
        logits = np.asarray(logits)
        if logits.shape[-3:] != (*rows.xs.shape, len(TAGS)):
            raise ValueError(
                f"logits has shape {logits.shape}, but the clauses need "
                f"(..., {', '.join(map(str, rows.xs.shape))}, {len(TAGS)})"
            )
        at, tag = rows.asked.argmax(axis=-1), rows.ys[rows.asked]
        guess = logits[..., np.arange(len(at)), at, :]
        if not np.isfinite(guess).all():
            raise ValueError("logits must be finite at the ambiguous words")
        weight = rows.probability * np.isin(rows.decided, _of_kind(self, decided))
        return np.asarray((guess.argmax(axis=-1) == tag) @ weight / weight.sum())

    def words(self, tokens: Integer[Given, " T"]) -> str:
        """A row of tokens as text; padding is left out."""
        vocabulary = self.vocabulary
        return " ".join(vocabulary[i] for i in np.asarray(tokens) if i)

    def encode(self, sentence: str) -> Int[np.ndarray, " T"]:
        """The index of each word of a sentence; ValueError for one it does not have."""
        known = {word: i for i, word in enumerate(self.vocabulary)}
        for word in sentence.split():
            if word not in known:
                raise ValueError(
                    f"sentence has the word {word!r}; known are {self.vocabulary[1:]}"
                )
        return np.array([known[word] for word in sentence.split()], np.int32)

    def sample(self, key: Array, batch: int | tuple[int, ...] = ()) -> Sentences:
        """Sentences from a `jax.random.key`, each row T words: xs of (*batch, T).

        The same key and batch give the same sentences. A batch of (steps, 64), or
        (seeds, steps, 64), makes the data of whole runs for `training.fit` at once.
        """
        return _sample(key, self, validate.batch_axes(batch))


@functools.cache
def _clauses(grammar: Grammar) -> tuple[Clause, ...]:
    filled = [
        (row, share / len(FILLERS) ** d)
        for d, share in enumerate(grammar.hesitation)
        if share > 0
        for row in itertools.product(FILLERS, repeat=d)
    ]
    return tuple(grammar.spelled(filled))


def _window(clause, ahead, behind):
    """What a tagger sees of a clause, and how much of it lies on the left."""
    first = 0 if behind is None else max(clause.asked - behind, 0)
    if isinstance(ahead, tuple):
        ahead = ahead[clause.asked]
    last = None if ahead is None else clause.asked + ahead + 1
    return clause.asked - first, clause.words[first:last]


def _groups(grammar, ahead, behind):
    """The clauses that look alike, together."""
    found = defaultdict(list)
    for clause in grammar.clauses:
        found[_window(clause, ahead, behind)].append(clause)
    return found.values()


def _mass(clauses) -> dict[str, float]:
    """The probability of each tag of the ambiguous word among these clauses."""
    shares = {
        tag: [c.probability for c in clauses if c.tags[c.asked] == tag] for tag in TAGS
    }
    return {tag: math.fsum(share) for tag, share in shares.items()}


@functools.cache
def _enumerated(grammar: Grammar) -> Clauses:
    clauses = grammar.clauses
    ids = {word: i for i, word in enumerate(grammar.vocabulary)}
    lengths = np.array([len(c.words) for c in clauses], np.int32)
    xs = np.zeros((len(clauses), lengths.max()), np.int32)
    ys = np.zeros_like(xs)
    for x, y, clause in zip(xs, ys, clauses, strict=True):
        x[: len(clause.words)] = [ids[word] for word in clause.words]
        y[: len(clause.words)] = [TAGS.index(tag) for tag in clause.tags]
    steps = np.arange(xs.shape[1])
    rows = Clauses(
        xs,
        ys,
        mask=steps < lengths[:, None],
        asked=steps == np.array([c.asked for c in clauses])[:, None],
        lengths=lengths,
        probability=np.array([c.probability for c in clauses]),
        decided=np.array([c.decided for c in clauses]),
    )
    for field in rows:  # everybody shares them
        field.flags.writeable = False
    return rows


def _after(grammar, prefix) -> Clauses:
    rows = grammar.enumerated
    shape = len(rows.xs), len(prefix) + 1
    start = np.broadcast_to(np.array([*prefix, AND], rows.xs.dtype), shape)

    def behind(first, array):
        first = np.broadcast_to(np.asarray(first, array.dtype), shape)
        return np.concatenate([first, array], axis=1)

    return rows._replace(
        xs=behind(start, rows.xs),
        ys=behind(0, rows.ys),
        mask=behind(True, rows.mask),
        asked=behind(False, rows.asked),
        lengths=rows.lengths + np.int32(shape[1]),
    )


@functools.partial(jax.jit, static_argnames=("grammar", "axes"))
def _sample(key: Array, grammar: Grammar, axes: tuple[int, ...]) -> Sentences:
    rows, most = grammar.enumerated, max(grammar.joined)
    die = jax.random.uniform(key, (*axes, most + 1))
    number = (die[..., 0] * len(grammar.joined)).astype(int)
    number = jnp.asarray(grammar.joined)[number]
    odds = np.cumsum(rows.probability).astype(np.float32)
    which = jnp.searchsorted(odds[:-1], die[..., 1:], side="right")

    t = jnp.arange(grammar.T)
    fields = {name: jnp.zeros((*axes, grammar.T), int) for name in ("xs", "ys")}
    asked = jnp.zeros((*axes, grammar.T), bool)
    end = jnp.zeros(axes, int)
    for i in range(most):
        there = (i < number)[..., None]
        joint = there & (i > 0) & (t == end[..., None])
        fields["xs"] = jnp.where(joint, AND, fields["xs"])
        clause = which[..., i]
        start = end + (i > 0)
        length = jnp.asarray(rows.lengths)[clause]
        place = t - start[..., None]
        here = there & (place >= 0) & (place < length[..., None])
        place = jnp.clip(place, 0, rows.xs.shape[1] - 1)

        def put(table, into, clause=clause, place=place, here=here):
            row = jnp.asarray(table)[clause]
            return jnp.where(here, jnp.take_along_axis(row, place, axis=-1), into)

        fields = {name: put(getattr(rows, name), into) for name, into in fields.items()}
        asked = put(rows.asked, asked)
        end = jnp.where(i < number, start + length, end)
    return Sentences(**fields, mask=t < end[..., None], asked=asked, lengths=end)


def _of_kind(grammar, decided):
    """The kinds to count: all, or one that the grammar has."""
    kinds = tuple(dict.fromkeys(c.decided for c in grammar.clauses))
    return kinds if decided is None else (validate.one_of("decided", decided, kinds),)


def _ahead(grammar, words):
    if words is None or not np.ndim(words):
        return None if words is None else whole("ahead", words, 0, "words")
    row = tuple(whole("ahead", n, 0, "words") for n in words)
    longest = max(len(c.words) for c in grammar.clauses)
    if len(row) < longest:
        raise ValueError(
            f"ahead has {len(row)} numbers, but the longest clause has {longest} words"
        )
    return row


def _behind(words):
    return None if words is None else whole("behind", words, 0, "words")


def _shares(given) -> tuple[float, ...]:
    shares = tuple(validate.as_number("hesitation", share) for share in given)
    if not 1 <= len(shares) <= MOST_FILLERS + 1:
        raise ValueError(
            f"hesitation must hold 1 to {MOST_FILLERS + 1} probabilities, "
            f"got {len(shares)}"
        )
    if min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-9):
        raise ValueError(
            f"hesitation must hold probabilities that sum to 1, got {shares}"
        )
    return shares
