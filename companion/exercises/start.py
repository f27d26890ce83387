"""The exercise of notebook 00: what one unit with a memory holds, step by step."""

import math

from companion.exercises.check import Exercise, Mistake

__all__ = ["remember"]


def _remember(w, xs):
    a, held = 0.0, []
    for x in xs:
        a = w * a + x
        held.append(a)
    return held


def _no_memory(w, xs):
    return list(xs)


def _previous_input(w, xs):
    return [w * old + x for old, x in zip([0.0, *xs[:-1]], xs, strict=True)]


def _input_fades_too(w, xs):
    a, held = 0.0, []
    for x in xs:
        a = w * (a + x)
        held.append(a)
    return held


def _last_only(w, xs):
    return _remember(w, xs)[-1]


def _starts_at_one(w, xs):
    a, held = 1.0, []
    for x in xs:
        a = w * a + x
        held.append(a)
    return held


def _one_late(w, xs):
    return [0.0, *_remember(w, xs)[:-1]]


def _squashed(w, xs):
    a, held = 0.0, []
    for x in xs:
        a = math.tanh(w * a + x)
        held.append(a)
    return held


remember = Exercise(
    title="What one unit holds",
    solution=_remember,
    cases=((0.5, [1.0, 0.0, 2.0, -1.0]), (-0.8, [0.3, 1.5, -0.7, 0.2, 0.9])),
    mistakes=(
        Mistake(
            "no memory",
            "These are the inputs themselves. Add w times what was held a step before.",
            _no_memory,
        ),
        Mistake(
            "previous input for previous activation",
            "You carry the previous input over. Carry the previous activation: it "
            "holds all inputs before.",
            _previous_input,
        ),
        Mistake(
            "input multiplied too",
            "w belongs to the old activation only; the new input enters as it is.",
            _input_fades_too,
        ),
        Mistake(
            "last only",
            "This is the last activation. Return the whole list, one number a step.",
            _last_only,
        ),
        Mistake(
            "starts at one",
            "Before the first input the unit holds 0; yours starts with 1.",
            _starts_at_one,
        ),
        Mistake(
            "one step late",
            "Right numbers, one step late: append after the update, not before it.",
            _one_late,
        ),
        Mistake(
            "squashed",
            "This unit has no tanh: what it holds is a sum and may pass 1.",
            _squashed,
        ),
    ),
    passed="That is a recurrent network with one unit. The other eleven notebooks are "
    "about having more of them.",
)
