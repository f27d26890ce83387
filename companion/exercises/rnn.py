"""Exercises of notebook 02: one step, the loop, the output layer."""

import numpy as np

from companion.exercises.check import Exercise, Mistake

__all__ = ["output_layer", "rnn_step", "rnn_unroll"]


def _z(W_a, b_a, a, x):
    return np.concatenate([a, x], axis=-1) @ W_a.T + b_a


def _step(W_a, b_a, a, x):
    return np.tanh(_z(W_a, b_a, a, x))


def _swapped(W_a, b_a, a, x):
    return _step(W_a, b_a, x, a)


def _without_bias(W_a, b_a, a, x):
    return _step(W_a, 0 * b_a, a, x)


def _bias_outside(W_a, b_a, a, x):
    return _without_bias(W_a, b_a, a, x) + b_a


def _sigmoid(W_a, b_a, a, x):
    return 1 / (1 + np.exp(-_z(W_a, b_a, a, x)))


def _deaf_to_the_past(W_a, b_a, a, x):
    return _step(W_a, b_a, 0 * a, x)


def _transposed(W_a, b_a, a, x):
    n = a.shape[-1]
    return np.tanh(a @ W_a[:, :n] + x @ W_a[:, n:].T + b_a)


def _step_cases():
    """b and a are not 0. One example, a batch, a batch of batches with n_x < n_a."""
    rng = np.random.default_rng(2)
    one, batch = ((3, 6), (3,), (3,), (3,)), ((3, 6), (3,), (4, 3), (4, 3))
    batches = (3, 5), (3,), (2, 4, 3), (2, 4, 2)
    return tuple(
        tuple(map(rng.normal, [0] * 4, [1] * 4, case)) for case in (one, batch, batches)
    )


rnn_step = Exercise(
    title="One step",
    solution=_step,
    cases=_step_cases(),
    mistakes=(
        Mistake("no bias", "The bias is missing: add b_a before tanh.", _without_bias),
        Mistake(
            "bias outside",
            "b_a is added after tanh. It belongs to z<t>, inside.",
            _bias_outside,
        ),
        Mistake(
            "x before a",
            "The columns of W_a expect a<t-1> first, then x<t>: you stacked [x, a].",
            _swapped,
        ),
        Mistake("no activation", "This is z<t>: tanh has not been applied yet.", _z),
        Mistake(
            "sigmoid", "This squashes with a sigmoid; the state uses tanh.", _sigmoid
        ),
        Mistake(
            "past forgotten",
            "a<t-1> has no say here: W_aa a<t-1> is missing from z<t>.",
            _deaf_to_the_past,
        ),
        Mistake(
            "transposed",
            "W_aa is transposed: its row i, not its column i, makes unit i.",
            _transposed,
        ),
    ),
    passed="One line, and it is the whole cell.",
)


def _loop(step, W_a, b_a, a, xs):
    states = []
    for x in xs:
        a = step(W_a, b_a, a, x)
        states.append(a)
    return np.stack(states)


def _unroll(W_a, b_a, a, xs):
    return _loop(_step, W_a, b_a, a, xs)


def _never_carried(W_a, b_a, a, xs):
    return np.stack([_step(W_a, b_a, a, x) for x in xs])


def _always_from_zero(W_a, b_a, a, xs):
    return np.stack([_step(W_a, b_a, 0 * a, x) for x in xs])


def _starts_at_zero(W_a, b_a, a, xs):
    return _unroll(W_a, b_a, 0 * a, xs)


def _start_included(W_a, b_a, a, xs):
    return np.concatenate([[a], _unroll(W_a, b_a, a, xs)])


def _start_included_last_dropped(W_a, b_a, a, xs):
    return _start_included(W_a, b_a, a, xs)[:-1]


def _only_the_last(W_a, b_a, a, xs):
    return _unroll(W_a, b_a, a, xs)[-1]


def _last_repeated(W_a, b_a, a, xs):
    return np.broadcast_to(_only_the_last(W_a, b_a, a, xs), (len(xs), len(a))).copy()


def _backward_in_time(W_a, b_a, a, xs):
    return _unroll(W_a, b_a, a, xs[::-1])


def _loop_cases():
    """The start is not 0 and T, n_a, n_x differ, so that no two mistakes agree."""
    rng = np.random.default_rng(3)
    shapes = (3, 5), 3, 3, (4, 2)
    return tuple(tuple(rng.normal(size=shape) for shape in shapes) for _ in range(2))


