"""The parts of a diagram: boxes with numbers in them, arrows, grids of numbers.

One unit of the plane is one inch at the default size of a picture. A box and an arrow
take the colour and the line style of the quantity they stand for.
"""

from collections.abc import Sequence
from functools import cache
from numbers import Real
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.text import Text

from companion.figures import style

__all__ = [
    "Box",
    "Edge",
    "Entry",
    "arrow",
    "artists",
    "box",
    "fill",
    "grid",
    "light",
    "plane",
    "size",
    "symbol",
]

_ENTRY = (0.5, 0.21)  # one number
_EMPTY = (0.62, 0.44)  # a box without numbers
_SYMBOLS = {"x": "x", "a": "a", "y": r"\hat{y}", "c": "c"}


class Entry(NamedTuple):
    """One number: the cell it stands in and its text."""

    cell: Rectangle
    text: Text


class Box(NamedTuple):
    """A quantity at one step: its frame, its symbol and, from the top, its numbers."""

    center: tuple[Real, Real]
    size: tuple[Real, Real]
    frame: FancyBboxPatch
    label: Text
    entries: tuple[Entry, ...]

    def side(self, name: str) -> tuple[Real, Real]:
        """The middle of the left, right, top or bottom side."""
        dx, dy = {"left": (-1, 0), "right": (1, 0), "bottom": (0, -1), "top": (0, 1)}[
            name
        ]
        x, y = self.center
        return x + dx * self.size[0] / 2, y + dy * self.size[1] / 2


class Edge(NamedTuple):
    """An arrow and the name of its weights (None where it is not written)."""

    line: FancyArrowPatch
    label: Text | None


def symbol(quantity: str, t: int | str | None = None, layer: int | None = None) -> str:
    """The symbol as mathtext, a^[2]<3> for ("a", 3, 2); t and layer may be left out."""
    if quantity not in _SYMBOLS:
        raise ValueError(f"quantity must be one of {list(_SYMBOLS)}, got {quantity!r}")
    above = ("" if layer is None else f"[{layer}]") + (
        "" if t is None else rf"\langle {t}\rangle"
    )
    return f"${_SYMBOLS[quantity]}" + (f"^{{{above}}}$" if above else "$")


def plane(ax: Axes, left: float, bottom: float, right: float, top: float) -> None:
    """Turn `ax` into a drawing plane: no frame, no ticks, one scale both ways."""
    ax.set_axis_off()
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")


def grid(
    ax: Axes,
    center: tuple[Real, Real],
    n_rows: int,
    n_columns: int = 1,
    entry: tuple[Real, Real] = _ENTRY,
) -> tuple[tuple[Entry, ...], ...]:
    """Empty cells for a matrix or a column vector, row by row; see `fill`."""
    width, height = entry
    left, top = center[0] - n_columns * width / 2, center[1] + n_rows * height / 2
    rows = []
    for i in range(n_rows):
        row = []
        for j in range(n_columns):
            corner = left + j * width, top - (i + 1) * height
            cell = Rectangle(corner, width, height, fc="white", ec="white", lw=0.8)
            ax.add_patch(cell)
            middle = corner[0] + width / 2, corner[1] + height / 2 - 0.008
            text = ax.text(*middle, "", ha="center", va="center", fontsize=8.5)
            row.append(Entry(cell, text))
        rows.append(tuple(row))
    return tuple(rows)


def fill(entries: Sequence, numbers, decimals: int = 2) -> None:
    """Write numbers into entries of the same shape and colour them from -1 to 1."""
    numbers = np.asarray(numbers, float)
    if len(entries) != len(numbers):
        raise ValueError(f"{len(entries)} entries cannot show {len(numbers)} numbers")
    for entry, number in zip(entries, numbers, strict=True):
        if isinstance(entry, Entry):
            said = f"{number:.{decimals}f}"
            if float(said) == 0:  # "-0.00" would tell of rounding; "0" is exact
                said = "0" if number == 0 else said.lstrip("-")
            face, ink = _tint(round(float(np.clip(number, -1, 1)), 2))
            entry.cell.set_facecolor(face)
            entry.text.set(text=said.replace("-", "\N{MINUS SIGN}"), color=ink)
        else:
            fill(entry, number, decimals)


