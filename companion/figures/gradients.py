"""Pictures of gradients through time: what of a nudge is left, lag by lag."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from companion.figures import style

__all__ = ["by_distance", "norm_by_lag", "share_by_lag", "singular_values"]

EMPTY = MappingProxyType({})
DASHES = ("--", "-", ":", "-.")
NEAR = 0.1
CARRIED = 1e-6  # of the largest singular value: what float32 Jacobians still carry
DRAWN = 12  # curves of a set of singular values: more would be a grey area
NARROWEST = 0.09  # of the height of the axes: labels closer than this would overlap


@style.picture(height=3.2)
def norm_by_lag(fig: Figure, panels: Mapping = EMPTY, limits: tuple | None = None):
    """|da<T>/da<T-k>| against the lag k on a log axis, one curve a setting.

    panels: title -> (name of a curve -> its norms, (T+1,) or (seeds, T+1)). A curve is
    the geometric mean over seeds, and a band shows their range; where a norm is 0 it
    has no place on a log axis and the curve ends. limits: lowest and highest norm.
    """
    axes = fig.subplots(1, max(len(panels), 1), sharey=True, squeeze=False)[0]
    said = []
    for ax, (title, curves) in zip(axes, panels.items(), strict=False):
        shades = colormaps["magma"](np.linspace(0.1, 0.75, max(len(curves), 1)))
        ends = []
        if not curves:
            raise ValueError(f"panels[{title!r}] holds no curve")
        for i, (name, norms) in enumerate(curves.items()):
            norms = np.atleast_2d(np.asarray(norms, float))
            if norms.ndim != 2:
                raise ValueError(
                    f"panels[{title!r}][{name!r}] must be (T+1,) or (seeds, T+1), got "
                    f"shape {norms.shape}"
                )
            seen = np.where(norms > 0, norms, np.nan)
            mean = np.exp(np.log(seen).mean(axis=0))
            lags = np.arange(len(mean))
            look = {"color": shades[i], "linestyle": DASHES[i % len(DASHES)]}
            ax.semilogy(lags, mean, label=name, **look)
            if len(norms) > 1:
                low, high = seen.min(axis=0), seen.max(axis=0)
                ax.fill_between(
                    lags, low, high, color=shades[i], alpha=0.25, linewidth=0
                )
            ends.append((mean, name, shades[i]))
        ax.axhline(1, **style.line("best"))
        ax.set(xlabel="lag k", title=title)
        if limits is not None:
            ax.set_ylim(limits)
        ax.set_xlim(0, len(mean) * 1.16)
        _name_ends(ax, ends)
        said.append(f"{title}: {_fates(ends, len(mean) - 1)}")
    axes[0].set_ylabel(
        r"$|\partial a^{\langle T\rangle}/\partial "
        r"a^{\langle T-k\rangle}|$"
    )
    listed = " ".join(said) or "No curves."
    return f"What is left of a nudge against the lag, on a log axis. {listed}"


def _name_ends(ax, ends) -> None:
    """Each curve's name where it leaves the frame, pushed apart from the one below."""
    low, high = np.log(ax.get_ylim())
    place = -np.inf
    for mean, name, color in sorted(
        ends, key=lambda known: np.nan_to_num(known[0][-1])
    ):
        with np.errstate(divide="ignore"):
            height = (np.log(mean) - low) / (high - low)
        seen = np.flatnonzero((height >= 0) & (height <= 1))
        last = int(seen[-1]) if seen.size else 0
        # a name to the right of the frame has to keep clear of the others there
        inside = last < len(mean) - 1
        at = 0.05 if inside else max(height[last], place + NARROWEST)
        place = place if inside else at
        put = {"va": "center", "fontsize": 9, "transform": ax.get_xaxis_transform()}
        ax.text(last + 1, at, name, color=color, **put)


def _fates(ends, lag: int) -> str:
    """Which curves end far below 1, near it, far above it: the same on any machine."""
    fates = {"below 0.1": [], "near 1": [], "above 10": []}
    for mean, name, _ in ends:
        fate = list(fates)[int(np.digitize(np.nan_to_num(mean[-1]), (0.1, 10)))]
        fates[fate].append(name)
    listed = "; ".join(f"{k} {', '.join(names)}" for k, names in fates.items() if names)
    return f"at lag {lag} {listed}."


