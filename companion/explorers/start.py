"""Explorers of notebook 00."""

from companion.explorer import Choice, Explorer, Slider
from companion.figures import start

__all__ = ["fading_memory"]


def fading_memory() -> Explorer:
    """How long one unit hears one input: drag its recurrent weight."""
    return Explorer(
        start.fading_setup,
        start.fading_update,
        start.fading_describe,
        controls={
            "w": Slider("recurrent weight w", -1.3, 0.9, 1.3, 0.05),
            "activation": Choice("activation", ("none", "tanh")),
        },
        height=2.9,
    )
