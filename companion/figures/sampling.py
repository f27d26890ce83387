"""Pictures of sampling: what a temperature does, how samples end, where they part."""

import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from companion import copies, sampling, text
from companion.figures import style

__all__ = [
    "by_temperature",
    "decode",
    "lengths",
    "mixing_describe",
    "mixing_setup",
    "mixing_update",
    "temperatures",
    "write_describe",
    "write_setup",
    "write_update",
]

EMPTY = MappingProxyType({})
SHOWN = 14  # characters in the bars of `write`
COLUMNS, ROWS = 76, 6  # of the text it writes
SHORTEST = 3  # letters of a word that counts: nearly any two letters are one
MIX = 35  # seed of the draws that say which characters of `mixing` are the true ones
CLOSE = 0.02  # shares guessed right that are nearly one
NAMES = {"\n": "¶", " ": "␣"}  # marks for what cannot be seen


def decode(vocabulary, ids) -> str:
    """The string of character ids (T,), special tokens as a question mark in a box."""
    tokens = vocabulary.decode(ids)
    return "".join("\ufffd" if t in text.SPECIAL else t for t in tokens)


def by_temperature(
    model, params, vocabulary, learnt: str, temperatures: Sequence, key, most: int = 300
) -> dict[str, np.ndarray]:
    """What 8 samples of `most` characters are like at each temperature.

    learnt: the text that the model was trained on. Returns, an entry a temperature:
    "entropy" of the distributions drawn from (nats a character), "distinct" 4-grams
    (a share, mean over samples), "words" (the share of the words of three letters and
    more that the learnt text has too), "copied" (the longest stretch of it in any).
    """
    known = set(text.words(learnt))
    keys = ("entropy", "distinct", "words", "copied")
    found: dict[str, list] = {name: [] for name in keys}

    for temperature in temperatures:
        drawn = sampling.sample(
            model, params, key, batch=8, temperature=temperature, stop=None, most=most
        )
        said = [decode(vocabulary, row) for row in np.asarray(drawn.ids)]
        spoken = [w for one in said for w in text.words(one) if len(w) >= SHORTEST]
        overlap = max(copies.longest_overlap(one, learnt).length for one in said)
        found["entropy"].append(float(entropy(model, params, drawn.ids, temperature)))
        found["distinct"].append(np.mean([copies.distinct(one) for one in said]))
        found["words"].append(np.mean([word in known for word in spoken]))
        found["copied"].append(overlap)
    return {name: np.array(values) for name, values in found.items()}


@style.picture(height=3.0)
def temperatures(fig: Figure, values=(0.5, 1.0), tables: Mapping = EMPTY) -> str:
    """Entropy, distinct 4-grams and known words against the temperature.

    tables: name of a model -> what `by_temperature` says about it.
    """
    names = {
        "entropy": "entropy (nats a character)",
        "distinct": "distinct 4-grams",
        "words": "words it has read",
    }
    axes = fig.subplots(1, 3)
    looks = ("x", "gamma_f", "gamma_u")
    for ax, (key, title) in zip(axes, names.items(), strict=True):
        for (name, table), look in zip(tables.items(), looks, strict=False):
            ax.plot(values, table[key], marker="o", label=name, **style.line(look))
        ax.set(xlabel="temperature", title=title, xlim=(0, max(values) * 1.05))
        ax.set_ylim(0, None if key == "entropy" else 1.05)
    if tables:
        axes[0].legend(loc="upper left", fontsize=9)
    said = "; ".join(
        f"{name}: {_trend(table['distinct'])}" for name, table in tables.items()
    )
    return (
        "Against the temperature, the entropy rises and the share of words that were "
        f"read falls. Distinct 4-grams, {said or 'none'}."
    )


def _trend(shares) -> str:
    """A course of shares in words: its digits differ from machine to machine."""
    if shares[-1] - shares[0] > 0.3:
        return "few when cold, nearly all different when hot"
    return "nearly all different throughout" if min(shares) > 0.7 else "few throughout"


