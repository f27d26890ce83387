"""Exercises of notebook 03: one step back, and the weight gradient as one product."""

import numpy as np

from companion.exercises.check import Exercise, Mistake

__all__ = ["step_back", "weight_gradient"]


def _slope(z):
    return 1 - np.tanh(z) ** 2


def _step_back(W_aa, z, from_output, dz_next):
    return (from_output + dz_next @ W_aa) * _slope(z)


def _no_slope(W_aa, z, from_output, dz_next):
    return from_output + dz_next @ W_aa


def _z_for_a(W_aa, z, from_output, dz_next):
    return _no_slope(W_aa, z, from_output, dz_next) * (1 - z**2)


def _tanh_twice(W_aa, z, from_output, dz_next):
    return _step_back(W_aa, np.tanh(z), from_output, dz_next)


def _not_squared(W_aa, z, from_output, dz_next):
    return _no_slope(W_aa, z, from_output, dz_next) * (1 - np.tanh(z))


def _times_a(W_aa, z, from_output, dz_next):
    return _no_slope(W_aa, z, from_output, dz_next) * np.tanh(z)


def _transposed(W_aa, z, from_output, dz_next):
    return _step_back(W_aa.T, z, from_output, dz_next)


def _no_future(W_aa, z, from_output, dz_next):
    return _step_back(W_aa, z, from_output, 0 * dz_next)


def _no_output(W_aa, z, from_output, dz_next):
    return _step_back(W_aa, z, 0 * from_output, dz_next)


def _slope_on_output_only(W_aa, z, from_output, dz_next):
    return from_output * _slope(z) + dz_next @ W_aa


def _slope_on_future_only(W_aa, z, from_output, dz_next):
    return from_output + dz_next @ W_aa * _slope(z)


def _no_matrix(W_aa, z, from_output, dz_next):
    return (from_output + dz_next) * _slope(z)


def _step_cases():
    rng = np.random.default_rng(31)
    shapes = (3,), (4, 3), (2, 2, 3)
    return tuple(
        (rng.normal(size=(3, 3)), *rng.normal(size=(3, *shape))) for shape in shapes
    )


step_back = Exercise(
    title="One step back",
    solution=_step_back,
    cases=_step_cases(),
    mistakes=(
        Mistake(
            "slope of z",
            "The slope is written with z: it is 1 - a^2, and a is tanh(z).",
            _z_for_a,
        ),
        Mistake(
            "no slope",
            "This is da<t>. To get to dz<t>, multiply by the slope of tanh, 1 - a^2.",
            _no_slope,
        ),
        Mistake(
            "slope on one term",
            "The slope multiplies the sum: the future term passes through tanh too.",
            _slope_on_output_only,
        ),
        Mistake(
            "slope on the other term",
            "The slope multiplies the sum: the output's term passes through tanh too.",
            _slope_on_future_only,
        ),
        Mistake(
            "no matrix",
            "dz<t+1> comes back through W_aa: multiply it before adding.",
            _no_matrix,
        ),
        Mistake(
            "tanh twice",
            "tanh was applied twice. The argument z is what goes into tanh.",
            _tanh_twice,
        ),
        Mistake("not squared", "The slope is 1 - a^2, not 1 - a.", _not_squared),
        Mistake(
            "a for the slope",
            "This multiplies by a itself. The slope of tanh is 1 - a^2.",
            _times_a,
        ),
        Mistake(
            "transposed",
            "W_aa is the wrong way round. Forward is W_aa a; backward needs its "
            "transpose, and with examples in rows that is dz @ W_aa.",
            _transposed,
        ),
        Mistake(
            "future forgotten",
            "Only the output of this step speaks here: add what comes from dz<t+1>.",
            _no_future,
        ),
        Mistake(
            "output forgotten",
            "Only the future speaks here: add the term from the output.",
            _no_output,
        ),
    ),
    passed="Two terms in, one slope on their sum. The rest of BPTT is bookkeeping.",
)


def _before(a_0, a):
    return np.concatenate([a_0[None], a[:-1]])


def _outer(dz, left, xs):
    """dz<t> [left<t>, x<t>]^T for each step and example: (T, batch, n_a, n_a + n_x)."""
    return dz[..., :, None] * np.concatenate([left, xs], axis=-1)[..., None, :]


def _weight_gradient(dz, a_0, a, xs):
    return _outer(dz, _before(a_0, a), xs).sum(axis=(0, 1))


def _new_state(dz, a_0, a, xs):
    return _outer(dz, a, xs).sum(axis=(0, 1))


def _start_ignored(dz, a_0, a, xs):
    return _weight_gradient(dz, 0 * a_0, a, xs)


def _step_1_left_out(dz, a_0, a, xs):
    return _outer(dz[1:], a[:-1], xs[1:]).sum(axis=(0, 1))


def _rolled(dz, a_0, a, xs):
    return _outer(dz, np.roll(a, 1, axis=0), xs).sum(axis=(0, 1))


