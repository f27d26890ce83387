"""Exercises of notebook 08: the LSTM, its peepholes, and where to start b_f."""

import numpy as np

from companion.cells import LSTMParams, PeepholeLSTMParams
from companion.exercises.check import Exercise, Mistake

__all__ = ["forget_bias", "lstm_step", "peephole_step"]


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _state_first(a, x):
    return np.concatenate([a, x])


def _input_first(a, x):
    return np.concatenate([x, a])


def _add(gamma_u, c_tilde, gamma_f, c):
    return gamma_u * c_tilde + gamma_f * c


def _show(gamma_o, new):
    return gamma_o * np.tanh(new)


def _lstm(squash=np.tanh, gate=_sigmoid, add=_add, show=_show, join=_state_first):
    """The step; each argument puts something wrong in the place of one part."""

    def step(params, a, c, x):
        joined = join(a, x)
        c_tilde = squash(params.W_c @ joined + params.b_c)
        gamma_u = gate(params.W_u @ joined + params.b_u)
        gamma_f = gate(params.W_f @ joined + params.b_f)
        gamma_o = gate(params.W_o @ joined + params.b_o)
        new = add(gamma_u, c_tilde, gamma_f, c)
        return show(gamma_o, new), new

    return step


def _with_params(step, change):
    """The right step, with other weights."""

    def changed(params, a, c, x):
        return step(change(params), a, c, x)

    return changed


def _zeros(*names):
    def change(params):
        return params._replace(**{name: 0 * getattr(params, name) for name in names})

    return change


def _swap(one, other, kinds="Wb"):
    """The weights of two maps exchanged."""
    source = {f"{k}_{one}": f"{k}_{other}" for k in kinds}
    source |= {of: to for to, of in source.items()}

    def change(params):
        return params._replace(**{to: getattr(params, of) for to, of in source.items()})

    return change


def _then(step, change):
    """What is returned, changed: the new activation and the new memory go in."""

    def changed(params, a, c, x):
        return change(*step(params, a, c, x))

    return changed


def _memory_read(params, a, c, x):
    return _lstm()(params, c, c, x)


def _activation_kept(params, a, c, x):
    return _lstm()(params, a, a, x)


def _old_memory_shown(params, a, c, x):
    gamma_o = _sigmoid(params.W_o @ _state_first(a, x) + params.b_o)
    return gamma_o * np.tanh(c), _lstm()(params, a, c, x)[1]


def _output_gate_late(params, a, c, x):
    new = _lstm()(params, a, c, x)[1]
    gamma_o = _sigmoid(params.W_o @ _state_first(np.tanh(new), x) + params.b_o)
    return gamma_o * np.tanh(new), new


def _step_cases(Params, seed, peepholes=""):
    """n_x = n_a, so that swaps keep legal shapes, and n_x < n_a; nothing is zero."""
    rng = np.random.default_rng(seed)
    cases = []
    for n_a, n_x in ((2, 2), (3, 2)):
        params = {}
        for letter in "cufo":
            params[f"W_{letter}"] = rng.normal(size=(n_a, n_a + n_x))
            params[f"b_{letter}"] = rng.normal(size=n_a)
        for letter in peepholes:
            params[f"p_{letter}"] = rng.normal(size=n_a)
        inputs = [rng.normal(size=size) for size in (n_a, n_a, n_x)]
        cases.append((Params(**params), *inputs))
    return tuple(cases)


_RETURNED_SWAPPED = "The two are returned the wrong way round: a first, then c."
_NO_OUTPUT_TANH = "tanh is missing on the output: a<t> is gamma_o * tanh(c<t>)."
_SIGMOID_CANDIDATE = (
    "The candidate goes through a sigmoid, so the memory can only be added to: use "
    "tanh."
)
_NO_BIASES = "The biases are missing: every map has one, added before it is squashed."
_INPUT_FIRST = "The columns expect a<t-1> first, then x<t>: you stacked [x, a]."
_BIASES = _zeros("b_c", "b_u", "b_f", "b_o")

