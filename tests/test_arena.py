"""The arena: its scores are taken again with the parameters of `fit`, by other code."""

import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion import arena as module
from companion import training
from companion.arena import arena, grid
from companion.cells import GRU, LSTM, RNN, count_parameters
from companion.layers import Bidirectional, Stacked
from companion.losses import cross_entropy
from companion.models import ManyToMany
from companion.tasks.base import Sample
from companion.tasks.counting import Parity
from companion.tasks.memory import Adding, Echo

KEY = jax.random.key(5)
SMALL = {"key": KEY, "seeds": 2, "steps": 3, "batch": 4, "draws": 50}


@pytest.fixture(scope="module")
def both():
    """Two entries on two tasks that differ in T, n_x and n_y, at two rates."""
    entries = {"tanh": RNN(6), "both ways": Bidirectional(GRU(3))}
    tasks = {"echo": Echo(lag=0, n_symbols=3, T=4), "parity": Parity(T=6)}
    options = SMALL | {"steps": 40, "learning_rates": (1e-4, 3e-2)}
    return grid(entries, tasks, **options), entries, tasks


def test_what_an_entry_says(both):
    found, entries, tasks = both
    assert list(found) == list(tasks)
    for title, outcome in found.items():
        assert list(outcome.entries) == list(entries)
        assert outcome.best == 1 and outcome.chance == tasks[title].chance_accuracy
        assert outcome.memoryless == tasks[title].memoryless_accuracy
        for name, entry in outcome.entries.items():
            assert entry.layer is entries[name] and entry.n_a == 6
            params = entry.layer.init(KEY, 3)
            assert entry.n_parameters == count_parameters(params)
            assert entry.readout_parameters == 3 * 6 + 3
            assert entry.scores.shape == entry.losses.shape == (2,)
            assert entry.validation.shape == (2, 2)
            assert entry.path.longest >= tasks[title].T
    assert found["echo"].scores["tanh"] is found["echo"].entries["tanh"].scores


def test_the_rate_that_learns_is_chosen(both):
    for entry in both[0]["echo"].entries.values():
        assert entry.learning_rate == 3e-2
        assert entry.validation[1].mean() > entry.validation[0].mean()
        assert entry.scores.mean() > 0.9  # x<t> is the answer: soon learned
        assert (entry.losses < 0.7).all()


def test_sequences_too_short_or_with_fewer_classes_are_as_alone(both):
    """A grid fills echo up to 6 steps; alone it is as it is, but drawn with the key
    of a first task, and with weights for the same n_x."""
    found, entries, tasks = both
    options = SMALL | {"steps": 40, "learning_rates": 3e-2}
    for name in entries:
        alone = arena({name: entries[name]}, tasks["echo"], **options)
        inside, outside = found["echo"].entries[name], alone.entries[name]
        np.testing.assert_allclose(inside.scores, outside.scores, atol=1e-6)
        np.testing.assert_allclose(inside.losses, outside.losses, atol=1e-4)
        assert outside.validation.shape == (1, 2)


def test_a_class_the_task_does_not_have_is_never_the_answer():
    model = ManyToMany(RNN(2), 3)
    params = model.init(KEY, 3)
    params = params._replace(
        readout=params.readout._replace(b_y=jnp.array([0.0, 0.1, 9.0]))
    )
    xs, ys = jnp.zeros((4, 5), int), jnp.ones((4, 5), int)
    rows = module.Rows(xs, ys, jnp.ones((4, 5), bool), None, jnp.full(4, 2))
    logits, *_ = module.answers(model, params, rows)
    two = cross_entropy(model.logits(params, xs)[..., :2], ys)
    assert module.loss(model, params, rows) == pytest.approx(float(two), abs=1e-6)
    assert (logits.argmax(axis=-1) < 2).all()


def test_every_run_has_data_and_weights_of_its_own(monkeypatch):
    """What fit is given: the same for both rates, different for seeds and tasks."""
    seen = {}

    def spy(loss, params, batches, **options):
        seen.update(params=params, batches=batches, **options)
        return module_fit(loss, params, batches, **options)

    module_fit = module.fit
    monkeypatch.setattr(module, "fit", spy)
    tasks = {"long": Echo(lag=1, n_symbols=2, T=9), "short": Parity(T=5)}
    options = SMALL | {"learning_rates": (1e-3, 1e-2), "clip": 0.5}
    outcome = grid({"one": LSTM(2)}, tasks, **options)
    xs = seen["batches"].xs.reshape(2, 2, 2, 3, 4, 9)  # task, rate, seed, step, batch
    np.testing.assert_array_equal(xs[:, 0], xs[:, 1])
    assert (xs[0, 0, 0] != xs[0, 0, 1]).any() and (
        xs[0, 0, 0, 0] != xs[0, 0, 0, 1]
    ).any()
    assert (xs[1, ..., 5:] == 0).all() and not seen["batches"].mask[4:, ..., 5:].any()
    assert seen["batches"].n_classes is None  # all have two
    W = seen["params"].layer.W_c.reshape(2, 2, 2, 2, -1)
    np.testing.assert_array_equal(W[0, 0], W[1, 1])
    assert (W[0, 0, 0] != W[0, 0, 1]).all()
    np.testing.assert_array_equal(
        seen["learning_rate"], [1e-3] * 2 + [1e-2] * 2 + [1e-3] * 2 + [1e-2] * 2
    )
    assert seen["clip"] == 0.5
    assert outcome["short"].entries["one"].path == (2, 10)


