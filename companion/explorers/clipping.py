"""Explorers of notebook 06 about exploding gradients."""

from companion.explorer import Choice, Explorer, Slider
from companion.figures import clipping

__all__ = ["cliff"]

THRESHOLDS = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, "none"]


def cliff() -> Explorer:
    """Gradient descent beside a cliff: choose where it starts and where it clips."""
    return Explorer(
        clipping.descent_setup,
        clipping.descent_update,
        clipping.descent_describe,
        controls={
            "clip": Choice("clipping threshold", THRESHOLDS, "none", slider=True),
            "learning_rate": Choice("learning rate", [0.1, 0.3, 1.0], 0.3),
            "w": Slider("start at w", 4.6, 5.5, 7.0, 0.1),
            "b": Slider("start at b", -3.4, -2.0, -1.8, 0.1),
        },
        height=3.6,
    )
