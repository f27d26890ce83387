"""Pictures of notebook 07: the gated recurrent unit from inside.

`cell` draws it as a diagram, simplified or full. `one_unit_*` is the same diagram with
the values of one step in it, above the memory over time; `half_life` is what one number
of the update gate means in steps.
"""

from numbers import Real
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from companion.cells import GRU, GRUParams
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
from companion.figures.gates import half_life as steps_to_half
from companion.inside import inside

__all__ = [
    "Unit",
    "cell",
    "half_life",
    "one_unit_describe",
    "one_unit_setup",
    "one_unit_update",
    "run_unit",
]

MEMORY, MIX, BOX, STATE, INPUT = 2.15, 1.62, 1.05, 0.42, 0.12  # heights in a diagram
CANDIDATE, PLUS = 4.9, 4.9
HALF = SIZE[1] / 2
GATES = {"gamma_u": 1.75, "gamma_r": 3.1}


class Unit(NamedTuple):
    """One unit over T steps, its gates held; index t - 1 is step t."""

    line: Line
    c: np.ndarray  # (T,)
    c_tilde: np.ndarray
    gamma_u: np.ndarray
    gamma_r: np.ndarray

    def before(self, t: int) -> float:
        """c<t-1>, which is 0 before the first step."""
        return float(self.c[t - 2]) if t > 1 else 0.0


@style.picture(height=2.5)
def cell(fig: Figure, full: bool = True) -> str:
    """The GRU as a diagram: what is multiplied, what is added, and where c<t> goes on.

    full: with the relevance gate; without it, the simplified GRU.
    """
    diagram(fig.subplots(), full)
    said = (
        "Above, a thick line leads from c<t-1> through a multiplication by 1 minus "
        "Gamma_u and an addition to c<t>, which is a<t> too. Below, boxes for Gamma_u"
        f"{', Gamma_r' if full else ''} and the candidate read c<t-1> and x<t>; the "
        "candidate is multiplied by Gamma_u before it is added."
    )
    return said + (
        " On its way to the candidate, c<t-1> is multiplied by Gamma_r." if full else ""
    )


def diagram(ax: Axes, full: bool) -> dict[str, Part]:
    """Draw the cell; the parts by name: those whose values one step fills in."""
    parts = {
        "c_before": incoming(ax, (0.75, MEMORY), "c_before"),
        "x": incoming(ax, (0.75, INPUT), "x"),
        "c": part(ax, (6.55, MEMORY - 0.06), "c", "", box=False),
    }
    names = ["gamma_u", "gamma_r"] if full else ["gamma_u"]
    spots = {name: GATES[name] for name in names} | {"c_tilde": CANDIDATE}
    # the memory: from the left, times what is kept, plus what is new
    u = spots["gamma_u"]
    lane(ax, [(0.75, MEMORY), (u - 0.11, MEMORY)], "c", width=3)
    lane(ax, [(u + 0.11, MEMORY), (PLUS - 0.11, MEMORY)], "c", width=3)
    lane(ax, [(PLUS + 0.11, MEMORY), (6.0, MEMORY)], "c", width=3)
    # what the boxes read
    dot(ax, (0.98, MEMORY), "c")
    reset = 4.0
    state = [(0.98, MEMORY), (0.98, STATE)]
    if full:
        lane(ax, [*state, (reset - 0.11, STATE)], "c")
        taken = [(reset + 0.11, STATE), (CANDIDATE - 0.14, STATE)]
        lane(ax, [*taken, (CANDIDATE - 0.14, BOX - HALF)], "c")
        right = spots["gamma_r"] + 0.39
        lane(ax, [(right, BOX), (reset, BOX), (reset, STATE + 0.11)], "gamma_r")
        node(ax, (reset, STATE), "×")
    else:
        turn = (CANDIDATE - 0.14, STATE)
        lane(ax, [*state, turn, (CANDIDATE - 0.14, BOX - HALF)], "c")
    turn = (CANDIDATE + 0.14, INPUT)
    lane(ax, [(0.75, INPUT), turn, (CANDIDATE + 0.14, BOX - HALF)], "x")
    for name in names:
        for shift, height, read in ((-0.14, STATE, "c"), (0.14, INPUT, "x")):
            x = spots[name] + shift
            dot(ax, (x, height), read)
            lane(ax, [(x, height), (x, BOX - HALF)], read)
    # the update gate, twice
    lane(ax, [(u, BOX + HALF), (u, MEMORY - 0.11)], "gamma_u")
    dot(ax, (u, MIX), "gamma_u")
    lane(ax, [(u, MIX), (CANDIDATE - 0.11, MIX)], "gamma_u")
    lane(ax, [(CANDIDATE, BOX + HALF), (CANDIDATE, MIX - 0.11)], "c_tilde")
    lane(ax, [(CANDIDATE, MIX + 0.11), (PLUS, MEMORY - 0.11)], "c_tilde")
    for center, sign in (
        ((u, MEMORY), "×"),
        ((CANDIDATE, MIX), "×"),
        ((PLUS, MEMORY), "+"),
    ):
        node(ax, center, sign)
    parts["c"].label.set_text(f"{style.math('c')} $=$ {style.math('a')}")
    green = {"color": style.COLORS["gamma_u"], "fontsize": 10.5, "va": "center"}
    ax.text(u + 0.09, (MIX + MEMORY) / 2, r"$1-\Gamma_u$", **green)
    for name, x in spots.items():
        parts[name] = gate(ax, (x, BOX), name)
    above = {"ha": "center", "va": "bottom", "fontsize": 9.5}
    parts["kept"] = ax.text((u + PLUS) / 2, MEMORY + 0.07, "what is kept", **above)
    beside = {"ha": "left", "va": "center", "fontsize": 9.5}
    parts["new"] = ax.text(PLUS + 0.17, MIX, "what is new", **beside)
    boxes.plane(ax, -0.35, -0.1, 7.15, 2.42)
    return parts


