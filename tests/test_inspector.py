"""The inside of every model, against its layers run by hand, one cell after another.

The oracle is the NumPy one of `reference`: one sequence cut to its length, one step at
a time; a backward cell reads the sequence turned around.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from reference import sigma

from companion import layers
from companion.cells import GRU, LSTM, RNN, Cell, PeepholeLSTM, RNNParams, RNNState
from companion.feedback import EncoderDecoder, OneToMany
from companion.frozen import cells_in, freeze
from companion.inside import inside
from companion.inspector import labels, look_inside
from companion.language import LanguageModel
from companion.layers import Bidirectional, Stacked
from companion.models import ManyToMany, ManyToOne, OneToOne
from companion.text import EOS, Vocabulary

T, BATCH, N_X, N_Y = 5, 3, 4, 6
LENGTHS = np.array([5, 3, 0])
STEPS = {RNN: reference.rnn, GRU: reference.gru_before, LSTM: reference.lstm}


def fresh(model, *n_x, seed=0):
    """Parameters whose every array, biases too, is drawn on its own."""
    params = model.init(jax.random.key(seed), *n_x)
    rng = np.random.default_rng(seed)
    return jax.tree.map(lambda p: jnp.asarray(rng.normal(size=p.shape) * 0.7), params)


def by_hand(cell, params, xs, reverse=False, state=None):
    """One sequence (T, n_x) through a cell of the oracle: name -> (T, n_a)."""
    p = {k: np.asarray(v, float) for k, v in params._asdict().items() if v is not None}
    if state is None:
        state = tuple(np.zeros(cell.n_a) for _ in cell.State._fields)
    found = []
    for x in xs[::-1] if reverse else xs:
        seen = np.concatenate([state[0], x])
        gates = {
            f"gamma_{m}": sigma(p[f"W_{m}"] @ seen + p[f"b_{m}"])
            for m in "urfo"
            if f"W_{m}" in p
        }
        state = STEPS[type(cell)](p, state, x)
        at_t = {"a": state[0], **gates}
        if not isinstance(cell, RNN):
            at_t["c"] = state[-1]
        found.append(at_t)
    found = found[::-1] if reverse else found
    return {k: np.array([at_t[k] for at_t in found]) for k in found[0]}


def outputs(layer, params, xs, found, called=""):
    """Run a layer by hand on one sequence; the cells' values are put into `found`."""
    if isinstance(layer, Stacked):
        for i, below in enumerate(layer.layers):
            name = f"{called}.{i + 1}" if called else f"layer {i + 1}"
            above = outputs(below, params[i], xs, found, name)
            xs = above + xs if layer.residual and i else above
        return xs
    if isinstance(layer, Bidirectional):
        ends = []
        for side, reverse in (("forward", False), ("backward", True)):
            cell, own = getattr(layer.cells, side), getattr(params, side)
            values = by_hand(cell, own, xs, reverse)
            found[f"{called} {side}".strip()] = values
            ends.append(values["a"])
        return sum(ends) if layer.merge == "sum" else np.concatenate(ends, axis=-1)
    found[called or "cell"] = by_hand(layer, params, xs)
    return found[called or "cell"]["a"]


LAYERS = {
    "cell": LSTM(3),
    "both": Bidirectional(LSTM(2), GRU(3)),
    "tower": Stacked(  # three layers: what the second adds is read by the third
        (RNN(3), Bidirectional(GRU(3), merge="sum"), RNN(3)), 0.5, residual=True
    ),
    "tower in a tower": Stacked((RNN(2), Stacked((GRU(2), Bidirectional(RNN(2)))))),
}


def same(found, wanted, i, length):
    """Sequence i of what was found is what is wanted, and NaN past its length."""
    assert list(found) == list(wanted)
    for name, values in wanted.items():
        for key, value in values.items():
            got = found[name][key][i]
            reference.close(got[:length], value, 1e-5, f"{name} {key}")
            assert np.isnan(got[length:]).all(), (name, key)


@pytest.mark.parametrize(
    ("name", "with_lengths"), [*((name, True) for name in LAYERS), ("both", False)]
)
def test_every_cell_of_a_layer_is_as_by_hand(name, with_lengths):
    layer = LAYERS[name]
    params = fresh(layer, N_X)
    xs = np.random.default_rng(1).normal(size=(BATCH, T, N_X)).astype(np.float32)
    lengths = LENGTHS if with_lengths else None
    given = xs.copy()
    if with_lengths:  # what stands in the padding cannot matter
        given[1, 3:], given[2] = np.nan, 1e30
    found = look_inside(layer, params, given, lengths)
    assert all(
        isinstance(v, np.ndarray) and v.shape[:2] == (BATCH, T)
        for values in found.values()
        for v in values.values()
    )
    for i, length in enumerate(LENGTHS if with_lengths else [T] * BATCH):
        if length == 0:
            assert all(np.isnan(v[i]).all() for c in found.values() for v in c.values())
            continue
        wanted = {}
        outputs(layer, params, xs[i, :length].astype(float), wanted)
        same(found, wanted, i, length)


