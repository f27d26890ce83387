"""The stethoscope: its time constants and probes against decays and maps we made."""

import jax
import numpy as np
import pytest

from companion import stethoscope
from companion.cells import GRU, LSTM, RNN
from companion.inspector import look_inside
from companion.layers import Stacked
from companion.models import ManyToMany
from companion.stethoscope import listen, probe, time_constant, time_constants

RNG = np.random.default_rng(4)


def decaying(rates, T=400, sequences=40):
    """v<t> = r v<t-1> + noise, one unit a rate, in its stationary spread."""
    rates = np.asarray(rates)
    v = RNG.normal(size=(sequences, len(rates))) / np.sqrt(1 - rates**2)
    steps = []
    for _ in range(T):
        steps.append(v)
        v = rates * v + RNG.normal(size=v.shape)
    return np.stack(steps, axis=1)


def test_a_decay_lasts_as_long_as_its_rate_says():
    wanted = np.array([3.0, 8.0, 20.0])
    found = time_constant(decaying(np.exp(-1 / wanted)))
    np.testing.assert_allclose(found, wanted, rtol=0.15)


def test_noise_lasts_no_step_and_an_alternation_neither():
    noise = RNG.normal(size=(30, 50, 1))
    flips = np.tile([1.0, -1.0], 25)[None, :, None] * np.ones((30, 1, 1))
    found = time_constant(np.concatenate([noise, flips], axis=2))
    assert (found >= 0).all() and (found < 0.5).all()


def test_a_unit_that_never_falls_and_one_that_stands_still():
    held = np.repeat(RNG.normal(size=(20, 1, 1)), 30, axis=1)
    still = np.full((20, 30, 1), 0.3)
    found = time_constant(np.concatenate([held, still], axis=2), longest=12)
    assert found[0] == 12 and np.isnan(found[1])


def test_size_and_offset_of_a_unit_do_not_matter():
    values = decaying([0.8], T=60)
    changed = 5 - 0.01 * values
    np.testing.assert_allclose(time_constant(values), time_constant(changed), rtol=1e-6)


def test_steps_past_a_length_do_not_count():
    values = decaying([0.9], T=80)
    lengths = RNG.integers(20, 81, size=len(values))
    gone = np.arange(80) >= lengths[:, None]
    cut = np.where(gone[..., None], np.nan, values)
    whole = np.concatenate(
        [row[:n] for row, n in zip(values, lengths, strict=True)], axis=0
    )
    # by hand: the products within each sequence only
    mean, found = whole.mean(), time_constant(cut)[0]
    lag = int(found)
    r = []
    for k in (lag, lag + 1):
        pairs = [(v[:-k, 0], v[k:, 0]) for v in decut(cut) if len(v) > k]
        early, late = (np.concatenate(part) - mean for part in zip(*pairs, strict=True))
        r.append((early * late).sum() / np.sqrt((early**2).sum() * (late**2).sum()))
    assert r[0] >= np.exp(-1) > r[1]


def decut(values):
    return [row[np.isfinite(row[:, 0])] for row in values]


def test_listening_is_looking_inside_and_keeping_one_quantity():
    model = ManyToMany(Stacked((GRU(4), LSTM(3))), n_y=2)
    params = model.init(jax.random.key(1), 2)
    xs = RNG.normal(size=(3, 7, 2))
    seen, heard = look_inside(model, params, xs), listen(model, params, xs)
    assert list(heard) == ["layer 1", "layer 2"]
    for cell in heard:
        np.testing.assert_array_equal(heard[cell], seen[cell]["a"])
    gates = listen(model, params, xs, quantity="gamma_u")
    np.testing.assert_array_equal(gates["layer 1"], seen["layer 1"]["gamma_u"])
    with pytest.raises(ValueError, match=r"quantity must be one of .*layer 1.*gamma_f"):
        listen(model, params, xs, quantity="gamma_f")


def test_every_layer_of_any_model_has_time_constants():
    xs = RNG.normal(size=(5, 30, 2))
    tower = Stacked((RNN(4), RNN(3)))
    found = time_constants(tower, tower.init(jax.random.key(2), 2), xs, longest=9)
    assert {name: one.shape for name, one in found.items()} == {
        "layer 1": (4,),
        "layer 2": (3,),
    }
    one = RNN(4)
    params = one.init(jax.random.key(3), 2)
    alone = time_constants(one, params, xs)["cell"]
    np.testing.assert_array_equal(
        alone, time_constant(look_inside(one, params, xs)["cell"]["a"])
    )


