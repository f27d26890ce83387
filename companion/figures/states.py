"""Pictures of states over time: how an untrained network behaves when it just runs."""

from numbers import Real

import numpy as np
from matplotlib.figure import Figure

from companion.dynamics import Wander, wander
from companion.figures import style

__all__ = ["trajectories_describe", "trajectories_setup", "trajectories_update"]

DRAWN = 3


def trajectories_setup(
    fig: Figure, activation: str, scale: Real, input_size: Real, matrix: int
) -> dict:
    left, middle, right = fig.subplots(1, 3, width_ratios=(5, 3, 3))
    steps = np.arange(1, len(wander(scale, input_size, activation, seed=matrix).a) + 1)
    lines = [left.plot(steps, steps)[0] for _ in range(DRAWN)]
    # one quantity, one colour: the units differ in how dark they are drawn
    for line, shade in zip(lines, np.linspace(1.0, 0.25, DRAWN), strict=True):
        line.set(**style.line("a") | {"alpha": shade, "linewidth": 1.2})
    left.set(xlabel="step t", ylabel=f"{DRAWN} of the units of {style.math('a')}")
    # wide tick labels would push the axis label out of the picture
    left.ticklabel_format(axis="y", scilimits=(-1, 2))
    (rms,) = middle.semilogy(steps, steps, **style.line("a"))
    middle.axhline(1, color="#cccccc", linewidth=0.8, zorder=0)
    middle.set(ylim=(1e-2, 1e10), xlabel="step t", title="size (rms, log scale)")
    (flat,) = right.plot(steps, steps, **style.line("a"))
    right.set(ylim=(-0.02, 1.02), xlabel="step t", title="share of flat units")
    said = right.text(0.04, 0.95, "", transform=right.transAxes, va="top")
    for ax in (left, middle, right):
        ax.set_xlim(0, steps[-1])
    # `left` rescales with a ReLU, so the whole of it is drawn again each time
    return {"left": left, "lines": lines, "rms": rms, "flat": flat, "said": said}


def trajectories_update(
    artists: dict, activation: str, scale: Real, input_size: Real, matrix: int
) -> Wander:
    run = wander(scale, input_size, activation, seed=matrix)
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
    run: Wander, activation: str, scale: Real, input_size: Real, matrix: int
) -> str:
    T = len(run.rms)
    return (
        f"after {T} steps the rms of the state is {run.rms[-1]:.1g} and "
        f"{run.flat[-1]:.0%} of the units sit on a flat part of {activation}."
    )
