"""Backpropagation through time, written by hand: the fast road of `unroll`.

A cell's rule is two functions. `forward` is the step of `companion.cells` with the part
that does not depend on the state, W_.x x<t> + b, already done for all steps in one
product. `backward` is the chain rule through one step: from the gradient of the new
state to the gradients dz of the pre-activations and of the old state.

What does not need the loop stays out of it. The loop only carries the state (forward)
and its gradient (backward); every weight gradient is a sum over t of outer products
dz<t> [a<t-1>, x<t>]^T, so it is one matrix product over all t after the loop.

Two things happen in segments of consecutive steps. Where the products with all inputs
would fill more than 32 MiB, they are made for a few MiB of steps at a time: memory that
large is slow to get, and lies outside of every cache. And with `checkpoint` only the
states are kept. The backward pass then walks over segments of about sqrt(T) steps: all
states are known, so the gates of a segment come back in one product without a loop
(`forward` has free leading axes).
"""

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.nn import sigmoid

from companion.cells import (
    GRU,
    LSTM,
    RNN,
    GRUState,
    LSTMState,
    RNNState,
    times,
)
from companion.validate import is_tokens

__all__ = ["has_rule", "unroll_by_hand"]

tanh = jnp.tanh

# Bytes of products with the inputs: above WHOLE they are made in parts of about PART.
# Both measured (benchmarks, long): on two cores other sizes nearby do as well.
WHOLE, PART = 32 * 2**20, 4 * 2**20


def has_rule(cell) -> bool:
    """Whether this cell has a hand-written backward pass (an ablated LSTM has none)."""
    if type(cell) is LSTM:
        return cell == LSTM(n_a=cell.n_a, forget_bias=cell.forget_bias)
    return type(cell) in RULES


# One step of each cell, forward and backward. R: the recurrent half of every weight
# matrix, R_T the same transposed (once, before the loop: a product with it as it lies
# in memory is faster); z: the input half, W_.x x<t> + b, by letter; saved: what
# backward needs again.


def rnn_forward(cell, R_T, z, old):
    z_a = z["a"] + old.a @ R_T["a"]
    return RNNState(cell.activation(z_a)), (None if cell.activation is tanh else z_a)


def rnn_backward(cell, R, d, old, new, z_a):
    if cell.activation is tanh:
        dz = d.a * (1 - new.a**2)
    else:
        (dz,) = jax.vjp(cell.activation, z_a)[1](d.a)
    return {"a": dz}, RNNState(dz @ R["a"])


def gru_forward(cell, R_T, z, old):
    c = old.c
    gamma_u = sigmoid(z["u"] + c @ R_T["u"])
    gamma_r = sigmoid(z["r"] + c @ R_T["r"])
    if cell.reset == "before":
        product = None
        c_tilde = tanh(z["c"] + (gamma_r * c) @ R_T["c"])
    else:
        product = c @ R_T["c"] + R_T["b_cc"]
        c_tilde = tanh(z["c"] + gamma_r * product)
    new = gamma_u * c_tilde + (1 - gamma_u) * c
    return GRUState(new), (c_tilde, gamma_u, gamma_r, product)


def gru_backward(cell, R, d, old, new, saved):
    c_tilde, gamma_u, gamma_r, product = saved
    dz_c = d.c * gamma_u * (1 - c_tilde**2)
    dz_u = d.c * (c_tilde - old.c) * gamma_u * (1 - gamma_u)
    if cell.reset == "before":
        through = dz_c @ R["c"]
        dz_r = through * old.c * gamma_r * (1 - gamma_r)
        through = through * gamma_r
    else:
        dz_r = dz_c * product * gamma_r * (1 - gamma_r)
        through = (dz_c * gamma_r) @ R["c"]
    d_old = d.c * (1 - gamma_u) + through + dz_u @ R["u"] + dz_r @ R["r"]
    return {"c": dz_c, "u": dz_u, "r": dz_r}, GRUState(d_old)


