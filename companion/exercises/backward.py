"""The last exercise of notebook 03: a backward pass with a bug in it."""

import numpy as np

from companion.exercises.check import Exercise, Mistake

__all__ = ["mended"]


def _per_step(W_aa, a, from_output):
    """dz<t> of every step, (T, batch, n_a)."""
    dz, later = np.zeros_like(a), np.zeros_like(a[0])
    for t in reversed(range(len(a))):
        dz[t] = (from_output[t] + later) * (1 - a[t] ** 2)
        later = dz[t] @ W_aa
    return dz


def _gradients(W_aa, a_0, a, xs, from_output, bias):
    """The three gradients, with `bias` making db_a of dz (T, batch, n_a)."""
    dz = _per_step(W_aa, a, from_output)
    before = np.concatenate([a_0[None], a[:-1]])
    dW_aa, dW_ax = (np.einsum("tbi,tbj->ij", dz, read) for read in (before, xs))
    return dW_aa, dW_ax, bias(dz)


def _mended(W_aa, a_0, a, xs, from_output):
    return _gradients(W_aa, a_0, a, xs, from_output, lambda dz: dz.sum(axis=(0, 1)))


def _still_there(W_aa, a_0, a, xs, from_output):
    return _gradients(W_aa, a_0, a, xs, from_output, lambda dz: dz.sum(axis=0))


def _mean_of_examples(W_aa, a_0, a, xs, from_output):
    return _gradients(
        W_aa, a_0, a, xs, from_output, lambda dz: dz.mean(axis=1).sum(axis=0)
    )


def _first_example(W_aa, a_0, a, xs, from_output):
    return _gradients(W_aa, a_0, a, xs, from_output, lambda dz: dz[:, 0].sum(axis=0))


def _summed_over_units(W_aa, a_0, a, xs, from_output):
    return _gradients(W_aa, a_0, a, xs, from_output, lambda dz: dz.sum(axis=(0, 2)))


def _summed_over_all(W_aa, a_0, a, xs, from_output):
    return _gradients(W_aa, a_0, a, xs, from_output, lambda dz: dz.sum())


def _kept_axis(W_aa, a_0, a, xs, from_output):
    summed = _mended(W_aa, a_0, a, xs, from_output)
    return *summed[:2], summed[2][None]


def _first_step_only(W_aa, a_0, a, xs, from_output):
    return _gradients(W_aa, a_0, a, xs, from_output, lambda dz: dz[0].sum(axis=0))


def _summed_too_soon(W_aa, a_0, a, xs, from_output):
    """The batch is summed inside dz itself, so that the weights lose it too."""
    dz = _per_step(W_aa, a, from_output).sum(axis=1)
    before = np.concatenate([a_0[None], a[:-1]])
    reads = (before.sum(axis=1), xs.sum(axis=1))
    return *(np.einsum("ti,tj->ij", dz, read) for read in reads), dz.sum(axis=0)


def _turned(W_aa, a_0, a, xs, from_output):
    return _mended(W_aa.T, a_0, a, xs, from_output)


def _turned_with_the_bug(W_aa, a_0, a, xs, from_output):
    return _still_there(W_aa.T, a_0, a, xs, from_output)


def _all_averaged(W_aa, a_0, a, xs, from_output):
    return tuple(d / a.shape[1] for d in _mended(W_aa, a_0, a, xs, from_output))


def _batches():
    """T, batch, n_a and n_x all differ, and in the second case the batch is one."""
    rng = np.random.default_rng(34)
    cases = []
    for T, batch, n_a, n_x in ((3, 4, 2, 5), (2, 1, 3, 2)):
        W_aa, a_0 = rng.normal(size=(n_a, n_a)), rng.normal(size=(batch, n_a))
        a, from_output = np.tanh(rng.normal(size=(2, T, batch, n_a)))
        cases.append((W_aa, a_0, a, rng.normal(size=(T, batch, n_x)), from_output))
    return tuple(cases)


mended = Exercise(
    title="Find the bug",
    solution=_mended,
    cases=_batches(),
    mistakes=(
        Mistake(
            "not summed over the batch",
            "The bug is still there: db_a has a row for each example, but all of them "
            "used the same b_a.",
            _still_there,
        ),
        Mistake(
            "mean over the batch",
            "db_a is the mean over the batch, while the matrices take the sum. Every "
            "example used b_a, so their gradients add up.",
            _mean_of_examples,
        ),
        Mistake(
            "all averaged",
            "All three are means over the batch now. The matrices were right before: "
            "only db_a has to change.",
            _all_averaged,
        ),
        Mistake(
            "W_aa turned",
            "db_a is mended, but W_aa was the right way round before: with examples in "
            "rows the way back is dz @ W_aa.",
            _turned,
        ),
        Mistake(
            "W_aa turned in place of the repair",
            "W_aa was the right way round before: with examples in rows the way back "
            "is dz @ W_aa. The bug is elsewhere.",
            _turned_with_the_bug,
        ),
        Mistake(
            "first example only",
            "The shape fits now, but db_a is that of the first example alone.",
            _first_example,
        ),
        Mistake(
            "summed over the units",
            "db_a was summed over the units and still has an entry for each example: "
            "the other axis.",
            _summed_over_units,
        ),
        Mistake(
            "one number",
            "db_a is a single number: each unit has a bias of its own.",
            _summed_over_all,
        ),
        Mistake(
            "an axis too many",
            "The numbers are right, but db_a has the shape (1, n_a) and b_a (n_a,).",
            _kept_axis,
        ),
        Mistake(
            "one step only",
            "db_a holds what step 1 adds, alone: it has to grow in every turn.",
            _first_step_only,
        ),
        Mistake(
            "summed too soon",
            "db_a is right, but dW_aa and dW_ax have gone wrong: sum what is added to "
            "db_a, not dz itself.",
            _summed_too_soon,
        ),
    ),
    passed="b_a is a weight whose input is always 1, so it adds up over all it served.",
)
