"""Exercises of notebook 07: a gate, the whole GRU, and PyTorch's weights in ours."""

import numpy as np

from companion.cells import GRUParams, SimplifiedGRUParams
from companion.exercises.check import Exercise, Mistake

__all__ = ["gru_step", "read_torch", "simplified_gru_step"]


def _sigmoid(z):
    return 1 / (1 + np.exp(-z))


def _state_first(c, x):
    return np.concatenate([c, x])


def _input_first(c, x):
    return np.concatenate([x, c])


def _mix(gamma_u, c_tilde, c):
    return gamma_u * c_tilde + (1 - gamma_u) * c


def _upside_down(gamma_u, c_tilde, c):
    return _mix(1 - gamma_u, c_tilde, c)


def _nothing_lost(gamma_u, c_tilde, c):
    return gamma_u * c_tilde + c


def _one_gate_for_both(gamma_u, c_tilde, c):
    return gamma_u * (c_tilde + c)


def _misprint(gamma_u, c_tilde, c):
    return c_tilde


def _squashed_again(gamma_u, c_tilde, c):
    return np.tanh(_mix(gamma_u, c_tilde, c))


def _simplified(squash=np.tanh, gate=_sigmoid, mix=_mix, join=_state_first):
    """The step; each argument puts something wrong in the place of one part."""

    def step(params, c, x):
        joined = join(c, x)
        c_tilde = squash(params.W_c @ joined + params.b_c)
        gamma_u = gate(params.W_u @ joined + params.b_u)
        return mix(gamma_u, c_tilde, c)

    return step


def _with_params(step, change):
    """The right step, with other weights."""

    def changed(params, c, x):
        return step(change(params), c, x)

    return changed


def _zeros(*names):
    def change(params):
        return params._replace(**{name: 0 * getattr(params, name) for name in names})

    return change


def _swap(one, other):
    """The weights of two maps exchanged."""
    pairs = [(f"{kind}_{one}", f"{kind}_{other}") for kind in "Wb"]
    source = {**dict(pairs), **{right: left for left, right in pairs}}

    def change(params):
        return params._replace(**{to: getattr(params, of) for to, of in source.items()})

    return change


def _step_cases(Params, letters, seed):
    """n_x = n_a, so that swaps keep legal shapes, and n_x < n_a; nothing is zero."""
    rng = np.random.default_rng(seed)
    cases = []
    for n_a, n_x in ((2, 2), (3, 2)):
        params = {}
        for letter in letters:
            params[f"W_{letter}"] = rng.normal(size=(n_a, n_a + n_x))
            params[f"b_{letter}"] = rng.normal(size=n_a)
        cases.append((Params(**params), rng.normal(size=n_a), rng.normal(size=n_x)))
    return tuple(cases)


_NO_BIASES = "The biases are missing: every map has one, added before it is squashed."
_UPSIDE_DOWN = (
    "The gate is upside down: near 1 it has to take the candidate, and 1 - gamma_u "
    "keeps the old memory. (Or is the minus missing in the sigmoid's exp(-z)?)"
)
_MISPRINT = (
    "This is the candidate alone. With c<t> on both sides, as in the misprint, the "
    "gate cancels; 1 - gamma_u has to multiply c<t-1>, the c you were given."
)
_INPUT_FIRST = "The columns expect c<t-1> first, then x<t>: you stacked [x, c]."
_SIGMOID_CANDIDATE = (
    "The candidate goes through a sigmoid, so it can never be negative: use tanh."
)
_NO_TANH = "tanh is missing on the candidate, so the memory has no bounds."
_TANH_GATE = "The gate goes through tanh, so it can be negative: it needs a sigmoid."
_NOTHING_LOST = "The old memory is kept whole: multiply it by 1 - gamma_u."
_ONE_GATE = "Both terms are multiplied by gamma_u: the old memory gets 1 - gamma_u."

