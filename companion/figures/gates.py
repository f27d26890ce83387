"""The inside of a gated cell: the parts of its diagram, and gates held by hand.

In a diagram a thick line is the memory on its way, a box is a small network with its
own weights, and a circle multiplies or adds, unit by unit. A gate that is held has no
say of its own: its weights are 0 and its bias is the whole of it.
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.text import Text

from companion.figures import style

__all__ = [
    "LINE_LENGTH",
    "MINUS",
    "MOST",
    "SIZE",
    "WHEN",
    "Line",
    "Part",
    "as_inputs",
    "dot",
    "fit_steps",
    "gate",
    "half_life",
    "held",
    "incoming",
    "lane",
    "lasting",
    "node",
    "part",
    "read_numbers",
    "signed",
    "write_inputs",
]

MINUS = "\N{MINUS SIGN}"
MOST, LARGEST = 16, 9  # numbers read from a line, and how large each may be
LINE_LENGTH = 48
WHEN = ("at every step", "only where x is not 0")
SHUT = 40.0  # sigmoid(-40) is below what float32 adds to anything


class Line(NamedTuple):
    """What was read from a line of text."""

    xs: tuple[float, ...]  # at least one number
    unread: tuple[str, ...]  # the parts that are no number between -9 and 9
    dropped: int  # numbers after the last that is used

    def said(self) -> str:
        """What was passed over, as the end of a sentence; empty if nothing was."""
        said = []
        if self.unread:
            some = ", ".join(f"“{part[:8]}”" for part in self.unread[:3])
            more = f" and {len(self.unread) - 3} more" if len(self.unread) > 3 else ""
            said.append(
                f"not read as numbers from -{LARGEST} to {LARGEST}: {some}{more}"
            )
        if self.dropped:
            said.append(f"only the first {MOST} numbers are used")
        return "".join(f"; {part}" for part in said)


def read_numbers(text: str) -> Line:
    """The numbers in a line, apart by spaces, commas or semicolons.

    Whatever is no number, or not from -9 to 9, is passed over and kept in `unread`; a
    line without a number is read as a single 0.
    """
    xs, unread = [], []
    for word in text.replace(",", " ").replace(";", " ").split():
        try:
            number = float(word.replace(MINUS, "-"))
        except ValueError:
            number = math.nan
        if abs(number) <= LARGEST:
            xs.append(number)
        else:
            unread.append(word)
    return Line(tuple(xs[:MOST]) or (0.0,), tuple(unread), max(len(xs) - MOST, 0))


def as_inputs(xs: Sequence[Real]) -> np.ndarray:
    """(MOST, 2): x<t>, then 1 where it is not 0; steps after the last are 0.

    Always of one shape, so that a line of another length needs no new compilation.
    """
    padded = np.zeros((MOST, 2), np.float32)
    padded[: len(xs), 0] = xs
    padded[:, 1] = padded[:, 0] != 0
    return padded


def held(share: Real, when: str = WHEN[0]) -> tuple[np.ndarray, np.ndarray]:
    """W (1, 3) and b (1,) of a gate that is `share`: over [state, x, x is not 0].

    when: at every step, or only where x is not 0 and shut elsewhere.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share must lie in [0, 1], got {share}")
    if when not in WHEN:
        raise ValueError(f"when must be one of {WHEN}, got {when!r}")
    with np.errstate(divide="ignore"):
        z = float(np.clip(np.log(share) - np.log1p(-float(share)), -SHUT, SHUT))
    W, b = np.zeros((1, 3), np.float32), np.array([z], np.float32)
    if when == WHEN[1]:
        W[0, 2], b[0] = z + SHUT, -SHUT
    return W, b


def half_life(kept: Real) -> float:
    """Steps until half is left if each keeps the share `kept`: 0 for 0, inf for 1."""
    if not 0 <= kept <= 1:
        raise ValueError(f"kept must lie in [0, 1], got {kept}")
    if kept in (0, 1):
        return math.inf if kept else 0.0
    return math.log(0.5) / math.log(kept)


def signed(number: Real) -> str:
    """A number with two decimals and a true minus sign; never -0.00."""
    return f"{number:z.2f}".replace("-", MINUS)


