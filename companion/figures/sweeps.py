"""Both states of a bidirectional tagger over a sentence, and the output of one step.

`by_hand` is a tagger whose weights were written down and not learned: each unit of
either direction has a job that can be read off its row. It makes no mistake on the
clauses of `tasks.tagging.Teddy`.
"""

from collections.abc import Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from companion import validate
from companion.cells import SimplifiedGRU, SimplifiedGRUParams
from companion.figures import style
from companion.inspector import look_inside
from companion.layers import Bidirectional, BothWays
from companion.models import ManyToMany, ModelParams, ReadoutParams
from companion.tasks.tagging import Teddy

__all__ = [
    "HEARD",
    "SENTENCES",
    "Step",
    "Swept",
    "by_hand",
    "describe",
    "setup",
    "swept",
    "update",
]

SENTENCES = (
    "he said teddy um roosevelt",
    "he said teddy um bears",
    "mr jordan they slept",
    "they bought victoria er asleep",
    "near paris they sang and she said teddy well hmm bears",
)
HEARD = ("both directions", "left to right only", "right to left only")
MARK = "#B63679"
JOBS = (
    ("a name?", "mr/mrs or in/near", "not PER", "not TOY", "not PLACE", "teddy"),
    ("roosevelt or bears", "not PER", "not TOY", "not PLACE"),
)


class Swept(NamedTuple):
    """A tagger's states over some sentences: by sentence, (T, n_a) a direction."""

    words: dict[str, list[str]]
    forward: dict[str, np.ndarray]
    backward: dict[str, np.ndarray]
    W_y: np.ndarray
    b_y: np.ndarray
    tags: tuple[str, ...]
    jobs: tuple  # names of the units of either direction, or two empty tuples


class Step(NamedTuple):
    """What is shown: a step, its word, how much each state has read, the output."""

    t: int
    word: str
    T: int
    y_hat: np.ndarray
    tag: str


def by_hand() -> tuple[ManyToMany, ModelParams]:
    """A tagger for `Teddy`, six units from the left and four from the right.

    A unit holds its clue until "and" clears it; two of them, "a name?" and "teddy",
    only look at the word itself. The readout adds up: a clue is a reason for one tag or
    against another.
    """
    words = Teddy().vocabulary
    names = "teddy victoria paris jordan roosevelt bears".split()
    ahead = [
        {word: 1 if word in names else -1 for word in words[1:]},
        {"mr": 1, "mrs": 1, "in": -1, "near": -1},
        *[{word: 1} for word in ("bought", "visited", "hugged")],
        {word: 1 if word == "teddy" else 0 for word in words[2:]},
    ]
    back = [{"roosevelt": 1, "bears": -1}, {"unsold": 1}, {"thriving": 1}]
    back.append({"asleep": 1})
    strong = 6.0
    W_y = np.zeros((4, 10), np.float32)
    W_y[0, 0] = -2 * strong
    W_y[1:, 1] = strong, 0, -strong  # PER, TOY, PLACE
    W_y[1:, 6] = strong, -strong, 0
    W_y[[1, 2, 3], [2, 3, 4]] = W_y[[1, 2, 3], [7, 8, 9]] = -strong
    W_y[1:, 5] = np.log(0.6), np.log(0.4), -strong  # what is known of "teddy" alone
    model = ManyToMany(Bidirectional(SimplifiedGRU(6), SimplifiedGRU(4)), n_y=4)
    params = BothWays(_latches(ahead, words), _latches(back, words))
    readout = ReadoutParams(jnp.asarray(W_y), jnp.zeros(4))
    return model, ModelParams(params, readout)


def _latches(units, words) -> SimplifiedGRUParams:
    """One unit for each dictionary word -> value; its gate opens at these and "and"."""
    n_a, n_x = len(units), len(words)
    W_c = np.zeros((n_a, n_a + n_x), np.float32)
    W_u = np.zeros_like(W_c)
    for unit, clues in enumerate(units):
        for word, value in {"and": 0, **clues}.items():
            W_c[unit, n_a + words.index(word)] = 4 * value
            W_u[unit, n_a + words.index(word)] = 16
    b_u = np.full(n_a, -8.0, np.float32)
    arrays = W_c, np.zeros(n_a, np.float32), W_u, b_u
    return SimplifiedGRUParams(*map(jnp.asarray, arrays))


