"""Explorers of notebook 05: write with a model, read with one, decide what was heard.

Given nothing, `write`, `surprise` and `mixing` show a small model that they train
themselves.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np

from companion import text
from companion.explorer import Choice, Explorer, Slider, Text
from companion.figures import language, sampling

__all__ = ["mixing", "pear_or_pair", "surprise", "write"]

TRUE_RATIO = 33.0  # of tasks.kitchen: 0.99 / 3 against a slip of 0.01


def mixing(model=None, params=None, prompt=None, rest=None) -> Explorer:
    """Teacher forcing, free running, and every mixture of the two, on one model.

    prompt: ids (texts, T) that are read first. rest: ids (texts, T) that follow and are
    guessed, each step given the true id before it with the slider's probability.
    """
    handed = [each is not None for each in (model, params, prompt, rest)]
    if not any(handed):
        model, params, prompt, rest = small_pieces()
    elif not all(handed):
        raise ValueError("give the model, its params, prompt and rest, or nothing")
    return Explorer(
        partial(
            sampling.mixing_setup,
            model=model,
            params=params,
            prompt=prompt,
            rest=rest,
        ),
        sampling.mixing_update,
        sampling.mixing_describe,
        controls={
            "share": Slider("share of true characters handed in", 0.0, 0.2, 1.0, 0.05)
        },
        height=3.0,
    )


def pear_or_pair(ratios=()) -> Explorer:
    """A sound that favours "pair", words that favour "pear", and a weight for them.

    ratios: P(pear) / P(pair) of trained models, drawn beside the true one.
    """
    return Explorer(
        partial(language.pear_setup, ratio=TRUE_RATIO, ratios_seen=tuple(ratios)),
        language.pear_update,
        language.pear_describe,
        controls={
            "gap": Slider("sound favours pair by (nats)", 0.0, 2.0, 6.0, 0.25),
            "weight": Slider("weight of the language model", 0.0, 0.0, 2.0, 0.05),
        },
        height=3.0,
    )


def surprise(model=None, versions: Mapping | None = None, vocabulary=None) -> Explorer:
    """Type a sentence: how much does each character surprise a character model?

    versions: name -> parameters of the model.
    """
    model, versions, vocabulary = given(model, versions, vocabulary)
    return Explorer(
        partial(
            language.surprise_setup,
            model=model,
            versions=versions,
            vocabulary=vocabulary,
        ),
        language.surprise_update,
        language.surprise_describe,
        controls={
            "sentence": Text(
                "sentence", "The cat was not available for weighing.", max_length=60
            ),
            "version": Choice("model", list(versions)),
        },
        height=2.8,
    )


def write(model=None, versions: Mapping | None = None, vocabulary=None) -> Explorer:
    """The next character's distribution, and a sample drawn from it, live.

    versions: name -> parameters of the model.
    """
    model, versions, vocabulary = given(model, versions, vocabulary)
    return Explorer(
        partial(
            sampling.write_setup,
            model=model,
            versions=versions,
            vocabulary=vocabulary,
        ),
        sampling.write_update,
        sampling.write_describe,
        controls={
            "version": Choice("model", list(versions)),
            "prompt": Text("begins with", "The ", max_length=60),
            "temperature": Slider("temperature", 0.1, 0.7, 2.0, 0.1),
            "top_k": Choice("top k", ["1", "2", "5", "10", "all"], "all", slider=True),
            "take": Slider("take", 1, 1, 20, 1),
        },
        height=3.8,
    )


def given(model, versions, vocabulary):
    """What was given, or the small model; a single version is joined by no training."""
    if model is None and versions is None and vocabulary is None:
        model, params, vocabulary = language.small_model()
        versions = {"small": params}
    if model is None or not versions or vocabulary is None:
        raise ValueError("give the model, its versions and its vocabulary, or nothing")
    if len(versions) == 1:
        versions = dict(versions) | {"untrained": language.fresh(model)}
    return model, versions, vocabulary


def small_pieces():
    """The small model, and 60 pieces of its story: 30 characters and the next 30."""
    model, params, vocabulary = language.small_model()
    ids = vocabulary.encode(text.characters(text.story("keeper")))
    pieces = np.stack([ids[at : at + 60] for at in range(0, 30_000, 500)])
    return model, params, pieces[:, :30], pieces[:, 30:]