@dataclass(frozen=True)
class Leaky:
    """The answer is the number of the draw: training, validation and test never mix."""

    n_x: ClassVar = 2
    n_y: ClassVar = 2

    T = 3

    def sample(self, key, number):
        validation = jnp.arange(number) >= number - 100
        test = jnp.arange(number) >= number - 50
        bits = jax.random.bernoulli(key, shape=(number, 3)).astype(int)
        turned = jnp.where(test[:, None], bits, 1 - bits)
        kept = jnp.where(validation[:, None], turned, bits)
        return Sample(bits, kept, jnp.ones(bits.shape, bool))


def test_the_test_is_neither_trained_on_nor_validated_on():
    """Trained on y = x, validated on y = 1 - x, tested on y = x."""
    options = SMALL | {"steps": 60, "learning_rates": (1e-4, 3e-2)}
    entry = arena({"one": RNN(4)}, Leaky(), **options).entries["one"]
    assert entry.validation[1].max() < 0.1  # what has learned most is worst here
    assert entry.learning_rate == 1e-4
    learned = arena({"one": RNN(4)}, Leaky(), **options | {"learning_rates": 3e-2})
    assert learned.entries["one"].scores.min() > 0.9


def test_between_equal_accuracies_the_loss_decides(monkeypatch):
    made = iter([[[1, 0.5], [1, 0.5]], [[1, 0.2], [1, 0.2]], [[1, 0.3], [1, 0.3]]])

    def judged(judge, params, rows):
        rates = jax.tree.leaves(params)[0].shape[0]
        found = [next(made) for _ in range(3)] if rates == 3 else [[[1, 0.2]] * 2]
        return np.asarray(found, float)

    monkeypatch.setattr(module, "over_runs", judged)
    options = SMALL | {"learning_rates": (1e-3, 2e-3, 3e-3)}
    entry = arena({"one": RNN(2)}, Parity(T=2), **options).entries["one"]
    assert entry.learning_rate == 2e-3


def test_same_key_same_result():
    makes = {"one": Stacked((LSTM(3), RNN(2)))}
    first, second = (arena(makes, Parity(T=4), **SMALL).entries["one"] for _ in "12")
    np.testing.assert_array_equal(first.scores, second.scores)
    np.testing.assert_array_equal(first.losses, second.losses)
    other = arena(makes, Parity(T=4), **SMALL | {"key": jax.random.key(6)})
    assert (first.losses != other.entries["one"].losses).all()
    assert first.compile_seconds > 0 < first.seconds_per_step


def test_compiling_is_timed_apart_and_in_each_thread_for_itself():
    def compiles():
        jax.jit(lambda x: x + 1)(1)

    with module.Stopwatch() as watch:
        compiles()
        time.sleep(0.2)
    assert watch.running >= 0.2 and watch.compiling > 0
    with module.Stopwatch() as watch:
        other = threading.Thread(target=compiles)
        other.start()
        other.join()
    assert watch.compiling == 0 < watch.running


def test_in_threads_the_scores_are_the_same(both, monkeypatch):
    outcomes, entries, tasks = both
    begun = threading.Barrier(2, timeout=60)  # both are there before either trains

    def fit(*given, **options):
        begun.wait()
        return training.fit(*given, **options)

    monkeypatch.setattr(module, "fit", fit)
    options = SMALL | {"steps": 40, "learning_rates": (1e-4, 3e-2)}
    for title, outcome in grid(entries, tasks, threads=True, **options).items():
        assert list(outcome.entries) == list(entries)
        for name, entry in outcome.entries.items():
            alone = outcomes[title].entries[name]
            np.testing.assert_array_equal(entry.scores, alone.scores)
            np.testing.assert_array_equal(entry.validation, alone.validation)
            assert entry.compile_seconds > 0 < entry.seconds_per_step


def test_the_table(both):
    outcome = both[0]["echo"]
    head, first, second = outcome.table(decimals=1).splitlines()
    assert head.split()[:4] == ["units", "parameters", "accuracy", "over"]
    assert "us a step" in head and second.startswith("both ways ")
    scores = outcome.entries["tanh"].scores
    assert f"{scores.mean():.1f}  [{scores.min():.1f}, {scores.max():.1f}]" in first
    assert "4..4" in first and "0.03" in first
    assert "step" not in outcome.table(times=False)
    assert len({len(line) for line in outcome.table(times=False).splitlines()}) == 1


def test_an_exploding_entry_is_named():
    wild = RNN(3, activation=partial(jnp.multiply, 1e30))
    with pytest.raises(FloatingPointError) as caught:
        arena({"tame": RNN(3), "wild": wild}, Parity(T=8), **SMALL | {"clip": None})
    assert caught.value.__notes__ == ["This was the entry 'wild'."]


@pytest.mark.parametrize(
    ("entries", "tasks", "options", "error", "said"),
    [
        ({}, {"p": Parity()}, {}, ValueError, "entries and tasks must hold"),
        ({"a": RNN(2)}, {}, {}, ValueError, "entries and tasks must hold"),
        ({"a": 3}, {"p": Parity()}, {}, TypeError, "layer must be"),
        ({"a": RNN(2)}, {"p": Adding()}, {}, TypeError, "targets must be classes"),
        ({"a": RNN(2)}, {"p": Parity()}, {"seeds": 0}, ValueError, "seeds must be"),
        ({"a": RNN(2)}, {"p": Parity()}, {"learning_rates": ()}, ValueError, "rates"),
    ],
)
@pytest.mark.usefixtures("as_readers_run_it")
def test_bad_input(entries, tasks, options, error, said):
    with pytest.raises(error, match=said):
        grid(entries, tasks, **SMALL | options)
