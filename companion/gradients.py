"""Gradients through time: how much of a nudge to the state arrives later.

The state s<t> is one vector here: a of an RNN, c of a GRU, [a, c] of an LSTM. A nudge
to s<k> reaches s<t> through a product of Jacobians, one a step:

    ds<t>/ds<k> = J<t> J<t-1> ... J<k+1>,    J<t> = ds<t>/ds<t-1>

(Pascanu, Mikolov and Bengio 2013, equation 5). The Jacobians are compiled, all steps at
once. The products are made in NumPy, rescaled as they grow or shrink with the logarithm
kept aside, because their squares leave float32 long before the numbers get dull. In
NumPy each product has just the columns that are alive at that step; a compiled loop of
fixed shape would do twice the work.

For what a cell computes on the way, its gates and how flat they sit, see
`companion.inside`.
"""

import functools
from numbers import Integral
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Float

from companion import validate
from companion.cells import Cell, for_running
from companion.inside import before_and_after, inside, memory_line, saturation

__all__ = [
    "inside",
    "memory_line",
    "norm_by_lag",
    "norm_map",
    "saturation",
    "share_by_lag",
    "singular_values",
    "step_jacobians",
    "weight_gradient_by_lag",
]

Part = Literal["state", "a", "c"]
RESCALE_EVERY = 4  # steps; float32 holds a factor of 1e9 a step over so many


def step_jacobians(cell: Cell, params, xs, state=None) -> Float[Array, "T *batch m m"]:
    """J<t> = ds<t>/ds<t-1> at every step; m is n_a, or 2 n_a for [a, c].

    Entry [t-1, ..., i, j] is the derivative of number i after step t by number j before
    it. Arguments and errors as in `unroll`: xs (T, ..., n_x) or token ids (T, ...).
    """
    before, _ = before_and_after(cell, params, xs, state)
    return _step_jacobians(for_running(cell), params, before, jnp.asarray(xs))


@functools.partial(jax.jit, static_argnames="cell")
def _step_jacobians(cell, params, before, xs):
    def one_step(flat, x):
        state = cell.State(*jnp.split(flat, len(cell.State._fields)))
        return jnp.concatenate(cell.step(params, state, x))

    jacobian = jax.jacfwd(one_step)
    for _ in range(before.a.ndim - 1):  # the steps, and whatever axes the batch has
        jacobian = jax.vmap(jacobian)
    return jacobian(jnp.concatenate(before, axis=-1), xs)


def norm_by_lag(
    cell: Cell,
    params,
    xs,
    state=None,
    *,
    part: Part = "state",
    norm: Literal["largest", "average"] = "largest",
    over_seeds: bool = False,
) -> np.ndarray:
    """|ds<T>/ds<T-k>| at index k = 0..T: the lag counts back from the last step.

    norm: "largest" is the largest singular value, what the luckiest nudge is multiplied
        by; "average" is the root mean square over all directions of a nudge, the
        Frobenius norm over sqrt(n).
    part: nudge and read the whole state, or one part of an LSTM's: "a" or "c".
    over_seeds: params, xs and state have a seed axis in front, and so has the result.

    Returns (*seeds, *batch, T+1) in float64, where even 1e-300 is a number. Raises as
    `unroll`, and ValueError for a part that the state does not have.
    """
    validate.one_of("norm", norm, ("largest", "average"))
    if norm == "largest":
        return singular_values(
            cell, params, xs, state, part=part, over_seeds=over_seeds
        )[..., 0]
    products, logs = _products(cell, params, xs, state, part, over_seeds)
    n = products.shape[-1]
    sizes = np.sqrt((products**2).sum(axis=(-2, -1)) / n)
    return np.moveaxis(sizes * np.exp(logs), 0, -1)


def singular_values(
    cell: Cell,
    params,
    xs,
    state=None,
    *,
    part: Part = "state",
    over_seeds: bool = False,
) -> np.ndarray:
    """The singular values of ds<T>/ds<T-k> at index k = 0..T, largest first.

    Returns (*seeds, *batch, T+1, n) in float64; those below 1e-6 of the largest at the
    same lag are the rounding of float32 Jacobians. Arguments as in `norm_by_lag`.
    """
    products, logs = _products(cell, params, xs, state, part, over_seeds)
    values = np.linalg.svd(products, compute_uv=False) * np.exp(logs)[..., None]
    return np.moveaxis(values, 0, -2)


def _products(cell, params, xs, state, part, over_seeds):
    """J<T> ... J<T-k+1> for k = 0..T, (T+1, ..., n, n), as a factor and its log."""
    rows = _rows(cell, part)
    find = functools.partial(step_jacobians, cell)
    find = jax.vmap(find) if over_seeds else find
    J = np.asarray(find(params, xs, state), np.float64)  # (*seeds, T, *batch, m, m)
    J = np.moveaxis(J, 1, 0) if over_seeds else J
    m = J.shape[-1]
    product = np.broadcast_to(np.eye(m)[rows], (*J.shape[1:-2], len(rows), m))
    log = np.zeros(J.shape[1:-2])
    products, logs = [product[..., rows]], [log]
    for step in J[::-1]:
        product = product @ step
        size = np.linalg.norm(product, axis=(-2, -1))
        size = np.where(size > 0, size, 1)  # a nudge that is gone stays gone
        product = product / size[..., None, None]
        log = log + np.log(size)
        products.append(product[..., rows])
        logs.append(log)
    return np.stack(products), np.stack(logs)


