"""The numbers of the gradient microscope: an untrained cell, and what a nudge becomes.

The model: z<t> = W a<t-1> + noise for each map, W orthogonal times rho, the noise of
spread s drawn for each unit and each map, a<0> = 0, biases 0 but for that of the gate
that keeps.
"""

import functools
from dataclasses import dataclass
from numbers import Integral, Real

import jax
import numpy as np

from companion import nudges, validate
from companion.cells import GRU, LSTM, RNN, Cell
from companion.inside import FLAT, inside

__all__ = ["CELLS", "LONGEST", "View", "look"]

LONGEST = 200
# half as many units where a step costs several times as much: a slider has to follow
CELLS = {
    "tanh": RNN(64),
    "ReLU": RNN(64, activation=jax.nn.relu),
    "GRU": GRU(32),
    "LSTM": LSTM(32),
}
# A ReLU network that starts at 0 and hears k times the noise has k times the states and
# the same Jacobians: heard this softly, and exactly so, none overflows in 200 steps.
SMALL = np.float32(2**-40)
MAPS = max(len(cell.maps) for cell in CELLS.values())


@dataclass(frozen=True)
class View:
    """What the microscope sees. Norms are "average" ones, of the whole state, as log10.

    cell, params, xs: the network itself, for any other question to `gradients`.
    by_lag: log10 |ds<T>/ds<T-k>| at index k = 0..T, exact; -inf where nothing arrives.
    map: log10 |ds<t>/ds<k>| at [t / every, k / every]; NaN where t < k. The last row is
        exact, the others come from a few random nudges and are within about 0.3.
    every: steps between two rows, and between two columns.
    memory: log10 of the product of the keeping gates over k steps, index k = 0..T, as
        rms over the units: dc<T>/dc<T-k> along the memory line; None without a gate.
    saturation: name -> share of units on a flat part, the mean over steps; names and
        meaning as in `gradients.saturation`.
    """

    cell: Cell
    params: tuple
    xs: np.ndarray
    by_lag: np.ndarray
    map: np.ndarray
    every: int
    memory: np.ndarray | None
    saturation: dict[str, float]


def look(
    cell: str = "tanh",
    rho: Real = 1.0,
    input_scale: Real = 1.0,
    bias: Real = 1.0,
    T: Integral = 100,
    seed: Integral = 1,
) -> View:
    """Run an untrained cell on T steps of noise and nudge it at each step.

    cell: "tanh" or "ReLU" of 64 units, "GRU" or "LSTM" of 32. rho: every recurrent
    matrix is orthogonal times rho, its spectral radius. input_scale: s. bias: of the
    gate that keeps, so that it keeps sigmoid(bias) when all is still: b_f of the LSTM,
    -b_u of the GRU; the others have none. T: steps, a multiple of 10 up to 200. seed:
    of matrices and noise.

    Raises ValueError for an unknown cell or another T.
    """
    validate.one_of("cell", cell, list(CELLS))
    if T not in range(10, LONGEST + 1, 10):
        raise ValueError(f"T must be 10, 20, ... or {LONGEST}, got {T}")
    kind = CELLS[cell]
    params, xs = _network(kind, rho, input_scale, bias, seed)
    # No step sees a later one, so the longest run holds every shorter one, and another
    # T does not compile again.
    heard = xs * SMALL if cell == "ReLU" else xs
    values = {
        name: np.asarray(value)[:T]
        for name, value in _inside(kind, params, heard).items()
    }
    slopes = _slopes(cell, values)
    steps = nudges.closed_form(kind, params, values | {"slope": slopes.get("a")})
    by_lag = nudges.by_lag(steps)
    every = 1 if T <= 50 else 2 if T <= 100 else 5
    over = nudges.nudge_map(steps, every)
    over[-1] = by_lag[::-every]
    keeps = {"GRU": 1 - values.get("gamma_u", 0), "LSTM": values.get("gamma_f")}
    return View(
        cell=kind,
        params=params,
        xs=xs[:T],
        by_lag=by_lag,
        map=over,
        every=every,
        memory=_memory_by_lag(keeps[cell]) if cell in keeps else None,
        saturation={
            name: float((slope < FLAT).mean()) for name, slope in slopes.items()
        },
    )


@functools.partial(jax.jit, static_argnames="cell")
def _inside(cell, params, xs):
    return inside(cell, params, xs)


def _slopes(cell, values):
    """The slope of each nonlinearity as a share of its steepest, (T, n_a)."""
    if cell == "tanh":
        return {"a": 1 - values["a"] ** 2}
    if cell == "ReLU":
        return {"a": (values["a"] > 0).astype(np.float32)}
    gates = {name: v for name, v in values.items() if name.startswith("gamma")}
    return {"c_tilde": 1 - values["c_tilde"] ** 2} | {
        name: 4 * v * (1 - v) for name, v in gates.items()
    }


def _network(cell, rho, input_scale, bias, seed):
    """Params and xs (LONGEST, n_x): each map hears its own n_a of the n_x inputs."""
    matrices, noise, listen = _drawn(seed, cell.n_a)
    n_x = len(cell.maps) * cell.n_a
    params = {}
    for index, letter in enumerate(cell.maps):
        W = np.concatenate([rho * matrices[index], listen[index, :, :n_x]], axis=1)
        params[f"W_{letter}"] = W.astype(np.float32)
        params[f"b_{letter}"] = np.zeros(cell.n_a, np.float32)
    if isinstance(cell, LSTM):
        params["b_f"] += np.float32(bias)
    if isinstance(cell, GRU):  # its gate takes the candidate, and keeps the rest
        params["b_u"] -= np.float32(bias)
    return cell.Params(**params), (input_scale * noise[:, :n_x]).astype(np.float32)


@functools.lru_cache(maxsize=32)
def _drawn(seed, n_a):
    rng = np.random.default_rng(seed)
    q, r = np.linalg.qr(rng.normal(size=(MAPS, n_a, n_a)))
    signs = np.sign(np.diagonal(r, axis1=1, axis2=2))  # uniform over all rotations
    noise = rng.normal(size=(LONGEST, MAPS * n_a))
    listen = np.eye(MAPS * n_a).reshape(MAPS, n_a, MAPS * n_a)
    return q * signs[:, None, :], noise, listen


def _memory_by_lag(keeps):
    # a gate that float32 rounds to 0 keeps little, which is not nothing
    keeps = np.maximum(keeps[::-1], np.finfo(np.float32).tiny).astype(float)
    logs = np.cumsum(np.log10(keeps), axis=0)
    logs = np.concatenate([np.zeros_like(logs[:1]), logs])
    top = logs.max(axis=1)
    return top + nudges.log_norm((10 ** (2 * (logs - top[:, None]))).mean(axis=1))
