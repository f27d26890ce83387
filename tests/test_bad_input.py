"""Bad input at every public edge of cells, unroll and layers: one clear error each.

The errors of losses, convert, models and training are in their own test files.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion.cells import GRU, LSTM, RNN, GRUState, LSTMParams, LSTMState, RNNState
from companion.layers import Bidirectional, BothWays, Stacked, apply
from companion.unroll import unroll

pytestmark = pytest.mark.usefixtures("as_readers_run_it")

CELL = LSTM(4)
PARAMS = CELL.init(jax.random.key(0), 3)
STATE = CELL.start(2)
XS = jnp.ones((5, 2, 3))
TOKENS = jnp.zeros((5, 2), int)


def step(x=XS[0], params=PARAMS, state=STATE, cell=CELL):
    return cell.step(params, state, x)


def run(xs=XS, params=PARAMS, cell=CELL, **options):
    return unroll(cell, params, xs, **options)


def bad(name, call, error, message):
    return pytest.param(call, error, message, id=name)


CASES = [
    # making a cell, its parameters and its state
    bad(
        "bias an array",
        lambda: LSTM(3, forget_bias=np.arange(3.0)),
        TypeError,
        "forget_bias must be a number",
    ),
    bad(
        "bias nan",
        lambda: GRU(3, update_bias=float("nan")),
        ValueError,
        "update_bias must be finite, got nan",
    ),
    bad(
        "start of integers",
        lambda: CELL.start(2, dtype=int),
        TypeError,
        "dtype must be one of floats",
    ),
    bad(
        "step: a state of integers",
        lambda: step(state=LSTMState(*[jnp.zeros((2, 4), int)] * 2)),
        TypeError,
        "state.a must be an array of floats, got int32",
    ),
    bad(
        "step: parameters in lists",
        lambda: step(params=jax.tree.map(lambda v: v.tolist(), PARAMS)),
        TypeError,
        "params.W_c must be an array of floats, got list",
    ),
    bad(
        "unroll: a class for a cell",
        lambda: run(cell=LSTM),
        TypeError,
        "cell must be Cell, got type",
    ),
    bad(
        "apply: no option of unroll's own",
        lambda: apply(CELL, PARAMS, XS, last=True),
        TypeError,
        "last",
    ),
    bad("n_a 0", lambda: LSTM(0), ValueError, "n_a must be at least 1, got 0"),
    bad("n_a < 0", lambda: RNN(-3), ValueError, "n_a must be at least 1, got -3"),
    bad("n_a float", lambda: GRU(2.5), TypeError, "n_a must be an integer, got 2.5"),
    bad("n_a bool", lambda: RNN(True), TypeError, "n_a must be an integer, got True"),
    bad("n_a text", lambda: RNN("4"), TypeError, "n_a must be an integer, got '4'"),
    bad(
        "reset",
        lambda: GRU(4, "Before"),
        ValueError,
        "reset must be 'before' or 'after', got 'Before'",
    ),
    bad(
        "coupled without forget gate",
        lambda: LSTM(4, forget_gate=False, coupled=True),
        ValueError,
        "coupled=True needs the forget gate",
    ),
    bad(
        "n_x 0",
        lambda: CELL.init(jax.random.key(0), 0),
        ValueError,
        "n_x must be at least 1, got 0",
    ),
    bad(
        "n_x float",
        lambda: CELL.init(jax.random.key(0), 3.0),
        TypeError,
        "n_x must be an integer, got 3.0",
    ),
    bad(
        "batch 0", lambda: CELL.start(0), ValueError, "batch must be at least 1, got 0"
    ),
    bad(
        "batch float",
        lambda: CELL.start((2, 2.0)),
        TypeError,
        "batch must be an integer, got 2.0",
    ),
    # one step
    bad(
        "step: feature size",
        lambda: step(jnp.ones((2, 5))),
        ValueError,
        r"x has shape \(2, 5\), but params.W_c of shape \(4, 7\) was made for .* 3",
    ),
    bad(
        "step: scalar x",
        lambda: step(jnp.ones(())),
        ValueError,
        r"x has shape \(\), but params.W_c",
    ),
    bad(
        "step: batch of x and state differ",
        lambda: step(jnp.ones((6, 3))),
        ValueError,
        r"state.a has shape \(2, 4\), .* leading axes \(6,\) .* need \(6, 4\)",
    ),
    bad(
        "step: x broadcasts against the state",
        lambda: step(jnp.ones(3)),
        ValueError,
        r"state.a has shape \(2, 4\), .* leading axes \(\) .* need \(4,\)",
    ),
    bad(
        "step: complex x",
        lambda: step(jnp.ones((2, 3), complex)),
        TypeError,
        "x must hold floats .* or integers .* got complex64",
    ),
    bad(
        "step: bool x",
        lambda: step(jnp.ones((2, 3), bool)),
        TypeError,
        "x must hold floats .* got bool",
    ),
    bad(
        "step: text",
        lambda: step("hello"),
        TypeError,
        "x must be an array, got str",
    ),
    bad(
        "step: None",
        lambda: step(None),
        TypeError,
        "x must be an array, got NoneType",
    ),
    bad(
        "step: state of another cell",
        lambda: step(state=GRUState(STATE.c)),
        TypeError,
        "state: LSTM needs LSTMState, got GRUState",
    ),
    bad(
        "step: state as a plain tuple",
        lambda: step(state=(STATE.a, STATE.c)),
        TypeError,
        "state: LSTM needs LSTMState, got tuple",
    ),
    bad(
        "step: state of another size",
        lambda: step(state=LSTMState(STATE.a, jnp.ones((2, 5)))),
        ValueError,
        r"state.c has shape \(2, 5\), .* need \(2, 4\)",
    ),
    bad(
        "step: parameters of another cell",
        lambda: step(params=RNN(4).init(jax.random.key(0), 3)),
        TypeError,
        "params: LSTM needs LSTMParams, got RNNParams",
    ),
    bad(
        "step: parameters of another size",
        lambda: step(params=LSTM(5).init(jax.random.key(0), 3)),
        ValueError,
        r"x has shape \(2, 3\), but params.W_c of shape \(5, 8\)",
    ),
    bad(
        "step: one array of another size",
        lambda: step(params=PARAMS._replace(W_o=jnp.ones((4, 6)))),
        ValueError,
        r"params.W_o has shape \(4, 6\), but LSTM\(n_a=4\) with inputs of 3 features "
        r"needs \(4, 7\)",
    ),
    bad(
        "step: a bias that would broadcast",
        lambda: step(params=PARAMS._replace(b_f=jnp.ones(1))),
        ValueError,
        r"params.b_f has shape \(1,\), .* needs \(4,\)",
    ),
    bad(
        "step: a gate is missing",
        lambda: step(params=LSTMParams(PARAMS.W_c, PARAMS.b_c)),
        ValueError,
        "params.W_u is missing from the parameters of LSTM",
    ),
    bad(
        "step: a gate too many",
        lambda: step(cell=LSTM(4, output_gate=False)),
        ValueError,
        "params.W_o has no place in the parameters of LSTM",
    ),
    bad(
        "step: reset before with b_cc",
        lambda: GRU(4).step(
            GRU(4, "after").init(jax.random.key(0), 3), GRU(4).start(2), XS[0]
        ),
        ValueError,
        "params.b_cc has no place in",
    ),
    bad(
        "step: weights without input columns",
        lambda: step(params=PARAMS._replace(W_c=jnp.ones((4, 4)))),
        ValueError,
        r"params.W_c has shape \(4, 4\), but LSTM\(n_a=4\) needs \(4, 4 \+ n_x\)",
    ),
    # through time
    bad(
        "unroll: feature size",
        lambda: run(jnp.ones((5, 2, 4))),
        ValueError,
        r"xs has shape \(5, 2, 4\), but params.W_c of shape \(4, 7\)",
    ),
    bad(
        "unroll: no time axis",
        lambda: run(jnp.ones(3)),
        ValueError,
        r"xs has shape \(3,\), but needs \(T, ..., n_x\) with T >= 1",
    ),
    bad(
        "unroll: T of 0",
        lambda: run(jnp.ones((0, 2, 3))),
        ValueError,
        r"xs has shape \(0, 2, 3\), but needs .* T >= 1",
    ),
    bad(
        "unroll: one token",
        lambda: run(jnp.array(1)),
        ValueError,
        r"xs has shape \(\), but needs \(T, ...\) with T >= 1",
    ),
    bad(
        "unroll: ragged list",
        lambda: run([[1.0, 2.0, 3.0], [1.0]]),
        TypeError,
        "xs must be an array, got list",
    ),
    bad(
        "unroll: token too large",
        lambda: run(TOKENS.at[1, 1].set(3)),
        ValueError,
        "xs holds token ids from 0 to 3, but the vocabulary of size 3 has 0 to 2",
    ),
    bad(
        "unroll: token negative",
        lambda: run(TOKENS.at[1, 1].set(-1)),
        ValueError,
        "xs holds token ids from -1 to 0",
    ),
    bad(
        "unroll: lengths too long",
        lambda: run(lengths=[5, 6]),
        ValueError,
        "lengths runs from 5 to 6, but T is 5",
    ),
    bad(
        "unroll: lengths negative",
        lambda: run(lengths=np.array([5, -1])),
        ValueError,
        "lengths runs from -1 to 5, but T is 5",
    ),
    bad(
        "unroll: lengths of another shape",
        lambda: run(lengths=[1, 2, 3]),
        ValueError,
        r"lengths has shape \(3,\), but a batch of shape \(2,\)",
    ),
    bad(
        "unroll: one length for all",
        lambda: run(lengths=3),
        ValueError,
        r"lengths has shape \(\), but a batch of shape \(2,\)",
    ),
    bad(
        "unroll: lengths as floats",
        lambda: run(lengths=[1.0, 2.0]),
        TypeError,
        "lengths must hold integers, got float32",
    ),
    bad(
        "unroll: lengths as text",
        lambda: run(lengths="all"),
        TypeError,
        "lengths must be an array, got str",
    ),
    bad(
        "unroll: state without its batch axis",
        lambda: run(state=CELL.start()),
        ValueError,
        r"state.a has shape \(4,\), .* need \(2, 4\)",
    ),
    bad(
        "unroll: state with a time axis",
        lambda: run(state=CELL.start((5, 2))),
        ValueError,
        r"state.a has shape \(5, 2, 4\), .* need \(2, 4\)",
    ),
    bad(
        "unroll: state of another cell",
        lambda: run(state=RNNState(STATE.a)),
        TypeError,
        "state: LSTM needs LSTMState, got RNNState",
    ),
    bad(
        "unroll: parameters of another cell",
        lambda: run(params=GRU(4).init(jax.random.key(0), 3)),
        TypeError,
        "params: LSTM needs LSTMParams, got GRUParams",
    ),
    bad(
        "unroll: window 0",
        lambda: run(window=0),
        ValueError,
        "window must be at least 1, got 0",
    ),
    bad(
        "unroll: window float",
        lambda: run(window=2.0),
        TypeError,
        "window must be an integer, got 2.0",
    ),
    # layers
    bad(
        "merge",
        lambda: Bidirectional(RNN(2), merge="mean"),
        ValueError,
        "merge must be 'concat' or 'sum', got 'mean'",
    ),
    bad(
        "sum of unequal sizes",
        lambda: Bidirectional(RNN(2), RNN(3), merge="sum"),
        ValueError,
        "merge='sum' needs cells of equal n_a, got 2 and 3",
    ),
    bad(
        "bidirectional of no cell",
        lambda: Bidirectional(3),
        TypeError,
        "forward must be Cell, got int",
    ),
    bad("no layers", lambda: Stacked(()), ValueError, "at least one layer, got none"),
    bad(
        "a layer that is none",
        lambda: Stacked((RNN(2), 3)),
        TypeError,
        "layer 2 must be Cell or Bidirectional or Stacked or Wrapper, got int",
    ),
    bad(
        "dropout of all",
        lambda: Stacked((RNN(2),), dropout=1.0),
        ValueError,
        r"dropout must be in \[0, 1\), got 1.0",
    ),
    bad(
        "residual of unequal widths",
        lambda: Stacked((RNN(2), RNN(3)), residual=True),
        ValueError,
        r"residual=True needs layers of one width, got \[2, 3\]",
    ),
    bad("apply: no layer", lambda: apply(3, PARAMS, XS), TypeError, "layer must be"),
    bad(
        "apply: parameters of one direction",
        lambda: apply(Bidirectional(CELL), PARAMS, XS),
        TypeError,
        "params must be BothWays, got LSTMParams",
    ),
    bad(
        "apply: state of one direction",
        lambda: apply(Bidirectional(CELL), BothWays(PARAMS, PARAMS), XS, state=STATE),
        TypeError,
        "state must be BothWays, got LSTMState",
    ),
    bad(
        "apply: parameters of too few layers",
        lambda: apply(Stacked((CELL, CELL)), (PARAMS,), XS),
        ValueError,
        "params must be a tuple with one entry for each of the 2 layers",
    ),
    bad(
        "apply: state of too many layers",
        lambda: apply(Stacked((CELL,)), (PARAMS,), XS, state=(STATE, STATE)),
        ValueError,
        "state must be a tuple with one entry for each of the 1 layers",
    ),
    bad(
        "apply: lengths too long",
        lambda: apply(Stacked((CELL,)), (PARAMS,), XS, lengths=[6, 1]),
        ValueError,
        "lengths runs from 1 to 6, but T is 5",
    ),
    bad(
        "apply: feature size",
        lambda: apply(Bidirectional(CELL), BothWays(PARAMS, PARAMS), jnp.ones((5, 2))),
        ValueError,
        r"xs has shape \(5, 2\), but params.W_c",
    ),
]


@pytest.mark.parametrize("call, error, message", CASES)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert caught.type is error  # a plain one, not a subclass from inside a library


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: step(jnp.ones((2, 5))), "x has shape"),
        (lambda: run(jnp.ones((5, 2, 4))), "xs has shape"),
        (lambda: run(lengths=jnp.array([1, 2, 3])), "lengths has shape"),
    ],
)
def test_shapes_are_compared_under_jit_too(call, message):
    with pytest.raises(ValueError, match=message):
        jax.jit(call)()


def test_lists_and_numpy_arrays_are_welcome():
    plain = run()
    for xs in (np.ones((5, 2, 3), np.float32), np.ones((5, 2, 3)).tolist()):
        for one, other in zip(run(xs, lengths=[5, 5]), plain, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)
