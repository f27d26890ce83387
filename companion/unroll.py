"""A cell through time.

`unroll` is a loop over t that takes `cell.step` and keeps every state. Three roads lead
there, and tests prove them equal in values and in all gradients:

- the plain road scans `step` and leaves the backward pass to JAX;
- the fast road (`companion.bptt`; RNN, GRU, LSTM) multiplies all inputs before the loop
  and has its backward pass written by hand. It is the default where it exists;
- the parallel road (`companion.parallel`; MinGRU, MinLSTM, DiagonalRNN) has no loop: an
  associative scan takes all steps at once. It is taken when asked for.
"""

import functools

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Integer, Shaped

from companion import bptt, validate
from companion import parallel as in_parallel
from companion.cells import Cell, for_running
from companion.linear_cells import LinearCell
from companion.validate import Given

__all__ = ["length_mask", "reverse_within", "unroll"]


def unroll(
    cell: Cell,
    params,
    xs: Shaped[Given, "T ..."],
    *,
    state=None,
    lengths=None,
    reverse: bool = False,
    last: bool = False,
    window: int | None = None,
    checkpoint: bool = False,
    fast: bool = True,
    parallel: bool | str = False,
):
    """Run a cell over a sequence; the state after every step, time first.

    xs: (T, ..., n_x) floats, or (T, ...) integer token ids; T >= 1.
    state: the state before the first step, (..., n_a); zeros if None.
    lengths: (...) integers 0..T, the true length of each sequence. Past its end a
        sequence's state stays as it was, and the states returned there are zero.
    reverse: run from the last step to the first, within each length; index t of what
        comes back is still step t.
    last: return only the final state (after the last real step; with `reverse` the one
        that has read back to the first).
    window: truncated backpropagation; the sequence is cut into windows of this many
        steps, the state is carried across a cut and the gradient is not.
    checkpoint: keep only the states for the backward pass and compute gates again.
    fast: take the hand-written road where there is one. Forward-mode derivatives
        (`jax.jvp`, `jax.jacfwd`), second derivatives, and an activation that closes
        over a traced value need fast=False.
    parallel: take all steps at once, for a cell that is linear in its state
        (`companion.linear_cells`). "log" does it in logarithms, as the paper of those
        cells: for MinGRU and MinLSTM with positive=True, without a window.

    Returns the cell's state NamedTuple with fields (T, ..., n_a), or (..., n_a) with
    `last`. Raises ValueError or TypeError naming the argument that does not fit.
    """
    validate.instance("cell", cell, Cell)
    xs = validate.as_input("xs", xs)
    axes = validate.leading_axes(xs)
    if len(axes) < 1 or axes[0] < 1:
        wanted = "(T, ...)" if validate.is_tokens(xs) else "(T, ..., n_x)"
        raise ValueError(f"xs has shape {xs.shape}, but needs {wanted} with T >= 1")
    T, batch = axes[0], axes[1:]
    n_x = validate.features(cell, params, "xs", xs)
    validate.params(cell, params, n_x)
    validate.tokens_in_range("xs", xs, n_x)
    dtype = jnp.result_type(*jax.tree.leaves(params))
    if not validate.is_tokens(xs):
        dtype = jnp.promote_types(dtype, xs.dtype)
        xs = xs.astype(dtype)
    state = cell.start(batch, dtype) if state is None else state
    validate.state(cell, state, batch)
    # one dtype for all; a gradient comes back in that of its own argument
    params, state = jax.tree.map(lambda v: jnp.asarray(v, dtype), (params, state))
    if lengths is not None:
        lengths = validate.lengths(lengths, T, batch)
    if window is not None:
        window = validate.positive_int("window", window)
    check_road(cell, parallel, window)
    return through_time(
        for_running(cell),
        params,
        xs,
        state,
        lengths,
        reverse=bool(reverse),
        last=bool(last),
        window=window,
        checkpoint=bool(checkpoint),
        fast=bool(fast) and (bool(parallel) or bptt.has_rule(cell)),
        parallel=parallel if parallel == "log" else bool(parallel),
    )


