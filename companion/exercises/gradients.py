"""Exercises of notebook 06: one step's Jacobian, clipping, how long a nudge lasts."""

import numpy as np

from companion.exercises.check import Exercise, Mistake

__all__ = ["clip_by_global_norm", "half_life", "step_jacobian"]


def _z(W_a, b_a, a, x):
    return W_a @ np.concatenate([a, x]) + b_a


def _slope(W_a, b_a, a, x):
    return 1 - np.tanh(_z(W_a, b_a, a, x)) ** 2


def _jacobian(W_a, b_a, a, x):
    return _slope(W_a, b_a, a, x)[:, None] * W_a[:, : len(a)]


def _without_slope(W_a, b_a, a, x):
    return W_a[:, : len(a)].copy()


def _slope_of_z(W_a, b_a, a, x):
    return (1 - _z(W_a, b_a, a, x) ** 2)[:, None] * W_a[:, : len(a)]


def _slope_of_the_old_state(W_a, b_a, a, x):
    return (1 - a**2)[:, None] * W_a[:, : len(a)]


def _slope_without_square(W_a, b_a, a, x):
    return (1 - np.tanh(_z(W_a, b_a, a, x)))[:, None] * W_a[:, : len(a)]


def _slope_on_the_right(W_a, b_a, a, x):
    return W_a[:, : len(a)] * _slope(W_a, b_a, a, x)


def _jacobian_transposed(W_a, b_a, a, x):
    return _jacobian(W_a, b_a, a, x).T


def _weights_transposed(W_a, b_a, a, x):
    return _slope(W_a, b_a, a, x)[:, None] * W_a[:, : len(a)].T


def _by_the_input(W_a, b_a, a, x):
    return _slope(W_a, b_a, a, x)[:, None] * W_a[:, len(a) :]


def _all_columns(W_a, b_a, a, x):
    return _slope(W_a, b_a, a, x)[:, None] * W_a


def _jacobian_without_bias(W_a, b_a, a, x):
    return _jacobian(W_a, 0 * b_a, a, x)


def _input_first(W_a, b_a, a, x):
    z = W_a @ np.concatenate([x, a]) + b_a
    return (1 - np.tanh(z) ** 2)[:, None] * W_a[:, : len(a)]


def _only_the_diagonal(W_a, b_a, a, x):
    return np.diag(_slope(W_a, b_a, a, x)) * W_a[:, : len(a)]


def _without_the_input(W_a, b_a, a, x):
    return _jacobian(W_a, b_a, a, 0 * x)


def _jacobian_cases():
    """n_x = n_a in the first, so that the columns of the input have a legal shape."""
    rng = np.random.default_rng(61)
    shapes = ((3, 6), (3,), (3,), (3,)), ((4, 6), (4,), (4,), (2,))
    return tuple(
        tuple(rng.normal(size=shape) for shape in case) for case in (*shapes, shapes[0])
    )


step_jacobian = Exercise(
    title="The Jacobian of one step",
    solution=_jacobian,
    cases=_jacobian_cases(),
    mistakes=(
        Mistake(
            "no slope",
            "This is W_aa alone: tanh has a slope too, 1 - a<t>^2, and it is missing.",
            _without_slope,
        ),
        Mistake(
            "slope of z",
            "The slope is written with z<t> for a<t>: it is 1 - tanh(z)^2.",
            _slope_of_z,
        ),
        Mistake(
            "slope one step early",
            "The slope is taken at a<t-1>. It belongs to a<t>, the state that leaves.",
            _slope_of_the_old_state,
        ),
        Mistake(
            "slope without the square",
            "The slope of tanh is 1 - a<t>^2; the square is missing.",
            _slope_without_square,
        ),
        Mistake(
            "slope on the wrong side",
            "The slopes scale the columns of W_aa. Slope i belongs to unit i of a<t>, "
            "and that is row i.",
            _slope_on_the_right,
        ),
        Mistake(
            "Jacobian transposed",
            "Rows and columns are swapped: row i is unit i of a<t>, column j unit j of "
            "a<t-1>.",
            _jacobian_transposed,
        ),
        Mistake(
            "W_aa transposed",
            "The slopes are right, but W_aa is transposed.",
            _weights_transposed,
        ),
        Mistake(
            "columns of the input",
            "These are the last columns of W_a: they belong to x<t>. The first n_a "
            "multiply a<t-1>.",
            _by_the_input,
        ),
        Mistake(
            "all columns",
            "Only the first n_a columns of W_a multiply a<t-1>.",
            _all_columns,
        ),
        Mistake("no bias", "The bias is missing from z<t>.", _jacobian_without_bias),
        Mistake(
            "input first",
            "z<t> was made from [x, a]: the state comes first, [a, x].",
            _input_first,
        ),
        Mistake(
            "diagonal only",
            "All but the diagonal is zero: np.diag(slope) has to be multiplied with @, "
            "or the slopes as a column with *.",
            _only_the_diagonal,
        ),
        Mistake(
            "no input",
            "x<t> is missing from z<t>: it moves the slope.",
            _without_the_input,
        ),
    ),
    passed="A long memory is a product of these.",
)


