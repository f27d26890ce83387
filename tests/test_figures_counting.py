"""Pictures of notebook 08: how far a network counts, and how a forget bias learns."""

import numpy as np
import pytest

from companion.figures import counting, style


def test_emitted_draws_every_network_against_the_diagonal():
    n = np.arange(1, 41)
    counts = {"LSTM": [n, n - 1], "GRU": [np.minimum(n, 22), np.minimum(n, 18)]}
    drawn = counting.emitted(counts, trained_to=20)
    ax = drawn.fig.axes[0]
    lines = [line.get_ydata() for line in ax.get_lines()]
    assert len(lines) == 5
    for line, row in zip(lines, [*counts["LSTM"], *counts["GRU"]], strict=False):
        np.testing.assert_array_equal(line, row)
    np.testing.assert_array_equal(ax.get_lines()[-1].get_xydata(), [[0, 0], [40, 40]])
    assert "LSTM reaches about 1.0" in drawn.alt
    assert "GRU reaches about 0.5 of what it read at n = 40" in drawn.alt
    assert "Grey up to 20" in drawn.alt
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["LSTM", "GRU", "exact"]  # a name a kind, not a name a seed


def test_emitted_takes_the_numbers_it_read():
    drawn = counting.emitted({"LSTM": [[5, 10]]}, ns=[5, 10])
    np.testing.assert_array_equal(drawn.fig.axes[0].get_lines()[0].get_xdata(), [5, 10])
    with pytest.raises(ValueError, match=r"LSTM.*ns of shape"):
        counting.emitted({"LSTM": [[5, 10]]}, ns=[5, 10, 15])


def test_learning_shows_what_a_bias_keeps_and_how_the_losses_fall():
    losses = np.ones((2, 3, 40)) * np.array([1.4, 0.5])[:, None, None]
    losses[1, :, 20:] = [[0.1], [0.2], [0.3]]
    drawn = counting.learning((0.0, 2.0), losses, chance=1.39, lag=10)
    left, right = drawn.fig.axes
    for line, bias in zip(left.get_lines(), (0.0, 2.0), strict=False):
        kept = (1 / (1 + np.exp(-bias))) ** line.get_xdata()
        np.testing.assert_allclose(line.get_ydata(), kept)
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), [1.4, 1.4])
    np.testing.assert_allclose(right.get_lines()[1].get_ydata(), [0.5, 0.2])
    assert "b = 0 ends at 1.4, b = 2 ends at 0.2 nats" in drawn.alt
    assert right.get_lines()[2].get_ydata()[0] == 1.39


def test_learning_wants_a_row_of_losses_for_each_bias():
    with pytest.raises(ValueError, match="2 biases"):
        counting.learning((0.0, 2.0), np.ones((3, 5, 40)))


def test_times_draws_the_fastest_and_every_run():
    drawn = counting.times({"RNN": [2e-3, 1e-3], "LSTM": [4e-3, 5e-3]})
    (ax,) = drawn.fig.axes
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [1.0, 4.0])
    np.testing.assert_allclose(ax.get_lines()[1].get_xdata(), [4.0, 5.0])
    assert "RNN 1.0, LSTM 4.0" in drawn.alt


@pytest.mark.parametrize("draw", [counting.emitted, counting.learning, counting.times])
def test_pictures_can_be_drawn_empty(draw):
    drawn = draw()
    assert isinstance(drawn, style.Picture)
    assert len(drawn.alt.split()) >= 5
    assert drawn.png()[:4] == b"\x89PNG"
