"""What a forget bias is worth: the memory line it promises, and the gradient there is.

A bias b alone makes Gamma_f the same at every step, sigma(b), and then a memory fades
as sigma(b)^k. In a network the gates move with inputs and state; so beside the promise
stands what is measured in untrained LSTMs that start with this bias.
"""

import functools
from numbers import Real
from typing import NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure

from companion.cells import LSTM
from companion.figures import style
from companion.figures.gates import half_life
from companion.gradients import norm_by_lag

__all__ = [
    "LONGEST",
    "Forgetting",
    "forget_bias",
    "forget_bias_describe",
    "forget_bias_setup",
    "forget_bias_update",
    "measured",
]

UNITS, INPUTS, SEEDS, LONGEST = 12, 8, 5, 200
LOW, HIGH = 1e-20, 1e4  # the sizes that are drawn
LOWEST, HIGHEST = -2.0, 8.0  # forget biases


class Forgetting(NamedTuple):
    """One forget bias; index k of a row is lag k, from 0 to LONGEST."""

    share: float  # sigma(b)
    half_life: float  # in steps
    promised: np.ndarray  # sigma(b)^k
    measured: np.ndarray  # (SEEDS, ...): |dc<T>/dc<T-k>|, root mean square of a nudge


@functools.lru_cache(maxsize=128)
def measured(b: Real) -> np.ndarray:
    """|dc<T>/dc<T-k>| for k = 0..LONGEST in untrained LSTMs, (seeds, LONGEST + 1).

    The root mean square over the directions of a nudge to c. 12 units, 8 inputs drawn
    from a normal distribution at each of LONGEST steps; T is the last of them. b: where
    the forget bias starts.
    """
    cell, params, xs = _untrained()
    params = params._replace(b_f=params.b_f + b)
    return norm_by_lag(cell, params, xs, part="c", norm="average", over_seeds=True)


@functools.cache
def _untrained():
    """LSTMs whose forget bias is 0, and their inputs: a seed axis in front."""
    cell = LSTM(n_a=UNITS, forget_bias=0.0)
    for_params, for_xs = jax.random.split(jax.random.key(8))
    keys = jax.random.split(for_params, SEEDS)
    each = [cell.init(key, INPUTS) for key in keys]  # `init` alone compiles sooner
    params = jax.tree.map(lambda *leaves: jax.numpy.stack(leaves), *each)
    return cell, params, jax.random.normal(for_xs, (SEEDS, LONGEST, INPUTS))


def forget_bias_setup(fig: Figure, b: Real, T: int) -> dict:
    """Both curves against the lag; beside them the half-life against the bias."""
    left, right = fig.subplots(1, 2, width_ratios=(3, 2))
    lags = np.arange(LONGEST + 1)
    (promised,) = left.semilogy(
        lags, lags + 1, label=r"$\sigma(b)^k$", **style.line("gamma_f")
    )
    size = r"$|\partial c^{\langle T\rangle}/\partial c^{\langle T-k\rangle}|$"
    gradient = style.line("gradient")
    (mean,) = left.plot(lags, lags + 1, label=f"{size} measured", **gradient)
    thin = gradient | {"linewidth": 0.7, "linestyle": "-", "alpha": 0.45}
    seeds = [left.plot(lags, lags + 1, **thin)[0] for _ in range(SEEDS)]
    (here,) = left.plot([T, T], [LOW, HIGH], color="#999999", linewidth=1)
    spots = [
        left.plot([T], [1], "o", color=line.get_color())[0] for line in (promised, mean)
    ]
    left.set(xlim=(0, LONGEST), ylim=(LOW, HIGH), xlabel="steps back k")
    left.set(ylabel="what is left", yticks=[1e-20, 1e-15, 1e-10, 1e-5, 1])
    left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=10)
    biases = np.linspace(LOWEST, HIGHEST, 200)
    steps = [half_life(1 / (1 + np.exp(-bias))) for bias in biases]
    right.semilogy(biases, steps, color=style.COLORS["gamma_f"])
    (dot,) = right.plot([b], [1], "o", color=style.COLORS["gamma_f"], markersize=9)
    (level,) = right.plot([LOWEST, HIGHEST], [T, T], color="#999999", linewidth=1)
    right.set(xlim=(LOWEST, HIGHEST), ylim=(0.25, 3000), xlabel="forget bias b")
    right.set_title(r"half-life of $\sigma(b)^k$ in steps")
    lines = {"promised": promised, "mean": mean, "seeds": seeds}
    return {"lines": lines, "here": here, "spots": spots, "dot": dot, "level": level}


def forget_bias_update(artists: dict, b: Real, T: int) -> Forgetting:
    """Another bias, or another number of steps to look back."""
    b = round(float(b), 6)
    share = float(1 / (1 + np.exp(-b)))
    found = Forgetting(
        share, half_life(share), share ** np.arange(LONGEST + 1.0), measured(b)
    )
    mean = np.exp(np.log(np.maximum(found.measured, 1e-300)).mean(axis=0))
    lines = artists["lines"]
    for line, row in (
        (lines["promised"], found.promised),
        (lines["mean"], mean),
        *zip(lines["seeds"], found.measured, strict=True),
    ):
        line.set_ydata(np.maximum(row, LOW / 10))
    artists["here"].set_xdata([T, T])
    for spot, row in zip(artists["spots"], (found.promised, mean), strict=True):
        spot.set_data([T], [np.maximum(row[T], LOW / 10)])
    artists["dot"].set_data([b], [found.half_life])
    artists["level"].set_ydata([T, T])
    return found


def forget_bias_describe(found: Forgetting, b: Real, T: int) -> str:
    """The half-life, and what is left after T steps: promised and measured."""
    left = np.log10(np.maximum(found.measured[:, T], 1e-300)).mean()
    return (
        f"Γf = σ(b) = {found.share:.4f} halves a memory in {found.half_life:.3g} "
        f"steps; {T} steps back σ(b)^{T} leaves {_size(np.log10(found.promised[T]))} "
        f"of it, and in {SEEDS} untrained LSTMs a nudge to c is multiplied by "
        f"{_size(left)} on average."
    )


def _size(log: Real) -> str:
    """A power of ten, coarse enough to be the same on machines that round otherwise."""
    if -3 <= log <= 3:
        return f"{float(f'{10**log:.1g}'):g}"
    return f"about 1e{log:.0f}"


@style.picture
def forget_bias(fig: Figure, b: Real = 1.0, T: int = 100) -> str:
    """The same picture with one bias, for a page without sliders."""
    if not 0 <= T <= LONGEST:
        raise ValueError(f"T must lie in 0..{LONGEST}, got {T}")
    artists = forget_bias_setup(fig, b, T)
    return forget_bias_describe(forget_bias_update(artists, b, T), b, T)
