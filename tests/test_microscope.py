"""The microscope's fast numbers against `companion.gradients` and against theory."""

import jax
import numpy as np
import pytest

from companion import gradients, nudges
from companion.cells import GRU, LSTM, SimplifiedGRU
from companion.microscope import CELLS, LONGEST, look
from companion.unroll import unroll

cells = pytest.mark.parametrize("cell", list(CELLS))


@cells
def test_the_numbers_are_those_of_gradients(cell):
    view = look(cell, rho=1.2, input_scale=0.7, bias=2.0, T=20, seed=3)
    network = view.cell, view.params, view.xs
    exact = gradients.norm_by_lag(*network, norm="average")
    np.testing.assert_allclose(view.by_lag, np.log10(exact), atol=1e-5)
    over = gradients.norm_map(*network)
    assert view.every == 1 and view.map.shape == (21, 21)
    np.testing.assert_allclose(view.map[:, :20], over, atol=0.35)
    np.testing.assert_allclose(view.map[-1, :20], over[-1], atol=1e-5)
    shares = gradients.saturation(*network)
    assert view.saturation == pytest.approx({k: v.mean() for k, v in shares.items()})
    if cell in ("tanh", "ReLU"):
        assert view.memory is None
    else:
        keeps = np.asarray(gradients.memory_line(*network), float)
        kept = [np.sqrt((keeps[20 - k :].prod(axis=0) ** 2).mean()) for k in range(21)]
        np.testing.assert_allclose(10**view.memory, kept, rtol=1e-4)


@cells
def test_the_closed_forms_are_forward_mode(cell):
    view = look(cell, rho=1.3, input_scale=0.5, bias=0.5, T=10)
    network = view.cell, view.params, view.xs
    J = np.asarray(gradients.step_jacobians(*network))
    values = {name: np.asarray(v) for name, v in gradients.inside(*network).items()}
    a = values["a"]
    values["slope"] = (a > 0).astype(a.dtype) if cell == "ReLU" else 1 - a**2
    steps = nudges.closed_form(view.cell, view.params, values)
    assert steps.n == J.shape[-1] == (2 if cell == "LSTM" else 1) * CELLS[cell].n_a
    eye = np.eye(steps.n, dtype=np.float32)
    for t in (1, 2, 10):
        np.testing.assert_allclose(steps.push(t, eye).T, J[t - 1], atol=2e-6)
        np.testing.assert_allclose(steps.pull(t, eye), J[t - 1], atol=2e-6)


def test_an_orthogonal_matrix_in_a_linear_network_keeps_the_size():
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 64)))
    steps = nudges.Jacobians(np.tile(0.5 * q, (30, 1, 1)))
    expected = np.log10(0.5) * np.arange(31)
    np.testing.assert_allclose(nudges.by_lag(steps), expected, atol=1e-9)
    over = nudges.nudge_map(steps, 5)
    t, k = np.tril_indices(7)
    np.testing.assert_allclose(over[t, k], expected[5 * (t - k)], atol=1e-5)
    assert np.isnan(over[np.triu_indices(7, 1)]).all()


def test_a_nudge_that_is_gone_stays_gone():
    J = np.tile(np.eye(64, dtype=np.float32), (10, 1, 1))
    J[5] = 0
    by_lag = nudges.by_lag(nudges.Jacobians(J))
    np.testing.assert_allclose(by_lag[:5], 0, atol=1e-6)
    assert (by_lag[5:] == -np.inf).all()
    over = nudges.nudge_map(nudges.Jacobians(J), 1)
    assert (over[6:, :6] == -np.inf).all()
    np.testing.assert_allclose(over[10, 6:], 0, atol=1e-6)


@cells
def test_a_shorter_run_is_the_beginning_of_a_longer_one(cell):
    view = look(cell, T=30)
    states = unroll(view.cell, view.params, view.xs)
    longer = unroll(view.cell, view.params, look(cell, T=60).xs)
    np.testing.assert_allclose(longer.a[:30], states.a, atol=1e-6)


def test_another_length_or_slider_does_not_compile_again():
    from companion import microscope

    look("GRU", T=50)
    compiled = microscope._inside._cache_size()
    look("GRU", rho=0.5, input_scale=0.1, bias=-1.0, T=LONGEST, seed=9)
    assert microscope._inside._cache_size() == compiled


def test_numbers_far_below_float32_are_still_numbers():
    by_lag = look("tanh", rho=0.5, T=LONGEST).by_lag
    assert np.isfinite(by_lag).all() and by_lag[-1] < -80
    assert (np.diff(by_lag) < 0).all()


def test_a_relu_does_not_feel_the_input_scale_and_never_overflows():
    quiet, loud = (look("ReLU", 2.0, s, T=LONGEST, seed=5) for s in (0.01, 3.0))
    np.testing.assert_array_equal(quiet.by_lag, loud.by_lag)
    assert np.isfinite(loud.by_lag).all() and loud.by_lag[-1] > 20
    assert 0.3 < loud.saturation["a"] < 0.7


def test_the_table_of_the_notebook():
    # tanh, lag back from T = 100, largest singular value, mean of the log over 3 seeds
    for rho, scale, lag, expected in (
        (0.5, 0.01, 50, 8.8e-16),
        (1.0, 0.01, 99, 0.75),
        (1.0, 1.0, 10, 5.1e-2),
        (1.5, 1.0, 99, 3.6e-6),
        (2.0, 1.0, 50, 26),
    ):
        logs = []
        for seed in (1, 2, 3):
            view = look("tanh", rho, scale, seed=seed)
            norms = gradients.norm_by_lag(view.cell, view.params, view.xs)
            logs.append(np.log10(norms[lag]))
        band = {10: 3, 50: 10, 99: 100}[lag]
        assert abs(np.mean(logs) - np.log10(expected)) < np.log10(band)


def test_the_bias_is_that_of_the_keeping_gate():
    for cell in ("GRU", "LSTM"):
        still = look(cell, rho=0.5, input_scale=0.01, bias=3.0, T=20)
        per_step = still.memory[-1] / 20
        assert 10**per_step == pytest.approx(1 / (1 + np.exp(-3)), abs=0.01)
        kept = [look(cell, bias=b, T=100).by_lag[-1] for b in (-2.0, 1.0, 4.0)]
        assert kept == sorted(kept)
    assert float(look("LSTM", bias=3.0).params.b_u.max()) == 0


@pytest.mark.parametrize("T", [0, 15, 210])
def test_refuses_other_lengths(T):
    with pytest.raises(ValueError, match=f"T must be 10, 20, ... or 200, got {T}"):
        look(T=T)


def test_refuses_other_cells():
    with pytest.raises(ValueError, match="cell must be 'tanh' or 'ReLU'"):
        look("relu")
    for cell in (GRU(4, reset="after"), LSTM(4, coupled=True), SimplifiedGRU(4)):
        with pytest.raises(ValueError, match="standard form, got"):
            nudges.closed_form(cell, cell.init(jax.random.key(0), 4), {})
