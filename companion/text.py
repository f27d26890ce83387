"""Text into numbers: tokens, a vocabulary, indices, one-hot vectors, padded batches.

    tokens = words("The lamp is lit.")               # ['the', 'lamp', 'is', 'lit', '.']
    vocabulary = Vocabulary.build(tokens, min_count=1)
    ids = vocabulary.encode(tokens, eos=True)        # (5 + 1,) integers
    ids, lengths, mask = pad([ids, ids[:3]])         # (2, 6), (2,), (2, 6)

A text too long for one sequence is cut into windows of T steps. `windows` keeps the
order, so that a state can be carried from each to the next; `random_windows` does not.

Every vocabulary begins with the same three tokens, so their indices are known before
any text is: PAD 0 fills the rows of a ragged batch, UNK 1 stands for every token the
vocabulary does not hold, EOS 2 says that a sequence ends here.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Float, Int

from companion import validate

__all__ = [
    "EOS",
    "PAD",
    "SPECIAL",
    "STORIES",
    "UNK",
    "Padded",
    "Vocabulary",
    "characters",
    "one_hot",
    "pad",
    "plain",
    "random_windows",
    "split",
    "story",
    "windows",
    "words",
]

INT32 = np.iinfo(np.int32)

SPECIAL = PAD, UNK, EOS = ("<PAD>", "<UNK>", "<EOS>")
STORIES = ("keeper", "cook")

# letters and digits, with apostrophes inside a word; any other mark stands alone
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s]|_")
_MARK = re.compile(r"[^\w\s]|_")
Tokens = TypeVar("Tokens", bound=Sequence | np.ndarray | Array)


def words(text: str, *, lower: bool = True, punctuation: bool = True) -> list[str]:
    """The words of a text, and its punctuation marks as tokens of their own.

    lower: turn everything to lower case first. punctuation: keep the marks.
    "Don't stop." gives don't, stop and a full stop. Raises TypeError for a non-string.
    """
    found = _WORD.findall(_text(text).lower() if lower else _text(text))
    return found if punctuation else [w for w in found if not _MARK.fullmatch(w)]


def characters(text: str) -> list[str]:
    """The characters of a text, spaces and line ends included, each one a token."""
    return list(_text(text))


def plain(text: str) -> str:
    """A text in 27 symbols: a to z in lower case, all else as single spaces.

    Line ends become spaces too, so no two words grow together. Raises TypeError for a
    non-string.
    """
    return re.sub("[^a-z]+", " ", _text(text).lower()).strip()


@dataclass(frozen=True)
class Vocabulary:
    """An ordered list of different tokens; the index of a token is its place in it.

    tokens: PAD, UNK and EOS first, then the rest. `Vocabulary.build` makes one from a
    text. |V| is `len(vocabulary)` and counts the three special tokens.

    Raises TypeError if a token is not a string, ValueError if one stands there twice
    or the special tokens do not come first.
    """

    tokens: tuple[str, ...]
    pad: ClassVar[int] = 0
    unk: ClassVar[int] = 1
    eos: ClassVar[int] = 2

    def __post_init__(self):
        object.__setattr__(self, "tokens", tuple(_tokens("tokens", self.tokens)))
        if self.tokens[:3] != SPECIAL:
            raise ValueError(
                f"tokens must begin with {SPECIAL}, got {self.tokens[:3]}: "
                "use Vocabulary.build"
            )
        twice = [token for token, n in Counter(self.tokens).items() if n > 1]
        if twice:
            raise ValueError(f"tokens holds {twice[0]!r} more than once")

    @classmethod
    def build(
        cls, tokens: Iterable[str], *, min_count: int = 1, size: int | None = None
    ) -> "Vocabulary":
        """The tokens of a text, the most frequent first, equal counts by alphabet.

        min_count: leave out tokens that occur less often than this.
        size: |V| at most this, special tokens included (so at least 3); None for all.
        """
        min_count = validate.positive_int("min_count", min_count)
        if size is not None and validate.positive_int("size", size) < len(SPECIAL):
            raise ValueError(f"size must be at least {len(SPECIAL)}, got {size}")
        counts = Counter(_tokens("tokens", tokens))
        often = [
            token
            for token, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            if n >= min_count and token not in SPECIAL
        ]
        return cls((*SPECIAL, *often)[:size])

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.index

    @cached_property
    def index(self) -> dict[str, int]:
        """Token -> index."""
        return {token: i for i, token in enumerate(self.tokens)}

    def encode(
        self, tokens: Iterable[str], *, eos: bool = False
    ) -> Int[np.ndarray, " T"]:
        """The index of each token, UNK's for a token that is not here; then EOS's.

        Raises TypeError for a string: cut it with `words` or `characters` first.
        """
        ids = [self.index.get(token, self.unk) for token in _tokens("tokens", tokens)]
        return np.array(ids + [self.eos] * eos, np.int32)

    def decode(self, ids) -> list[str]:
        """The token at each index (T,), special ones too. The inverse of `encode`."""
        ids = _ids("ids", ids, len(self)).ravel()
        return [self.tokens[i] for i in ids]

    def unknown_rate(self, tokens: Iterable[str]) -> float:
        """The share of these tokens that become UNK, between 0 and 1."""
        ids = self.encode(tokens)
        if not ids.size:
            raise ValueError("tokens is empty: there is no rate to measure")
        return float(np.mean(ids == self.unk))


def one_hot(ids, size: int) -> Float[np.ndarray, "*batch size"]:
    """One-hot vectors: zeros, and a one at the index. ids (...) -> (..., size).

    ids: integers in 0..size-1; size: |V|.
    """
    size = validate.positive_int("size", size)
    ids = _ids("ids", ids, size)
    vectors = np.zeros((*ids.shape, size), np.float32)
    np.put_along_axis(vectors, ids[..., None], 1, axis=-1)
    return vectors


class Padded(NamedTuple):
    """A ragged batch as one array, and what is needed to know which cells are real."""

    ids: Int[np.ndarray, "batch T"]
    lengths: Int[np.ndarray, " batch"]
    mask: Bool[np.ndarray, "batch T"]


def pad(sequences: Iterable, value: int = 0, *, length: int | None = None) -> Padded:
    """Sequences of different lengths, filled up at the end to one rectangle.

    sequences: lists or arrays of integers, one a row; an empty one is all padding.
    value: what stands in the padding (0 is PAD). length: T, the longest if None.
    Returns ids (batch, T), lengths (batch,) and mask (batch, T), True at real tokens.
    The mask is made from the lengths, so a real token may equal `value`.
    """
    rows = [_ids("sequences", row) for row in sequences]
    _ids("value", value)
    if not rows:
        raise ValueError("sequences is empty: a batch needs at least one")
    if any(row.ndim != 1 for row in rows):
        raise ValueError("sequences must hold flat sequences of integers, one a row")
    lengths = np.array([len(row) for row in rows], np.int32)
    T = (
        int(lengths.max())
        if length is None
        else validate.positive_int("length", length)
    )
    if lengths.max() > T:
        raise ValueError(
            f"length is {T}, but the longest sequence has {lengths.max()} tokens"
        )
    mask = np.arange(T) < lengths[:, None]
    ids = np.full(mask.shape, value, np.int32)
    ids[mask] = np.concatenate(rows)
    return Padded(ids, lengths, mask)


def split(tokens: Tokens, held_out: float = 0.15) -> tuple[Tokens, Tokens]:
    """Cut a sequence in two in the order of time: what to learn from, what to test on.

    held_out: the share of the second part, between 0 and 1. In a random split nearly
    every test sentence would have its neighbours in training. Split first, then cut
    windows from each part: no window then holds tokens of both.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1, got {held_out}")
    cut = len(tokens) - round(len(tokens) * held_out)
    return tokens[:cut], tokens[cut:]


