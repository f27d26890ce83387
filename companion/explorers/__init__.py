"""The explorers of the notebooks: one module a theme, one function an explorer.

Each name in a module's `__all__` is a function that needs no argument and returns an
`Explorer`. The tests find all of them by this rule.
"""

from companion.explorers import (
    agreement,
    beyond,
    bptt,
    brnn,
    clipping,
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
    "agreement",
    "beyond",
    "bptt",
    "brnn",
    "clipping",
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
