"""Units that carry a property: networks written by hand, whose carrier is known.

A hand-built RNN of 5 units reads +-1 at its first step. Unit 2 latches it and the
readout looks at unit 2 alone; unit 4 shows it at the first step only; unit 0 latches a
copy that nobody reads; units 1 and 3 follow the noise of every step.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference

from companion import frozen as frozen_module
from companion import units
from companion.cells import GRU, LSTM, RNN, RNNParams
from companion.frozen import cells_in
from companion.language import LanguageModel
from companion.layers import Bidirectional, Stacked
from companion.models import ManyToMany, ModelParams, ReadoutParams
from companion.units import Frozen, ablate_each, carriers, find_carrier, freeze
from companion.unroll import unroll

T, N_A = 6, 5
RNG = np.random.default_rng(0)


# --- carriers -----------------------------------------------------------------------


def examples_of(number=40, seed=0):
    rng = np.random.default_rng(seed)
    said = np.where(np.arange(number) % 2, 1.0, -1.0)
    xs = np.zeros((number, T, 2), np.float32)
    xs[:, 0, 0] = said
    xs[:, :, 1] = rng.normal(size=(number, T))
    return xs, said


def test_the_minimum_over_the_steps_counts():
    said = np.array([-1, 1, 1, -1, 1, -1.0])
    wobble = RNG.normal(size=(3, 6))
    values = np.zeros((3, 6, 5))
    values[..., 0] = -3 * said + 7  # faithful: scale, sign and offset do not matter
    values[..., 1] = said
    values[2, :, 1] = wobble[2]  # forgets at the last step
    values[..., 2] = wobble
    values[..., 3] = 0.1  # never moves
    values[..., 4] = said
    values[0, :, 4] = 1  # knows it from the second step on
    everywhere = np.ones((3, 6), bool)
    r = np.abs([np.corrcoef(w, said)[0, 1] for w in wobble])
    wanted = [1, r[2], r.min(), 0, 0]
    reference.close(carriers(values, said, everywhere), wanted, 1e-12)
    later = everywhere.copy()
    later[0] = False
    wanted = [1, r[2], r[1:].min(), 0, 1]
    reference.close(carriers(values, said, later), wanted, 1e-12)


def test_only_the_sequences_that_count_are_correlated():
    mask = np.array([[1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 1], [0, 0, 0, 1, 1, 0]], bool)
    said = np.array([0, 1, 2, 4, 3, 3.0])
    values = RNG.normal(size=(3, 6, 2))
    values[~mask] = np.nan  # as look_inside leaves it
    each = [
        [abs(np.corrcoef(values[t, m, i], said[m])[0, 1]) for i in range(2)]
        for t, m in enumerate(mask[:2])  # at the last step only two count
    ]
    reference.close(carriers(values, said, mask), np.min(each, axis=0), 1e-12)


def test_a_step_without_news_is_left_out():
    said = np.array([1, 1, 1, 0, 0.0])
    mask = np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], bool)  # first: all the same
    values = np.stack([RNG.normal(size=(5, 1)), said[:, None]])
    assert carriers(values, said, mask).tolist() == [1]
    with pytest.raises(ValueError, match="mask leaves no step"):
        carriers(values[:1], said, mask[:1])


def test_the_rounding_of_a_saturated_unit_is_no_news():
    said = np.tile([-1.0, 1.0], 10)
    values = np.float32(0.99999) + np.float32(6e-8) * said.astype(np.float32)
    assert np.ptp(values) > 0
    assert carriers(values[None, :, None], said, np.ones((1, 20))).tolist() == [0]
    small = 1e-9 * said[None, :, None]  # small, but all of it is the property
    reference.close(carriers(small, said, np.ones((1, 20))), [1], 1e-12)


# --- frozen cells -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rnn", "gru after", "lstm", "peephole lstm"])
def test_a_frozen_unit_never_has_another_value(name, x64):
    """Against the oracle's steps, with the unit overwritten before and after each."""
    cell, step, _ = reference.CELLS[name]
    rng = np.random.default_rng(5)
    p = reference.draw_params(name, rng)
    params = cell.Params(**jax.tree.map(jnp.asarray, p))
    values = cell.State(
        *[jnp.asarray(v) for v in rng.normal(size=(2, 4))][: len(cell.State._fields)]
    )
    mask = np.array([0, 1, 0, 1], bool)
    around = Frozen(cell)
    xs = rng.normal(size=(T, 2, 3))
    states = unroll(around, around.around(params, mask, values), xs)
    for i in range(2):
        state = [np.zeros(4) for _ in values]
        for t in range(T):
            state = [np.where(mask, v, s) for v, s in zip(values, state, strict=True)]
            state = [np.array(s) for s in step(p, tuple(state), xs[t, i])]
            state = [np.where(mask, v, s) for v, s in zip(values, state, strict=True)]
            for got, wanted in zip(states, state, strict=True):
                reference.close(got[t, i], wanted, 1e-12)


