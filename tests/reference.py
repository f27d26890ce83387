"""The oracle: every cell again, in NumPy, from the notation and not from the package.

One example at a time, one step at a time, loops and no cleverness. Parameters are
dictionaries of arrays by their names in the notation; each array is drawn on its own,
so that two swapped gates cannot give the same numbers.

Also here: PyTorch's documented equations, and what several test files share.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from companion.cells import GRU, LSTM, RNN, PeepholeLSTM, SimplifiedGRU


def sigma(z):
    return 1 / (1 + np.exp(-z))


def join(*parts):
    return np.concatenate(parts)


# One step of one example: (parameters, state, x) -> state, a tuple of vectors.


def rnn(p, state, x, g1=np.tanh):
    (a,) = state
    return (g1(p["W_a"] @ join(a, x) + p["b_a"]),)


def simplified_gru(p, state, x):
    (c,) = state
    c_tilde = np.tanh(p["W_c"] @ join(c, x) + p["b_c"])
    gamma_u = sigma(p["W_u"] @ join(c, x) + p["b_u"])
    return (gamma_u * c_tilde + (1 - gamma_u) * c,)


def gru_before(p, state, x):
    (c,) = state
    gamma_r = sigma(p["W_r"] @ join(c, x) + p["b_r"])
    gamma_u = sigma(p["W_u"] @ join(c, x) + p["b_u"])
    c_tilde = np.tanh(p["W_c"] @ join(gamma_r * c, x) + p["b_c"])
    return (gamma_u * c_tilde + (1 - gamma_u) * c,)


def gru_after(p, state, x):
    (c,) = state
    n_a = len(c)
    gamma_r = sigma(p["W_r"] @ join(c, x) + p["b_r"])
    gamma_u = sigma(p["W_u"] @ join(c, x) + p["b_u"])
    inside = p["W_c"][:, :n_a] @ c + p["b_cc"]
    c_tilde = np.tanh(gamma_r * inside + p["W_c"][:, n_a:] @ x + p["b_c"])
    return (gamma_u * c_tilde + (1 - gamma_u) * c,)


def lstm(p, state, x):
    a, c = state
    c_tilde = np.tanh(p["W_c"] @ join(a, x) + p["b_c"])
    gamma_u = sigma(p["W_u"] @ join(a, x) + p["b_u"])
    gamma_f = sigma(p["W_f"] @ join(a, x) + p["b_f"])
    gamma_o = sigma(p["W_o"] @ join(a, x) + p["b_o"])
    c = gamma_u * c_tilde + gamma_f * c
    return gamma_o * np.tanh(c), c


def lstm_no_forget(p, state, x):
    a, c = state
    c_tilde = np.tanh(p["W_c"] @ join(a, x) + p["b_c"])
    gamma_u = sigma(p["W_u"] @ join(a, x) + p["b_u"])
    gamma_o = sigma(p["W_o"] @ join(a, x) + p["b_o"])
    c = gamma_u * c_tilde + c
    return gamma_o * np.tanh(c), c


def lstm_no_output(p, state, x):
    a, c = state
    c_tilde = np.tanh(p["W_c"] @ join(a, x) + p["b_c"])
    gamma_u = sigma(p["W_u"] @ join(a, x) + p["b_u"])
    gamma_f = sigma(p["W_f"] @ join(a, x) + p["b_f"])
    c = gamma_u * c_tilde + gamma_f * c
    return np.tanh(c), c


def lstm_coupled(p, state, x):
    a, c = state
    c_tilde = np.tanh(p["W_c"] @ join(a, x) + p["b_c"])
    gamma_f = sigma(p["W_f"] @ join(a, x) + p["b_f"])
    gamma_o = sigma(p["W_o"] @ join(a, x) + p["b_o"])
    c = (1 - gamma_f) * c_tilde + gamma_f * c
    return gamma_o * np.tanh(c), c


def lstm_no_output_tanh(p, state, x):
    c = lstm(p, state, x)[1]
    gamma_o = sigma(p["W_o"] @ join(state[0], x) + p["b_o"])
    return gamma_o * c, c


def peephole_lstm(p, state, x):
    a, c = state
    c_tilde = np.tanh(p["W_c"] @ join(a, x) + p["b_c"])
    gamma_u = sigma(p["W_u"] @ join(a, x) + p["b_u"] + p["p_u"] * c)
    gamma_f = sigma(p["W_f"] @ join(a, x) + p["b_f"] + p["p_f"] * c)
    c_new = gamma_u * c_tilde + gamma_f * c
    gamma_o = sigma(p["W_o"] @ join(a, x) + p["b_o"] + p["p_o"] * c_new)
    return gamma_o * np.tanh(c_new), c_new


# Which step belongs to which cell of the package, and the maps it must have.

N_A, N_X = 4, 3


def leaky(z):
    return np.maximum(z, 0.1 * z)


def jax_leaky(z):  # named here: a lambda would be another cell at every import
    return jnp.maximum(z, 0.1 * z)


CELLS = {
    "rnn": (RNN(N_A), rnn, "a"),
    "rnn leaky": (RNN(N_A, jax_leaky), lambda p, s, x: rnn(p, s, x, leaky), "a"),
    "simplified gru": (SimplifiedGRU(N_A), simplified_gru, "cu"),
    "gru before": (GRU(N_A), gru_before, "cur"),
    "gru after": (GRU(N_A, "after"), gru_after, "cur"),
    "lstm": (LSTM(N_A), lstm, "cufo"),
    "lstm without forget": (LSTM(N_A, forget_gate=False), lstm_no_forget, "cuo"),
    "lstm without output": (LSTM(N_A, output_gate=False), lstm_no_output, "cuf"),
    "lstm coupled": (LSTM(N_A, coupled=True), lstm_coupled, "cfo"),
    "lstm a = gamma_o c": (LSTM(N_A, output_tanh=False), lstm_no_output_tanh, "cufo"),
    "peephole lstm": (PeepholeLSTM(N_A), peephole_lstm, "cufo"),
}
FAST = ["rnn", "rnn leaky", "gru before", "gru after", "lstm"]


def draw_params(name, rng, n_x=N_X):
    """Parameters of a cell of CELLS as a dictionary, every array drawn on its own."""
    maps = CELLS[name][2]
    shapes = {f"W_{m}": (N_A, N_A + n_x) for m in maps}
    shapes |= {f"b_{m}": (N_A,) for m in maps}
    if name == "gru after":
        shapes["b_cc"] = (N_A,)
    if name == "peephole lstm":
        shapes |= {f"p_{m}": (N_A,) for m in "ufo"}
    return {key: rng.normal(0, 0.7, shape) for key, shape in shapes.items()}


def random_params(layer, n_x, seed=0):
    """Parameters of any layer or model, drawn in NumPy: `init` would be compiled."""
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda key: layer.init(key, n_x), jax.random.key(0))
    return jax.tree.map(
        lambda s: jnp.asarray(rng.normal(0, 0.7, s.shape), s.dtype), shapes
    )


def draw_state(name, rng, batch):
    fields = 2 if "lstm" in name else 1
    return tuple(rng.normal(0, 0.7, (*batch, N_A)) for _ in range(fields))


def one_hot(tokens, n_x):
    return np.eye(n_x)[tokens]


def unroll(step, p, xs, start, lengths=None, reverse=False):
    """All states (T, ..., n_a), zero in the padding, and the last ones (..., n_a)."""
    T, batch = xs.shape[0], xs.shape[1:-1]
    states = [np.zeros((T, *field.shape)) for field in start]
    last = [field.copy() for field in start]
    for i in np.ndindex(*batch):
        length = T if lengths is None else int(lengths[i])
        state = tuple(field[i] for field in start)
        for t in reversed(range(length)) if reverse else range(length):
            state = step(p, state, xs[(t, *i)])
            for field, value in zip(states, state, strict=True):
                field[(t, *i)] = value
        for field, value in zip(last, state, strict=True):
            field[i] = value
    return tuple(states), tuple(last)


# PyTorch, as the pages of torch.nn.RNN, GRU and LSTM give the equations. The rows of
# weight_ih are (W_ir|W_iz|W_in) for the GRU and (W_ii|W_if|W_ig|W_io) for the LSTM.


def torch_rnn(weights, state, x):
    w_ih, w_hh, b_ih, b_hh = weights
    (h,) = state
    return (np.tanh(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh),)


def torch_gru(weights, state, x):
    w_ih, w_hh, b_ih, b_hh = weights
    (h,) = state
    ir, iz, i_n = np.split(w_ih @ x + b_ih, 3)
    hr, hz, h_n = np.split(w_hh @ h + b_hh, 3)
    r, z = sigma(ir + hr), sigma(iz + hz)
    n = np.tanh(i_n + r * h_n)
    return ((1 - z) * n + z * h,)


def torch_lstm(weights, state, x):
    w_ih, w_hh, b_ih, b_hh = weights
    h, c = state
    i, f, g, o = np.split(w_ih @ x + b_ih + w_hh @ h + b_hh, 4)
    c = sigma(f) * c + sigma(i) * np.tanh(g)
    return sigma(o) * np.tanh(c), c


# Shared by the test files.


def close(got, expected, tolerance, what=""):
    """The largest difference, relative to the largest number expected."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, f"{what}: {got.shape} and {expected.shape}"
    error = np.max(np.abs(got - expected), initial=0)
    scale = max(np.max(np.abs(expected), initial=0), 1e-3)
    assert error <= tolerance * scale, f"{what}: off by {error:.2e} of {scale:.2e}"


def pairwise(**choices):
    """Few rows in which every pair of values of two options occurs together."""
    names = list(choices)
    missing = {
        ((m, a), (n, b))
        for m, n in itertools.combinations(names, 2)
        for a in range(len(choices[m]))
        for b in range(len(choices[n]))
    }
    rows = []
    while missing:
        picked = dict(min(missing))  # start from a pair not seen yet, then fill up
        for name in names:
            if name not in picked:
                picked[name] = max(
                    range(len(choices[name])),
                    key=lambda value, name=name: sum(
                        tuple(sorted([(name, value), pair], key=by_name(names)))
                        in missing
                        for pair in picked.items()
                    ),
                )
        row = sorted(picked.items(), key=by_name(names))
        missing -= set(itertools.combinations(row, 2))
        rows.append({name: choices[name][value] for name, value in row})
    return rows


def by_name(names):
    return lambda pair: names.index(pair[0])
