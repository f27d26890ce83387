"""How far the gradient of a loss reaches back, and what truncation cuts off.

Both explorers of notebook 03 look at one untrained network over a few steps. Its
backward pass is the one the notebook derives, in NumPy, for the loss of every step by
itself: row t of `Reach.d_a` is the gradient of L<t> alone.
"""

import functools
from numbers import Real
from typing import NamedTuple

import numpy as np
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure

from companion.figures import boxes, style

__all__ = [
    "CUTS",
    "Cut",
    "Reach",
    "arrival_describe",
    "arrival_setup",
    "arrival_update",
    "reach",
    "truncated",
    "truncation_describe",
    "truncation_setup",
    "truncation_update",
]

UNITS, CLASSES, INPUT_SIZE = 16, 4, 0.5
SHOWN, LONG = 7, 20  # steps: in the drawing, and in the map of truncation
CUTS = ("counted back from each loss", "at fixed places")


class Reach(NamedTuple):
    """The gradient of each step's loss by itself; index t - 1 is step t."""

    d_a: np.ndarray  # (T, T, units): dL<t>/da<k>, zero where k > t
    d_z: np.ndarray  # (T, T, units): the same before tanh
    read: np.ndarray  # (T, units + inputs + 1): [a<t-1>, x<t>, 1]

    @property
    def norms(self) -> np.ndarray:
        """|dL<t>/da<k>|, (T, T)."""
        return np.linalg.norm(self.d_a, axis=-1)


class Cut(NamedTuple):
    """The truncated gradient beside the full one, for every number of links tau."""

    norms: np.ndarray  # (T, T), as in Reach
    kept: np.ndarray  # (T, T), whether the path from L<t> to step k is there
    cosine: np.ndarray  # (T,), for tau = 0, 1, ... T - 1
    length: np.ndarray  # (T,), |truncated| / |full|


@functools.cache
def _network(T: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(33)
    W_aa = np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0]
    W_ax = rng.normal(size=(UNITS, UNITS)) / np.sqrt(UNITS)
    W_y = rng.normal(size=(CLASSES, UNITS)) / np.sqrt(UNITS)
    xs = INPUT_SIZE * rng.normal(size=(LONG, UNITS))
    return (
        W_aa,
        W_ax,
        W_y,
        xs[:T],
        np.eye(CLASSES)[rng.integers(CLASSES, size=LONG)[:T]],
    )


@functools.lru_cache(maxsize=64)
def reach(scale: Real = 1.0, T: int = SHOWN) -> Reach:
    """All dL<t>/da<k> of a network of 16 units; W_aa is `scale` times orthogonal.

    T: number of steps, at most 20.
    """
    if not 1 <= T <= LONG:
        raise ValueError(f"T must lie in 1..{LONG}, got {T}")
    W_aa, W_ax, W_y, xs, ys = _network(T)
    W_aa = scale * W_aa
    a, states = np.zeros(UNITS), [np.zeros(UNITS)]
    for x in xs:
        a = np.tanh(W_aa @ a + W_ax @ x)
        states.append(a)
    states = np.array(states)
    y_hat = np.exp(states[1:] @ W_y.T)
    y_hat /= y_hat.sum(axis=1, keepdims=True)
    own = (y_hat - ys) @ W_y  # what the loss of step t says to a<t>
    d_a, d_z = np.zeros((2, T, T, UNITS))
    d = np.zeros((T, UNITS))  # a row for each loss, all carried back together
    for k in reversed(range(T)):
        d[k] = own[k]
        d_a[:, k] = d
        d_z[:, k] = d * (1 - states[k + 1] ** 2)
        d = d_z[:, k] @ W_aa
    read = np.concatenate([states[:-1], xs, np.ones((T, 1))], axis=1)
    return Reach(d_a, d_z, read)


