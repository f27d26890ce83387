"""Pictures and explorers of notebook 08: the numbers behind them, by other formulas."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion.cells import LSTM, RNN, LSTMState, count_parameters
from companion.explorers import lstm as explorers
from companion.figures import forgetting, gates, lstm, traces
from companion.inside import inside
from companion.tasks.memory import StoreAndReport
from companion.unroll import unroll

TEXT = "1 0 1 -1 .5"
XS = (1, 0, 1, -1, 0.5)


def by_formula(xs, u, f, o, weight, only_at_inputs=False):
    """The unit in plain Python: what the notation says, a line a formula."""
    a = c = 0.0
    rows = []
    for x in xs:
        gamma_u = 0.0 if only_at_inputs and x == 0 else u
        c = gamma_u * np.tanh(weight * a + x) + f * c
        a = o * np.tanh(c)
        rows.append((a, c))
    return np.array(rows).T


@pytest.mark.parametrize("u", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("f", [0.0, 0.9, 1.0])
@pytest.mark.parametrize("o", [0.0, 0.6])
@pytest.mark.parametrize("when", gates.WHEN)
def test_a_held_unit_follows_the_formulas(u, f, o, when):
    run = lstm.run_unit(gates.read_numbers(TEXT), u, f, o, when, 0.7)
    a, c = by_formula(XS, u, f, o, 0.7, when == gates.WHEN[1])
    np.testing.assert_allclose(run.a, a, atol=2e-6)
    np.testing.assert_allclose(run.c, c, atol=2e-6)


def test_keeping_all_and_adding_all_counts_past_one():
    run = lstm.run_unit(gates.read_numbers("1 " * 16), 1, 1, 1, gates.WHEN[0], 0)
    np.testing.assert_allclose(run.c, np.tanh(1) * np.arange(1, 17), rtol=1e-5)
    unit = explorers.one_unit()
    unit.set(text="1 " * 16, gamma_u=1.0, gamma_f=1.0)
    assert "|c| reaches 12.19, past 1" in unit.describe()
    assert unit._artists["lines"]["c"].axes.get_ylim()[1] > 12.19


def test_the_explorer_shows_the_step_it_is_set_to():
    unit = explorers.one_unit(weight=0.7)
    unit.set(text=TEXT, t=3, gamma_u=0.8, gamma_f=0.9, gamma_o=0.5)
    a, c = by_formula(XS, 0.8, 0.9, 0.5, 0.7)
    texts, lines = unit._artists["texts"], unit._artists["lines"]
    assert texts["a"].get_text() == gates.signed(a[2])
    assert texts["a_before"].get_text() == gates.signed(a[1])
    assert texts["c_before"].get_text() == gates.signed(c[1])
    assert texts["kept"].get_text() == f"0.90 · {c[1]:.2f} = {0.9 * c[1]:.2f}"
    np.testing.assert_allclose(lines["a"].get_ydata()[1:], a, atol=1e-6)
    added = np.array(lines["added"].get_segments())
    old = np.concatenate([[0], c[:-1]])
    np.testing.assert_allclose(added[:, 0, 1], 0.9 * old, atol=1e-6)
    np.testing.assert_allclose(added[:, 1, 1], c, atol=1e-6)
    assert f"a⟨3⟩ = 0.50 · tanh(c⟨3⟩) = {a[2]:.2f}" in unit.describe()
    unit.set(text="?", t=9)
    assert "c⟨1⟩" in unit.describe() and "“?”" in unit.describe()


def test_the_diagram_shows_peepholes_or_not():
    assert "Dashed" in lstm.cell(peephole=True).alt
    assert "Dashed" not in lstm.cell().alt
    (plain,), (peeping,) = (lstm.cell(peephole=p).fig.axes for p in (False, True))
    assert len(peeping.patches) == len(plain.patches) + 3


def test_the_bars_are_as_long_as_the_parameters_are_many():
    n_a, n_x = 10, 4
    one = n_a * (n_a + n_x) + n_a
    picture = lstm.parameter_bars(n_a, n_x)
    assert f"RNN {one:,} (1), GRU {3 * one:,} (3), LSTM {4 * one:,} (4)" in picture.alt
    (ax,) = picture.fig.axes
    assert sum(bar.get_width() for bar in ax.patches) == 8 * one
    params = LSTM(n_a).init(jax.random.key(0), n_x)
    assert count_parameters(params) == 4 * one
    assert "only 150 (1)" in lstm.parameter_bars(n_a, n_x, {"only": RNN}).alt


# The forget bias.


def test_the_measured_gradient_is_that_of_a_loop_of_steps():
    b, lag, seed = 2.5, 4, 1
    cell, params, xs = forgetting._untrained()
    params = jax.tree.map(lambda p: p[seed], params)
    params = params._replace(b_f=params.b_f + b)
    assert float(params.b_f[0]) == b
    before = unroll(cell, params, xs[seed, :-lag])
    state = LSTMState(before.a[-1], before.c[-1])

    def rest(c):
        now = LSTMState(state.a, c)
        for x in xs[seed, -lag:]:
            now = cell.step(params, now, x)
        return now.c

    J = np.asarray(jax.jit(jax.jacrev(rest))(state.c))
    wanted = np.sqrt((J**2).sum() / len(J))
    assert forgetting.measured(b)[seed, lag] == pytest.approx(wanted, rel=1e-3)
    np.testing.assert_allclose(forgetting.measured(b)[:, 0], 1)


def test_the_promise_is_a_power_of_the_share():
    fading = explorers.forget_bias()
    for b in (-2.0, 1.0, 5.0):
        fading.set(b=b)
        share = 1 / (1 + np.exp(-b))
        found = fading.result
        assert found.share == pytest.approx(share)
        assert found.half_life == pytest.approx(np.log(0.5) / np.log(share))
        assert found.promised[7] == pytest.approx(share**7)
        assert f"= {share:.4f} halves" in fading.describe()
        line = fading._artists["lines"]["promised"].get_ydata()
        assert line[7] == pytest.approx(max(share**7, 1e-21))
    low, high = fading.sweep("b", [0.0, 5.0])
    assert (high.measured[:, 100] > 1e3 * low.measured[:, 100]).all()
    fading.set(T=120)
    assert fading._artists["spots"][0].get_xdata()[0] == 120
    with pytest.raises(ValueError, match=r"T must lie in 0\.\.200"):
        forgetting.forget_bias(T=201)


# Units set by hand.


@pytest.mark.parametrize("period", [2, 5, 9])
def test_the_clock_strikes_at_every_period_and_only_then(period):
    cell, params = traces.clock_by_hand(period)
    values = inside(cell, params, jnp.zeros((6 * period, 1)))
    a = np.asarray(values["a"])[:, 0]
    strikes = np.arange(1, 6 * period + 1) % period == 0
    np.testing.assert_allclose(a[strikes], np.tanh(1), atol=1e-3)
    assert np.abs(a[~strikes]).max() < 1e-3
    with pytest.raises(ValueError, match="period must be at least 2"):
        traces.clock_by_hand(1)


def test_without_peepholes_the_clock_stands_still():
    cell, params = traces.clock_by_hand(5)
    params = params._replace(p_f=jnp.zeros(1), p_o=jnp.zeros(1))
    a = np.asarray(inside(cell, params, jnp.zeros((30, 1)))["a"])
    assert np.abs(a).max() < 1e-3


def test_the_unit_stores_and_reports():
    task = StoreAndReport()
    sample = task.sample(jax.random.key(0), 64)
    cell, params = traces.store_by_hand()
    values = inside(cell, params, jnp.swapaxes(sample.xs, 0, 1))
    a = np.asarray(values["a"])[..., 0].T
    asked = np.asarray(sample.mask)
    v = np.asarray(sample.ys)[..., 0][asked]
    np.testing.assert_allclose(a[asked], np.tanh(np.tanh(v)), atol=5e-3)
    assert np.abs(a[~asked]).max() < 1e-3


def test_pictures_of_store_and_clock_draw_four_curves():
    for picture in (traces.store_then_report(), traces.clock(period=4, n_steps=12)):
        (ax,) = picture.fig.axes
        names = [text.get_text() for text in ax.get_legend().get_texts()]
        assert len(names) == 4 and r"\Gamma_o" in names[3]
    assert "Gamma_o is above one half at step 4, step 8, step 12" in picture.alt


def test_the_chain_is_as_wide_as_the_memory_and_as_open_as_its_gates():
    values = {
        "c": [0.5, -1.0, 0.25],
        "gamma_f": [1.0, 0.2, 1.0],
        "gamma_u": [1.0, 1.0, 0.0],
        "gamma_o": [0.0, 0.0, 0.75],
    }
    picture = traces.chain(values, words=("one", "two", "three"))
    ax = picture.fig.axes[0]
    widths = [line.get_linewidth() for line in ax.lines]
    # before the first wheel; then kept and new at each step
    wanted = [1, 1, 7.5, 1 + 13 * 0.1, 14, 14, 4.25]
    np.testing.assert_allclose(widths, wanted)
    turns = [patch.theta2 - patch.theta1 for patch in ax.patches if hasattr(patch, "r")]
    filled = sorted(turn for turn in turns if turn != 360 or turns.count(360) > 9)
    assert 72 in np.round(filled) and 270 in np.round(filled)
    assert "widest at step 2" in picture.alt
    assert (
        "Gamma_f is below one half at step 2, Gamma_o above it at step 3" in picture.alt
    )


def test_a_chain_of_one_unit_of_many():
    values = inside(LSTM(3), LSTM(3).init(jax.random.key(0), 2), jnp.ones((4, 2)))
    picture = traces.chain(values, unit=1)
    assert "line through 4 steps" in picture.alt
    with pytest.raises(ValueError, match="lacks"):
        traces.chain({"c": [1.0]})
