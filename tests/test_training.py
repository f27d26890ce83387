"""fit: against a loop written out, and what it does when training goes wrong."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference

from companion.training import fit

STEPS, N = 6, 3


def loss(params, batch):
    """Squared error of a linear map: its gradient is known in one line."""
    x, y = batch
    return jnp.mean((x @ params["w"] + params["b"] - y) ** 2)


def draw(seed=0):
    rng = np.random.default_rng(seed)
    xs, ys = rng.normal(size=(STEPS, 8, N)), 3 * rng.normal(size=(STEPS, 8))
    return {"w": jnp.asarray(rng.normal(size=N)), "b": jnp.zeros(())}, (
        jnp.asarray(xs),
        jnp.asarray(ys),
    )


def by_hand(params, batches, rate, clip):
    """Adam (Kingma and Ba 2015), its rate falling linearly to a twentieth."""
    theta = np.array([*params["w"], params["b"]])
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    losses, norms = [], []
    for t, (x, y) in enumerate(zip(*(np.asarray(b) for b in batches), strict=True)):
        error = x @ theta[:-1] + theta[-1] - y
        gradient = 2 * np.append(x.T @ error, error.sum()) / len(y)
        losses.append(np.mean(error**2))
        norms.append(np.linalg.norm(gradient))
        if clip is not None:
            gradient = gradient * min(1, clip / norms[-1])
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        m_hat, v_hat = m / (1 - 0.9 ** (t + 1)), v / (1 - 0.999 ** (t + 1))
        falling = rate * (1 - 0.95 * t / STEPS)
        theta = theta - falling * m_hat / (np.sqrt(v_hat) + 1e-8)
    return theta, losses, norms


@pytest.mark.parametrize("clip", [None, 0.5, 4.0])
def test_fit_is_adam_written_out(clip, x64):
    params, batches = draw()
    done = fit(loss, params, batches, learning_rate=0.1, clip=clip)
    theta, losses, norms = by_hand(params, batches, 0.1, clip)
    assert min(norms) < 4 < max(norms)  # the clip of 4 acts on some steps only
    # optax keeps the falling rate in float32, whatever the parameters are in
    reference.close(np.append(done.params["w"], done.params["b"]), theta, 1e-7)
    reference.close(done.losses, losses, 1e-7)
    reference.close(done.gradient_norms, norms, 1e-7)


def test_seeds_are_runs_of_their_own(x64):
    runs = [draw(seed) for seed in range(3)]
    params, batches = jax.tree.map(lambda *v: jnp.stack(v), *runs)
    together = fit(loss, params, batches, over_seeds=True)
    assert together.losses.shape == (3, STEPS)
    for i, (p, b) in enumerate(runs):
        alone = fit(loss, p, b)
        pairs = zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True)
        for one, other in pairs:
            reference.close(one[i], other, 1e-12)


def test_a_loss_that_is_not_a_number_names_its_step():
    params, (xs, ys) = draw()
    ys = ys.at[4].set(jnp.nan)
    with pytest.raises(FloatingPointError, match="not finite at step 4"):
        fit(loss, params, (xs, ys))


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(batches=()), r"batches must hold arrays \(steps, ...\), got shapes \[\]"),
        (dict(batches=(jnp.ones((6, 8)), jnp.ones((5, 8)))), r"\(6, 8\), \(5, 8\)"),
        (dict(batches=jnp.ones(())), r"got shapes \[\(\)\]"),
        (dict(batches=jnp.ones(6), over_seeds=True), r"\(seeds, steps, ...\)"),
        (dict(batches=jnp.ones((0, 8))), "number of steps must be at least 1, got 0"),
        (dict(learning_rate=0.0), "must be positive, got 0.0 and 1.0"),
        (dict(clip=-1.0), "must be positive, got 0.01 and -1.0"),
    ],
)
def test_bad_input(change, message):
    params, batches = draw()
    with pytest.raises(ValueError, match=message):
        fit(loss, params, **({"batches": batches} | change))


def test_a_gradient_that_is_not_finite_is_found_behind_a_finite_loss():
    with pytest.raises(FloatingPointError, match="gradient is not finite at step 0"):
        fit(lambda p, b: jnp.sqrt(p) * b, jnp.zeros(()), jnp.ones(1))


def test_the_seed_that_went_wrong_is_named():
    params = jnp.zeros(2)
    batches = jnp.array([[1.0, 2.0, jnp.nan], [1.0, 3.0, 4.0]])
    with pytest.raises(FloatingPointError, match="of seed 0 is not finite at step 2"):
        fit(lambda p, b: (p - b) ** 2, params, batches, over_seeds=True)


def test_what_the_loss_reads_from_outside_is_read_in_each_fit():
    scale = {"is": 1.0}

    def loss(p, b):
        return scale["is"] * (p - b) ** 2

    first = fit(loss, jnp.zeros(()), jnp.ones(1)).losses
    scale["is"] = 100.0
    assert np.isclose(fit(loss, jnp.zeros(()), jnp.ones(1)).losses, 100 * first)
