"""What gates and memories did over time, drawn from real values.

Every picture takes arrays as `companion.inside.inside` and `inspector.look_inside` give
them. Given nothing, it draws a unit whose weights are set by hand here: one that stores
a number and reports it when asked, and a clock that peepholes keep running.
"""

from collections.abc import Mapping
from numbers import Real

import jax.numpy as jnp
import numpy as np
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Wedge

from companion.cells import LSTM, LSTMParams, PeepholeLSTM, PeepholeLSTMParams
from companion.figures import sentence, style
from companion.inside import inside

__all__ = [
    "ablations",
    "chain",
    "clock",
    "clock_by_hand",
    "store_by_hand",
    "store_then_report",
    "trace",
    "traces",
]

SURE = 9.0  # sigmoid(9) is .9999: a gate set by hand to be open or shut
OPEN = 0.5
FORGET, ADD, SHOW = 0.25, 0.6, 0.88  # where in a step it happens
STATES = ("c", "a", "c_tilde")


def store_by_hand() -> tuple[LSTM, LSTMParams]:
    """One LSTM unit for `tasks.StoreAndReport`: x is (v, store, ask).

    "store" opens Gamma_u and shuts Gamma_f, "ask" opens Gamma_o; c becomes tanh(v).
    """
    maps = {
        "c": ([0, 1, 0, 0], 0),
        "u": ([0, 0, 2 * SURE, 0], -SURE),
        "f": ([0, 0, -2 * SURE, 0], SURE),
        "o": ([0, 0, 0, 2 * SURE], -SURE),
    }
    given = {}
    for letter, (W, b) in maps.items():
        given[f"W_{letter}"] = jnp.array([W], float)
        given[f"b_{letter}"] = jnp.array([b], float)
    return LSTM(n_a=1), LSTMParams(**given)


def clock_by_hand(period: int = 5) -> tuple[PeepholeLSTM, PeepholeLSTMParams]:
    """One peephole unit that needs no input and shows a<t> at every period-th step.

    At each step 1 / period is added to c. Gamma_o opens when c<t> has come to 1, and
    Gamma_f shuts when c<t-1> has: both see it through their peepholes alone, for all
    other weights are 0. n_x is 1.
    """
    if period < 2:
        raise ValueError(f"period must be at least 2 steps, got {period}")
    full = 1 - 0.5 / period  # half a step before 1: no rounding can move it
    steep = 2 * SURE * period
    zeros = jnp.zeros((1, 2))
    params = PeepholeLSTMParams(
        **{f"W_{letter}": zeros for letter in "cufo"},
        b_c=jnp.arctanh(jnp.array([1 / period])),
        b_u=jnp.array([40.0]),
        b_f=jnp.array([steep * full]),
        b_o=jnp.array([-steep * full]),
        p_u=jnp.zeros(1),
        p_f=jnp.array([-steep]),
        p_o=jnp.array([steep]),
    )
    return PeepholeLSTM(n_a=1), params


def _stored() -> tuple[list[str], dict[str, np.ndarray]]:
    """The unit above over ten steps: .6 stored at step 2, asked for at step 8."""
    xs = np.zeros((10, 3), np.float32)
    xs[1], xs[7, 2] = (0.6, 1, 0), 1
    read = [str(t + 1) for t in range(10)]
    read[1], read[7] = "store .6", "ask"
    return read, _of_unit(*store_by_hand(), xs)


def _of_unit(cell, params, xs):
    values = inside(cell, params, jnp.asarray(xs))
    return {name: np.asarray(v)[:, 0] for name, v in values.items()}


@style.picture(height=3.0)
def trace(
    fig: Figure,
    words=None,
    values: Mapping | None = None,
    ideal=None,
    ideal_label: str = "the story",
) -> str:
    """Gates and states of one unit over the words of a sentence, or over steps.

    values: quantity ("gamma_u", "c", ...) -> (T,). words: T labels for the x axis; the
    steps if there are none. ideal: (T,), what a gate would do if the story were true.
    Without values: a GRU unit set by hand that carries the number of a subject.
    """
    if values is None:
        text = sentence.SENTENCES[0]
        seen = sentence.watched(
            *sentence.by_hand(), sentence.agreement.VOCABULARY, [text]
        )
        words = seen.words[text]
        found = seen.values[text]["cell"]
        values = {name: found[name][:, 0] for name in ("gamma_u", "c")}
    values = {name: _row(f"values[{name!r}]", v) for name, v in values.items()}
    T = _common({**values, "words": words, "ideal": ideal})
    ax = fig.subplots()
    steps = np.arange(T)
    ax.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
    said = []
    if ideal is not None:
        wide = {"color": style.COLORS["best"], "linewidth": 5, "alpha": 0.55}
        ax.plot(steps, ideal, label=ideal_label, solid_joinstyle="miter", **wide)
    for name, row in values.items():
        look = style.line(name) | {"marker": "o", "markersize": 4}
        ax.plot(steps, row, label=style.math(name), **look)
        said.append(f"{_spoken(name)} {_course(name, row, words)}")
    _label_steps(ax, words, T)
    low = min([*(row.min() for row in values.values()), 0])
    high = max([*(row.max() for row in values.values()), 1])
    ax.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    also = f" A wide grey line shows {ideal_label}." if ideal is not None else ""
    return f"Curves over {T} steps: {'; '.join(said) or 'none'}.{also}"


