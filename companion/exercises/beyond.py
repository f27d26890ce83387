"""Exercises of notebook 11: compose two steps, scan by doubling, the minGRU's step."""

from typing import NamedTuple

import numpy as np

from companion.exercises.check import Exercise, Mistake
from companion.linear_cells import MinGRUParams

__all__ = ["compose", "min_gru_step", "read_on", "scan_by_doubling"]


class _Step(NamedTuple):
    """The map c -> alpha * c + beta."""

    alpha: np.ndarray
    beta: np.ndarray


def _compose(first, second):
    (alpha_1, beta_1), (alpha_2, beta_2) = first, second
    return alpha_2 * alpha_1, alpha_2 * beta_1 + beta_2


def _composed_by(beta, alpha=lambda a1, a2: a2 * a1):
    """A composition with something else in the place of alpha or beta."""

    def compose(first, second):
        (alpha_1, beta_1), (alpha_2, beta_2) = first, second
        return alpha(alpha_1, alpha_2), beta(alpha_1, beta_1, alpha_2, beta_2)

    return compose


def _right_beta(a1, b1, a2, b2):
    return a2 * b1 + b2


def _maps(seed, *shape):
    """Fading as gates are, with offsets of both signs."""
    rng = np.random.default_rng(seed)
    return _Step(rng.uniform(0.2, 0.9, shape), rng.normal(size=shape))


compose = Exercise(
    title="Two steps in one",
    solution=_compose,
    cases=tuple((_maps(s, 3), _maps(s + 1, 3)) for s in (1101, 1103)),
    tolerance=1e-5,  # a right answer may be in float32
    mistakes=(
        Mistake(
            "order swapped",
            "This does `second` first, then `first`. The earlier step comes first: put "
            "alpha_1 * c + beta_1 into the second map.",
            _composed_by(lambda a1, b1, a2, b2: a1 * b2 + b1),
        ),
        Mistake(
            "offset not multiplied",
            "beta_1 has come through unchanged. It is there when the second step is "
            "taken, so alpha_2 multiplies it too.",
            _composed_by(lambda a1, b1, a2, b2: b1 + b2),
        ),
        Mistake(
            "both offsets multiplied",
            "alpha_2 multiplies beta_2 as well. The second map adds beta_2 last, "
            "after it has multiplied.",
            _composed_by(lambda a1, b1, a2, b2: a2 * (b1 + b2)),
        ),
        Mistake(
            "offset times its own factor",
            "beta_1 is multiplied by alpha_1, its own. What comes after it is alpha_2.",
            _composed_by(lambda a1, b1, a2, b2: a1 * b1 + b2),
        ),
        Mistake(
            "offset times both",
            "beta_1 is multiplied by both alphas. It is added after alpha_1, so only "
            "alpha_2 reaches it.",
            _composed_by(lambda a1, b1, a2, b2: a2 * a1 * b1 + b2),
        ),
        Mistake(
            "factors added",
            "The alphas are added. One multiplies what the other has multiplied: "
            "alpha_2 * alpha_1.",
            _composed_by(_right_beta, lambda a1, a2: a1 + a2),
        ),
        Mistake(
            "not associative",
            "This takes the mean of the alphas, which is not associative: three steps "
            "would depend on where the brackets are. Multiply them.",
            _composed_by(_right_beta, lambda a1, a2: (a1 + a2) / 2),
        ),
        Mistake(
            "only the second factor",
            "alpha_1 is lost: the pair is no longer the map of both steps, and the "
            "operator not even associative. The factor is alpha_2 * alpha_1.",
            _composed_by(_right_beta, lambda a1, a2: a2),
        ),
        Mistake(
            "gate of the wrong sign",
            "What is kept is multiplied by 1 - alpha_2. Here alpha is what is kept "
            "already; 1 - gamma was taken when it was made.",
            _composed_by(
                lambda a1, b1, a2, b2: (1 - a2) * b1 + b2,
                lambda a1, a2: (1 - a2) * (1 - a1),
            ),
        ),
        Mistake(
            "offset of the wrong sign",
            "beta_2 is subtracted. Both maps add their beta.",
            _composed_by(lambda a1, b1, a2, b2: a2 * b1 - b2),
        ),
        Mistake(
            "returned swapped",
            "The two are returned the wrong way round: alpha first, then beta.",
            lambda first, second: _compose(first, second)[::-1],
        ),
    ),
    passed="Any bracketing of T of these is the same map: that is all a scan needs.",
)


