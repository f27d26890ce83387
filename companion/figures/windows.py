"""Pictures of notebook 01: a network over a window, and one that walks along."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import EngFormatter

from companion.figures import style
from companion.tasks.patterns import BEST, CHANCE, Patterns, patterns

__all__ = ["by_position", "parameters", "pattern_rows"]

DARK, MIDDLE, LIGHT = (tuple(c) for c in colormaps["cividis"]([0.0, 0.5, 0.8]))
WIDEST = 50


def counts(n_x: int, n_a: int, n_y: int = 2) -> tuple[np.ndarray, int]:
    """Parameters of both networks, weights and biases, output layer included.

    Of the standard network for every window of 1..50 inputs of n_x features, and of
    the recurrent one, which is the same for all; n_a hidden units, n_y outputs each.
    """
    window = np.arange(1, WIDEST + 1)
    output = n_y * n_a + n_y
    return n_a * window * n_x + n_a + output, n_a * (n_a + n_x) + n_a + output


def parameters_setup(fig: Figure, window: int, n_x: int, n_a: int):
    """Both counts against the window, and a dot on each at one window."""
    ax = fig.subplots()
    (standard,) = ax.plot([], [], "--", color=LIGHT, label="standard network")
    (recurrent,) = ax.plot([], [], "-", color=DARK, label="recurrent network")
    (one,) = ax.plot([], [], "s", color=LIGHT, markersize=9)
    (other,) = ax.plot([], [], "o", color=DARK, markersize=9)
    ax.set(xlim=(0, WIDEST + 1), xlabel="window T: inputs the standard network sees")
    ax.set(ylabel="parameters")
    ax.yaxis.set_label_coords(-0.085, 0.5)  # room for labels of any width
    ax.yaxis.set_major_formatter(EngFormatter(sep=""))  # 25k, 100M
    ax.legend(loc="upper left")
    return {"lines": (standard, recurrent), "dots": (one, other)}


def parameters_update(artists, window: int, n_x: int, n_a: int) -> dict[str, int]:
    """Both counts at this window, of the standard and of the recurrent network."""
    standard, recurrent = counts(n_x, n_a)
    T = np.arange(1, WIDEST + 1)
    ax = artists["lines"][0].axes
    top = max(standard[-1], recurrent)
    ax.set_ylim(-0.04 * top, 1.05 * top)
    artists["lines"][0].set_data(T, standard)
    artists["lines"][1].set_data(T, np.full(WIDEST, recurrent))
    artists["dots"][0].set_data([window], [standard[window - 1]])
    artists["dots"][1].set_data([window], [recurrent])
    return {"standard": int(standard[window - 1]), "recurrent": recurrent}


def parameters_describe(found, window: int, n_x: int, n_a: int) -> str:
    """Both counts and their ratio."""
    standard, recurrent = found["standard"], found["recurrent"]
    return (
        f"the standard network has {standard:,} parameters, the recurrent one "
        f"{recurrent:,}: {standard / recurrent:.2f} times as many."
    )


@style.picture(height=3.0)
def parameters(fig: Figure, window: int = 10, n_x: int = 8, n_a: int = 64) -> str:
    """Parameters against the window: a straight climb and a flat line."""
    values = {"window": window, "n_x": n_x, "n_a": n_a}
    found = parameters_update(parameters_setup(fig, **values), **values)
    return f"At a window of {window} {parameters_describe(found, **values)}"


@style.picture(height=2.4)
def pattern_rows(fig: Figure, data: Patterns | None = None) -> str:
    """A few sequences as rows of letters: the pair framed, grey once A B was seen.

    data: `Patterns` of (n, T) tokens; four random ones if None.
    """
    if data is None:
        data = patterns(np.random.default_rng(0), 4)
    n, T = data.ids.shape
    ax = fig.subplots()
    for i, t in np.ndindex(n, T):
        seen = data.seen[i, t] == 1
        cell = Rectangle((t + 0.54, i + 0.58), 0.92, 0.84, edgecolor="#AAAAAA")
        cell.set_facecolor("#D5D5D5" if seen else "white")
        ax.add_patch(cell)
        token, plain = data.ids[i, t], {"ha": "center", "va": "center"}
        weight = "bold" if token < 2 else "normal"
        ax.text(t + 1, i + 1, "ABcdefghij"[token], weight=weight, **plain)
    for i, start in enumerate(data.position):
        pair = Rectangle(
            (start - 0.49, i + 0.54), 1.98, 0.92, fill=False, linewidth=2.5
        )
        ax.add_patch(pair)
    ax.set(xlim=(0.5, T + 0.5), ylim=(n + 0.55, 0.45), xticks=range(1, T + 1))
    ax.set(yticks=[], xlabel="step t", ylabel="sequences")
    rows = ["".join("ABcdefghij"[token] for token in row) for row in data.ids]
    return (
        f"Sequences {', '.join(rows)}: the pair begins at step "
        f"{', '.join(map(str, data.position))}; the steps after an A B are grey."
    )


@style.picture(height=3.4)
def by_position(
    fig: Figure,
    accuracy: Mapping[str, Float[np.ndarray, "seeds positions"]] | None = None,
    trained: int = 5,
) -> str:
    """Accuracy against the place of the pattern, mean and range over seeds.

    accuracy: name -> (seeds, positions), position 1 first. trained: the training data
    had the pattern at positions 1 to this one. Without numbers only the frame is drawn:
    the best possible score, a coin's, and the positions seen in training.
    """
    accuracy = {} if accuracy is None else accuracy
    shapes = {values.shape[1] for values in accuracy.values()} or {9}
    if len(shapes) > 1:
        raise ValueError(f"accuracy holds different numbers of positions: {shapes}")
    n = shapes.pop()
    ax = fig.subplots()
    ax.axvspan(0.5, trained + 0.5, color="#EEEEEE", zorder=0)
    ax.text(0.6, 0.03, "positions in the training data", fontsize=9)
    for level, name in ((BEST, "best possible"), (CHANCE, "a coin")):
        ax.axhline(level, **style.line("best"))
        ax.text(n + 0.55, level, name, fontsize=9, va="center")
    looks = zip(("o-", "^:", "s--"), (DARK, MIDDLE, LIGHT), strict=True)
    said = []
    for shift, ((name, values), (mark, colour)) in enumerate(
        zip(accuracy.items(), looks, strict=False)
    ):
        mean, x = values.mean(axis=0), np.arange(1, n + 1) + 0.06 * (shift - 1)
        reach = np.abs(np.array([values.min(axis=0), values.max(axis=0)]) - mean)
        ax.errorbar(x, mean, reach, fmt=mark, color=colour, capsize=3, label=name)
        said.append(f"{name}, {_in_words(mean[trained:].mean())}")
    ax.set(xlim=(0.5, n + 0.5), ylim=(0, 1.05), xticks=range(1, n + 1))
    ax.set(xlabel="position of the pattern", ylabel="accuracy")
    if accuracy:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 0.08))
    known = f"positions 1 to {trained} were in the training data"
    return (
        f"Accuracy by position; {known}. Beyond them: {'; '.join(said) or 'nothing'}."
    )


def _in_words(accuracy: float) -> str:
    """Coarse enough to be the same on machines that round differently."""
    if accuracy < (2 * CHANCE + BEST) / 3:
        return "no better than a coin"
    return "near the best" if accuracy > (CHANCE + 3 * BEST) / 4 else "in between"
