"""Losses in nats per token, and the units people quote: perplexity, bits per character.

A mask is True (or 1) where a token counts; padding has weight 0. The mean is over the
tokens that count, never over sequences, so that it is the number perplexity needs.
"""

import math

import jax.numpy as jnp
import numpy as np
import optax
from jax import Array
from jaxtyping import Float, Integer

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

    logits: (..., n_y). targets: (...) class ids 0..n_y-1. Returns (...).
    """
    logits, targets = pair(logits, targets)
    return optax.softmax_cross_entropy_with_integer_labels(logits, targets)


def cross_entropy(logits, targets, mask=None) -> Float[Array, ""]:
    """Mean loss per token that counts, in nats. Shapes as in `token_losses`.

    mask: (...) of the targets' shape, 1 or True where a token counts; None for all.
    Raises ValueError if no token counts.
    """
    return masked_mean(token_losses(logits, targets), mask)


def accuracy(logits, targets, mask=None) -> Float[Array, ""]:
    """Share of the tokens that count whose likeliest class is the target."""
    logits, targets = pair(logits, targets)
    hit = jnp.argmax(logits, axis=-1) == targets
    return masked_mean(hit.astype(logits.dtype), mask)


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


def masked_mean(values: Float[Array, "..."], mask) -> Float[Array, ""]:
    if mask is None:
        return values.mean()
    mask = jnp.asarray(mask)
    if mask.shape != values.shape:
        raise ValueError(
            f"mask has shape {mask.shape}, but the targets have shape {values.shape}"
        )
    if validate.is_concrete(mask) and not np.asarray(mask).any():
        raise ValueError("mask leaves no token that counts")
    values = jnp.where(mask != 0, values, 0)  # a NaN in the padding must not count
    return (values * mask).sum() / mask.sum()


def pair(logits, targets) -> tuple[Float[Array, "..."], Integer[Array, "..."]]:
    logits = validate.as_input("logits", logits)
    targets = validate.as_input("targets", targets)
    if validate.is_tokens(logits):
        raise TypeError(f"logits must be floats, got {logits.dtype}")
    if not validate.is_tokens(targets):
        raise TypeError(f"targets must be integer class ids, got {targets.dtype}")
    if logits.ndim == 0 or logits.shape[:-1] != targets.shape:
        raise ValueError(
            f"logits of shape {logits.shape} need targets of shape "
            f"{logits.shape[:-1]}, got {targets.shape}"
        )
    validate.tokens_in_range("targets", targets, logits.shape[-1])
    return logits, targets
