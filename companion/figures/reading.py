"""Pictures of networks that read a text: learned by heart, or learned from."""

from collections.abc import Mapping, Sequence
from numbers import Real
from types import MappingProxyType

import numpy as np
from matplotlib.figure import Figure

from companion.figures import style

__all__ = ["by_heart", "copied", "elsewhere", "more_text"]

EMPTY = MappingProxyType({})
TICKS = (1, 2, 5, 10, 20, 50, 100)


@style.picture(height=3.5)
def by_heart(
    fig: Figure,
    running=(),
    held_out=(),
    counted: Real = 5.0,
    table=(),
    goal: Real = 1.05,
) -> str:
    """Perplexity by epoch beside that of a table of the same text by its order.

    running, held_out: (epochs,) of the text that is learned, of the text that is not.
    counted: of the held-out text, by the best n-gram model of the learned one.
    table: (orders,) of the learned text under its own raw counts.
    """
    left, right = fig.subplots(1, 2, width_ratios=(3, 2), sharey=True)
    running, held_out = np.asarray(running, float), np.asarray(held_out, float)
    epochs = np.arange(1, len(running) + 1)
    left.plot(epochs, held_out, label="text it does not learn", **style.line("a"))
    left.plot(epochs, running, label="text it learns", **style.line("x"))
    left.axhline(
        counted,
        color="#D55E00",
        linestyle=":",
        label="text it does not learn, by counting",
    )
    left.set(yscale="log", xlabel="epoch", ylabel="perplexity", title="two LSTM layers")
    left.set_ylim(0.93, 60)
    left.set_yticks(TICKS[:-1], map(str, TICKS[:-1]))
    left.minorticks_off()
    left.legend(loc="upper right", fontsize=9)
    orders = np.arange(len(table))
    right.set_xticks(orders[::3])
    right.plot(orders, table, marker="s", ms=4, **style.line("x"))
    right.set(xlabel="letters looked back at", title="a table, text it learns")
    for ax in (left, right):
        ax.axhline(goal, **style.line("best"))
    if not running.size:
        return "Perplexity by epoch, with no epochs yet."
    low = int(held_out.argmin())
    turns = low < len(held_out) - 1 and held_out[-1] > 2 * held_out[low]
    done = running[-1] <= goal
    return (
        f"Left, by epoch: the text it learns falls {'to' if done else 'towards'} "
        f"{goal}; the text it does not learn "
        + ("falls, turns and rises far above" if turns else "falls")
        + f", beside {counted:.1f} for counting. Right: a table of the same text falls "
        "the same way as it looks further back."
    )


@style.picture(height=2.6)
def copied(fig: Figure, texts: Mapping = EMPTY) -> str:
    """How long a stretch of the learned text begins at each place of other texts.

    texts: name -> (T,), as from `copies.overlaps`.
    """
    axes = fig.subplots(1, max(len(texts), 1), sharey=True, squeeze=False)[0]
    said = []
    for ax, (name, lengths) in zip(axes, texts.items(), strict=False):
        lengths = np.asarray(lengths)
        ax.fill_between(np.arange(len(lengths)), lengths, color="#0072B2", alpha=0.35)
        ax.plot(lengths, color="#0072B2", linewidth=1)
        ax.set(title=name, xlabel="character")
        most = lengths.max()
        ax.text(
            0.98, 0.95, f"longest: {most}", ha="right", va="top", transform=ax.transAxes
        )
        long = "hundreds or many tens" if most > 50 else "a few tens at most"
        said.append(f"{name}: {long} of characters in one piece")
    axes[0].set(ylabel="copied in one piece")
    return f"Sawteeth as long as what was copied. {'; '.join(said) or 'No texts'}."


@style.picture(height=3.4)
def more_text(fig: Figure, sizes=(), rows: Mapping = EMPTY) -> str:
    """Bits per character of a held-out text by the number of characters learned from.

    rows: name -> (sizes,), or (sizes, seeds) for networks, a dot a seed.
    """
    ax = fig.subplots()
    looks = ("a", "gamma_f", "gamma_u")
    for (name, bits), look in zip(rows.items(), looks, strict=False):
        bits = np.asarray(bits, float).reshape(len(sizes), -1)
        line = style.line(look)
        ax.plot(sizes, bits.mean(axis=1), label=name, **line)
        for each in bits.T:
            ax.plot(sizes, each, "o", ms=4, color=line["color"])
    ax.set(xlabel="characters learned from", ylabel="bits per character, held out")
    ax.set_xscale("log")
    ax.set_xticks(list(sizes), [f"{n:,}" for n in sizes])
    ax.minorticks_off()
    if rows:
        ax.legend()
    means = {n: np.asarray(b, float).reshape(len(sizes), -1) for n, b in rows.items()}
    said = "; ".join(
        f"{name} from {b[0].mean():.1f} to {b[-1].mean():.1f}"
        for name, b in means.items()
    )
    return f"Bits per character fall as the text grows: {said or 'no rows'}."


@style.picture(height=3.0)
def elsewhere(
    fig: Figure,
    bits: Mapping = EMPTY,
    counted: Mapping = EMPTY,
    tests: Sequence[str] = ("A", "B"),
) -> str:
    """Trained on one text and tested on another: a row a training text, a panel a test.

    bits: name -> (seeds, tests), a dot a seed. counted: name -> (tests,), a cross.
    """
    axes = fig.subplots(1, len(tests), sharey=True, sharex=True, squeeze=False)[0]
    names, said = list(bits), []
    for column, (ax, test) in enumerate(zip(axes, tests, strict=True)):
        for row, name in enumerate(names):
            scores = np.asarray(bits[name], float)[:, column]
            ax.hlines(row, scores.min(), scores.max(), color="black", lw=5, alpha=0.3)
            ax.plot(scores, np.full(scores.shape, row), "o", color="black", ms=4)
            if name in counted:
                ax.plot(counted[name][column], row, "x", color="#D55E00", ms=7, mew=2)
        ax.set(title=f"tested on {test}", xlabel="bits per character")
        ax.margins(x=0.08)
        means = {name: np.mean(np.asarray(bits[name])[:, column]) for name in names}
        if means:
            order = min(means, key=means.get), max(means, key=means.get)
            said.append(f"tested on {test}: {order[0]} lowest, {order[1]} highest")
    axes[0].set(yticks=range(len(names)), yticklabels=names)
    axes[0].set_ylim(max(len(names), 1) - 0.5, -0.5)
    return (
        "A row for each text that was learned; networks as dots, counting as crosses. "
        f"{'; '.join(said) or 'No texts yet'}."
    )
