"""Exercises of notebook 04: feed the output back, pool a ragged batch, mask a loss."""

import numpy as np

from companion.exercises.check import Exercise, Mistake

__all__ = ["feed_back", "masked_loss", "pooled"]


def _written(W_a, b_a, W_y, b_y, x, T, fed="chosen", carried=True, late=False):
    """The loop, with one place for each way to get it wrong."""
    a, ids, start = np.zeros(len(b_a)), [], x
    for _ in range(T):
        before = a if carried else np.zeros(len(b_a))
        a = np.tanh(W_a @ np.concatenate([before, x]) + b_a)
        logits = W_y @ (before if late else a) + b_y
        e = np.exp(logits - logits.max())
        ids.append(int(logits.argmax()))
        x = {
            "chosen": np.eye(len(b_y))[ids[-1]],
            "start": start,
            "logits": logits,
            "probabilities": e / e.sum(),
            "nothing": np.zeros(len(b_y)),
        }[fed]
    return ids


def _feed_back(W_a, b_a, W_y, b_y, x, T):
    return _written(W_a, b_a, W_y, b_y, x, T)


def _same_input(W_a, b_a, W_y, b_y, x, T):
    return _written(W_a, b_a, W_y, b_y, x, T, fed="start")


def _fed_logits(W_a, b_a, W_y, b_y, x, T):
    return _written(W_a, b_a, W_y, b_y, x, T, fed="logits")


def _fed_probabilities(W_a, b_a, W_y, b_y, x, T):
    return _written(W_a, b_a, W_y, b_y, x, T, fed="probabilities")


def _fed_nothing(W_a, b_a, W_y, b_y, x, T):
    return _written(W_a, b_a, W_y, b_y, x, T, fed="nothing")


def _forgetful(W_a, b_a, W_y, b_y, x, T):
    return _written(W_a, b_a, W_y, b_y, x, T, carried=False)


def _old_state_read(W_a, b_a, W_y, b_y, x, T):
    return _written(W_a, b_a, W_y, b_y, x, T, late=True)


def _start_included(W_a, b_a, W_y, b_y, x, T):
    return [int(x.argmax()), *_feed_back(W_a, b_a, W_y, b_y, x, T)][:T]


def _feed_back_cases():
    """Weights large enough that an input decides which output comes next."""
    cases = []
    for seed in (11, 29):
        rng = np.random.default_rng(seed)
        W_a, W_y = rng.normal(size=(6, 11)) * 1.2, rng.normal(size=(5, 6)) * 2
        b_a, b_y = rng.normal(size=6) * 0.5, rng.normal(size=5) * 0.3
        cases.append((W_a, b_a, W_y, b_y, np.eye(5)[3], 12))
    return tuple(cases)


def _x_first(W_a, b_a, W_y, b_y, x, T):
    n_x = len(b_y)  # read [x, a] with the same matrix
    turned = np.concatenate([W_a[:, n_x:], W_a[:, :n_x]], axis=1)
    return _feed_back(turned, b_a, W_y, b_y, x, T)


feed_back = Exercise(
    title="One to many",
    solution=_feed_back,
    cases=_feed_back_cases(),
    mistakes=(
        Mistake(
            "the same input again",
            "Every step reads the x you were given: from step 2 on it should read the "
            "output before.",
            _same_input,
        ),
        Mistake(
            "x before a",
            "The columns of W_a are [W_aa | W_ax]: a<t-1> comes first, then x.",
            _x_first,
        ),
        Mistake(
            "logits fed back",
            "The logits go back in. Choose an id first and feed in its one-hot vector.",
            _fed_logits,
        ),
        Mistake(
            "probabilities fed back",
            "The probabilities go back in: the network never hears what was chosen. "
            "Feed in the one-hot vector of the chosen id.",
            _fed_probabilities,
        ),
        Mistake(
            "nothing fed back",
            "After step 1 the input is all zeros: the output has to come back in.",
            _fed_nothing,
        ),
        Mistake(
            "state not carried",
            "Each step starts from a zero state: hand the state on as well.",
            _forgetful,
        ),
        Mistake(
            "old state read",
            "The output reads a<t-1>: compute a<t> first and read that.",
            _old_state_read,
        ),
        Mistake(
            "start included",
            "The first id is that of the x you were given. It is read, not written.",
            _start_included,
        ),
    ),
    passed="Put a random draw where argmax stands, and it is a sampler.",
)


def _mask(T, lengths, shift=0):
    return np.arange(T) < np.asarray(lengths)[:, None] + shift


def _token_nats(log_p, ys):
    return -np.take_along_axis(log_p, ys[..., None], axis=-1)[..., 0]


def _masked_loss(log_p, ys, lengths):
    mask = _mask(ys.shape[1], lengths)
    return (_token_nats(log_p, ys) * mask).sum() / mask.sum()


def _unmasked(log_p, ys, lengths):
    return _token_nats(log_p, ys).mean()


def _all_cells_counted(log_p, ys, lengths):
    return (_token_nats(log_p, ys) * _mask(ys.shape[1], lengths)).mean()


def _mean_of_means(log_p, ys, lengths):
    nats = _token_nats(log_p, ys) * _mask(ys.shape[1], lengths)
    return (nats.sum(axis=1) / lengths).mean()


