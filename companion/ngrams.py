"""Counting instead of learning: n-gram models of every order at once.

    model = WittenBell.fit(ids, size=len(vocabulary), order=14)
    model.perplexities(held_out)                     # (15,), for orders 0 to 14
    counted = model.log_probs(held_out, order=4)     # (T,), nats
    both = mix(counted, -surprise)                   # (T,), half this, half an RNN

A model of order k looks at the k tokens before: order 0 counts tokens, order 1 pairs.
Any other model of a text should be compared with this one first.
"""

import numbers
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from companion import validate

__all__ = ["WittenBell", "mix"]


class Level(NamedTuple):
    """What was counted after contexts of one length. A context's number is its place.

    keys: (contexts,) sorted: the number of the context without its oldest token, times
        the size of the alphabet, plus the oldest token.
    total, types: (contexts,) tokens seen after a context, and different ones.
    pairs, counts: (pairs,) sorted: context times size plus next token; how often.
    """

    keys: np.ndarray
    total: np.ndarray
    types: np.ndarray
    pairs: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True, eq=False)
class WittenBell:
    """An n-gram model in which every context asks the next shorter one for advice.

    After a context h of k tokens, with c(h y) the times that y followed h, N(h) the
    tokens that followed it and T(h) the different tokens among them,

        P_k(y | h) = (c(h y) + T(h) P_{k-1}(y | h')) / (N(h) + T(h))

    where h' is h without its oldest token. A context that was never seen passes the
    question on: P_k = P_{k-1}. Below order 0 every token of the alphabet is equally
    likely, 1 / size. So each T(h) is a count of surprises: the more different tokens
    have followed, the more a new one is expected.

    Source: Witten and Bell 1991, method C, in the recursive form of Chen and Goodman
    1999, section 2.4.
    """

    size: int
    levels: tuple[Level, ...]

    @classmethod
    def fit(cls, ids, size: int, order: int) -> "WittenBell":
        """Count a text.

        ids: (T,) integers from 0 to size - 1, one or more.
        size: how many tokens the alphabet has, seen or not.
        order: the longest context, 0 or more; the model answers for every shorter one.
        """
        size = validate.positive_int("size", size)
        order = as_order(order)
        ids = as_ids("ids", ids, size)
        if not ids.size:
            raise ValueError("ids is empty: there is nothing to count")
        levels, node = [], np.zeros(len(ids), np.int64)
        for k in range(order + 1):
            keys = np.zeros(1, np.int64)  # order 0 has one context, the empty one
            if k:
                older = ids[: max(len(ids) - k, 0)]
                keys, node = np.unique(node[1:] * size + older, return_inverse=True)
            pairs, counts = np.unique(node * size + ids[k:], return_counts=True)
            of = pairs // size
            total = np.bincount(of, counts).astype(np.int64)
            levels.append(Level(keys, total, np.bincount(of), pairs, counts))
        return cls(size, tuple(levels))

    @property
    def order(self) -> int:
        """The length of the longest context."""
        return len(self.levels) - 1

    def log_probs(self, ids, order: int | None = None, before=()) -> np.ndarray:
        """log P of each token given those before it, in nats. ids (T,) -> (T,).

        order: of the model to ask; None for the longest contexts there are.
        before: tokens that come in front of ids, known but not scored. Without them
            the first token has no context, the second a context of one, and so on.
        """
        return self.log_probs_by_order(ids, before)[self._order(order)]

    def log_probs_by_order(self, ids, before=()) -> Float[np.ndarray, "orders T"]:
        """`log_probs` of the models of order 0, 1, ... all at once, (order + 1, T)."""
        ids = as_ids("ids", ids, self.size)
        before = as_ids("before", before, self.size)
        text = np.concatenate([before, ids])
        at = len(before) + np.arange(len(ids))
        return np.log(
            self._probabilities(
                ids, lambda k: np.where(at < k, -1, text[np.maximum(at - k, 0)])
            )
        )

    def perplexities(self, ids, before=()) -> Float[np.ndarray, " orders"]:
        """The perplexity of a text, exp(-mean log P), by order: (order + 1,)."""
        logs = self.log_probs_by_order(ids, before)
        if not logs.size:
            raise ValueError("ids is empty: there is nothing to score")
        return np.exp(-logs.mean(axis=1))

    def own_perplexities(self) -> Float[np.ndarray, " orders"]:
        """Of the counted text itself under its raw counts, by order: (order + 1,).

        P_k(y | h) = c(h y) / N(h), as from a table that knows every answer it was
        given: what can be had by looking up, without learning. The first k tokens,
        which have no context of k, are left out.
        """
        found = []
        for level in self.levels:
            share = level.counts / level.total[level.pairs // self.size]
            found.append(-(level.counts * np.log(share)).sum() / level.counts.sum())
        return np.exp(found)

    def next_distribution(self, context=(), order: int | None = None) -> np.ndarray:
        """The probability of each token as the next one after a context: (size,)."""
        context = as_ids("context", context, self.size)
        every = np.arange(self.size)
        found = self._probabilities(
            every,
            lambda k: np.full(self.size, context[-k] if k <= len(context) else -1),
        )
        return found[self._order(order)]

    def _probabilities(self, ids, back) -> Float[np.ndarray, "orders T"]:
        """P_k(ids[t] | what is before it) for every k; back(k): the token k before."""
        node = np.zeros(len(ids), np.int64)  # the number of the context, or -1
        p = np.full(len(ids), 1 / self.size)
        found = []
        for k, level in enumerate(self.levels):
            if k:
                older = back(k)
                node = find(
                    level.keys, np.where(older < 0, -1, node * self.size + older)
                )
            pair = find(level.pairs, np.where(node < 0, -1, node * self.size + ids))
            seen = node >= 0
            total, types = level.total[node[seen]], level.types[node[seen]]
            count = np.where(pair[seen] < 0, 0, level.counts[pair[seen]])
            p = p.copy()
            p[seen] = (count + types * p[seen]) / (total + types)
            found.append(p)
        return np.stack(found)

    def _order(self, order):
        if order is not None and as_order(order) > self.order:
            raise ValueError(f"order must be at most {self.order}, got {order}")
        return self.order if order is None else order


def mix(log_p, log_q, weight: numbers.Real = 0.5) -> np.ndarray:
    """log(weight p + (1 - weight) q), of log-probabilities of the same tokens.

    Exact: the mixture of two distributions is one, and a token's probability in it is
    the mixture of its two probabilities. weight: from 0, all q, to 1, all p.
    """
    log_p, log_q = np.asarray(log_p, float), np.asarray(log_q, float)
    if log_p.shape != log_q.shape:
        raise ValueError(
            f"log_p and log_q must score the same tokens, got shapes {log_p.shape} "
            f"and {log_q.shape}"
        )
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must lie between 0 and 1, got {weight}")
    with np.errstate(divide="ignore"):  # log 0 is -inf, and that is right here
        parts = np.log(weight) + log_p, np.log1p(-weight) + log_q
    return np.logaddexp(*parts)


def find(ordered, wanted):
    """Where each wanted number stands in an ordered array, -1 if it does not."""
    if not ordered.size:
        return np.full(wanted.shape, -1)
    at = np.minimum(np.searchsorted(ordered, wanted), ordered.size - 1)
    return np.where(ordered[at] == wanted, at, -1)


def as_order(order):
    """order as an int >= 0."""
    if isinstance(order, bool) or not isinstance(order, int | np.integer):
        raise TypeError(f"order must be an integer, got {order!r}")
    if order < 0:
        raise ValueError(f"order must be at least 0, got {order}")
    return int(order)


def as_ids(name, ids, size):
    ids = np.asarray(ids)
    if not ids.size:
        return np.zeros(0, np.int64)
    if ids.ndim != 1:
        raise ValueError(f"{name} must be one sequence (T,), got shape {ids.shape}")
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"{name} must be integers, got {ids.dtype}")
    if ids.min() < 0 or ids.max() >= size:
        raise ValueError(
            f"{name} runs from {ids.min()} to {ids.max()}, but an alphabet of size "
            f"{size} has 0 to {size - 1}"
        )
    return ids.astype(np.int64)
