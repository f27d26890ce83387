"""Losses in nats per token, and the units people quote: perplexity, bits per character.

A mask is True (or 1) where a token counts; padding has weight 0. The mean is over the
tokens that count, never over sequences, so that it is the number perplexity needs.
"""

import math

import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Bool, Float, Integer

from companion import validate
from companion.validate import Given

__all__ = [
    "accuracy",
    "bits_per_character",
    "cross_entropy",
    "perplexity",
    "token_losses",
]


def token_losses(
    logits: Float[Given, "..."], targets: Integer[Given, "..."]
) -> Float[Array, "..."]:
    """-log softmax(logits)[target] of each token, in nats.

    logits: (..., n_y). targets: (...) class ids 0..n_y-1; any other id raises
    ValueError, or gives NaN under jit, where values are not known. Returns (...).
    """
    logits, targets, _ = validated(logits, targets, None)
    outside = (targets < 0) | (targets >= logits.shape[-1])
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    return jnp.where(outside, jnp.nan, losses)


def cross_entropy(logits, targets, mask=None) -> Float[Array, ""]:
    """Mean loss per token that counts, in nats. Shapes as in `token_losses`.

    mask: (...) of the targets' shape, 1 or True where a token counts and 0 or False
    elsewhere; None for all. What stands where it is 0, NaN too, changes neither the
    loss nor its gradient. Raises ValueError if no token counts (NaN under jit).
    """
    logits, targets, mask = validated(logits, targets, mask)
    if mask is not None:
        logits = jnp.where(mask[..., None], logits, 0)
    return mean_where(token_losses(logits, targets), mask)


def accuracy(logits, targets, mask=None) -> Float[Array, ""]:
    """Share of the tokens that count whose likeliest class is the target."""
    logits, targets, mask = validated(logits, targets, mask)
    hit = jnp.argmax(logits, axis=-1) == targets
    return mean_where(hit.astype(jnp.float32), mask)


def perplexity(nats_per_token) -> Float[Array, ""]:
    """exp of the mean negative log-likelihood per token: n_y for a uniform guess."""
    return jnp.exp(nats_per_token)


def bits_per_character(nats, characters: int) -> Float[Array, ""]:
    """The loss of a whole text in nats, spread over its characters, in bits.

    Comparable between models whose tokens differ (words, characters), as long as `nats`
    sums over the whole text.
    """
    if characters <= 0:
        raise ValueError(f"characters must be positive, got {characters}")
    return jnp.asarray(nats) / (characters * math.log(2))


def mean_where(values: Float[Array, "..."], mask) -> Float[Array, ""]:
    return values.mean() if mask is None else values.mean(where=mask)


def validated(logits, targets, mask):
    """The three as arrays that fit together; targets are 0 where the mask is."""
    logits = validate.as_input("logits", logits, "floats")
    targets = validate.as_input("targets", targets, "integers")
    if logits.ndim == 0 or logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"logits of shape {logits.shape} need targets of shape "
            f"{logits.shape[:-1]}, got {targets.shape}"
        )
    if targets.size == 0:
        raise ValueError(f"targets of shape {targets.shape} hold no token")
    if mask is not None:
        mask = as_mask(mask, targets.shape)
        targets = jnp.where(mask, targets, 0)
    validate.tokens_in_range("targets", targets, logits.shape[-1])
    return logits, targets, mask


def as_mask(mask, shape: tuple[int, ...]) -> Bool[Array, "..."]:
    mask = jnp.asarray(mask)
    if mask.shape != shape:
        raise ValueError(
            f"mask has shape {mask.shape}, but the targets have shape {shape}"
        )
    if validate.is_concrete(mask):
        values = np.asarray(mask)
        if not np.isin(values, (0, 1)).all():
            raise ValueError("mask must hold 0 and 1, or False and True, only")
        if not values.any():
            raise ValueError("mask leaves no token that counts")
    return mask != 0