simplified_gru_step = Exercise(
    title="A memory with one gate",
    solution=_simplified(),
    cases=_step_cases(SimplifiedGRUParams, "cu", seed=71),
    tolerance=1e-5,  # a right answer may be in float32
    mistakes=(
        Mistake("upside down", _UPSIDE_DOWN, _simplified(mix=_upside_down)),
        Mistake("c<t> for c<t-1>", _MISPRINT, _simplified(mix=_misprint)),
        Mistake("nothing lost", _NOTHING_LOST, _simplified(mix=_nothing_lost)),
        Mistake("no complement", _ONE_GATE, _simplified(mix=_one_gate_for_both)),
        Mistake(
            "candidate taken whole",
            "The candidate is taken whole: multiply it by gamma_u.",
            _simplified(mix=lambda gamma_u, c_tilde, c: c_tilde + (1 - gamma_u) * c),
        ),
        Mistake("x before c", _INPUT_FIRST, _simplified(join=_input_first)),
        Mistake("sigmoid candidate", _SIGMOID_CANDIDATE, _simplified(squash=_sigmoid)),
        Mistake("no tanh", _NO_TANH, _simplified(squash=lambda z: z)),
        Mistake("tanh gate", _TANH_GATE, _simplified(gate=np.tanh)),
        Mistake(
            "gate not squashed",
            "The gate is W_u [c, x] + b_u as it stands: the sigmoid is missing.",
            _simplified(gate=lambda z: z),
        ),
        Mistake(
            "squashed again",
            "The new memory goes through another tanh. The mixture is the new memory.",
            _simplified(mix=_squashed_again),
        ),
        Mistake(
            "weights swapped",
            "W_u and b_u make the candidate here, W_c and b_c the gate.",
            _with_params(_simplified(), _swap("c", "u")),
        ),
        Mistake(
            "no biases", _NO_BIASES, _with_params(_simplified(), _zeros("b_c", "b_u"))
        ),
        Mistake(
            "no bias in the gate",
            "b_u is missing. It says how far the gate is open when nothing speaks.",
            _with_params(_simplified(), _zeros("b_u")),
        ),
        Mistake(
            "no bias in the candidate",
            "b_c is missing in the candidate.",
            _with_params(_simplified(), _zeros("b_c")),
        ),
    ),
    passed="Where the gate is 0, the memory is copied, number for number.",
)


def _reset_before(params, gamma_r, c, x, join):
    return params.W_c @ join(gamma_r * c, x) + params.b_c


def _reset_after(params, gamma_r, c, x, join):
    n_a = len(c)
    W_cc, W_cx = params.W_c[:, :n_a], params.W_c[:, n_a:]
    return gamma_r * (W_cc @ c) + W_cx @ x + params.b_c


def _reset_of_all(params, gamma_r, c, x, join):
    return gamma_r * (params.W_c @ join(c, x) + params.b_c)


def _reset_of_the_product(params, gamma_r, c, x, join):
    return gamma_r * (params.W_c @ join(c, x)) + params.b_c


def _never_reset(params, gamma_r, c, x, join):
    return params.W_c @ join(c, x) + params.b_c


def _reset_inverted(params, gamma_r, c, x, join):
    return _reset_before(params, 1 - gamma_r, c, x, join)


def _reset_by_an_unsquashed_gate(params, gamma_r, c, x, join):
    raw = params.W_r @ join(c, x) + params.b_r
    return _reset_before(params, raw, c, x, join)


def _gru(z_c=_reset_before, squash=np.tanh, gate=_sigmoid, mix=_mix, join=_state_first):
    """The step; each argument puts something wrong in the place of one part."""

    def step(params, c, x):
        joined = join(c, x)
        gamma_r = gate(params.W_r @ joined + params.b_r)
        gamma_u = gate(params.W_u @ joined + params.b_u)
        c_tilde = squash(z_c(params, gamma_r, c, x, join))
        return mix(gamma_u, c_tilde, c)

    return step


def _kept_part_reset(only):
    """The reset gate on the memory that is kept, and perhaps nowhere else."""

    def step(params, c, x):
        joined = _state_first(c, x)
        gamma_r = _sigmoid(params.W_r @ joined + params.b_r)
        gamma_u = _sigmoid(params.W_u @ joined + params.b_u)
        z_c = _never_reset if only else _reset_before
        c_tilde = np.tanh(z_c(params, gamma_r, c, x, _state_first))
        return _mix(gamma_u, c_tilde, gamma_r * c)

    return step


def _update_sees_the_reset(params, c, x):
    gamma_r = _sigmoid(params.W_r @ _state_first(c, x) + params.b_r)
    joined = _state_first(gamma_r * c, x)
    gamma_u = _sigmoid(params.W_u @ joined + params.b_u)
    c_tilde = np.tanh(params.W_c @ joined + params.b_c)
    return _mix(gamma_u, c_tilde, c)


def _reset_of_the_candidate(params, c, x):
    joined = _state_first(c, x)
    gamma_r = _sigmoid(params.W_r @ joined + params.b_r)
    gamma_u = _sigmoid(params.W_u @ joined + params.b_u)
    c_tilde = gamma_r * np.tanh(params.W_c @ joined + params.b_c)
    return _mix(gamma_u, c_tilde, c)


