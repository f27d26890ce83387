"""Weights of other libraries: round trips, PyTorch's equations, and clear refusals.

ONNX Runtime and Keras run the converted weights in test_onnx.py and test_keras.py.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from reference import CELLS, N_A, N_X

from companion import convert
from companion.cells import GRU, LSTM, RNN, PeepholeLSTM, SimplifiedGRU
from companion.unroll import unroll

TORCH_STEPS = {
    "rnn": reference.torch_rnn,
    "gru after": reference.torch_gru,
    "lstm": reference.torch_lstm,
}
LAYOUTS = {
    "torch": ["rnn", "gru after", "lstm"],
    "keras": ["rnn", "gru before", "gru after", "lstm"],
    "onnx": ["rnn", "gru before", "gru after", "lstm", "peephole lstm"],
}
K = {"rnn": 1, "gru before": 3, "gru after": 3, "lstm": 4, "peephole lstm": 4}
pairs = pytest.mark.parametrize(
    "library, name", [(lib, name) for lib, names in LAYOUTS.items() for name in names]
)


def there_and_back(library):
    return getattr(convert, f"to_{library}"), getattr(convert, f"from_{library}")


def draw(name):
    p = reference.draw_params(name, np.random.default_rng(0))
    return CELLS[name][0], CELLS[name][0].Params(**jax.tree.map(jnp.asarray, p))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pairs
def test_there_and_back_is_exact(library, name, dtype, x64):
    to, back = there_and_back(library)
    cell, params = draw(name)
    params = jax.tree.map(lambda v: v.astype(dtype), params)
    weights = to(cell, params)
    for array in weights:
        assert array is None or (type(array) is np.ndarray and array.dtype == dtype)
    again = back(cell, *weights)
    assert type(again) is cell.Params
    for field, got, wanted in zip(params._fields, again, params, strict=True):
        assert (got is None) == (wanted is None)
        if wanted is not None:
            assert got.dtype == dtype
            np.testing.assert_array_equal(got, wanted, field)


@pairs
def test_shapes_of_the_layout(library, name):
    to, _ = there_and_back(library)
    weights, rows = to(*draw(name)), K[name] * N_A
    if library == "keras":
        bias = (2, rows) if name == "gru after" else (rows,)
        wanted = [(N_X, rows), (N_A, rows), bias]
    elif library == "torch":
        wanted = [(rows, N_X), (rows, N_A), (rows,), (rows,)]
    else:
        wanted = [(rows, N_X), (rows, N_A), (2 * rows,)]
        wanted.append((3 * N_A,) if name == "peephole lstm" else None)
    assert [w if w is None else w.shape for w in weights] == wanted


@pytest.mark.parametrize("name", TORCH_STEPS)
def test_pytorch_weights_give_pytorch_outputs(name, x64):
    """Both biases of PyTorch are drawn: the sum counts, but for the GRU's candidate."""
    rng = np.random.default_rng(1)
    cell, rows = CELLS[name][0], K[name] * N_A
    weights = [rng.normal(size=s) for s in [(rows, N_X), (rows, N_A), rows, rows]]
    start = reference.draw_state(name, rng, (2,))
    xs = rng.normal(size=(5, 2, N_X))
    expected = reference.unroll(TORCH_STEPS[name], weights, xs, start)[0]
    params = convert.from_torch(cell, *weights)
    got = unroll(cell, params, jnp.asarray(xs), state=cell.State(*start))
    for value, wanted in zip(got, expected, strict=True):
        reference.close(value, wanted, 1e-13)


@pytest.mark.parametrize("name", TORCH_STEPS)
def test_our_weights_give_our_outputs_in_pytorch(name, x64):
    rng = np.random.default_rng(2)
    cell, params = draw(name)
    start = reference.draw_state(name, rng, (2,))
    xs = rng.normal(size=(5, 2, N_X))
    weights = convert.to_torch(cell, params)
    got = reference.unroll(TORCH_STEPS[name], weights, xs, start)[0]
    step = CELLS[name][1]
    expected = reference.unroll(step, params._asdict(), xs, start)[0]
    for value, wanted in zip(got, expected, strict=True):
        reference.close(value, wanted, 1e-13)


