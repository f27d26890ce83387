"""The gates of a network over a sentence: all units as a map, one of them as a curve.

`watched` runs any model of the package over some sentences, once; `gates_*` then shows
what a reader picks of it. `by_hand` is a GRU of four units whose weights were written
down rather than learned, so that a reader sees what each of them is for.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from companion.cells import SimplifiedGRU, SimplifiedGRUParams
from companion.figures import style
from companion.inspector import labels, look_inside
from companion.tasks import agreement
from companion.text import Vocabulary

__all__ = [
    "QUANTITIES",
    "SENTENCES",
    "Seen",
    "Watched",
    "by_hand",
    "gates_describe",
    "gates_setup",
    "gates_update",
    "watched",
]

QUANTITIES = {
    "gamma_u": "update gate Γu",
    "gamma_f": "forget gate Γf",
    "gamma_o": "output gate Γo",
    "gamma_r": "relevance gate Γr",
    "c_tilde": "candidate c̃",
    "c": "memory c",
    "a": "activation a",
}
SENTENCES = (
    "The cats, which slept behind the horse near the frog, were full.",
    "The cat, which waited near the goats, was hungry.",
    "The dogs were happy.",
    "The sheep, which sat below the hens beside the bears, was calm.",
)
LONGEST_WORD = 9
OPEN = 0.5  # a gate above it takes more than it leaves


class Watched(NamedTuple):
    """What a model did over each sentence.

    words: name of a sentence -> what each step has read. values: name of a sentence ->
    cell -> quantity -> (T, n_a). cells: their names, from the bottom up.
    """

    words: dict[str, list[str]]
    values: dict[str, dict[str, dict[str, np.ndarray]]]
    cells: tuple[str, ...]
    units: int  # of the widest cell
    quantities: tuple[str, ...]  # all that any of the cells has
    highest: float  # |c| or |a|, at least 1


class Seen(NamedTuple):
    """What is shown: the map, and the unit's row of it."""

    words: list[str]
    quantity: str  # the one asked for, or a if this cell has no such gate
    unit: int  # the one asked for, or the last that this cell has
    map: np.ndarray  # (T, n_a)
    memory: np.ndarray  # (T,), c of the unit, or a where there is no c

    @property
    def curve(self) -> np.ndarray:
        """(T,): the quantity in the unit."""
        return self.map[:, self.unit]


def watched(model, params, words, sentences: Iterable[str] | Mapping) -> Watched:
    """Look into a model at every step of some sentences, all in one call.

    words: a `Vocabulary`, or the word of every token in order. sentences: texts made of
    these words, or name -> ids (T,) or vectors (T, n_x). Raises ValueError for a word
    that is not in words, and as `inspector.look_inside`.
    """
    names = words.tokens if isinstance(words, Vocabulary) else tuple(words)
    if not isinstance(sentences, Mapping):
        sentences = {text: _ids(text, names) for text in sentences}
    if not sentences:
        raise ValueError("sentences is empty: give one at least")
    rows = {name: np.asarray(xs) for name, xs in sentences.items()}
    lengths = np.array([len(xs) for xs in rows.values()])
    if not lengths.all():
        raise ValueError("sentences holds an empty one")
    batch = np.stack(
        [_padded(xs, lengths.max()) for xs in rows.values()]
    )  # one shape for all: one compilation
    found = look_inside(model, params, jnp.asarray(batch), jnp.asarray(lengths))
    if np.issubdtype(batch.dtype, np.integer):
        read = labels(model, batch, names)
    else:
        read = [[str(t + 1) for t in range(len(row))] for row in batch]
    values = {
        name: {
            cell: {key: v[i, : lengths[i]] for key, v in known.items()}
            for cell, known in found.items()
        }
        for i, name in enumerate(rows)
    }
    known = {key for cell in found.values() for key in cell}
    states = [
        np.nanmax(np.abs(v))
        for cell in found.values()
        for key, v in cell.items()
        if key in ("a", "c")
    ]
    return Watched(
        {
            name: read[i][:length]
            for i, (name, length) in enumerate(zip(rows, lengths, strict=True))
        },
        values,
        tuple(found),
        max(cell["a"].shape[-1] for cell in found.values()),
        tuple(key for key in QUANTITIES if key in known),
        max(1.0, float(max(states))),
    )


