"""Pictures of notebook 01: what is a sequence, a ragged batch, padding in the loss."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from companion.figures import style
from companion.tasks.examples import APPLICATIONS, SENTENCES
from companion.text import Vocabulary, one_hot

__all__ = ["padding_loss", "ragged_batch"]

# --- seven cards in three columns ---------------------------------------------------

COLUMNS = ("?", "input", "output", "both")
CARDS = {card.name.split()[0].lower(): card for card in APPLICATIONS}
_RIGHT, _WRONG = style.COLORS["gamma_u"], style.COLORS["gamma_f"]


def sorter_setup(fig: Figure, **guesses: str):
    """Four columns and seven cards that can stand in any of them."""
    ax = fig.subplots()
    ax.set(xlim=(0, 4), ylim=(7, -0.9))
    ax.axis("off")
    heads = ("not sorted yet", "the input x", "the output y", "both x and y")
    for column, head in enumerate(heads):
        ax.text(column + 0.5, -0.45, head, ha="center", va="center", weight="bold")
        if column:
            ax.axvline(column, color="#BBBBBB", lw=0.8)
    cards = []
    for row in range(len(CARDS)):
        box = Rectangle((0, row + 0.06), 0.92, 0.88, facecolor="white")
        ax.add_patch(box)
        name = ax.text(0, row + 0.34, "", ha="center", va="center", fontsize=8)
        lengths = ax.text(0, row + 0.70, "", ha="center", va="center", fontsize=8)
        cards.append({"box": box, "name": name, "lengths": lengths})
    return cards


def sorter_update(cards, **guesses: str) -> dict[str, bool]:
    """Put each card in the column guessed; whether the guess is right, card by card."""
    right = {}
    for row, (key, guess) in enumerate(guesses.items()):
        artists = cards[row]
        card = CARDS[key]
        right[card.name] = guess == card.sequence
        column = COLUMNS.index(guess)
        colour = _RIGHT if right[card.name] else _WRONG
        mark = "✓ " if right[card.name] else "✗ "
        artists["box"].set_x(column + 0.04)
        artists["box"].set_edgecolor("#888888" if guess == "?" else colour)
        artists["box"].set_linewidth(1.0 if guess == "?" else 2.2)
        height = 0.34 if right[card.name] else 0.5  # the lengths go below the name
        artists["name"].set_position((column + 0.5, row + height))
        artists["name"].set_text(card.name if guess == "?" else mark + card.name)
        artists["lengths"].set_x(column + 0.5)
        lengths = f"$T_x = {len(card.x)}$,  $T_y = {len(card.y)}$"
        artists["lengths"].set_text(lengths if right[card.name] else "")
    return right


def sorter_describe(right: dict[str, bool], **guesses: str) -> str:
    """How many cards lie right, and which to look at again."""
    tried = [CARDS[key].name for key, guess in guesses.items() if guess != "?"]
    wrong = [name for name in tried if not right[name]]
    said = f"{sum(right.values())} of {len(right)} cards are in the right column"
    if wrong:
        return f"{said}; look again at {', '.join(wrong)}."
    if len(tried) < len(right):
        return f"{said}, {len(right) - len(tried)} not sorted yet."
    return f"{said}: all sorted."


# --- pick i and t on a ragged batch -------------------------------------------------

VOCABULARY = Vocabulary.build(word for sentence in SENTENCES for word in sentence.x)
LONGEST = max(len(sentence.x) for sentence in SENTENCES)


def ragged_setup(fig: Figure, i: int, t: int):
    """The batch as a grid of words over their tags, and a strip for one one-hot."""
    grid, strip = fig.subplots(2, 1, height_ratios=(4, 1.1))
    grid.set(xlim=(0.5, LONGEST + 0.5), ylim=(len(SENTENCES) + 0.5, 0.5))
    grid.set(xlabel="step t", ylabel="example i")
    grid.set(xticks=range(1, LONGEST + 1), yticks=range(1, len(SENTENCES) + 1))
    for row, sentence in enumerate(SENTENCES, start=1):
        for column in range(1, LONGEST + 1):
            real = column <= len(sentence.x)
            cell = Rectangle((column - 0.46, row - 0.44), 0.92, 0.88)
            cell.set(facecolor="white" if real else "#EEEEEE", edgecolor="#AAAAAA")
            cell.set(hatch=None if real else "////", linewidth=0.8)
            grid.add_patch(cell)
            if real:
                word, tag = sentence.x[column - 1], sentence.y[column - 1]
                colour = style.COLORS["x"]
                style_ = {"ha": "center", "va": "center", "fontsize": 8}
                grid.text(column, row - 0.14, word, color=colour, **style_)
                grid.text(column, row + 0.24, tag, color="black", **style_)
    frame = Rectangle((0, 0), 0.98, 0.96, fill=False, linewidth=3)
    grid.add_patch(frame)
    strip.set(xlim=(-0.5, len(VOCABULARY) - 0.5), ylim=(0, 1), yticks=[])
    strip.set_xlabel(f"index in the vocabulary, |V| = {len(VOCABULARY)}")
    strip.vlines(np.arange(len(VOCABULARY)) - 0.5, 0, 1, color="#CCCCCC", lw=0.8)
    one = Rectangle((0, 0), 1, 1, facecolor=style.COLORS["x"])
    strip.add_patch(one)
    title = strip.set_title("", fontsize=12)
    return {"frame": frame, "one": one, "title": title}


def ragged_update(artists, i: int, t: int) -> dict[str, object]:
    """Frame cell (i, t) and show its one-hot vector; what stands there."""
    sentence = SENTENCES[i - 1]
    real = t <= len(sentence.x)
    word = sentence.x[t - 1] if real else VOCABULARY.tokens[VOCABULARY.pad]
    index = VOCABULARY.index[word]
    colour = style.COLORS["x"] if real else "#888888"
    artists["frame"].set(x=t - 0.49, y=i - 0.48, edgecolor=colour)
    artists["one"].set(x=index - 0.5, facecolor=colour)
    step = rf"^{{({i})\langle {t}\rangle}}$"
    if real:
        said = f"$x{step} = {word}, index {index};   $y{step} = {sentence.y[t - 1]}"
    else:
        said = f"$x{step} does not exist: {word} fills the cell"
    artists["title"].set_text(said)
    return {
        "word": word,
        "tag": sentence.y[t - 1] if real else None,
        "one_hot": one_hot(index, len(VOCABULARY)),
        "T_x": len(sentence.x),
        "real": real,
    }


def ragged_describe(found, i: int, t: int) -> str:
    """Whether the element exists, its word and its tag."""
    if not found["real"]:
        return f"sentence {i} has {found['T_x']} words, so step {t} is padding."
    index = int(found["one_hot"].argmax())
    return (
        f"the word is {found['word']} (index {index} of {len(VOCABULARY)}), its tag "
        f"{found['tag']}; sentence {i} has {found['T_x']} words."
    )


@style.picture
def ragged_batch(fig: Figure, i: int = 1, t: int = 4) -> str:
    """The four sentences as one array, and the one-hot vector of one of the words."""
    artists = ragged_setup(fig, i, t)
    said = ragged_describe(ragged_update(artists, i, t), i, t)
    return f"Four sentences of 9, 5, 7 and 2 words in a grid of 4 by 9 cells: {said}"


# --- padding in the loss ------------------------------------------------------------


@style.picture(height=2.8)
def padding_loss(
    fig: Figure,
    T: Sequence[int] = (9, 20, 30, 40),
    masked: Sequence[Real] | None = None,
    unmasked: Sequence[Real] | None = None,
) -> str:
    """The loss of one and the same guess against the width the batch is padded to.

    Without numbers: a guess of three equal probabilities, whose padding costs nothing.
    """
    T = np.asarray(T)
    words = sum(len(sentence.x) for sentence in SENTENCES)
    if masked is None:
        masked = np.full(len(T), np.log(3))
    if unmasked is None:
        unmasked = np.log(3) * words / (len(SENTENCES) * T)
    ax = fig.subplots()
    dark, light = colormaps["cividis"]([0.0, 0.65])
    ax.plot(T, masked, "o-", color=dark, label="with the mask")
    ax.plot(T, unmasked, "s--", color=light, label="without")
    ax.set(xlabel="width T the batch is padded to", ylabel="mean loss (nats)")
    ax.set_ylim(0, 1.1 * max(*masked, *unmasked))
    ax.legend()
    return (
        f"With the mask the loss stays at {masked[0]:.2f} nats for every width; "
        f"without it, it falls from {unmasked[0]:.2f} at width {T[0]} to "
        f"{unmasked[-1]:.2f} at width {T[-1]}."
    )