@functools.lru_cache(maxsize=64)
def truncated(scale: Real = 1.0, cut: str = CUTS[0], T: int = LONG) -> tuple:
    """(kept, cosine, length) for tau = 0..T-1; kept is (tau, t, k). See `Cut`.

    cut: whether each loss looks back over tau links, or the sequence is cut into
    windows of tau + 1 steps, which no gradient leaves.
    """
    if cut not in CUTS:
        raise ValueError(f"cut must be one of {CUTS}, got {cut!r}")
    found = reach(scale, T)
    tau, t, k = np.ogrid[:T, :T, :T]
    near = t - k <= tau if cut == CUTS[0] else t // (tau + 1) == k // (tau + 1)
    kept = near & (k <= t)
    d_z = np.einsum("stk,tkn->skn", kept, found.d_z)
    W_a_reads = found.read[:, :-1]  # all but the 1 that the bias multiplies
    flat = np.einsum("skn,km->snm", d_z, W_a_reads).reshape(T, -1)
    sizes = np.linalg.norm(flat, axis=1)
    return kept, flat @ flat[-1] / (sizes * sizes[-1]), sizes / sizes[-1]


# The gradient of one loss on the unrolled drawing.

PITCH, FIRST, WIDTH = 0.91, 0.42, 6.3  # inches: one unit of the drawing is one inch
ROWS = {"x": 0.3, "a": 1.08, "y": 1.86}


def arrival_setup(fig: Figure, t: int, scale: Real) -> dict:
    fig.set_layout_engine("none")  # the bars stand under the boxes, inch by inch
    width, height = fig.get_size_inches()
    left = (width - WIDTH - 0.05) / width
    top = fig.add_axes((left, 1 - 2.2 / height, WIDTH / width, 2.2 / height))
    boxes.plane(top, 0.0, 0.0, WIDTH, 2.2)
    spots = FIRST + PITCH * np.arange(SHOWN)
    nodes, back = {}, {}
    for k, x in enumerate(spots, 1):
        for name, row in ROWS.items():
            symbol = boxes.symbol(name, k)
            nodes[name, k] = boxes.box(top, (x, row), name, symbol)
        below, here, above = (nodes[name, k] for name in "xay")
        boxes.arrow(top, below.side("top"), here.side("bottom"), "x", shrink=2)
        right, high = here.side("right")[0], ROWS["a"] + 0.12
        if k < SHOWN:  # forward above, back below
            far = right + PITCH - here.size[0]
            boxes.arrow(top, (right, high), (far, high), "a", shrink=2)
            ends = (far, high - 0.24), (right, high - 0.24)
            back["a", k] = boxes.arrow(top, *ends, "gradient", shrink=2).line
        ends = [(x - 0.1, side[1]) for side in (here.side("top"), above.side("bottom"))]
        boxes.arrow(top, *ends, "y", shrink=2)
        ends = [(x + 0.1, y) for _, y in reversed(ends)]
        back["y", k] = boxes.arrow(top, *ends, "gradient", shrink=2).line
    for line in back.values():
        line.set(linestyle="-", linewidth=2.2)  # too short for dashes
    low = fig.add_axes((left, 0.5 / height, WIDTH / width, 1 - 2.8 / height))
    bars = low.bar(spots, np.ones(SHOWN), 0.5, bottom=FLOOR)
    for bar in bars:
        bar.set(facecolor=style.COLORS["gradient"], edgecolor="black", hatch="//")
    low.set(yscale="log", ylim=(FLOOR, 300), xlim=(0, WIDTH), xticks=spots)
    low.set(xticklabels=range(1, SHOWN + 1), xlabel="step k")
    low.set_ylabel(r"$|dL^{\langle t\rangle}/da^{\langle k\rangle}|$")
    above = {"ha": "center", "va": "bottom", "fontsize": 9}
    said = [low.text(x, 1, "", **above) for x in spots]
    # a ring around the box of the loss: the boxes themselves are never drawn again
    ring = boxes.box(top, (FIRST, ROWS["y"]), "y", "").frame
    ring.set(facecolor="none", linewidth=3.5, edgecolor="black")
    return {"back": back, "bars": list(bars), "said": said, "ring": ring}


FLOOR = 1e-6


