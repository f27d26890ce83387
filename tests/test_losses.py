"""Losses: against NumPy, and the units they are quoted in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference

from companion.losses import (
    accuracy,
    bits_per_character,
    cross_entropy,
    perplexity,
    token_losses,
)

SHAPE, N_Y = (3, 4), 5


def draw():
    rng = np.random.default_rng(0)
    logits = jnp.asarray(rng.normal(size=(*SHAPE, N_Y)))
    targets = jnp.asarray(rng.integers(0, N_Y, SHAPE))
    mask = rng.integers(0, 2, SHAPE).astype(bool)
    return logits, targets, mask


def by_hand(logits, targets):
    """-sum over k of y_k log y_hat_k, with y one-hot."""
    logits, targets = np.asarray(logits), np.asarray(targets)
    y_hat = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return -(np.eye(N_Y)[targets] * np.log(y_hat)).sum(-1)


def test_token_losses(x64):
    logits, targets, _ = draw()
    reference.close(token_losses(logits, targets), by_hand(logits, targets), 1e-14)


def test_the_mean_is_over_tokens_and_not_over_sequences(x64):
    logits, targets, mask = draw()
    losses = by_hand(logits, targets)
    reference.close(cross_entropy(logits, targets), losses.mean(), 1e-14)
    assert mask.any() and not mask.all()
    for given in (mask, mask.astype(int), mask.astype(float)):
        got = cross_entropy(logits, targets, given)
        reference.close(got, losses[mask].mean(), 1e-14)


def test_accuracy():
    logits, targets, mask = draw()
    hit = logits.argmax(-1) == targets
    assert accuracy(logits, targets) == pytest.approx(hit.mean())
    assert accuracy(logits, targets, mask) == pytest.approx(hit[mask].mean())


def test_masked_logits_cannot_matter(x64):
    logits, targets, mask = draw()
    dirty = jnp.where(mask[..., None], logits, np.nan)
    assert cross_entropy(dirty, targets, mask) == cross_entropy(logits, targets, mask)
    gradient = jax.grad(cross_entropy)(logits, targets, mask)
    assert not np.any(np.asarray(gradient)[~mask])


def test_gradient_is_softmax_minus_one_hot(x64):
    logits, targets, mask = draw()
    gradient = jax.grad(cross_entropy)(logits, targets, mask)
    y_hat = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    wanted = (y_hat - np.eye(N_Y)[targets]) * mask[..., None] / mask.sum()
    reference.close(gradient, wanted, 1e-13)


def test_huge_logits_stay_finite():
    logits = jnp.array([1e4, 0.0, -1e4])
    assert token_losses(logits, jnp.array(0)) == 0
    assert token_losses(logits, jnp.array(2)) == pytest.approx(2e4)


def test_a_uniform_guess():
    nats = cross_entropy(jnp.zeros((7, 32)), jnp.zeros(7, int))
    assert perplexity(nats) == pytest.approx(32, rel=1e-5)
    assert bits_per_character(7 * nats, 7) == pytest.approx(5, rel=1e-6)
    assert bits_per_character(7 * nats, 35) == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda: token_losses(jnp.ones((3, 5)), jnp.zeros(4, int)),
            ValueError,
            r"logits of shape \(3, 5\) need targets of shape \(3,\), got \(4,\)",
        ),
        (
            lambda: token_losses(jnp.ones((3, 5)), jnp.zeros(3)),
            TypeError,
            "targets must hold integers, got float32",
        ),
        (
            lambda: token_losses(jnp.ones((3, 5), int), jnp.zeros(3, int)),
            TypeError,
            "logits must hold floats, got int32",
        ),
        (
            lambda: token_losses(jnp.ones((3, 5)), jnp.array([0, 5, 1])),
            ValueError,
            "targets holds token ids from 0 to 5, but the vocabulary of size 5",
        ),
        (
            lambda: accuracy(jnp.ones((3, 5)), jnp.array([0, -1, 1])),
            ValueError,
            "targets holds token ids from -1 to 1",
        ),
        (
            lambda: cross_entropy(jnp.ones((3, 5)), jnp.zeros(3, int), jnp.ones(5)),
            ValueError,
            r"mask has shape \(5,\), but the targets have shape \(3,\)",
        ),
        (
            lambda: cross_entropy(jnp.ones((3, 5)), jnp.zeros(3, int), jnp.zeros(3)),
            ValueError,
            "mask leaves no token that counts",
        ),
        (
            lambda: bits_per_character(1.0, 0),
            ValueError,
            "characters must be positive, got 0",
        ),
    ],
)
def test_bad_input(call, error, message, as_readers_run_it):
    with pytest.raises(error, match=message):
        call()


def test_nan_under_the_mask_leaves_the_gradient_alone(x64):
    logits = jnp.array([[0.3, -0.2], [jnp.nan, 0.0]])
    grad = jax.grad(lambda z: cross_entropy(z, jnp.array([0, 1]), jnp.array([1, 0])))
    clean = grad(logits.at[1].set(0.0))
    reference.close(grad(logits), clean, 1e-15)
    assert np.abs(clean[0]).min() > 0.1 and not clean[1].any()


def test_a_target_under_the_mask_may_be_anything():
    mask = jnp.array([True, False])
    got = cross_entropy(jnp.zeros((2, 3)), jnp.array([2, -1]), mask)
    assert np.isclose(got, np.log(3))


def test_half_precision_counts_to_many():
    logits, targets = jnp.zeros((70_000, 2), jnp.float16), jnp.zeros(70_000, int)
    mask = jnp.ones(70_000, bool)
    for masked in (mask, None):
        assert np.isclose(cross_entropy(logits, targets, masked), np.log(2), rtol=1e-2)
        assert accuracy(logits, targets, masked) == 1


@pytest.mark.parametrize("target", [-1, 3])
def test_a_target_outside_is_nan_under_jit(target):
    losses = jax.jit(token_losses)(jnp.zeros((2, 3)), jnp.array([target, 1]))
    assert np.isnan(losses[0]) and np.isclose(losses[1], np.log(3))


def test_nothing_to_count_is_an_error(as_readers_run_it):
    with pytest.raises(ValueError, match="hold no token"):
        cross_entropy(jnp.zeros((0, 3)), jnp.zeros(0, int))
    with pytest.raises(ValueError, match="mask must hold 0 and 1"):
        cross_entropy(jnp.zeros((2, 3)), jnp.zeros(2, int), jnp.array([-1, 2]))