def windows(ids, T: int, batch: int) -> Int[np.ndarray, "steps batch _"]:
    """A long text as batches of windows in order: ids (n,) -> (steps, batch, T + 1).

    The text is cut into `batch` stretches of equal length, one a row, and each window
    of a row begins where the one before ended: carry the state of row b from step s to
    step s + 1. A window holds T + 1 tokens, T inputs w[..., :-1] and their T targets
    w[..., 1:], so its last token is also the first of the next. No token is a target
    twice. Fewer than batch * T tokens, at the end of the text, are left out.
    """
    ids, T = _long_text(ids, T)
    batch = validate.positive_int("batch", batch)
    steps = (len(ids) - 1) // (batch * T)
    if not steps:
        raise ValueError(
            f"ids has {len(ids)} tokens, but {batch} rows of T = {T} steps need "
            f"{batch * T + 1}"
        )
    row, step = np.arange(batch)[:, None], np.arange(steps)[:, None, None]
    return ids[(row * steps + step) * T + np.arange(T + 1)]


def random_windows(
    key, ids, T: int, batch: int, steps: int | None = None
) -> Int[Array, "*steps batch _"]:
    """Windows from random places of a long text: ids (n,) -> (batch, T + 1).

    key: a jax.random.key; the same key, the same windows. steps: how many batches, in
    front: (steps, batch, T + 1); None for one without that axis, which may be drawn in
    a compiled loop. Every place at which a window fits is equally likely, and windows
    may overlap. Each starts from a new state.
    """
    ids, T = _long_text(ids, T)
    shape = () if steps is None else (validate.positive_int("steps", steps),)
    shape = (*shape, validate.positive_int("batch", batch), 1)
    starts = jax.random.randint(key, shape, 0, len(ids) - T)
    return jnp.asarray(ids)[starts + np.arange(T + 1)]


def story(name: str = "keeper") -> str:
    """One of the two stories written for this course: "keeper" or "cook"."""
    validate.one_of("name", name, STORIES)
    path = resources.files("companion") / "corpora" / f"{name}.txt"
    return path.read_text(encoding="utf-8")


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"text must be a string, got {type(text).__name__}")
    return text


def _tokens(name: str, tokens: object) -> list[str]:
    if isinstance(tokens, str):
        raise TypeError(
            f"{name} must be a list of tokens, got a string: "
            "cut it with words() or characters() first"
        )
    tokens = list(tokens)
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"{name} must hold strings, got {token!r}")
    return tokens


def _long_text(ids: object, T: int) -> tuple[Int[np.ndarray, " n"], int]:
    ids, T = _ids("ids", ids), validate.positive_int("T", T)
    if ids.ndim != 1:
        raise ValueError(f"ids must be one sequence (n,), got shape {ids.shape}")
    if len(ids) <= T:
        raise ValueError(
            f"ids has {len(ids)} tokens, but a window of T = {T} steps needs {T + 1}"
        )
    return ids.astype(np.int32), T


def _ids(name: str, ids: object, size: int | None = None) -> Int[np.ndarray, "..."]:
    ids = np.asarray(ids)
    if not ids.size:
        return ids.astype(np.int32)
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {ids.dtype}")
    if ids.min() < INT32.min or ids.max() > INT32.max:
        raise ValueError(f"{name} holds a number that 32 bits cannot: {ids.max()}")
    if size is not None and (ids.min() < 0 or ids.max() >= size):
        raise ValueError(
            f"{name} runs from {ids.min()} to {ids.max()}, but a vocabulary of size "
            f"{size} has 0 to {size - 1}"
        )
    return ids
