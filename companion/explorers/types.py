"""Explorers of notebook 04: the wirings, and a melody drawn afresh."""

from functools import partial

from companion.explorer import Choice, Explorer, Slider
from companion.figures import melody as roll
from companion.figures import types
from companion.tasks.melodies import GENRES

__all__ = ["melody", "wiring"]


def wiring() -> Explorer:
    """The five types of RNN: what goes in and what comes out at each step."""
    return Explorer(
        types.wiring_setup,
        types.wiring_update,
        types.wiring_describe,
        controls={
            "kind": Choice("type", types.TYPES, types.ENCODER_DECODER),
            "T_x": Slider("inputs T_x", 1, 3, types.MOST, 1),
            "T_y": Slider("outputs T_y", 1, 3, types.MOST, 1),
        },
        height=2.8,
    )


def melody(model=None, params=None) -> Explorer:
    """One melody, drawn from a model and judged by the rules of its genre.

    model, params: a trained `OneToMany` over the notes of `tasks.melodies`; without
    them a table of which note has followed which, `figures.melody.NextNote`.
    """
    if (model is None) != (params is None):
        raise ValueError("model and params go together: give both or neither")
    given = {"model": model, "params": params}
    return Explorer(
        partial(roll.sampled_setup, **given),
        partial(roll.sampled_update, **given),
        roll.sampled_describe,
        controls={
            "genre": Choice("genre", GENRES),
            "temperature": Slider("temperature", 0.1, 0.7, 2.0, 0.1),
            "sample": Slider("sample", 1, 1, 30, 1),
        },
        height=2.8,
    )
