"""Generated data whose best possible score is known, one module a task."""

from companion.tasks import (
    agreement,
    base,
    counting,
    cues,
    examples,
    memory,
    patterns,
    quantities,
)

__all__ = [
    "agreement",
    "base",
    "counting",
    "cues",
    "examples",
    "memory",
    "patterns",
    "quantities",
]