def test_the_layers_of_several_networks_are_scored_one_by_one():
    tower = Stacked((RNN(4), RNN(3)))
    each = [tower.init(k, 2) for k in jax.random.split(jax.random.key(5), 3)]
    params = jax.tree.map(lambda *leaves: np.stack(leaves), *each)
    xs = RNG.normal(size=(5, 8, 2))
    found = stethoscope.by_layer(tower, params, xs, lambda a: a[..., 0].mean())
    assert list(found) == ["layer 1", "layer 2"]
    for cell, scores in found.items():
        wanted = [listen(tower, one, xs)[cell][..., 0].mean() for one in each]
        np.testing.assert_allclose(scores, wanted, rtol=1e-5)
    with pytest.raises(ValueError, match="axis of seeds"):
        stethoscope.by_layer(tower, each[0], xs, np.mean)
    both = stethoscope.by_layer(tower, params, xs, lambda a: (a.min(), a.max()))
    for cell, scores in both.items():
        for i, extreme in enumerate((np.min, np.max)):
            alone = stethoscope.by_layer(tower, params, xs, extreme)[cell]
            np.testing.assert_array_equal(scores[:, i], alone)


def linear(n=6, sequences=60, T=20, noise=0.5):
    """States, and a label that is a linear map of them plus noise."""
    states = RNG.normal(size=(sequences, T, n)) * np.arange(1, n + 1)
    signal = states @ (1 / np.arange(1, n + 1))
    return states, 2 + signal + noise * np.sqrt(n) * RNG.normal(size=signal.shape)


def test_a_line_is_read_as_well_as_its_noise_allows():
    states, labels = linear()
    found = probe(states, labels)
    assert abs(found.score - 0.8) < 0.05  # 1 / (1 + 0.5^2)
    assert abs(found.shuffled) < 0.05 and abs(found.guess) < 0.02


def test_the_score_is_that_of_least_squares_on_the_other_half():
    states, labels = linear(noise=1.0)
    first, second = states[:30].reshape(-1, 6), states[30:].reshape(-1, 6)
    with_one = np.c_[first, np.ones(len(first))]
    w = np.linalg.lstsq(with_one, labels[:30].ravel(), rcond=None)[0]
    off = labels[30:].ravel() - np.c_[second, np.ones(len(second))] @ w
    spread = labels[30:].ravel() - labels[:30].mean()
    wanted = 1 - (off**2).sum() / (spread**2).sum()
    np.testing.assert_allclose(probe(states, labels, ridge=1e-9).score, wanted)


def test_it_is_scored_on_sequences_that_it_was_not_fitted_to():
    """As many units as examples: the fit is perfect, and worth nothing elsewhere."""
    states, labels = RNG.normal(size=(40, 1, 30)), RNG.normal(size=(40, 1))
    assert probe(states, labels, ridge=1e-9).score < 0.3


def test_classes_are_told_apart_and_compared_with_the_commonest():
    labels = RNG.choice(3, size=(50, 20), p=[0.6, 0.3, 0.1])
    centres = 4 * np.eye(3)[:, :2]
    states = centres[labels] + RNG.normal(size=(50, 20, 2)) * 0.2
    found = probe(states, labels, kind="classes")
    assert found.score > 0.98
    commonest = np.mean(labels[25:] == 0)
    np.testing.assert_allclose(found.guess, commonest)
    assert found.shuffled < commonest + 0.03
    blind = probe(RNG.normal(size=(50, 20, 2)), labels, kind="classes")
    assert blind.score < commonest + 0.03


def test_what_the_mask_leaves_out_does_not_matter():
    states, labels = linear()
    mask = RNG.random(labels.shape) < 0.5
    spoilt = np.where(mask[..., None], states, np.nan)
    nonsense = np.where(mask, labels, np.inf)
    found = probe(spoilt, nonsense, mask)
    assert found == probe(states, labels, mask)
    assert found != probe(states, labels)
    with pytest.raises(ValueError, match="finite"):
        probe(spoilt, labels)


def test_examples_without_steps_are_sequences_of_one():
    states, labels = linear(T=1)
    assert probe(states[:, 0], labels[:, 0]) == probe(states, labels)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"labels": np.zeros((3, 4))}, "labels has shape"),
        ({"mask": np.ones((3, 4))}, "mask has shape"),
        ({"mask": np.full((8, 5), 0.5)}, "mask must hold 0 and 1"),
        ({"test_share": 1.0}, "test_share"),
        ({"ridge": 0.0}, "ridge"),
        ({"kind": "classes", "labels": np.full((8, 5), 0.5)}, "whole numbers"),
        ({"kind": "classes", "labels": np.zeros((8, 5))}, "two classes"),
        ({"test_share": 0.01}, "too few labels"),
    ],
)
def test_what_does_not_fit_is_named(change, match):
    given = {"states": RNG.normal(size=(8, 5, 2)), "labels": np.zeros((8, 5))} | change
    with pytest.raises(ValueError, match=match):
        probe(**given)


@pytest.mark.parametrize(
    ("values", "options", "match"),
    [
        (np.zeros(3), {}, "values has shape"),
        (np.zeros((4, 1, 2)), {}, "2 or more"),
        (np.zeros((4, 9, 2)), {"longest": 0}, "longest"),
    ],
)
def test_values_that_have_no_time_are_refused(values, options, match):
    with pytest.raises(ValueError, match=match):
        time_constant(values, **options)


def test_all_names_are_there():
    assert all(hasattr(stethoscope, name) for name in stethoscope.__all__)