lstm_step = Exercise(
    title="One step of the LSTM",
    solution=_lstm(),
    cases=_step_cases(LSTMParams, seed=81),
    tolerance=1e-5,  # a right answer may be in float32
    mistakes=(
        Mistake(
            "returned swapped",
            _RETURNED_SWAPPED,
            _then(_lstm(), lambda a, c: (c, a)),
        ),
        Mistake("no output tanh", _NO_OUTPUT_TANH, _lstm(show=lambda g, c: g * c)),
        Mistake(
            "tanh around the gate",
            "This is tanh(gamma_o * c<t>): tanh comes first, the gate after it.",
            _lstm(show=lambda g, c: np.tanh(g * c)),
        ),
        Mistake(
            "no output gate",
            "The output gate is missing: all of tanh(c<t>) is shown.",
            _lstm(show=lambda g, c: np.tanh(c)),
        ),
        Mistake(
            "old memory shown",
            "The activation is made of c<t-1>. Write the new memory first, then show "
            "that one.",
            _old_memory_shown,
        ),
        Mistake(
            "squashed memory kept",
            "The memory you return has been through tanh. That is only for showing: "
            "c<t> goes to the next step as it is.",
            _then(_lstm(), lambda a, c: (a, np.tanh(c))),
        ),
        Mistake(
            "activation twice",
            "You return a<t> twice, and the memory is lost: an LSTM carries both.",
            _then(_lstm(), lambda a, c: (a, a)),
        ),
        Mistake(
            "gates read c",
            "The maps read c<t-1>, as in the GRU. In the LSTM they read a<t-1>.",
            _memory_read,
        ),
        Mistake(
            "a kept for c",
            "The forget gate multiplies a<t-1>. What is kept is the memory, c<t-1>.",
            _activation_kept,
        ),
        Mistake(
            "output gate late",
            "The output gate reads the new memory through W_o. All three gates read "
            "a<t-1>, and all at once.",
            _output_gate_late,
        ),
        Mistake(
            "coupled",
            "What is kept is 1 - gamma_u, as in the GRU. The LSTM has a gate for it: "
            "gamma_f.",
            _lstm(add=lambda u, new, f, old: u * new + (1 - u) * old),
        ),
        Mistake(
            "forget upside down",
            "The memory is multiplied by 1 - gamma_f. In spite of its name the forget "
            "gate near 1 keeps. (Or b_f and z_f have the wrong sign.)",
            _lstm(add=lambda u, new, f, old: u * new + (1 - f) * old),
        ),
        Mistake(
            "nothing forgotten",
            "The forget gate is missing: this is the cell of 1997, which only adds.",
            _lstm(add=lambda u, new, f, old: u * new + old),
        ),
        Mistake(
            "everything written",
            "The update gate is missing: the whole candidate is written at every step.",
            _lstm(add=lambda u, new, f, old: new + f * old),
        ),
        Mistake(
            "update and forget swapped",
            "The update and the forget gate have each other's weights.",
            _with_params(_lstm(), _swap("u", "f")),
        ),
        Mistake(
            "update and output swapped",
            "The update and the output gate have each other's weights.",
            _with_params(_lstm(), _swap("u", "o")),
        ),
        Mistake(
            "forget and output swapped",
            "The forget and the output gate have each other's weights.",
            _with_params(_lstm(), _swap("f", "o")),
        ),
        Mistake("x before a", _INPUT_FIRST, _lstm(join=_input_first)),
        Mistake("sigmoid candidate", _SIGMOID_CANDIDATE, _lstm(squash=_sigmoid)),
        Mistake(
            "no candidate tanh",
            "tanh is missing on the candidate.",
            _lstm(squash=lambda z: z),
        ),
        Mistake(
            "tanh gates",
            "The gates go through tanh, so they can be negative: use the sigmoid.",
            _lstm(gate=np.tanh),
        ),
        Mistake("no biases", _NO_BIASES, _with_params(_lstm(), _BIASES)),
    ),
    passed="c has a road of its own: one product and one sum a step.",
)


def _times(p, c):
    return p * c


