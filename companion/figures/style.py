"""The look of every picture: colours by quantity, one figure factory, alt text.

A picture is a plain function with default arguments. It draws on the figure it is
given and returns its alt text; `picture` turns it into a function whose result
shows itself in a notebook:

    @picture(height=3.0)
    def identity(fig: Figure, n: int = 5) -> str:
        fig.subplots().plot(range(n), **line("a"))
        return f"A straight line over {n} points."

No pyplot anywhere: its global list of figures is shared between threads, and
JupyterLab runs the callbacks of a slider in a second thread.
"""

import base64
import functools
import inspect
import io
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from numbers import Real
from types import MappingProxyType

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = [
    "COLORS",
    "DPI",
    "LINES",
    "Picture",
    "bundle",
    "drawing",
    "encode",
    "figure",
    "line",
    "math",
    "picture",
    "settle",
]

# Okabe and Ito's palette (Color Universal Design, 2008), safe for colour-blind
# readers. A quantity keeps its colour and its line style in every picture.
COLORS = MappingProxyType(
    {
        "x": "#0072B2",
        "a": "#000000",
        "y": "#595959",
        "c": "#E69F00",
        "c_tilde": "#E69F00",
        "gamma_u": "#009E73",
        "gamma_f": "#D55E00",
        "gamma_o": "#CC79A7",
        "gamma_r": "#56B4E9",
        "best": "#999999",
        "gradient": "#B63679",  # the middle of the magma map, which shows gradients
    }
)
LINES = MappingProxyType(
    {
        "x": "-.",
        "a": "-",
        "y": (0, (4, 1, 1, 1, 1, 1)),
        "c": "-",
        "c_tilde": ":",
        "gamma_u": (0, (8, 1.5)),
        "gamma_f": (0, (8, 1.5, 2, 1.5)),
        "gamma_o": (0, (8, 1.5, 2, 1.5, 2, 1.5)),
        "gamma_r": (0, (2, 1)),
        "best": "-",
        "gradient": "--",
    }
)
_SYMBOLS = MappingProxyType(
    {
        "x": "x",
        "a": "a",
        "y": r"\hat{y}",
        "c": "c",
        "c_tilde": r"\tilde{c}",
        "gamma_u": r"\Gamma_u",
        "gamma_f": r"\Gamma_f",
        "gamma_o": r"\Gamma_o",
        "gamma_r": r"\Gamma_r",
    }
)
DPI = 110  # 7.2 inches make 792 pixels: the text column of a notebook

# Colours are spelled out, so that a reader's own dark style cannot put white text
# on the white face that keeps a picture readable on a dark page.
_RC = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#333333",
    "axes.labelcolor": "black",
    "axes.titlelocation": "left",
    "axes.titlesize": "medium",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "image.cmap": "cividis",
    "legend.fontsize": 11.0,
    "legend.frameon": False,
    "legend.handlelength": 3.0,
    "lines.linewidth": 1.8,
    "mathtext.fontset": "dejavuserif",  # its small indices stay readable
    "text.color": "black",
    "text.usetex": False,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
}
_LOCK = threading.RLock()
_entered = 0  # how often the thread that holds the lock is inside of `drawing`


@contextmanager
def drawing() -> Iterator[None]:
    """Hold the one drawing lock, with the course's Matplotlib settings in force.

    Matplotlib is not safe to use from two threads, and its settings are global:
    everything that makes, changes or renders a figure happens in here.
    """
    global _entered
    with _LOCK:
        # the settings cost a millisecond or two, so only the outermost makes them
        with nullcontext() if _entered else matplotlib.rc_context(_RC):
            _entered += 1
            try:
                yield
            finally:
                _entered -= 1


def figure(width: Real = 7.2, height: Real = 3.6) -> Figure:
    """An empty figure of `width` by `height` inches with a canvas and a white face."""
    for name, inches in (("width", width), ("height", height)):
        if not 0.5 <= inches <= 20:
            raise ValueError(f"{name} must lie in [0.5, 20] inches, got {inches}")
    fig = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(fig)
    return fig


def settle(fig: Figure) -> None:
    """Lay the figure out once, then fix it: the layout costs more than the drawing."""
    if fig.get_layout_engine() is not None:
        fig.draw_without_rendering()
        fig.set_layout_engine("none")