def box(
    ax: Axes,
    center: tuple[Real, Real],
    quantity: str,
    label: str,
    n_values: int = 0,
) -> Box:
    """A frame in the colour of `quantity`; the label moves beside it to make room."""
    width, height = size(n_values)
    corner = center[0] - width / 2, center[1] - height / 2
    frame = FancyBboxPatch(
        corner,
        width,
        height,
        boxstyle="round,pad=0.04,rounding_size=0.07",
        facecolor="white",
        edgecolor=style.COLORS[quantity],
        linewidth=1.6,
    )
    ax.add_patch(frame)
    if not n_values:
        text = ax.text(*center, label, ha="center", va="center", fontsize=13)
        return Box(center, (width, height), frame, text, ())
    spot = center[0] + width / 2 + 0.08, center[1] + height / 2 + 0.06
    text = ax.text(*spot, label, ha="left", va="top", fontsize=12)
    column = tuple(row[0] for row in grid(ax, center, n_values))
    return Box(center, (width, height), frame, text, column)


def arrow(
    ax: Axes,
    start: tuple[Real, Real],
    end: tuple[Real, Real],
    quantity: str,
    label: str | None = None,
    bend: Real = 0.0,
    shrink: Real = 4.0,
    under: bool = False,
) -> Edge:
    """An arrow in the colour and line style of `quantity`, its label at the middle.

    The label of an upright arrow stands to its right, that of a level one above it or,
    with `under`, below. bend: 0 is straight. shrink: points left free at either end.
    """
    dotted = style.line(quantity)["linestyle"]
    line = FancyArrowPatch(
        start,
        end,
        arrowstyle="-|>,head_length=4.5,head_width=2.2",
        connectionstyle=f"arc3,rad={bend}",
        mutation_scale=1.0,
        shrinkA=shrink,
        shrinkB=shrink,
        color=style.COLORS[quantity],
        linestyle=dotted,
        linewidth=1.5,
    )
    ax.add_patch(line)
    if label is None:
        return Edge(line, None)
    x, y = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
    upright = abs(end[1] - start[1]) > abs(end[0] - start[0])
    text = ax.text(
        x + 0.06 * upright,
        y + (0 if upright else -0.06 if under else 0.05),
        label,
        ha="left" if upright else "center",
        va="center" if upright else "top" if under else "bottom",
        fontsize=10.5,
        color=style.COLORS[quantity],
    )
    return Edge(line, text)


def light(part: Box | Edge, on: bool) -> None:
    """Show a box or an arrow in full, or faintly: what has not happened yet."""
    for artist in artists(part):
        artist.set_alpha(1.0 if on else 0.15)


def artists(part) -> list[Artist]:
    """All artists in a box, an arrow, or a dict of them."""
    if isinstance(part, Artist):
        return [part]
    if isinstance(part, dict):
        part = part.values()
    elif not isinstance(part, tuple):
        return []
    return [artist for inner in part for artist in artists(inner)]


def size(n_values: int = 0) -> tuple[Real, Real]:
    """Width and height of a box that holds so many numbers."""
    return (_ENTRY[0], n_values * _ENTRY[1]) if n_values else _EMPTY


@cache
def _tint(number: float) -> tuple[tuple, str]:
    """The cividis colour of a number in [-1, 1], and the ink that stands out on it."""
    colour = matplotlib.colormaps["cividis"](Normalize(-1, 1)(number))[:3]
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour
    ]
    luminance = np.dot((0.2126, 0.7152, 0.0722), linear)
    # where the contrast ratios of black and of white are equal (WCAG 2)
    return colour, "black" if luminance > 0.179 else "white"