def swept(
    model=None, params=None, sentences: Iterable[str] = SENTENCES, grammar=None
) -> Swept:
    """Run a bidirectional tagger over sentences of a grammar, all in one call.

    model: a `ManyToMany` with a `Bidirectional` layer that concatenates, and no inner
    layer in its readout; without it, `by_hand`. grammar: Teddy() if not given.
    """
    grammar = Teddy() if grammar is None else grammar
    jobs = JOBS if model is None else ((), ())
    if (model is None) != (params is None):
        raise ValueError("give both a model and its params, or neither")
    if model is None:
        model, params = by_hand()
    validate.instance("model", model, ManyToMany)
    validate.instance("the model's layer", model.layer, Bidirectional)
    if model.layer.merge != "concat" or model.inner:
        raise ValueError(f"model must concatenate and have no inner, got {model!r}")
    rows = {text: grammar.encode(text) for text in sentences}
    if not rows or not all(map(len, rows.values())):
        raise ValueError("sentences must hold one at least, and none that is empty")
    lengths = np.array([len(row) for row in rows.values()])
    xs = np.stack([np.pad(row, (0, lengths.max() - len(row))) for row in rows.values()])
    found = look_inside(model, params, xs, lengths)
    a = {
        way: {
            text: found[way]["a"][i, :n]
            for i, (text, n) in enumerate(zip(rows, lengths, strict=True))
        }
        for way in ("forward", "backward")
    }
    W_y, b_y = (np.asarray(leaf) for leaf in params.readout)
    words = {text: text.split() for text in rows}
    return Swept(words, a["forward"], a["backward"], W_y, b_y, grammar.tags, jobs)


def setup(fig: Figure, seen: Swept, sentence: str, **values) -> dict:
    """Two maps with the words between them; at the right the output of one step."""
    grid = fig.add_gridspec(3, 2, height_ratios=(6, 1.1, 4), width_ratios=(5, 1.6))
    top, words, bottom = (fig.add_subplot(grid[row, 0]) for row in range(3))
    bars = fig.add_subplot(grid[:, 1])
    words.set_axis_off()
    maps, marks = [], []
    titles = (
        r"$\overrightarrow{a}$, from the left",
        r"$\overleftarrow{a}$, from the right",
    )
    states = (seen.forward, seen.backward)
    for ax, title, a, jobs in zip(
        (top, bottom), titles, states, seen.jobs, strict=True
    ):
        n_a = a[sentence].shape[1]
        maps.append(ax.imshow([[0.0]], vmin=-1, vmax=1, aspect="auto"))
        ax.set(xticks=(), ylim=(n_a - 0.5, -0.5), title=title)
        if jobs:
            ax.set_yticks(range(n_a), jobs, fontsize=8)
        else:
            ax.set(yticks=sorted({0, n_a - 1}), ylabel="unit")
        mark = ax.add_patch(Rectangle((0, -0.5), 1, n_a, fill=False, ec=MARK, lw=2))
        mark.set_clip_on(False)
        mark.set_in_layout(False)
        marks.append(mark)
    (rows,) = [bars.barh(range(len(seen.tags)), 0.0, color=style.COLORS["y"])]
    bars.set(xlim=(0, 1), ylim=(len(seen.tags) - 0.5, -0.5))
    bars.set_yticks(range(len(seen.tags)), seen.tags)
    bars.set_xlabel("output in the frame")
    longest = max(map(len, seen.words.values()))
    for ax in (top, words, bottom):
        ax.set_xlim(-0.5, longest - 0.5)
    texts = [
        words.text(t, 0.5, "", ha="center", va="center", fontsize=9)
        for t in range(longest)
    ]
    words.set_ylim(0, 1)
    return {
        "maps": maps,
        "marks": marks,
        "bars": list(rows),
        "texts": texts,
        "seen": lambda: seen,
        "axes": lambda: (top, words, bottom),  # listed, they would be drawn over
        "shown": {"T": longest},
    }


def update(artists: dict, sentence: str, t: int, heard: str) -> Step:
    """Show a sentence, step t of it, and the output that hears one side or both."""
    seen = artists["seen"]()
    words = seen.words[sentence]
    T = len(words)
    t = min(t, T)
    if artists["shown"]["T"] != T:
        artists["shown"]["T"] = T
        for ax in artists["axes"]():
            ax.set_xlim(-0.5, T - 0.5)
    sides = seen.forward[sentence], seen.backward[sentence]
    for shades, mark, a in zip(artists["maps"], artists["marks"], sides, strict=True):
        shades.set_data(a.T)
        shades.set_extent((-0.5, T - 0.5, a.shape[1] - 0.5, -0.5))
        mark.set_x(t - 1.5)
    for number, text in enumerate(artists["texts"]):
        text.set_text(words[number] if number < T else "")
        text.set_rotation(0 if T < 8 else 40)
        here = number == t - 1
        text.set(color=MARK if here else "black", weight="bold" if here else "normal")
    n = sides[0].shape[1]
    ears = np.ones(seen.W_y.shape[1])
    ears[n:] = heard != HEARD[1]
    ears[:n] = heard != HEARD[2]
    both = np.concatenate([a[t - 1] for a in sides])
    y_hat = np.asarray(jax.nn.softmax((seen.W_y * ears) @ both + seen.b_y))
    for bar, share in zip(artists["bars"], y_hat, strict=True):
        bar.set_width(share)
    return Step(t, words[t - 1], T, y_hat, seen.tags[int(y_hat.argmax())])


def describe(step: Step, sentence: str, t: int, heard: str) -> str:
    """What each state has read, and what they say."""
    most = step.y_hat.max()
    sure = "surely" if most > 0.9 else "probably" if most > 0.55 else "perhaps"
    return (
        f"at “{step.word}” the forward state has read {step.t} of {step.T} words, the "
        f"backward state {step.T - step.t + 1}; the output says {sure} {step.tag}."
    )
