"""The gradient against two things that are not reverse mode: differences and jvp."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from jax.flatten_util import ravel_pytree
from reference import CELLS, FAST, N_X

from companion.unroll import unroll

T, BATCH = 5, (3,)


def problem(name, fast):
    """A scalar of everything that can be differentiated, as one flat vector."""
    rng = np.random.default_rng(1)
    cell = CELLS[name][0]
    start = (
        cell.Params(**reference.draw_params(name, rng)),
        cell.State(*reference.draw_state(name, rng, BATCH)),
        rng.normal(size=(T, *BATCH, N_X)),
    )
    start, unravel = ravel_pytree(jax.tree.map(jnp.asarray, start))
    weights = [rng.normal(size=(T, *BATCH, reference.N_A)) for _ in cell.State._fields]

    def loss(flat):
        params, state, xs = unravel(flat)
        states = unroll(
            cell, params, xs, state=state, lengths=jnp.array([T, 2, 0]), fast=fast
        )
        pairs = zip(weights, states, strict=True)
        return sum(jnp.sum(w * jnp.sin(2 * s)) for w, s in pairs)

    return jax.jit(loss), start


@pytest.mark.parametrize("name", [*FAST, "peephole lstm"])
def test_gradient_is_the_finite_difference_and_the_forward_mode_one(name, x64):
    loss, start = problem(name, fast=True)
    gradient = jax.jit(jax.grad(loss))(start)
    assert np.count_nonzero(gradient) > 0.6 * start.size

    h = 1e-5  # central differences along each number in turn: error of order h squared
    steps = h * jnp.eye(start.size)
    values = jax.jit(jax.vmap(loss))
    differences = (values(start + steps) - values(start - steps)) / (2 * h)
    reference.close(gradient, differences, 1e-8)

    plain, _ = problem(name, fast=False)
    directions = np.random.default_rng(2).normal(size=(4, start.size))
    along = jax.jit(jax.vmap(lambda v: jax.jvp(plain, (start,), (v,))[1]))
    reference.close(directions @ np.asarray(gradient), along(directions), 1e-11)


def test_the_fast_road_has_no_forward_mode():
    loss, start = problem("rnn", fast=True)
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(loss, (start,), (start,))


def test_second_derivatives_take_the_plain_road(x64):
    loss, start = problem("gru before", fast=False)
    v = jnp.asarray(np.random.default_rng(3).normal(size=start.size))
    gradient = jax.jit(jax.grad(loss))
    h = 1e-5
    along = jax.jit(lambda v: jax.jvp(jax.grad(loss), (start,), (v,))[1])(v)
    difference = (gradient(start + h * v) - gradient(start - h * v)) / (2 * h)
    reference.close(along, difference, 1e-6)