def test_nothing_frozen_changes_nothing():
    cell = LSTM(4)
    around = Frozen(cell)
    params = around.init(jax.random.key(0), 3)
    assert around.unwrapped(params)._fields == cell.Params._fields
    xs = RNG.normal(size=(T, 2, 3)).astype(np.float32)
    wanted = unroll(cell, around.unwrapped(params), xs, lengths=np.array([6, 2]))
    got = unroll(around, params, xs, lengths=np.array([6, 2]))
    for g, w in zip(got, wanted, strict=True):
        reference.close(g, w, 1e-6)
    assert Frozen(cell) == Frozen(LSTM(4)) != Frozen(GRU(4))
    assert around.n_a == 4 and around.start(2).c.shape == (2, 4)


LAYERS = {
    "cell": RNN(3),
    "layer 2": Stacked((RNN(2), RNN(3))),
    "backward": Bidirectional(RNN(2), GRU(3)),
    "layer 2 forward": Stacked((RNN(2), Bidirectional(LSTM(3), RNN(2)))),
}


@pytest.mark.parametrize("where", LAYERS)
def test_freezing_finds_its_place(where):
    """All units of one cell at zero: what it hands on says nothing any more."""
    layer = LAYERS[where]
    model = ManyToMany(layer, 4)
    params = model.init(jax.random.key(0), 3)
    (cell, _), names = cells_in(layer)[where], list(cells_in(layer))
    values = cell.State(*[jnp.full(3, 0.25)] * len(cell.State._fields))
    other, held = freeze(
        model, params, np.ones(3), values, None if len(names) == 1 else where
    )
    xs = RNG.normal(size=(2, T, 3)).astype(np.float32)
    before, after = (
        jax.tree.leaves(m.run(p, xs).states)
        for m, p in ((model, params), (other, held))
    )
    at = [
        i
        for i, name in enumerate(names)
        for _ in cells_in(layer)[name][0].State._fields
    ]
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        if at[i] == names.index(where):
            assert np.all(new == 0.25)
        else:  # the cells beside and below it go on as before
            reference.close(new, old, 0)
    bare, _ = freeze(layer, params.layer, np.ones(3), values, where)
    assert bare == other.layer


# --- a network whose carrier is known -----------------------------------------------


def latch():
    W_a = np.zeros((N_A, N_A + 2))
    W_a[2, [2, N_A]] = 3, 3  # latches what the first step says
    W_a[0, [0, N_A]] = 2, 1.5  # a copy that nobody reads
    W_a[4, N_A] = 2
    W_a[[1, 3], N_A + 1] = 1, -0.5
    W_y = np.zeros((2, N_A))
    W_y[:, 2] = -1, 1
    return ModelParams(
        RNNParams(jnp.asarray(W_a, jnp.float32), jnp.zeros(N_A)),
        ReadoutParams(jnp.asarray(W_y, jnp.float32), jnp.zeros(2)),
    )