@style.picture(height=3.0)
def singular_values(fig: Figure, values=((1.0, 1.0), (0.9, 0.5), (0.8, 0.2))) -> str:
    """All singular values of da<T>/da<T-k> against the lag k, on a log axis.

    values: (T+1, n), largest first. A curve ends where it is lost in the rounding of
    float32 Jacobians.
    """
    values = np.asarray(values, float)
    if values.ndim != 2 or not values.size or not (values[:, 0] > 0).all():
        raise ValueError(
            "values must be (T+1, n), the largest at each lag above 0, got shape "
            f"{values.shape}"
        )
    ax = fig.subplots()
    lags = np.arange(len(values))
    values = np.where(values > CARRIED * values[:, :1], values, np.nan)
    drawn = values.T[np.unique(np.linspace(0, values.shape[1] - 1, DRAWN).astype(int))]
    shades = colormaps["magma"](np.linspace(0.05, 0.8, len(drawn)))
    for column, shade in zip(drawn[::-1], shades[::-1], strict=True):
        ax.semilogy(lags, column, color=shade, linestyle="--", linewidth=0.9)
    ax.axhline(1, **style.line("best"))
    end = {"textcoords": "offset points", "va": "center"}
    ax.annotate("largest", (lags[-1], values[-1, 0]), (5, 0), **end)
    ax.set(xlabel="lag k", ylabel="stretch of a nudge")
    return (
        f"{len(drawn)} of {values.shape[1]} singular values, curves that begin at 1 "
        f"and fall nearly as straight lines on a log axis. At lag {lags[-1]} the "
        f"largest is about 1e{np.log10(values[-1, 0]):+03.0f}; the others fall faster."
    )


@style.picture(height=2.8)
def share_by_lag(fig: Figure, shares: Mapping = EMPTY) -> str:
    """Each lag's share of the weight gradient, on a log axis.

    shares: name -> (T,), as `gradients.share_by_lag` returns them.
    """
    ax = fig.subplots()
    said = []
    colors = colormaps["magma"](np.linspace(0.1, 0.7, max(len(shares), 1)))
    for i, (name, share) in enumerate(shares.items()):
        share = np.asarray(share, float)
        seen = np.where(share > 0, share, np.nan)
        lags = np.arange(len(share))
        ax.semilogy(lags, seen, DASHES[i % len(DASHES)], color=colors[i], label=name)
        said.append(f"{name}: lags 0 to 4 hold {share[:5].sum():.0%}")
    ax.set(xlabel="lag: steps between the loss and the copy of the weights")
    ax.set_ylabel("share of the gradient")
    if shares:
        ax.legend(loc="lower left")
    listed = "; ".join(said) or "no curves"
    return f"The share of each lag falls with the lag on a log axis. {listed}."


@style.picture(height=2.8)
def by_distance(
    fig: Figure,
    accuracy: Mapping = EMPTY,
    distances: Sequence[int] = (0, 4),
    best: Sequence[float] | None = None,
    chance: float = 0.5,
) -> str:
    """Accuracy against the distance between a cue and its use, one dot a seed.

    accuracy: name -> (seeds, distances). best: the best possible score at each of them.
    """
    ax = fig.subplots()
    said = []
    for i, (name, scores) in enumerate(accuracy.items()):
        scores = np.asarray(scores, float)
        if scores.ndim != 2 or scores.shape[1] != len(distances):
            raise ValueError(
                f"accuracy[{name!r}] must be (seeds, {len(distances)}), got shape "
                f"{scores.shape}"
            )
        look = style.line("a") | {"linestyle": DASHES[i % len(DASHES)]}
        ax.plot(distances, scores.mean(axis=0), label=name, **look)
        dots = {"color": "black", "alpha": 0.35, "markersize": 5}
        ax.plot(distances, scores.T, "os^D"[i % 4], **dots)
        said.append(f"{name} {_heights(scores.mean(axis=0), distances, best, chance)}")
    if best is not None:
        ax.plot(distances, best, label="best possible", **style.line("best"))
    dotted = style.line("best") | {"linestyle": ":"}
    ax.axhline(chance, label="chance", **dotted)
    ax.set(xlabel="words between subject and verb", ylabel="accuracy", ylim=(0.3, 1.03))
    ax.set_xticks(distances)
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=4)
    listed = "; ".join(said) or "no runs"
    return f"Accuracy against distance, a dot a seed and a line for the mean: {listed}."


def _heights(means, distances, best, chance) -> str:
    """At which distances a curve is at the top, at the bottom, or in between."""
    best = np.ones(len(means)) if best is None else np.asarray(best)
    places = {
        "near the best": means > best - NEAR,
        "near chance": means < chance + NEAR,
    }
    places["between"] = ~(places["near the best"] | places["near chance"])
    return ", ".join(
        f"{place} at {' '.join(map(str, np.asarray(distances)[at]))}"
        for place, at in places.items()
        if at.any()
    )
