"""Pictures: plain functions from arguments to a drawing, one module a theme."""

from companion.figures import (
    boxes,
    bptt,
    clipping,
    diagrams,
    gradients,
    live,
    microscope,
    notation,
    reach,
    rnn,
    scores,
    start,
    states,
    style,
    vocabulary,
    windows,
)

__all__ = [
    "boxes",
    "bptt",
    "clipping",
    "diagrams",
    "gradients",
    "live",
    "microscope",
    "notation",
    "reach",
    "rnn",
    "scores",
    "start",
    "states",
    "style",
    "vocabulary",
    "windows",
]
