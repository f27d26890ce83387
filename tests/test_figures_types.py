"""Pictures of notebook 04: wirings, curves, and melodies drawn and judged."""

import io
import wave

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion import sampling
from companion.cells import GRU
from companion.explorers import types as explorers
from companion.feedback import OneToMany
from companion.figures import boxes, melody, style, types
from companion.tasks import melodies

WIRED = {  # steps, inputs, outputs, fed back, of T_x = 3 and T_y = 2
    "one to one": (1, (1,), (1,), ()),
    "one to many": (2, (1,), (1, 2), (1,)),
    "many to one": (3, (1, 2, 3), (3,), ()),
    "many to many, T_x = T_y": (3, (1, 2, 3), (1, 2, 3), ()),
    types.ENCODER_DECODER: (5, (1, 2, 3), (4, 5), (4,)),
}


def test_every_type_is_written_down():
    assert tuple(WIRED) == types.TYPES


@pytest.mark.parametrize("kind", types.TYPES)
def test_a_wiring_draws_what_it_says(kind):
    wired, diagram = types.draw(style.figure().subplots(), kind, 3, 2)
    assert wired == WIRED[kind]
    assert {t for name, t, *_ in diagram.nodes if name == "x"} == set(wired.inputs)
    assert {t for name, t, *_ in diagram.nodes if name == "y"} == set(wired.outputs)
    assert sum(name == "a" for name, *_ in diagram.nodes) == wired.steps + 1
    back = {t for name, t, *_ in diagram.edges if name == "fed back"}
    assert back == set(wired.fed_back)


def test_an_output_is_led_into_the_next_step_as_an_input():
    _, diagram = types.draw(style.figure().subplots(), "one to many", 1, 3)
    for t in (1, 2):
        line = diagram.edges["fed back", t].line
        (x_from, _), (x_to, y_to) = line._posA_posB
        assert x_from == diagram.nodes["y", t].side("right")[0]
        into = diagram.nodes["a", t + 1, 1]
        assert abs(x_to - into.center[0]) < into.size[0] / 2
        assert y_to == into.side("top")[1]
        assert line.get_linestyle() == style.LINES["x"]


def test_a_decoder_counts_its_outputs_from_one():
    _, diagram = types.draw(style.figure().subplots(), types.ENCODER_DECODER, 2, 3)
    labels = [diagram.nodes["y", t].label.get_text() for t in (3, 4, 5)]
    assert labels == [boxes.symbol("y", t) for t in (1, 2, 3)]


def test_wire_says_what_it_needs():
    with pytest.raises(ValueError, match="kind must be one of"):
        types.wire("one to none")
    with pytest.raises(ValueError, match="T_x and T_y must be at least 1, got 0 and 2"):
        types.wire("many to one", 0, 2)


def test_the_wiring_explorer_counts_inputs_outputs_and_steps():
    explorer = explorers.wiring()
    explorer.set(kind="one to many", T_y=4)
    assert explorer.result == types.wire("one to many", T_y=4)
    assert "1 input and 4 outputs in 4 steps; 3 outputs read" in explorer.describe()
    explorer.set(kind="one to one")
    assert "1 input and 1 output in one step; no output" in explorer.describe()
    assert "one to many" in types.TYPES and "one to many" in types.five().alt.lower()


def test_curves_draw_the_mean_and_the_range_of_each_kind():
    lines = {"a": [[1.0, 0.5], [0.8, 0.3]], "b": [[0.1, 0.2]]}
    picture = types.curves(lines, (1, 2), "length", "score", chance=0.25, decimals=2)
    assert picture.alt == (
        "Lines of score over length. a: 0.90 at 1, 0.40 at 2; b: 0.10 at 1, 0.20 at 2."
    )
    middle = types.curves({"a": [[0.9, 0.6, 0.4]]}, (1, 2, 5), "length", "score")
    assert "a: 0.9 at 1, 0.6 at 2, 0.4 at 5." in middle.alt
    (ax,) = picture.fig.axes
    drawn = {line.get_label(): line.get_ydata() for line in ax.lines}
    np.testing.assert_allclose(drawn["a"], [0.9, 0.4])
    np.testing.assert_allclose(drawn["chance"], [0.25, 0.25])
    ranges = [path.vertices[:, 1] for path in ax.collections[0].get_paths()]
    np.testing.assert_allclose(ranges, [[0.8, 1.0], [0.3, 0.5]])
    with pytest.raises(ValueError, match=r"lines\['a'\] must be \(seeds, 3\)"):
        types.curves(lines, (1, 2, 3))