def check_road(cell, parallel, window) -> None:
    """Raise ValueError if a cell cannot take the parallel road that is asked for."""
    validate.one_of("parallel", parallel, (False, True, "log"))
    if not parallel:
        return
    if not isinstance(cell, LinearCell):
        raise ValueError(
            f"parallel={parallel!r} needs a cell that is linear in its state, such as "
            f"MinGRU, MinLSTM or DiagonalRNN; {type(cell).__name__} has to take its "
            "steps one by one"
        )
    if parallel == "log" and not getattr(cell, "positive", False):
        raise ValueError(
            "parallel='log' needs a cell whose candidates are above 0, MinGRU or "
            f"MinLSTM with positive=True, got {cell!r}"
        )
    if parallel == "log" and window is not None:
        raise ValueError("window needs parallel=True, got parallel='log'")


def length_mask(lengths: Integer[Given, "..."], T: int) -> Shaped[Array, "T ..."]:
    """True at the real steps of each sequence, its first `lengths`: (T, ...)."""
    steps = jnp.arange(T).reshape(T, *[1] * jnp.ndim(lengths))
    return steps < jnp.asarray(lengths)


def reverse_within(xs, lengths=None, *, features: bool = True):
    """Turn each sequence around within its own length; padding stays where it is.

    xs: (T, ..., n) or, with features=False, (T, ...). lengths: (...), None for all T.
    """
    if lengths is None:
        return jnp.flip(xs, axis=0)
    T, lengths = xs.shape[0], jnp.asarray(lengths)
    t = jnp.arange(T).reshape(T, *[1] * jnp.ndim(lengths))
    source = jnp.where(t < lengths, lengths - 1 - t, t)
    if features:
        source = source[..., None]
    return jnp.take_along_axis(xs, source, axis=0)


@functools.partial(
    jax.jit,
    static_argnames=(
        "cell",
        "reverse",
        "last",
        "window",
        "checkpoint",
        "fast",
        "parallel",
    ),
)
def through_time(
    cell,
    params,
    xs,
    state,
    lengths,
    *,
    reverse,
    last,
    window,
    checkpoint,
    fast,
    parallel=False,
):
    T = xs.shape[0]
    features = not validate.is_tokens(xs)
    alive = None if lengths is None else length_mask(lengths, T)[..., None]
    cut = (
        None if window is None else (jnp.arange(T) % window == 0) & (jnp.arange(T) > 0)
    )
    if cut is not None and alive is not None:  # the padding after an end is no window
        cut = cut.reshape(T, *[1] * (alive.ndim - 1)) & alive
    if alive is not None:  # whatever stands in the padding, NaN too, cannot matter
        xs = jnp.where(alive if features else alive[..., 0], xs, 0)
    if reverse:
        xs = reverse_within(xs, lengths, features=features)
    if parallel:
        log = parallel == "log"
        road = functools.partial(in_parallel.unroll_in_parallel, fast=fast, log=log)
    else:
        road = bptt.unroll_by_hand if fast else scan_of_step
    states = road(cell, params, xs, state, alive, cut, checkpoint)
    if last:
        return jax.tree.map(lambda s: s[-1], states)
    if alive is not None:
        states = jax.tree.map(lambda s: jnp.where(alive, s, 0), states)
    if reverse:
        states = jax.tree.map(lambda s: reverse_within(s, lengths), states)
    return states


def scan_of_step(cell, params, xs, start, alive, cut, checkpoint):
    """The plain road: `step` in a scan, the backward pass by JAX."""

    def body(state, at_t):
        x, alive, cut = at_t
        if cut is not None:
            held = lax.stop_gradient(state)
            state = jax.tree.map(lambda h, s: jnp.where(cut, h, s), held, state)
        new = cell.step(params, state, x)
        if alive is not None:
            new = jax.tree.map(lambda n, s: jnp.where(alive, n, s), new, state)
        return new, new

    body = jax.checkpoint(body) if checkpoint else body
    return lax.scan(body, start, (xs, alive, cut))[1]
