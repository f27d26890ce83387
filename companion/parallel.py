"""All steps of a linear recurrence at once: the associative scan.

One step, c -> alpha * c + beta, is an affine map, and two of them one after the other
are an affine map again (`compose`). Composition is associative, so the maps need not be
composed from the left: neighbours first, then pairs of neighbours, and after about
2 log2(T) rounds every prefix is there. The value of the prefix at step t is c<t>.

    c = scan(alpha, beta, start)            # (T, ..., n): every c<t>
    unroll(cell, params, xs, parallel=True)     # the same for a cell

`unroll` comes here for the cells of `companion.linear_cells`. In front of the scan
stands one product for all steps; nothing here waits for the step before.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jaxtyping import Float

from companion import validate
from companion.validate import Given

__all__ = [
    "Affine",
    "compose",
    "log_compose",
    "log_scan",
    "scan",
    "unroll_in_parallel",
]


class Affine(NamedTuple):
    """The map c -> alpha * c + beta, elementwise."""

    alpha: Float[Given, "*batch n"]
    beta: Float[Given, "*batch n"]


def compose(first, second) -> Affine:
    """The map that does `first`, then `second`; the earlier step comes first.

        second(first(c)) = alpha_2 * (alpha_1 * c + beta_1) + beta_2

    first, second: pairs (alpha, beta), numbers or arrays of one shape. Associative, not
    commutative, and Affine(1, 0) changes nothing. Source: Blelloch (1990), section 1.4.
    Raises TypeError or ValueError naming the argument.
    """
    (alpha_1, beta_1), (alpha_2, beta_2) = pairs(first, second)
    return Affine(alpha_2 * alpha_1, alpha_2 * beta_1 + beta_2)


def log_compose(first, second) -> Affine:
    """`compose` of maps given by their logarithms, (log alpha, log beta)."""
    (alpha_1, beta_1), (alpha_2, beta_2) = pairs(first, second)
    return Affine(alpha_2 + alpha_1, jnp.logaddexp(alpha_2 + beta_1, beta_2))


def scan(
    alpha: Float[Given, "T ..."],
    beta: Float[Given, "T ..."],
    start=None,
    *,
    fast: bool = True,
) -> Float[Array, "T ..."]:
    """c<t> = alpha<t> * c<t-1> + beta<t> for t = 1..T, by an associative scan.

    alpha, beta: (T, ...), of one shape. start: c<0>, of shape (...); zeros if None.
    fast: take the backward pass written by hand: it is the same scan run from the end,
        over the gradients. Forward-mode derivatives need fast=False.

    Raises TypeError or ValueError naming the argument that does not fit.
    """
    alpha, beta, start = steps("alpha", alpha, "beta", beta, start)
    return (scan_by_hand if fast else prefixes)(alpha, beta, start)


def log_scan(
    log_alpha: Float[Given, "T ..."],
    log_beta: Float[Given, "T ..."],
    start=None,
    *,
    fast: bool = True,
) -> Float[Array, "T ..."]:
    """`scan` of a positive recurrence, in logarithms; returns c<t>, not its logarithm.

    log_alpha, log_beta: (T, ...); alpha = 0 and beta = 0 are any very negative numbers.
    start: c<0>, of any sign. Its share, alpha<1> ... alpha<t> c<0>, is added outside
    the logarithm. fast: as in `scan`; a gradient has signs, so its way back is the
    plain one.

    Feng et al. (2024) do it in another order (after Heinsen 2023): with
    A<t> = log alpha<1> + ... + log alpha<t>,

        log c<t> = A<t> + logcumsumexp(log beta - A)<t>

    and log c<0> in front, so c<0> must be above 0. There A<t> grows with t and takes
    the digits of float32 with it. Here logarithms are composed step by step
    (`log_compose`), and none is larger than it has to be.
    """
    log_alpha, log_beta, start = steps(
        "log_alpha", log_alpha, "log_beta", log_beta, start
    )
    return (log_scan_by_hand if fast else log_prefixes)(log_alpha, log_beta, start)


def unroll_in_parallel(cell, params, xs, start, alive, cut, checkpoint, *, fast, log):
    """States after every step, (T, ..., n_a). For the arguments see `unroll.unroll`.

    A step past the end of a sequence is the map that changes nothing. At a cut the
    state comes in as a number and not through the map before.
    """

    def road(params, xs, start):
        (first,) = start
        if log:
            log_alpha, log_beta = cell.log_recurrence(params, xs)
            if alive is not None:
                log_alpha = jnp.where(alive, log_alpha, 0)
                log_beta = jnp.where(alive, log_beta, -jnp.inf)
            return log_scan(log_alpha, log_beta, first, fast=fast)
        alpha, beta = cell.recurrence(params, xs)
        alpha = jnp.broadcast_to(alpha, beta.shape)
        if alive is not None:
            alpha, beta = jnp.where(alive, alpha, 1), jnp.where(alive, beta, 0)
        if cut is not None:
            given = (alpha, beta, first)
            known = prefixes(*map(lax.stop_gradient, given))
            held = one_earlier(first, known)
            at = cut.reshape(cut.shape + (1,) * (alpha.ndim - cut.ndim))
            beta = jnp.where(at, alpha * held + beta, beta)
            alpha = jnp.where(at, 0, alpha)
        return scan(alpha, beta, first, fast=fast)

    road = jax.checkpoint(road) if checkpoint else road
    return cell.State(road(params, xs, start))


def prefixes(alpha, beta, start):
    """The scan as it stands, derivatives left to JAX."""
    beta = beta.at[0].add(alpha[0] * start)
    return lax.associative_scan(compose, Affine(alpha, beta)).beta


@jax.custom_vjp
def scan_by_hand(alpha, beta, start):
    return prefixes(alpha, beta, start)


def scan_forward(alpha, beta, start):
    c = prefixes(alpha, beta, start)
    return c, (alpha, c, start)


def scan_backward(kept, d_c):
    alpha, c, start = kept
    d, before = through_all_steps(alpha, d_c), one_earlier(start, c)
    return d * before, d, alpha[0] * d[0]


def through_all_steps(alpha, d_c):
    """dL/dc<t> in all: what arrives at t, plus alpha<t+1> times that of step t + 1."""
    following = jnp.concatenate([alpha[1:], jnp.zeros_like(alpha[:1])])
    maps = Affine(following, d_c)
    return lax.associative_scan(compose, maps, reverse=True).beta


def one_earlier(start, c):
    """c<t-1> of every step."""
    return jnp.concatenate([start[None], c[:-1]])


scan_by_hand.defvjp(scan_forward, scan_backward)


def log_prefixes(log_alpha, log_beta, start):
    """The same in logarithms."""
    low = jnp.finfo(log_beta.dtype).min / 8  # -inf - -inf would be NaN
    maps = Affine(jnp.maximum(log_alpha, low), jnp.maximum(log_beta, low))
    kept, logs = lax.associative_scan(log_compose, maps)
    return jnp.exp(logs) + jnp.exp(kept) * start


@jax.custom_vjp
def log_scan_by_hand(log_alpha, log_beta, start):
    return log_prefixes(log_alpha, log_beta, start)


def log_scan_forward(log_alpha, log_beta, start):
    c = log_prefixes(log_alpha, log_beta, start)
    return c, (log_alpha, log_beta, c, start)


def log_scan_backward(kept, d_c):
    log_alpha, log_beta, c, start = kept
    alpha = jnp.exp(log_alpha)
    d = through_all_steps(alpha, d_c)
    d_alpha = d * one_earlier(start, c)
    return d_alpha * alpha, d * jnp.exp(log_beta), alpha[0] * d[0]


log_scan_by_hand.defvjp(log_scan_forward, log_scan_backward)


def pairs(first, second):
    """Both maps as pairs whose four parts have one shape."""
    for name, given in (("first", first), ("second", second)):
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise TypeError(f"{name} must be a pair (alpha, beta), got {given!r}")
    shapes = [jnp.shape(part) for part in (*first, *second)]
    if len(set(shapes)) > 1:
        raise ValueError(f"first and second must have parts of one shape, got {shapes}")
    return first, second


def steps(name_1, alpha, name_2, beta, start):
    """alpha and beta (T, ...) and start (...), of one dtype."""
    alpha = validate.as_input(name_1, alpha, "floats")
    beta = validate.as_input(name_2, beta, "floats")
    if alpha.ndim == 0 or len(alpha) < 1 or alpha.shape != beta.shape:
        raise ValueError(
            f"{name_1} and {name_2} must both be (T, ...) with T >= 1, got "
            f"{alpha.shape} and {beta.shape}"
        )
    dtype = jnp.result_type(alpha, beta)
    start = jnp.zeros(beta.shape[1:], dtype) if start is None else jnp.asarray(start)
    if start.shape != beta.shape[1:]:
        raise ValueError(
            f"start has shape {start.shape}, but {name_2} of shape {beta.shape} needs "
            f"{beta.shape[1:]}"
        )
    return alpha.astype(dtype), beta.astype(dtype), start.astype(dtype)
