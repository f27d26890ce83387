"""Pictures of notebook 00: one unit with a memory of its own."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from companion.cells import RNN, RNNParams
from companion.figures import style
from companion.unroll import unroll

__all__ = [
    "fading",
    "fading_describe",
    "fading_memory",
    "fading_setup",
    "fading_update",
    "latch",
    "legend",
]

STEPS = 30
ACTIVATIONS = {"none": jax.nn.identity, "tanh": jnp.tanh}


@functools.cache
def steps() -> np.ndarray:
    return np.arange(1, STEPS + 1)


def fading_memory(w: float, activation: str = "none", size: float = 1.0) -> np.ndarray:
    """What one unit makes of a single input: a<t> = g(w a<t-1> + x<t>), x<1> = size.

    activation: "none" (g changes nothing) or "tanh". Returns (30,), a<1> to a<30>.
    """
    if activation not in ACTIVATIONS:
        raise ValueError(
            f"activation must be one of {list(ACTIVATIONS)}, got {activation!r}"
        )
    cell = RNN(n_a=1, activation=ACTIVATIONS[activation])
    params = RNNParams(W_a=jnp.array([[w, 1.0]]), b_a=jnp.zeros(1))
    xs = np.zeros((STEPS, 1), np.float32)
    xs[0] = size
    return np.asarray(unroll(cell, params, xs).a)[:, 0]


def fading_setup(fig: Figure, w: float, activation: str):
    left, right = fig.subplots(1, 2, width_ratios=(3, 2))
    left.bar([1], [1], width=0.6, color=style.COLORS["x"], alpha=0.45)
    left.set_title(f"the only input: {style.math('x', 1)} = 1", color=style.COLORS["x"])
    left.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    (heard,) = left.plot(steps(), steps(), marker="o", markersize=3, **style.line("a"))
    left.set(ylim=(-1.6, 1.6), xlabel="step t", ylabel="activation " + style.math("a"))
    (size,) = right.semilogy(
        steps(), steps(), marker="o", markersize=3, **style.line("a")
    )
    right.axhline(1, color="#cccccc", linewidth=0.8, zorder=0)
    right.set(ylim=(1e-7, 1e4), xlabel="step t", ylabel="its size (log scale)")
    return {"heard": heard, "size": size}


def fading_update(artists, w: float, activation: str) -> np.ndarray:
    a = fading_memory(w, activation)
    artists["heard"].set_data(steps(), a)
    artists["size"].set_data(steps(), np.maximum(np.abs(a), 1e-12))
    return a


def fading_describe(a: np.ndarray, w: float, activation: str) -> str:
    at_10, at_30 = (f"{float(f'{held:.2g}'):,g}" for held in (a[9], a[29]))
    return f"at step 10 the unit holds {at_10}, at step 30 it holds {at_30}."


@style.picture(height=2.9)
def fading(fig: Figure, w: float = 0.9, activation: str = "none") -> str:
    """The memory of one unit as a still picture; the explorer draws the same."""
    a = fading_update(fading_setup(fig, w, activation), w, activation)
    return (
        f"After one input of 1 at step 1, with recurrent weight {w:g}, "
        + fading_describe(a, w, activation)
    )


@style.picture(height=2.6)
def latch(fig: Figure, w: float = 1.3) -> str:
    """Many sizes of the one input, and where tanh takes them all."""
    ax = fig.subplots()
    sizes = (-3.0, -1.0, -0.3, -0.1, 0.1, 0.3, 1.0, 3.0)
    ends = []
    for size in sizes:
        a = fading_memory(w, "tanh", size)
        ends.append(a[-1])
        ax.plot(steps(), a, **style.line("a") | {"linewidth": 1.1})
        ax.annotate(
            f"{size:g}",
            (1, a[0]),
            (-3, 0),
            textcoords="offset points",
            color=style.COLORS["x"],
            ha="right",
            va="center",
            fontsize=8,
        )
    ax.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    ax.set(xlim=(-1, 30.5), ylim=(-1.1, 1.1), xlabel="step t")
    ax.set_ylabel("activation " + style.math("a"))
    return (
        f"Eight runs of one tanh unit with w = {w:g}, one for each size of the input "
        f"at step 1, from {sizes[0]:g} to {sizes[-1]:g}. The curves run together into "
        f"two: from above zero they end at {max(ends):.2f}, from below at "
        f"{min(ends):.2f}."
    )


NAMES = {
    "x": "input",
    "a": "activation",
    "y": "prediction",
    "c": "memory cell",
    "c_tilde": "candidate",
    "gamma_u": "update gate",
    "gamma_f": "forget gate",
    "gamma_o": "output gate",
    "gamma_r": "relevance gate",
    "gradient": "gradient",
    "best": "best possible score",
}


@style.picture(height=2.6)
def legend(fig: Figure) -> str:
    """The colour and the line that each quantity keeps through the whole course."""
    ax = fig.subplots()
    ax.set(xlim=(0, 3), ylim=(3.6, -0.5))
    ax.axis("off")
    for number, (quantity, name) in enumerate(NAMES.items()):
        column, row = divmod(number, 4)
        symbol = "" if quantity in ("gradient", "best") else style.math(quantity) + ", "
        ax.plot([column, column + 0.28], [row, row], **style.line(quantity))
        ax.text(column + 0.33, row, symbol + name, va="center", fontsize=12)
    return (
        "One line for each quantity of the course, in the colour and line style it "
        "keeps: " + ", ".join(NAMES.values()) + "."
    )
