"""Pictures of exploding gradients: the cliff, two ways to clip, a log of norms."""

import functools
from numbers import Real
from typing import NamedTuple

import numpy as np
from matplotlib import colormaps, ticker
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from companion import cliff as terrain
from companion.figures import style

__all__ = [
    "Walk",
    "cliff",
    "descent_describe",
    "descent_setup",
    "descent_update",
    "norm_log",
    "two_ways",
]

# close together near 0, so that the valley shows; one shade a level
LEVELS = (0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.4, 0.5)
SHADES = colormaps["cividis"](np.linspace(0, 1, len(LEVELS) - 1))
CLOSER = {"xlim": (3.0, 8.0), "ylim": (-4.5, 0.5)}
GRADIENT = style.COLORS["gradient"]
FAINTEST = 1e-16


class Walk(NamedTuple):
    """One descent over the cliff, and how the same rule fares from 169 starts."""

    points: np.ndarray  # (steps + 1, 2): w and b
    losses: np.ndarray  # (steps + 1,)
    norms: np.ndarray  # (steps + 1,), before clipping
    share: float  # of the starts that end with a loss below 0.01

    @property
    def longest_step(self) -> float:
        return float(np.linalg.norm(np.diff(self.points, axis=0), axis=1).max())


@functools.cache
def _surface() -> terrain.Surface:
    return terrain.surface(200)


def _map(fig: Figure, ax):
    ground = _surface()
    filled = ax.contourf(ground.w, ground.b, ground.loss, LEVELS, colors=SHADES)
    ax.set(xlabel="weight w", ylabel="bias b")
    bar = fig.colorbar(filled, ax=ax, ticks=LEVELS, pad=0.02)
    bar.set_label("loss")


@style.picture(height=3.2)
def cliff(fig: Figure, w: Real = 5.5) -> str:
    """The loss of one sigmoid unit over w and b, and a cut through it at one w."""
    left, right = fig.subplots(1, 2, width_ratios=(6, 5))
    _map(fig, left)
    left.axvline(w, color="white", linestyle=":")
    b = np.linspace(*terrain.B_RANGE, 1601)
    point = np.stack([np.full_like(b, w), b], axis=-1)
    loss = np.asarray(terrain.loss(point), float)
    right.plot(b, loss, **style.line("a"))
    right.set(xlabel=f"bias b, at w = {w:g}", ylabel="loss", ylim=(-0.02, 0.52))
    steep = int(np.abs(np.diff(loss)).argmax())
    drop = np.ptp(loss[max(steep - 20, 0) : steep + 21])
    return (
        "Left, a map of the loss over w and b: two plains with a sharp edge between "
        f"them and a narrow valley beside it. Right, a cut at w = {w:g}: near "
        f"b = {b[steep]:.1f} the loss drops by {drop:.1f} as if over a wall."
    )


def descent_setup(
    fig: Figure, clip: Real | str, learning_rate: Real, w: Real, b: Real
) -> dict:
    left, right = fig.subplots(1, 2, width_ratios=(6, 4))
    top, bottom = right.get_subplotspec().subgridspec(2, 1).subplots()
    right.remove()
    _map(fig, left)
    left.set(**CLOSER)
    path_style = style.line("gradient") | {"linestyle": "-", "linewidth": 1.2}
    (edge,) = left.plot([], [], color="white", linewidth=3)
    (path,) = left.plot([], [], marker=".", markersize=4, **path_style)
    (first,) = left.plot([], [], "o", color="white", markeredgecolor="black")
    (last,) = left.plot(
        [], [], "X", color="white", markeredgecolor="black", markersize=9
    )
    (norms,) = top.semilogy([], [], **style.line("gradient"))
    threshold = top.axhline(1, **style.line("best"))
    top.set(ylim=(1e-8, 1e12), yticks=[1e-6, 1, 1e6], title="gradient norm")
    (losses,) = bottom.semilogy([], [], **style.line("a"))
    bottom.set(ylim=(1e-8, 2), yticks=[1e-8, 1e-4, 1], xlabel="step", title="loss")
    for ax in (top, bottom):
        ax.minorticks_off()
        ax.set_xlim(0, 300)
    top.tick_params(labelbottom=False)
    return {
        "path": [edge, path],
        "ends": [first, last],
        "norms": norms,
        "threshold": threshold,
        "losses": losses,
    }


def descent_update(
    artists: dict, clip: Real | str, learning_rate: Real, w: Real, b: Real
) -> Walk:
    threshold = None if clip == "none" else clip
    starts = np.concatenate([[[w, b]], terrain.starts()])
    run = terrain.descend(starts, learning_rate, threshold)
    points = run.points[:, 0].astype(float)
    walk = Walk(points, run.losses[:, 0], run.norms[:, 0], float(run.solved[1:].mean()))
    # a jump of 1e10 would leave the renderer's range: cut it off outside the picture
    seen = np.clip(points, -50, 50)
    for line in artists["path"]:
        line.set_data(*seen.T)
    for dot, place in zip(artists["ends"], (seen[0], seen[-1]), strict=True):
        dot.set_data(*place[:, None])
    steps = np.arange(len(points))
    artists["norms"].set_data(steps, np.maximum(walk.norms, FAINTEST))
    artists["losses"].set_data(steps, np.maximum(walk.losses, FAINTEST))
    artists["threshold"].set_visible(threshold is not None)
    artists["threshold"].set_ydata([threshold or 1] * 2)
    return walk