def lstm_forward(cell, R_T, z, old):
    c_tilde = tanh(z["c"] + old.a @ R_T["c"])
    gamma_u = sigmoid(z["u"] + old.a @ R_T["u"])
    gamma_f = sigmoid(z["f"] + old.a @ R_T["f"])
    gamma_o = sigmoid(z["o"] + old.a @ R_T["o"])
    c = gamma_u * c_tilde + gamma_f * old.c
    return LSTMState(gamma_o * tanh(c), c), (c_tilde, gamma_u, gamma_f, gamma_o, old.c)


def lstm_backward(cell, R, d, old, new, saved):
    c_tilde, gamma_u, gamma_f, gamma_o, old_c = saved  # c<t> again from what is here
    tanh_c = tanh(gamma_u * c_tilde + gamma_f * old_c)
    dc = d.c + d.a * gamma_o * (1 - tanh_c**2)
    dz = {
        "c": dc * gamma_u * (1 - c_tilde**2),
        "u": dc * c_tilde * gamma_u * (1 - gamma_u),
        "f": dc * old_c * gamma_f * (1 - gamma_f),
        "o": d.a * tanh_c * gamma_o * (1 - gamma_o),
    }
    d_a = sum(dz[letter] @ R[letter] for letter in cell.maps)
    return dz, LSTMState(d_a, dc * gamma_f)


RULES = {
    RNN: (rnn_forward, rnn_backward),
    GRU: (gru_forward, gru_backward),
    LSTM: (lstm_forward, lstm_backward),
}


# The loop over t, and the products outside it.


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 6))
def unroll_by_hand(cell, params, xs, start, alive, cut, checkpoint):
    """States after every step, (T, ..., n_a). For the arguments see `unroll.unroll`."""
    return loop_forward(cell, params, xs, start, alive)[0]


def unroll_forward(cell, params, xs, start, alive, cut, checkpoint):
    states, saved = loop_forward(cell, params, xs, start, alive)
    saved = None if checkpoint else saved
    return states, (params, xs, start, alive, cut, states, saved)


def loop_forward(cell, params, xs, start, alive):
    forward, _ = RULES[type(cell)]
    R_T = transposed(recurrent_half(cell, params))

    def body(state, at_t):
        z, alive = at_t
        new, saved = forward(cell, R_T, z, state)
        if alive is not None:
            new = jax.tree.map(lambda n, s: jnp.where(alive, n, s), new, state)
        return new, (new, saved)

    def segment(state, steps):
        xs, alive = steps
        return lax.scan(body, state, (input_half(cell, params, xs), alive))

    size = steps_at_once(cell, xs.shape[0], start)
    return in_segments(segment, start, (xs, alive), size)[1]


