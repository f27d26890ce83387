"""Towers of many depths and widths in one compiled program.

To compare towers of 1, 2, 4 and 8 layers, of 6, 12 and 24 units, with and without
residual connections, one would compile two dozen programs. Here depth, width and
residual are data, and one program trains them all:

    depth     the frame has `most` layers; those above the tower's own hand on what they
              are given, without changing it
    width     a tower of 12 units lies in a frame of 24, all its other weights 0. A unit
              whose weights, in and out, are 0 shows 0 and gets no gradient: 0 they stay
    residual  a factor 0 or 1

    towers = [build(seed, 27, depth=d, n_a=n) for d in (1, 8) for n in (12, 24)]
    run = train(together(towers), text)       # each learns to predict the next token
    run.losses                                # (towers, steps), in nats a token

Plain tanh layers. Every tower equals the `Stacked` that `as_model` makes of it.
"""

from collections.abc import Iterable
from numbers import Integral, Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from jaxtyping import Float

from companion import validate
from companion.cells import RNN, RNNParams
from companion.layers import Stacked
from companion.losses import cross_entropy
from companion.models import ManyToMany, ModelParams, ReadoutParams
from companion.training import Fit, fit
from companion.unroll import unroll
from companion.validate import Given

__all__ = ["Tower", "as_model", "build", "logits", "together", "train"]


class Tower(NamedTuple):
    """The parameters of a tower in its frame, and what kind of tower it is.

    first: layer 1, W_a (frame, frame + n_x). above: the layers over it, with an axis of
    most - 1 in front. readout: W_y (n_x, frame), b_y. on: (most - 1,), 1 for a layer
    that is there. residual: 0 or 1. The last two are not trained.
    """

    first: RNNParams
    above: RNNParams
    readout: ReadoutParams
    on: Float[Array, "*towers above"]
    residual: Float[Array, "*towers"]


def build(
    seed: Integral,
    n_x: Integral,
    *,
    depth: Integral,
    n_a: Integral,
    residual: bool = False,
    gain: Real = 1.0,
    frame: Integral = 24,
    most: Integral = 8,
) -> Tower:
    """A fresh tower that reads tokens 0..n_x-1 and has a logit for each of them.

    seed: of NumPy's generator. depth, n_a: the tower's own, at most `most` and `frame`.
    residual: every layer but the first adds its input to its output.
    gain: what W_a is multiplied with. At 1, W_aa is orthogonal and what reads the layer
        below Glorot uniform, as in `RNN.init`; the columns of tokens are drawn from
        N(0, 1) and not multiplied.

    Raises ValueError naming the argument that does not fit.
    """
    names = ("n_x", "depth", "n_a", "frame", "most")
    given = (n_x, depth, n_a, frame, most)
    n_x, depth, n, frame, most = map(validate.positive_int, names, given)
    gain = validate.as_number("gain", gain)
    for name, own, limit in (("depth", depth, most), ("n_a", n, frame)):
        if own > limit:
            raise ValueError(f"{name} must be at most {limit}, got {own}")
    rng = np.random.default_rng(int(seed))

    def recurrent():
        Q, R = np.linalg.qr(rng.normal(size=(n, n)))
        return gain * Q * np.sign(np.diag(R))

    W_a = np.zeros((frame, frame + n_x), np.float32)
    W_a[:n, :n], W_a[:n, frame:] = recurrent(), rng.normal(size=(n, n_x))
    above = np.zeros((most - 1, frame, 2 * frame), np.float32)
    for W in above[: depth - 1]:
        W[:n, :n] = recurrent()
        W[:n, frame : frame + n] = gain * glorot(rng, n, n)
    W_y = np.zeros((n_x, frame), np.float32)
    W_y[:, :n] = glorot(rng, n_x, n)
    zeros = np.zeros(frame, np.float32)
    return Tower(
        RNNParams(W_a, zeros),
        RNNParams(above, np.zeros((most - 1, frame), np.float32)),
        ReadoutParams(W_y, np.zeros(n_x, np.float32)),
        (np.arange(2, most + 1) <= depth).astype(np.float32),
        np.float32(residual),
    )


def glorot(rng, rows: int, columns: int) -> np.ndarray:
    limit = np.sqrt(6 / (rows + columns))
    return rng.uniform(-limit, limit, size=(rows, columns))


