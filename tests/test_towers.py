"""Towers in a frame: each equals the `Stacked` it stands for, fresh and trained."""

import jax
import numpy as np
import optax
import pytest

from companion.cells import count_parameters
from companion.losses import cross_entropy
from companion.towers import as_model, build, logits, together, train
from companion.training import fit

SMALL = {"frame": 6, "most": 3}
KINDS = [
    {"depth": 1, "n_a": 6},
    {"depth": 2, "n_a": 4},
    {"depth": 3, "n_a": 3, "residual": True},
    {"depth": 3, "n_a": 6, "gain": 1.5},
]
IDS = np.random.default_rng(0).integers(0, 5, size=(4, 9))


def loss(tower, ids):
    return cross_entropy(logits(tower, ids[:, :-1]), ids[:, 1:])


@pytest.fixture(scope="module")
def fresh():
    return [build(i, 5, **kind, **SMALL) for i, kind in enumerate(KINDS)]


@pytest.fixture(scope="module")
def trained(fresh):
    batches = np.broadcast_to(IDS, (len(fresh), 20, *IDS.shape))
    run = fit(
        loss, together(fresh), batches, optimiser=optax.adam(0.05), over_seeds=True
    )
    assert (run.losses[:, -1] < run.losses[:, 0] - 0.1).all()
    return [jax.tree.map(lambda p, i=i: p[i], run.params) for i in range(len(fresh))]


@pytest.mark.parametrize("state", ["fresh", "trained"])
@pytest.mark.parametrize("i", range(len(KINDS)))
def test_a_tower_equals_the_stacked_layers_it_stands_for(state, i, request):
    tower = request.getfixturevalue(state)[i]
    model, params = as_model(tower)
    kind = KINDS[i]
    assert len(model.layer.layers) == kind["depth"]
    assert {cell.n_a for cell in model.layer.layers} == {kind["n_a"]}
    assert model.layer.residual == kind.get("residual", False)
    wanted = model.logits(params, IDS)
    np.testing.assert_allclose(logits(tower, IDS), wanted, atol=1e-5)


def test_what_is_not_part_of_the_tower_is_never_learned(fresh, trained):
    for before, after in zip(fresh, trained, strict=True):
        for name in ("first", "above"):
            old, new = (np.asarray(getattr(t, name).W_a) for t in (before, after))
            assert (new[old == 0] == 0).all() and (new != old).any() == (old != 0).any()
        np.testing.assert_array_equal(before.on, after.on)
        np.testing.assert_array_equal(before.residual, after.residual)


def test_a_fresh_tower_begins_as_a_cell_does():
    _, params = as_model(build(3, 5, depth=3, n_a=4, gain=0.5, **SMALL))
    assert count_parameters(params.layer) == 4 * 9 + 4 + 2 * (4 * 8 + 4)
    for layer in params.layer:
        W = layer.W_a[:, :4]
        np.testing.assert_allclose(W @ W.T, 0.25 * np.eye(4), atol=1e-6)
    assert np.abs(params.layer[1].W_a[:, 4:]).max() <= 0.5 * np.sqrt(6 / 8)
    many = build(3, 500, depth=1, n_a=6, gain=0.5, frame=6, most=1)
    assert abs(many.first.W_a[:, 6:].std() - 1) < 0.1


def test_training_is_descent_on_windows_of_the_text(fresh):
    """One step, by hand: the text has one window only, so that it must be that one."""
    ids = IDS[0]
    towers, options = together(fresh), {"T": len(ids) - 1, "batch": 1, "steps": 2}
    run = train(towers, ids, rate=0.5, clip=np.array([np.inf] * 3 + [0.01]), **options)
    for i, tower in enumerate(fresh):
        value, g = jax.value_and_grad(loss)(tower, ids[None])
        length = np.sqrt(sum((leaf**2).sum() for leaf in jax.tree.leaves(g)))
        scale = 0.01 / length if i == 3 else 1
        stepped = jax.tree.map(lambda p, d, s=scale: p - 0.5 * s * d, tower, g)
        wanted = [value, loss(stepped, ids[None])]
        np.testing.assert_allclose(run.losses[i], wanted, atol=1e-5)


def test_towers_of_one_number_read_the_same_windows():
    towers = together([build(1, 5, depth=2, n_a=3, **SMALL)] * 4)
    text = np.random.default_rng(3).integers(0, 5, size=60)
    losses = train(towers, text, steps=3, T=4, batch=2, windows=2).losses
    np.testing.assert_array_equal(losses[0], losses[2])
    assert (losses[0] != losses[1]).all()
    with pytest.raises(ValueError, match="ids has shape"):
        train(towers, text[:4], T=4)


@pytest.mark.parametrize(
    ("change", "match"),
    [({"depth": 4}, "depth"), ({"n_a": 7}, "n_a"), ({"n_a": 0}, "n_a")],
)
def test_what_does_not_fit_the_frame_is_named(change, match):
    with pytest.raises(ValueError, match=match):
        build(0, 5, **({"depth": 1, "n_a": 2} | SMALL | change))


def test_towers_share_a_frame():
    with pytest.raises(ValueError, match="one frame"):
        together([build(0, 5, depth=1, n_a=2, frame=n, most=2) for n in (3, 4)])
    with pytest.raises(ValueError, match="at least one"):
        together([])
    with pytest.raises(ValueError, match="ids has shape"):
        logits(build(0, 5, depth=1, n_a=2), IDS[0])
