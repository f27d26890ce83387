"""Training: the whole run is one compiled scan over batches made beforehand."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax
from jaxtyping import Float

from companion import validate

__all__ = ["Fit", "fit"]


class Fit(NamedTuple):
    """What training leaves: the parameters, and the loss and gradient norm per step.

    losses, gradient_norms: (steps,), or (seeds, steps); norms are from before clipping.
    """

    params: Any
    losses: Float[Array, "*seeds steps"]
    gradient_norms: Float[Array, "*seeds steps"]


def fit(
    loss: Callable[[Any, Any], Array],
    params,
    batches,
    *,
    learning_rate: float = 1e-2,
    clip: float | None = 1.0,
    over_seeds: bool = False,
) -> Fit:
    """Minimise `loss(params, batch)` with Adam, one step a batch.

    batches: a pytree of arrays whose first axis is the step, made before the run.
    learning_rate: falls linearly to a twentieth of itself over the run.
    clip: gradients of a larger global norm are scaled down to it; None never clips.
    over_seeds: params and batches have a seed axis in front of everything else, and
        that many independent runs are trained at once.

    Raises FloatingPointError, with the step, if the loss stops being a finite number.
    """
    leaves = [jnp.shape(leaf) for leaf in jax.tree.leaves(batches)]
    axes = 2 if over_seeds else 1
    if not leaves or any(len(s) < axes or s[:axes] != leaves[0][:axes] for s in leaves):
        wanted = "(seeds, steps, ...)" if over_seeds else "(steps, ...)"
        raise ValueError(f"batches must hold arrays {wanted}, got shapes {leaves}")
    if learning_rate <= 0 or (clip is not None and clip <= 0):
        raise ValueError(
            f"learning_rate and clip must be positive, got {learning_rate} and {clip}"
        )
    validate.positive_int("number of steps", leaves[0][axes - 1])
    done = run(loss, params, batches, float(learning_rate), clip, over_seeds)
    finite = np.isfinite(np.asarray(done.losses))
    if not finite.all():
        step = int(np.argwhere(~finite)[:, -1].min())
        last = done.gradient_norms[..., max(step - 1, 0)].max()
        raise FloatingPointError(
            f"the loss is not a number at step {step}; the gradient norm one step "
            f"before was {float(last):.3g}. Lower learning_rate or set clip."
        )
    return done


@functools.partial(jax.jit, static_argnums=(0, 3, 4, 5))
def run(loss, params, batches, learning_rate, clip, over_seeds):
    steps = jax.tree.leaves(batches)[0].shape[1 if over_seeds else 0]
    schedule = optax.linear_schedule(learning_rate, learning_rate / 20, steps)
    parts = [] if clip is None else [optax.clip_by_global_norm(clip)]
    optimiser = optax.chain(*parts, optax.adam(schedule))

    def body(carry, batch):
        params, memory = carry
        value, gradient = jax.value_and_grad(loss)(params, batch)
        updates, memory = optimiser.update(gradient, memory, params)
        params = optax.apply_updates(params, updates)
        return (params, memory), (value, norm(gradient))

    def one_run(params, batches):
        start = (params, optimiser.init(params))
        (params, _), (losses, norms) = lax.scan(body, start, batches)
        return Fit(params, losses, norms)

    return (jax.vmap(one_run) if over_seeds else one_run)(params, batches)


def norm(gradient) -> Array:
    """The length of all of a gradient's numbers as one vector."""
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)))