def _row(name, v) -> np.ndarray:
    v = np.asarray(v, float)
    if v.ndim != 1 or not v.size:
        raise ValueError(f"{name} must be (T,), got shape {v.shape}")
    return v


def _common(rows: Mapping) -> int:
    lengths = {name: len(row) for name, row in rows.items() if row is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"all must have the same number of steps, got {lengths}")
    return max(lengths.values(), default=1)


def _label_steps(ax, words, T) -> None:
    ax.set_xlim(-0.5, T - 0.5)
    if words is None:
        ax.set(xlabel="step t")
        shown = [t for t in range(T) if T <= 16 or (t + 1) % 5 == 0]
        ax.set(xticks=shown, xticklabels=[str(t + 1) for t in shown])
        return
    turn = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    turn = turn if any(len(word) > 2 for word in words) else {}
    ax.set_xticks(range(T), [word.replace("$", r"\$") for word in words], **turn)


def _spoken(name: str) -> str:
    return {"c_tilde": "the candidate"}.get(name, name.replace("gamma", "Gamma"))


def _course(name: str, row, words) -> str:
    """Coarse enough to be the same on machines that round differently."""
    place = "step {}" if words is None else "“{}”"
    at = [str(t + 1) if words is None else words[t] for t in range(len(row))]
    if name in STATES:
        top = _first_top(np.abs(row))
        end = "near 0" if abs(row[-1]) < 0.1 else "above" if row[-1] > 0 else "below"
        end += "" if end == "near 0" else " 0"
        return f"is at its farthest from 0 by {place.format(at[top])} and ends {end}"
    opened = np.flatnonzero(row > OPEN)
    if len(opened) in (0, len(row)):
        return "stays above one half" if len(opened) else "stays below one half"
    if len(opened) > 4:
        shut = np.flatnonzero(row <= OPEN)
        if len(shut) > 4:
            return f"is above one half at {len(opened)} of {len(row)} steps"
        return "is above one half except at " + ", ".join(
            place.format(at[t]) for t in shut
        )
    return "is above one half at " + ", ".join(place.format(at[t]) for t in opened)


def _first_top(sizes) -> int:
    """The first step that comes to the largest: ties must not hang on rounding."""
    return int(np.flatnonzero(sizes >= 0.98 * sizes.max())[0])


@style.picture(height=2.6)
def traces(
    fig: Figure,
    words=("the", "cats"),
    gates=((0.0, 1.0),),
    ideal=None,
    quantity: str = "gamma_u",
    names=None,
) -> str:
    """A gate over the same sentence in several networks: one row a network.

    gates: (networks, T). ideal: (T,), drawn as a row of its own above the others.
    names: of the rows; "seed 0", "seed 1", ... without them.
    """
    gates = np.asarray(gates, float)
    if gates.ndim != 2 or gates.shape[1] != len(words) or not len(gates):
        raise ValueError(f"gates must be (rows, {len(words)}), got {gates.shape}")
    names = [f"seed {i}" for i in range(len(gates))] if names is None else list(names)
    if len(names) != len(gates):
        raise ValueError(f"names must be {len(gates)} names, got {len(names)}")
    parts = [gates] if ideal is None else [_row("ideal", ideal)[None], gates]
    heights = [len(part) for part in parts]
    axes = fig.subplots(len(parts), 1, height_ratios=heights, squeeze=False)[:, 0]
    for ax, part in zip(axes, parts, strict=True):
        image = ax.imshow(part, norm=Normalize(0, 1), aspect="auto")
        ax.set(xticks=[], yticks=range(len(part)), yticklabels=names[: len(part)])
        ax.tick_params(length=0)
        for spine in ax.spines.values():
            spine.set_visible(False)
        ax.set_yticks(np.arange(len(part) + 1) - 0.5, minor=True)
        ax.grid(which="minor", axis="y", color="white", linewidth=1.5)
        ax.tick_params(which="minor", length=0)
    if ideal is not None:
        axes[0].set_yticklabels(["the story"])
    _label_steps(axes[-1], words, len(words))
    fig.colorbar(image, ax=list(axes), label=style.math(quantity), ticks=(0, 0.5, 1))
    opened = (gates > OPEN).mean(axis=0)
    common = [f"“{words[t]}”" for t in np.flatnonzero(opened > 0.5)]
    where = (
        "most rows are open at " + ", ".join(common[:6])
        if common
        else ("at no word are most rows open")
    )
    return (
        f"One row for each of {len(gates)} networks, one column a word, bright where "
        f"{_spoken(quantity)} is open: {where}."
    )


