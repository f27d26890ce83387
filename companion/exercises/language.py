"""Exercises of notebook 05: a sentence's log-probability, perplexity, temperature."""

import numpy as np

from companion.exercises.check import Exercise, Mistake

__all__ = ["perplexity", "sentence_log_prob", "with_temperature"]

EOS = 2


def _factors(P, ids):
    """P of each token given the one before, EOS in front and at the end."""
    x, y = np.concatenate([[EOS], ids]), np.concatenate([ids, [EOS]])
    return P[x, y]


def _log_prob(P, ids):
    return np.log(_factors(P, ids)).sum()


def _log_of_product(P, ids):
    with np.errstate(divide="ignore"):
        return np.log(np.prod(_factors(P, ids)))


def _product(P, ids):
    return np.prod(_factors(P, ids))


def _log_of_sum(P, ids):
    return np.log(_factors(P, ids).sum())


def _without_end(P, ids):
    return np.log(_factors(P, ids)[:-1]).sum()


def _without_start(P, ids):
    return np.log(_factors(P, ids)[1:]).sum()


def _only_pairs(P, ids):
    return np.log(_factors(P, ids)[1:-1]).sum()


def _transposed(P, ids):
    return _log_prob(P.T, ids)


def _not_shifted(P, ids):
    y = np.concatenate([ids, [EOS]])
    return np.log(P[y, y]).sum()


def _mean(P, ids):
    return np.log(_factors(P, ids)).mean()


def _surprise(P, ids):
    return -_log_prob(P, ids)


def _bits(P, ids):
    return _log_prob(P, ids) / np.log(2)


def _sentence_cases():
    """P has no symmetry and no zero; the last text is too long for a product."""
    rng = np.random.default_rng(5)
    cases = []
    for size, T in ((6, 4), (5, 3), (7, 2000)):
        P = rng.dirichlet(np.ones(size), size=size) * 0.9 + 0.1 / size
        cases.append((P, rng.integers(3, size, size=T)))
    return tuple(cases)


sentence_log_prob = Exercise(
    title="The chain rule in logs",
    solution=_log_prob,
    cases=_sentence_cases(),
    mistakes=(
        Mistake(
            "log of a product",
            "The long text gives log(0): the product has underflowed. Take the "
            "logarithm of each factor and add.",
            _log_of_product,
        ),
        Mistake(
            "product",
            "This is the probability itself: return its logarithm, as a sum.",
            _product,
        ),
        Mistake(
            "log of a sum",
            "You added the probabilities and then took the log: log first, then add.",
            _log_of_sum,
        ),
        Mistake(
            "end forgotten",
            "The sentence has not ended: the factor for EOS after the last token is "
            "missing.",
            _without_end,
        ),
        Mistake(
            "start forgotten",
            "The first token is a guess too: its factor is P[EOS, y<1>].",
            _without_start,
        ),
        Mistake(
            "both ends forgotten",
            "Only the pairs inside are there: EOS stands before y<1> and after y<T>.",
            _only_pairs,
        ),
        Mistake(
            "transposed",
            "P[x, y] has the token that was read first and the one asked for second: "
            "yours are exchanged.",
            _transposed,
        ),
        Mistake(
            "not shifted",
            "You ask P for y<t> given y<t> itself: the input is x<t> = y<t-1>.",
            _not_shifted,
        ),
        Mistake(
            "mean", "This is the mean over tokens: a sentence needs the sum.", _mean
        ),
        Mistake(
            "sign",
            "This is the surprise, -log P: a log-probability is negative.",
            _surprise,
        ),
        Mistake("bits", "This is in bits: use the natural logarithm, np.log.", _bits),
    ),
    passed="A sum of logs does not underflow, however long the text.",
)


def _perplexity(log_p, mask):
    return np.exp(-log_p[mask].mean())


def _padding_counted(log_p, mask):
    return np.exp(-(log_p * mask).sum() / mask.size)


def _mask_ignored(log_p, mask):
    return np.exp(-log_p.mean())


def _mean_of_means(log_p, mask):
    return np.exp(-((log_p * mask).sum(axis=1) / mask.sum(axis=1)).mean())


def _mean_of_perplexities(log_p, mask):
    return np.exp(-(log_p * mask).sum(axis=1) / mask.sum(axis=1)).mean()


def _no_exp(log_p, mask):
    return -log_p[mask].mean()


def _two_to_the_nats(log_p, mask):
    return 2 ** -log_p[mask].mean()


def _sign(log_p, mask):
    return np.exp(log_p[mask].mean())


def _sum(log_p, mask):
    return np.exp(-log_p[mask].sum())


def _mean_probability(log_p, mask):
    return 1 / np.exp(log_p[mask]).mean()


def _per_sentence(log_p, mask):
    return np.exp(-(log_p * mask).sum() / len(mask))


def _padding_summed(log_p, mask):
    return np.exp(-log_p.sum() / mask.sum())


def _exp_first(log_p, mask):
    return np.exp(-log_p[mask]).mean()


