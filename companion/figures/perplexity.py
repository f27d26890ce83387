"""Pictures of perplexity: by what is looked back at, and while a model is trained."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from matplotlib.figure import Figure

from companion.figures import style

__all__ = ["epochs", "gauge"]

EMPTY = MappingProxyType({})


@style.picture(height=3.4)
def gauge(
    fig: Figure, rows: Mapping = EMPTY, size: int = 68, best: Mapping = EMPTY
) -> str:
    """Perplexity on held-out text by the order of an n-gram model.

    rows: name of the text -> perplexity of order 0, 1, ... size: |V|, the perplexity
    of a uniform guess. best: name of the text -> lowest possible perplexity.
    """
    ax = fig.subplots()
    looks = ("x", "gamma_f", "gamma_u")
    said = []
    for (name, row), look in zip(rows.items(), looks, strict=False):
        row = np.asarray(row, float)
        line = style.line(look)
        ax.plot(range(-1, len(row)), [size, *row], marker="o", label=name, **line)
        low = int(row.argmin())
        ax.annotate(
            f"{row[low]:.2f}", (low, row[low]), (0, 7), va="bottom", ha="center",
            textcoords="offset points", color=line["color"],
        )  # fmt: skip
        said.append(f"{name} falls to {row[low]:.1f} at order {low} and rises again")
        if name in best:
            ax.axhline(best[name], label=f"{name}: best possible", **style.line("best"))
    longest = max((len(row) for row in rows.values()), default=1)
    ax.set_xticks(range(-1, longest, 2), ["uniform", *map(str, range(1, longest, 2))])
    ticks = [t for t in (1, 2, 5, 10, 20, 50) if t < size]
    ax.set(yscale="log", xlabel="characters looked back at (order)")
    ax.set(ylabel="perplexity, held out", ylim=(0.93, size * 1.2))
    ax.set_yticks([*ticks, size], [str(t) for t in (*ticks, size)])
    ax.minorticks_off()
    if rows:
        ax.legend(loc="upper right")
    return f"From {size} for a uniform guess, {'; '.join(said) or 'no text'}."


@style.picture(height=3.6)
def epochs(
    fig: Figure,
    curves: Mapping = EMPTY,
    counted: Mapping = EMPTY,
    best: Mapping = EMPTY,
) -> str:
    """Perplexity in training and on held-out text while a model is trained.

    curves: name of the text -> (seeds, 2, parts): of what is read, of what is held
    out. counted: name -> perplexity of the best n-gram model on the held-out text;
    best: name -> the lowest possible one.
    """
    axes = fig.subplots(1, max(len(curves), 1), squeeze=False)[0]
    said = []
    for ax, (name, runs) in zip(axes, curves.items(), strict=False):
        runs = np.asarray(runs, float)
        steps = np.arange(1, runs.shape[-1] + 1)
        for number, (train, held) in enumerate(runs):
            first = number == 0
            ax.plot(
                steps, train, label="text it learns from" if first else None,
                **style.line("x"),
            )  # fmt: skip
            ax.plot(
                steps, held, label="held-out text" if first else None,
                **style.line("a"),
            )  # fmt: skip
        if name in counted:
            ax.axhline(counted[name], color="#D55E00", linestyle=":", label="n-grams")
        if name in best:
            ax.axhline(best[name], label="best possible", **style.line("best"))
        low, high = runs[:, 0].min(), runs[:, :, 3:].max()
        wide = (1, 2, 5, 10, 20, 50, 100)
        fine = (1, 1.2, 1.5, 2, 3, 5)
        ticks = [t for t in (wide if high > 5 else fine) if t < high * 1.3]
        ax.set(yscale="log", title=name, xlabel="characters read (units of 10,000)")
        ax.set_ylim(0.95 if low > 0.95 else low, high * 1.3)
        ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
        ax.minorticks_off()
        held = runs[:, 1]
        rises = held[:, -1].min() > 1.5 * held.min(axis=1).max()
        said.append(
            f"{name}: the training curve falls throughout; held out it "
            + ("falls, turns and rises far above" if rises else "falls and stays low")
        )
    axes[0].set_ylabel("perplexity")
    if curves:
        axes[-1].legend(loc="upper right", fontsize=9)
    return f"{'. '.join(said) or 'Perplexity over training, with no curves'}."
