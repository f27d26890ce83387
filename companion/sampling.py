"""Sampling: from logits to probabilities, and from a model to sequences of its own.

A model that can be sampled has n_y outputs and two methods, and nothing else is asked
of it (`LanguageModel` and `OneToMany` have them):

    state, x = model.begin(params, start, batch)     # before the first output
    logits, state = model.step(params, state, x)     # of the next output, given x

The loop below chooses an output from the logits and feeds it back in as the next x;
`mixed` feeds in the true output at some of the steps.
"""

import functools
from numbers import Integral, Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jaxtyping import Bool, Float, Int

from companion import validate
from companion.text import Vocabulary
from companion.validate import Given

__all__ = ["Sampled", "continued", "greedy", "mixed", "next_distribution", "sample"]


class Sampled(NamedTuple):
    """Sequences a model wrote: PAD follows the `stop` that ended one.

    lengths: how many outputs are real, `stop` included, so that a language model's
    `log_prob(params, ids, lengths)` is what each of them was drawn with (at
    temperature 1).
    """

    ids: Int[Array, "*batch most"]
    lengths: Int[Array, "*batch"]


def next_distribution(
    logits: Float[Given, "*batch n_y"],
    temperature: Real | Array = 1.0,
    top_k: Integral | None = None,
    excluded=(),
) -> Float[Array, "*batch n_y"]:
    """The probabilities that the next output is drawn from.

    temperature: p^(1/temperature), renormalised, so the logits are divided by it. Near
        0 only the likeliest output is left, far above 1 all are equally likely.
    top_k: only the k likeliest outputs, renormalised; of equal ones the first.
    excluded: ids that are never drawn. To draw again until another id comes and to
        give them probability 0 and renormalise are the same distribution.

    Raises ValueError or TypeError naming the argument.
    """
    logits = validate.as_input("logits", logits, "floats")
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"logits has shape {logits.shape}, but needs (..., n_y)")
    n_y = logits.shape[-1]
    settings = checked_settings(n_y, temperature, top_k, excluded)
    return jax.nn.softmax(log_weights(logits, *settings), axis=-1)


def sample(
    model,
    params,
    key: Array,
    start=(),
    batch: Integral | tuple = (),
    *,
    temperature: Real | Array = 1.0,
    top_k: Integral | None = None,
    excluded=(),
    stop: Integral | None = Vocabulary.eos,
    most: Integral = 200,
) -> Sampled:
    """Sequences drawn from a model, each output fed back in as the next input.

    key: a `jax.random.key`; one key, one result. start: what the model begins from, a
    prompt of ids for a `LanguageModel`, the id of the condition for a `OneToMany`.
    batch: how many to draw, as the leading axes of the result.
    temperature, top_k, excluded: as in `next_distribution`; changing their values
    compiles nothing anew. stop: the output that ends a sequence, None for none.
    most: the cap on a sequence's outputs; a higher one leaves the first ones as they
    were.

    Returns ids (*batch, most) without the start, and lengths (*batch).
    """
    key = checked_key(key)
    carried = begin(model, params, start, batch)
    return continued(
        model,
        params,
        carried,
        key=key,
        temperature=temperature,
        top_k=top_k,
        excluded=excluded,
        stop=stop,
        most=most,
    )


def greedy(
    model,
    params,
    start=(),
    batch: Integral | tuple = (),
    *,
    excluded=(),
    stop: Integral | None = Vocabulary.eos,
    most: Integral = 200,
) -> Sampled:
    """The likeliest output at every step, and of equal ones the first. As `sample`."""
    carried = begin(model, params, start, batch)
    return continued(model, params, carried, excluded=excluded, stop=stop, most=most)


def continued(
    model,
    params,
    carried,
    *,
    key: Array | None = None,
    temperature: Real | Array = 1.0,
    top_k: Integral | None = None,
    excluded=(),
    stop: Integral | None = Vocabulary.eos,
    most: Integral = 200,
) -> Sampled:
    """What follows from where a model stands, (state, x); greedy without a key.

    carried: what `begin` of the model gave, or `read` of it after a text.
    """
    n_y = outputs_of(model)
    key = None if key is None else checked_key(key)
    settings = checked_settings(n_y, temperature, top_k, excluded)
    stop, most = checked_stop(stop, n_y), validate.positive_int("most", most)
    return generate(model, params, carried, key, *settings, stop, most)


def mixed(
    model, params, carried, truth, share: Real | Array, key: Array
) -> Int[Array, "*batch T"]:
    """A model's guesses where only a share of its inputs is true, the rest its own.

    The guess is the likeliest output, of equal ones the first. The input of the next
    step is the true output with probability `share`, else the guess: 1 is teacher
    forcing, 0 is what `greedy` writes without a stop.

    carried: where the model stands before the first guess, as in `continued`.
    truth: the true outputs, ids (*batch, T). share: from 0 to 1; a new value compiles
    nothing anew. key: a `jax.random.key`. What is true at one share is true at every
    larger one, so that with one key two results differ by the share alone.

    Returns the guesses (*batch, T). Raises ValueError or TypeError naming the argument.
    Source: Bengio and others (2015), scheduled sampling, where it is done in training.
    """
    n_y = outputs_of(model)
    truth = validate.as_input("truth", truth, "integers")
    state, x = carried
    if truth.ndim == 0 or truth.shape[-1] == 0 or truth.shape[:-1] != x.shape:
        raise ValueError(
            f"truth has shape {truth.shape}, but needs (..., T) with the leading axes "
            f"{x.shape} of carried"
        )
    validate.tokens_in_range("truth", truth, n_y)
    share, key = checked_share(share), checked_key(key)
    return guesses(model, params, (state, x), truth.astype(x.dtype), share, key)


