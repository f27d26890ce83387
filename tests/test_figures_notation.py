"""The numbers behind the pictures of notebook 01."""

import inspect

import jax
import numpy as np
import pytest

from companion import cells, explorers, models, text
from companion.figures import notation, style, vocabulary, windows
from companion.tasks.examples import APPLICATIONS, SENTENCES

PICTURES = [
    pytest.param(getattr(module, name), id=name)
    for module in (notation, vocabulary, windows)
    for name in module.__all__
]


@pytest.mark.parametrize("draw", PICTURES)
def test_every_picture_draws_itself_and_says_what_it_shows(draw):
    picture = draw()
    assert isinstance(picture, style.Picture)
    assert len(picture.alt.split()) >= 8
    assert "nan" not in picture.alt
    assert picture.png() == draw().png()
    assert inspect.getdoc(draw)


# --- cards --------------------------------------------------------------------------


def test_the_sorter_knows_right_from_wrong():
    sorter = explorers.notation.card_sorter()
    assert not any(sorter.result.values())
    keys = list(sorter.controls)
    right = {k: task.sequence for k, task in zip(keys, APPLICATIONS, strict=True)}
    sorter.set(**right)
    assert all(sorter.result.values())
    assert "7 of 7" in sorter.describe() and "all sorted" in sorter.describe()
    sorter.set(speech="input")
    assert not sorter.result["speech recognition"]
    assert sorter.describe().endswith("look again at speech recognition.")


# --- the ragged batch ---------------------------------------------------------------


def test_the_picker_finds_every_element():
    picker = explorers.notation.ragged_batch()
    for i, sentence in enumerate(SENTENCES, start=1):
        for t in range(1, notation.LONGEST + 1):
            picker.set(i=i, t=t)
            found = picker.result
            assert found["T_x"] == len(sentence.x)
            assert found["real"] == (t <= len(sentence.x))
            index = found["one_hot"].argmax()
            assert found["one_hot"].sum() == 1
            if found["real"]:
                assert found["word"] == sentence.x[t - 1]
                assert found["tag"] == sentence.y[t - 1]
                assert notation.VOCABULARY.tokens[index] == sentence.x[t - 1]
            else:
                assert index == 0 and found["tag"] is None
                assert "padding" in picker.describe()


def test_the_masked_loss_is_flat_in_its_picture():
    picture = notation.padding_loss((9, 18), (0.8, 0.8), (0.7, 0.6))
    dark, light = picture.fig.axes[0].lines
    np.testing.assert_array_equal(dark.get_ydata(), [0.8, 0.8])
    np.testing.assert_array_equal(light.get_ydata(), [0.7, 0.6])
    assert "stays at 0.80" in picture.alt and "from 0.70" in picture.alt


# --- unknown words ------------------------------------------------------------------


@pytest.mark.parametrize("held_out", ["its own end", "the other story"])
def test_the_curve_is_what_vocabularies_of_each_size_give(held_out):
    known, unseen = vocabulary.texts("keeper", held_out)
    sizes, on_known, on_unseen = vocabulary.curve("keeper", held_out)
    for k in (0, 20, 40, len(sizes) - 1):
        made = text.Vocabulary.build(known, size=int(sizes[k]))
        assert on_known[k] == pytest.approx(made.unknown_rate(known))
        assert on_unseen[k] == pytest.approx(made.unknown_rate(unseen))
    assert on_known[-1] == 0 < on_unseen[-1]


def test_the_framed_words_are_the_unknown_ones():
    explorer = explorers.notation.unknown_words()
    explorer.set(size=100)
    known, unseen = vocabulary.texts("keeper", "its own end")
    made = text.Vocabulary.build(known, size=100)
    shown = [t for t in explorer._artists["words"] if t.get_text()]
    assert [t.get_text() for t in shown] == unseen[: len(shown)]
    assert len(shown) > 20
    for word in shown:
        framed = word.get_bbox_patch().get_edgecolor()[3] > 0
        assert framed == (word.get_text() not in made)


def test_words_that_are_laid_out_stay_on_their_lines():
    placed = vocabulary.laid_out(["word"] * 100, 100)
    shown = [(x, y) for word, x, y in placed if word]
    assert len(placed) == 100
    assert max(x for x, _ in shown) + 4 <= vocabulary.LINE
    assert {y for _, y in shown} == {0.5, 1.5, 2.5}


# --- windows ------------------------------------------------------------------------


@pytest.mark.parametrize(("n_x", "n_a"), [(8, 64), (3, 5)])
def test_the_counts_are_those_of_real_networks(n_x, n_a):
    standard, recurrent = windows.counts(n_x, n_a)
    params = models.ManyToMany(cells.RNN(n_a), 2).init(jax.random.key(0), n_x)
    assert recurrent == cells.count_parameters(params)
    for window in (1, 7, 50):
        shapes = [(n_a, window * n_x), (n_a,), (2, n_a), (2,)]
        assert standard[window - 1] == sum(np.prod(shape) for shape in shapes)


def test_the_counts_of_the_pilot():
    standard, recurrent = windows.counts(8, 64)
    assert standard[[4, 8, 9, 49]].tolist() == [2754, 4802, 5314, 25794]
    assert recurrent == 4802


def test_the_explorer_shows_the_counts():
    explorer = explorers.notation.window_parameters()
    explorer.set(window=9)
    assert explorer.result == {"standard": 4802, "recurrent": 4802}
    assert "1.00 times" in explorer.describe()


def test_accuracy_by_position_says_where_it_holds():
    good = np.full((3, 9), 0.95)
    bad = np.where(np.arange(9) < 5, 1.0, 0.45) * np.ones((3, 1))
    picture = windows.by_position({"one": good, "other": bad})
    assert "one, near the best" in picture.alt
    assert "other, no better than a coin" in picture.alt
    with pytest.raises(ValueError, match="different numbers of positions"):
        windows.by_position({"one": good, "other": bad[:, :4]})
