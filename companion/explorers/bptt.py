"""Explorers of notebook 03: how far a gradient reaches, and what truncation keeps."""

from companion.explorer import Choice, Explorer, Slider
from companion.figures import reach

__all__ = ["arrival", "truncation"]


def arrival() -> Explorer:
    """The gradient of one step's loss, walking back to every earlier state."""
    return Explorer(
        reach.arrival_setup,
        reach.arrival_update,
        reach.arrival_describe,
        controls={
            "t": Slider("loss of step t", 1, 6, reach.SHOWN, 1),
            "scale": Slider("scale of W_aa", 0.2, 0.8, 2.0, 0.1),
        },
        height=4.4,
    )


def truncation() -> Explorer:
    """Which gradients a truncated backward pass keeps, and what they add up to."""
    return Explorer(
        reach.truncation_setup,
        reach.truncation_update,
        reach.truncation_describe,
        controls={
            "tau": Slider("links τ", 0, 3, reach.LONG - 1, 1),
            "cut": Choice("cut", list(reach.CUTS)),
            "scale": Slider("scale of W_aa", 0.2, 1.0, 2.0, 0.1),
        },
        height=3.2,
    )
