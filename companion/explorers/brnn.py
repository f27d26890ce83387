"""Explorers of notebook 09: how far to look ahead, and both states over a sentence."""

from collections.abc import Iterable, Mapping
from functools import partial

from companion.explorer import Choice, Explorer, Slider
from companion.figures import ahead, sweeps

__all__ = ["both_sweeps", "look_ahead"]


def look_ahead(scores: Mapping | None = None) -> Explorer:
    """The best possible accuracy against look-ahead k, and one clause read so far.

    scores: k -> accuracies (seeds,) of taggers that were trained with this look-ahead,
    drawn on the stairs. `result` is a `companion.figures.ahead.View`.
    """
    return Explorer(
        partial(ahead.setup, scores=scores),
        ahead.update,
        ahead.describe,
        controls={
            "k": Slider("look-ahead k", 0, 0, ahead.MOST, 1),
            "clause": Choice("clause", ahead.CLAUSES),
        },
        height=3.6,
    )


def both_sweeps(
    model=None,
    params=None,
    sentences: Iterable[str] = sweeps.SENTENCES,
    *,
    grammar=None,
    t: int = 3,
) -> Explorer:
    """The states of both directions over a sentence, and what one step says of them.

    model, params: a trained `ManyToMany` with a `Bidirectional` layer; without them, a
        tagger whose weights were set by hand, its units named by their jobs.
    sentences: texts in words of the grammar, Teddy() if not given.
    t: the step that is framed first.

    `result` is a `companion.figures.sweeps.Step`.
    """
    seen = sweeps.swept(model, params, sentences, grammar)
    longest = max(map(len, seen.words.values()))
    return Explorer(
        partial(sweeps.setup, seen=seen),
        sweeps.update,
        sweeps.describe,
        controls={
            "sentence": Choice("sentence", list(seen.words)),
            "t": Slider("step t", 1, min(t, longest), longest, 1),
            "heard": Choice("the output hears", sweeps.HEARD),
        },
        height=4.2,
    )
