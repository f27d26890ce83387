"""Pictures of notebook 02: the plain recurrent network, forward."""

import functools
from numbers import Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from companion.cells import RNN, RNNParams
from companion.dynamics import ACTIVATIONS
from companion.figures import boxes, diagrams, style
from companion.unroll import unroll

__all__ = [
    "Pass",
    "causality",
    "forward",
    "small_network",
    "step_by_step_describe",
    "step_by_step_setup",
    "step_by_step_update",
]


class Pass(NamedTuple):
    """A forward pass over T steps; row t - 1 is step t."""

    xs: np.ndarray  # (T, n_x)
    z: np.ndarray  # (T, n_a), before the activation
    a: np.ndarray  # (T, n_a)
    y_hat: np.ndarray  # (T, n_y)


def small_network() -> dict[str, np.ndarray]:
    """The network of three units that notebook 02 follows by eye."""
    return {
        "W_aa": np.array([[0.5, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, -0.5, 0.5]]),
        "W_ax": np.array([[1.0, 0.0], [0.0, 0.5], [-0.5, 1.0]]),
        "b_a": np.array([0.0, 0.1, -0.1]),
        "W_y": np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, 0.0]]),
        "b_y": np.array([0.0, 0.5]),
        "xs": np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [-1.0, 0.5]]),
    }


def forward(xs=None, activation: str = "tanh") -> Pass:
    """The small network over xs (T, 2), or over its own four inputs; from a<0> = 0."""
    w = small_network()
    xs = w["xs"] if xs is None else np.asarray(xs, float)
    W_a = np.concatenate([w["W_aa"], w["W_ax"]], axis=1)
    params = RNNParams(jnp.asarray(W_a), jnp.asarray(w["b_a"]))
    cell = RNN(n_a=3, activation=ACTIVATIONS[activation])
    a = np.asarray(unroll(cell, params, jnp.asarray(xs)).a, float)
    before = np.concatenate([np.zeros((1, 3)), a[:-1]])
    z = np.concatenate([before, xs], axis=1) @ W_a.T + w["b_a"]
    y_hat = jax.nn.softmax(a @ w["W_y"].T + w["b_y"])
    return Pass(xs, z, a, np.asarray(y_hat, float))


def step_by_step_setup(fig: Figure, t: int, first: Real, activation: str) -> dict:
    ax = fig.subplots()
    n_steps, pitch = len(small_network()["xs"]), 1.6
    nodes = diagrams.unrolled(ax, n_steps, values=(2, 3, 2), pitch=pitch, whole=False)[
        0
    ]
    boxes.fill(nodes.pop(("a", 0, 1)).entries, np.zeros(3))
    columns, names = _arithmetic(ax, left=-0.25, middle=-1.2)
    boxes.plane(ax, -0.35, -1.85, pitch * n_steps + 0.7, 2.75)
    # boxes, arrows and symbols stay; numbers come, and the frames of step t grow bold
    frames = {key: node.frame for key, node in nodes.items()}
    numbers = {key: node.entries for key, node in nodes.items()}
    return {"frames": frames, "numbers": numbers, "columns": columns, "names": names}


def _arithmetic(ax, left: Real, middle: Real) -> tuple[dict, dict]:
    """The line W_a[a<t-1>, x<t>] + b_a = z<t> and a<t>, as columns of cells."""
    w = small_network()
    place = functools.partial(boxes.grid, ax)
    for x, (name, n_columns) in {0.75: ("W_aa", 3), 2.1: ("W_ax", 2)}.items():
        boxes.fill(place((left + x, middle), 3, n_columns), w[name], decimals=1)
    b_a = place((left + 4.42, middle), 3)
    boxes.fill([row[0] for row in b_a], w["b_a"], decimals=1)
    fixed = {0.75: "$W_{aa}$", 2.1: "$W_{ax}$", 4.42: "$b_a$"}
    for x, text in fixed.items():
        ax.text(left + x, middle + 0.42, text, ha="center", fontsize=12)
    for x, sign in {3.97: "+", 4.87: "="}.items():
        ax.text(left + x, middle, sign, ha="center", va="center", fontsize=13)
    boxes.arrow(ax, (left + 5.6, middle), (left + 6.5, middle), "a")
    grids = {
        "before": place((left + 3.52, middle + 0.25), 3),
        "x": place((left + 3.52, middle - 0.35), 2),
        "z": place((left + 5.32, middle), 3),
        "a": place((left + 6.8, middle), 3),
    }
    beside = {"ha": "right", "va": "center", "fontsize": 12}
    above = {"ha": "center", "fontsize": 12}
    names = {
        "before": ax.text(left + 3.22, middle + 0.25, "", **beside),
        "x": ax.text(left + 3.22, middle - 0.35, "", **beside),
        "z": ax.text(left + 5.32, middle + 0.42, "", **above),
        "a": ax.text(left + 6.8, middle + 0.42, "", **above),
        "g": ax.text(left + 6.03, middle + 0.07, "", ha="center", fontsize=10),
    }
    columns = {name: [row[0] for row in rows] for name, rows in grids.items()}
    return columns, names


