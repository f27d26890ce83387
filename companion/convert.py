"""Weights from and to PyTorch, Keras 3 and ONNX.

Here every map has its own W_. (n_a, n_a + n_x) and b_.; elsewhere all maps of a cell
are stacked in two matrices, one for the input and one for the state (k = how many):

    library   input weights           state weights                biases
    PyTorch   weight_ih (k n_a, n_x)  weight_hh (k n_a, n_a)       bias_ih, bias_hh
    Keras 3   kernel (n_x, k n_a)     recurrent_kernel (n_a, k n_a)  bias
    ONNX      W (k n_a, n_x)          R (k n_a, n_a)               B: input, then state

    library   LSTM, stacked as       GRU, stacked as      GRU(reset=...)
    PyTorch   i f g o: our u f c o   r z n: our r u c     "after" only
    Keras 3   i f c o: our u f c o   z r h: our u r c     reset_after=True, False
    ONNX      i o f c: our u o f c   z r h: our u r c     linear_before_reset=1, 0

The peepholes of ONNX, P (3 n_a,), are stacked as i o f: our p_u p_o p_f. The bias of
Keras has shape (k n_a,), and (2, 3 n_a) in a GRU with reset_after=True.

Their update gate of the GRU keeps the old state where it is near 1, ours takes the
candidate. As 1 - sigmoid(z) = sigmoid(-z), W_u and b_u change sign on the way.

Where a library has two biases for one map only their sum counts: `from_` adds them and
`to_` writes ours as the input's, with zeros for the state's. The one exception is the
candidate of a GRU with reset="after": there they are our b_c and b_cc.

ONNX puts a first axis for the directions in front of W, R, B and P. One direction has
one cell, so pass W[0] and so on, and W[1] for the second direction.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from companion import validate
from companion.cells import GRU, LSTM, RNN, PeepholeLSTM

__all__ = [
    "KerasWeights",
    "OnnxWeights",
    "TorchWeights",
    "from_keras",
    "from_onnx",
    "from_torch",
    "to_keras",
    "to_onnx",
    "to_torch",
]

TORCH = {RNN: "a", GRU: "ruc", LSTM: "ufco"}
KERAS = {RNN: "a", GRU: "urc", LSTM: "ufco"}
ONNX = {RNN: "a", GRU: "urc", LSTM: "uofc", PeepholeLSTM: "uofc"}
ONNX_PEEPHOLES = "uof"


class TorchWeights(NamedTuple):
    """The arrays of one layer and direction of a `torch.nn` RNN, GRU or LSTM."""

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray
    bias_hh: np.ndarray


class KerasWeights(NamedTuple):
    """What `layer.set_weights` takes, in its order."""

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


class OnnxWeights(NamedTuple):
    """The inputs W, R, B of an ONNX operator, and P of an LSTM with peepholes."""

    W: np.ndarray
    R: np.ndarray
    B: np.ndarray
    P: np.ndarray | None = None


def from_torch(cell, weight_ih, weight_hh, bias_ih=None, bias_hh=None):
    """Parameters of `cell` from one layer and direction of PyTorch.

    cell: RNN, GRU(reset="after") or LSTM with n_a = hidden_size.
    weight_ih: (k n_a, n_x). weight_hh: (k n_a, n_a). bias_ih, bias_hh: (k n_a,), or
    None for bias=False. Of a tensor that needs gradients pass `tensor.detach()`.
    Returns the cell's parameters. Raises TypeError or ValueError naming the argument.
    """
    order = layout("PyTorch", TORCH, cell)
    n_x = last_axis(weight_ih)
    rows = len(order) * cell.n_a
    W_x = numbers("weight_ih", weight_ih, (rows, n_x))
    W_a = numbers("weight_hh", weight_hh, (rows, cell.n_a))
    b_x = numbers("bias_ih", bias_ih, (rows,), like=W_x)
    b_a = numbers("bias_hh", bias_hh, (rows,), like=W_x)
    return unstack(cell, order, W_x, W_a, b_x, b_a)


def to_torch(cell, params) -> TorchWeights:
    """The reverse of `from_torch`: arrays for the `state_dict` of one layer."""
    return TorchWeights(*stack(cell, layout("PyTorch", TORCH, cell), params))


def from_keras(cell, kernel, recurrent_kernel, bias=None):
    """Parameters of `cell` from `layer.get_weights()` of SimpleRNN, GRU or LSTM.

    cell: RNN, LSTM or GRU with n_a = units; reset="after" for reset_after=True.
    kernel: (n_x, k n_a). recurrent_kernel: (n_a, k n_a). bias: (k n_a,), for a GRU
    with reset_after=True (2, k n_a); None for use_bias=False.
    Returns the cell's parameters. Raises TypeError or ValueError naming the argument.
    """
    order = layout("Keras", KERAS, cell)
    rows = len(order) * cell.n_a
    n_x = np.shape(kernel)[0] if np.ndim(kernel) == 2 else "n_x"
    W_x = numbers("kernel", kernel, (n_x, rows)).T
    W_a = numbers("recurrent_kernel", recurrent_kernel, (cell.n_a, rows)).T
    if two_biases(cell):
        b_x, b_a = numbers("bias", bias, (2, rows), like=W_x)
    else:
        b_x = numbers("bias", bias, (rows,), like=W_x)
        b_a = np.zeros_like(b_x)
    return unstack(cell, order, W_x, W_a, b_x, b_a)


def to_keras(cell, params) -> KerasWeights:
    """The reverse of `from_keras`: `layer.set_weights(to_keras(cell, params))`."""
    W_x, W_a, b_x, b_a = stack(cell, layout("Keras", KERAS, cell), params)
    bias = np.stack([b_x, b_a]) if two_biases(cell) else b_x
    return KerasWeights(W_x.T, W_a.T, bias)


def from_onnx(cell, W, R, B=None, P=None):
    """Parameters of `cell` from one direction of the ONNX operator RNN, GRU or LSTM.

    cell: RNN, LSTM, PeepholeLSTM or GRU with n_a = hidden_size; reset="after" for
    linear_before_reset=1. W: (k n_a, n_x). R: (k n_a, n_a). B: (2 k n_a,), the input's
    and then the state's; None for zeros. P: (3 n_a,), for PeepholeLSTM only.
    Returns the cell's parameters. Raises TypeError or ValueError naming the argument.
    """
    order = layout("ONNX", ONNX, cell)
    rows = len(order) * cell.n_a
    W_x = numbers("W", W, (rows, last_axis(W)))
    W_a = numbers("R", R, (rows, cell.n_a))
    b_x, b_a = np.split(numbers("B", B, (2 * rows,), like=W_x), 2)
    if not isinstance(cell, PeepholeLSTM):
        if P is not None:
            raise ValueError(f"P: {cell!r} has no peepholes; use PeepholeLSTM")
        return unstack(cell, order, W_x, W_a, b_x, b_a)
    p = np.split(numbers("P", P, (3 * cell.n_a,), like=W_x), 3)
    peepholes = zip(ONNX_PEEPHOLES, p, strict=True)
    peepholes = {f"p_{letter}": jnp.asarray(p) for letter, p in peepholes}
    return unstack(cell, order, W_x, W_a, b_x, b_a, **peepholes)


def to_onnx(cell, params) -> OnnxWeights:
    """The reverse of `from_onnx`. P is None but for PeepholeLSTM."""
    W_x, W_a, b_x, b_a = stack(cell, layout("ONNX", ONNX, cell), params)
    P = None
    if isinstance(cell, PeepholeLSTM):
        P = np.concatenate([getattr(params, f"p_{m}") for m in ONNX_PEEPHOLES])
    return OnnxWeights(W_x, W_a, np.concatenate([b_x, b_a]), P)


def layout(library, orders, cell) -> str:
    """The letters of the cell's maps in the order in which the library stacks them."""
    order = orders.get(type(cell))
    if order is None:
        known = ", ".join(kind.__name__ for kind in orders)
        raise TypeError(f"cell: {library} has a layout for {known}, got {cell!r}")
    if type(cell) is LSTM and cell != LSTM(cell.n_a, cell.forget_bias):
        raise ValueError(f"cell: {library} has no layout for the ablated {cell!r}")
    if orders is TORCH and isinstance(cell, GRU) and cell.reset == "before":
        raise ValueError(f'cell: PyTorch\'s GRU has reset="after", got {cell!r}')
    return order


