"""Is there an A directly before a B? Sequences in which only the order can tell.

Every sequence holds one A and one B side by side at a chosen position: A B if its class
is 1, B A if it is 0. Around them lie random tokens, among them lone As and Bs, but no
second A B. So counts of tokens say nothing about the class. A single place does only at
the two ends of the range of positions, and there it is a hint, no more: in the first
place an A speaks for A B, just behind the last position it speaks for B A.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from companion import validate

__all__ = ["BEST", "CHANCE", "A", "B", "Patterns", "at_each_position", "patterns"]

A, B = 0, 1
BEST, CHANCE = 1.0, 0.5  # accuracy of reading the order, and of a coin


class Patterns(NamedTuple):
    """Sequences and their targets.

    ids: tokens. seen: 1 from the step on at which an A B is complete, 0 before.
    position: the step, counted from 1, of the first token of the pair.
    """

    ids: Int[np.ndarray, "*batch T"]
    seen: Int[np.ndarray, "*batch T"]
    position: Int[np.ndarray, "*batch"]


def patterns(
    rng: np.random.Generator,
    batch: int | tuple[int, ...],
    positions: Sequence[int] = (1, 2, 3, 4, 5),
    *,
    length: int = 10,
    n_tokens: int = 6,
) -> Patterns:
    """Sequences of `length` tokens with A B or B A at one of these positions.

    batch: how many, or the leading axes of what comes back. positions: where the pair
    may start, 1..length - 1, each as likely as the others. n_tokens: |V|, A and B
    included, at least 3: the two neighbours of the pair are neither A nor B.

    The class of a sequence is `seen[..., -1]`; both are equally likely. The best
    possible accuracy is 1 (`BEST`), that of a guess 1/2 (`CHANCE`).
    """
    axes = validate.batch_axes(batch)
    length = validate.positive_int("length", length)
    if validate.positive_int("n_tokens", n_tokens) < 3:
        raise ValueError(f"n_tokens must be at least 3, got {n_tokens}")
    places = np.asarray(positions)
    if not places.size or places.min() < 1 or places.max() >= length:
        raise ValueError(
            f"positions must lie in 1..{length - 1}, got {list(positions)}"
        )
    if (1 - 1 / n_tokens**2) ** length < 1e-4:  # drawing again would take for ever
        raise ValueError(
            f"length {length} is too long for {n_tokens} tokens: hardly any random row "
            "would be without an A B of its own"
        )
    n = int(np.prod(axes))
    place = rng.choice(places, n) - 1
    found = rng.integers(2, size=n)
    ids = np.empty((n, length), np.int32)
    todo = np.arange(n)
    while todo.size:  # draw again whatever holds an A B that was not put there
        ids[todo] = _draw(rng, place[todo], found[todo], length, n_tokens)
        todo = todo[_pairs(ids[todo]).sum(axis=1) > found[todo]]
    seen = np.zeros((n, length), np.int32)
    seen[:, 1:] = np.maximum.accumulate(_pairs(ids), axis=1)
    shaped = ids.reshape(*axes, length), seen.reshape(*axes, length)
    return Patterns(*shaped, (place + 1).reshape(axes))


def at_each_position(
    rng: np.random.Generator, each: int, *, length: int = 10, n_tokens: int = 6
) -> Patterns:
    """`each` sequences with the pair at position 1, then as many at 2, and so on.

    Leading axes of what comes back: (length - 1, each).
    """
    length = validate.positive_int("length", length)
    options = {"length": length, "n_tokens": n_tokens}
    rows = [patterns(rng, each, [p], **options) for p in range(1, length)]
    return Patterns(*map(np.stack, zip(*rows, strict=True)))


def _draw(rng, place, found, length, n_tokens):
    """Uniform tokens, the pair put in, its neighbours neither A nor B."""
    ids = rng.integers(n_tokens, size=(len(place), length + 2))  # a margin both ends
    rows = np.arange(len(place))
    start = place + 1
    ids[rows, start - 1] = rng.integers(2, n_tokens, size=len(place))
    ids[rows, start + 2] = rng.integers(2, n_tokens, size=len(place))
    ids[rows, start] = np.where(found, A, B)
    ids[rows, start + 1] = np.where(found, B, A)
    return ids[:, 1:-1]


def _pairs(ids):
    """Whether an A B ends at each step from the second on: (n, length - 1)."""
    return (ids[:, :-1] == A) & (ids[:, 1:] == B)
