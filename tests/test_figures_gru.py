"""Pictures and explorers of notebook 07: the numbers behind them, by other formulas."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion import cells, layers
from companion.explorers import gru as explorers
from companion.figures import gates, gru, sentence, traces
from companion.inside import inside
from companion.language import LanguageModel
from companion.tasks.agreement import VOCABULARY, Agreement
from companion.unroll import unroll

TEXT = "1 0 0 -1 0 0 2"
XS = (1, 0, 0, -1, 0, 0, 2)


def by_formula(xs, gamma_u, gamma_r, weight, only_at_inputs=False):
    """The unit in plain Python: what the notation says, a line a formula."""
    c, cs, candidates = 0.0, [], []
    for x in xs:
        u = 0.0 if only_at_inputs and x == 0 else gamma_u
        c_tilde = np.tanh(weight * gamma_r * c + x)
        c = u * c_tilde + (1 - u) * c
        cs.append(c)
        candidates.append(c_tilde)
    return np.array(cs), np.array(candidates)


@pytest.mark.parametrize("gamma_u", [0.0, 0.03, 0.5, 1.0])
@pytest.mark.parametrize("gamma_r", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("when", gates.WHEN)
def test_a_held_unit_follows_the_formulas(gamma_u, gamma_r, when):
    run = gru.run_unit(gates.read_numbers(TEXT), gamma_u, gamma_r, when, 0.7)
    c, c_tilde = by_formula(XS, gamma_u, gamma_r, 0.7, when == gates.WHEN[1])
    np.testing.assert_allclose(run.c, c, atol=2e-6)
    np.testing.assert_allclose(run.c_tilde, c_tilde, atol=2e-6)
    np.testing.assert_allclose(run.gamma_r, gamma_r, atol=1e-6)
    old = np.concatenate([[0], run.c[:-1]])
    low, high = np.minimum(old, run.c_tilde), np.maximum(old, run.c_tilde)
    assert (low - 1e-6 <= run.c).all() and (run.c <= high + 1e-6).all()


def test_a_shut_gate_keeps_the_memory_whole_and_an_open_one_nothing():
    line = gates.read_numbers("2" + " 0" * 15)
    kept = gru.run_unit(line, 1.0, 0.0, gates.WHEN[1], 0.5).c
    assert (kept == kept[0]).all() and kept[0] == pytest.approx(np.tanh(2))
    gone = gru.run_unit(line, 1.0, 0.0, gates.WHEN[0], 0.5).c
    assert gone[0] == pytest.approx(np.tanh(2)) and (gone[1:] < 1e-12).all()


def test_half_of_a_memory_is_left_after_the_half_life():
    for kept in (0.5, 0.7, 0.99):
        assert kept ** gates.half_life(kept) == pytest.approx(0.5)
    assert gates.half_life(0) == 0 and gates.half_life(1) == np.inf
    for kept in (-0.1, 1.1):
        with pytest.raises(ValueError, match=r"kept must lie in \[0, 1\]"):
            gates.half_life(kept)
    # a candidate that hears no memory: the fading is nothing but 1 - Gamma_u
    line = gates.read_numbers("9" + " 0" * 4)
    c = gru.run_unit(line, 1 - 0.5**0.25, 0.0, gates.WHEN[0], 0.5).c
    assert c[4] == pytest.approx(c[0] / 2, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "xs", "unread", "dropped"),
    [
        ("1, -2;.5 3e0", (1, -2, 0.5, 3), (), 0),
        ("\N{MINUS SIGN}1 +9 -9", (-1, 9, -9), (), 0),
        ("", (0,), (), 0),
        ("one 10 nan inf -inf 1e999 2", (2,), ("one", "10", "nan", "inf", "-inf"), 0),
        ("1 " * 20, (1,) * 16, (), 4),
    ],
)
def test_numbers_are_read_and_the_rest_is_named(text, xs, unread, dropped):
    line = gates.read_numbers(text)
    assert (line.xs, line.unread[: len(unread)], line.dropped) == (xs, unread, dropped)
    said = line.said()
    assert all(word in said for word in unread[:3])
    assert ("first 16" in said) == (dropped > 0)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=gates.LINE_LENGTH))
def test_any_text_can_be_coped_with(text):
    line = gates.read_numbers(text)
    assert 1 <= len(line.xs) <= gates.MOST
    assert np.abs(line.xs).max() <= 9
    assert len(line.said()) < 160
    assert gates.as_inputs(line.xs).shape == (gates.MOST, 2)


def test_a_gate_is_held_or_refused():
    for share in (0.0, 0.2, 1.0):
        W, b = gates.held(share, gates.WHEN[1])
        for x, there in ((0, 0), (-3, 1)):
            z = W @ np.array([0.5, x, there], np.float32) + b
            assert 1 / (1 + np.exp(-z)) == pytest.approx(share * there, abs=1e-5)
    with pytest.raises(ValueError, match="share must lie"):
        gates.held(1.2)
    with pytest.raises(ValueError, match="when must be one of"):
        gates.held(0.5, "sometimes")


def test_the_explorer_shows_the_step_it_is_set_to():
    unit = explorers.one_unit(weight=0.7)
    unit.set(gamma_u=0.25, gamma_r=0.5, t=4)
    c, c_tilde = by_formula(XS, 0.25, 0.5, 0.7)
    texts, lines = unit._artists["texts"], unit._artists["lines"]
    assert texts["c"].get_text() == gates.signed(c[3])
    assert texts["c_before"].get_text() == gates.signed(c[2])
    assert texts["c_tilde"].get_text() == gates.signed(c_tilde[3])
    assert texts["new"].get_text().endswith(f"= {gates.signed(0.25 * c_tilde[3])}")
    assert texts["kept"].get_text().endswith(f"= {gates.signed(0.75 * c[2])}")
    np.testing.assert_allclose(lines["c"].get_ydata()[1:], c, atol=1e-6)
    np.testing.assert_allclose(lines["now"].get_ydata(), c[2:4], atol=1e-6)
    spans = np.array(lines["spans"].get_segments())
    np.testing.assert_allclose(spans[:, 1, 1], c_tilde, atol=1e-6)
    assert f"c⟨4⟩ = 0.25 · {gates.signed(c_tilde[3])}" in unit.describe()
    assert "after 2.41 steps" in unit.describe()
    unit.set(text="3 foo", t=9)  # past the end: its last step
    assert "c⟨1⟩" in unit.describe() and "“foo”" in unit.describe()


def test_the_simplified_unit_is_the_full_one_with_an_open_relevance_gate():
    simple, full = explorers.one_unit(full=False), explorers.one_unit()
    assert "gamma_r" not in simple.controls
    full.set(gamma_r=1.0)
    np.testing.assert_array_equal(simple.result.c, full.result.c)
    assert "gamma_r" not in simple._artists["texts"]


def test_the_curve_of_half_lives_goes_through_its_marks():
    picture = gru.half_life(marks=(0.25,))
    (ax,) = picture.fig.axes
    x, y = ax.lines[0].get_data()
    np.testing.assert_allclose((1 - x) ** y, 0.5, rtol=1e-6)
    assert ax.lines[1].get_xydata()[0] == pytest.approx(
        [0.25, np.log(2) / -np.log(0.75)]
    )
    with pytest.raises(ValueError, match="marks must be gate values"):
        gru.half_life(marks=(1.0,))


def test_the_diagram_has_a_relevance_gate_or_not():
    assert "Gamma_r" in gru.cell().alt and "Gamma_r" not in gru.cell(full=False).alt
    (full,), (simple,) = gru.cell().fig.axes, gru.cell(full=False).fig.axes
    count = [len([t for t in ax.texts if t.get_text() == "σ"]) for ax in (full, simple)]
    assert count == [2, 1]


# Over a sentence.


def test_the_unit_set_by_hand_carries_the_number_of_every_subject():
    task = Agreement()
    found = task.sample(jax.random.key(0), 300)
    cell, params = sentence.by_hand()
    c = np.asarray(unroll(cell, params, found.xs.T).c)  # (T, batch, n_a)
    at_verb = c[np.asarray(found.verb) - 1, np.arange(300)]
    wanted = np.where(found.ambiguous, 0, 2 * np.asarray(found.number) - 1)
    np.testing.assert_allclose(at_verb[:, 0], wanted, atol=0.02)
    np.testing.assert_allclose(at_verb[:, 1], found.distance > 0, atol=0.02)
    opposite = Agreement(10, attractor_number="opposite", ambiguous=False)
    other = opposite.sample(jax.random.key(1), 100)
    c = np.asarray(unroll(cell, params, other.xs.T).c)
    at_verb = c[np.asarray(other.verb) - 1, np.arange(100)]
    latest = 1 - 2 * np.asarray(other.number)
    np.testing.assert_allclose(at_verb[:, 2], latest, atol=0.02)


V = len(VOCABULARY)
LAYERS = {
    "RNN": (cells.RNN(5), ("cell",)),
    "peephole": (cells.PeepholeLSTM(5), ("cell",)),
    "stacked": (layers.Stacked((cells.GRU(3), cells.LSTM(5))), ("layer 1", "layer 2")),
    "both ways": (layers.Bidirectional(cells.LSTM(3)), ("forward", "backward")),
}


@pytest.mark.parametrize("name", LAYERS)
def test_any_layer_can_be_looked_into(name):
    layer, names = LAYERS[name]
    params = layer.init(jax.random.key(0), V)
    seen = explorers.over_a_sentence(layer, params)
    control = seen.controls.get("cell")
    assert (control.options if control else ("cell",)) == names
    for cell in names:
        if control:
            seen.set(cell=cell)
        lines = seen._artists["curves"]
        for text in sentence.SENTENCES[:2]:
            seen.set(sentence=text)
            assert seen.result.map.shape[0] == len(seen.result.words)
            (shown,) = {len(line.get_xdata()) for line in visible(lines)}
            assert shown == len(seen.result.words)


def visible(lines):
    return [line for line in lines.values() if line.get_visible()]


def test_what_is_shown_is_what_the_cell_computes():
    cell = cells.GRU(4)
    params = cell.init(jax.random.key(2), V)
    seen = explorers.over_a_sentence(cell, params, unit=2, quantity="gamma_r")
    for text in sentence.SENTENCES:  # of other lengths, so padding would show
        words = text.lower().replace(",", " ,").replace(".", " .").split()
        ids = jnp.array([VOCABULARY.index(word) for word in words])
        wanted = inside(cell, params, ids)
        seen.set(sentence=text)
        assert seen.result.words == words
        np.testing.assert_allclose(seen.result.map, wanted["gamma_r"], atol=1e-6)
        np.testing.assert_allclose(seen.result.memory, wanted["c"][:, 2], atol=1e-6)
        shades = seen._artists["shades"]
        np.testing.assert_allclose(shades.get_array().T, wanted["gamma_r"], atol=1e-6)
        opened = int((np.asarray(wanted["gamma_r"])[:, 2] > 0.5).sum())
        assert f"above one half at {opened} of {len(words)} words" in seen.describe()


def test_a_language_model_is_labelled_with_what_it_reads():
    model = LanguageModel(cells.RNN(3), V)
    params = model.init(jax.random.key(0))
    seen = explorers.over_a_sentence(model, params, sentences=["the cat was full ."])
    assert seen.result.words == ["<EOS>", "the", "cat", "was", "full"]
    assert list(seen.controls) == ["unit"]


def test_vectors_have_steps_for_words():
    cell = cells.LSTM(1)
    xs = jax.random.normal(jax.random.key(0), (6, 2))
    params = cell.init(jax.random.key(1), 2)
    seen = explorers.over_a_sentence(cell, params, sentences={"x": xs, "y": xs[:3]})
    assert "unit" not in seen.controls
    assert seen.result.words == list("123456")
    seen.set(sentence="y")
    wanted = inside(cell, params, xs[:3])
    np.testing.assert_allclose(seen.result.map, wanted["gamma_u"], atol=1e-6)


def test_a_cell_without_the_gate_shows_its_activation():
    layer, _ = LAYERS["stacked"]
    params = layer.init(jax.random.key(0), V)
    seen = explorers.over_a_sentence(layer, params, quantity="gamma_r", unit=4)
    assert seen.result.unit == 2  # the GRU below has three
    seen.set(cell="layer 2")
    assert seen.result.quantity == "a" and seen.result.unit == 4
    assert "has no relevance gate" in seen.describe()


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"sentences": ["the dragon was full ."]}, "'dragon' in 'the dragon was full"),
        ({"sentences": []}, "sentences is empty"),
        ({"unit": 4}, r"unit must lie in 0\.\.3"),
        ({"quantity": "gamma_f"}, "quantity must be one of"),
        ({"model": cells.RNN(2)}, "give both a model and its params"),
    ],
)
def test_bad_input_is_named(given_, message):
    with pytest.raises(ValueError, match=message):
        explorers.over_a_sentence(**given_)


# Pictures of traces.


def test_a_trace_draws_its_rows_and_says_where_the_gate_opens():
    words = ["the", "cats", "were"]
    rows = {"gamma_u": [0.1, 0.9, 0.6], "c": [0.0, 0.8, 0.8]}
    picture = traces.trace(words, rows, ideal=[0, 1, 1])
    (ax,) = picture.fig.axes
    drawn = [line.get_ydata() for line in ax.lines]
    assert any(np.array_equal(row, rows["gamma_u"]) for row in drawn)
    assert any(np.array_equal(row, [0, 1, 1]) for row in drawn)
    assert "Gamma_u is above one half at “cats”, “were”" in picture.alt
    assert "c is at its farthest from 0 by “cats” and ends above 0" in picture.alt
    assert [label.get_text() for label in ax.get_xticklabels()] == words
    with pytest.raises(ValueError, match="same number of steps"):
        traces.trace(words, {"c": [0.0, 1.0]})


def test_several_networks_stand_one_below_the_other():
    values = np.array([[0.1, 0.9], [0.2, 0.7], [0.6, 0.4]])
    picture = traces.traces(("the", "cats"), values, ideal=(0, 1))
    story, rows = (ax for ax in picture.fig.axes if ax.images)
    np.testing.assert_array_equal(rows.images[0].get_array(), values)
    np.testing.assert_array_equal(story.images[0].get_array(), [[0, 1]])
    assert "most rows are open at “cats”" in picture.alt
    with pytest.raises(ValueError, match="gates must be"):
        traces.traces(("the",), values)


def test_ablations_ring_the_unit_that_was_chosen():
    accuracy = np.array([[1.0, 0.5, 0.98], [0.99, 0.97, 1.0]])
    picture = traces.ablations(accuracy, chosen=(1, 0), intact=(1.0, 1.0))
    (ax,) = picture.fig.axes
    rings = [line for line in ax.lines if line.get_markersize() == 12]
    assert [float(ring.get_ydata()[0]) for ring in rings] == [0.5, 0.99]
    assert "in 1 of them some single unit" in picture.alt
    assert "the ringed unit is the most costly one in 2" in picture.alt
    with pytest.raises(ValueError, match="chosen must be 2 values"):
        traces.ablations(accuracy, chosen=(1,))


def test_every_explorer_says_what_its_result_is():
    for name in explorers.__all__:
        assert "`result` is" in inspect.getdoc(getattr(explorers, name))