def _scan_by_doubling(alpha, beta):
    reach = 1
    while reach < len(alpha):
        earlier = alpha[:-reach], beta[:-reach]
        later = alpha[reach:], beta[reach:]
        joined = _compose(earlier, later)
        alpha = np.concatenate([alpha[:reach], joined[0]])
        beta = np.concatenate([beta[:reach], joined[1]])
        reach = 2 * reach
    return beta


def _doubling(combine=_compose, grow=lambda reach: 2 * reach, rounds=None, first=1):
    """The scan; each argument puts something wrong in the place of one part."""

    def scan_by_doubling(alpha, beta):
        reach, done = first, 0
        while reach < len(alpha) and done != rounds:
            joined = combine(
                (alpha[:-reach], beta[:-reach]), (alpha[reach:], beta[reach:])
            )
            alpha = np.concatenate([alpha[:reach], joined[0]])
            beta = np.concatenate([beta[:reach], joined[1]])
            reach, done = grow(reach), done + 1
        return beta

    return scan_by_doubling


def _alphas_left_alone(alpha, beta):
    reach = 1
    while reach < len(alpha):
        added = alpha[reach:] * beta[:-reach] + beta[reach:]
        beta = np.concatenate([beta[:reach], added])
        reach = 2 * reach
    return beta


def _head_lost(alpha, beta):
    reach = 1
    while reach < len(alpha):
        a, b = _compose((alpha[:-reach], beta[:-reach]), (alpha[reach:], beta[reach:]))
        zeros = np.zeros_like(beta[:reach])
        alpha, beta = np.concatenate([zeros, a]), np.concatenate([zeros, b])
        reach = 2 * reach
    return beta


def _around_the_end(alpha, beta):
    reach = 1
    while reach < len(alpha):
        rolled = np.roll(alpha, reach, 0), np.roll(beta, reach, 0)
        alpha, beta = _compose(rolled, (alpha, beta))
        reach = 2 * reach
    return beta


def _from_the_end(alpha, beta):
    return _scan_by_doubling(alpha[::-1], beta[::-1])[::-1]


def _divided(alpha, beta):
    """The closed form without its division: alpha of all steps up to t, times a sum."""
    return np.cumprod(alpha, axis=0) * np.cumsum(beta, axis=0)


scan_by_doubling = Exercise(
    title="A scan by doubling",
    solution=_scan_by_doubling,
    cases=tuple(tuple(_maps(1110 + T, T, 2)) for T in (7, 8, 1)),
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "order swapped",
            "In each pair the later step is done first. compose takes the earlier one "
            "first: entry t - reach, then entry t.",
            _doubling(lambda first, second: _compose(second, first)),
        ),
        Mistake(
            "one round",
            "Only one round is made, so each step knows its neighbour and no more. Go "
            "on with a reach of 2, 4, 8, ... until it is T.",
            _doubling(rounds=1),
        ),
        Mistake(
            "reach grows by one",
            "The reach grows by 1. After a round with reach 1 every entry holds two "
            "steps, so the next partner is 2 away, then 4: otherwise steps are counted "
            "twice.",
            _doubling(grow=lambda reach: reach + 1),
        ),
        Mistake(
            "starts at two",
            "The first reach is 2, so no step is ever joined with the one before it. "
            "Start at 1.",
            _doubling(first=2),
        ),
        Mistake(
            "stops early",
            "The last round is missing: the reach has to grow until it is T or more. "
            "Late steps do not see the first ones.",
            lambda alpha, beta: _doubling(
                rounds=max(0, int(np.ceil(np.log2(len(alpha)))) - 1)
            )(alpha, beta),
        ),
        Mistake(
            "alphas left alone",
            "beta is joined in each round and alpha is not. In round two alpha must be "
            "the factor of two steps.",
            _alphas_left_alone,
        ),
        Mistake(
            "offset not multiplied",
            "The offsets are added without alpha: this is the running sum of beta.",
            _doubling(lambda f, s: (s[0] * f[0], f[1] + s[1])),
        ),
        Mistake(
            "head lost",
            "The first `reach` entries are set to zero. They have no partner and stay "
            "as they are.",
            _head_lost,
        ),
        Mistake(
            "around the end",
            "np.roll brings the last steps to the front, so early steps see the "
            "future. The first `reach` entries have no partner.",
            _around_the_end,
        ),
        Mistake(
            "from the end",
            "This runs from the last step to the first.",
            _from_the_end,
        ),
        Mistake(
            "product times sum",
            "This is a running product times a running sum. An offset is multiplied by "
            "the alphas that come after it, not by all of them.",
            _divided,
        ),
        Mistake(
            "alpha returned",
            "You return the alphas. From c<0> = 0 the states are the betas.",
            lambda alpha, beta: np.cumprod(alpha, axis=0),
        ),
    ),
    passed="About log2(T) rounds, and in each of them all steps at once.",
)


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _add(gamma_u, c_tilde, c):
    return gamma_u * c_tilde + (1 - gamma_u) * c


