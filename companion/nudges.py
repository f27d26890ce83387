"""What becomes of a nudge, fast enough for a slider: closed forms and NumPy.

The same numbers as in `companion.gradients`, for one sequence, the three cells of the
microscope and the "average" norm. The Jacobian of a step is written down instead of
found by forward mode, and the two halves of an LSTM's state stay apart.
"""

import functools
from typing import NamedTuple

import numpy as np

from companion.cells import GRU, LSTM, RNN, Cell, for_running

__all__ = ["Jacobians", "MemoryJacobians", "by_lag", "closed_form", "nudge_map"]

NUDGES = 4
# OpenBLAS splits a product of more than 64 x 64 x 64 over its threads. That costs more
# than it gains on a machine that also runs a browser, so rows go in blocks of 64.
BLOCK = 64
RESCALE_EVERY = 4  # steps; float32 holds a factor of 1e9 a step over so many


class Jacobians(NamedTuple):
    """ds<t>/ds<t-1> as one matrix a step, for a state that is one vector."""

    J: np.ndarray  # (T, n, n)

    @property
    def n(self) -> int:
        """Size of the state."""
        return self.J.shape[-1]

    def push(self, t: int, nudges: np.ndarray) -> np.ndarray:
        """Nudges to s<t-1>, one a row (..., n), as they arrive at s<t>."""
        return nudges @ self.J[t - 1].T

    def pull(self, t: int, product: np.ndarray) -> np.ndarray:
        """Rows of a derivative by s<t>, (..., n), as rows of one by s<t-1>."""
        return product @ self.J[t - 1]


class MemoryJacobians(NamedTuple):
    """The same for [a, c] of an LSTM: half the work of the full matrix.

    dc<t> = A da<t-1> + gamma_f * dc<t-1>,  da<t> = B da<t-1> + shown * dc<t>
    """

    A: np.ndarray  # (T, n_a, n_a)
    B: np.ndarray  # (T, n_a, n_a)
    gamma_f: np.ndarray  # (T, n_a)
    shown: np.ndarray  # (T, n_a): gamma_o * (1 - tanh(c<t>)^2)

    @property
    def n(self) -> int:
        """Size of the state: that of a and c together."""
        return 2 * self.A.shape[-1]

    def push(self, t: int, nudges: np.ndarray) -> np.ndarray:
        """As `Jacobians.push`; a row is [da, dc]."""
        da, dc = np.split(nudges, 2, axis=-1)
        dc = da @ self.A[t - 1].T + self.gamma_f[t - 1] * dc
        da = da @ self.B[t - 1].T + self.shown[t - 1] * dc
        return np.concatenate([da, dc], axis=-1)

    def pull(self, t: int, product: np.ndarray) -> np.ndarray:
        """As `Jacobians.pull`; a row is [d/da, d/dc]."""
        by_a, by_c = np.split(product, 2, axis=-1)
        by_c = by_c + by_a * self.shown[t - 1]
        by_a = by_a @ self.B[t - 1] + by_c @ self.A[t - 1]
        return np.concatenate([by_a, by_c * self.gamma_f[t - 1]], axis=-1)


def closed_form(
    cell: Cell, params, values: dict[str, np.ndarray]
) -> Jacobians | MemoryJacobians:
    """The Jacobian of every step, written down.

    cell: an RNN of tanh or ReLU, a GRU or an LSTM, the latter two in their standard
    form. values: what `companion.inside.inside` returned for one sequence from a zero
    state, as NumPy arrays (T, n_a); for an RNN also "slope", that of g1 at z<t>.
    """
    standard = GRU(cell.n_a), LSTM(cell.n_a)
    if not isinstance(cell, RNN) and for_running(cell) not in standard:
        raise ValueError(
            f"cell must be an RNN, or a GRU or an LSTM in its standard form, got {cell}"
        )
    back = {f"W_{m}": getattr(params, f"W_{m}")[:, : cell.n_a] for m in cell.maps}
    if isinstance(cell, RNN):
        return Jacobians(values["slope"][..., None] * back["W_a"])
    return (_of_gru if isinstance(cell, GRU) else _of_lstm)(back, values)