@style.picture(height=2.8)
def lengths(fig: Figure, drawn=(6, 7), true=(0.5, 0.5), cap: int | None = None) -> str:
    """How long sampled sentences are, beside how long those of the language are.

    drawn: lengths, EOS included. true: probability of length 0, 1, ... cap: where
    sampling would be cut.
    """
    drawn, true = np.asarray(drawn), np.asarray(true, float)
    longest = max(int(drawn.max()), len(true) - 1)
    share = np.bincount(drawn, minlength=longest + 1) / len(drawn)
    ax = fig.subplots()
    ax.bar(range(longest + 1), share, color=style.COLORS["x"], label="sampled")
    ax.plot(range(len(true)), true, "_", color="black", markersize=26,
            markeredgewidth=2)  # fmt: skip
    ax.plot([], [], "_", color="black", markersize=12, label="the language itself")
    if cap is not None:
        ax.axvline(cap + 0.5, color=style.COLORS["gamma_f"], linestyle="--")
        ax.text(cap + 0.6, share.max(), f"a cap at {cap}", color="#D55E00", va="top")
    ax.set(xlabel="tokens, EOS included", ylabel="share of sentences")
    ax.set(xlim=(1.5, longest + 1), xticks=range(2, longest + 1))
    ax.legend(loc="upper left")
    shortest = np.flatnonzero(true).min()
    return (
        f"Bars for sentences of {shortest} to {len(true) - 1} tokens, "
        "each about as high as the mark of the language's own share."
    )


def mixing_setup(fig: Figure, model, params, prompt, rest, **values):
    """Shares guessed right by character, at both ends and, stronger, in between."""
    rest = np.asarray(rest)
    carried, key = model.begin(params, prompt), jax.random.key(MIX)

    def hits(share) -> np.ndarray:
        found = sampling.mixed(model, params, carried, rest, share, key)
        return (np.asarray(found) == rest).mean(axis=0)

    free, forced = hits(0.0), hits(1.0)
    ax, side = fig.subplots(1, 2, sharey=True, width_ratios=(6, 1))
    steps = np.arange(1, rest.shape[-1] + 1)
    ends = ("teacher forcing", "x", forced), ("free running", "gamma_f", free)
    for name, look, end in ends:
        quiet = style.line(look) | {"linewidth": 1.1, "alpha": 0.75}
        ax.plot(steps, end, label=name, **quiet)
        side.axhline(end.mean(), **quiet)
    mixed = style.line("a") | {"linewidth": 2.4}
    (line,) = ax.plot(steps, free, label="this mix", **mixed)
    half = style.line("best")
    side.axhline((free.mean() + forced.mean()) / 2, **half)
    ax.plot([], [], label="half of the way", **half)
    (dot,) = side.plot([0], [0], "o", color=style.COLORS["a"], markersize=8)
    over = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}  # the lines
    said = side.text(0.35, 0, "", va="center", bbox=over)
    ax.set(xlabel="characters after the prompt", ylabel="share guessed right")
    ax.set(ylim=(0, 1.05), xlim=(1, max(2, len(steps))))
    side.set(xlim=(-0.5, 1.5), xticks=[], xlabel="mean of all")
    fig.legend(loc="outside upper center", ncols=4, fontsize=9)
    return {"line": line, "dot": dot, "said": said}, (hits, free, forced)


def mixing_update(drawn, share):
    """Returns the shares guessed right by character: of this mix and of both ends."""
    artists, (hits, free, forced) = drawn
    now = hits(share)
    artists["line"].set_ydata(now)
    artists["dot"].set_ydata([now.mean()])
    artists["said"].set(text=f"{now.mean():.2f}", y=now.mean())
    return now, free, forced