def step_by_step_update(artists: dict, t: int, first: Real, activation: str) -> Pass:
    xs = small_network()["xs"]
    xs[0, 0] = first
    run = forward(xs, activation)
    for key, entries in artists["numbers"].items():
        step = key[1]
        boxes.fill(entries, {"x": run.xs, "a": run.a, "y": run.y_hat}[key[0]][step - 1])
        for entry in boxes.artists(entries):
            entry.set_visible(step <= t)
        artists["frames"][key].set_linewidth(3.0 if step == t else 1.6)
    before = run.a[t - 2] if t > 1 else np.zeros(3)
    now = {"before": before, "x": run.xs[t - 1], "z": run.z[t - 1], "a": run.a[t - 1]}
    for name, numbers in now.items():
        boxes.fill(artists["columns"][name], numbers)
    names = artists["names"]
    names["before"].set_text(style.math("a", t - 1))
    names["x"].set_text(style.math("x", t))
    names["z"].set_text(rf"$z^{{\langle {t}\rangle}}$")
    names["a"].set_text(style.math("a", t))
    names["g"].set_text(activation)
    return run


def step_by_step_describe(run: Pass, t: int, first: Real, activation: str) -> str:
    a = ", ".join(f"{number:z.2f}" for number in run.a[t - 1])  # z: no -0.00
    likely = int(run.y_hat[t - 1].argmax())
    return (
        f"a⟨{t}⟩ is ({a}), and output {likely + 1} of 2 has the larger probability, "
        f"{run.y_hat[t - 1, likely]:.2f}."
    )


@style.picture(height=3.4)
def causality(fig: Figure, change=None) -> str:
    """How far each output moves when one input is touched.

    change: (T, T), row k - 1, column t - 1: the change of y-hat<t> after x<k> was
    touched. None takes the small network.
    """
    change = _small_change() if change is None else np.asarray(change, float)
    if change.ndim != 2 or change.shape[0] != change.shape[1]:
        raise ValueError(f"change must be a square matrix, got shape {change.shape}")
    if not change.any():
        raise ValueError("change is 0 everywhere: nothing moved, so there is no map")
    T = len(change)
    ax = fig.subplots()
    seen = np.ma.masked_equal(change, 0)
    edges = np.arange(T + 1) + 0.5
    mesh = ax.pcolormesh(
        edges, edges, seen, norm=LogNorm(), edgecolors="white", linewidth=0.5
    )
    for k, t in np.argwhere(change == 0):
        ax.text(t + 1, k + 1, "0", ha="center", va="center", color="#777777")
    ax.set(
        xticks=range(1, T + 1), yticks=range(1, T + 1), ylim=(T + 0.5, 0.5), aspect=1
    )
    ax.set_xlabel(f"output {style.math('y', 't')} at step t")
    ax.set_ylabel(f"touched input {style.math('x', 'k')}")
    fig.colorbar(mesh, label="size of the change (log scale)")
    early = np.tril(np.ones((T, T), bool), -1)
    if np.all(change[early] == 0) and np.all(change[~early] > 0):
        return (
            f"A {T} by {T} map: each row is a touched input k, each column an output "
            "t. Every cell with t before k is exactly 0, every other cell is not."
        )
    return (
        f"A {T} by {T} map of how far output t moves when input k is touched: "
        f"{int((change[early] > 0).sum())} cells with t before k are not 0, "
        f"{int((change[~early] == 0).sum())} cells from the diagonal on are 0."
    )


def _small_change() -> np.ndarray:
    """The change in the small network when the first number of x<k> grows by 1."""
    w = small_network()
    plain = forward().y_hat
    rows = []
    for k in range(len(plain)):
        xs = w["xs"].copy()
        xs[k, 0] += 1
        rows.append(np.abs(forward(xs=xs).y_hat - plain).max(axis=1))
    return np.array(rows)