def descent_describe(
    walk: Walk, clip: Real | str, learning_rate: Real, w: Real, b: Real
) -> str:
    end = walk.losses[-1]
    ended = "below 0.01" if end < terrain.SOLVED else f"at {end:.2f}"
    return (
        f"this descent ends with a loss {ended}, its longest step has length "
        f"{walk.longest_step:.1g}, and of 169 starts {_some(walk.share)} end below "
        "0.01."
    )


def _some(share: Real) -> str:
    """A share in words: exact counts near the cliff differ from machine to machine."""
    if share in (0, 1):
        return "all" if share else "none"
    names = ("few", "fewer than half", "more than half", "most")
    return names[int(np.digitize(share, (0.25, 0.5, 0.75)))]


@style.picture(height=3.1)
def two_ways(fig: Figure, gradient: tuple = (3.0, 0.8), threshold: Real = 1.0) -> str:
    """A gradient of two numbers clipped by norm and by value, as arrows."""
    gradient = np.asarray(gradient, float)
    if gradient.shape != (2,) or not gradient.any():
        raise ValueError(f"gradient must be two numbers, not both 0, got {gradient}")
    by_norm = gradient * min(1, threshold / np.linalg.norm(gradient))
    by_value = np.clip(gradient, -threshold, threshold)
    left, right = fig.subplots(1, 2, sharey=True)
    outline = {"fill": False, "edgecolor": "#777777", "linewidth": 1.2}
    left.add_patch(Circle((0, 0), threshold, **outline))
    side = 2 * threshold
    right.add_patch(Rectangle((-threshold, -threshold), side, side, **outline))
    for ax, kept in ((left, by_norm), (right, by_value)):
        arrow = {"angles": "xy", "scale_units": "xy", "scale": 1}
        ax.quiver(0, 0, *gradient, color=GRADIENT, alpha=0.35, width=0.012, **arrow)
        ax.quiver(0, 0, *kept, color=GRADIENT, width=0.016, **arrow)
        far = 1.1 * max(np.abs(gradient).max(), threshold)
        low = -1.25 * threshold
        ax.set(xlim=(low, far), ylim=(low, max(far / 2, 1.25 * threshold)), aspect=1)
        ax.set_xlabel("first number of the gradient")
    left.set(ylabel="second number", title="by norm: back to the circle")
    right.set(title="by value: back to the square")
    before, one, other = (
        np.degrees(np.arctan2(*g[::-1])) for g in (gradient, by_norm, by_value)
    )
    return (
        f"A long pale arrow at {before:.0f} degrees and a short dark one, twice. "
        f"Clipped by norm it ends on a circle, still at {one:.0f} degrees; clipped by "
        f"value it ends on a square, at {other:.0f} degrees."
    )


@style.picture(height=2.8)
def norm_log(
    fig: Figure,
    losses=(1.0, 0.9, 2.0),
    norms=(1.0, 10.0, 99.0),
    loss_alarms=(),
    norm_alarms=(2,),
) -> str:
    """Loss and gradient norm of a run that broke right after the last step here.

    losses, norms: (steps,), all finite and above 0. loss_alarms, norm_alarms: steps
    that are marked.
    """
    losses, norms = (np.asarray(given, float) for given in (losses, norms))
    if losses.shape != norms.shape or losses.ndim != 1 or not losses.size:
        raise ValueError(
            f"losses and norms must be (steps,), got {losses.shape} and {norms.shape}"
        )
    top, bottom = fig.subplots(2, 1, sharex=True)
    rows = (
        (top, norms, norm_alarms, "gradient", "gradient norm"),
        (bottom, losses, loss_alarms, "a", "loss"),
    )
    said = []
    for ax, log, alarms, quantity, name in rows:
        alarms = np.asarray(alarms, int)
        ax.semilogy(log, **style.line(quantity))
        ax.plot(alarms, log[alarms], "o", color=style.COLORS[quantity], markersize=5)
        ax.axvline(len(log), color="black", linestyle=":")
        ax.yaxis.set_major_locator(ticker.LogLocator(numticks=5))
        ax.set(title=name, xlim=(0, 1.03 * len(log)))
        first = f", the first at step {alarms[0]}" if len(alarms) else ""
        said.append(f"{name} with {len(alarms)} marked steps{first}")
    bottom.set_xlabel("step")
    return (
        f"Two curves on log axes: {said[0]}; {said[1]}. A dotted line at step "
        f"{len(norms)} marks where the run broke."
    )