def encode(canvas: FigureCanvasAgg, level: int = 9) -> bytes:
    """What the canvas shows as an RGB PNG; `level` 1 is quick, 9 is small."""
    if level == 1:
        return _encode_quickly(canvas)
    rgba = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    stream = io.BytesIO()
    rgba.convert("RGB").save(
        stream,
        "PNG",
        compress_level=level,
        compress_type=zlib.Z_DEFAULT_STRATEGY,  # for drawings smaller than Pillow's own
    )
    return stream.getvalue()


def _encode_quickly(canvas: FigureCanvasAgg) -> bytes:
    """The same PNG in half of Pillow's time, which tries every filter on every row."""
    rgba = np.asarray(canvas.buffer_rgba())
    height, width, _ = rgba.shape
    rows = np.zeros((height, 1 + 3 * width), np.uint8)  # each begins with "no filter"
    for channel in range(3):  # a colour at a time: quicker than all three together
        rows[:, 1 + channel :: 3] = rgba[..., channel]
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(rows, 1),
        b"IEND": b"",
    }
    png = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks.items():
        png += struct.pack(">I", len(data)) + name + data
        png += struct.pack(">I", zlib.crc32(name + data))
    return png


def line(quantity: str) -> dict[str, object]:
    """Keyword arguments of `Axes.plot` for a quantity: its colour and line style."""
    _check_quantity(quantity, COLORS)
    width = 1.0 if quantity == "best" else 1.8
    return {
        "color": COLORS[quantity],
        "linestyle": LINES[quantity],
        "linewidth": width,
    }


def math(quantity: str, t: int | str | None = "t") -> str:
    """The symbol of a quantity at step `t` as mathtext; no step if `t` is None."""
    _check_quantity(quantity, _SYMBOLS)
    step = "" if t is None else rf"^{{\langle {t}\rangle}}"
    return f"${_SYMBOLS[quantity]}{step}$"


class Picture:
    """A figure and its alt text; as the last line of a cell it shows both.

    Raises:
        TypeError: `fig` is not a Matplotlib figure, or `alt` is not a string.
        ValueError: `alt` is empty.
    """

    def __init__(self, fig: Figure, alt: str):
        if not isinstance(fig, Figure):
            raise TypeError(f"fig must be a matplotlib Figure, got {type(fig)}")
        if not isinstance(alt, str):
            raise TypeError(f"alt must be the alt text, a string; got {alt!r}")
        if not alt.strip():
            raise ValueError("alt is empty: say in words what the picture shows")
        self.fig = fig
        self.alt = alt

    def png(self) -> bytes:
        """The picture as PNG bytes."""
        with drawing():
            settle(self.fig)
            canvas = FigureCanvasAgg(self.fig)
            canvas.draw()
            return encode(canvas)

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include=None, exclude=None):
        return bundle(self.png(), self.alt)


def bundle(png: bytes, alt: str) -> tuple[dict[str, object], dict[str, object]]:
    """A display bundle (data, metadata): a picture with its alt text, and the text."""
    data = {"image/png": base64.b64encode(png).decode(), "text/plain": alt}
    return data, {"image/png": {"alt": alt}}


def picture(
    draw: Callable[..., str] | None = None, *, width: Real = 7.2, height: Real = 3.6
) -> Callable:
    """Make a function that draws on `fig` and returns alt text return a `Picture`.

    The caller leaves `fig` out. Every other argument needs a default, so that the
    picture can be drawn, and tested, with no arguments.
    """
    if draw is None:
        return functools.partial(picture, width=width, height=height)
    first, *others = inspect.signature(draw).parameters.values()
    if first.name != "fig":
        raise TypeError(f"{draw.__name__}: the first argument must be fig")
    for argument in others:
        if argument.default is inspect.Parameter.empty:
            raise TypeError(f"{draw.__name__}: {argument.name} needs a default")

    @functools.wraps(draw)
    def drawn(*args, **kwargs) -> Picture:
        with drawing():
            fig = figure(width, height)
            alt = draw(fig, *args, **kwargs)
            return Picture(fig, alt)

    drawn.__signature__ = inspect.Signature(others, return_annotation=Picture)
    return drawn


def _check_quantity(quantity: str, known) -> None:
    if quantity not in known:
        raise ValueError(f"quantity must be one of {list(known)}, got {quantity!r}")
