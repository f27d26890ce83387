"""Exercises of the notebooks: one module a theme, each listing its `Exercise`s."""

from companion.exercises import backward, bptt, gradients, notation, rnn, start

__all__ = ["backward", "bptt", "gradients", "notation", "rnn", "start"]
