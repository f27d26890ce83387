"""The gradient microscope: what became of a nudge, for every start and every step.

One log scale for the map and the curves: the strip of colours beside the curves is both
the axis of the curves and the key of the map.
"""

from numbers import Real

import numpy as np
from matplotlib import colormaps
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from companion.figures import style
from companion.microscope import View, look

__all__ = ["microscope_describe", "microscope_setup", "microscope_update"]

LOW, HIGH = -20, 5  # powers of ten on the scale; what lies outside is drawn at its end
FLOAT32 = -7  # a part of so little is lost when float32 adds it to the whole
COLOURS = colormaps["magma"](np.linspace(0, 1, 256), bytes=True)
ROWS = {
    "tanh": ("a",),
    "ReLU": ("a",),
    "GRU": ("c_tilde", "gamma_u", "gamma_r"),
    "LSTM": ("c_tilde", "gamma_u", "gamma_f", "gamma_o"),
}
MOST_ROWS = max(map(len, ROWS.values()))
NAMES = {
    "c_tilde": "the candidates",
    "gamma_u": "the update gates",
    "gamma_r": "the relevance gates",
    "gamma_f": "the forget gates",
    "gamma_o": "the output gates",
}
GATES = {"GRU": "gamma_u", "LSTM": "gamma_f"}  # what decides about keeping


class Pixels(Artist):
    """A small image that fills its axes, each of its cells a block of whole pixels.

    `Axes.imshow` would do, and takes longer to draw it than all other artists together.
    """

    def __init__(self, ax: Axes):
        super().__init__()
        box = ax.get_window_extent()
        self.left, self.bottom = round(box.x0) + 1, round(box.y0) + 1  # spines stay
        self.width, self.height = round(box.width), round(box.height)

    def show(self, rgba: np.ndarray) -> None:
        """rgba: (rows, columns, 4) bytes, the first row at the bottom."""
        rows, columns = (
            np.rint(np.linspace(0, cells - 1, pixels)).astype(int)
            for cells, pixels in zip(
                rgba.shape, (self.height, self.width), strict=False
            )
        )
        self.pixels = np.ascontiguousarray(rgba[rows][:, columns])
        self.stale = True

    def draw(self, renderer) -> None:
        gc = renderer.new_gc()
        renderer.draw_image(gc, self.left, self.bottom, self.pixels)
        gc.restore()


def coloured(logs: np.ndarray) -> np.ndarray:
    """Powers of ten as colours of the scale, RGBA; NaN is transparent."""
    share = np.clip((logs - LOW) / (HIGH - LOW), 0, 1)
    rgba = COLOURS[(np.nan_to_num(share) * 255).astype(np.uint8)]
    rgba[np.isnan(logs)] = 0
    return rgba


def microscope_setup(fig: Figure, **values) -> dict:
    """Map, curves and bars; every cell's own artists are there from the start."""
    grid = fig.add_gridspec(2, 2, height_ratios=(3, 1.15))
    over, curves, flat = (
        fig.add_subplot(grid[place])
        for place in (np.s_[:, 0], np.s_[0, 1], np.s_[1, 1])
    )
    # The axes run from 0 to 1: with another T only the numbers at their ends change.
    for ax in (over, curves):
        ax.set(xlim=(0, 1), xticks=(0, 0.5, 1), xticklabels=("0", "T/2", ""))
    over.set(ylim=(0, 1), yticks=(0, 0.5, 1), yticklabels=("0", "T/2", ""))
    over.set(xlabel="step k of the nudge", ylabel="step t")
    over.set_title("size at step t of a nudge at step k")
    over.set_facecolor("#e4e4e4")  # no colour of the map
    over.text(0.66, 0.25, "no nudge yet", ha="center", color="#444444")
    places = (
        (over, 1, -0.03, "center", "top"),
        (over, -0.03, 1, "right", "center"),
        (curves, 1, -0.05, "center", "top"),
    )
    ends = [
        ax.text(x, y, "", ha=ha, va=va, transform=ax.transAxes, color="#333333")
        for ax, x, y, ha, va in places
    ]
    whole, memory, keys = _curves(curves)
    bars, labels = _rows(flat)

    def choose(cell):
        # no slider changes these, so they may cost a redraw of everything
        for kind, group in keys.items():
            for artist in group:
                artist.set_visible(kind == (cell if cell in GATES else None))
        for kind, group in labels.items():
            for artist in group:
                artist.set_visible(kind == cell)

    style.settle(fig)  # from here on it is known which pixels the map covers
    return {
        "map": fig.add_artist(Pixels(over)),
        "ends": ends,
        "whole": whole,
        "memory": memory,
        "bars": bars,
        "choose": choose,
    }