MODEL = ManyToMany(RNN(N_A), 2)


def share_right(model, params, examples):
    xs, said = examples
    last = model.logits(params, xs)[:, -1]
    return jnp.mean((last[:, 1] > last[:, 0]) == (said > 0))


def renamed(params, order):
    """The same network with its units in another order: new unit i is old order[i]."""
    W_a, W_y = params.layer.W_a, params.readout.W_y
    columns = np.concatenate([order, [N_A, N_A + 1]])
    return ModelParams(
        RNNParams(W_a[order][:, columns], params.layer.b_a[order]),
        ReadoutParams(W_y[:, order], params.readout.b_y),
    )


def test_each_ablation_is_the_score_of_that_network():
    params, examples = latch(), examples_of()
    means = RNN(N_A).State(jnp.full(N_A, 0.1))
    found = ablate_each(
        MODEL,
        params,
        share_right,
        examples,
        means,
        group=[0, 2],
        controls=30,
        key=jax.random.key(0),
    )
    assert found.base == 1
    for i in range(N_A):  # a readout that gets 0.1 from every sequence says "up"
        assert found.each[i] == (0.5 if i == 2 else 1)
    assert found.group.tolist() == [1, 0.5]  # unit 0, then 0 and 2
    assert found.random.shape == (30,) and np.all(found.random == 1)
    alone = ablate_each(MODEL, params, share_right, examples, means, group=[0])
    assert alone.group.tolist() == [1] and alone.random.shape == (0,)
    drawn = ablate_each(
        MODEL,
        params,
        share_right,
        examples,
        means,
        group=[0],
        controls=40,
        key=jax.random.key(0),
    )  # unit 2 is one of four others
    assert 0.1 < np.mean(drawn.random < 1) < 0.5
    above = means._replace(a=jnp.full(N_A, -0.1))
    other = ablate_each(MODEL, params, share_right, examples, above)
    assert other.each[2] == 0.5 and other.group.shape == (0,)


def test_the_carrier_is_found_and_confirmed():
    params = latch()
    xs, said = examples_of(81)
    mask = np.ones((81, T), bool)
    settings = dict(
        xs=xs, property=said, mask=mask, key=jax.random.key(1), group=2, controls=25
    )
    found = find_carrier(MODEL, params, share_right, (xs, said), **settings)
    assert set(found.ranking[:2]) == {0, 2} and found.unit == found.ranking[0]
    by_use = find_carrier(
        MODEL, params, share_right, (xs, said), by="ablation", **settings
    )
    assert by_use.unit == 2 and by_use.without_it == 0.5 == by_use.without_each[2]
    assert by_use.accuracy == 1 and by_use.without_other.tolist() == [1] * 4
    assert by_use.correlation > 0.99 and by_use.confirmed > 0.99
    assert by_use.without_first.tolist() == [0.5, 0.5] and np.all(
        found.without_random == 1
    )
    # at the first step unit 4 is as good as the two, later it forgets
    settings["mask"] = mask & (np.arange(T) == 0)
    at_first = find_carrier(MODEL, params, share_right, (xs, said), **settings)
    settings["mask"] = mask & (np.arange(T) > 0)
    later = find_carrier(MODEL, params, share_right, (xs, said), **settings)
    r = carriers(np.swapaxes(look(params, xs), 0, 1), said, settings["mask"].T)
    assert list(at_first.ranking).index(4) < 3 and r[4] < 0.7
    assert later.unit in (0, 2)


def look(params, xs):
    return np.asarray(MODEL.run(params, xs).outputs).swapaxes(0, 1)