rnn_unroll = Exercise(
    title="The loop",
    solution=_unroll,
    cases=_loop_cases(),
    mistakes=(
        Mistake(
            "state not carried on",
            "Every step starts from the a you were given: hand the new state on.",
            _never_carried,
        ),
        Mistake(
            "state reset",
            "Every step starts from zero: the state is reset inside the loop.",
            _always_from_zero,
        ),
        Mistake(
            "start ignored",
            "The first step starts from zero, but a<0> is the a you were given.",
            _starts_at_zero,
        ),
        Mistake(
            "start included",
            "There is one row too many: a<0> is given, not computed; begin with a<1>.",
            _start_included,
        ),
        Mistake(
            "one step late",
            "Row 0 holds a<0>, so a<T> is lost: append the state after the step.",
            _start_included_last_dropped,
        ),
        Mistake(
            "only the last state",
            "This is a<T> alone: collect the state of every step.",
            _only_the_last,
        ),
        Mistake(
            "one array for all",
            "All rows hold the last state: each step needs an array of its own.",
            _last_repeated,
        ),
        Mistake(
            "from the end",
            "The steps run from the last input to the first.",
            _backward_in_time,
        ),
    ),
    passed="That is all an RNN adds to a plain network: a for loop.",
)


def _softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _output(W_y, b_y, a):
    return _softmax(a @ W_y.T + b_y)


def _output_transposed(W_y, b_y, a):
    return _softmax(a @ W_y + b_y)


def _output_late(W_y, b_y, a):
    late = np.concatenate([np.zeros((1, a.shape[1])), a[:-1]])
    return _output(W_y, b_y, late)


def _output_over_time(W_y, b_y, a):
    return _softmax(a @ W_y.T + b_y, axis=0)


def _output_logits(W_y, b_y, a):
    return a @ W_y.T + b_y


def _output_sigmoid(W_y, b_y, a):
    return 1 / (1 + np.exp(-(a @ W_y.T + b_y)))


def _output_without_bias(W_y, b_y, a):
    return _softmax(a @ W_y.T)


def _output_overflowing(W_y, b_y, a):
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(a @ W_y.T + b_y)
        return e / e.sum(axis=-1, keepdims=True)


def _output_one_maximum(W_y, b_y, a):
    with np.errstate(invalid="ignore"):
        z = a @ W_y.T + b_y
        e = np.exp(z - z.max())
        return e / e.sum(axis=-1, keepdims=True)


def _output_cases():
    """W_y is square, so that W_y.T has a legal shape.

    The third case has logits past 700, where exp overflows in float64: nothing else
    tells a softmax that did not subtract the largest logit from one that did. In the
    last one the rows lie far apart: each has to subtract a largest logit of its own.
    """
    rng = np.random.default_rng(4)
    a = np.tanh(rng.normal(size=(2, 5, 3)))
    W_y, b_y = rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3))
    high = b_y[1] + 1000
    apart = a[0].copy()
    apart[:, 0] = 1000, -1000, 0, 1000, -1000
    W_apart = W_y[0].copy()
    W_apart[:, 0] = 1
    return (
        (W_y[0], b_y[0], a[0]),
        (W_y[1], b_y[1], a[1]),
        (W_y[1], high, a[1]),
        (W_apart, b_y[0], apart),
    )


output_layer = Exercise(
    title="The output layer",
    solution=_output,
    cases=_output_cases(),
    tolerance=1e-4,  # a right answer in float32 has logits near 1,000 too
    mistakes=(
        Mistake(
            "overflow",
            "exp overflows for large logits: subtract the largest of each step first.",
            _output_overflowing,
        ),
        Mistake(
            "one maximum",
            "A row far below the largest logit of all became 0/0: subtract the largest "
            "logit of each step.",
            _output_one_maximum,
        ),
        Mistake(
            "one step late",
            "y_hat<t> reads a<t-1> here. It has not heard x<t> yet: use a<t>.",
            _output_late,
        ),
        Mistake(
            "softmax over time",
            "The steps add up to 1, not the classes: softmax along the last axis.",
            _output_over_time,
        ),
        Mistake(
            "logits",
            "These are the logits: softmax has not been applied yet.",
            _output_logits,
        ),
        Mistake(
            "sigmoids",
            "These are separate yes-or-no answers; one class of several is a softmax.",
            _output_sigmoid,
        ),
        Mistake("no bias", "The bias is missing: add b_y.", _output_without_bias),
        Mistake(
            "transposed",
            "W_y is transposed: row k of W_y belongs to output k.",
            _output_transposed,
        ),
    ),
    passed="Each row adds up to 1, whatever the logits.",
)
