"""Explorers of notebook 11: how long the two roads are, and the form of a gate."""

from collections.abc import Mapping
from functools import partial

from companion.explorer import Choice, Explorer, Slider, Text, Toggle
from companion.figures import roads, straight

__all__ = ["form_of_a_gate", "two_roads"]

LANES = [1, 2, 8, 64, 512, 4096, 16384, 131072, 1048576]


def two_roads(measured: Mapping | None = None, width: int = 1024) -> Explorer:
    """Steps and lanes to the length of the loop and of the scan, counted in ticks.

    measured: "sequential" and "parallel" -> {T: seconds}, drawn beside the count.
    width: how many numbers one step works on, units times batch.

    `result` is a `companion.figures.roads.Road`. Raises ValueError for a width below 1
    or a road of another name.
    """
    if width < 1:
        raise ValueError(f"width must be at least 1, got {width}")
    if measured is not None and set(measured) != {"sequential", "parallel"}:
        raise ValueError(
            f"measured must hold 'sequential' and 'parallel', got {list(measured)}"
        )
    return Explorer(
        partial(roads.road_setup, width=width, measured=measured),
        partial(roads.road_update, width=width),
        roads.road_describe,
        controls={
            "T": Choice("steps T", list(roads.POWERS), 1024, slider=True),
            "lanes": Choice("lanes", LANES, 2, slider=True),
        },
        height=3.4,
    )


def form_of_a_gate() -> Explorer:
    """One step of one unit as a function of its state, and two histories of it.

    The gate, the candidate or nothing sees the state; the convention and the sign of
    W_u and b_u can be turned over. `result` is a `companion.figures.straight.Step`.
    """
    return Explorer(
        straight.gate_setup,
        straight.gate_update,
        straight.gate_describe,
        controls={
            "sees": Choice("what sees the state", list(straight.SEES), "the candidate"),
            "weight": Slider("weight of the state", -4.0, -3.0, 4.0, 0.5),
            "convention": Choice("a gate near 1", list(straight.CONVENTIONS)),
            "negated": Toggle("W_u and b_u negated"),
            "text": Text("bits x", "1 0 1 1 0 1", max_length=40),
        },
        height=3.4,
    )
