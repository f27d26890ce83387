"""Exercises of the notebooks: one module a theme, each listing its `Exercise`s."""

from companion.exercises import (
    backward,
    beyond,
    bptt,
    brnn,
    deep,
    gradients,
    gru,
    language,
    lstm,
    notation,
    rnn,
    start,
    types,
)

__all__ = [
    "backward",
    "beyond",
    "bptt",
    "brnn",
    "deep",
    "gradients",
    "gru",
    "language",
    "lstm",
    "notation",
    "rnn",
    "start",
    "types",
]
