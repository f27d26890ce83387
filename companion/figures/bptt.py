"""Pictures of notebook 03: what the loss and its gradient are made of."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from numbers import Real
from types import MappingProxyType

import numpy as np
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from companion.figures import style

__all__ = [
    "by_window",
    "contributions",
    "loss_by_step",
    "memory",
    "two_terms",
    "u_curve",
]

MARKERS = "osD^"


@style.picture(height=2.5)
def loss_by_step(
    fig: Figure, losses=(0.9, 0.3, 1.4, 0.6), guess: Real | None = None
) -> str:
    """The cross-entropy of each step as a bar; their sum is the loss.

    losses: (T,), in nats. guess: a line at the loss of a uniform guess.
    """
    losses = as_vector("losses", losses)
    ax, steps = fig.subplots(), np.arange(1, len(losses) + 1)
    bars = ax.bar(steps, losses, 0.6, color=style.COLORS["y"])
    ax.bar_label(bars, [f"{loss:.2f}" for loss in losses], padding=2)
    if guess is not None:
        ax.axhline(guess, label="uniform guess", **style.line("best"))
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    ax.set(xticks=steps, xlabel="step t", ylim=(0, 1.2 * losses.max()))
    ax.set_ylabel(r"$L^{\langle t\rangle}$ in nats")
    return (
        f"One bar for each of {len(losses)} steps: the loss is largest at step "
        f"{losses.argmax() + 1} ({losses.max():.2f} nats) and smallest at step "
        f"{losses.argmin() + 1} ({losses.min():.2f}); the sum is {losses.sum():.2f}."
    )


@style.picture(height=2.7)
def two_terms(fig: Figure, output=((1.0, 0.0),), future=((0.0, 0.0),)) -> str:
    """What reaches a<t> from its own output and from the step after it.

    output, future: (T, n_a), the two terms whose sum is da<t>.
    """
    output, future = np.asarray(output, float), np.asarray(future, float)
    if output.shape != future.shape or output.ndim != 2:
        raise ValueError(
            f"output and future must both be (T, n_a), got {output.shape} and "
            f"{future.shape}"
        )
    if not len(output):
        raise ValueError("output and future hold no step")
    sizes = [np.linalg.norm(v, axis=1) for v in (output, future, output + future)]
    ax, steps = fig.subplots(), np.arange(1, len(output) + 1)
    ax.bar(
        steps - 0.17,
        sizes[0],
        0.3,
        label="from its own output",
        color=style.COLORS["y"],
    )
    face = {"facecolor": style.COLORS["gradient"], "edgecolor": "black", "hatch": "//"}
    ax.bar(steps + 0.17, sizes[1], 0.3, label="from the step after", **face)
    ax.plot(steps, sizes[2], "kD", markersize=5, label="their sum")
    ax.set(xticks=steps, xlabel="step t", ylabel="length of the vector")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    larger = np.flatnonzero(sizes[1] > sizes[0]) + 1
    said = ", ".join(map(str, larger)) or "no step"
    return (
        f"Two bars for each of {len(output)} steps, the part of da<t> from the output "
        "of the step and the part from the step after it. The second part is "
        f"{'0' if sizes[1][-1] == 0 else 'not 0'} at the last step and the larger one "
        f"at step {said}. A diamond marks the length of the sum."
    )


@style.picture(height=2.3)
def contributions(fig: Figure, parts=((((1.0, -1.0),),) * 2), n_a: int = 1) -> str:
    """What each step adds to the gradient of W_a, and the sum, on one colour scale.

    parts: (T, n_a, n_a + n_x). n_a: the columns left of the line multiply a<t-1>.
    """
    parts = np.asarray(parts, float)
    if parts.ndim != 3:
        raise ValueError(f"parts must be (T, n_a, n_a + n_x), got shape {parts.shape}")
    total = parts.sum(axis=0)
    most = max(np.abs(parts).max(), np.abs(total).max())
    axes = np.atleast_1d(fig.subplots(1, len(parts) + 1))
    names = [f"t = {t}" for t in range(1, len(parts) + 1)] + ["sum"]
    for ax, values, name in zip(axes, [*parts, total], names, strict=True):
        image = ax.imshow(values, norm=Normalize(-most, most), aspect="auto")
        ax.axvline(n_a - 0.5, color="white", linewidth=1.5)
        ax.set_title(name, fontweight="bold" if name == "sum" else "normal")
        ax.set(xticks=[], yticks=[])
        ax.set_xlabel(r"$a^{\langle t-1\rangle}\,|\,x^{\langle t\rangle}$", fontsize=9)
    axes[0].set_ylabel("unit")
    fig.colorbar(image, ax=list(axes), location="bottom", shrink=0.5, aspect=40)
    sizes = np.linalg.norm(parts, axis=(1, 2))
    return (
        f"{len(parts)} maps of {parts.shape[1]} by {parts.shape[2]} numbers, one for "
        f"each step, and a last one, their sum. Step {sizes.argmax() + 1} adds the "
        f"most, step {sizes.argmin() + 1} the least."
    )


@style.picture(height=3.2)
def u_curve(
    fig: Figure, steps=(1e-2, 1e-4), errors: Mapping = MappingProxyType({})
) -> str:
    """Error of a finite difference against its step size, both on log scales.

    steps: (n,). errors: name -> (n,), the largest error at each step size.
    """
    steps = as_vector("steps", steps)
    ax, lowest = fig.subplots(), {}
    for (name, curve), marker in zip(errors.items(), cycle(MARKERS), strict=False):
        curve = as_vector(f"errors[{name!r}]", curve)
        best, lowest[name] = curve.argmin(), curve.min()
        thin = {"color": "black", "linewidth": 1.0}
        ax.loglog(steps, curve, marker + "--", markersize=4, label=name, **thin)
        ring = {"marker": "o", "markersize": 12, "fillstyle": "none"}
        ax.plot(steps[best], curve[best], color="black", **ring)
    ax.set(xlabel="step size ε", ylabel="largest error")
    if errors:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    # where the lowest points lie is rounding, and differs from machine to machine
    order = ", ".join(sorted(lowest, key=lowest.get))
    return (
        "One curve a number format, error over step size, the lowest point ringed; "
        f"from the lowest up: {order or 'none'}."
    )


@style.picture(height=3.0)
def memory(fig: Figure, T=(10, 100), sizes: Mapping = MappingProxyType({})) -> str:
    """Bytes that a gradient needs against the number of steps, both on log scales.

    T: (n,). sizes: name -> (n,), bytes.
    """
    T = as_vector("T", T)
    ax, said = fig.subplots(), []
    for (name, numbers), marker in zip(sizes.items(), cycle(MARKERS), strict=False):
        numbers = as_vector(f"sizes[{name!r}]", numbers)
        ax.loglog(
            T, numbers / 1e6, marker=marker, label=name, color="black", linewidth=1
        )
        # a fifth of the ratio of steps is nearer to its root than to the ratio itself
        growth, steps = numbers[-1] / numbers[0], T[-1] / T[0]
        like = "about as many times" if growth > 0.6 * steps else "far fewer times"
        said.append(f"{name}: {like} the bytes")
    ax.set(
        xlabel="steps T",
        ylabel="megabytes",
        xticks=T,
        xticklabels=[f"{t:g}" for t in T],
    )
    ax.minorticks_off()
    if sizes:
        ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return f"Memory for {T[-1] / T[0]:.0f} times as many steps. {'; '.join(said)}."


@style.picture(height=2.9)
def by_window(
    fig: Figure,
    taus: Sequence = (0, 1),
    scores: Mapping = MappingProxyType({"": ((0.5,), (1.0,))}),
    lag: int = 1,
    chance: Real = 0.5,
) -> str:
    """Accuracy against the number of links the gradient may cross, a dot for each seed.

    scores: name -> (taus, seeds). lag: how far back the answer lies, drawn as a line.
    """
    taus = as_vector("taus", taus)
    if not (taus < lag).any() or not (taus >= lag).any():
        raise ValueError(f"taus must lie on both sides of the lag {lag}, got {taus}")
    panels = np.atleast_1d(fig.subplots(1, max(len(scores), 1), sharey=True))
    said = []
    for ax, (name, score) in zip(panels, scores.items(), strict=True):
        score = np.asarray(score, float)
        if score.ndim != 2 or len(score) != len(taus):
            raise ValueError(
                f"scores[{name!r}] must be ({len(taus)}, seeds), got {score.shape}"
            )
        ax.axvline(lag, label=f"lag = {lag}", **style.line("gradient"))
        ax.axhline(1, **style.line("best"))
        ax.axhline(chance, label="chance", **style.line("best") | {"linestyle": ":"})
        middle = np.median(score, axis=1)
        ax.plot(taus, middle, color="black", linewidth=1, label="median")
        apart = np.linspace(-0.15, 0.15, score.shape[1])  # equal dots stay two dots
        spots = taus[:, None] + apart
        ax.plot(spots, score, "o", color="black", markersize=3.5, alpha=0.45)
        ax.set(title=name, xlabel="links τ", xticks=taus, ylim=(chance - 0.06, 1.06))
        before, after = np.median(score[taus < lag]), np.median(score[taus >= lag])
        plain = name.translate({ord(sign): None for sign in "${}"})  # it is read aloud
        said.append(
            f"{plain}: the median is {level(middle[0], chance)} at τ = {taus[0]:g}, "
            f"{level(before, chance)} for most τ below the lag, "
            f"{level(after, chance)} from the lag on"
        )
    panels[0].set_ylabel("accuracy")
    panels[0].legend(loc="center left")
    return f"Accuracy against τ, a dot for each seed. {'; '.join(said)}."


def level(score: Real, chance: Real) -> str:
    """A median accuracy in words: its digits differ from machine to machine."""
    if score < chance + 0.15:
        return "near chance"
    return "near 1" if score > 0.985 else "well above chance"


def as_vector(name: str, values) -> np.ndarray:
    values = np.asarray(values, float)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} must be one row of numbers, got shape {values.shape}")
    return values
