"""One step of one unit as a function of its state: a straight line, or bent.

A unit whose gate and candidate see the input alone takes steps that are lines with a
slope between 0 and 1: two histories of it never change places.
"""

from numbers import Real
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from companion.figures import style

__all__ = [
    "CONVENTIONS",
    "SEES",
    "Step",
    "gate_describe",
    "gate_setup",
    "gate_update",
]


SEES = ("nothing", "the gate", "the candidate")
CONVENTIONS = ("takes the candidate", "keeps the state")
OPEN, SHUT = 2.0, -2.0  # W_u x + b_u at x = 1 and at x = 0
STARTS = (1.0, -1.0)
MOST_BITS = 16


class Step(NamedTuple):
    """One unit: its step as a function of the old state, and two histories."""

    grid: np.ndarray
    after: np.ndarray  # (2, grid): c<t> at x = 0 and at x = 1
    slopes: tuple[float, float]  # at c = 0, for x = 0 and x = 1
    straight: bool
    bits: np.ndarray
    histories: np.ndarray  # (2, bits + 1), from +1 and from -1


def one_step(c, x, sees, weight, convention, negated):
    """c<t> of one unit whose candidate is 2x - 1, unless it sees the state."""
    z_u = np.where(x == 1, OPEN, SHUT) + (weight * c if sees == "the gate" else 0)
    gamma = 1 / (1 + np.exp(z_u if negated else -z_u))
    new = np.tanh(weight * c) if sees == "the candidate" else 2.0 * x - 1
    kept = 1 - gamma if convention == CONVENTIONS[0] else gamma
    return (1 - kept) * new + kept * c


def as_bits(text: str) -> np.ndarray:
    """The zeros and ones of a text, the first sixteen; anything else is left out."""
    return np.array([int(letter) for letter in text if letter in "01"][:MOST_BITS], int)


def gate_setup(fig: Figure, **values) -> dict:
    left, right = fig.subplots(1, 2)
    steps = [
        left.plot([], [], color=style.COLORS["x"], label=f"x = {x}", linestyle=line)[0]
        for x, line in enumerate((":", "-"))
    ]
    left.plot([-1.6, 1.6], [-1.6, 1.6], **style.line("best") | {"linewidth": 1})
    label = {"xlabel": style.math("c", "t-1"), "ylabel": style.math("c")}
    left.set(xlim=(-1.6, 1.6), ylim=(-1.6, 1.6), title="one step", **label)
    left.legend(loc="lower right")
    runs = [
        right.plot([], [], color=style.COLORS["c"], marker=mark, linestyle=line,
                   label=f"from {start:+.0f}", markersize=5)[0]
        for start, mark, line in zip(STARTS, ("o", "s"), ("-", "--"), strict=True)
    ]  # fmt: skip
    right.set(xlabel="step t", ylabel=style.math("c"), title="two histories")
    right.set(xlim=(-0.3, MOST_BITS + 0.3), ylim=(-1.6, 1.6))
    right.legend(loc="upper right", ncols=2, fontsize=9)
    read = [right.text(t, -1.5, "", ha="center") for t in range(1, MOST_BITS + 1)]
    return {"steps": steps, "runs": runs, "read": read}


def gate_update(
    artists: dict, sees: str, weight: Real, convention: str, negated: bool, text: str
) -> Step:
    form = (sees, weight, convention, negated)
    grid = np.linspace(-1.6, 1.6, 65)
    after = np.stack([one_step(grid, x, *form) for x in (0, 1)])
    near = np.array([one_step(np.array([-1e-4, 1e-4]), x, *form) for x in (0, 1)])
    slopes = (near[:, 1] - near[:, 0]) / 2e-4
    bits = as_bits(text)
    histories = np.empty((2, len(bits) + 1))
    histories[:, 0] = STARTS
    for t, x in enumerate(bits):
        histories[:, t + 1] = one_step(histories[:, t], x, *form)
    for line, values in zip(artists["steps"], after, strict=True):
        line.set_data(grid, values)
    for line, values in zip(artists["runs"], histories, strict=True):
        line.set_data(range(len(bits) + 1), values)
    for t, label in enumerate(artists["read"]):
        label.set_text(str(bits[t]) if t < len(bits) else "")
    bent = np.abs(np.diff(after, 2, axis=1)).max()
    return Step(grid, after, tuple(map(float, slopes)), bent < 1e-9, bits, histories)


def gate_describe(step: Step, **values) -> str:
    form = "a straight line" if step.straight else "bent"
    low, high = (f"{slope + 0.0:.2f}" for slope in step.slopes)
    apart = step.histories[0] - step.histories[1]
    turns = int(np.sum(np.sign(apart[1:]) != np.sign(apart[:-1])))
    past = f"after {len(step.bits)} bits the two histories are "
    past += f"{abs(apart[-1]):.2f} apart"
    order = "have not changed places" if not turns else (
        f"have changed places {turns} time{'s' if turns > 1 else ''}"
    )  # fmt: skip
    return (
        f"the step is {form}, with slope {low} at x = 0 and {high} at x = 1 "
        f"around c = 0; {past} and {order}."
    )
