"""Pictures and explorers of notebook 09: what they draw, and what they say of it."""

import jax
import numpy as np
import pytest

from companion import cells, layers
from companion.explorers import brnn as explorers
from companion.figures import ahead, brnn, sweeps
from companion.models import ManyToMany
from companion.tasks.tagging import Teddy


def test_both_rows_of_states_begin_at_their_own_end():
    picture = brnn.two_directions(n_steps=3)
    names = [text.get_text() for text in picture.fig.axes[0].texts]
    written = {(name[2:15].lstrip("\\"), name) for name in names if "arrow" in name}
    right = [name for _, name in written if "right" in name]
    left = [name for _, name in written if "left" in name]
    assert len(right) == len(left) == 4
    assert any("langle 0" in name for name in right)
    assert any("langle 4" in name for name in left)
    assert not any("langle 0" in name for name in left)
    assert "over 3 steps" in picture.alt


def test_the_maps_share_a_scale_and_say_where_zeros_are():
    full = np.full((4, 4), 0.5)
    upper = np.triu(full) * 0.1
    picture = brnn.dependency({"one": upper, "two": full})
    assert "one: 0 exactly where t is before k; two: no cell is 0" in picture.alt
    meshes = [ax.collections[0] for ax in picture.fig.axes[:2]]
    assert [mesh.get_clim() for mesh in meshes] == [(0.05, 0.5)] * 2
    broken = upper.copy()
    broken[0, 3] = 0
    assert "7 of 16 cells are 0" in brnn.dependency({"one": broken}).alt
    with pytest.raises(ValueError, match="must be square"):
        brnn.dependency({"one": np.ones((2, 3))})


def test_waiting_is_drawn_where_it_was_measured():
    curves = {"late": ([0, 2], [[0.5, 0.6], [0.9, 1.0]])}
    picture = brnn.waits(curves, {"late": [0.6, 1.0]}, alone=0.6)
    (ax,) = picture.fig.axes
    dots = [
        line for line in ax.lines if line.get_marker() == "o" and len(line.get_xdata())
    ]
    drawn = sorted((x, y) for d in dots for x, y in zip(*d.get_data(), strict=True))
    assert drawn == [(0, 0.5), (0, 0.6), (2, 0.9), (2, 1.0)]
    assert "late: 0.55 at 0, 0.95 at 2 steps" in picture.alt


def test_places_need_a_score_each():
    scores = {"left": [[0.1, 0.3], [0.5, 0.5]]}
    assert "left 0.2, 0.5" in brnn.by_place(scores, ["first", "last"]).alt
    with pytest.raises(ValueError, match=r"must be \(1, seeds\)"):
        brnn.by_place(scores, ["first"])


def test_the_two_panels_of_padding_have_the_same_rows():
    picture = brnn.padded({"a": [1.0], "b": [0.6]}, {"a": [0.0], "b": [0.2]})
    left, right = picture.fig.axes
    assert [line.get_xdata()[0] for line in left.lines[:2]] == [1.0, 0.6]
    assert [line.get_xdata()[0] for line in right.lines[:2]] == [0.0, 0.2]
    assert "b: accuracy 0.6 [0.6, 0.6], change 0.2 [0.2, 0.2]" in picture.alt


def test_corners_write_no_negative_zero():
    picture = brnn.corners({"one": [[-0.01, 1.0], [-1.0, 0.0]]})
    texts = [text.get_text() for text in picture.fig.axes[0].texts]
    assert texts == ["+0.0", "+1.0", "\N{MINUS SIGN}1.0", "+0.0"]


def test_the_stairs_are_the_ceilings():
    explorer = explorers.look_ahead({1: [0.7, 0.75]})
    task, views = Teddy(), explorer.sweep("k", range(ahead.MOST + 1))
    assert [view.ceiling for view in views] == [task.ceiling(k) for k in range(7)]
    explorer.set(k=2, clause=ahead.CLAUSES[0])
    assert explorer.result.read == ahead.CLAUSES[0]
    assert explorer.result.belief["PER"] == 1
    (left, _) = explorer.fig.axes
    assert any(np.array_equal(line.get_ydata(), [0.7, 0.75]) for line in left.lines)


def test_the_tagger_set_by_hand_makes_no_mistake():
    model, params = sweeps.by_hand()
    task = Teddy()
    rows = task.enumerated
    logits = np.asarray(model.logits(params, rows.xs, rows.lengths))
    assert task.accuracy(logits) == pytest.approx(1)
    assert np.all((logits.argmax(-1) == rows.ys)[rows.mask])
    stream = task.after("near paris they sang and they bought victoria er asleep")
    logits = model.logits(params, stream.xs, stream.lengths)
    assert task.accuracy(logits, rows=stream) == pytest.approx(1), "and clears it"


def test_what_the_output_hears_decides_what_it_says():
    explorer = explorers.both_sweeps()
    explorer.set(sentence=sweeps.SENTENCES[0], t=3, heard=sweeps.HEARD[0])
    assert explorer.result.tag == "PER" and explorer.result.y_hat[1] > 0.99
    explorer.set(sentence=sweeps.SENTENCES[1])
    assert explorer.result.tag == "TOY"
    explorer.set(heard=sweeps.HEARD[1])  # as the grammar has it: .6 and .4
    np.testing.assert_allclose(explorer.result.y_hat, [0, 0.6, 0.4, 0], atol=0.01)
    explorer.set(heard=sweeps.HEARD[2])
    assert explorer.result.y_hat[2] > 0.99


def test_the_frame_stays_in_the_sentence():
    explorer = explorers.both_sweeps()
    explorer.set(sentence="mr jordan they slept", t=11)
    assert explorer.result.t == explorer.result.T == 4
    assert "has read 4 of 4 words, the backward state 1" in explorer.describe()


def test_a_trained_network_may_be_looked_at():
    model = ManyToMany(layers.Bidirectional(cells.RNN(3), cells.GRU(2)), n_y=4)
    params = model.init(jax.random.key(0), Teddy().n_x)
    seen = sweeps.swept(model, params)
    text = sweeps.SENTENCES[0]
    xs = Teddy().encode(text)
    run = model.run(params, xs[None])
    both = np.concatenate([seen.forward[text], seen.backward[text]], axis=1)
    np.testing.assert_allclose(both, run.outputs[:, 0], atol=1e-6)
    with pytest.raises(ValueError, match="both a model and its params"):
        sweeps.swept(model)
    deep = ManyToMany(model.layer, n_y=4, inner=(3,))
    with pytest.raises(ValueError, match="have no inner"):
        sweeps.swept(deep, deep.init(jax.random.key(0), Teddy().n_x))
