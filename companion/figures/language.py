"""Pictures of language models: surprise word by word, and was it pear or pair."""

import functools
from collections.abc import Mapping, Sequence
from numbers import Real

import jax
import numpy as np
from jax import Array
from matplotlib.figure import Figure

from companion import cells, text
from companion.figures import style
from companion.language import LanguageModel
from companion.training import fit

__all__ = [
    "pear_describe",
    "pear_setup",
    "pear_update",
    "ratios",
    "small_model",
    "surprise_describe",
    "surprise_setup",
    "surprise_update",
    "waterfall",
]

NAMES = {"\n": "¶", " ": "␣"}  # marks for what cannot be seen
WIDEST = 60  # characters of a typed sentence


@functools.cache
def small_model() -> tuple[LanguageModel, object, text.Vocabulary]:
    """A character model of the keeper's story, trained for a second or two.

    It is what the explorers show when they are given none.
    """
    story = text.story("keeper")
    vocabulary = text.Vocabulary.build(text.characters(story))
    ids = vocabulary.encode(text.characters(story))
    model = LanguageModel(cells.GRU(32), len(vocabulary))

    def draw(key: Array):
        return text.random_windows(key, ids, 32, 16)

    def loss(params, window):
        return model.surprise(params, window).mean()

    start = fresh(model)
    options = {"steps": 200, "key": jax.random.key(1), "learning_rate": 2e-2}
    return model, fit(loss, start, draw, **options).params, vocabulary


def fresh(model: LanguageModel):
    """Parameters before any training."""
    return model.init(jax.random.key(0))


@style.picture(height=3.0)
def waterfall(
    fig: Figure,
    words: Sequence[str] = ("the", "<EOS>"),
    nats=(1.0, 0.5),
    true_nats=(1.0, 0.5),
) -> str:
    """How the log-probability of a sentence falls, one step down for each word.

    nats, true_nats: the surprise of each word for a model and for the language itself.
    """
    nats, true_nats = np.asarray(nats, float), np.asarray(true_nats, float)
    if not len(words) == len(nats) == len(true_nats):
        raise ValueError(
            f"there are {len(words)} words, but {len(nats)} and {len(true_nats)} nats"
        )
    ax = fig.subplots()
    levels = -np.concatenate([[0], np.cumsum(nats)])
    at = np.arange(len(words))
    ax.bar(at, nats, bottom=levels[1:], color=style.COLORS["x"], width=0.6)
    ax.hlines(levels[:-1], at - 0.3, at + 0.7, color=style.COLORS["a"], linewidth=0.8)
    truth = -np.cumsum(true_nats)
    ax.plot(at, truth, "_", color="black", markersize=30, markeredgewidth=2)
    ax.plot([], [], "_", color="black", markersize=12, label="the language itself")
    ax.bar([0], [0], color=style.COLORS["x"], label="the model's surprise")
    for i, level in enumerate(levels[1:]):
        ax.annotate(
            f"P = {np.exp(-nats[i]):.2f}", (i, level), (0, -6), va="top", ha="center",
            textcoords="offset points", fontsize=9,
        )  # fmt: skip
    ax.set(xticks=at, xticklabels=words, ylabel="log-probability so far (nats)")
    ax.set_ylim(levels[-1] - 0.12 * nats.sum(), 0.05 * nats.sum())
    ax.legend(loc="upper right")
    dear = words[int(true_nats.argmax())]
    return (
        f"Steps down from 0 to about {truth[-1]:.0f} nats over {len(words)} tokens, "
        f"the longest at {dear!r}; the model's end close to the language's own."
    )


@style.picture(height=2.3)
def ratios(
    fig: Figure, drawn=(30.0, 40.0), true: Real = 33.0, label: str = "P(pear) / P(pair)"
) -> str:
    """A ratio of two probabilities according to several models, beside the true one."""
    drawn = np.asarray(drawn, float)
    ax = fig.subplots()
    ax.plot(drawn, np.zeros_like(drawn), "o", color="black", markersize=8, alpha=0.6)
    ax.axvline(true, label=f"true ratio, {true:.0f}", **style.line("best"))
    ax.set(xscale="log", xlabel=label, yticks=[], ylim=(-1, 1), xlim=(5, 200))
    ax.set_xticks([5, 10, 20, 50, 100, 200], ["5", "10", "20", "50", "100", "200"])
    ax.spines["left"].set_visible(False)
    ax.legend(loc="upper right")
    inside = np.all((drawn > 5) & (drawn < 200))
    return (
        f"{len(drawn)} dots scattered about a line at {true:.0f} on a log axis"
        f"{'' if inside else ', some of them outside it'}."
    )