gru_step = Exercise(
    title="The whole GRU",
    solution=_gru(),
    cases=_step_cases(GRUParams, "cur", seed=72),
    tolerance=1e-5,  # a right answer may be in float32
    mistakes=(
        Mistake(
            "a library's GRU",
            "This is the GRU of PyTorch and Keras. Two things differ here: the reset "
            "gate comes before the product, and gamma_u near 1 takes the candidate.",
            _gru(_reset_after, mix=_upside_down),
        ),
        *(
            Mistake(f"no {name}", f"{name} is missing.", _with_params(_gru(), change))
            for name, change in ((b, _zeros(b)) for b in ("b_c", "b_u", "b_r"))
        ),
        Mistake(
            "reset after",
            "The reset gate comes after the product, gamma_r * (W_cc c), as in PyTorch "
            "and Keras. Here it comes before: W_cc (gamma_r * c).",
            _gru(_reset_after),
        ),
        Mistake(
            "reset of all",
            "The reset gate multiplies all of z, input and bias too. It belongs on "
            "c<t-1> alone, before it meets the matrix.",
            _gru(_reset_of_all),
        ),
        Mistake(
            "reset of the input",
            "The reset gate multiplies W_c [c, x], so the input is reset as well.",
            _gru(_reset_of_the_product),
        ),
        Mistake(
            "reset of the candidate",
            "The reset gate multiplies the finished candidate. It belongs inside, on "
            "the c<t-1> that the candidate reads.",
            _reset_of_the_candidate,
        ),
        Mistake(
            "kept part reset too",
            "The candidate is right, but the part that is kept is reset too: "
            "1 - gamma_u multiplies c<t-1> itself.",
            _kept_part_reset(only=False),
        ),
        Mistake(
            "only the kept part reset",
            "The reset gate multiplies the part that is kept, and the candidate reads "
            "c<t-1> whole. It should be the other way round.",
            _kept_part_reset(only=True),
        ),
        Mistake(
            "update gate sees the reset",
            "The update gate reads gamma_r * c<t-1>. Both gates read c<t-1> itself.",
            _update_sees_the_reset,
        ),
        Mistake(
            "no reset",
            "The candidate reads c<t-1> whole: this is the simplified GRU.",
            _gru(_never_reset),
        ),
        Mistake(
            "reset upside down",
            "The candidate reads (1 - gamma_r) * c<t-1>: near 1 the reset gate should "
            "let the memory in.",
            _gru(_reset_inverted),
        ),
        Mistake(
            "reset gate not squashed",
            "The sigmoid is missing in the reset gate.",
            _gru(_reset_by_an_unsquashed_gate),
        ),
        Mistake("update upside down", _UPSIDE_DOWN, _gru(mix=_upside_down)),
        Mistake("c<t> for c<t-1>", _MISPRINT, _gru(mix=_misprint)),
        Mistake("nothing lost", _NOTHING_LOST, _gru(mix=_nothing_lost)),
        Mistake("no complement", _ONE_GATE, _gru(mix=_one_gate_for_both)),
        Mistake(
            "gates swapped",
            "The two gates have changed places: W_r and b_r make the reset gate, W_u "
            "and b_u the update gate.",
            _with_params(_gru(), _swap("u", "r")),
        ),
        Mistake("x before c", _INPUT_FIRST, _gru(join=_input_first)),
        Mistake("sigmoid candidate", _SIGMOID_CANDIDATE, _gru(squash=_sigmoid)),
        Mistake("no tanh", _NO_TANH, _gru(squash=lambda z: z)),
        Mistake("tanh gates", _TANH_GATE, _gru(gate=np.tanh)),
        Mistake(
            "no biases", _NO_BIASES, _with_params(_gru(), _zeros("b_c", "b_u", "b_r"))
        ),
    ),
    passed="Two gates, one candidate, one mixture: that is all of it.",
)


def _read(weight_ih, weight_hh, bias_ih, bias_hh):
    W = np.concatenate([weight_hh, weight_ih], axis=1)
    W_r, W_z, W_n = np.split(W, 3)
    b_r, b_z, _ = np.split(bias_ih + bias_hh, 3)
    b_n, b_hn = np.split(bias_ih, 3)[2], np.split(bias_hh, 3)[2]
    weights = {"W_c": W_n, "W_u": -W_z, "W_r": W_r}
    return {**weights, "b_c": b_n, "b_u": -b_z, "b_r": b_r, "b_cc": b_hn}


def _read_and(change):
    """What was read, changed afterwards: `change` is given the dict."""

    def read(weight_ih, weight_hh, bias_ih, bias_hh):
        right = _read(weight_ih, weight_hh, bias_ih, bias_hh)
        return {**right, **change(right)}

    return read


def _flip(*names):
    return _read_and(lambda p: {name: -p[name] for name in names})