def run_unit(line: Line, gamma_u: Real, gamma_r: Real, when: str, weight: Real) -> Unit:
    """One unit of a GRU over a line of numbers, its gates held where they are set.

    Its candidate is tanh(weight * Gamma_r * c<t-1> + x<t>).
    """
    W_u, b_u = held(gamma_u, when)
    W_r, b_r = held(gamma_r)
    W_c = np.array([[weight, 1, 0]], np.float32)
    b_c = np.zeros(1, np.float32)
    params = GRUParams(*map(jnp.asarray, (W_c, b_c, W_u, b_u, W_r, b_r)))
    values = inside(GRU(n_a=1), params, jnp.asarray(as_inputs(line.xs)))
    T = len(line.xs)
    names = ("c", "c_tilde", "gamma_u", "gamma_r")
    return Unit(line, *(np.asarray(values[name], float)[:T, 0] for name in names))


def one_unit_setup(
    fig: Figure, text: str, t: int, gamma_u: Real, when: str, weight: Real, **relevance
) -> dict:
    """The diagram above; below it the memory, and what each step mixed."""
    full = bool(relevance)
    above, below = fig.subplots(2, 1, height_ratios=(2.7, 2.0))
    parts = diagram(above, full)
    below.set(ylim=(-1.38, 1.12), yticks=(-1, 0, 1), xlabel="step t")
    below.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    (c,) = below.plot([], [], "o", markersize=4, label="$c$", **style.line("c"))
    (c_tilde,) = below.plot([], [], "D", color=style.COLORS["c_tilde"], markersize=5)
    c_tilde.set(markerfacecolor="white", linestyle="none", label=r"$\tilde{c}$")
    spans = below.vlines(range(MOST), 0, 0, color="#bbbbbb", linewidth=5, zorder=1)
    (now,) = below.plot([], [], color=style.COLORS["gamma_u"], linewidth=6, zorder=1.5)
    now.set_solid_capstyle("butt")
    (was,) = below.plot([], [], color=style.COLORS["c"], linewidth=1, linestyle=":")
    spans.set_label("from old to candidate")
    below.legend(loc="lower left", bbox_to_anchor=(0, 0.97), ncols=3, fontsize=9.5)
    blue = {"ha": "center", "va": "bottom", "color": style.COLORS["x"], "fontsize": 9}
    heard = [below.text(step, -1.36, "", **blue) for step in range(1, MOST + 1)]
    below.text(0, -1.36, "$x$", **blue | {"fontsize": 11})
    texts = {
        name: found.value if isinstance(found, Part) else found
        for name, found in parts.items()
    }
    lines = {"c": c, "c_tilde": c_tilde, "spans": spans, "now": now, "was": was}
    return {"texts": texts, "lines": lines, "heard": heard}


