"""Pictures of notebook 08's experiments: how far a cell counts, keeps, and costs."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from types import MappingProxyType

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from companion.figures import style

__all__ = ["emitted", "learning", "times"]

LOOKS = ("-", "--", ":", "-.")
SMOOTH = 20  # steps of training that a point of a loss curve is the mean of


@style.picture(height=3.6)
def emitted(
    fig: Figure,
    counts: Mapping = MappingProxyType({}),
    ns: Sequence | np.ndarray | None = None,
    trained_to: Integral | None = None,
) -> str:
    """How many b a network counts to against how many a it read, one line a network.

    counts: name -> (seeds, n), the b's that stood there when the network said "end".
    ns: the numbers of a's, (n,); 1, 2, ... without them. trained_to: the largest n of
    the training, to be marked.
    """
    ax = fig.subplots()
    shades = colormaps["cividis"](np.linspace(0.05, 0.75, max(len(counts), 1)))
    said, last = [], 1
    for i, (name, rows) in enumerate(counts.items()):
        rows = np.atleast_2d(np.asarray(rows, float))
        read = np.arange(1, rows.shape[1] + 1) if ns is None else np.asarray(ns)
        if rows.ndim != 2 or read.shape != rows.shape[1:]:
            raise ValueError(
                f"counts[{name!r}] must be (seeds, n) for ns of shape {read.shape}, "
                f"got {rows.shape}"
            )
        look = {"color": shades[i], "linestyle": LOOKS[i % len(LOOKS)]}
        for row, label in zip(rows, [name, *[None] * (len(rows) - 1)], strict=True):
            ax.plot(read, row, linewidth=1.4, alpha=0.85, label=label, **look)
        last = max(last, int(read[-1]))
        share = rows[:, -1].mean() / read[-1]
        said.append(f"{name} reaches about {share:.1f} of what it read at n = {last}")
    ax.plot([0, last], [0, last], label="exact", **style.line("best"))
    marked = ""
    if trained_to is not None:
        ax.axvspan(0, trained_to, color="#dddddd", alpha=0.6, linewidth=0)
        ax.text(trained_to / 2, 1.02 * last, "trained", ha="center", va="bottom")
        marked = f" Grey up to {trained_to}: the lengths of the training."
    ax.set(xlabel="a's that were read, n", ylabel="b's counted before the end")
    ax.set(xlim=(0, last), ylim=(0, 1.15 * last))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    listed = "; ".join(said) or "no networks"
    return (
        f"Counts against n, one line a network, beside the diagonal: {listed}.{marked}"
    )


@style.picture(height=3.0)
def learning(
    fig: Figure,
    biases: Sequence | np.ndarray = (0.0, 1.0, 2.0, 5.0),
    losses: Sequence | np.ndarray | None = None,
    chance: Real | None = None,
    lag: Integral = 20,
) -> str:
    """Left, sigma(b)^t for each forget bias b; right, the loss while they learn.

    losses: (biases, seeds, steps), in nats; a curve is the mean over seeds and twenty
    steps, and its band the range over seeds. chance: the loss of a guess. lag: how long
    the task wants the memory kept, marked on the left.
    """
    biases = np.asarray(biases, float)
    left, right = fig.subplots(1, 2)
    shades = colormaps["cividis"](np.linspace(0.05, 0.8, max(len(biases), 1)))
    t = np.arange(2 * lag + 1)
    for i, b in enumerate(biases):
        look = {"color": shades[i], "linestyle": LOOKS[i % len(LOOKS)]}
        left.semilogy(t, (1 / (1 + np.exp(-b))) ** t, **look)
    left.axvline(lag, **style.line("best") | {"linestyle": ":"})
    left.set(xlabel="steps t", ylim=(1e-7, 2), title="left of a memory at the start")
    left.set_ylabel(r"$\sigma(b_f)^t$")
    said = ""
    if losses is not None:
        losses = np.asarray(losses, float)
        if losses.ndim != 3 or len(losses) != len(biases):
            raise ValueError(
                f"losses must be ({len(biases)} biases, seeds, steps), got "
                f"{losses.shape}"
            )
        each = min(SMOOTH, losses.shape[2])
        n = losses.shape[2] // each
        curves = losses[:, :, : n * each].reshape(*losses.shape[:2], n, each).mean(-1)
        steps = each * (np.arange(n) + 0.5)
        ends = []
        for i, rows in enumerate(curves):
            look = {"color": shades[i], "linestyle": LOOKS[i % len(LOOKS)]}
            right.plot(steps, rows.mean(axis=0), **look)
            band = {"color": shades[i], "alpha": 0.2, "linewidth": 0}
            right.fill_between(steps, rows.min(axis=0), rows.max(axis=0), **band)
            ends.append(f"b = {biases[i]:g} ends at {rows[:, -1].mean():.1f}")
        said = f" Right, the loss in training: {', '.join(ends)} nats."
    if chance is not None:
        right.axhline(chance, **style.line("best") | {"linestyle": ":"})
        right.text(1, chance, "chance", va="bottom", ha="right", fontsize=9)
        right.texts[-1].set_transform(right.get_yaxis_transform())
    right.set(xlabel="training step", title="loss in nats")
    right.set_ylim(bottom=0)
    names = [rf"$b_f$ = {b:g}" for b in biases]
    handles = left.get_lines()[: len(biases)]
    fig.legend(handles, names, loc="outside lower center", ncols=max(len(biases), 1))
    halves = ", ".join(f"{b:g}" for b in biases)
    return f"Left, sigma(b)^t falls on a log axis, slower for larger b: {halves}.{said}"


@style.picture(height=2.2)
def times(fig: Figure, seconds: Mapping = MappingProxyType({})) -> str:
    """The fastest of several timings as a bar, and a dot for each of them.

    seconds: name -> the timings, (repeats,). Beside each bar stands its length in those
    of the first.
    """
    ax, said = fig.subplots(), []
    fastest = {name: float(np.min(rows)) for name, rows in seconds.items()}
    first = next(iter(fastest.values()), 1.0)
    for row, (name, rows) in enumerate(seconds.items()):
        ax.barh(row, 1e3 * fastest[name], height=0.6, color="#bbbbbb")
        rows = 1e3 * np.asarray(rows, float)
        ax.plot(rows, np.full(rows.shape, row), "o", color="black", markersize=4)
        said.append(f"{name} {fastest[name] / first:.1f}")
        ax.text(1.01, row, f"× {fastest[name] / first:.1f}", va="center")
        ax.texts[-1].set_transform(ax.get_yaxis_transform())
    ax.set(yticks=range(len(fastest)), yticklabels=list(fastest))
    ax.set(xlabel="milliseconds: the fastest, and each run", xlim=(0, None))
    ax.invert_yaxis()
    return (
        f"Bars of time, the fastest in that of the first: {', '.join(said) or 'none'}."
    )