def _rows(order):
    """The three blocks of rows taken for those of another order."""

    def read(*arrays):
        def turned(array):
            blocks = np.split(array, 3)
            return np.concatenate([blocks[i] for i in order])

        return _read(*map(turned, arrays))

    return read


def _input_columns_first(weight_ih, weight_hh, bias_ih, bias_hh):
    right = _read(weight_ih, weight_hh, bias_ih, bias_hh)
    n_a = weight_hh.shape[1]
    return {
        name: np.concatenate([value[:, n_a:], value[:, :n_a]], axis=1)
        if name.startswith("W")
        else value
        for name, value in right.items()
    }


def _one_bias(weight_ih, weight_hh, bias_ih, bias_hh):
    right = _read(weight_ih, weight_hh, bias_ih, bias_hh)
    b_r, b_z, _ = np.split(bias_ih, 3)
    return {**right, "b_r": b_r, "b_u": -b_z}


def _transposed_state_weights(weight_ih, weight_hh, bias_ih, bias_hh):
    turned = [block.T for block in np.split(weight_hh, 3)]
    return _read(weight_ih, np.concatenate(turned), bias_ih, bias_hh)


def _torch_cases():
    """n_x = n_a, then n_x < n_a; both biases of every map differ from zero."""
    rng = np.random.default_rng(73)
    cases = []
    for n_a, n_x in ((2, 2), (3, 2)):
        rows = 3 * n_a
        shapes = (rows, n_x), (rows, n_a), (rows,), (rows,)
        cases.append(tuple(rng.normal(size=shape) for shape in shapes))
    return tuple(cases)


read_torch = Exercise(
    title="PyTorch's weights in our convention",
    solution=_read,
    cases=_torch_cases(),
    tolerance=1e-5,
    mistakes=(
        Mistake(
            "signs kept",
            "W_u and b_u are PyTorch's as they stand. There z near 1 keeps the memory, "
            "here gamma_u near 1 takes the candidate.",
            _flip("W_u", "b_u"),
        ),
        Mistake(
            "bias not turned",
            "W_u has changed its sign, b_u has not: 1 - sigmoid(z) = sigmoid(-z), and "
            "the bias is a part of z.",
            _flip("b_u"),
        ),
        Mistake(
            "weights not turned",
            "b_u has changed its sign, W_u has not: 1 - sigmoid(z) = sigmoid(-z), and "
            "the product is a part of z.",
            _flip("W_u"),
        ),
        Mistake(
            "1 - W",
            "You took 1 - W and 1 - b. The complement is of the gate: 1 - sigmoid(z) "
            "is sigmoid(-z), so the weights change their sign.",
            _read_and(lambda p: {"W_u": 1 + p["W_u"], "b_u": 1 + p["b_u"]}),
        ),
        Mistake(
            "reset turned too",
            "The reset gate has changed its sign too. It means the same in both "
            "conventions; only the update gate is turned round.",
            _flip("W_r", "b_r"),
        ),
        Mistake(
            "reset turned instead",
            "The reset gate has changed its sign, and the update gate should have.",
            _flip("W_r", "b_r", "W_u", "b_u"),
        ),
        Mistake(
            "all turned",
            "Every sign has changed. Only the update gate is turned round.",
            _flip("W_c", "b_c", "b_cc", "W_r", "b_r"),
        ),
        Mistake(
            "biases of the candidate added",
            "b_c is the sum of both biases and b_cc is 0. The reset gate multiplies "
            "only one of the two, so here they are not one number.",
            _read_and(lambda p: {"b_c": p["b_c"] + p["b_cc"], "b_cc": 0 * p["b_cc"]}),
        ),
        Mistake(
            "biases of the candidate swapped",
            "b_c and b_cc have changed places: b_cc stands beside W_cc c<t-1>, and "
            "comes from bias_hh.",
            _read_and(lambda p: {"b_c": p["b_cc"], "b_cc": p["b_c"]}),
        ),
        Mistake(
            "one bias lost",
            "b_r and b_u come from bias_ih alone. Add bias_hh: nothing stands between "
            "the two, so only their sum counts.",
            _one_bias,
        ),
        Mistake(
            "rows as z, r, n",
            "The rows are read as z, r, n, the order of Keras and ONNX. PyTorch has "
            "r first.",
            _rows((1, 0, 2)),
        ),
        Mistake(
            "x before c",
            "The columns of W_. multiply c<t-1> first, so weight_hh stands on the "
            "left and weight_ih on the right.",
            _input_columns_first,
        ),
        Mistake(
            "transposed",
            "The blocks of weight_hh are transposed. In PyTorch, too, row i makes "
            "unit i.",
            _transposed_state_weights,
        ),
    ),
    passed="The same function, in other letters.",
)