@pytest.mark.parametrize("name", ["both", "tower"])
def test_the_states_are_those_of_the_layers(name):
    layer = LAYERS[name]
    params = fresh(layer, N_X)
    xs = np.random.default_rng(2).normal(size=(BATCH, T, N_X)).astype(np.float32)
    found = look_inside(layer, params, xs, LENGTHS)
    states = layers.apply(layer, params, np.swapaxes(xs, 0, 1), lengths=LENGTHS).states
    cells = [c for c, _ in cells_in(layer).values()]
    each = jax.tree.leaves(states, is_leaf=lambda s: hasattr(s, "a"))
    assert len(each) == len(found) == len(cells)
    for values, state, cell in zip(found.values(), each, cells, strict=True):
        assert isinstance(state, cell.State)
        for key, s in state._asdict().items():
            got = np.nan_to_num(values[key])
            reference.close(got, np.swapaxes(s, 0, 1), 0, key)


@pytest.mark.parametrize("cell", [GRU(3, "after"), PeepholeLSTM(3)])
def test_a_plain_cell_is_as_in_inside(cell):
    params = fresh(cell, N_X)
    ids = np.array([[3, 0, 2, 1, 1], [1, 1, 0, 0, 2]])
    found = look_inside(cell, params, ids)["cell"]
    wanted = inside(cell, params, ids.T)
    assert set(found) == set(wanted)
    for key, value in wanted.items():
        reference.close(found[key], np.swapaxes(value, 0, 1), 1e-6, key)
    one = look_inside(cell, params, ids[1])["cell"]
    for key, value in one.items():
        assert value.shape == (5, 3)
        reference.close(value, found[key][1], 1e-6)
    short = look_inside(cell, params, ids[1], 2)["cell"]["a"]
    assert np.isnan(short[2:]).all() and not np.isnan(short[:2]).any()


WIRINGS = {
    "many to many": ManyToMany(LAYERS["tower"], N_Y),
    "many to one": ManyToOne(LAYERS["both"], N_Y, "mean"),
}


@pytest.mark.parametrize("name", WIRINGS)
def test_a_wiring_is_looked_through(name):
    model = WIRINGS[name]
    params = fresh(model, N_X)
    xs = np.random.default_rng(3).normal(size=(BATCH, T, N_X)).astype(np.float32)
    found = look_inside(model, params, xs, LENGTHS)
    wanted = look_inside(model.layer, params.layer, xs, LENGTHS)
    jax.tree.map(np.testing.assert_array_equal, found, wanted)


def test_one_to_one_takes_a_single_step():
    model = OneToOne(GRU(3), N_Y)
    params = fresh(model, N_X)
    xs = np.random.default_rng(3).normal(size=(BATCH, N_X)).astype(np.float32)
    found = look_inside(model, params, xs)["cell"]
    wanted = by_hand(model.layer, params.layer, xs[1:2])
    for key, value in wanted.items():
        reference.close(found[key][1], value, 1e-5)
    logits = model.readout.logits(params.readout, found["a"][:, 0])
    reference.close(model.logits(params, xs), logits, 1e-5)


@pytest.mark.parametrize("layer", [Stacked((LSTM(2), GRU(3)))])
def test_a_language_model_has_read_the_token_before(layer):
    model = LanguageModel(layer, N_Y)
    params = fresh(model)
    ids = np.array([[3, 5, 4, 2], [5, 5, 3, 0]])
    found = look_inside(model, params, ids)
    seen = np.eye(N_Y)[[[2, 3, 5, 4], [2, 5, 5, 3]]]  # EOS is 2
    for i in range(2):
        wanted = {}
        outputs(layer, params.layer, seen[i], wanted)
        same(found, wanted, i, 4)
    states = [values["a"] for values in found.values()]
    logits = model.wiring.readout.logits(params.readout, states[-1])
    reference.close(model.logits(params, ids), logits, 1e-5)
    cut = look_inside(model, params, ids, np.array([4, 3]))
    assert all(np.isnan(values["a"][1, 3]).all() for values in cut.values())
    one = look_inside(model, params, ids[0])
    for values, a in zip(one.values(), states, strict=True):
        reference.close(values["a"], a[0], 1e-6)