def _peephole(look=_times, show=_show, before=None, after=None, join=_state_first):
    """The step; `before` and `after` say what the peepholes see in place of c.

    They are given the old memory and the new one, which the gates of the first half
    cannot have.
    """

    def step(params, a, c, x):
        joined = join(a, x)
        seen = before(a, c) if before else c
        c_tilde = np.tanh(params.W_c @ joined + params.b_c)
        z_u = params.W_u @ joined + params.b_u
        z_f = params.W_f @ joined + params.b_f
        gamma_u = _sigmoid(z_u + look(params.p_u, seen))
        gamma_f = _sigmoid(z_f + look(params.p_f, seen))
        new = gamma_u * c_tilde + gamma_f * c
        seen = after(c, new) if after else new
        z_o = params.W_o @ joined + params.b_o
        return show(_sigmoid(z_o + look(params.p_o, seen)), new), new

    return step


def _late_output_gate(params, a, c, x):
    """The output gate's map reads what the cell would show, not the old activation."""
    new = _peephole()(params, a, c, x)[1]
    joined = _state_first(np.tanh(new), x)
    z_o = params.W_o @ joined + params.b_o + params.p_o * new
    return _sigmoid(z_o) * np.tanh(new), new


def _outside_the_sigmoid(params, a, c, x):
    joined = _state_first(a, x)
    c_tilde = np.tanh(params.W_c @ joined + params.b_c)
    gamma_u = _sigmoid(params.W_u @ joined + params.b_u) + params.p_u * c
    gamma_f = _sigmoid(params.W_f @ joined + params.b_f) + params.p_f * c
    new = gamma_u * c_tilde + gamma_f * c
    gamma_o = _sigmoid(params.W_o @ joined + params.b_o) + params.p_o * new
    return gamma_o * np.tanh(new), new


peephole_step = Exercise(
    title="Gates that look into the memory",
    solution=_peephole(),
    cases=_step_cases(PeepholeLSTMParams, seed=82, peepholes="ufo"),
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "output gate sees the old memory",
            "The output gate looks at c<t-1>. It decides last, when the new memory is "
            "there, and looks at c<t>.",
            _peephole(after=lambda old, new: old),
        ),
        Mistake(
            "no output peephole",
            "The output gate has no peephole: p_o * c<t> is missing.",
            _with_params(_peephole(), _zeros("p_o")),
        ),
        Mistake(
            "only the output peephole",
            "Only the output gate looks into the memory. Update and forget gate look "
            "at c<t-1>.",
            _with_params(_peephole(), _zeros("p_u", "p_f")),
        ),
        Mistake(
            "no peepholes",
            "This is the plain LSTM: no gate looks into the memory.",
            _with_params(_peephole(), _zeros("p_u", "p_f", "p_o")),
        ),
        Mistake(
            "peephole as a matrix",
            "The peepholes are multiplied with the memory as a matrix or a scalar "
            "product would be, so every unit looks at all the others. Elementwise: *, "
            "not @.",
            _peephole(look=lambda p, c: p @ c),
        ),
        Mistake(
            "only added",
            "p is added to z without c: it has become a second bias.",
            _peephole(look=lambda p, c: p),
        ),
        Mistake(
            "outside the sigmoid",
            "p * c is added to the finished gate, which can then leave (0, 1). It "
            "belongs to z, inside the sigmoid.",
            _outside_the_sigmoid,
        ),
        Mistake(
            "through tanh",
            "The gates look at tanh(c). They see the memory itself, which can be far "
            "beyond 1: that is what they are for.",
            _peephole(look=lambda p, c: p * np.tanh(c)),
        ),
        Mistake(
            "peepholes see a",
            "The peepholes of update and forget gate look at a<t-1>. The maps have "
            "that already; a peephole looks at c<t-1>.",
            _peephole(before=lambda a, c: a),
        ),
        Mistake(
            "output gate late",
            "The output gate's map reads the new memory through W_o. Its peephole sees "
            "c<t>; its map reads [a<t-1>, x<t>] as the others do.",
            _late_output_gate,
        ),
        Mistake(
            "peepholes swapped",
            "p_u and p_f have changed places.",
            _with_params(_peephole(), _swap("u", "f", kinds="p")),
        ),
        Mistake(
            "update and forget swapped",
            "The update and the forget gate have each other's weights.",
            _with_params(_peephole(), _swap("u", "f", kinds="Wbp")),
        ),
        Mistake(
            "returned swapped",
            _RETURNED_SWAPPED,
            _then(_peephole(), lambda a, c: (c, a)),
        ),
        Mistake("no output tanh", _NO_OUTPUT_TANH, _peephole(show=lambda g, c: g * c)),
        Mistake("x before a", _INPUT_FIRST, _peephole(join=_input_first)),
        Mistake("no biases", _NO_BIASES, _with_params(_peephole(), _BIASES)),
    ),
    passed="Now a gate can tell 100 from 101, which a<t> never shows.",
)