def one_unit_update(
    artists: dict,
    text: str,
    t: int,
    gamma_u: Real,
    when: str,
    weight: Real,
    gamma_r: Real = 1.0,
) -> Unit:
    """Run the unit over what stands in the line, and show step t of it."""
    run = run_unit(read_numbers(text), gamma_u, gamma_r, when, weight)
    xs, T = run.line.xs, len(run.c)
    t = min(t, T)
    before, c, c_tilde = run.before(t), run.c[t - 1], run.c_tilde[t - 1]
    share = run.gamma_u[t - 1]
    said = {
        "c_before": signed(before),
        "x": f"{xs[t - 1]:g}".replace("-", MINUS),
        "c": signed(c),
        "gamma_u": signed(share),
        "c_tilde": signed(c_tilde),
        "kept": f"{signed(1 - share)} · {signed(before)} = "
        f"{signed((1 - share) * before)}",
        "new": f"{signed(share)} · {signed(c_tilde)} = {signed(share * c_tilde)}",
    }
    if "gamma_r" in artists["texts"]:
        said["gamma_r"] = signed(run.gamma_r[t - 1])
    for name, value in said.items():
        artists["texts"][name].set_text(value)
    lines = artists["lines"]
    fit_steps(lines["c"].axes, T)
    old = np.concatenate([[0.0], run.c])
    lines["c"].set_data(range(T + 1), old)
    steps = np.arange(1, T + 1)
    lines["c_tilde"].set_data(steps, run.c_tilde)
    lines["spans"].set_segments(
        [
            [(step, a), (step, b)]
            for step, a, b in zip(steps, old, run.c_tilde, strict=False)
        ]
    )
    lines["now"].set_data([t, t], [before, c])
    lines["was"].set_data([t - 1, t], [before, before])
    write_inputs(artists["heard"], xs, t)
    return run


def one_unit_describe(run: Unit, text: str, t: int, **others) -> str:
    """How c<t> was mixed, and how long a memory lasts on the direct path."""
    t = min(t, len(run.c))
    before, c_tilde = run.before(t), run.c_tilde[t - 1]
    share = run.gamma_u[t - 1]
    return (
        f"c⟨{t}⟩ = {signed(share)} · {signed(c_tilde)} + {signed(1 - share)} · "
        f"{signed(before)} = {signed(run.c[t - 1])} lies between the candidate "
        f"and c⟨{t - 1}⟩; {lasting(1 - share)}{run.line.said()}."
    )


@style.picture(height=3.0)
def half_life(fig: Figure, marks=(0.5, 0.1, 0.01)) -> str:
    """Steps until half of a memory is left, against the value of the update gate.

    marks: gate values between 0 and 1 whose half-life is written beside the curve.
    """
    marks = np.asarray(marks, float)
    if marks.ndim != 1 or not ((marks > 0) & (marks < 1)).all():
        raise ValueError(f"marks must be gate values between 0 and 1, got {marks}")
    ax = fig.subplots()
    gates = np.geomspace(1e-3, 0.999, 400)
    ax.loglog(gates, [steps_to_half(1 - g) for g in gates], color="black")
    said = []
    for g in marks:
        steps = steps_to_half(1 - g)
        ax.plot(g, steps, "o", color=style.COLORS["gamma_u"])
        ax.annotate(
            f"{g:g}: {steps:.3g} step" + ("s" if steps != 1 else ""),
            (g, steps),
            (7, 6),
            textcoords="offset points",
        )
        said.append(f"{steps:.3g} at {g:g}")
    ax.set_xlabel(r"update gate $\Gamma_u$, the same at every step")
    ax.set_ylabel("half-life in steps")
    ax.set(xlim=(1e-3, 1.4), ylim=(0.08, 1000))
    listed = f": {', '.join(said)}" if said else ""
    return (
        "The half-life falls as the gate opens, nearly a straight line on log axes"
        f"{listed}."
    )