def bars_of(ax):
    """(start, end, middle) of every bar on a piano roll."""
    (bars,) = ax.collections
    corners = [path.vertices for path in bars.get_paths()]
    return [(*np.unique(c[:, 0]), c[:4, 1].mean()) for c in corners]


def test_a_bar_is_as_long_as_its_note():
    tune = [melodies.Note(60, 2), melodies.Note(67, 1), melodies.Note(60, 4)]
    picture = melody.piano_roll({"mine": tune})
    expected = [(0, 1.9, 60), (2, 2.9, 67), (3, 6.9, 60)]
    np.testing.assert_allclose(bars_of(picture.fig.axes[0]), expected)
    assert "mine: 3 notes, 7 eighths" in picture.alt
    with pytest.raises(ValueError, match="tunes must be four at the most, got 5"):
        melody.piano_roll(dict.fromkeys("abcde", tune))


def test_three_melodies_leave_one_panel_empty():
    tune = [melodies.Note(60, 2)]
    picture = melody.piano_roll(dict.fromkeys("abc", tune))
    assert [ax.axison for ax in picture.fig.axes] == [True, True, True, False]


def test_the_table_holds_how_often_a_note_follows_another():
    table = np.exp(melody.notes_after_notes(50, seed=3))
    tunes = melodies.melodies(np.random.default_rng(3), 50)
    counts = np.zeros_like(table)
    for ids, length, genre in zip(*tunes, strict=True):
        before = melodies.END
        for token in ids[:length]:
            counts[genre, before, token] += 1
            before = token
    np.testing.assert_allclose(table, counts + 1e-6, rtol=1e-4)


def test_the_table_writes_only_what_it_has_seen():
    logits = melody.notes_after_notes()
    drawn = sampling.sample(
        melody.NextNote(), logits, jax.random.key(0), 1, 50, stop=melodies.END, most=40
    )
    ids, table = np.asarray(drawn.ids), np.asarray(logits)
    for row, length in zip(ids, drawn.lengths, strict=True):
        seen = [melodies.END, *row[:length]]
        assert np.all(table[1, seen[:-1], seen[1:]] >= 0), "a pair that never was"


def test_write_is_the_sample_of_its_seed():
    model = OneToMany(GRU(8), n_y=melodies.N_TOKENS)
    params = model.init(jax.random.key(1), n_x=4)
    # sharp enough that the temperature decides what is drawn
    params = jax.tree.map(lambda weights: 10 * weights, params)
    played = melody.write(model, params, "blues", 3.0, seed=5)
    drawn = sampling.sample(
        model,
        params,
        jax.random.key(5),
        2,
        temperature=3.0,
        stop=melodies.END,
        most=melody.MOST_NOTES,
    )
    assert played.notes == melodies.notes(drawn.ids[: int(drawn.lengths)])
    assert played.rules == melodies.rules("blues", played.notes)
    assert played.ended == (melodies.END in drawn.ids[: int(drawn.lengths)].tolist())


def test_a_melody_sounds_as_long_as_it_is():
    played = melody.write(melody.NextNote(), melody.notes_after_notes(), "jig")
    with wave.open(io.BytesIO(played.wav())) as file:
        seconds = file.getnframes() / file.getframerate()
    assert seconds == pytest.approx(0.15 * sum(note.duration for note in played.notes))
    assert len(melody.Played([], {}, True).wav()) > 1000, "nothing to hear is silence"


def test_the_melody_explorer_shows_and_judges_its_sample():
    explorer = explorers.melody()
    logits = melody.notes_after_notes()
    for genre, sample in (("lullaby", 3), ("march", 1)):
        explorer.set(genre=genre, sample=sample, temperature=0.9)
        played = melody.write(melody.NextNote(), logits, genre, 0.9, sample)
        assert explorer.result == played
        assert len(bars_of(explorer.fig.axes[0])) == len(played.notes)
        said = explorer.describe()
        assert f"{len(played.notes)} notes" in said
        assert ("keeps all the rules" in said) == all(played.rules.values())
    with pytest.raises(ValueError, match="model and params go together"):
        explorers.melody(model=melody.NextNote())


def test_a_melody_without_an_end_is_said_to_be_cut_off():
    endless = np.zeros((4, melodies.N_TOKENS, melodies.N_TOKENS), np.float32)
    endless[..., melodies.END] = -1e9
    played = melody.write(melody.NextNote(), jnp.asarray(endless), "march")
    assert not played.ended and len(played.notes) == melody.MOST_NOTES
    said = melody.sampled_describe(played, "march", 0.7, 0)
    assert f"cut off after {melody.MOST_NOTES} notes" in said