def steps_at_once(cell, T, start) -> int:
    """For how many steps the products with the inputs are made at once."""
    a_step = len(cell.maps) * start[0].size * start[0].dtype.itemsize
    if T * a_step <= WHOLE:
        return T
    most = max(PART // a_step, 1)
    # a size that divides T spares a copy of all that comes out
    return next((n for n in range(most, most // 2, -1) if T % n == 0), most)


def in_segments(run, carry, steps, size, reverse=False):
    """`carry, out = run(carry, steps)` for `size` steps at a time, as one run of all.

    The steps that do not fill a segment are the first ones.
    """
    T = jax.tree.leaves(steps)[0].shape[0]
    if size >= T:
        return run(carry, steps)
    short = T % size
    head = jax.tree.map(lambda v: v[:short], steps)
    rest = jax.tree.map(lambda v: v[short:].reshape(-1, size, *v.shape[1:]), steps)
    if short and not reverse:
        carry, first = run(carry, head)
    carry, out = lax.scan(run, carry, rest, reverse=reverse)
    out = jax.tree.map(lambda v: v.reshape(-1, *v.shape[2:]), out)
    if short and reverse:
        carry, first = run(carry, head)
    if short:
        out = jax.tree.map(lambda f, v: jnp.concatenate([f, v]), first, out)
    return carry, out


def unroll_backward(cell, checkpoint, kept, d_states):
    params, xs, start, alive, cut, states, saved = kept
    olds = jax.tree.map(lambda s, a: jnp.concatenate([s[None], a[:-1]]), start, states)
    steps = (xs, olds, states, saved, d_states, alive, cut)
    nothing = jax.tree.map(jnp.zeros_like, start)
    if not checkpoint:
        d_start, d_params, d_xs = segment_backward(cell, params, nothing, steps)
        return d_params, d_xs, d_start, None, None

    def body(carry, segment):
        d_state, d_params = carry
        d_state, more, d_xs = segment_backward(cell, params, d_state, segment)
        return (d_state, jax.tree.map(jnp.add, d_params, more)), d_xs

    carry = nothing, jax.tree.map(jnp.zeros_like, params)
    size = math.ceil(math.sqrt(xs.shape[0]))
    (d_start, d_params), d_xs = in_segments(body, carry, steps, size, reverse=True)
    return d_params, d_xs, d_start, None, None


unroll_by_hand.defvjp(unroll_forward, unroll_backward)


def segment_backward(cell, params, d_state, steps):
    """Back through consecutive steps: gradients of the old state, params and inputs."""
    forward, backward = RULES[type(cell)]
    xs, olds, states, saved, d_states, alive, cut = steps
    R = recurrent_half(cell, params)
    if saved is None:
        saved = forward(cell, transposed(R), input_half(cell, params, xs), olds)[1]

    def body(d, at_t):
        d_here, old, new, saved, alive, cut = at_t
        d = jax.tree.map(jnp.add, d, d_here)  # from the next step, and from the loss
        dz, d_old = backward(cell, R, d, old, new, saved)
        if alive is not None:  # a frozen step hands its gradient on, untouched
            dz = jax.tree.map(lambda g: jnp.where(alive, g, 0), dz)
            d_old = jax.tree.map(lambda g, s: jnp.where(alive, g, s), d_old, d)
        if cut is not None:
            d_old = jax.tree.map(lambda g: jnp.where(cut, 0, g), d_old)
        return d_old, dz

    at_t = (d_states, olds, states, saved, alive, cut)
    d_state, dz = lax.scan(body, d_state, at_t, reverse=True)
    return d_state, *products(cell, params, xs, olds, saved, dz)


def products(cell, params, xs, olds, saved, dz):
    """Weight and input gradients of all steps at once: sums over t as one product."""
    n_a = cell.n_a
    d_params, d_xs = {}, None
    for letter in cell.maps:
        W, into_z, source = getattr(params, f"W_{letter}"), dz[letter], olds.a
        d_params[f"b_{letter}"] = flat(into_z).sum(0)
        d_W_x = input_product(into_z, xs, W.shape[1] - n_a)
        if isinstance(cell, GRU) and letter == "c":
            gamma_r = saved[2]
            if cell.reset == "before":
                source = gamma_r * source
            else:
                into_z = gamma_r * into_z
                d_params["b_cc"] = flat(into_z).sum(0)
        d_W_a = flat(into_z).T @ flat(source)
        d_params[f"W_{letter}"] = jnp.concatenate([d_W_a, d_W_x], axis=1)
        if not is_tokens(xs):
            through = dz[letter] @ W[:, n_a:]
            d_xs = through if d_xs is None else d_xs + through
    return type(params)(**d_params), d_xs


def input_product(dz, xs, n_x):
    """Sum over t of dz<t> x<t>^T; for token ids, the rows dz<t> added up by token."""
    if is_tokens(xs):
        rows = jnp.zeros((n_x, dz.shape[-1]), dz.dtype)
        tokens = xs.reshape(-1).astype(int)  # n_x may not fit in a small integer type
        return rows.at[tokens].add(flat(dz)).T
    return flat(dz).T @ flat(xs)


def recurrent_half(cell, params):
    """W_aa of every map, and the bias that a reset-after GRU has inside its reset."""
    R = {m: getattr(params, f"W_{m}")[:, : cell.n_a] for m in cell.maps}
    return R | {"b_cc": getattr(params, "b_cc", None)}


def transposed(R):
    return jax.tree.map(jnp.transpose, R)  # b_cc has one axis and stays as it is


def input_half(cell, params, xs):
    """W_ax x<t> + b of every map, for all t in one product (or row lookup)."""
    return {
        m: times(getattr(params, f"W_{m}")[:, cell.n_a :], xs)
        + getattr(params, f"b_{m}")
        for m in cell.maps
    }


def flat(v):
    return v.reshape(-1, v.shape[-1])