def arrival_update(artists: dict, t: int, scale: Real) -> np.ndarray:
    sizes = reach(scale).norms[t - 1]
    shades = np.clip(1 + np.log10(np.maximum(sizes, FLOOR)) / 5, 0.15, 1)
    for (kind, k), line in artists["back"].items():
        line.set_visible(k == t if kind == "y" else k < t)
        line.set_alpha(shades[k - 1])
    artists["ring"].set_x(FIRST + PITCH * (t - 1) - artists["ring"].get_width() / 2)
    for bar, text, size in zip(artists["bars"], artists["said"], sizes, strict=True):
        bar.set_height(max(size - FLOOR, 0))
        text.set_y(max(size, FLOOR) * 1.2)
        text.set_text("0" if size == 0 else f"{size:.2g}")
    return sizes


def arrival_describe(sizes: np.ndarray, t: int, scale: Real) -> str:
    if t == 1:
        said = "the loss of step 1 has only a⟨1⟩ to speak to"
    else:
        links = "1 link" if t == 2 else f"{t - 1} links"
        left = sizes[0] / sizes[t - 1]
        said = f"{links} back, a⟨1⟩ gets {left:.2g} times the gradient that a⟨{t}⟩ gets"
    later = SHOWN - t
    if later == 0:
        return said + "."
    states, get = ("1 state", "gets") if later == 1 else (f"{later} states", "get")
    return said + f"; the {states} after step {t} {get} exactly 0."


# What truncation keeps.


def truncation_setup(fig: Figure, tau: int, cut: str, scale: Real) -> dict:
    fig.get_layout_engine().set(w_pad=0.08)
    left, right = fig.subplots(1, 2, width_ratios=(5, 4))
    edges = np.arange(LONG + 1) + 0.5
    past = np.ma.masked_equal(np.tril(np.ones((LONG, LONG))), 0)
    left.pcolormesh(edges, edges, past, cmap=ListedColormap(["#d9d9d9"]))
    mesh = left.pcolormesh(
        edges, edges, past, cmap="magma", norm=LogNorm(1e-3, 3), rasterized=True
    )
    fig.colorbar(mesh, ax=left, extend="both")
    size = r"$|dL^{\langle t\rangle}/da^{\langle k\rangle}|$"
    left.set_title(f"{size}, grey: cut off")
    ticks = [1, 5, 10, 15, 20]
    left.set(xticks=ticks, yticks=ticks, ylim=(LONG + 0.5, 0.5), aspect=1)
    left.set(xlabel="reaches step k", ylabel="loss of step t")
    links = np.arange(LONG)
    (cosine,) = right.plot(links, links, label="cosine", **style.line("gradient"))
    (length,) = right.plot(links, links, label="length", color="black", linewidth=1.2)
    spots = [
        right.plot([0], [0], "o", color=line.get_color())[0]
        for line in (cosine, length)
    ]
    right.set(
        xlabel="links τ",
        ylabel="cosine, relative length",
        ylim=(0, 1.6),
        xlim=(-0.5, LONG - 0.5),
    )
    right.set_title("against the full gradient")
    right.axhline(1, color="#cccccc", linewidth=0.8, zorder=0)
    right.legend(loc="lower right")
    return {"mesh": mesh, "lines": [cosine, length], "spots": spots}


def truncation_update(artists: dict, tau: int, cut: str, scale: Real) -> Cut:
    norms = reach(scale, LONG).norms
    kept, cosine, length = truncated(scale, cut)
    artists["mesh"].set_array(np.ma.masked_array(norms, ~kept[tau]))
    curves = zip(artists["lines"], artists["spots"], (cosine, length), strict=True)
    for line, spot, numbers in curves:
        line.set_ydata(numbers)
        spot.set_data([tau], [numbers[tau]])
    return Cut(norms, kept[tau], cosine, length)


def truncation_describe(found: Cut, tau: int, cut: str, scale: Real) -> str:
    paths = LONG * (LONG + 1) // 2
    return (
        f"{int(found.kept.sum())} of {paths} routes are kept; against the full "
        f"gradient of W_a the cosine is {found.cosine[tau]:.2f} and the length "
        f"{found.length[tau]:.2f}."
    )