def _global_norm(gradients):
    return np.sqrt(sum(np.sum(g**2) for g in gradients))


def _clip(gradients, threshold):
    norm = _global_norm(gradients)
    return [g * (threshold / norm) if norm > threshold else g for g in gradients]


def _each_by_itself(gradients, threshold):
    return [_clip([g], threshold)[0] for g in gradients]


def _always_scaled(gradients, threshold):
    norm = _global_norm(gradients)
    return [g * (threshold / norm) for g in gradients]


def _by_value(gradients, threshold):
    return [np.clip(g, -threshold, threshold) for g in gradients]


def _scaled_by(size):
    """Clipping as it should be, with another number in place of the norm."""

    def clip(gradients, threshold):
        length = size(gradients)
        return [
            g * (threshold / length) if length > threshold else g for g in gradients
        ]

    return clip


def _root_missing_in_comparison(gradients, threshold):
    norm = _global_norm(gradients)
    return [g * (threshold / norm) if norm**2 > threshold else g for g in gradients]


def _factor_upside_down(gradients, threshold):
    norm = _global_norm(gradients)
    return [g * (norm / threshold) if norm > threshold else g for g in gradients]


def _times_the_threshold(gradients, threshold):
    norm = _global_norm(gradients)
    return [g * threshold if norm > threshold else g for g in gradients]


def _root_mean_square(gradients):
    numbers = np.concatenate([np.ravel(g) for g in gradients])
    return np.sqrt(np.mean(numbers**2))


def _to_length_one(gradients, threshold):
    norm = _global_norm(gradients)
    return [g / norm if norm > threshold else g for g in gradients]


def _unclipped(gradients, threshold):
    return [g.copy() for g in gradients]


def _only_the_long_ones(gradients, threshold):
    norm = _global_norm(gradients)
    return [
        g * (threshold / norm) if np.linalg.norm(g) > threshold else g
        for g in gradients
    ]


def _squares(gradients):
    return sum(np.sum(g**2) for g in gradients)


def _sum_of_norms(gradients):
    return sum(np.linalg.norm(g) for g in gradients)


def _largest_entry(gradients):
    return max(np.abs(g).max() for g in gradients)


def _clip_cases():
    """Too long, short enough, all zero, and long only when taken together.

    Then a length of 2 under a threshold of 3, where its square is not, a length of 0.6
    over 0.5, where its square is not, and one so long that even its mean is over.
    """
    rng = np.random.default_rng(62)
    long, short, together = (
        [scale * rng.normal(size=shape) for shape in ((3, 5), (3,), (2, 3))]
        for scale in (2.0, 0.01, 0.3)
    )
    unit = [g / _global_norm(long) for g in long]
    return (
        (long, 3.0),
        (short, 1.0),
        ([0 * g for g in long], 1.0),
        (together, 1.2),
        ([2.0 * g for g in unit], 3.0),
        ([0.6 * g for g in unit], 0.5),
        ([90.0 * g for g in unit], 1.1),
    )


clip_by_global_norm = Exercise(
    title="Clip by the global norm",
    solution=_clip,
    cases=_clip_cases(),
    mistakes=(
        Mistake(
            "each array by itself",
            "Each array is clipped on its own. The threshold is for all numbers "
            "together, or the direction changes.",
            _each_by_itself,
        ),
        Mistake(
            "only the long arrays",
            "Arrays that are short on their own are left as they were: one factor has "
            "to scale all of them.",
            _only_the_long_ones,
        ),
        Mistake(
            "short ones made longer",
            "A gradient shorter than the threshold is scaled up to it: leave it alone.",
            _always_scaled,
        ),
        Mistake(
            "by value",
            "This cuts every number by itself: clipping by value, which turns the "
            "gradient.",
            _by_value,
        ),
        Mistake(
            "no square root",
            "This compares the sum of squares with the threshold: take its root.",
            _scaled_by(_squares),
        ),
        Mistake(
            "norms added up",
            "The norms of the arrays are added. Add their squares, then take the root.",
            _scaled_by(_sum_of_norms),
        ),
        Mistake(
            "largest number",
            "This measures the gradient by its largest number, not by its length.",
            _scaled_by(_largest_entry),
        ),
        Mistake(
            "length 1",
            "The clipped gradient has length 1: it should be as long as the threshold.",
            _to_length_one,
        ),
        Mistake("not clipped", "Nothing was clipped at all.", _unclipped),
        Mistake(
            "root missing in the comparison",
            "The factor is right, but the sum of squares is what was compared with the "
            "threshold: compare its root.",
            _root_missing_in_comparison,
        ),
        Mistake(
            "mean for sum",
            "This takes the root of the mean of the squares. A length is the root of "
            "their sum.",
            _scaled_by(_root_mean_square),
        ),
        Mistake(
            "factor upside down",
            "The factor is upside down: threshold / norm is the one below 1.",
            _factor_upside_down,
        ),
        Mistake(
            "not divided",
            "The gradient is multiplied by the threshold but not divided by its norm.",
            _times_the_threshold,
        ),
    ),
    passed="One factor for everything, so the direction stays.",
)