def together(towers: Iterable[Tower]) -> Tower:
    """Towers in frames of one size as one `Tower` whose arrays have an axis in front.

    Raises ValueError if their frames differ.
    """
    towers = list(towers)
    if not towers:
        raise ValueError("towers must hold at least one")
    shapes = {tuple(map(np.shape, jax.tree.leaves(tower))) for tower in towers}
    if len(shapes) > 1:
        raise ValueError(f"towers must have one frame, got {len(shapes)} different")
    return jax.tree.map(lambda *leaves: np.stack(leaves), *towers)


def logits(tower: Tower, ids) -> Float[Array, "batch T n_x"]:
    """Logits of every step: token ids (batch, T) -> (batch, T, n_x)."""
    validate.instance("tower", tower, Tower)
    ids = validate.as_input("ids", ids, "integers")
    if ids.ndim != 2:
        raise ValueError(f"ids has shape {ids.shape}, but needs (batch, T)")
    on, residual = lax.stop_gradient((tower.on, tower.residual))
    cell = RNN(tower.first.b_a.shape[-1])

    def layer(below, its):
        params, there = its
        shown = unroll(cell, params, below).a + residual * below
        return jnp.where(there > 0, shown, below), None

    first = unroll(cell, tower.first, ids.T).a
    top, _ = lax.scan(layer, first, (tower.above, on))
    return answers(tower.readout, jnp.swapaxes(top, 0, 1))


def answers(
    readout: ReadoutParams, a: Float[Given, "batch T n"]
) -> Float[Array, "batch T n_y"]:
    return a @ readout.W_y.T + readout.b_y


def train(
    towers: Tower,
    ids,
    *,
    rate: Real = 2.0,
    clip=1.0,
    steps: Integral = 150,
    T: Integral = 16,
    batch: Integral = 8,
    windows: Integral = 3,
    seed: Integral = 0,
    optimiser: optax.GradientTransformation | None = None,
) -> Fit:
    """Teach many towers the next token of a text, each step on fresh random windows.

    towers: from `together`. ids: (n,) the text. rate: of plain gradient descent, as in
    the chapter on deep RNNs of Dive into Deep Learning; an `optimiser` takes its place.
    clip: the gradient's longest length, one or (towers,); infinity never clips.
    windows: how many different sequences of batches there are; tower i reads number
    i % windows.
    """
    validate.instance("towers", towers, Tower)
    ids = np.asarray(validate.as_input("ids", ids, "integers"))
    names = ("steps", "T", "batch", "windows")
    given = map(validate.positive_int, names, (steps, T, batch, windows))
    steps, T, batch, windows = given
    if ids.ndim != 1 or len(ids) <= T:
        raise ValueError(f"ids has shape {ids.shape}, but needs (n,) with n > T = {T}")
    rng = np.random.default_rng(int(seed))
    at = rng.integers(0, len(ids) - T, size=(windows, steps, batch, 1))
    rows = ids[at + np.arange(T + 1)][np.arange(len(towers.residual)) % windows]
    optimiser = optax.sgd(rate) if optimiser is None else optimiser
    return fit(nats, towers, rows, optimiser=optimiser, clip=clip, over_seeds=True)


def nats(tower: Tower, rows) -> Float[Array, ""]:
    return cross_entropy(logits(tower, rows[:, :-1]), rows[:, 1:])


def as_model(tower: Tower) -> tuple[ManyToMany, ModelParams]:
    """The same tower out of its frame: a model with a `Stacked`, and its parameters."""
    validate.instance("tower", tower, Tower)
    frame = np.shape(tower.first.b_a)[-1]
    W_a = np.asarray(tower.first.W_a)
    n = int(np.flatnonzero(np.abs(W_a).sum(axis=1)).max(initial=0)) + 1
    n_x, depth = W_a.shape[1] - frame, 1 + int(np.sum(tower.on))
    bias = np.asarray(tower.first.b_a)[:n]
    layers = [RNNParams(np.concatenate([W_a[:n, :n], W_a[:n, frame:]], axis=1), bias)]
    for i in range(depth - 1):
        W, b = np.asarray(tower.above.W_a[i]), np.asarray(tower.above.b_a[i])
        W = np.concatenate([W[:n, :n], W[:n, frame : frame + n]], axis=1)
        layers.append(RNNParams(W, b[:n]))
    tall = Stacked((RNN(n),) * depth, residual=bool(tower.residual))
    W_y, b_y = map(np.asarray, tower.readout)
    readout = ReadoutParams(W_y[:, :n], b_y)
    params = ModelParams(tuple(layers), readout)
    return ManyToMany(tall, n_x), jax.tree.map(jnp.asarray, params)
