"""Pictures of states over time: how an untrained network behaves when it just runs."""

import functools
from numbers import Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from companion.cells import RNN, RNNParams
from companion.figures import style
from companion.unroll import unroll

__all__ = [
    "Wander",
    "flat_share",
    "trajectories_describe",
    "trajectories_setup",
    "trajectories_update",
    "wander",
]

ACTIVATIONS = {"tanh": jnp.tanh, "ReLU": jax.nn.relu}
UNITS, EXAMPLES, DRAWN = 64, 8, 3


class Wander(NamedTuple):
    """Untrained networks running: their states, their size, how flat they sit."""

    a: np.ndarray  # (T, examples, units)
    rms: np.ndarray  # (T,)
    flat: np.ndarray  # (T,), share of units on a flat part of the activation


def flat_share(a, activation: str = "tanh") -> np.ndarray:
    """Share of units on a flat part of tanh (|a| > 0.95) or of ReLU (a = 0), per step.

    a: (T, ..., units). Returns (T,).
    """
    a = np.asarray(a)
    flat = np.abs(a) > 0.95 if activation == "tanh" else a == 0
    return flat.reshape(len(a), -1).mean(axis=1)


def wander(
    scale: Real, input_size: Real, activation: str, T: int = 40, seed: int = 2
) -> Wander:
    """64 untrained units hear eight sequences of noise, each unit its own.

    scale: W_aa is Gaussian with a spread of scale / sqrt(64), so that 1 keeps the size
    of a vector on average. input_size: the spread of the inputs; W_ax is the identity.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {list(ACTIVATIONS)}, got {activation!r}"
        )
    unit_W, xs = _noise(T, seed)
    W_a = np.concatenate([scale * unit_W, np.eye(UNITS, dtype=np.float32)], axis=1)
    params = RNNParams(jnp.asarray(W_a), jnp.zeros(UNITS))
    cell = RNN(UNITS, activation=ACTIVATIONS[activation])
    a = np.asarray(unroll(cell, params, input_size * xs).a, float)
    rms = np.sqrt((a**2).mean(axis=(1, 2)))
    return Wander(a, rms, flat_share(a, activation))


@functools.cache
def _noise(T: int, seed: int) -> tuple[np.ndarray, jax.Array]:
    rng = np.random.default_rng(seed)
    W = rng.normal(size=(UNITS, UNITS)) / np.sqrt(UNITS)
    xs = rng.normal(size=(T, EXAMPLES, UNITS))
    return W.astype(np.float32), jnp.asarray(xs, jnp.float32)


def trajectories_setup(
    fig: Figure, activation: str, scale: Real, input_size: Real
) -> dict:
    left, middle, right = fig.subplots(1, 3, width_ratios=(5, 3, 3))
    steps = np.arange(1, len(wander(scale, input_size, activation).a) + 1)
    lines = [left.plot(steps, steps)[0] for _ in range(DRAWN)]
    # one quantity, one colour: the units differ in how dark they are drawn
    for line, shade in zip(lines, np.linspace(1.0, 0.25, DRAWN), strict=True):
        line.set(**style.line("a") | {"alpha": shade, "linewidth": 1.2})
    left.set(xlabel="step t", ylabel=f"{DRAWN} of the units of {style.math('a')}")
    # wide tick labels would push the axis label out of the picture
    left.ticklabel_format(axis="y", scilimits=(-1, 2))
    (rms,) = middle.semilogy(steps, steps, **style.line("a"))
    middle.axhline(1, color="#cccccc", linewidth=0.8, zorder=0)
    middle.set(ylim=(1e-2, 1e6), xlabel="step t", title="size (rms, log scale)")
    (flat,) = right.plot(steps, steps, **style.line("a"))
    right.set(ylim=(-0.02, 1.02), xlabel="step t", title="share of flat units")
    said = right.text(0.04, 0.95, "", transform=right.transAxes, va="top")
    for ax in (left, middle, right):
        ax.set_xlim(0, steps[-1])
    # `left` rescales with a ReLU, so the whole of it is drawn again each time
    return {"left": left, "lines": lines, "rms": rms, "flat": flat, "said": said}


def trajectories_update(
    artists: dict, activation: str, scale: Real, input_size: Real
) -> Wander:
    run = wander(scale, input_size, activation)
    drawn = run.a[:, 0, :DRAWN]
    for line, unit in zip(artists["lines"], drawn.T, strict=True):
        line.set_ydata(unit)
    top = max(1.0, float(drawn.max()))
    bottom = -1.05 if activation == "tanh" else -0.05 * top
    artists["left"].set_ylim(bottom, 1.05 * top)
    artists["rms"].set_ydata(run.rms)
    artists["flat"].set_ydata(run.flat)
    artists["said"].set_text("|a| > 0.95" if activation == "tanh" else "a = 0")
    return run


def trajectories_describe(
    run: Wander, activation: str, scale: Real, input_size: Real
) -> str:
    T = len(run.rms)
    return (
        f"after {T} steps the rms of the state is {run.rms[-1]:.1g} and "
        f"{run.flat[-1]:.0%} of the units sit on a flat part of {activation}."
    )