def _min_gru(squash=lambda z: z, gate=_sigmoid, add=_add, biases=True, see=None):
    """The step; each argument puts something wrong in the place of one part.

    see: (c, x) -> what the gate's map and the candidate's map read.
    """

    def min_gru_step(params, c, x):
        for_u, for_c = see(c, x) if see else (x, x)
        c_tilde = squash(params.W_c @ for_c + biases * params.b_c)
        gamma_u = gate(params.W_u @ for_u + biases * params.b_u)
        return add(gamma_u, c_tilde, c)

    return min_gru_step


def _swapped(params, c, x):
    p = params
    return _min_gru()(MinGRUParams(p.W_u, p.b_u, p.W_c, p.b_c), c, x)


def _gru_cases():
    """n_x = n_a, so that the state fits where x belongs; n_x < n_a; nothing is zero."""
    rng = np.random.default_rng(1120)
    cases = []
    for n_a, n_x in ((2, 2), (3, 3), (2, 2)):
        sizes = ((n_a, n_x), n_a) * 2
        params = MinGRUParams(*[rng.normal(size=size) for size in sizes])
        cases.append((params, rng.normal(size=n_a), rng.normal(size=n_x)))
    return tuple(cases)


min_gru_step = Exercise(
    title="One step of the minGRU",
    solution=_min_gru(),
    cases=_gru_cases(),
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "gate sees the state",
            "The gate's map reads c<t-1>. In the minGRU it reads x<t>; otherwise no "
            "gate could be known before the step before it.",
            _min_gru(see=lambda c, x: (c, x)),
        ),
        Mistake(
            "candidate sees the state",
            "The candidate's map reads c<t-1>. It reads x<t>, or the steps could not "
            "be taken all at once.",
            _min_gru(see=lambda c, x: (x, c)),
        ),
        Mistake(
            "both see the state",
            "Both maps read c<t-1>, and x<t> is never looked at.",
            _min_gru(see=lambda c, x: (c, c)),
        ),
        Mistake(
            "state added to the input",
            "Both maps read x<t> + c<t-1>. They read x<t> alone.",
            _min_gru(see=lambda c, x: (c + x, c + x)),
        ),
        Mistake(
            "gate of the wrong sign",
            "The gate and its complement are exchanged (or z_u has the wrong sign): "
            "here a gate near 1 takes the candidate.",
            _min_gru(add=lambda u, new, old: (1 - u) * new + u * old),
        ),
        Mistake(
            "tanh on the candidate",
            "The candidate has gone through tanh. The minGRU leaves it as it is.",
            _min_gru(squash=np.tanh),
        ),
        Mistake(
            "sigmoid on the candidate",
            "The candidate has gone through a sigmoid. The minGRU leaves it as it is.",
            _min_gru(squash=_sigmoid),
        ),
        Mistake(
            "tanh gate",
            "The gate goes through tanh, so it can be negative: use the sigmoid.",
            _min_gru(gate=np.tanh),
        ),
        Mistake(
            "no sigmoid",
            "The gate is W_u x<t> + b_u as it comes, which can be any number: the "
            "sigmoid brings it into (0, 1).",
            _min_gru(gate=lambda z: z),
        ),
        Mistake(
            "nothing forgotten",
            "The old state is kept whole: 1 - gamma_u is missing in front of it.",
            _min_gru(add=lambda u, new, old: u * new + old),
        ),
        Mistake(
            "everything written",
            "The whole candidate is written: gamma_u is missing in front of it.",
            _min_gru(add=lambda u, new, old: new + (1 - u) * old),
        ),
        Mistake(
            "maps swapped",
            "The gate and the candidate have each other's weights.",
            _swapped,
        ),
        Mistake(
            "no biases",
            "The biases are missing: every map has one.",
            _min_gru(biases=False),
        ),
    ),
    passed="The state stands in one place only: that is what makes the step linear.",
)