def test_one_to_many_reads_its_condition_first():
    model = OneToMany(GRU(3), N_Y)
    params = fresh(model, 3)
    ys = np.array([[3, 5, 4], [0, 1, 2]])
    found = look_inside(model, params, (np.array([2, 0]), ys))["cell"]
    seen = np.eye(N_Y + 3)[[[8, 3, 5], [6, 0, 1]]]
    for i in range(2):
        for key, value in by_hand(model.layer, params.layer, seen[i]).items():
            reference.close(found[key][i], value, 1e-5)
    one = look_inside(model, params, (2, ys[0]))["cell"]
    reference.close(one["c"], found["c"][0], 1e-6)


@pytest.mark.parametrize("single", [True, False])
def test_a_decoder_starts_where_the_encoder_ended(single):
    model = EncoderDecoder(LSTM(3), LSTM(3), N_Y)
    params = fresh(model, N_X)
    xs = np.random.default_rng(3).normal(size=(2, T, N_X)).astype(np.float32)
    ys, lengths = np.array([[3, 5], [0, 1]]), np.array([5, 2])
    given = (xs[1], ys[1]) if single else (xs, ys)
    found = look_inside(model, params, given, 2 if single else lengths)
    assert list(found) == ["encoder", "decoder"]
    if single:
        found = {k: jax.tree.map(lambda v: v[None], v) for k, v in found.items()}
    read = by_hand(model.encoder, params.encoder, xs[1, :2])
    end = (read["a"][-1], read["c"][-1])
    seen = np.eye(N_Y + 1)[[6, 0]]  # the start, then y<1>
    wrote = by_hand(model.decoder, params.decoder.layer, seen, state=end)
    same({"encoder": found["encoder"]}, {"encoder": read}, -1, 2)
    same({"decoder": found["decoder"]}, {"decoder": wrote}, -1, 2)


def test_the_cells_of_a_deep_encoder_and_decoder_have_names():
    deep = EncoderDecoder(Stacked((RNN(2), RNN(3))), Stacked((RNN(2), RNN(3))), N_Y)
    xs, ys = np.zeros((2, T, N_X), np.float32), np.array([[3, 5], [0, 1]])
    found = look_inside(deep, fresh(deep, N_X), (xs, ys))
    sides = [f"{side} layer {n}" for side in ("encoder", "decoder") for n in (1, 2)]
    assert list(found) == sides
    assert [v["a"].shape for v in found.values()] == [
        (2, T, 2),
        (2, T, 3),
        (2, 2, 2),
        (2, 2, 3),
    ]


class Halving(Cell):
    """A cell that the package does not know: a<t> = a<t-1> / 2 + W_a[0, x<t>]."""

    Params, State, maps = RNNParams, RNNState, ("a",)

    def step(self, params, state, x):
        return RNNState(state.a / 2 + x @ params.W_a[:, self.n_a :].T)


def test_a_cell_of_the_readers_own_shows_its_state():
    cell = Halving(2)
    xs = np.eye(2, dtype=np.float32)[None]
    params = RNNParams(jnp.eye(2, 4, 2), jnp.zeros(2))
    found = look_inside(cell, params, xs)
    assert list(found["cell"]) == ["a"]
    assert found["cell"]["a"][0].tolist() == [[1, 0], [0.5, 1]]


def test_a_frozen_unit_is_seen_frozen():
    """And its neighbours compute their gates from the value it is held at."""
    model = ManyToMany(Bidirectional(LSTM(3)), N_Y)
    params = fresh(model, N_X)
    held = model.layer.forward.State(jnp.full(3, 0.3), jnp.full(3, -2.0))
    frozen, with_held = freeze(
        model, params, np.array([0, 1, 0]), held, where="backward"
    )
    xs = np.random.default_rng(3).normal(size=(BATCH, T, N_X)).astype(np.float32)
    found = look_inside(frozen, with_held, xs, LENGTHS)
    as_before = look_inside(model, params, xs, LENGTHS)
    jax.tree.map(np.testing.assert_array_equal, found["forward"], as_before["forward"])
    p = {k: np.asarray(v) for k, v in params.layer.backward._asdict().items()}
    a, c, gates = np.zeros(3), np.zeros(3), []
    for x in xs[1, 2::-1]:  # the second sequence has three steps
        a[1], c[1] = 0.3, -2.0
        gates.append(sigma(p["W_u"] @ np.concatenate([a, x]) + p["b_u"]))
        a, c = reference.lstm(p, (a, c), x)
    a[1], c[1] = 0.3, -2.0
    for key, value in {"a": a, "c": c}.items():
        reference.close(found["backward"][key][1, 0], value, 1e-5, key)
    reference.close(found["backward"]["gamma_u"][1, 2::-1], gates, 1e-5)