def test_the_second_half_knows_nothing_of_the_choice():
    """In the second half the property is turned around halfway through the batch."""
    params = latch()
    xs, said = examples_of(80)
    half = said.copy()
    half[40:] = RNG.permutation(said[40:])  # there the latch follows something else
    settings = dict(xs=xs, mask=np.ones((80, T)), key=jax.random.key(1), group=2)
    found = find_carrier(
        MODEL, params, share_right, (xs, half), property=half, **settings
    )
    turned = [np.concatenate([v[40:], v[:40]]) for v in (xs, half)]
    settings["xs"] = turned[0]
    swapped = find_carrier(
        MODEL, params, share_right, tuple(turned), property=turned[1], **settings
    )
    assert found.correlation > 0.99 and found.confirmed < 0.5
    assert swapped.confirmed > found.confirmed and swapped.correlation < 0.5
    assert found.accuracy < 0.9 and swapped.accuracy == 1


def test_a_unit_is_frozen_at_its_mean_over_the_choosing_half():
    """Where it shows +1 three times of four its mean is up, and so all answers are."""
    params = latch()
    xs, _ = examples_of(80)
    often = np.where(np.arange(80) % 4 == 0, -1, 1)
    xs[:, 0, 0] = often
    settings = dict(xs=xs, property=often, mask=np.ones((80, T)), key=jax.random.key(1))
    found = find_carrier(
        MODEL, params, share_right, (xs, often), by="ablation", group=2, **settings
    )
    assert found.unit == 2 and found.without_it == 0.75


def test_every_seed_is_as_if_alone():
    xs, said = examples_of(40)
    order = np.array([2, 0, 4, 1, 3])
    alone = [latch(), renamed(latch(), order)]
    params = jax.tree.map(lambda *p: jnp.stack(p), *alone)
    settings = dict(
        xs=xs,
        property=said,
        mask=np.ones((40, T)),
        key=jax.random.key(1),
        by="ablation",
        group=2,
        lengths=np.full(40, T),
    )
    both = find_carrier(
        MODEL, params, share_right, (xs, said), over_seeds=True, **settings
    )
    assert both.unit.tolist() == [2, 0] and both.without_random.shape == (2, 20)
    assert both.without_it.tolist() == both.without_first[:, 0].tolist() == [0.5, 0.5]
    assert np.all(both.without_other == 1) and both.without_other.shape == (2, 4)
    for i in range(2):
        one = find_carrier(MODEL, alone[i], share_right, (xs, said), **settings)
        for name in ("unit", "ranking", "correlation", "without_each", "without_first"):
            np.testing.assert_allclose(
                getattr(one, name), getattr(both, name)[i], atol=1e-6
            )


def test_all_ablations_are_one_program():
    traced = []

    def score(model, params, examples):
        traced.append(type(model.layer))
        return share_right(model, params, examples)

    params, examples = latch(), examples_of()
    means = RNN(N_A).State(jnp.zeros(N_A))
    for group in ([0], [3]):
        ablate_each(MODEL, params, score, examples, means, group=group)
    assert traced == [Frozen]


def test_a_language_model_and_an_lstm_are_taken_too():
    model = LanguageModel(LSTM(4), 6)
    params = model.init(jax.random.key(0))
    ids = np.asarray(jax.random.randint(jax.random.key(1), (12, T), 3, 6))
    found = find_carrier(
        model,
        params,
        lambda model, params, ids: -model.surprise(params, ids).mean(),
        ids,
        xs=ids,
        property=ids[:, 0],
        mask=np.arange(T) > np.zeros((12, 1)),  # y<1> is read at index 1
        key=jax.random.key(2),
        group=1,
        controls=2,
    )
    wanted = -model.surprise(params, ids[6:]).mean()
    reference.close(found.accuracy, wanted, 1e-6)
    assert found.without_each.shape == (4,)
    assert np.all(found.without_each != found.accuracy)