def _factor(norms):
    return norms[-1] ** (1 / (len(norms) - 1))


def _half_life(norms):
    return np.log(1 / 2) / np.log(_factor(norms))


def _upside_down(norms):
    return np.log(_factor(norms)) / np.log(1 / 2)


def _negative(norms):
    return np.log(2) / np.log(_factor(norms))


def _of_what_is_lost(norms):
    return np.log(1 / 2) / np.log(1 - _factor(norms))


def _straight_line(norms):
    return 0.5 / (1 - _factor(norms))


def _whole_stretch(norms):
    return np.log(1 / 2) / np.log(norms[-1])


def _one_step_too_many(norms):
    return np.log(1 / 2) / np.log(norms[-1] ** (1 / len(norms)))


def _first_step_only(norms):
    return np.log(1 / 2) / np.log(norms[1])


def _mixed_logarithms(norms):
    return np.log10(1 / 2) / np.log(_factor(norms))


def _divided_not_rooted(norms):
    return np.log(1 / 2) / np.log(norms[-1] / (len(norms) - 1))


def _first_below_half(norms):
    return float(np.argmax(norms < 0.5))


def _mean_of_the_factors(norms):
    return np.log(1 / 2) / np.log(np.mean(norms[1:] / norms[:-1]))


def _to_one_over_e(norms):
    return -1 / np.log(_factor(norms))


def _half_life_cases():
    """Norms that fall by another factor at each step, and end anywhere below 1."""
    rng = np.random.default_rng(63)
    factors = (
        rng.uniform(0.8, 0.99, 20),
        rng.uniform(0.3, 0.7, 7),
        rng.uniform(0.6, 1.1, 40),
    )
    return tuple((np.concatenate([[1.0], np.cumprod(f)]),) for f in factors)


half_life = Exercise(
    title="The half-life of a nudge",
    solution=_half_life,
    cases=_half_life_cases(),
    mistakes=(
        Mistake(
            "upside down",
            "Numerator and denominator are swapped: this is how many halvings fit into "
            "one step.",
            _upside_down,
        ),
        Mistake(
            "negative",
            "The sign is wrong: ln(1/2) and the log of a factor below 1 are both "
            "negative.",
            _negative,
        ),
        Mistake(
            "the factor lost",
            "This uses 1 - factor, what a step takes away. Use what it leaves.",
            _of_what_is_lost,
        ),
        Mistake(
            "straight line",
            "This loses the same amount at each step. A nudge loses the same share.",
            _straight_line,
        ),
        Mistake(
            "the whole stretch",
            "norms[-1] is what all the steps leave together; the factor of one step is "
            "its T-th root.",
            _whole_stretch,
        ),
        Mistake(
            "divided",
            "norms[-1] is divided by T. Factors multiply: take its T-th root.",
            _divided_not_rooted,
        ),
        Mistake(
            "one step too many",
            "T + 1 norms have T steps between them: the root is the T-th.",
            _one_step_too_many,
        ),
        Mistake(
            "first step only",
            "This looks at lag 1 alone; the steps differ, so average over all of them.",
            _first_step_only,
        ),
        Mistake(
            "first below a half",
            "This is the first lag below a half, read off the curve. The half-life is "
            "that of the average step.",
            _first_below_half,
        ),
        Mistake(
            "mean of the factors",
            "The factors of the steps are averaged. They multiply, so take the T-th "
            "root of their product, norms[-1].",
            _mean_of_the_factors,
        ),
        Mistake(
            "down to 1/e",
            "This is the time to fall to 1/e, a little over a third: use ln(1/2).",
            _to_one_over_e,
        ),
        Mistake(
            "mixed logarithms",
            "Two different logarithms are divided: use the same one twice.",
            _mixed_logarithms,
        ),
    ),
    passed="A factor of 0.9 a step sounds mild: half is gone after seven.",
)
