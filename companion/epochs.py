"""One text, read over and over: a language model trained epoch by epoch.

    model = LanguageModel(Stacked((LSTM(256), LSTM(256))), size=len(vocabulary))
    params = loud_inputs(model, model.init(key), key)
    run = read(model, params, ids[:10_000], held_out=ids[10_000:15_000], until=1.05)
    run.perplexities                  # (epochs,), of the text that is being learned
    run.held_out                      # (epochs,), of the text that is not
    print(f"{run.tokens_per_second:,.0f} characters a second")

The state is carried from window to window through the whole text (truncated
backpropagation, notebook 03) and starts at zero in each epoch.
"""

import time
from functools import partial
from numbers import Integral, Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Int

from companion import losses, validate
from companion.language import LanguageModel
from companion.layers import Stacked
from companion.models import ModelParams
from companion.training import QUICKLY, fit

__all__ = ["Reading", "loud_inputs", "read", "rows"]


class Reading(NamedTuple):
    """What reading a text `epochs` times has left.

    params: as they were after the last epoch.
    perplexities: (epochs,) exp of the mean loss over an epoch, while it was running:
        the weights change from each window to the next.
    held_out: (epochs,) perplexity of the held-out text after each epoch; NaN without.
    frozen: perplexity of the text itself with the final weights, read once in order.
    seconds: of the run, without compiling and without scoring the held-out text.
    compile_seconds: what the first epoch took longer than the median of the others.
    tokens_per_second: targets learned from in the median epoch.
    """

    params: ModelParams
    perplexities: np.ndarray
    held_out: np.ndarray
    frozen: float
    seconds: float
    compile_seconds: float
    tokens_per_second: float

    @property
    def epochs(self) -> int:
        return len(self.perplexities)