def test_labels_name_what_each_step_reads():
    vocabulary = Vocabulary.build("the cat was full".split())
    text = vocabulary.encode("the cat was full".split(), eos=True)
    reads = ManyToMany(GRU(2), len(vocabulary))
    assert labels(reads, text, vocabulary) == ["the", "cat", "was", "full", EOS]
    writes = LanguageModel(GRU(2), len(vocabulary))
    assert labels(writes, text, vocabulary) == [EOS, "the", "cat", "was", "full"]
    both = labels(writes, np.stack([text, text]), vocabulary.tokens)
    assert both == [labels(writes, text, vocabulary)] * 2
    song = OneToMany(GRU(2), 3)
    assert labels(song, (1, [2, 0, 1]), "ABC") == ["x = 1", "C", "A"]
    several = labels(song, ([0, 1], [[2, 0], [1, 1]]), "ABC")
    assert several == [["x = 0", "C"], ["x = 1", "B"]]


def test_later_calls_take_milliseconds():
    """A sentence of 30 tokens and 24 units must follow a slider."""
    model = LanguageModel(GRU(24), 64)
    params = model.init(jax.random.key(0))
    ids = np.arange(30) % 60 + 3
    look_inside(model, params, ids)
    took = []
    for _ in range(9):
        began = time.perf_counter()
        look_inside(model, params, ids[::-1].copy())
        took.append(time.perf_counter() - began)
    assert np.median(took) < 0.02


def test_what_does_not_fit_is_named(as_readers_run_it):
    model = ManyToMany(GRU(3), N_Y)
    params = fresh(model, N_X)
    xs = np.zeros((2, T, N_X), np.float32)
    with pytest.raises(TypeError, match="model must be Cell or Bidirectional"):
        look_inside("gru", params, xs)
    with pytest.raises(TypeError, match="params must be ModelParams, got GRUParams"):
        look_inside(model, params.layer, xs)
    with pytest.raises(ValueError, match=r"xs has shape \(4,\), but needs"):
        look_inside(model, params, xs[0, 0])
    with pytest.raises(ValueError, match=r"xs has shape .* features"):
        look_inside(model, params, xs[..., :2])
    with pytest.raises(ValueError, match=r"xs has shape \(2, 0\), but needs T >= 1"):
        look_inside(model, params, np.zeros((2, 0), int))
    with pytest.raises(ValueError, match=r"lengths has shape \(3,\)"):
        look_inside(model, params, xs, [1, 2, 3])
    with pytest.raises(ValueError, match="lengths runs from 1 to 9, but T is 5"):
        look_inside(model, params, xs, [1, 9])
    with pytest.raises(ValueError, match="xs holds token ids from 0 to 4"):
        look_inside(model, params, np.array([0, 4]))
    tower = Stacked((Bidirectional(GRU(2)), GRU(2)))
    with pytest.raises(ValueError, match="xs holds token ids from 0 to 4"):
        look_inside(tower, fresh(tower, N_X), np.array([0, 4]))
    writes = LanguageModel(GRU(3), N_Y)
    with pytest.raises(ValueError, match="xs holds token ids from 6 to 6"):
        look_inside(writes, fresh(writes), np.array([6]))
    with pytest.raises(TypeError, match="xs must hold integers"):
        look_inside(writes, fresh(writes), np.zeros(3))
    song = OneToMany(GRU(2), 3)
    with pytest.raises(TypeError, match="xs must be a pair for OneToMany"):
        look_inside(song, fresh(song, 2), np.array([1, 2, 0]))
    with pytest.raises(ValueError, match="x holds token ids from 2 to 2"):
        look_inside(song, fresh(song, 2), (2, np.array([1, 2, 0])))
    with pytest.raises(ValueError, match="xs holds token ids from 0 to 3"):
        labels(song, (1, [0, 3]), "ABC")
    with pytest.raises(TypeError, match="xs must hold token ids"):
        labels(model, xs, "ABC")
    with pytest.raises(TypeError, match="model must be"):
        labels(EncoderDecoder(GRU(2), GRU(2), 3), [1], "ABC")