def _curves(ax):
    ax.set(ylim=(LOW, HIGH), yticks=())
    ax.set_xlabel("lag: steps back from step T")
    for at, said in ((0, "size kept"), (FLOAT32, "lost in a float32 sum")):
        ax.axhline(at, color="#bbbbbb", linewidth=0.8, zorder=0)
        ax.text(0.99, at, said, ha="right", va="bottom", fontsize=8, color="#555555")
    strip = ax.inset_axes((-0.075, 0, 0.06, 1))
    strip.imshow(
        COLOURS[:, None], origin="lower", aspect="auto", extent=(0, 1, LOW, HIGH)
    )
    ticks = range(LOW, HIGH + 1, 5)
    labels = [rf"$10^{{{power}}}$" if power else "1" for power in ticks]
    strip.set(xticks=(), yticks=ticks, yticklabels=labels)
    (whole,) = ax.plot([], [], **style.line("gradient"))
    _key(ax, 0.0, "whole state", **style.line("gradient"))
    alone = {"color": "#999999", "linestyle": ":", "linewidth": 1.5}
    looks = {None: ("a gate alone", alone)} | {
        kind: ("memory line", style.line(gate)) for kind, gate in GATES.items()
    }
    memory = {kind: ax.plot([], [], **look_)[0] for kind, (_, look_) in looks.items()}
    keys = {kind: _key(ax, 0.5, said, **look_) for kind, (said, look_) in looks.items()}
    return whole, memory, keys


def _key(ax, x, said, **look_):
    """One entry of a legend above the curves, where no curve can run through it."""
    sample = Line2D((x, x + 0.13), (1.07, 1.07), transform=ax.transAxes, **look_)
    sample.set_clip_on(False)
    ax.add_artist(sample)
    return sample, ax.text(x + 0.15, 1.07, said, va="center", transform=ax.transAxes)


def _rows(ax):
    ax.set(xlim=(0, 1), ylim=(MOST_ROWS - 0.5, -0.5), yticks=())
    ax.set(xticks=(0, 0.5, 1), xticklabels=("0%", "50%", "100%"))
    ax.set_title("units on a flat part")
    bars = {kind: [] for kind in ROWS}
    labels = {kind: [] for kind in ROWS}
    for kind, names in ROWS.items():
        for row, name in enumerate(names):
            (bar,) = ax.barh(row, 0, height=0.7, color=style.COLORS[name])
            if name == "c_tilde":  # the candidate is dotted in every picture
                bar.set(facecolor="white", edgecolor=style.COLORS[name], linestyle=":")
            bars[kind].append(bar)
            symbol = style.math(name, None)
            labels[kind].append(
                ax.text(-0.02, row, symbol, ha="right", va="center_baseline")
            )
    return bars, labels


def microscope_update(
    artists: dict,
    cell: str,
    rho: Real,
    input_scale: Real,
    bias: Real,
    T: int,
    seed: int,
) -> View:
    """Point the microscope at another network."""
    view = look(cell, rho, input_scale, bias, T, seed)
    artists["choose"](cell)
    artists["map"].show(coloured(view.map))
    for end in artists["ends"]:
        end.set_text(f"{T}")
    lags = np.linspace(0, 1, T + 1)
    # a curve down to nothing at all leaves the frame instead of breaking off
    artists["whole"].set_data(lags, np.maximum(view.by_lag, 2 * LOW))
    kind = cell if cell in GATES else None
    kept = gate_alone(bias, T) if view.memory is None else view.memory
    artists["memory"][kind].set_data(lags, kept)
    for other, line in artists["memory"].items():
        line.set_visible(other == kind)
    for other, bars in artists["bars"].items():
        for name, bar in zip(ROWS[other], bars, strict=True):
            bar.set_visible(other == cell)
            bar.set_width(view.saturation.get(name, 0))
    return view


def gate_alone(bias: Real, T: int) -> np.ndarray:
    """log10 of sigmoid(bias)^k for k = 0..T: a keeping gate that nothing else moves."""
    return -np.arange(T + 1) * np.log10(1 + np.exp(-bias))


def microscope_describe(view: View, cell: str, T: int, **others) -> str:
    """What became of a nudge at step 1, what the memory keeps, how much is flat."""
    said = f"a random nudge at step 1 {_became(view.by_lag[T - 1])} at step {T}"
    if T > 20:
        said += f", one at step {T - 10} {_became(view.by_lag[10])}"
    if cell in GATES:
        flat = ", ".join(
            f"{view.saturation[name]:.0%} of {NAMES[name]}" for name in ROWS[cell]
        )
        return (
            f"{said}; the memory line alone would keep "
            f"{_size(view.memory[T - 1])} of it. Flat: {flat}."
        )
    share = f"{view.saturation['a']:.0%} of the units sit"
    if cell == "ReLU":  # started at 0, it scales with its input, slopes and all
        return f"{said}; {share} at 0. Input scale and bias change nothing in a ReLU."
    return f"{said}; {share} on a flat part of tanh. There is no gate for the bias."


def _became(log):
    return "is gone" if np.isneginf(log) else f"has {_size(log)} of its size"


def _size(log):
    if -3 <= log <= 3:
        return f"{float(f'{10**log:.1g}'):g}"
    return f"about 1e{log:.0f}"