def _reshaped(dz, a_0, a, xs):
    read = np.concatenate([_before(a_0, a), xs], axis=-1)
    return dz.reshape(dz.shape[-1], -1) @ read.reshape(-1, read.shape[-1])


def _one_too_late(dz, a_0, a, xs):
    late = np.concatenate([a[1:], np.zeros_like(a[:1])])
    return _outer(dz, late, xs).sum(axis=(0, 1))


def _turned(dz, a_0, a, xs):
    return _weight_gradient(dz, a_0, a, xs).T


def _mean_over_steps(dz, a_0, a, xs):
    return _weight_gradient(dz, a_0, a, xs) / len(a)


def _mean_over_batch(dz, a_0, a, xs):
    return _weight_gradient(dz, a_0, a, xs) / a.shape[1]


def _mean_over_both(dz, a_0, a, xs):
    return _mean_over_steps(dz, a_0, a, xs) / a.shape[1]


def _state_part_only(dz, a_0, a, xs):
    return _weight_gradient(dz, a_0, a, xs)[:, : a.shape[-1]]


def _x_before_a(dz, a_0, a, xs):
    W = _weight_gradient(dz, a_0, a, xs)
    n_a = a.shape[-1]
    return np.concatenate([W[:, n_a:], W[:, :n_a]], axis=1)


def _not_summed_over_steps(dz, a_0, a, xs):
    return _outer(dz, _before(a_0, a), xs).sum(axis=1)


def _not_summed_over_batch(dz, a_0, a, xs):
    return _outer(dz, _before(a_0, a), xs).sum(axis=0)


def _last_step(dz, a_0, a, xs):
    return _outer(dz, _before(a_0, a), xs)[-1].sum(axis=0)


def _summed_twice(dz, a_0, a, xs):
    read = np.concatenate([_before(a_0, a), xs], axis=-1)
    return np.einsum("tbi,bj->ij", dz, read.sum(axis=0))


def _product_cases():
    """a<0> is not 0, and T, batch, n_a, n_x all differ."""
    rng = np.random.default_rng(32)
    cases = []
    for T, batch, n_a, n_x in ((4, 2, 3, 5), (2, 3, 4, 1)):
        shapes = (T, batch, n_a), (batch, n_a), (T, batch, n_a), (T, batch, n_x)
        cases.append(tuple(rng.normal(size=shape) for shape in shapes))
    return tuple(cases)


weight_gradient = Exercise(
    title="The weight gradient",
    solution=_weight_gradient,
    cases=_product_cases(),
    mistakes=(
        Mistake(
            "new state",
            "dz<t> is paired with a<t>. W_aa multiplied the state before: a<t-1>.",
            _new_state,
        ),
        Mistake(
            "start ignored",
            "Step 1 is paired with zeros, but the state before it was a_0.",
            _start_ignored,
        ),
        Mistake(
            "step 1 left out",
            "Step 1 is missing: it read a_0 and the first x.",
            _step_1_left_out,
        ),
        Mistake(
            "rolled",
            "Step 1 is paired with the last state: before it stood a_0.",
            _rolled,
        ),
        Mistake(
            "reshaped for transposed",
            "reshape(n_a, -1) shuffles the numbers of dz: flatten the first axes with "
            "reshape(-1, n_a), then transpose.",
            _reshaped,
        ),
        Mistake(
            "shifted the wrong way",
            "dz<t> is paired with a<t+1>: move the states one step later, not earlier.",
            _one_too_late,
        ),
        Mistake(
            "transposed",
            "The shape is (n_a + n_x, n_a): dz makes the rows, so it comes first.",
            _turned,
        ),
        Mistake(
            "mean over steps",
            "This is the mean over the steps. The chain rule adds: take the sum.",
            _mean_over_steps,
        ),
        Mistake(
            "mean over the batch",
            "This is the mean over the batch. If the loss is a mean, dz knows already.",
            _mean_over_batch,
        ),
        Mistake(
            "mean over both",
            "This is the mean over steps and batch. The chain rule adds: take the sum.",
            _mean_over_both,
        ),
        Mistake(
            "state part only",
            "These are the columns of W_aa: those of W_ax are missing.",
            _state_part_only,
        ),
        Mistake(
            "x before a", "The columns stand as [x, a]: a comes first.", _x_before_a
        ),
        Mistake(
            "not summed over time",
            "There is still a time axis: every step used the same W_a, so add them up.",
            _not_summed_over_steps,
        ),
        Mistake(
            "not summed over the batch",
            "There is still a batch axis: every example used the same W_a.",
            _not_summed_over_batch,
        ),
        Mistake("last step only", "This is what step T adds, alone.", _last_step),
        Mistake(
            "summed over time twice",
            "dz and [a, x] were each summed over time before the product. Multiply "
            "first, step by step, then add.",
            _summed_twice,
        ),
    ),
    passed="All steps and examples in one product: that is where the speed comes from.",
)