def _logit(share):
    return np.log(share / (1 - share))


def _bias(T):
    return _logit(0.5 ** (1 / T))


def _negative(T):
    return -_bias(T)


def _the_gate(T):
    return 0.5 ** (1 / T)


def _log_of_the_gate(T):
    return np.log(0.5) / T


def _base_two(T):
    return _bias(T) / np.log(2)


def _base_ten(T):
    return _bias(T) / np.log(10)


def _one_over_e(T):
    return _logit(np.exp(-1 / T))


def _half_of_one(T):
    return _logit(0.5**T)


def _straight_line(T):
    return _logit(1 - 0.5 / T)


def _share_of_the_steps(T):
    return _logit(1 - 1 / T)


def _rule_of_thumb(T):
    return np.log(T)


def _one_step_less(T):
    return _bias(T - 1)


def _one_step_more(T):
    return _bias(T + 1)


def _through_tanh(T):
    return np.arctanh(0.5 ** (1 / T))


def _half_the_gate(T):
    return _logit(0.5 / T)


forget_bias = Exercise(
    title="A bias for a half-life",
    solution=_bias,
    cases=((4.0,), (20.0,), (1000.0,), (1.5,)),
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "sign",
            "The sign is wrong. The forget gate near 1 keeps, so a long half-life "
            "needs a large positive b_f.",
            _negative,
        ),
        Mistake(
            "the gate itself",
            "This is the gate. b_f is what the sigmoid turns into it.",
            _the_gate,
        ),
        Mistake(
            "log of the gate",
            "This is the logarithm of the gate. The inverse of the sigmoid is the "
            "logarithm of gamma / (1 - gamma).",
            _log_of_the_gate,
        ),
        Mistake(
            "base 2",
            "This takes the logarithm to base 2. The sigmoid is made of e: use np.log.",
            _base_two,
        ),
        Mistake(
            "base 10",
            "This takes the logarithm to base 10. The sigmoid is made of e: use "
            "np.log.",
            _base_ten,
        ),
        Mistake(
            "down to 1/e",
            "With this bias 1/e is left after T steps, a little over a third. You "
            "want one half.",
            _one_over_e,
        ),
        Mistake(
            "power for root",
            "This gate is (1/2)^T. T steps together leave a half, so one step leaves "
            "its T-th root.",
            _half_of_one,
        ),
        Mistake(
            "straight line",
            "Here each step takes 1 / (2T) of the whole. It takes a share of what is "
            "left, and shares multiply.",
            _straight_line,
        ),
        Mistake(
            "one step in T",
            "Here one step takes a share of 1 / T, so about 1/e is left after T: near "
            "to it, but no half-life.",
            _share_of_the_steps,
        ),
        Mistake(
            "rule of thumb",
            "This is log T, a rule of thumb for a memory of about T steps. It leaves "
            "about 1/e after T.",
            _rule_of_thumb,
        ),
        Mistake(
            "divided",
            "The half is divided by T. The product of T gates is a half: take a root.",
            _half_the_gate,
        ),
        Mistake(
            "one step short",
            "Half is left after T - 1 steps: the root is the T-th.",
            _one_step_less,
        ),
        Mistake(
            "one step too many",
            "Half is left after T + 1 steps: the root is the T-th.",
            _one_step_more,
        ),
        Mistake(
            "inverse of tanh",
            "This bias belongs to a gate made by tanh. Undo the sigmoid.",
            _through_tanh,
        ),
    ),
    passed="Once it is long, a half-life twice as long costs 0.7 more bias.",
)