def _perplexity_cases():
    """Ragged, and costly where it is padding, so that no two mistakes agree."""
    rng = np.random.default_rng(6)
    cases = []
    for lengths in ((5, 2, 3), (1, 6, 4, 2)):
        mask = np.arange(max(lengths)) < np.array(lengths)[:, None]
        log_p = np.log(rng.uniform(0.05, 0.9, size=mask.shape))
        cases.append((np.where(mask, log_p, log_p - 3), mask))
    return tuple(cases)


perplexity = Exercise(
    title="Perplexity",
    solution=_perplexity,
    cases=_perplexity_cases(),
    mistakes=(
        Mistake(
            "padding counted",
            "You divide by all cells: divide by the number of real tokens, mask.sum().",
            _padding_counted,
        ),
        Mistake(
            "padding summed",
            "The divisor is right, but the padding is in the sum: log_p[mask].sum().",
            _padding_summed,
        ),
        Mistake(
            "exp first",
            "You averaged 1 / P: average the logarithms, then take exp once.",
            _exp_first,
        ),
        Mistake(
            "mask ignored",
            "The padding is scored too: leave out what is False in the mask.",
            _mask_ignored,
        ),
        Mistake(
            "mean of means",
            "You average each sentence first, so that a token of a short one counts "
            "more: take one mean over all tokens.",
            _mean_of_means,
        ),
        Mistake(
            "mean of perplexities",
            "You average perplexities: average the log-probabilities, then exp once.",
            _mean_of_perplexities,
        ),
        Mistake("no exp", "This is the mean surprise in nats: no exp yet.", _no_exp),
        Mistake(
            "base 2",
            "These are natural logarithms: e to the mean surprise, not 2 to it.",
            _two_to_the_nats,
        ),
        Mistake(
            "sign",
            "The sign is missing: perplexity is exp of minus the mean of log P.",
            _sign,
        ),
        Mistake(
            "sum",
            "This is 1 / P of the whole batch: divide by the number of tokens first.",
            _sum,
        ),
        Mistake(
            "mean probability",
            "You averaged probabilities; it is the logarithms that are averaged.",
            _mean_probability,
        ),
        Mistake(
            "per sentence",
            "You divide by the number of sentences: this is not per token.",
            _per_sentence,
        ),
    ),
    passed="One mean, over tokens, and one exp.",
)


def _softmax(z, axis=-1):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def _temperature(logits, temperature):
    return _softmax(logits / temperature)


def _multiplied(logits, temperature):
    return _softmax(logits * temperature)


def _ignored(logits, temperature):
    return _softmax(logits)


def _unnormalised(logits, temperature):
    return _softmax(logits) ** (1 / temperature)


def _over_the_batch(logits, temperature):
    return _softmax(logits / temperature, axis=0)


def _over_everything(logits, temperature):
    z = logits / temperature
    e = np.exp(z - z.max())
    return e / e.sum()


def _overflowing(logits, temperature):
    with np.errstate(over="ignore", invalid="ignore"):
        e = np.exp(logits / temperature)
        return e / e.sum(axis=-1, keepdims=True)


def _divided_again(logits, temperature):
    return _softmax(_softmax(logits) / temperature)


def _in_logs(logits, temperature):
    with np.errstate(divide="ignore"):
        return np.log(_temperature(logits, temperature))


def _one_maximum(logits, temperature):
    with np.errstate(invalid="ignore"):
        z = logits / temperature
        e = np.exp(z - z.max())
        return e / e.sum(axis=-1, keepdims=True)


def _temperature_cases():
    """No temperature is 1. Square in the first case; far apart rows in the last."""
    rng = np.random.default_rng(7)
    logits = rng.normal(scale=2, size=(3, 4, 4))
    return (
        (logits[0], 0.5),
        (logits[1, :3], 2.0),
        (logits[2] + np.array([[1000.0], [0.0], [-1000.0], [1000.0]]), 0.8),
    )


with_temperature = Exercise(
    title="Temperature",
    solution=_temperature,
    cases=_temperature_cases(),
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "multiplied",
            "A low temperature makes yours flatter: you multiplied the logits by it "
            "(or took p to its power). Divide them by it.",
            _multiplied,
        ),
        Mistake(
            "one maximum",
            "A row far below the largest logit of the batch became 0/0: subtract each "
            "row's own maximum.",
            _one_maximum,
        ),
        Mistake(
            "no effect",
            "The temperature changes nothing here: a number subtracted from all "
            "logits, or a factor on all p, cancels when you normalise. Divide the "
            "logits.",
            _ignored,
        ),
        Mistake(
            "not normalised",
            "p to the power 1/temperature does not add up to 1 yet: normalise it.",
            _unnormalised,
        ),
        Mistake(
            "over the batch",
            "The columns add up to 1: the softmax runs over the last axis.",
            _over_the_batch,
        ),
        Mistake(
            "over everything",
            "All rows together add up to 1: each row has to, by itself.",
            _over_everything,
        ),
        Mistake(
            "overflow",
            "exp overflows for large logits: subtract the largest of each row first.",
            _overflowing,
        ),
        Mistake(
            "temperature on probabilities",
            "You took the softmax of p / temperature: a temperature divides logits.",
            _divided_again,
        ),
        Mistake("logs", "These are logarithms: return the probabilities.", _in_logs),
    ),
    passed="Cold is sure of itself, hot is open to anything.",
)
