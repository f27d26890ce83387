"""ONNX Runtime, an independent implementation, gives our numbers with our weights."""

import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
import reference
from onnx import TensorProto, helper
from reference import CELLS, N_A, N_X

from companion.convert import from_onnx, to_onnx
from companion.layers import Bidirectional, BothWays, apply
from companion.unroll import unroll

T, BATCH = 6, 3
OPERATORS = {
    "rnn": ("RNN", {}),
    "gru before": ("GRU", {"linear_before_reset": 0}),
    "gru after": ("GRU", {"linear_before_reset": 1}),
    "lstm": ("LSTM", {}),
    "peephole lstm": ("LSTM", {}),
}
names = pytest.mark.parametrize("name", OPERATORS)


def run_onnx(name, direction, weights, xs, lengths=None, start=None):
    """One operator in a model of its own: Y (T, directions, batch, n_a) and the last.

    weights: one `OnnxWeights` a direction. start: a tuple of (directions, batch, n_a).
    """
    operator, attributes = OPERATORS[name]
    W, R, B, P = (
        None if v[0] is None else np.stack(v) for v in zip(*weights, strict=True)
    )
    feeds = {"X": xs, "W": W, "R": R, "B": B, "sequence_lens": lengths}
    for key, value in zip(("initial_h", "initial_c"), start or (), strict=False):
        feeds[key] = value
    if operator == "LSTM":
        feeds = {"initial_h": None, "initial_c": None} | feeds | {"P": P}
        order = ["X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"]
    else:
        order = ["X", "W", "R", "B", "sequence_lens", "initial_h"]
    feeds = {key: value for key, value in feeds.items() if value is not None}
    kinds = {"sequence_lens": TensorProto.INT32}
    outputs = ["Y", "Y_h", "Y_c"] if operator == "LSTM" else ["Y", "Y_h"]
    node = helper.make_node(
        operator,
        [key if key in feeds else "" for key in order],
        outputs,
        hidden_size=N_A,
        direction=direction,
        **attributes,
    )
    graph = helper.make_graph(
        [node],
        name="one_operator",
        inputs=[
            helper.make_tensor_value_info(
                key, kinds.get(key, TensorProto.FLOAT), value.shape
            )
            for key, value in feeds.items()
        ],
        outputs=[
            helper.make_tensor_value_info(
                key, TensorProto.FLOAT, [None] * (4 if key == "Y" else 3)
            )
            for key in outputs
        ],
    )
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8
    )
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    casts = {
        k: np.asarray(v, np.int32 if k in kinds else np.float32)
        for k, v in feeds.items()
    }
    return session.run(outputs, casts)


def draw(name, seed):
    rng = np.random.default_rng(seed)
    cell = CELLS[name][0]
    single = {
        key: jnp.asarray(value, jnp.float32)
        for key, value in reference.draw_params(name, rng).items()
    }
    start = reference.draw_state(name, rng, (BATCH,))
    start = cell.State(*[jnp.asarray(field, jnp.float32) for field in start])
    xs = rng.normal(size=(T, BATCH, N_X)).astype(np.float32)
    return cell, cell.Params(**single), start, xs


@names
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "reverse"])
@pytest.mark.parametrize("details", [False, True], ids=["plain", "lengths and state"])
def test_one_direction(name, reverse, details):
    cell, params, state, xs = draw(name, 1)
    lengths = np.array([T, 1, 4]) if details else None
    state = state if details else None
    start = tuple(np.asarray(field)[None] for field in state) if details else None
    direction = "reverse" if reverse else "forward"
    weights = [to_onnx(cell, params)]
    Y, *finals = run_onnx(name, direction, weights, xs, lengths, start)
    ours = dict(state=state, lengths=lengths, reverse=reverse)
    states = unroll(cell, params, jnp.asarray(xs), **ours)
    reference.close(states.a, Y[:, 0], 1e-6)
    last = unroll(cell, params, jnp.asarray(xs), **ours, last=True)
    for value, wanted in zip(last, finals, strict=True):
        reference.close(value, wanted[0], 1e-6)


@names
def test_both_directions(name):
    cell, ahead, ahead_state, xs = draw(name, 2)
    _, back, back_state, _ = draw(name, 3)
    lengths = np.array([3, T, 1])
    weights = [to_onnx(cell, ahead), to_onnx(cell, back)]
    start = tuple(
        np.stack(fields) for fields in zip(ahead_state, back_state, strict=True)
    )
    Y, *finals = run_onnx(name, "bidirectional", weights, xs, lengths, start)
    run = apply(
        Bidirectional(cell),
        BothWays(ahead, back),
        jnp.asarray(xs),
        state=BothWays(ahead_state, back_state),
        lengths=lengths,
    )
    reference.close(run.outputs, np.concatenate([Y[:, 0], Y[:, 1]], axis=-1), 1e-6)
    for i, last in enumerate(run.last):
        for value, wanted in zip(last, finals, strict=True):
            reference.close(value, wanted[i], 1e-6)


@names
def test_weights_of_an_onnx_model(name):
    """The other way round, with both of its biases drawn."""
    cell, params, _, xs = draw(name, 4)
    weights = to_onnx(cell, params)
    rng = np.random.default_rng(5)
    weights = weights._replace(
        B=rng.normal(size=weights.B.shape).astype(np.float32),
        W=rng.normal(0, 0.7, weights.W.shape).astype(np.float32),
    )
    Y = run_onnx(name, "forward", [weights], xs)[0]
    states = unroll(cell, from_onnx(cell, *weights), jnp.asarray(xs))
    reference.close(states.a, Y[:, 0], 1e-6)