def lasting(kept: Real) -> str:
    """What a share kept at every step means, as a part of a sentence."""
    steps = half_life(kept)
    if steps == 0:
        return "nothing of the old memory is kept"
    if steps > 1e5:
        return "the old memory is kept whole"
    return (
        f"a memory of which {kept:.2f} is kept at each step is down to half after "
        f"{steps:.3g} steps"
    )


def fit_steps(ax: Axes, T: int) -> None:
    """Make the axis of steps reach to T; nothing is drawn anew if it does already."""
    limits = (-0.4, T + 0.6)
    if ax.get_xlim() != limits:
        ax.set(xlim=limits, xticks=range(T + 1))


def write_inputs(texts: Sequence[Text], xs: Sequence[Real], t: int) -> None:
    """The inputs as numbers along the steps, that of step t in bold."""
    for step, text in enumerate(texts, 1):
        text.set_text(
            f"{xs[step - 1]:.3g}".replace("-", MINUS) if step <= len(xs) else ""
        )
        text.set_fontweight("bold" if step == t else "normal")


SIZE = (0.78, 0.56)  # of a box


class Part(NamedTuple):
    """A box of a diagram: its symbol and, below it, the place for a value."""

    label: Text
    value: Text


def part(
    ax: Axes, center: tuple[Real, Real], quantity: str, below: str, box: bool = True
) -> Part:
    """A symbol with a line below it: a box with weights, or what comes in and goes out.

    below: what stands there until a value is set.
    """
    x, y = center
    if box:
        width, height = SIZE
        ax.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2),
                width,
                height,
                boxstyle="round,pad=0,rounding_size=0.08",
                facecolor="white",
                edgecolor=style.COLORS[quantity],
                linestyle=style.line(quantity)["linestyle"],
                linewidth=1.8,
            )
        )
    middle = {"ha": "center", "va": "center"}
    label = ax.text(x, y + 0.11, _symbol(quantity), fontsize=11.5, **middle)
    value = ax.text(x, y - 0.16, below, fontsize=9.5, **middle)
    return Part(label, value)


def _symbol(quantity: str) -> str:
    if quantity.endswith("_before"):
        return style.math(quantity.removesuffix("_before"), "t-1")
    return style.math(quantity)


def incoming(ax: Axes, at: tuple[Real, Real], quantity: str) -> Part:
    """A symbol at the beginning of a line, with the place for a value to its left."""
    x, y = at
    put = {"ha": "right", "va": "center_baseline"}
    label = ax.text(x - 0.06, y, _symbol(quantity), fontsize=11.5, **put)
    return Part(label, ax.text(x - 0.68, y, "", fontsize=9.5, **put))


def gate(ax: Axes, center: tuple[Real, Real], quantity: str) -> Part:
    """A box that says which nonlinearity ends it: sigmoid for a gate, tanh for c~."""
    return part(ax, center, quantity, "tanh" if quantity == "c_tilde" else "σ")


def node(ax: Axes, center: tuple[Real, Real], sign: str) -> None:
    """A circle that multiplies or adds what comes in."""
    ax.add_patch(Circle(center, 0.115, fc="white", ec="#333333", lw=1.3, zorder=3))
    x, y = center
    ax.text(x, y - 0.01, sign, ha="center", va="center", fontsize=12, zorder=4)


def lane(
    ax: Axes,
    points: Sequence[tuple[Real, Real]],
    quantity: str,
    *,
    width: Real = 1.5,
    dashed: bool = False,
) -> None:
    """A line through the points with an arrowhead at its end."""
    look = {"color": style.COLORS[quantity], "linewidth": width, "zorder": 2}
    look["linestyle"] = (0, (3, 1.5)) if dashed else "-"
    if len(points) > 2:
        ax.plot(*zip(*points[:-1], strict=True), solid_capstyle="round", **look)
    head = "-|>,head_length=5,head_width=2.5"
    ends = {"arrowstyle": head, "mutation_scale": 1.0, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(points[-2], points[-1], **ends, **look))


def dot(ax: Axes, at: tuple[Real, Real], quantity: str) -> None:
    """Where a line divides."""
    ax.plot(*at, "o", color=style.COLORS[quantity], markersize=4.5, zorder=3)