@functools.partial(jax.jit, static_argnames=("model", "most"))
def generate(
    model, params, carried, key, temperature, top_k, allowed, stop, most
) -> Sampled:
    """`most` steps from (state, x). key: None takes the likeliest. stop: -1 for none.

    Only whether there is a key and a top_k is compiled in, not their values.
    """

    def body(carry, t):
        state, x, running = carry
        logits, state = model.step(params, state, x)
        weights = log_weights(logits, temperature, top_k, allowed)
        if key is None:
            y = jnp.argmax(weights, axis=-1)
        else:  # the key of step t does not depend on how many steps follow
            y = jax.random.categorical(jax.random.fold_in(key, t), weights)
        y = jnp.where(running, y, Vocabulary.pad).astype(x.dtype)
        return (state, y, running & (y != stop)), (y, running)

    state, x = carried
    start = (state, x, jnp.ones(x.shape, bool))
    ids, running = lax.scan(body, start, jnp.arange(most))[1]
    return Sampled(jnp.moveaxis(ids, 0, -1), running.sum(axis=0, dtype=jnp.int32))


@functools.partial(jax.jit, static_argnames="model")
def guesses(model, params, carried, truth, share, key):
    def body(carried, step):
        state, x = carried
        y, u = step
        logits, state = model.step(params, state, x)
        guess = jnp.argmax(logits, axis=-1).astype(x.dtype)
        return (state, jnp.where(u < share, y, guess)), guess

    # drawn before the share is looked at: a larger one only adds to what is true
    u = jax.random.uniform(key, truth.shape)
    steps = jnp.moveaxis(truth, -1, 0), jnp.moveaxis(u, -1, 0)
    return jnp.moveaxis(lax.scan(body, carried, steps)[1], 0, -1)


def log_weights(
    logits: Float[Array, "*batch n_y"],
    temperature: Float[Array, ""],
    top_k,
    allowed: Bool[Given, " n_y"],
) -> Float[Array, "*batch n_y"]:
    """Logarithms of the probabilities but for a constant; -inf for what cannot come."""
    logits = logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
    logits = jnp.where(allowed, logits, -jnp.inf)
    if top_k is not None:
        rank = jnp.argsort(jnp.argsort(-logits, axis=-1), axis=-1)
        logits = jnp.where(rank < top_k, logits, -jnp.inf)
    # the largest becomes 0, so that no temperature, however low, makes it infinite
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits / temperature.astype(logits.dtype)


def begin(model, params, start, batch):
    outputs_of(model)
    return model.begin(params, start, validate.batch_axes(batch))


def outputs_of(model) -> int:
    if not all(hasattr(model, name) for name in ("n_y", "begin", "step")):
        raise TypeError(
            "model must be one that reads its own outputs, LanguageModel or OneToMany, "
            f"got {type(model).__name__}"
        )
    return model.n_y


def checked_settings(n_y, temperature, top_k, excluded):
    """temperature and top_k as arrays, and which outputs are allowed, (n_y,)."""
    temperature = checked_temperature(temperature)
    if top_k is not None:
        top_k = validate.positive_int("top_k", top_k)
        if top_k > n_y:
            raise ValueError(f"top_k is {top_k}, but there are {n_y} outputs")
        top_k = jnp.asarray(top_k, jnp.int32)
    excluded = np.asarray(excluded).ravel()
    if excluded.size and not np.issubdtype(excluded.dtype, np.integer):
        raise TypeError(f"excluded must hold integers, got {excluded.dtype}")
    excluded = excluded.astype(int)
    validate.tokens_in_range("excluded", excluded, n_y)
    allowed = np.ones(n_y, bool)
    allowed[excluded] = False
    if not allowed.any():
        raise ValueError(f"excluded holds all {n_y} outputs: none is left to draw")
    return temperature, top_k, allowed


def checked_temperature(temperature):
    if isinstance(temperature, jax.core.Tracer):
        return temperature
    number = one_number("temperature", temperature)
    limits = np.finfo(np.float32)
    if not float(limits.tiny) <= number <= float(limits.max):
        raise ValueError(
            f"temperature must be positive and fit in 32 bits, got {temperature}; "
            "greedy() takes the likeliest output at every step"
        )
    return jnp.asarray(number)


def checked_share(share):
    if isinstance(share, jax.core.Tracer):
        return share
    number = one_number("share", share)
    if not 0 <= number <= 1:
        raise ValueError(f"share must be between 0 and 1, got {share}")
    return number


def one_number(name, value):
    if np.ndim(value):
        raise ValueError(f"{name} must be one number, got {value!r}")
    value = value.item() if isinstance(value, Array | np.ndarray) else value
    return validate.as_number(name, value)


def checked_stop(stop, n_y):
    """stop as an array, -1 for none."""
    if stop is None:
        return jnp.asarray(-1, jnp.int32)
    if isinstance(stop, bool) or not isinstance(stop, Integral):
        raise TypeError(f"stop must be an integer or None, got {stop!r}")
    if not 0 <= stop < n_y:
        raise ValueError(f"stop is {stop}, but the outputs are 0 to {n_y - 1}")
    return jnp.asarray(stop, jnp.int32)


def checked_key(key):
    if not isinstance(key, Array) or not (
        jax.dtypes.issubdtype(key.dtype, jax.dtypes.prng_key) and key.ndim == 0
    ):
        came = f"{key.dtype} {key.shape}" if isinstance(key, Array) else repr(key)
        raise TypeError(f"key must be one jax.random.key, got {came}")
    return key
