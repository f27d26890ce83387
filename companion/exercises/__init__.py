"""Exercises of the notebooks: one module a theme, each listing its `Exercise`s."""

from companion.exercises import notation, rnn, start

__all__ = ["notation", "rnn", "start"]