def _read_on(alpha, beta, c, n):
    states = []
    for t in range(n):
        c = alpha[t] * c + beta[t]
        states.append(c)
    products = np.ones_like(c)
    for t in range(n, len(alpha)):
        products = alpha[t] * products
        c = alpha[t] * c + beta[t]
    return c, products


def _second_half(state=lambda c, known: known, product=None, start=None):
    """The last state and what of c<n> is left; something wrong in place of one part."""

    def read_on(alpha, beta, c, n):
        known = c
        for t in range(n):
            known = alpha[t] * known + beta[t]
        first = start(n) if start else n
        last = state(c, known)
        for t in range(first, len(alpha)):
            last = alpha[t] * last + beta[t]
        left = np.prod(alpha[n:], axis=0)
        return last, product(alpha, beta, n) if product else left

    return read_on


read_on = Exercise(
    title="What is left of a carried state",
    solution=_read_on,
    cases=tuple(
        (*_maps(1130 + T, T, 2), np.random.default_rng(T).normal(size=2), n)
        for T, n in ((6, 2), (5, 3), (4, 0))
    ),
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "started anew",
            "The second part begins from zeros. The state after n steps is handed on.",
            _second_half(state=lambda c, known: np.zeros_like(c)),
        ),
        Mistake(
            "first state again",
            "The second part begins from c<0>. By then the state is c<n>.",
            _second_half(state=lambda c, known: c),
        ),
        Mistake(
            "one step twice",
            "Step n is taken twice, at the end of one part and at the start of the "
            "next: with steps counted from 0 the second part begins at index n.",
            _second_half(start=lambda n: max(n - 1, 0)),
        ),
        Mistake(
            "one step lost",
            "A step is left out between the parts: with steps counted from 0 the "
            "second part begins at index n.",
            _second_half(start=lambda n: n + 1),
        ),
        Mistake(
            "share of the start",
            "This is what is left of c<0>: the product over all steps. Asked for is "
            "the share of c<n>, over the steps after n.",
            _second_half(product=lambda alpha, beta, n: np.prod(alpha, axis=0)),
        ),
        Mistake(
            "share of the first part",
            "The product is over the first n steps. What is done to c<n> is done by "
            "the steps after them.",
            _second_half(product=lambda alpha, beta, n: np.prod(alpha[:n], axis=0)),
        ),
        Mistake(
            "sum for a product",
            "The alphas are added up. Each multiplies what the one before has left.",
            _second_half(product=lambda alpha, beta, n: np.sum(alpha[n:], axis=0)),
        ),
        Mistake(
            "gate of the wrong sign",
            "The product is of 1 - alpha, of what each step takes. What is left is the "
            "product of alpha.",
            _second_half(product=lambda alpha, beta, n: np.prod(1 - alpha[n:], axis=0)),
        ),
        Mistake(
            "returned swapped",
            "The two are returned the wrong way round: the state first.",
            lambda alpha, beta, c, n: _read_on(alpha, beta, c, n)[::-1],
        ),
    ),
    passed="A text of any length, and one state to carry: nothing else was kept.",
)
