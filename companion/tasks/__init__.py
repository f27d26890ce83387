"""Generated data whose best possible score is known, one module a task."""

from companion.tasks import (
    agreement,
    base,
    counting,
    cues,
    dates,
    examples,
    kitchen,
    melodies,
    memory,
    patterns,
    quantities,
    reviews,
    tags,
    tales,
)

__all__ = [
    "agreement",
    "base",
    "counting",
    "cues",
    "dates",
    "examples",
    "kitchen",
    "melodies",
    "memory",
    "patterns",
    "quantities",
    "reviews",
    "tags",
    "tales",
]
