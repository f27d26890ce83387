"""A letter of a text is hidden: which one was it?

What is left of it, what is right of it, or both may be used; the text decides how much
each of them helps, and a letter's place in its word does.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Int

from companion import validate
from companion.text import plain, random_windows

__all__ = ["HIDDEN", "LETTERS", "Each", "Hidden", "each_letter", "encode", "hide"]

LETTERS = " abcdefghijklmnopqrstuvwxyz"
HIDDEN = len(LETTERS)  # what stands in place of a hidden letter


class Hidden(NamedTuple):
    """Windows of text (*batch, T): as seen, as it was, and True where it is asked."""

    xs: Int[np.ndarray, "*batch T"]
    ys: Int[np.ndarray, "*batch T"]
    mask: Bool[np.ndarray, "*batch T"]


class Each(NamedTuple):
    """Every letter of a text once, hidden in the middle of a window.

    xs: (letters, 2 reach). ys: the letter at index `reach` of each. before, after: its
    place in the word, counted from 1 at the first letter and from 1 at the last.
    """

    xs: Int[np.ndarray, "letters T"]
    ys: Int[np.ndarray, " letters"]
    before: Int[np.ndarray, " letters"]
    after: Int[np.ndarray, " letters"]


def encode(text: str) -> Int[np.ndarray, " n"]:
    """A text as indices into `LETTERS`: a to z, and a space for everything else."""
    index = {letter: i for i, letter in enumerate(LETTERS)}
    return np.array([index[letter] for letter in plain(text)], np.int32)


def hide(key, ids, T: int, batch: tuple[int, ...], share: float = 0.2) -> Hidden:
    """Random windows (*batch, T) of a text with a share of the letters hidden.

    Spaces are never hidden, so it is always known where a word ends.
    """
    ids, batch = as_text(ids), validate.batch_axes(batch)
    if not 0 < share < 1:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
    where, which = jax.random.split(key)
    found = random_windows(where, ids, T - 1, int(np.prod(batch)))
    ys = np.asarray(found).reshape(*batch, T)
    mask = np.array(jax.random.bernoulli(which, share, ys.shape)) & (ys > 0)
    return Hidden(np.where(mask, HIDDEN, ys), ys, mask)


def each_letter(ids, reach: int = 12) -> Each:
    """Every letter with `reach` symbols on its left, and reach - 1 on its right."""
    ids = as_text(ids)
    reach = validate.positive_int("reach", reach)
    spaces = np.flatnonzero(ids == 0)
    at = np.flatnonzero(ids)
    at = at[(at >= reach) & (at < len(ids) - reach)]
    if not len(spaces) or not np.any((at > spaces[0]) & (at < spaces[-1])):
        raise ValueError(f"ids must hold whole words between two ends of {reach}")
    at = at[(at > spaces[0]) & (at < spaces[-1])]
    following = np.searchsorted(spaces, at)
    xs = ids[at[:, None] + np.arange(-reach, reach)]
    xs[:, reach] = HIDDEN
    before, after = at - spaces[following - 1], spaces[following] - at
    return Each(xs, ids[at], before, after)


def as_text(ids) -> Int[np.ndarray, " n"]:
    ids = np.asarray(ids)
    if ids.ndim != 1 or not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"ids must be (n,) integers, got {ids.dtype} {ids.shape}")
    if ids.size and not 0 <= ids.min() <= ids.max() < HIDDEN:
        raise ValueError(f"ids must lie in 0..{HIDDEN - 1}")
    return ids