def _ids(text: str, names: Sequence[str]) -> np.ndarray:
    words = text.lower().replace(",", " , ").replace(".", " . ").split()
    for word in words:
        if word not in names:
            raise ValueError(f"sentences: {word!r} in {text!r} is none of the words")
    return np.array([names.index(word) for word in words], np.int32)


def _padded(xs, T):
    return np.pad(xs, [(0, T - len(xs)), *[(0, 0)] * (xs.ndim - 1)])


def by_hand() -> tuple[SimplifiedGRU, SimplifiedGRUParams]:
    """A GRU of four units for the sentences of `tasks.Agreement`, weights set by hand.

    Unit 0 keeps the number of the subject (-1 one, 1 many): its gate opens at a noun,
    unless unit 1 says that a clause has begun. Unit 1 is that: it is set by "which" and
    cleared by the verb. Unit 2 keeps the number of the latest noun, whichever. Unit 3
    has a gate that is always 0.2: it fades, half in three steps.
    """
    words, n_a = agreement.VOCABULARY, 4
    W_c = np.zeros((n_a, n_a + len(words)), np.float32)
    W_u, b_u = np.zeros_like(W_c), np.full(n_a, -8.0, np.float32)
    b_u[3] = np.log(0.2 / 0.8)
    for one, many in agreement.NOUN_IDS:
        for unit in (0, 2, 3):
            if one != many:  # sheep and deer tell no number
                W_c[unit, n_a + one], W_c[unit, n_a + many] = -3, 3
        W_u[[[0], [2]], n_a + np.array([one, many])] = 16
    W_u[0, 1] = -16  # c of unit 1: no noun of a clause is a subject
    which, was, were = (n_a + words.index(word) for word in ("which", "was", "were"))
    W_c[1, which] = 3
    W_u[1, [which, was, were]] = 16
    b_c = np.zeros(n_a, np.float32)
    params = SimplifiedGRUParams(*map(jnp.asarray, (W_c, b_c, W_u, b_u)))
    return SimplifiedGRU(n_a=n_a), params


def gates_setup(fig: Figure, seen: Watched, note: str = "", **values) -> dict:
    """Map, words and curves; what a sentence or a cell changes is drawn anew."""
    grid = fig.add_gridspec(3, 2, height_ratios=(2, 0.65, 1.6), width_ratios=(60, 1))
    top, words, bottom = (fig.add_subplot(grid[row, 0]) for row in range(3))
    strip = fig.add_subplot(grid[0, 1])
    strip.imshow(np.linspace(0, 1, 256)[:, None], origin="lower", aspect="auto")
    strip.set(xticks=(), yticks=(0, 255), yticklabels=("", ""))
    put = {"transform": strip.transAxes, "fontsize": 9, "va": "center"}
    ends = [strip.text(1.5, height, "\N{MINUS SIGN}1.00", **put) for height in (0, 1)]
    shades = top.imshow(
        [[0.0]], cmap=colormaps["cividis"], aspect="auto", interpolation="nearest"
    )
    top.set(xticks=(), ylabel="unit")
    row = top.add_patch(Rectangle((0, 0), 1, 1, fill=False, ec="#B63679", lw=2))
    row.set_clip_on(False)
    row.set_in_layout(False)
    words.set_axis_off()
    high = 1.08 * seen.highest
    bottom.set(ylim=(-high, high), xticks=())
    bottom.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    bottom.set_ylabel("this unit")
    bottom.spines["bottom"].set_visible(False)
    curves, keys = {}, {}
    for name in seen.quantities:
        look = style.line(name) | {"marker": "o", "markersize": 3}
        (curves[name],) = bottom.plot([], [], **look)
        keys[name] = [_key(bottom, place, name) for place in (0, 1)]
    style.settle(fig)  # now, while the longest numbers stand beside the strip
    state = {"shown": None}
    return {
        "curves": curves,
        "keys": keys,
        "shades": shades,
        "row": row,
        "ends": ends,
        "fit": lambda read, n_a: _fit(state, (top, words, bottom), read, n_a),
        "seen": lambda: seen,
    }


