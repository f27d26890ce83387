"""The work that is timed, and the proof that everybody does the same work.

A character language model: token ids (batch, T) -> stacked LSTMs -> logits of the next
character (batch, T, n_y) -> mean cross-entropy in nats. One training step is forward,
backward and the update w - learning_rate * gradient.

Weights and gradients pass between libraries in the layout of `companion`: a
`ModelParams` of NumPy arrays.
"""

import functools
from dataclasses import dataclass

import jax
import numpy as np

from companion.cells import LSTM
from companion.layers import Stacked
from companion.models import ManyToMany

__all__ = ["Work", "answers", "assert_same"]


@dataclass(frozen=True)
class Work:
    """Sizes of the model and of the batch; the defaults are the headline."""

    n_y: int = 28
    n_a: int = 256
    depth: int = 2
    batch: int = 32
    T: int = 35
    learning_rate: float = 0.1

    @property
    def cell(self) -> LSTM:
        return LSTM(n_a=self.n_a)

    @property
    def model(self) -> ManyToMany:
        return ManyToMany(Stacked((self.cell,) * self.depth), self.n_y)

    def params(self, seed: int = 0):
        """Weights to start from. Biases are not zero: a misplaced one must show."""
        init = functools.partial(self.model.init, n_x=self.n_y, dtype=np.float32)
        shapes = jax.eval_shape(init, jax.random.key(seed))
        rng = np.random.default_rng(seed)

        def fill(leaf):
            return rng.normal(scale=self.n_a**-0.5, size=leaf.shape).astype(np.float32)

        return jax.tree.map(fill, shapes)

    def batches(self, seed: int = 1):
        """Token ids and targets, both (batch, T): each target is the next token."""
        rng = np.random.default_rng(seed)
        text = rng.integers(self.n_y, size=(self.batch, self.T + 1), dtype=np.int32)
        return text[:, :-1], text[:, 1:]


def answers(contestant, start) -> dict:
    """What a contestant that began at `start` and has taken one step now says.

    step: how far that training step moved each weight; then, with the new weights, the
    logits, the loss and its gradients. A contestant that cannot train says logits and
    loss only.
    """
    if "train" not in contestant.kinds:
        return contestant.answers()
    step = jax.tree.map(np.subtract, contestant.weights(), start)
    return {"step": step, **contestant.answers()}


def assert_same(name: str, mine: dict, theirs: dict, tolerance: float = 2e-4) -> None:
    """Compare the `answers` of one contestant with those of another.

    The largest difference may be `tolerance` times the largest value of the array:
    float32 sums taken in another order differ by less, a wrong gate by much more. A
    step is a small difference of weights, so their rounding is allowed on top.
    Raises AssertionError naming the contestant and the array that differs.
    """
    rounding = 2 * np.finfo(np.float32).eps
    theirs = jax.tree.leaves_with_path(theirs)
    mine = jax.tree.leaves_with_path(mine)
    assert [path for path, _ in mine] == [path for path, _ in theirs], name
    for (path, a), (_, b) in zip(mine, theirs, strict=True):
        where = f"{name}: {jax.tree_util.keystr(path)}"
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape, f"{where} has shape {a.shape}, expected {b.shape}"
        allowed = tolerance * np.abs(b).max()
        if path[0].key == "step":
            allowed += rounding
        off = np.abs(a - b).max()
        assert off <= allowed, f"{where} is off by {off:.1e}, allowed is {allowed:.1e}"
