"""Pictures of notebook 01: unknown words, the sum over all strings, the lookup."""

import functools
from collections.abc import Sequence
from numbers import Real

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from companion.figures import style
from companion.text import STORIES, Vocabulary, split, story, words

__all__ = ["lookup_times", "string_sums", "unknown"]

DARK, MIDDLE, LIGHT = (tuple(c) for c in colormaps["cividis"]([0.0, 0.45, 0.75]))
LINE, LINES = 80, 3  # characters in a line of the sample, and how many lines
OTHER = {"keeper": "cook", "cook": "keeper"}

# --- how many words of a new text are unknown ---------------------------------------


@functools.cache
def texts(name: str, held_out: str) -> tuple[list[str], list[str]]:
    """The words a vocabulary is made from, and words it has not seen."""
    known, end = split(words(story(name)))
    return known, end if held_out == "its own end" else words(story(OTHER[name]))


@functools.cache
def curve(name: str, held_out: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sizes |V|, and the UNK rate of each on the text itself and on unseen text."""
    known, unseen = texts(name, held_out)
    full = Vocabulary.build(known)
    sizes = np.unique(np.geomspace(4, len(full), 60).round().astype(int))
    # Index k is known to a vocabulary of size s if k < s: one encoding serves all.
    # UNK itself has index 1 and must count as unknown at every size.
    rates = []
    for text in (known, unseen):
        ids = full.encode(text)
        ids = np.where(ids == full.unk, len(full), ids)
        rates.append((ids[:, None] >= sizes).mean(axis=0))
    return sizes, *rates


def unknown_setup(fig: Figure, size: int, name: str, held_out: str):
    """UNK rate against |V| above, the beginning of the unseen text below."""
    above, below = fig.subplots(2, 1, height_ratios=(2.6, 1))
    (own,) = above.plot([], [], "--", color=LIGHT, label="text it was made from")
    (new,) = above.plot([], [], "-", color=DARK, label="unseen text")
    (dot,) = above.plot([], [], "o", color=DARK, markersize=9)
    above.set(xscale="log", xlim=(4, 1300), ylim=(0, 1))
    above.set(xlabel="vocabulary size |V|", ylabel="share of UNK")
    above.set_xticks(
        [10, 30, 100, 300, 1000], labels=["10", "30", "100", "300", "1000"]
    )
    above.minorticks_off()
    above.legend(loc="upper right")
    below.set(xlim=(0, LINE), ylim=(LINES, 0))
    below.axis("off")
    box = {"boxstyle": "square,pad=0.1", "facecolor": "none", "edgecolor": "none"}
    font = {"family": "monospace", "fontsize": 9.3, "va": "center", "bbox": box}
    # room for the words of any text: as many as could stand on the lines
    places = [below.text(0, 0, "", **font) for _ in range(LINE * LINES // 3)]
    return {"own": own, "new": new, "dot": dot, "words": places}


def unknown_update(artists, size: int, name: str, held_out: str) -> dict[str, float]:
    """Mark one size on the curve, and the words it does not know in the sample."""
    known, unseen = texts(name, held_out)
    vocabulary = Vocabulary.build(known, size=size)
    rate = vocabulary.unknown_rate(unseen)
    sizes, on_known, on_unseen = curve(name, held_out)
    artists["own"].set_data(sizes, on_known)
    artists["new"].set_data(sizes, on_unseen)
    artists["dot"].set_data([size], [rate])
    places = artists["words"]
    sample = laid_out(unseen, len(places))
    for text, (word, x, y) in zip(places, sample, strict=True):
        in_it = word in vocabulary
        text.set(text=word, position=(x, y), color="black" if in_it else "#B04A00")
        text.get_bbox_patch().set_edgecolor("none" if in_it or not word else "#B04A00")
    return {"unseen": rate, "known": vocabulary.unknown_rate(known)}


def laid_out(tokens: Sequence[str], n: int) -> list[tuple[str, float, float]]:
    """The first words of a text and their places on the lines; n entries in all."""
    places, column, row = [], 0, 0
    for token in tokens:
        if column + len(token) > LINE:
            column, row = 0, row + 1
        if row == LINES:
            break
        places.append((token, float(column), row + 0.5))
        column += len(token) + 1
    return places + [("", 0.0, 0.0)] * (n - len(places))


def unknown_describe(rates, size: int, name: str, held_out: str) -> str:
    """The UNK rate on unseen and on known text."""
    return (
        f"{rates['unseen']:.1%} of the unseen words become UNK, and "
        f"{rates['known']:.1%} of the words the vocabulary was made from."
    )


@style.picture(height=4.2)
def unknown(
    fig: Figure,
    size: int = 300,
    name: str = STORIES[0],
    held_out: str = "its own end",
) -> str:
    """The UNK rate against the size of the vocabulary, on known and on unseen text."""
    artists = unknown_setup(fig, size, name, held_out)
    rates = unknown_update(artists, size, name, held_out)
    said = unknown_describe(rates, size, name, held_out)
    return f"Two falling curves; with a vocabulary of {size} tokens {said}"


# --- all strings together -----------------------------------------------------------


@style.picture(height=2.8)
def string_sums(
    fig: Figure,
    with_eos: Sequence[Real] | None = None,
    without: Sequence[Real] | None = None,
) -> str:
    """The probability of all strings of up to n tokens together, against n.

    Both sequences run over n = 1, 2, ... Without them: strings that end after each
    token with probability 1/4.
    """
    if with_eos is None:
        with_eos = 1 - 0.75 ** np.arange(1, 11)
    if without is None:
        without = np.arange(1.0, len(with_eos) + 1)
    n = np.arange(1, len(with_eos) + 1)
    ax = fig.subplots()
    ax.plot(n, without, "s--", color=LIGHT, label="without EOS")
    ax.plot(n, with_eos, "o-", color=DARK, label="with EOS")
    ax.axhline(1, **style.line("best"))
    ax.text(n[-1], 1.15, "probability 1", ha="right", va="bottom", fontsize=9)
    ax.set(xlabel="strings of up to n tokens", ylabel="sum of probabilities")
    ax.set(xticks=n, ylim=(0, None))
    ax.legend(loc="upper left")
    return (
        f"Without EOS the sum climbs along a straight line to {without[-1]:.0f} at "
        f"n = {n[-1]}; with EOS it climbs to {with_eos[-1]:.2f} and stays below 1."
    )


# --- a product or a lookup ----------------------------------------------------------


@style.picture(height=2.6)
def lookup_times(
    fig: Figure,
    sizes: Sequence[int] = (100, 1000, 10000),
    product: Sequence[Real] = (1.0, 10.0, 100.0),
    lookup: Sequence[Real] = (1.0, 1.0, 1.0),
) -> str:
    """Time of the one-hot product and of the row lookup against |V|, both axes log.

    product, lookup: times in one unit. Without numbers: in proportion to the
    multiplications, so the product grows with |V| and the lookup does not.
    """
    ax = fig.subplots()
    unit = min(lookup)
    ax.loglog(sizes, np.divide(product, unit), "s--", color=LIGHT, label="X @ W.T")
    ax.loglog(sizes, np.divide(lookup, unit), "o-", color=DARK, label="W.T[ids]")
    ax.set(xlabel="vocabulary size |V|", ylabel="time / fastest lookup")
    ax.legend()
    return (
        "Two lines on log axes: the time of the product climbs with the vocabulary, "
        "that of the lookup hardly changes; at the smallest one they lie closest."
    )