def test_what_does_not_fit_is_named(as_readers_run_it):
    values, said, mask = np.zeros((3, 4, 2)), np.arange(4), np.ones((3, 4))
    for changed, said_of in [
        ({"values": values[0]}, "values has shape"),
        ({"property": said[:2]}, r"property has shape \(2,\), but needs \(4,\)"),
        ({"mask": mask.T}, r"mask has shape \(4, 3\), but needs \(3, 4\)"),
        ({"mask": mask / 2}, "mask must hold 0 and 1"),
        ({"values": values + np.nan}, "values and property must be finite"),
    ]:
        with pytest.raises(ValueError, match=said_of):
            carriers(**({"values": values, "property": said, "mask": mask} | changed))
    with pytest.raises(TypeError, match="inner must be a cell that is not frozen"):
        Frozen(Frozen(RNN(2)))
    with pytest.raises(TypeError, match="inner must be Cell, got int"):
        Frozen(3)
    params, examples, means = latch(), examples_of(), RNN(N_A).State(jnp.zeros(N_A))
    with pytest.raises(ValueError, match=r"frozen has shape \(3,\), but needs \(5,\)"):
        freeze(MODEL, params, np.ones(3), means)
    with pytest.raises(ValueError, match=r"values\.a has shape"):
        freeze(MODEL, params, np.ones(N_A), RNN(3).start())
    with pytest.raises(TypeError, match="values: RNN needs RNNState"):
        freeze(MODEL, params, np.ones(N_A), np.zeros(N_A))
    with pytest.raises(TypeError, match="frozen units already"):
        freeze(*freeze(MODEL, params, np.ones(N_A), means), np.ones(N_A), means)
    with pytest.raises(ValueError, match="where must be 'cell', got 'layer 1'"):
        freeze(MODEL, params, np.ones(N_A), means, "layer 1")
    with pytest.raises(ValueError, match="where must be 'forward' or 'backward', got"):
        freeze(Bidirectional(RNN(2)), None, np.ones(2), means)
    with pytest.raises(TypeError, match="model must be a layer or a model of one"):
        freeze("gru", params, np.ones(N_A), means)
    with pytest.raises(TypeError, match="params must be ModelParams"):
        freeze(MODEL, params.layer, np.ones(N_A), means)
    settings = {"group": [0], "controls": 2, "key": jax.random.key(0)}
    for changed, kind, said_of in [
        ({"group": [0, 5]}, ValueError, r"group must hold units 0..4"),
        ({"group": [1, 1]}, ValueError, "group holds a unit twice"),
        ({"group": [[1]]}, ValueError, "group has shape"),
        ({"group": [0.5]}, TypeError, "group must hold integers"),
        ({"group": [0, 1, 2]}, ValueError, "group of 3 units"),
        ({"key": None}, ValueError, "need a key"),
        ({"controls": -1}, ValueError, "controls must be at least 1"),
    ]:
        with pytest.raises(kind, match=said_of):
            ablate_each(
                MODEL, params, share_right, examples, means, **(settings | changed)
            )
    with pytest.raises(TypeError, match="score must be a function"):
        ablate_each(MODEL, params, 3, examples, means)
    with pytest.raises(ValueError, match="score must return one number"):
        ablate_each(MODEL, params, lambda m, p, e: jnp.zeros(2), examples, means)
    xs, said = examples
    settings = dict(
        xs=xs, property=said, mask=np.ones((40, T)), key=jax.random.key(0), group=2
    )
    for changed, said_of in [
        ({"by": "luck"}, "by must be"),
        ({"group": 3}, "group must be at most half of 5 units"),
        ({"mask": np.ones(40)}, "mask has shape"),
        ({"xs": xs[:3]}, r"xs must hold arrays \(40, ...\)"),
        ({"property": said[:3]}, r"property must hold arrays \(40, ...\)"),
        ({"lengths": [3]}, r"lengths must hold arrays \(40, ...\)"),
        ({"part": "c"}, "part must be 'a', got 'c'"),
    ]:
        with pytest.raises(ValueError, match=said_of):
            find_carrier(MODEL, params, share_right, examples, **(settings | changed))
    assert units.Frozen is frozen_module.Frozen
