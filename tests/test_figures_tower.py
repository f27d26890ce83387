"""Pictures and explorer of notebook 10's first half: the numbers behind them."""

import jax
import numpy as np
import pytest

from companion.cells import count_parameters
from companion.explorers import deep
from companion.figures import reading, tower
from companion.layers import Stacked
from companion.paths import path_length


@pytest.mark.parametrize("cell", tower.CELLS)
@pytest.mark.parametrize(("n_layers", "n_a", "T"), [(1, 16, 5), (3, 32, 10)])
def test_the_price_is_that_of_the_tower(cell, n_layers, n_a, T):
    explorer = deep.price()
    explorer.set(cell=cell, n_layers=n_layers, n_a=n_a, T=T)
    layer = Stacked((tower.CELLS[cell](n_a),) * n_layers)
    params = layer.init(jax.random.key(0), tower.N_X)
    price = explorer.result
    assert price.n_parameters == count_parameters(params)
    each = [count_parameters(p) for p in params]
    assert price.parts.sum(axis=1).tolist() == each
    matrices = [np.size(leaf) for leaf in jax.tree.leaves(params) if leaf.ndim == 2]
    assert price.multiplications == sum(matrices)
    assert price.paths[n_layers - 1] == path_length(layer, T)
    assert f"{price.n_parameters:,} parameters" in explorer.describe()


def test_bars_are_as_long_as_the_parts():
    fig = tower.style.figure()
    given = {"cell": "GRU", "n_layers": 2, "n_a": 4, "T": 5}
    artists = tower.price_setup(fig, **given)
    price = tower.price_update(artists, **given)
    ends = [max(b.get_x() + b.get_width() for b in row) for row in artists["bars"]]
    assert ends[-1] == price.parts.sum(axis=1).max()
    widths = [[bar.get_width() for bar in bars] for bars in artists["bars"]]
    np.testing.assert_array_equal(np.transpose(widths)[:2], price.parts)
    assert not np.any(np.transpose(widths)[2:])


@pytest.mark.parametrize(("n_layers", "n_steps"), [(1, 2), (2, 3), (3, 4)])
def test_the_grid_names_the_two_parents(n_layers, n_steps):
    alt = tower.grid(n_layers, n_steps).alt
    layer, t = min(2, n_layers), min(3, n_steps)
    assert f"a^[{layer}]<{t - 1}> on its left" in alt
    below = f"a^[1]<{t}>" if n_layers > 1 else f"x<{t}>"
    assert f"from {below} below" in alt


def test_the_u_is_told_from_a_curve_that_only_falls():
    running, table = np.geomspace(20, 1.04, 12), np.geomspace(16, 1.02, 11)
    u = [*np.geomspace(15, 6, 6), *np.geomspace(7, 20, 6)]
    assert "falls, turns and rises" in reading.by_heart(running, u, 5.4, table).alt
    falling = reading.by_heart(running + 1, np.geomspace(15, 6, 12), 5.4, table).alt
    assert "does not learn falls, beside 5.4" in falling
    assert "towards 1.05" in falling and "falls to 1.05" not in falling


def test_copied_text_is_told_from_own_words():
    alt = reading.copied({"one": [3, 2, 1], "two": [90, 89]}).alt
    assert "one: a few tens at most" in alt and "two: hundreds or many" in alt


def test_rows_and_dots_stand_at_their_numbers():
    nets = np.array([[2.8, 2.7], [2.5, 2.6]])
    picture = reading.more_text([10, 20], {"GRU": nets, "counting": [2.6, 2.2]})
    assert "GRU from 2.8 to 2.5; counting from 2.6 to 2.2" in picture.alt
    lines = picture.fig.axes[0].lines
    np.testing.assert_allclose(lines[0].get_ydata(), [2.75, 2.55])
    np.testing.assert_allclose(lines[2].get_ydata(), nets[:, 1])
    picture = reading.elsewhere({"A": [[2, 3], [2.2, 3]]}, {"A": [1.9, 2.9]})
    dots = [line for line in picture.fig.axes[0].lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots[0].get_xdata(), [2, 2.2])
    both = reading.elsewhere({"A": [[2, 3]], "B": [[3, 2]]}).alt
    assert "tested on A: A lowest, B highest; tested on B: B lowest" in both
