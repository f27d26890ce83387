"""Pictures of notebook 08: the LSTM from inside.

`cell` draws it as a diagram, with or without peepholes. `one_unit_*` is the same
diagram with the values of one step in it, above memory and activation over time;
`parameter_bars` counts what RNN, GRU and LSTM are made of.
"""

import math
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.cells import GRU, LSTM, RNN, LSTMParams
from companion.figures import boxes, style
from companion.figures.gates import (
    MINUS,
    MOST,
    SIZE,
    Line,
    Part,
    as_inputs,
    dot,
    fit_steps,
    gate,
    held,
    incoming,
    lane,
    lasting,
    node,
    part,
    read_numbers,
    signed,
    write_inputs,
)
from companion.inside import inside

__all__ = [
    "Unit",
    "cell",
    "one_unit_describe",
    "one_unit_setup",
    "one_unit_update",
    "parameter_bars",
    "run_unit",
]

MEMORY, MIX, BOX, STATE, INPUT = 2.4, 1.8, 1.08, 0.42, 0.12  # heights in a diagram
HALF = SIZE[1] / 2
SPOTS = {"gamma_f": 1.7, "gamma_u": 2.85, "c_tilde": 4.0, "gamma_o": 5.15}
OUT, SHOWN = 6.0, 1.52  # where the activation leaves, across and up
LIMITS = (1.2, 3.0, 6.0, 12.0, 20.0)  # of the axis of c: few, so that it rarely moves

DEEPER = 1.2  # the axis of c goes further down than up: the inputs are written there


class Unit(NamedTuple):
    """One unit over T steps, its gates held; index t - 1 is step t."""

    line: Line
    a: np.ndarray  # (T,)
    c: np.ndarray
    c_tilde: np.ndarray
    gamma_u: np.ndarray
    gamma_f: np.ndarray
    gamma_o: np.ndarray

    def before(self, t: int) -> float:
        """c<t-1>, which is 0 before the first step."""
        return float(self.c[t - 2]) if t > 1 else 0.0


@style.picture(height=2.8)
def cell(fig: Figure, peephole: bool = False) -> str:
    """The LSTM as a diagram: the memory on its way, and the three gates beside it.

    peephole: the gates look into the memory, Gamma_u and Gamma_f before the step and
    Gamma_o after it (dashed).
    """
    diagram(fig.subplots(), peephole)
    said = (
        "Above, a thick line leads from c<t-1> through a multiplication by Gamma_f and "
        "an addition to c<t>. Below, boxes for Gamma_f, Gamma_u, the candidate and "
        "Gamma_o read a<t-1> and x<t>; the candidate times Gamma_u is what is added. "
        "On the right c<t> goes through tanh and is multiplied by Gamma_o: a<t>."
    )
    if peephole:
        said += (
            " Dashed lines lead from c<t-1> to Gamma_f and Gamma_u and from c<t> to "
            "Gamma_o."
        )
    return said


def diagram(ax: Axes, peephole: bool = False) -> dict[str, Part]:
    """Draw the cell; the parts by name: those whose values one step fills in."""
    f, u, candidate, o = SPOTS.values()
    parts = {
        "c_before": incoming(ax, (0.75, MEMORY), "c_before"),
        "a_before": incoming(ax, (0.75, STATE), "a_before"),
        "x": incoming(ax, (0.75, INPUT), "x"),
        "c": part(ax, (6.85, MEMORY - 0.06), "c", "", box=False),
        "a": part(ax, (6.85, SHOWN - 0.06), "a", "", box=False),
    }
    lane(ax, [(0.75, MEMORY), (f - 0.11, MEMORY)], "c", width=3)
    lane(ax, [(f + 0.11, MEMORY), (candidate - 0.11, MEMORY)], "c", width=3)
    lane(ax, [(candidate + 0.11, MEMORY), (6.5, MEMORY)], "c", width=3)
    # what the boxes read
    for height, read, shift in ((STATE, "a", -0.14), (INPUT, "x", 0.14)):
        turn = (o + shift, height)
        lane(ax, [(0.75, height), turn, (o + shift, BOX - HALF)], read)
        for x in (f, u, candidate):
            dot(ax, (x + shift, height), read)
            lane(ax, [(x + shift, height), (x + shift, BOX - HALF)], read)
    # forget, then add
    lane(ax, [(f, BOX + HALF), (f, MEMORY - 0.11)], "gamma_f")
    lane(ax, [(u, BOX + HALF), (u, MIX), (candidate - 0.11, MIX)], "gamma_u")
    lane(ax, [(candidate, BOX + HALF), (candidate, MIX - 0.11)], "c_tilde")
    lane(ax, [(candidate, MIX + 0.11), (candidate, MEMORY - 0.11)], "c_tilde")
    # what is shown of it
    dot(ax, (OUT, MEMORY), "c")
    lane(ax, [(OUT, MEMORY), (OUT, SHOWN + 0.11)], "c")
    right = o + SIZE[0] / 2
    lane(ax, [(right, BOX), (OUT, BOX), (OUT, SHOWN - 0.11)], "gamma_o")
    lane(ax, [(OUT + 0.11, SHOWN), (6.5, SHOWN)], "a")
    face = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": "#333333"}
    put = {"ha": "center", "va": "center", "fontsize": 9.5, "bbox": face, "zorder": 4}
    ax.text(OUT, (MEMORY + SHOWN) / 2 + 0.04, "tanh", **put)
    for center, sign in (
        ((f, MEMORY), "×"),
        ((candidate, MIX), "×"),
        ((candidate, MEMORY), "+"),
        ((OUT, SHOWN), "×"),
    ):
        node(ax, center, sign)
    if peephole:
        _peepholes(ax)
    for name, x in SPOTS.items():
        parts[name] = gate(ax, (x, BOX), name)
    words = {"fontsize": 9.5}
    above = {"ha": "center", "va": "bottom"} | words
    middle = (f + candidate) / 2
    parts["kept"] = ax.text(middle, MEMORY + 0.07, "what is kept", **above)
    beside = {"ha": "left", "va": "center"} | words
    parts["new"] = ax.text(candidate + 0.17, MIX, "what is new", **beside)
    boxes.plane(ax, -0.35, -0.1, 7.15, 2.68)
    return parts


