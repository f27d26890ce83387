"""Training: the whole run is one compiled scan over batches made beforehand."""

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

    Raises FloatingPointError, with the step, if the loss or the gradient stops being
    finite.
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
    optimiser = adam(learning_rate, clip, steps=leaves[0][axes - 1])

    def one_run(params, batches):
        def body(carry, batch):
            params, memory = carry
            value, gradient = jax.value_and_grad(loss)(params, batch)
            updates, memory = optimiser.update(gradient, memory, params)
            params = optax.apply_updates(params, updates)
            return (params, memory), (value, norm(gradient))

        start = (params, optimiser.init(params))
        (params, _), (losses, norms) = lax.scan(body, start, batches)
        return Fit(params, losses, norms)

    # jitted here, in each call: whatever `loss` reads from outside is read afresh
    done = jax.jit(jax.vmap(one_run) if over_seeds else one_run)(params, batches)
    refuse_infinite(done)
    return done


def adam(learning_rate, clip, steps) -> optax.GradientTransformation:
    schedule = optax.linear_schedule(learning_rate, learning_rate / 20, steps)
    parts = [] if clip is None else [optax.clip_by_global_norm(clip)]
    return optax.chain(*parts, optax.adam(schedule))


def norm(gradient) -> Array:
    """The length of all of a gradient's numbers as one vector."""
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(gradient)))


def refuse_infinite(done: Fit) -> None:
    """Raise if a loss or a gradient norm is not finite, with where it began."""
    losses = np.atleast_2d(done.losses)  # (seeds, steps), one seed if there is no axis
    norms = np.atleast_2d(done.gradient_norms)
    bad = ~(np.isfinite(losses) & np.isfinite(norms))
    if not bad.any():
        return
    step = int(np.argmax(bad.any(axis=0)))
    seed = int(np.argmax(bad[:, step]))
    what = "gradient" if np.isfinite(losses[seed, step]) else "loss"
    of_seed = f" of seed {seed}" if np.ndim(done.losses) == 2 else ""
    before = f" The gradient norm a step before was {norms[seed, step - 1]:.3g}."
    raise FloatingPointError(
        f"the {what}{of_seed} is not finite at step {step}."
        f"{before if step else ''} Lower learning_rate or set clip."
    )
