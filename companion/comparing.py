"""Networks that differ in one setting, trained side by side in one compiled program.

    ears = both_ears(16)                          # left only, right only, both
    params = side_by_side(model, loss, ears, data, key=key, n_x=task.n_x)
    logits = for_each(lambda p, e: listening(model, p, xs, lengths, e))(params, ears)

Compiling takes longer than training a small network. So what is compared is made data:
the loss is given the setting of its network beside each batch, and every setting meets
the same starts and the same batches, seed by seed.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
from jax import Array
from jaxtyping import Float

from companion import layers, validate
from companion.layers import Bidirectional
from companion.models import ManyToMany, ModelParams
from companion.training import fit

__all__ = ["at_once", "both_ears", "for_each", "fresh", "listening", "side_by_side"]


def at_once(learn: Callable, named: Mapping) -> dict:
    """name -> learn(value), a thread for each: where one program cannot hold them all.

    JAX lets go of Python's lock while it compiles and while it runs, so two cores do
    two of them in little more than the time of one. What they measure of their own
    speed is then the speed beside the others. An error is raised when all have ended.
    """
    with ThreadPoolExecutor(max_workers=max(len(named), 1)) as threads:
        return dict(zip(named, threads.map(learn, named.values()), strict=True))


def fresh(model, n_x: int, keys: Array) -> Any:
    """A start for each key, (seeds,), with the seeds as the first axis of every array.

    The keys one after the other: `jax.vmap` would compile the initialisers anew.
    """
    starts = [model.init(key, n_x) for key in keys]
    return jax.tree.map(lambda *rows: np.stack(rows), *starts)


def side_by_side(
    model, loss: Callable, settings, data, *, key: Array, n_x: int, **options
) -> Any:
    """Train one network for each setting and seed; params (settings, seeds, ...).

    loss: `loss(params, (batch, setting)) -> float`. settings: an array whose first
    axis is the setting. data: a pytree of arrays (seeds, steps, ...); all settings
    train on the same. key: of the starts, which they share too. options: of `fit`.
    """
    settings = np.asarray(settings)
    if settings.ndim == 0 or not len(settings):
        raise ValueError(f"settings must hold one at least, got {settings!r}")
    leaves = jax.tree.leaves(data)
    if not leaves or any(np.ndim(leaf) < 2 for leaf in leaves):
        raise ValueError("data must hold arrays (seeds, steps, ...)")
    many, (seeds, steps) = len(settings), leaves[0].shape[:2]
    start = fresh(model, n_x, jax.random.split(key, seeds))
    start, data = jax.tree.map(lambda w: np.concatenate([w] * many), (start, data))
    each = np.repeat(settings, seeds, axis=0)[:, None]
    each = np.broadcast_to(each, (many * seeds, steps, *settings.shape[1:]))
    params = fit(loss, start, (data, each), over_seeds=True, **options).params
    return jax.tree.map(lambda w: w.reshape(many, seeds, *w.shape[1:]), params)


def for_each(f: Callable) -> Callable:
    """f(params, setting) for all of them: (settings, seeds, ...), (settings, ...)."""
    return jax.jit(jax.vmap(jax.vmap(f, (0, None)), (0, 0)))


def both_ears(layer: Bidirectional) -> Float[np.ndarray, "3 n_out"]:
    """Which outputs of a layer are listened to: left only, right only, both.

    One row for each, 1 for the numbers of a direction that counts. For a layer that
    concatenates.
    """
    validate.instance("layer", layer, Bidirectional)
    if layer.merge != "concat":
        raise ValueError(f"layer must concatenate its directions, got {layer!r}")
    sizes = [cell.n_a for cell in layer.cells]
    return np.repeat(np.float32([[1, 0], [0, 1], [1, 1]]), sizes, axis=1)


def listening(
    model: ManyToMany, params: ModelParams, xs, lengths, ears
) -> Float[Array, "batch T n_y"]:
    """Logits whose readout hears W_y * ears: a column times 0 is not listened to.

    ears: (width of the layer,), as a row of `both_ears`. xs, lengths: as in
    `ManyToMany.logits`. Trained like this, a direction with 0 learns nothing: no
    gradient reaches it.
    """
    validate.instance("model", model, ManyToMany)
    if model.inner or np.shape(ears) != (layers.width(model.layer),):
        raise ValueError(
            f"ears has shape {np.shape(ears)}, but {model!r} needs no inner and "
            f"({layers.width(model.layer)},)"
        )
    readout = params.readout._replace(W_y=params.readout.W_y * ears)
    return model.logits(params._replace(readout=readout), xs, lengths)