def _peepholes(ax):
    f, u, _, o = SPOTS.values()
    height, left = BOX + HALF + 0.22, 0.98
    dot(ax, (left, MEMORY), "c")
    lane(
        ax,
        [(left, MEMORY), (left, height), (u - 0.2, height), (u - 0.2, BOX + HALF)],
        "c",
        dashed=True,
    )
    lane(ax, [(f - 0.2, height), (f - 0.2, BOX + HALF)], "c", dashed=True)
    dot(ax, (f - 0.2, height), "c")
    dot(ax, (o, MEMORY), "c")
    lane(ax, [(o, MEMORY), (o, BOX + HALF)], "c", dashed=True)


def run_unit(
    line: Line, gamma_u: Real, gamma_f: Real, gamma_o: Real, when: str, weight: Real
) -> Unit:
    """One unit of an LSTM over a line of numbers, its gates held where they are set.

    Its candidate is tanh(weight * a<t-1> + x<t>).
    """
    W_u, b_u = held(gamma_u, when)
    W_c = np.array([[weight, 1, 0]], np.float32)
    b_c = np.zeros(1, np.float32)
    maps = (W_c, b_c, W_u, b_u, *held(gamma_f), *held(gamma_o))
    params = LSTMParams(*map(jnp.asarray, maps))
    values = inside(LSTM(n_a=1), params, jnp.asarray(as_inputs(line.xs)))
    T = len(line.xs)
    return Unit(
        line, *(np.asarray(values[name], float)[:T, 0] for name in Unit._fields[1:])
    )


def one_unit_setup(fig: Figure, text: str, t: int, **values) -> dict:
    """The diagram above; below it memory, activation, and what each step added."""
    above, below = fig.subplots(2, 1, height_ratios=(2.9, 2.0))
    parts = diagram(above)
    below.set(xlabel="step t", ylim=(-DEEPER * LIMITS[0], LIMITS[0]))
    below.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    for level in (-1, 1):
        below.axhline(level, linestyle=":", **{"color": "#bbbbbb", "linewidth": 0.8})
    (c,) = below.plot([], [], "o", markersize=4, label="$c$", **style.line("c"))
    (a,) = below.plot([], [], "s", markersize=3, label="$a$", **style.line("a"))
    kept = below.plot([], [], "_", color=style.COLORS["gamma_f"], markersize=16)[0]
    kept.set(label=r"kept: $\Gamma_f\,c^{\langle t-1\rangle}$", markeredgewidth=2)
    added = below.vlines(range(MOST), 0, 0, color=style.COLORS["gamma_u"], linewidth=4)
    added.set(label=r"added: $\Gamma_u\,\tilde{c}$", zorder=1)
    below.legend(loc="lower left", bbox_to_anchor=(0, 0.97), ncols=4, fontsize=9.5)
    below.yaxis.set_label_coords(-0.05, 0.5)
    blue = {"ha": "center", "va": "bottom", "color": style.COLORS["x"], "fontsize": 9}
    blue["transform"] = below.get_xaxis_transform()
    heard = [below.text(step, 0.01, "", **blue) for step in range(1, MOST + 1)]
    below.text(0, 0.01, "$x$", **blue | {"fontsize": 11})
    texts = {
        name: found.value if isinstance(found, Part) else found
        for name, found in parts.items()
    }
    lines = {"c": c, "a": a, "kept": kept, "added": added}
    return {"texts": texts, "lines": lines, "heard": heard}


