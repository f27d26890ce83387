"""What happens inside a cell: its candidate, its gates, and how flat they sit.

`unroll` keeps states and nothing else. Here the values in between come back from the
states, for all steps at once: every state is known, so no loop is needed.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import sigmoid
from jaxtyping import Float

from companion import validate
from companion.cells import (
    GRU,
    LSTM,
    RNN,
    Cell,
    PeepholeLSTM,
    SimplifiedGRU,
    affine,
    for_running,
    times,
)
from companion.deep_cells import MLPGRU, MLPLSTM, DeepTransition, NetworkCell
from companion.linear_cells import LinearCell
from companion.unroll import unroll

__all__ = ["before_and_after", "inside", "memory_line", "saturation"]

ONE_VALUE = (RNN, DeepTransition)  # no candidate and no gates
GATED = (SimplifiedGRU, GRU, LSTM, PeepholeLSTM, MLPGRU, MLPLSTM)
KNOWN = (*ONE_VALUE, *GATED, LinearCell)
FLAT = 1 - 0.95**2  # the slope of tanh where it reaches 0.95


def before_and_after(cell: Cell, params, xs, state=None):
    """The states before every step and after it: two States of (T, ..., n_a).

    Arguments and errors as in `unroll`; state is the one before the first step.
    """
    after = unroll(cell, params, xs, state=state)
    if state is None:
        state = jax.tree.map(lambda s: jnp.zeros_like(s[0]), after)
    before = jax.tree.map(
        lambda first, s: jnp.concatenate([first[None].astype(s.dtype), s[:-1]]),
        state,
        after,
    )
    return before, after


def inside(cell: Cell, params, xs, state=None) -> dict[str, Array]:
    """Every value a cell computes on the way, by name: each (T, ..., n_a).

    xs: (T, ..., n_x) or token ids (T, ...). The names are those of the notation: a, c,
    c_tilde, gamma_u, gamma_r, gamma_f, gamma_o, as far as the cell has them. Raises as
    `unroll`, and TypeError for a cell that is not one of `companion.cells`,
    `companion.deep_cells` or `companion.linear_cells`. A gate of fewer numbers is
    shown for every unit it serves.
    """
    validate.instance("cell", cell, KNOWN)
    before, after = before_and_after(cell, params, xs, state)
    return _inside(for_running(cell), params, before, after, jnp.asarray(xs))


@functools.partial(jax.jit, static_argnames="cell")
def _inside(cell, params, before, after, xs):
    seen = before.a  # what the maps multiply: a<t-1>, for a GRU the same as c<t-1>
    if isinstance(cell, ONE_VALUE):
        return {"a": after.a}
    if isinstance(cell, LinearCell):
        return {"a": after.a, **after._asdict(), **cell.gates(params, xs)}
    z = {letter: z_of(cell, letter, params, seen, xs) for letter in cell.maps}
    if isinstance(cell, PeepholeLSTM):
        z["u"] += params.p_u * before.c
        z["f"] += params.p_f * before.c
        z["o"] += params.p_o * after.c
    found = {f"gamma_{letter}": sigmoid(z[letter]) for letter in cell.maps[1:]}
    if isinstance(cell, GRU):
        z["c"] = candidate_of_gru(cell, params, seen, found["gamma_r"], xs)
    if isinstance(cell, MLPGRU):
        z["c"] = z_of(cell, "c", params, found["gamma_r"] * seen, xs)
    if isinstance(cell, LSTM) and cell.coupled:
        found["gamma_u"] = 1 - found["gamma_f"]
    return {"a": after.a, "c": after.c, "c_tilde": jnp.tanh(z["c"]), **found}


def z_of(cell, letter, params, seen, xs):
    """One map's end before its nonlinearity, without peepholes."""
    if isinstance(cell, NetworkCell):
        return cell.z(letter, params, seen, xs)
    W, b = getattr(params, f"W_{letter}"), getattr(params, f"b_{letter}")
    return affine(W, b, seen, xs)


def candidate_of_gru(cell, params, c, gamma_r, xs):
    if cell.reset == "before":
        return affine(params.W_c, params.b_c, gamma_r * c, xs)
    W_cc, W_cx = params.W_c[:, : cell.n_a], params.W_c[:, cell.n_a :]
    return gamma_r * (times(W_cc, c) + params.b_cc) + times(W_cx, xs) + params.b_c


def memory_line(cell: Cell, params, xs, state=None) -> Float[Array, "T *batch n_a"]:
    """What the memory keeps at each step if nothing else moves: the direct path.

    Gamma_f of an LSTM, 1 - Gamma_u of a GRU, alpha of a `LinearCell`. The product over
    the steps k+1..t is dc<t>/dc<k> along that path alone, without the detours through
    the gates. (A `LinearCell` has no detours: there it is all of the derivative.)
    Raises TypeError for a cell without a memory cell, such as the RNN.
    """
    validate.instance("cell", cell, (*GATED, LinearCell))
    if isinstance(cell, LinearCell):
        params = jax.tree.map(jnp.asarray, params)
        alpha, beta = cell.recurrence(params, validate.as_input("xs", xs))
        return jnp.broadcast_to(alpha, beta.shape)
    values = inside(cell, params, xs, state)
    if isinstance(cell, SimplifiedGRU | GRU | MLPGRU):
        return 1 - values["gamma_u"]
    return values.get("gamma_f", jnp.ones_like(values["c"]))


def saturation(cell: Cell, params, xs, state=None) -> dict[str, np.ndarray]:
    """Share of units on a flat part, per step, for each nonlinearity: name -> (T,).

    Flat is where the slope is below a tenth (0.0975) of the steepest: tanh beyond
    0.95, a gate below 0.025 or above 0.975, a ReLU at 0. Names as in `inside`; for a
    gated cell they are the candidate and the gates. Of several layers, the last.
    """
    values = inside(cell, params, xs, state)
    if isinstance(cell, ONE_VALUE):
        before, _ = before_and_after(cell, params, xs, state)
        slopes = {"a": _slope(cell, params, before, jnp.asarray(xs))}
    else:
        linear = isinstance(cell, LinearCell)  # its candidate has no flat part
        skipped = ("a", "c", "c_tilde") if linear else ("a", "c")
        slopes = {
            name: 4 * v * (1 - v) if name.startswith("gamma") else 1 - v**2
            for name, v in values.items()
            if name not in skipped
        }
    return {
        name: np.asarray(jnp.abs(slope) < FLAT).reshape(len(slope), -1).mean(axis=1)
        for name, slope in slopes.items()
    }


@functools.partial(jax.jit, static_argnames="cell")
def _slope(cell, params, before, xs):
    z = z_of(cell, "a", params, before.a, xs)
    return jax.jvp(cell.activation, (z,), (jnp.ones_like(z),))[1]
