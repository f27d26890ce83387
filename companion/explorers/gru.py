"""Explorers of notebook 07: one gated unit by hand, and the gates of a whole network.

`over_a_sentence` looks into any trained network of the package; given nothing, it shows
four units whose weights were set by hand.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from numbers import Real

from companion.explorer import Choice, Explorer, Slider, Text
from companion.figures import gru, sentence
from companion.figures.gates import LINE_LENGTH, MOST, WHEN
from companion.tasks.agreement import VOCABULARY

__all__ = ["one_unit", "over_a_sentence"]

BY_HAND = "These weights were set by hand."


def one_unit(full: bool = True, weight: Real = 0.5) -> Explorer:
    """One unit of a GRU with its gates as sliders, over a line of numbers you type.

    full: with the relevance gate; without it, the simplified GRU. weight: what the
    candidate tanh(weight * Gamma_r * c<t-1> + x<t>) does with the old memory; at 0 the
    picture is nothing but mixing. `result` is a `companion.figures.gru.Unit`.
    """
    controls = {
        "text": Text("inputs x", "1 0 0 -1 0 0 2", max_length=LINE_LENGTH),
        "t": Slider("step t", 1, 4, MOST, 1),
        "gamma_u": Slider("update gate Γu", 0.0, 0.4, 1.0, 0.01),
        "when": Choice("Γu holds", WHEN),
    }
    if full:
        controls["gamma_r"] = Slider("relevance gate Γr", 0.0, 1.0, 1.0, 0.01)
    return Explorer(
        partial(gru.one_unit_setup, weight=weight),
        partial(gru.one_unit_update, weight=weight),
        gru.one_unit_describe,
        controls=controls,
        height=4.8,
    )


def over_a_sentence(
    model=None,
    params=None,
    words=None,
    sentences: Iterable[str] | Mapping | None = None,
    *,
    unit: int = 0,
    quantity: str | None = None,
    note: str = "",
) -> Explorer:
    """The gates of a network over a sentence: a map of all units, and one as a curve.

    model, params: any layer or model of the package; without them, four units set by
        hand that carry the number of a subject.
    words: a `Vocabulary`, or the word of every token in order; by default those of
        `tasks.Agreement`.
    sentences: texts made of these words, or name -> ids (T,) or vectors (T, n_x).
    unit, quantity: what is shown first; units count from 0, and a quantity is named as
        in `companion.inside`: "gamma_u", "c", ...
    note: a sentence at the end of the caption, such as "Untrained.".

    `result` is a `companion.figures.sentence.Seen`. Raises as `inspector.look_inside`,
    and ValueError for a word, a unit or a quantity that is not there.
    """
    if (model is None) != (params is None):
        raise ValueError("give both a model and its params, or neither")
    if model is None:
        (model, params), note = sentence.by_hand(), note or BY_HAND
    words = VOCABULARY if words is None else words
    sentences = sentence.SENTENCES if sentences is None else sentences
    seen = sentence.watched(model, params, words, sentences)
    quantity = seen.quantities[0] if quantity is None else quantity
    if quantity not in seen.quantities:
        raise ValueError(f"quantity must be one of {seen.quantities}, got {quantity!r}")
    if not 0 <= unit < seen.units:
        raise ValueError(f"unit must lie in 0..{seen.units - 1}, got {unit}")
    shown = {sentence.QUANTITIES[name]: name for name in seen.quantities}
    fixed = {"sentence": next(iter(seen.words)), "cell": seen.cells[0], "unit": unit}
    fixed["quantity"] = sentence.QUANTITIES[quantity]
    controls = {}
    if len(seen.words) > 1:
        controls["sentence"] = Choice("sentence", list(seen.words))
    if len(seen.cells) > 1:
        controls["cell"] = Choice("cell", seen.cells)
    if len(shown) > 1:
        controls["quantity"] = Choice("shown", list(shown), fixed["quantity"])
    if seen.units > 1:
        controls["unit"] = Slider("unit (from 0)", 0, unit, seen.units - 1, 1)

    def named(values):
        values = fixed | values
        return values | {"quantity": shown[values["quantity"]]}

    return Explorer(
        lambda fig, **values: sentence.gates_setup(fig, seen),
        lambda artists, **values: sentence.gates_update(artists, **named(values)),
        lambda found, **values: sentence.gates_describe(
            found, note=note, **named(values)
        ),
        controls=controls,
        height=4.6,
    )