def rows(ids, T: int, batch: int) -> Int[np.ndarray, "steps batch _"]:
    """A long text as batches of windows in order: ids (n,) -> (steps, batch, T + 1).

    As `text.windows`, but nothing is left out: where the text cannot be cut evenly the
    rows overlap by a few tokens, which are then targets twice. (A single row has no
    other to overlap with and leaves out up to T - 1 tokens at the end.)
    """
    ids = np.asarray(validate.as_input("ids", ids, "integers"))
    T, batch = validate.positive_int("T", T), validate.positive_int("batch", batch)
    if ids.ndim != 1 or len(ids) <= T:
        raise ValueError(
            f"ids has shape {ids.shape}, but T = {T} steps need (n,) with n > {T}"
        )
    steps = min(-(-(len(ids) - 1) // (batch * T)), (len(ids) - 1) // T)
    starts = np.linspace(0, len(ids) - 1 - steps * T, batch).round().astype(int)
    step = np.arange(steps)[:, None, None]
    return ids[starts[:, None] + step * T + np.arange(T + 1)]


def loud_inputs(
    model: LanguageModel, params: ModelParams, key: Array, scale: Real = 1.0
) -> ModelParams:
    """The same parameters, but what the lowest layer reads drawn from N(0, scale^2).

    A character is one column of W_x. Glorot's rule makes these columns small, since it
    expects all n_x inputs to be on at once; of a one-hot vector only one is.
    """
    validate.instance("model", model, LanguageModel)
    validate.instance("params", params, ModelParams)
    layer = loud(model.layer, params.layer, key, validate.as_number("scale", scale))
    return params._replace(layer=layer)


def loud(layer, params, key, scale):
    """The parameters of a layer whose lowest cell reads loudly."""
    if isinstance(layer, Stacked):
        return (loud(layer.layers[0], params[0], key, scale), *params[1:])
    if not all(isinstance(n, int) for s in layer.shapes(1).values() for n in s):
        raise TypeError(f"model must read with one matrix a map, not with {layer!r}")
    keys, drawn = jax.random.split(key, len(layer.maps)), {}
    for letter, own in zip(layer.maps, keys, strict=True):
        W = getattr(params, f"W_{letter}")
        noise = scale * jax.random.normal(own, W[:, layer.n_a :].shape, W.dtype)
        drawn[f"W_{letter}"] = W.at[:, layer.n_a :].set(noise)
    return params._replace(**drawn)


def read(
    model: LanguageModel,
    params: ModelParams,
    ids,
    *,
    held_out=None,
    T: Integral = 35,
    batch: Integral = 32,
    epochs: Integral = 32,
    until: Real | None = None,
    learning_rate: Real = 1e-2,
    warm_up: Integral = 30,
    clip: Real | None = 1.0,
    progress: bool | None = None,
) -> Reading:
    """Train on a text from its beginning to its end, `epochs` times.

    ids: (n,) the text. held_out: (m,) another, scored after each epoch, never learned.
    T, batch: the text is read in `batch` rows side by side, T steps a window (`rows`).
    until: stop after the first epoch whose perplexity is at most this.
    learning_rate: Adam's, with b2 = 0.95; it rises from 0 over `warm_up` steps and then
        falls to 0 at the end of the last of the epochs.
    clip, progress: as in `fit`, whose errors it raises; ValueError or TypeError for an
        argument that does not fit.
    """
    validate.instance("model", model, LanguageModel)
    epochs = validate.positive_int("epochs", epochs)
    windows = rows(ids, int(T), int(batch)).astype(np.int32)  # as `start` has them
    steps = len(windows)
    score = scorer(model, held_out)
    rate = schedule(learning_rate, warm_up, steps * epochs)
    marks, running, held, first = [], [], [], []

    def after_an_epoch(so_far):
        now = time.perf_counter()
        marks.append(now - first[-1])
        running.append(float(losses.perplexity(np.mean(so_far.losses[-steps:]))))
        held.append(score(so_far.params))
        first.append(time.perf_counter())
        return until is not None and running[-1] <= until

    first.append(time.perf_counter())
    run = fit(
        partial(window_loss, model),
        params,
        (np.tile(windows, (epochs, 1, 1)), np.tile(np.arange(steps) == 0, epochs)),
        optimiser=optax.adam(rate, b2=0.95),
        clip=clip,
        state=model.start(params, (int(batch),)),
        watch=after_an_epoch,
        every=steps,
        progress=progress,
    )
    usual = float(np.median(marks[1:])) if len(marks) > 1 else marks[0]
    return Reading(
        run.params,
        np.asarray(running),
        np.asarray(held),
        scorer(model, ids)(run.params),
        usual * len(marks),
        max(marks[0] - usual, 0.0),
        windows[..., 1:].size / usual,
    )


def window_loss(model, params, batch, state):
    """Nats per token of a window, from the state in which the last one was left."""
    window, first = batch
    state = jax.tree.map(lambda s: jnp.where(first, jnp.zeros_like(s), s), state)
    state = state._replace(x=window[:, 0])
    logits, state = model.read(params, window[:, 1:], state=state)
    return losses.cross_entropy(logits, window[:, 1:]), state


def schedule(rate: float, warm_up: int, steps: int):
    warm_up = min(validate.positive_int("warm_up", warm_up), steps)
    up = optax.linear_schedule(0.0, rate, warm_up)
    down = optax.linear_schedule(rate, 0.0, max(steps - warm_up, 1))
    return optax.join_schedules([up, down], [warm_up])


def scorer(model: LanguageModel, ids):
    """A function from parameters to the perplexity of a text; NaN for no text."""
    if ids is None:
        return lambda params: float("nan")
    ids = jnp.asarray(validate.as_input("held_out", ids, "integers"))
    if ids.ndim != 1 or len(ids) < 2:
        raise ValueError(f"held_out has shape {ids.shape}, but needs (m,) with m > 1")

    @partial(jax.jit, compiler_options=QUICKLY.get(jax.default_backend()))
    def perplexity(params):
        state = model.start(params, before=ids[0])
        return model.perplexity(params, ids[1:], state=state)

    return lambda params: float(perplexity(params))