def pear_setup(fig: Figure, ratio: Real, ratios_seen=(), **values):
    """The posterior of "pear" against the weight of the language model."""
    ax = fig.subplots()
    weights = np.linspace(0, 2, 81)
    seen = [ax.plot([], [], color="0.7", linewidth=1)[0] for _ in ratios_seen]
    if seen:
        seen[0].set_label("by trained models")
    (curve,) = ax.plot([], [], label="by the true probabilities", **style.line("y"))
    (dot,) = ax.plot([], [], "o", color=style.COLORS["gamma_f"], markersize=11)
    ax.axhline(0.5, **style.line("best"))
    ax.set(xlim=(0, 2), ylim=(0, 1), xlabel="weight of the language model")
    ax.set_ylabel("P(pear | the sound)")
    ax.legend(loc="lower right")
    said = ax.set_title(" ")
    every = (ratio, *ratios_seen)
    return {"lines": [curve, *seen], "dot": dot, "title": said}, weights, every


def pear_update(drawn, gap: Real, weight: Real) -> float:
    """Returns P(pear | the sound) at this gap and weight, by the true ratio."""
    artists, weights, ratios_of = drawn
    for line, ratio in zip(artists["lines"], ratios_of, strict=True):
        line.set_data(weights, posterior(ratio, gap, weights))
    p = float(posterior(ratios_of[0], gap, weight))
    artists["dot"].set_data([weight], [p])
    heard = f"the apple and {'pear' if p > 0.5 else 'pair'} salad"
    artists["title"].set_text(f"written down: {heard}")
    return p


def pear_describe(p: float, gap: Real, weight: Real) -> str:
    return f"pear has a probability of {p:.2f}, pair of {1 - p:.2f}."


def posterior(ratio, gap, weight):
    """P(pear | sound) if the sound favours pair by e^gap, the words pear by ratio."""
    return 1 / (1 + np.exp(gap - weight * np.log(ratio)))


def surprise_setup(fig: Figure, model, versions: Mapping, vocabulary, **values):
    """Bars for the surprise of each character of a typed sentence."""
    ax = fig.subplots()
    bars = ax.bar(range(WIDEST), np.zeros(WIDEST), color=style.COLORS["x"], width=0.8)
    ax.set(xlim=(-1, WIDEST), ylim=(0, 9), ylabel="surprise (nats)")
    letters = [
        ax.text(i, -0.35, "", ha="center", va="top", family="DejaVu Sans Mono")
        for i in range(WIDEST)
    ]
    ax.set_xticks([])
    ax.axhline(np.log(len(vocabulary)), **style.line("best"))
    ax.text(
        WIDEST - 1, np.log(len(vocabulary)) + 0.1, "a uniform guess", ha="right",
        fontsize=9, color="0.4",
    )  # fmt: skip
    above = ax.text(0, 0, "", ha="center", fontsize=9)

    artists = {"bars": list(bars), "letters": letters, "above": above}
    return artists, (model, versions, vocabulary)


def surprise_update(drawn, sentence: str, version: str):
    """Returns the sentence's characters and their surprise in nats."""
    artists, (model, versions, vocabulary) = drawn
    sentence = sentence[:WIDEST]
    ids, lengths, _ = text.pad(
        [vocabulary.encode(text.characters(sentence))], length=WIDEST
    )
    found = np.asarray(nats_of(model, versions[version], ids, lengths))[0]
    for i, (bar, letter) in enumerate(
        zip(artists["bars"], artists["letters"], strict=True)
    ):
        bar.set_height(float(found[i]))
        known = i < len(sentence) and sentence[i] in vocabulary
        bar.set_facecolor(style.COLORS["x" if known else "gamma_f"])
        shown = sentence[i] if i < len(sentence) else ""
        letter.set_text(NAMES.get(shown, shown.replace("$", r"\$")))
    found = found[: len(sentence)]
    artists["above"].set_text(f"{found.max():.1f}" if len(found) else "")
    if len(found):
        worst = int(found.argmax())
        artists["above"].set_position((worst, min(found[worst], 8.4) + 0.12))
    return sentence, found


def surprise_describe(result, sentence: str, version: str) -> str:
    typed, nats = result
    if not len(typed):
        return "Nothing has been typed, so nothing surprises."
    worst = int(nats.argmax())
    shown = {" ": "a space", "\n": "a line end"}.get(typed[worst], typed[worst])
    return (
        f"{nats.sum():.0f} nats in {len(typed)} characters, a perplexity of "
        f"{np.exp(nats.mean()):.1f}; the greatest surprise is {shown}, "
        f"character {worst + 1}."
    )


@functools.partial(jax.jit, static_argnames="model")
def nats_of(model, params, ids, lengths):
    return model.surprise(params, ids, lengths)
