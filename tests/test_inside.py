"""The values inside a cell, against the oracle's equations put together again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from reference import CELLS, N_A, N_X

from companion import inside as module
from companion.cells import GRU, LSTM, RNN, GRUParams, RNNParams
from companion.inside import before_and_after, inside, memory_line, saturation

T, BATCH = 6, (2,)
MEMORY = [name for name in CELLS if "rnn" not in name]


def problem(name):
    rng = np.random.default_rng(4)
    cell = CELLS[name][0]
    params = cell.Params(**reference.draw_params(name, rng))
    state = cell.State(*reference.draw_state(name, rng, BATCH))
    return (
        cell,
        jax.tree.map(jnp.asarray, (params, state)),
        rng.normal(size=(T, *BATCH, N_X)),
    )


@pytest.mark.parametrize("name", CELLS)
def test_the_values_are_those_of_the_equations(name, x64):
    cell, (params, state), xs = problem(name)
    values = inside(cell, params, xs, state)
    assert all(v.shape == (T, *BATCH, N_A) for v in values.values())
    step = CELLS[name][1]
    p = {k: np.asarray(v) for k, v in params._asdict().items() if v is not None}
    for i in range(BATCH[0]):
        old = tuple(np.asarray(field)[i] for field in state)
        for t in range(T):
            x = xs[t, i]
            new = step(p, old, x)
            got = {key: np.asarray(v)[t, i] for key, v in values.items()}
            reference.close(got["a"], new[0], 1e-12)
            for letter in CELLS[name][2]:
                if letter not in "uro" and letter != "f":
                    continue
                peephole = {"u": old[-1], "f": old[-1], "o": new[-1]}
                look = p.get(f"p_{letter}", 0) * peephole.get(letter, 0)
                z = p[f"W_{letter}"] @ np.concatenate([old[0], x])
                gate = reference.sigma(z + p[f"b_{letter}"] + look)
                reference.close(got[f"gamma_{letter}"], gate, 1e-12, letter)
            if name in MEMORY:  # the new memory, put together from what was found
                keep = got.get("gamma_f", 1 - got.get("gamma_u", 1))
                keep = 1 if name == "lstm without forget" else keep
                c = got["gamma_u"] * got["c_tilde"] + keep * old[-1]
                reference.close(got["c"], c, 1e-12)
                reference.close(got["c"], new[-1], 1e-12)
            old = new


def test_before_is_after_one_step_earlier():
    cell, (params, state), xs = problem("lstm")
    before, after = before_and_after(cell, params, xs, state)
    for first, b, a in zip(state, before, after, strict=True):
        reference.close(b[0], first, 1e-6)
        reference.close(b[1:], a[:-1], 0)
    assert not np.any(before_and_after(cell, params, xs)[0].c[0])


def test_token_ids_are_their_one_hot_vectors():
    cell, (params, _), _ = problem("gru before")
    tokens = np.array([2, 0, 1, 1])
    by_id, by_vector = (
        inside(cell, params, xs) for xs in (tokens, np.eye(N_X)[tokens])
    )
    for key, value in by_id.items():
        reference.close(value, by_vector[key], 1e-6, key)


@pytest.mark.parametrize("name", MEMORY)
def test_the_memory_line_is_the_derivative_without_detours(name, x64):
    """With W_.a = 0 (and no peepholes) nothing but the memory carries anything on."""
    cell, (params, state), xs = problem(name)
    cut = {
        key: v.at[:, :N_A].set(0) if key.startswith("W_") else v * (key[:2] != "p_")
        for key, v in params._asdict().items()
        if v is not None
    }
    params = cell.Params(**cut)

    def last_c(c):
        old = state._replace(c=c)
        for x in jnp.asarray(xs):
            old = cell.step(params, old, x)
        return old.c[0]

    whole = jax.jacfwd(last_c)(state.c)[:, 0]
    line = jnp.prod(memory_line(cell, params, xs, state)[:, 0], axis=0)
    reference.close(whole, jnp.diag(line), 1e-12)


def test_saturation_counts_the_flat_units():
    z = jnp.array([[0.0, 1.83, 1.84, -5.0]])  # tanh(1.832) = 0.95
    eye = jnp.concatenate([jnp.zeros((4, 4)), jnp.eye(4)], axis=1)
    params = RNNParams(eye, jnp.zeros(4))
    assert saturation(RNN(4), params, z)["a"] == 0.5
    relu = saturation(RNN(4, jax.nn.relu), params, jnp.array([[-1.0, 0.5, 2, -3]]))
    assert relu["a"] == 0.5
    # sigmoid(3.66) = 0.975
    z = jnp.array([[0.0, 3.7, -3.7, -3.6], [4.0, 4.0, 4.0, -9.0]])
    gru = GRUParams(eye, jnp.zeros(4), eye, jnp.zeros(4), eye * 0, jnp.zeros(4))
    found = saturation(GRU(4), gru, z)
    assert found["gamma_u"].tolist() == [0.5, 1.0]
    assert found["gamma_r"].tolist() == [0.0, 0.0]
    assert found["c_tilde"].tolist() == [0.75, 1.0]
    assert set(saturation(LSTM(2), LSTM(2).init(jax.random.key(0), 4), z)) == {
        "c_tilde",
        "gamma_u",
        "gamma_f",
        "gamma_o",
    }


def test_what_does_not_fit_is_named(as_readers_run_it):
    cell, (params, _), xs = problem("rnn")
    with pytest.raises(TypeError, match="cell must be SimplifiedGRU or GRU"):
        memory_line(cell, params, xs)
    with pytest.raises(TypeError, match="cell must be RNN or"):
        inside("rnn", params, xs)
    with pytest.raises(ValueError, match="xs has"):
        saturation(cell, params, xs[..., :2])
    assert set(module.__all__) >= {"inside", "memory_line", "saturation"}