def two_biases(cell) -> bool:
    """Whether the two biases of the candidate are two numbers and not one sum."""
    return isinstance(cell, GRU) and cell.reset == "after"


def last_axis(value):
    return np.shape(value)[-1] if np.ndim(value) == 2 else "n_x"


def numbers(name, value, shape, like=None):
    """value as an array of floats of this shape; zeros where it may be left out."""
    if value is None and like is not None:
        return np.zeros(shape, like.dtype)
    try:
        value = np.asarray(value)
    except Exception as error:  # each library's tensors refuse in their own way
        raise TypeError(f"{name} must be an array: {error}") from error
    if not jnp.issubdtype(value.dtype, jnp.floating):  # bfloat16 is one too
        raise TypeError(f"{name} must hold floats, got {value.dtype}")
    if value.shape != shape:
        wanted = str(tuple(shape)).replace("'", "")  # n_x stands for any number
        raise ValueError(f"{name} has shape {value.shape}, but needs {wanted}")
    return value


def sign(cell, letter):
    return -1 if isinstance(cell, GRU) and letter == "u" else 1


def unstack(cell, order, W_x, W_a, b_x, b_a, **more):
    """Our parameters from stacked rows, (k n_a, n_x) and so on."""
    params = dict(more)
    blocks = [np.split(stacked, len(order)) for stacked in (W_a, W_x, b_x, b_a)]
    for letter, w_a, w_x, from_x, from_a in zip(order, *blocks, strict=True):
        if letter == "c" and two_biases(cell):
            params["b_cc"] = jnp.asarray(from_a)
            bias = from_x
        else:
            bias = from_x + from_a
        W = np.concatenate([w_a, w_x], axis=1)
        params[f"W_{letter}"] = jnp.asarray(sign(cell, letter) * W)
        params[f"b_{letter}"] = jnp.asarray(sign(cell, letter) * bias)
    return cell.Params(**params)


def stack(cell, order, params):
    """The stacked rows of our parameters, as NumPy arrays: W_x, W_a, b_x, b_a."""
    n_x = validate.features(cell, params, "x", np.zeros((), int))
    validate.params(cell, params, n_x)
    W, b_x, b_a = [], [], []
    for letter in order:
        W.append(sign(cell, letter) * np.asarray(getattr(params, f"W_{letter}")))
        b_x.append(sign(cell, letter) * np.asarray(getattr(params, f"b_{letter}")))
        split = letter == "c" and two_biases(cell)
        b_a.append(np.asarray(params.b_cc) if split else np.zeros_like(b_x[-1]))
    W = np.concatenate(W)
    return W[:, cell.n_a :], W[:, : cell.n_a], np.concatenate(b_x), np.concatenate(b_a)