def mixing_describe(result, share) -> str:
    now, free, forced = (each.mean() for each in result)
    said = (
        f"Over {len(result[0])} characters a share of {now:.2f} is guessed right; "
        f"{free:.2f} in free running, {forced:.2f} with teacher forcing"
    )
    if forced - free < CLOSE:  # no distance to speak of
        return said + "."
    way = (now - free) / (forced - free)
    return said + f", so this is {way:.0%} of the way from the one to the other."


def write_setup(fig: Figure, model, versions: Mapping, vocabulary, **values):
    """Bars for the next character, and a page for what the model writes."""
    above, below = fig.subplots(2, 1, height_ratios=(1, 1.05))
    bars = above.bar(range(SHOWN), np.zeros(SHOWN), color=style.COLORS["x"])
    names = [
        above.text(i, -0.04, "", ha="center", va="top", family="DejaVu Sans Mono")
        for i in range(SHOWN)
    ]
    above.set(ylim=(0, 1), xticks=[], ylabel="probability", xlim=(-0.7, SHOWN - 0.3))
    asked = above.set_title(" ")
    below.set_axis_off()
    below.set(xlim=(0, 1), ylim=(0, 1))
    page = below.text(
        0, 1, "", va="top", family="DejaVu Sans Mono", fontsize=10, linespacing=1.3
    )
    artists = {"bars": list(bars), "names": names, "title": asked, "page": page}
    return artists, (model, versions, vocabulary)


def write_update(drawn, version, prompt: str, temperature, top_k, take: int):
    """Returns the probabilities of the next character, and the text that was drawn."""
    artists, (model, versions, vocabulary) = drawn
    params = versions[version]
    top_k = len(vocabulary) if top_k == "all" else int(top_k)
    never = (vocabulary.pad, vocabulary.unk)
    options = {"temperature": temperature, "top_k": top_k, "excluded": never}
    carried = model.begin(params, vocabulary.encode(text.characters(prompt)))
    logits = step(model, params, *carried)
    p = np.asarray(sampling.next_distribution(logits, **options))
    written = sampling.continued(
        model, params, carried, key=jax.random.key(take), stop=None,
        most=COLUMNS * ROWS, **options,
    )  # fmt: skip
    said = decode(vocabulary, np.asarray(written.ids))
    order = np.argsort(-p, kind="stable")[:SHOWN]
    for bar, name, i in zip(artists["bars"], artists["names"], order, strict=False):
        bar.set_height(float(p[i]))
        shown = "EOS" if i == vocabulary.eos else vocabulary.tokens[i]
        name.set_text(NAMES.get(shown, shown.replace("$", r"\$")))
    shown = prompt if len(prompt) <= 30 else "..." + prompt[-30:]
    shown = "".join(NAMES.get(c, c) for c in shown).replace("$", r"\$")
    artists["title"].set_text(f"the next character after “{shown}”")
    whole = "".join(NAMES.get(c, c) if c == "\n" else c for c in prompt + said)
    lines = [whole[i : i + COLUMNS] for i in range(0, COLUMNS * ROWS, COLUMNS)]
    artists["page"].set_text("\n".join(lines).replace("$", r"\$"))
    return p, said


def write_describe(result, version, prompt, temperature, top_k, take) -> str:
    p, said = result
    entropy = -(p[p > 0] * np.log(p[p > 0])).sum()
    return (
        f"The next character has an entropy of {entropy:.1f} nats, the likeliest a "
        f"probability of {p.max():.2f}, and {copies.distinct(said):.0%} of the "
        "sample's stretches of four are different."
    )


@functools.partial(jax.jit, static_argnames="model")
def step(model, params, state, x):
    """The logits of what comes next."""
    return model.step(params, state, x)[0]


@functools.partial(jax.jit, static_argnames="model")
def entropy(model, params, ids, temperature):
    """Mean entropy of the distributions that these ids were drawn from, in nats."""
    log_p = jax.nn.log_softmax(model.logits(params, ids) / temperature)
    return -(jnp.exp(log_p) * log_p).sum(axis=-1).mean()