def one_unit_update(
    artists: dict,
    text: str,
    t: int,
    gamma_u: Real,
    gamma_f: Real,
    gamma_o: Real,
    when: str,
    weight: Real,
) -> Unit:
    """Run the unit over what stands in the line, and show step t of it."""
    run = run_unit(read_numbers(text), gamma_u, gamma_f, gamma_o, when, weight)
    xs, T = run.line.xs, len(run.c)
    t = min(t, T)
    before, i = run.before(t), t - 1
    kept, new = run.gamma_f[i] * before, run.gamma_u[i] * run.c_tilde[i]
    said = {name: signed(getattr(run, name)[i]) for name in Unit._fields[1:]}
    said |= {
        "c_before": signed(before),
        "a_before": signed(run.a[t - 2] if t > 1 else 0.0),
        "x": f"{xs[i]:g}".replace("-", MINUS),
        "kept": f"{said['gamma_f']} · {signed(before)} = {signed(kept)}",
        "new": f"{said['gamma_u']} · {said['c_tilde']} = {signed(new)}",
    }
    for name, value in said.items():
        artists["texts"][name].set_text(value)
    lines = artists["lines"]
    ax = lines["c"].axes
    fit_steps(ax, T)
    top = next(limit for limit in LIMITS if np.abs(run.c).max() <= 0.95 * limit)
    if ax.get_ylim()[1] != top:
        ax.set_ylim(-DEEPER * top, top)
    old = np.concatenate([[0.0], run.c])
    steps = np.arange(1, T + 1)
    stays = run.gamma_f * old[:-1]
    lines["c"].set_data(range(T + 1), old)
    lines["a"].set_data(range(T + 1), np.concatenate([[0.0], run.a]))
    lines["kept"].set_data(steps, stays)
    lines["added"].set_segments(
        [[(s, k), (s, c)] for s, k, c in zip(steps, stays, run.c, strict=True)]
    )
    write_inputs(artists["heard"], xs, t)
    return run


def one_unit_describe(run: Unit, text: str, t: int, **others) -> str:
    """What was kept and added at step t, what is shown, and how long memory lasts."""
    t = min(t, len(run.c))
    i, before = t - 1, run.before(t)
    high = np.abs(run.c).max()
    past = f"; |c| reaches {high:.2f}, past 1" if high > 1 else ""
    return (
        f"c⟨{t}⟩ = {signed(run.gamma_u[i])} · {signed(run.c_tilde[i])} + "
        f"{signed(run.gamma_f[i])} · {signed(before)} = {signed(run.c[i])} and a⟨{t}⟩ "
        f"= {signed(run.gamma_o[i])} · tanh(c⟨{t}⟩) = {signed(run.a[i])}{past}; "
        f"{lasting(run.gamma_f[i])}{run.line.said()}."
    )


SIZES = MappingProxyType({"RNN": RNN, "GRU": GRU, "LSTM": LSTM})


@style.picture(height=2.4)
def parameter_bars(
    fig: Figure, n_a: int = 100, n_x: int = 50, cells: Mapping = SIZES
) -> str:
    """The parameters of cells with equally many units, in blocks: one a weight matrix.

    cells: name -> a class of `companion.cells`, or a function of n_a that makes a cell.
    """
    ax = fig.subplots()
    totals = {}
    for row, (name, make) in enumerate(cells.items()):
        made = make(n_a=n_a)
        sizes = {name: math.prod(s) for name, s in made.shapes(n_x).items()}
        left = 0
        for letter in made.maps:
            size = sizes[f"W_{letter}"] + sizes[f"b_{letter}"]
            look = {"color": style.COLORS[_of(letter)], "edgecolor": "white"}
            ax.barh(row, size, left=left, height=0.65, **look)
            ink = "white" if letter == "a" else "black"
            middle = {"ha": "center", "va": "center", "color": ink}
            ax.text(left + size / 2, row, f"$W_{letter}$", **middle)
            left += size
        totals[name] = sum(sizes.values())
        ax.barh(row, totals[name] - left, left=left, height=0.65, color="#777777")
        ax.text(totals[name], row, f"  {totals[name]:,}", va="center")
    ax.set(yticks=range(len(cells)), yticklabels=list(cells))
    ax.set_xlabel(f"parameters with {n_a} units and {n_x} inputs")
    ax.margins(x=0.14)
    ax.invert_yaxis()
    least = min(totals.values(), default=1)
    said = ", ".join(f"{name} {n:,} ({n / least:.3g})" for name, n in totals.items())
    return f"Bars made of one block a weight matrix, parameters in all: {said}."


def _of(letter):
    return {"a": "a", "c": "c"}.get(letter, f"gamma_{letter}")