def _rows(cell, part):
    """Where in the flat state the numbers of a part stand."""
    validate.instance("cell", cell, Cell)
    fields = cell.State._fields
    rows = np.arange(len(fields) * cell.n_a).reshape(len(fields), cell.n_a)
    known = {"state": rows.ravel(), **dict(zip(fields, rows, strict=True))}
    if part not in known and hasattr(cell.State, part):
        part = fields[0]  # the a of a GRU is its c
    validate.one_of("part", part, list(known))
    return known[part]


def norm_map(
    cell: Cell,
    params,
    xs,
    state=None,
    *,
    part: Part = "state",
    every: Integral = 1,
    nudges: Integral | None = None,
    seed: Integral = 0,
) -> np.ndarray:
    """log10 of |ds<t>/ds<k>| for every t and k, in the "average" norm.

    xs: (T, n_x), or T token ids: one sequence. every: the starts k are 0, every,
    2 every, ... below T. nudges: follow so many random nudges of each start instead of
    all directions; 8 of them are within about 0.2 of the exact map and far quicker.

    Returns (T+1, starts) in float64: row t, one column a start. NaN above the diagonal
    (t < k), 0 on it, -inf where nothing at all arrives.
    """
    rows = _rows(cell, part)
    every = validate.positive_int("every", every)
    J = np.asarray(step_jacobians(cell, params, xs, state))
    if J.ndim != 3:
        raise ValueError(
            f"xs must be one sequence, (T, n_x) or T token ids, got {np.shape(xs)}"
        )
    T, m, n = len(J), J.shape[-1], len(rows)
    if nudges is None:
        start = np.eye(m, dtype=J.dtype)[:, rows]
    else:
        nudges = validate.positive_int("nudges", nudges)
        drawn = np.random.default_rng(seed).normal(size=(n, nudges))
        start = np.zeros((m, nudges), J.dtype)
        start[rows] = drawn / np.linalg.norm(drawn, axis=0)
    width, starts = start.shape[1], range(0, T, every)
    side_by_side = np.tile(start, len(starts))  # (m, starts * width)
    log = np.zeros(len(starts))
    found = np.full((T + 1, len(starts)), np.nan)
    for t in range(T + 1):
        live = (t - 1) // every + 1  # starts below t
        if live:
            block = J[t - 1] @ side_by_side[:, : live * width]
            side_by_side[:, : live * width] = block
            squares = np.einsum("ij,ij->j", block[rows], block[rows])
            size = np.sqrt(squares.reshape(live, width).mean(axis=1))
            with np.errstate(divide="ignore"):  # the log of nothing is -inf
                found[t, :live] = log[:live] + np.log(size)
        if live and t % RESCALE_EVERY == 0:
            size = np.abs(block).reshape(m, live, width).max(axis=(0, 2))
            size = np.where(size > 0, size, 1)
            side_by_side[:, : live * width] /= np.repeat(size, width)
            log[:live] += np.log(size)
        if t < T and t % every == 0:
            found[t, t // every] = 0
    return found / np.log(10)


def weight_gradient_by_lag(cell: Cell, params, xs, d_states, state=None):
    """The weight gradient of a loss, taken apart by lag.

    d_states: dL<t>/ds<t> for the loss terms L<t>, a State of (T, ..., n_a). Part j
    holds what each term L<t> contributes through the copy of the weights that was used
    at step t - j, summed over t (and over the batch).

    Returns params with a lag axis 0..T-1 in front; the sum over it is the gradient of
    L<1> + ... + L<T>. In the precision of the params: far parts may underflow.
    """
    validate.instance("d_states", d_states, cell.State)
    before, after = before_and_after(cell, params, xs, state)
    for field, given, known in zip(cell.State._fields, d_states, after, strict=True):
        if given.shape != known.shape:
            raise ValueError(
                f"d_states.{field} has shape {given.shape}, but the states have "
                f"{known.shape}"
            )
    d_states = jax.tree.map(lambda d, s: jnp.asarray(d, s.dtype), d_states, after)
    xs = jnp.asarray(xs)
    return _weight_gradient_by_lag(for_running(cell), params, xs, before, d_states)


@functools.partial(jax.jit, static_argnames="cell")
def _weight_gradient_by_lag(cell, params, xs, before, d_states):
    _, back = jax.vjp(lambda p, s: cell.step(p, s, xs), params, before)

    def one_lag_further(d, _):
        # d[i] belongs to the state after step i+1 and comes from the loss j steps on
        d_params, d_before = back(d)
        further = jax.tree.map(
            lambda b: jnp.concatenate([b[1:], jnp.zeros_like(b[:1])]), d_before
        )
        return further, d_params

    return lax.scan(one_lag_further, d_states, length=before.a.shape[0])[1]


def share_by_lag(parts) -> np.ndarray:
    """Each lag's part of a weight gradient as a share: norms over their sum, (T,).

    parts: what `weight_gradient_by_lag` returns. The norms of parts that point in
    different directions add up to more than the norm of their sum.
    """
    squares = [
        (np.asarray(leaf, np.float64) ** 2).reshape(len(leaf), -1).sum(axis=1)
        for leaf in jax.tree.leaves(parts)
    ]
    norms = np.sqrt(sum(squares))
    total = norms.sum()
    if not np.isfinite(total):
        raise ValueError("parts are not finite: there is no gradient to share out")
    if not total > 0:
        raise ValueError("parts are all zero: there is no gradient to share out")
    return norms / total
