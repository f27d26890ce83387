"""How far a tagger looks ahead: the exact ceilings as stairs, and one clause read."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from companion.figures import style
from companion.tasks.tagging import TAGS, Teddy

__all__ = ["CLAUSES", "MOST", "View", "describe", "setup", "stairs", "update"]

MOST = 6
CLAUSES = (
    "he said teddy um roosevelt",
    "she said teddy well hmm er bears",
    "mr jordan they slept",
    "they hugged victoria hmm er unsold",
)
MARK = "#B63679"
NAMES = TAGS[1:]
FAINT = "#9a9a9a"


class View(NamedTuple):
    """A look-ahead, its ceiling, what has been read of the clause, and the belief."""

    k: int
    ceiling: float
    read: str
    belief: dict[str, float]


def setup(
    fig: Figure,
    k: int = 0,
    clause: str = CLAUSES[0],
    grammar=None,
    scores: Mapping | None = None,
) -> dict:
    """Stairs on the left, the clause and what can be believed of it on the right.

    scores: k -> accuracies (seeds,) of trained taggers, drawn as dots on the stairs.
    """
    grammar = Teddy() if grammar is None else grammar
    left, right = fig.subplots(1, 2, width_ratios=(1.25, 1))
    stairs = [grammar.ceiling(k) for k in range(MOST + 1)]
    left.step(range(MOST + 1), stairs, where="mid", **style.line("best"))
    for number, found in (scores or {}).items():
        found = np.atleast_1d(np.asarray(found, float))
        left.plot(np.full(len(found), number), found, "o", color="black", markersize=5)
    if scores:
        left.plot([], [], "o", color="black", markersize=5, label="trained, one a seed")
    left.plot([], [], label="best possible", **style.line("best"))
    left.legend(loc="lower right")
    (mark,) = left.plot(
        [0], [stairs[0]], "o", markersize=13, fillstyle="none", color=MARK
    )
    left.set(xlabel="look-ahead k, in words", ylabel="accuracy, unclear words")
    left.set(xticks=range(MOST + 1), ylim=(min(0.5, *stairs) - 0.02, 1.03))
    longest = max(len(c.words) for c in grammar.clauses)
    right.set(xlim=(0, 1), ylim=(len(NAMES) + longest * 0.5 + 0.2, -0.5))
    rows = right.barh(range(len(NAMES)), 0.0, height=0.7, color=style.COLORS["y"])
    right.set_yticks(range(len(NAMES)), NAMES)
    right.set_title("what can be believed")
    right.set_xticks((0, 0.5, 1))
    right.xaxis.tick_top()
    right.spines["left"].set_visible(False)
    right.spines["bottom"].set_visible(False)
    shares = [right.text(0, i, "", va="center") for i in range(len(NAMES))]
    look = {"va": "center", "fontsize": 10}
    texts = [right.text(0.02, len(NAMES) + 0.5 * i, "", **look) for i in range(longest)]
    return {
        "mark": mark,
        "bars": list(rows),
        "shares": shares,
        "texts": texts,
        "grammar": lambda: grammar,
    }


def update(artists: dict, k: int, clause: str) -> View:
    """Move the ring to k, and read k words past the unclear one."""
    grammar = artists["grammar"]()
    words = clause.split()
    asked = next(c.asked for c in grammar.clauses if c.words == tuple(words))
    belief = grammar.belief(clause, k)
    view = View(k, grammar.ceiling(k), " ".join(words[: asked + k + 1]), belief)
    artists["mark"].set_data([k], [view.ceiling])
    for i, tag in enumerate(NAMES):
        artists["bars"][i].set_width(belief[tag])
        artists["shares"][i].set_text(f"{belief[tag]:.2f}")
        artists["shares"][i].set_x(min(belief[tag], 0.85) + 0.02)
        light = belief[tag] > 0.85
        artists["shares"][i].set_color("white" if light else "black")
    for i, text in enumerate(artists["texts"]):
        text.set_text(words[i] if i < len(words) else "")
        text.set_color(MARK if i == asked else "black" if i <= asked + k else FAINT)
        text.set_weight("bold" if i == asked else "normal")
    return view


def describe(view: View, k: int, clause: str) -> str:
    """The ceiling, and the belief in this clause."""
    known = ", ".join(f"{tag} {p:.2f}" for tag, p in view.belief.items() if p > 0)
    return (
        f"no tagger is right more often than {view.ceiling:.3f}; after “{view.read}” "
        f"all that can be believed is {known}."
    )


@style.picture(height=3.4)
def stairs(fig: Figure, scores: Mapping | None = None, k: int = 0) -> str:
    """The stairs as they stand, with the dots of trained taggers."""
    artists = setup(fig, k, scores=scores)
    return describe(update(artists, k, CLAUSES[0]), k, CLAUSES[0])