@style.picture(height=2.8)
def ablations(
    fig: Figure,
    accuracy=((1.0, 1.0),),
    chosen=None,
    intact=None,
    chance: Real = 0.5,
    names=None,
    ylabel: str = "accuracy",
) -> str:
    """Accuracy with each single unit frozen: one column a network, one dot a unit.

    accuracy: (networks, n_a). chosen: (networks,), the unit to be ringed in each, from
    0. intact: (networks,), the accuracy with no unit frozen.
    """
    accuracy = np.asarray(accuracy, float)
    if accuracy.ndim != 2 or not accuracy.size:
        raise ValueError(f"accuracy must be (networks, n_a), got {accuracy.shape}")
    rows, n_a = accuracy.shape
    names = [f"seed {i}" for i in range(rows)] if names is None else list(names)
    for name, given in (("chosen", chosen), ("intact", intact), ("names", names)):
        if given is not None and len(given) != rows:
            raise ValueError(f"{name} must be {rows} values, got {len(given)}")
    ax = fig.subplots()
    spread = np.linspace(-0.3, 0.3, n_a) if n_a > 1 else np.zeros(1)
    for i, scores in enumerate(accuracy):
        label = "one unit frozen" if i == 0 else None
        look = {"color": "black", "markersize": 4.5, "alpha": 0.6}
        ax.plot(i + spread, scores, "o", label=label, **look)
        if intact is not None:
            label = "none frozen" if i == 0 else None
            ax.hlines(intact[i], i - 0.38, i + 0.38, color="#555555", label=label)
        if chosen is not None:
            spot = i + spread[int(chosen[i])], scores[int(chosen[i])]
            ring = {"markersize": 12, "fillstyle": "none", "linestyle": "none"}
            ring |= {"color": style.COLORS["gradient"], "markeredgewidth": 2}
            label = "the unit chosen" if i == 0 else None
            ax.plot(*spot, "o", label=label, **ring)
    dotted = style.line("best") | {"linestyle": ":"}
    ax.axhline(chance, label="chance", **dotted)
    ax.set(xticks=range(rows), xticklabels=names, xlim=(-0.5, rows - 0.5))
    ax.set(ylabel=ylabel, ylim=(min(chance, accuracy.min()) - 0.06, 1.04))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    deep = int((accuracy.min(axis=1) < (chance + 1) / 2).sum())
    said = (
        f"A dot for each of {n_a} frozen units in each of {rows} networks: in {deep} "
        "of them some single unit takes more than half of what lies above chance"
    )
    if chosen is not None:
        worst = sum(
            accuracy[i, int(unit)] <= accuracy[i].min() + 0.02
            for i, unit in enumerate(chosen)
        )
        said += f"; the ringed unit is the most costly one in {worst}"
    return said + "."


@style.picture(height=2.9)
def store_then_report(fig: Figure, values: Mapping | None = None, words=None) -> str:
    """Memory, activation, forget and output gate: hold a number, show it when asked.

    values: quantity -> (T,) of a trained unit, with c, a, gamma_f and gamma_o; words: T
    labels. Without values: the unit of `store_by_hand`, which is given .6.
    """
    if values is None:
        words, values = _stored()
    kept = {name: values[name] for name in ("c", "a", "gamma_f", "gamma_o")}
    return trace.__wrapped__(fig, words, kept)


@style.picture(height=2.9)
def clock(
    fig: Figure, values: Mapping | None = None, period: int = 5, n_steps: int = 20
) -> str:
    """The one-unit clock: c climbs, Gamma_o opens when it is full, Gamma_f empties it.

    values: quantity -> (T,), of a clock of your own; without them that of
    `clock_by_hand`, of this period, over n_steps.
    """
    if values is None:
        xs = np.zeros((n_steps, 1), np.float32)
        values = _of_unit(*clock_by_hand(period), xs)
    kept = {name: values[name] for name in ("c", "a", "gamma_f", "gamma_o")}
    return trace.__wrapped__(fig, None, kept)


