"""Pictures: plain functions from arguments to a drawing, one module a theme."""

from companion.figures import (
    boxes,
    diagrams,
    live,
    notation,
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
    "diagrams",
    "live",
    "notation",
    "rnn",
    "scores",
    "start",
    "states",
    "style",
    "vocabulary",
    "windows",
]