def _key(ax, place, name):
    x = 0.01 + 0.16 * place
    line = Line2D(
        (x, x + 0.06), (1.06, 1.06), transform=ax.transAxes, **style.line(name)
    )
    line.set_clip_on(False)
    ax.add_artist(line)
    text = ax.text(
        x + 0.07, 1.06, style.math(name), transform=ax.transAxes, va="center"
    )
    return line, text


def _fit(state, axes, read, n_a) -> None:
    """Words and limits of another sentence or cell: a redraw, so only if it is one."""
    if state["shown"] == (read, n_a):
        return
    state["shown"] = (list(read), n_a)
    top, words, _ = axes
    T = len(read)
    for ax in axes:
        ax.set_xlim(-0.5, T - 0.5)
    top.set_ylim(n_a - 0.5, -0.5)
    top.set_yticks(np.unique(np.linspace(0, n_a - 1, min(n_a, 6)).astype(int)))
    for text in list(words.texts):
        text.remove()
    longest = max(map(len, read))
    look = {"ha": "center", "va": "center", "fontsize": 10 if T < 30 else 8}
    for t, word in enumerate(read):
        word = word if len(word) <= LONGEST_WORD else f"{word[: LONGEST_WORD - 1]}…"
        word = word.replace("$", r"\$")
        words.text(t, 0.5, word, rotation=45 if longest > 2 else 0, **look)


def _pick(seen: Watched, sentence, quantity, unit, cell) -> Seen:
    known = seen.values[sentence][cell]
    quantity = quantity if quantity in known else "a"
    unit = min(unit, known["a"].shape[-1] - 1)
    memory = known.get("c", known["a"])[:, unit]
    return Seen(seen.words[sentence], quantity, unit, known[quantity], memory)


def gates_update(
    artists: dict, sentence: str, quantity: str, unit: int, cell: str
) -> Seen:
    """Show one sentence, one quantity of one cell as a map, one unit as curves."""
    seen = artists["seen"]()
    shown = _pick(seen, sentence, quantity, unit, cell)
    T, n_a = shown.map.shape
    artists["fit"](shown.words, n_a)
    gate = shown.quantity.startswith("gamma")
    low = 0.0 if gate else -(1.0 if shown.quantity == "c_tilde" else seen.highest)
    shades = artists["shades"]
    shades.set_data(shown.map.T)
    shades.set_extent((-0.5, T - 0.5, n_a - 0.5, -0.5))
    shades.set_clim(low, 1.0 if gate else -low)
    artists["row"].set_bounds(-0.5, shown.unit - 0.5, T, 1)
    for text, end in zip(artists["ends"], (low, 1.0 if gate else -low), strict=True):
        text.set_text(f"{end:.3g}".replace("-", "\N{MINUS SIGN}"))
    memory = "c" if "c" in seen.values[sentence][cell] else "a"
    drawn = {memory: shown.memory, shown.quantity: shown.curve}
    for name, curve in artists["curves"].items():
        curve.set_visible(name in drawn)
        if name in drawn:
            curve.set_data(range(T), drawn[name])
        for place, key in enumerate(artists["keys"][name]):
            for artist in key:
                artist.set_visible(list(drawn)[place : place + 1] == [name])
    return shown


def gates_describe(shown: Seen, sentence: str, quantity: str, note="", **others) -> str:
    """Where the unit's gate is open, or where its state changes most; then the note."""
    said = f"unit {shown.unit} of {shown.map.shape[1]}"
    curve, words = shown.curve, shown.words
    if shown.quantity != quantity:
        said += f" (this cell has no {QUANTITIES[quantity]}, so a is shown)"
    if shown.quantity.startswith("gamma"):
        opened = [f"“{words[t]}”" for t in np.flatnonzero(curve > OPEN)]
        some = ", ".join(opened[:4]) + (" and others" if len(opened) > 4 else "")
        said += (
            f" has this gate above one half at {len(opened)} of {len(words)} words"
            f"{': ' if opened else ''}{some}"
        )
    else:
        moves = np.abs(np.diff(curve, prepend=0.0))
        first = np.flatnonzero(moves >= 0.98 * moves.max())[0]  # not a tie's rounding
        end = "near" if abs(curve[-1]) < 0.1 else "above" if curve[-1] > 0 else "below"
        said += f" changes most at “{words[first]}” and ends {end} 0"
    return f"{said}.{f' {note}' if note else ''}"