@style.picture(height=2.3)
def chain(
    fig: Figure,
    values: Mapping | None = None,
    words=None,
    unit: int | None = None,
) -> str:
    """The memory of one LSTM unit on its way through time, drawn from its values.

    The wider the line, the larger |c|; its colour is c itself. The wheel on the line
    fills as Gamma_f opens, the one below as Gamma_u does, the one above as Gamma_o.

    values: c, gamma_u, gamma_f, gamma_o, and a if it is there, each (T,), or (T, n_a)
    with a unit. words: T labels. Without values: a unit set by hand that stores .6.
    """
    if values is None:
        words, values = _stored()
    need = ("c", "gamma_u", "gamma_f", "gamma_o")
    missing = [name for name in need if name not in values]
    if missing:
        raise ValueError(f"values must hold {', '.join(need)}; it lacks {missing}")
    values = {
        name: _row(name, v if unit is None else np.asarray(v)[:, unit])
        for name, v in values.items()
    }
    T = _common({**values, "words": words})
    c, largest = values["c"], max(np.abs(values["c"]).max(), 1e-9)
    ax = fig.subplots()
    norm, tints = Normalize(-largest, largest), colormaps["cividis"]
    inch = (T + 1.2) / 6.0  # in steps: wheels and rows keep their size in any picture
    radius, row = min(max(0.09 * inch, 0.12), 0.3), max(0.42 * inch, 0.6)
    for t in range(T + 1):
        before = c[t - 1] if t else 0.0
        end = t + FORGET if t < T else t + 0.1
        pieces = [(t + ADD - 1 if t else -0.3, end, before)]
        if t < T:
            pieces.append((end, t + ADD, values["gamma_f"][t] * before))
        for start, end, value in pieces:
            look = {"color": tints(norm(value)), "solid_capstyle": "butt"}
            look["linewidth"] = 1.0 + 13 * abs(value) / largest
            ax.plot([start, end], [0, 0], zorder=1, **look)
    for t in range(T):
        f, u, o = (float(values[f"gamma_{gate}"][t]) for gate in "fuo")
        _wheel(ax, (t + FORGET, 0), radius, f, "gamma_f")
        _wheel(ax, (t + ADD, -row), radius, u, "gamma_u")
        _flow(ax, (t + ADD, radius - row), (t + ADD, -0.08 * inch), u, "gamma_u")
        _wheel(ax, (t + SHOW, row), radius, o, "gamma_o")
        _flow(ax, (t + SHOW, 0.08 * inch), (t + SHOW, row - radius), o, "a")
    ax.set(xlim=(-0.9, T + 0.2), ylim=(-row - 0.4 * inch, row + 0.15 * inch))
    ax.set(aspect="equal")
    ax.set_axis_off()
    for height, name in ((row, "gamma_o"), (0, "gamma_f"), (-row, "gamma_u")):
        put = {"ha": "right", "va": "center", "color": style.COLORS[name]}
        ax.text(-0.4, height, style.math(name, None), fontsize=12, **put)
    said = [str(t + 1) for t in range(T)] if words is None else list(map(str, words))
    turn = 45 if T * max(map(len, said)) > 90 else 0
    put = {"ha": "right" if turn else "center", "va": "top", "rotation": turn}
    for t, word in enumerate(said):
        at = t + ADD, -row - radius - 0.06 * inch
        ax.text(*at, word.replace("$", r"\$"), fontsize=9, **put)
    fig.colorbar(
        ScalarMappable(norm, tints), ax=ax, label=style.math("c"), shrink=0.7, pad=0.01
    )
    thick = _first_top(np.abs(c))
    steps = "its end" if thick == T - 1 else f"step {thick + 1}"
    forgets = [str(t + 1) for t in np.flatnonzero(values["gamma_f"] < OPEN)]
    opens = [str(t + 1) for t in np.flatnonzero(values["gamma_o"] > OPEN)]
    return (
        f"The memory as a line through {T} steps, widest at {steps}. Gamma_f is below "
        f"one half at {_some(forgets)}, Gamma_o above it at {_some(opens)}."
    )


def _some(steps) -> str:
    if not steps:
        return "no step"
    if len(steps) > 5:
        return f"{len(steps)} steps"
    return f"step{'s' if len(steps) > 1 else ''} {', '.join(steps)}"


def _wheel(ax, center, radius, share, quantity) -> None:
    """A wheel, filled clockwise from the top by the share that a gate lets through."""
    color = style.COLORS[quantity]
    ax.add_patch(Wedge(center, radius, 0, 360, fc="white", ec=color, lw=1.3, zorder=3))
    if share > 0.005:
        turn = Wedge(
            center, radius, 90 - 360 * share, 90, fc=color, ec="none", zorder=4
        )
        ax.add_patch(turn)


def _flow(ax, start, end, share, quantity) -> None:
    head = {"arrowstyle": "-|>,head_length=4,head_width=2", "mutation_scale": 1.0}
    look = {"color": style.COLORS[quantity], "linewidth": 0.8 + 2 * share}
    look["alpha"] = 0.15 + 0.85 * share
    ends = {"shrinkA": 0, "shrinkB": 0, "zorder": 2}
    ax.add_patch(FancyArrowPatch(start, end, **head, **look, **ends))