def _of_gru(back, values):
    c_tilde, gamma_u, gamma_r = (
        values[name] for name in ("c_tilde", "gamma_u", "gamma_r")
    )
    c = _before(values["c"])
    # through the candidate: d(gamma_r * c), then W_c, then the slope of tanh
    J = back["W_c"] * (c * gamma_r * (1 - gamma_r))[:, None, :] @ back["W_r"]
    J += back["W_c"] * gamma_r[:, None, :]
    J *= (gamma_u * (1 - c_tilde**2))[..., None]
    # through the update gate, and along the memory line
    J += ((c_tilde - c) * gamma_u * (1 - gamma_u))[..., None] * back["W_u"]
    unit = np.arange(c.shape[-1])
    J[:, unit, unit] += 1 - gamma_u
    return Jacobians(J)


def _of_lstm(back, values):
    c_tilde, gamma_u, gamma_f, gamma_o = (
        values[name] for name in ("c_tilde", "gamma_u", "gamma_f", "gamma_o")
    )
    A = (gamma_u * (1 - c_tilde**2))[..., None] * back["W_c"]
    A += (c_tilde * gamma_u * (1 - gamma_u))[..., None] * back["W_u"]
    A += (_before(values["c"]) * gamma_f * (1 - gamma_f))[..., None] * back["W_f"]
    seen = np.tanh(values["c"])
    B = (seen * gamma_o * (1 - gamma_o))[..., None] * back["W_o"]
    return MemoryJacobians(A, B, gamma_f, gamma_o * (1 - seen**2))


def _before(states):
    return np.concatenate([np.zeros_like(states[:1]), states[:-1]])


def by_lag(steps: Jacobians | MemoryJacobians) -> np.ndarray:
    """log10 of |ds<T>/ds<T-k>| at index k = 0..T, exact; -inf where nothing arrives."""
    T, n = len(steps[0]), steps.n
    rows = BLOCK if n % BLOCK == 0 else n
    product = np.eye(n, dtype=steps[0].dtype).reshape(-1, rows, n)
    found, log = np.zeros(T + 1), 0.0
    for k in range(1, T + 1):
        product = steps.pull(T + 1 - k, product)
        size = float(log_norm(np.vdot(product, product) / n))
        found[k] = log + size
        if size == -np.inf:
            found[k:] = size
            break
        if k % RESCALE_EVERY == 0:
            product *= product.dtype.type(10**-size)
            log += size
    return found


def nudge_map(steps: Jacobians | MemoryJacobians, every: int) -> np.ndarray:
    """log10 of |ds<t>/ds<k>| at [t / every, k / every] from four random nudges a start.

    every: a divisor of T. Within about 0.3 of the exact map; NaN where t < k, -inf
    where nothing arrives.

    The nudges of all starts lie side by side. Those that have not begun wait at the
    end and are left out of the product.
    """
    T, n = len(steps[0]), steps.n
    starts, per_block = T // every + 1, BLOCK // NUDGES
    blocks = np.zeros((-(-starts // per_block), BLOCK, n), steps[0].dtype)
    by_start = blocks.reshape(-1, NUDGES * n)  # the same numbers, a row a start
    found = np.full((starts, starts), np.nan)
    log = np.zeros(starts)
    for t in range(T + 1):
        if t:
            live = (t - 1) // every + 1
            live_blocks = -(-live // per_block)
            blocks[:live_blocks] = steps.push(t, blocks[:live_blocks])
        if t % every == 0:
            row = t // every
            by_start[row] = _nudges(n)
            begun = by_start[: row + 1]
            size = log_norm(np.einsum("ij,ij->i", begun, begun) / NUDGES)
            found[row, : row + 1] = log[: row + 1] + size
            size[size == -np.inf] = 0  # a nudge that is gone stays gone
            begun *= (10**-size).astype(begun.dtype)[:, None]
            log[: row + 1] += size
    return found


@functools.cache
def _nudges(n):
    """Directions at right angles; the same each time, so that nothing flickers."""
    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(n, NUDGES)))
    return q.T.astype(np.float32).ravel()


def log_norm(squares):
    """log10 of the root."""
    with np.errstate(divide="ignore"):  # the log of nothing is -inf
        return 0.5 * np.log10(squares)