@pairs
def test_no_bias_is_a_bias_of_zero(library, name):
    to, back = there_and_back(library)
    cell, params = draw(name)
    weights = to(cell, params)
    more = {"P": weights.P} if name == "peephole lstm" else {}
    got = back(cell, *weights[:2], **more)
    for letter in cell.maps:
        assert not getattr(got, f"b_{letter}").any()
    np.testing.assert_array_equal(got.b_cc, 0) if name == "gru after" else None
    last = cell.maps[-1]
    np.testing.assert_array_equal(
        getattr(got, f"W_{last}"), getattr(params, f"W_{last}")
    )


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: convert.to_torch(*draw("gru before")), ValueError, 'reset="after"'),
        (
            lambda: convert.to_torch(*draw("peephole lstm")),
            TypeError,
            "PyTorch has a layout for RNN, GRU, LSTM, got PeepholeLSTM",
        ),
        (
            lambda: convert.to_keras(*draw("simplified gru")),
            TypeError,
            "Keras has a layout for RNN, GRU, LSTM, got SimplifiedGRU",
        ),
        (
            lambda: convert.from_onnx(SimplifiedGRU(2), None, None),
            TypeError,
            "ONNX has a layout for RNN, GRU, LSTM, PeepholeLSTM, got SimplifiedGRU",
        ),
        (
            lambda: convert.to_onnx(*draw("lstm coupled")),
            ValueError,
            "no layout for the ablated .*coupled=True",
        ),
        (
            lambda: convert.to_torch(LSTM(N_A), draw("rnn")[1]),
            TypeError,
            "LSTM needs LSTMParams, got RNNParams",
        ),
        (
            lambda: convert.to_torch(LSTM(N_A + 1), draw("lstm")[1]),
            ValueError,
            r"params.W_c has shape \(4, 7\)",
        ),
        (
            lambda: convert.from_torch(LSTM(4), np.ones((12, 3)), np.ones((12, 4))),
            ValueError,
            r"weight_ih has shape \(12, 3\), but needs \(16, 3\)",
        ),
        (
            lambda: convert.from_torch(LSTM(4), np.ones(16), np.ones((16, 4))),
            ValueError,
            r"weight_ih has shape \(16,\), but needs \(16, n_x\)",
        ),
        (
            lambda: convert.from_torch(RNN(4), np.ones((4, 3)), np.ones((4, 3))),
            ValueError,
            r"weight_hh has shape \(4, 3\), but needs \(4, 4\)",
        ),
        (
            lambda: convert.from_torch(
                RNN(4), np.ones((4, 3)), np.ones((4, 4)), np.ones(4), np.ones(5)
            ),
            ValueError,
            r"bias_hh has shape \(5,\), but needs \(4,\)",
        ),
        (
            lambda: convert.from_keras(
                GRU(4, "after"), np.ones((3, 12)), np.ones((4, 12)), np.ones(12)
            ),
            ValueError,
            r"bias has shape \(12,\), but needs \(2, 12\)",
        ),
        (
            lambda: convert.from_keras(
                GRU(4), np.ones((3, 12)), np.ones((4, 12)), np.ones((2, 12))
            ),
            ValueError,
            r"bias has shape \(2, 12\), but needs \(12,\)",
        ),
        (
            lambda: convert.from_keras(RNN(4), np.ones(4), np.ones((4, 4))),
            ValueError,
            r"kernel has shape \(4,\), but needs \(n_x, 4\)",
        ),
        (
            lambda: convert.from_onnx(RNN(4), np.ones((1, 4, 3)), np.ones((1, 4, 4))),
            ValueError,
            r"W has shape \(1, 4, 3\), but needs \(4, n_x\)",
        ),
        (
            lambda: convert.from_onnx(
                LSTM(1), np.ones((4, 3)), np.ones((4, 1)), P=np.ones(3)
            ),
            ValueError,
            "P: LSTM.* has no peepholes; use PeepholeLSTM",
        ),
        (
            lambda: convert.from_onnx(
                PeepholeLSTM(1), np.ones((4, 3)), np.ones((4, 1)), P=np.ones(4)
            ),
            ValueError,
            r"P has shape \(4,\), but needs \(3,\)",
        ),
        (
            lambda: convert.from_torch(RNN(2), np.ones((2, 3), int), np.ones((2, 2))),
            TypeError,
            "weight_ih must hold floats, got int",
        ),
        (
            lambda: convert.from_torch(RNN(2), np.ones((2, 3)), None),
            TypeError,
            "weight_hh must hold floats, got object",
        ),
        (
            lambda: convert.from_torch(RNN(2), np.ones((2, 3)), [[1.0], [2.0, 3.0]]),
            TypeError,
            "weight_hh must be an array",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