def _per_sequence(log_p, ys, lengths):
    return (_token_nats(log_p, ys) * _mask(ys.shape[1], lengths)).sum() / len(ys)


def _one_too_many(log_p, ys, lengths):
    mask = _mask(ys.shape[1], lengths, 1)
    return (_token_nats(log_p, ys) * mask).sum() / mask.sum()


def _one_too_few(log_p, ys, lengths):
    mask = _mask(ys.shape[1], lengths, -1)
    return (_token_nats(log_p, ys) * mask).sum() / mask.sum()


def _sign(log_p, ys, lengths):
    return -_masked_loss(log_p, ys, lengths)


def _zeros_left_out(log_p, ys, lengths):
    real = ys != 0
    return (_token_nats(log_p, ys) * real).sum() / real.sum()


def _ragged_cases():
    """Padding is costly, and 0 is also a real target: only the lengths tell."""
    cases = []
    for seed, lengths in ((5, (2, 6, 4, 1)), (6, (3, 2, 5, 6))):
        rng = np.random.default_rng(seed)
        lengths = np.array(lengths)
        logits, ys = rng.normal(size=(4, 7, 5)), rng.integers(5, size=(4, 7))
        ys[~_mask(7, lengths)] = 0
        logits[..., 0] -= 3
        log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        cases.append((log_p, ys, lengths))
    return tuple(cases)


masked_loss = Exercise(
    title="A loss for unequal lengths",
    solution=_masked_loss,
    cases=_ragged_cases(),
    mistakes=(
        Mistake(
            "padding counted",
            "The padding is in the mean: leave out the steps past each length.",
            _unmasked,
        ),
        Mistake(
            "divided by all cells",
            "The padding costs nothing, but it still counts: divide by the number of "
            "real tokens, not of cells.",
            _all_cells_counted,
        ),
        Mistake(
            "zeros left out",
            "A target of 0 can be real: only the lengths say what is padding.",
            _zeros_left_out,
        ),
        Mistake(
            "mean of means",
            "Each sequence has the same weight here; each token should have it.",
            _mean_of_means,
        ),
        Mistake(
            "per sequence",
            "This is nats per sequence: divide by the number of real tokens.",
            _per_sequence,
        ),
        Mistake(
            "one step too many",
            "One step of padding counts in each sequence: a length of 2 is the steps "
            "with index 0 and 1.",
            _one_too_many,
        ),
        Mistake(
            "one step too few",
            "The last real token of each sequence is missing.",
            _one_too_few,
        ),
        Mistake("sign", "The sign: the loss is minus the log-probability.", _sign),
    ),
    passed="Nats per real token, the number perplexity is made from.",
)


def _pooled(a, lengths):
    mask = _mask(a.shape[1], lengths)[..., None]
    last = a[np.arange(len(a)), np.asarray(lengths) - 1]
    return last, (a * mask).sum(axis=1) / np.asarray(lengths)[:, None]


def _last_column(a, lengths):
    return a[:, -1], _pooled(a, lengths)[1]


def _past_the_end(a, lengths):
    return a[np.arange(len(a)), lengths], _pooled(a, lengths)[1]


def _mean_over_padding(a, lengths):
    return _pooled(a, lengths)[0], a.mean(axis=1)


def _mean_by_width(a, lengths):
    mask = _mask(a.shape[1], lengths)[..., None]
    return _pooled(a, lengths)[0], (a * mask).mean(axis=1)


def _both_careless(a, lengths):
    return a[:, -1], a.mean(axis=1)


def _swapped(a, lengths):
    return _pooled(a, lengths)[::-1]


def _pooled_cases():
    """No length is T, so that the last column is padding everywhere."""
    rng = np.random.default_rng(8)
    return tuple(
        (np.tanh(rng.normal(size=(4, 6, 3))), np.array(lengths))
        for lengths in ((5, 2, 1, 3), (4, 4, 2, 5))
    )


def _every_pair(a, lengths):
    return a[:, np.asarray(lengths) - 1], _pooled(a, lengths)[1]


pooled = Exercise(
    title="Last and mean of a ragged batch",
    solution=_pooled,
    cases=_pooled_cases(),
    mistakes=(
        Mistake(
            "lengths ignored",
            "Both read the padding: look at the lengths for each.",
            _both_careless,
        ),
        Mistake(
            "every pair",
            "a[:, lengths - 1] takes all those steps from every sequence: index the "
            "batch with np.arange too.",
            _every_pair,
        ),
        Mistake(
            "last column",
            "The last column is padding: the last real state is at index length - 1.",
            _last_column,
        ),
        Mistake(
            "one past the end",
            "One too far: the index of the last real state is length - 1.",
            _past_the_end,
        ),
        Mistake(
            "mean over padding",
            "The mean takes in the states of the padding.",
            _mean_over_padding,
        ),
        Mistake(
            "divided by T",
            "The padding is left out of the sum but not of the count: divide by the "
            "lengths.",
            _mean_by_width,
        ),
        Mistake("swapped", "The last state comes first, then the mean.", _swapped),
    ),
    passed="No sequence notices how long its neighbours are.",
)
