"""fit on 8 devices against one. JAX counts its devices once, when it starts, so this
file is also a program: it runs itself with 8 virtual CPU devices and reads the answer.
"""

import json
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion.cells import RNN
from companion.models import ManyToMany
from companion.training import fit

DEVICES, STEPS, BATCH, T, N = 8, 5, 16, 4, 3
MODEL = ManyToMany(RNN(N), n_y=1)
KEY = jax.random.key(1)


def draw(key):
    """Inputs, targets, the weight of each example: the last array has one axis."""
    xs = jax.random.normal(key, (BATCH, T, N))
    return xs, xs.sum(-1, keepdims=True).cumsum(1), xs[:, 0, 0] ** 2


def mean_error(params, batch):
    xs, ys, weight = batch
    errors = ((MODEL.logits(params, xs) - ys) ** 2).mean((1, 2))
    return (weight * errors).mean()


def carrying(params, batch, state):
    """The state: a row an example, and a count without rows."""
    xs, ys, _ = batch
    error = (MODEL.logits(params, xs) + state["rows"][:, None] - ys) ** 2
    return error.mean(), {"rows": 0.1 * ys[:, -1], "count": state["count"] + 1}


def on_devices() -> dict:
    """What is different on 8 devices, run after run: on them minus on one."""
    mesh = jax.make_mesh((DEVICES,), ("batch",))
    params = MODEL.init(jax.random.key(0), N)
    keys = jax.vmap(lambda t: jax.random.fold_in(KEY, t))(jnp.arange(STEPS))
    made = jax.vmap(draw)(keys)
    sampled = {"steps": STEPS, "key": KEY}
    state = {"rows": jnp.ones((BATCH, 1)), "count": jnp.zeros(())}
    both = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), params)
    cut = []

    def watched(params, batch):
        jax.debug.inspect_array_sharding(batch[0], callback=cut.append)
        return mean_error(params, batch)

    alone = fit(mean_error, params, made)  # another test: sampled is the same
    many = sampled | {"over_seeds": True}
    runs = {
        "arrays": (alone, params, made, {}),
        "sampled": (alone, params, draw, sampled),
        "seeds": (fit(mean_error, both, draw, **many), both, draw, many),
    }
    found = {"devices": jax.device_count()}
    for name, (expected, start, batches, options) in runs.items():
        shared = fit(watched, start, batches, mesh=mesh, **options)
        found[name] = compared(expected, shared)
        sharding = cut.pop()  # of one batch, (seeds, batch, T, n_x) or without seeds
        shape = (2, BATCH, T, N) if name == "seeds" else (BATCH, T, N)
        found[name]["part"] = sharding.shard_shape(shape)
        found[name]["on"] = len(sharding.device_set)
    alone = fit(carrying, params, made, state=state)
    two_axes = jax.make_mesh((2, 4), ("hosts", "chips"))
    options = {"watch": lambda run: None, "every": 2}
    shared = fit(carrying, params, made, state=state, mesh=two_axes, **options)
    found["state"] = compared(alone, shared)
    rows = shared.state["rows"]
    found["state"]["part"] = rows.sharding.shard_shape(rows.shape)
    found["state"]["whole"] &= shared.state["count"].sharding.is_fully_replicated
    try:
        fit(mean_error, params, jax.tree.map(lambda v: v[:, :12], made), mesh=mesh)
    except ValueError as error:
        found["refused"] = str(error)
    return found


def compared(alone, shared) -> dict:
    """The differences, and whether every device has all of the parameters."""
    leaves = jax.tree.leaves(shared.params)
    copies = [[np.asarray(s.data) for s in v.addressable_shards] for v in leaves]
    return {
        "losses": float(np.abs(alone.losses - shared.losses).max()),
        "fell": float(alone.losses.ravel()[0] - alone.losses.ravel()[-1]),
        "params": max(
            float(jnp.abs(a - np.asarray(b)).max())
            for a, b in zip(jax.tree.leaves(alone.params), leaves, strict=True)
        ),
        "whole": all(v.sharding.is_fully_replicated for v in leaves),
        "alike": all(
            len(parts) == DEVICES and all((p == parts[0]).all() for p in parts)
            for parts in copies
        ),
    }


def test_eight_devices_train_as_one_does():
    flags = f"--xla_force_host_platform_device_count={DEVICES}"
    run = subprocess.run(
        [sys.executable, "-W", "error", __file__],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout)
    assert found["devices"] == DEVICES
    for name in ("arrays", "sampled", "seeds", "state"):
        one = found[name]
        assert one["losses"] < 1e-5 and one["params"] < 1e-5, (name, one)
        assert one["fell"] != 0 and one["whole"] and one["alike"], (name, one)
    rows = BATCH // DEVICES
    for name, part in {
        "arrays": [rows, T, N],
        "sampled": [rows, T, N],
        "seeds": [2, rows, T, N],
        "state": [rows, 1],
    }.items():
        assert found[name]["part"] == part, name
        assert found[name].get("on", DEVICES) == DEVICES
    said = "batches must have a first axis that 8 devices can share equally, got 12"
    assert found["refused"].startswith(said)


def test_a_mesh_of_one_device_changes_nothing():
    params, mesh = MODEL.init(jax.random.key(0), N), jax.make_mesh((1,), ("batch",))
    plain = fit(mean_error, params, draw, steps=2, key=KEY)
    meshed = fit(mean_error, params, draw, steps=2, key=KEY, mesh=mesh)
    np.testing.assert_allclose(meshed.losses, plain.losses, atol=1e-6)


@pytest.mark.parametrize(
    ("mesh", "batches", "error", "said"),
    [
        (jax.devices(), jnp.ones((2, 4)), TypeError, "mesh must be Mesh, got list"),
        (
            jax.make_mesh((1,), ("batch",)),
            jnp.ones(3),
            ValueError,
            r"mesh needs batches of arrays \(batch, ...\), got none",
        ),
    ],
)
def test_bad_meshes(mesh, batches, error, said, as_readers_run_it):
    with pytest.raises(error, match=said):
        fit(lambda p, b: (p * b).sum(), jnp.ones(()), batches, mesh=mesh)


if __name__ == "__main__":
    print(json.dumps(on_devices()))
