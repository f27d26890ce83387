"""Pictures of notebook 11: rounds and compositions, and the straight line of a gate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion.cells import GRUState
from companion.explorers import beyond as explorers
from companion.figures import beyond, roads, straight, style
from companion.linear_cells import MinGRU, MinGRUParams


@pytest.mark.parametrize("T", [1, 2, 3, 7, 8, 9, 100])
def test_the_work_of_a_scan_is_what_jax_does(T):
    pairs = []

    def counting(first, second):
        pairs.append(len(first))
        return first + second

    jax.lax.associative_scan(counting, jnp.ones(T))
    work = roads.scan_work(T)
    assert work.pairs == tuple(n for n in pairs if n)
    assert (work.rounds, work.compositions) == (len(work.pairs), sum(work.pairs))


def test_a_thousand_steps_are_nineteen_rounds():
    work = roads.scan_work(1024)
    assert (work.rounds, work.compositions) == (19, 2036)
    with pytest.raises(ValueError, match="T must be at least 1, got 0"):
        roads.scan_work(0)


@pytest.mark.parametrize("T", [1, 2, 5, 8, 13])
def test_the_tree_ends_with_all_prefixes(T):
    rows, links = beyond.composed(T)
    assert len(rows) == roads.scan_work(T).rounds + 1
    last = {}
    for row in rows:
        last |= row
    assert last == {t: (1, t + 1) for t in range(T)}
    for height, (before, earlier), now, later in links:
        left, right = rows[-earlier][before], rows[later][now]
        assert left[1] + 1 == right[0]  # what is joined are neighbours
        assert rows[height][now] == (left[0], right[1])


def test_the_tree_says_how_much_it_composes():
    titles = [ax.get_title(loc="left") for ax in beyond.tree().fig.axes]
    assert titles[0] == "the loop: 7 rounds, 7 compositions"
    assert titles[1] == "the scan: 5 rounds, 11 compositions"


def test_lanes_beyond_a_step_let_the_scan_win():
    explorer = explorers.two_roads()
    assert explorer.result.sequential == 1024 * 1024 / 2
    assert explorer.result.parallel == 2 * 2036 * 1024 / 2
    few, even, many = explorer.sweep("lanes", [64, 4096, 1048576])
    assert few.parallel == pytest.approx(4 * few.sequential, rel=0.01)
    assert even.parallel == pytest.approx(even.sequential, rel=0.01)
    assert (many.sequential, many.parallel) == (1024, 2 * 19)
    explorer.set(lanes=1048576)
    assert "the parallel road is ahead by a factor of 26.9" in explorer.describe()
    assert many.curves["sequential"] == list(roads.POWERS)


def test_measured_times_stand_beside_the_count():
    measured = {"sequential": {16: 0.1, 64: 0.2}, "parallel": {16: 0.3, 64: 0.2}}
    shown = explorers.two_roads(measured)
    assert shown.result == explorers.two_roads().result
    with pytest.raises(ValueError, match="'sequential' and 'parallel', got"):
        explorers.two_roads({"loop": {16: 0.1}})
    with pytest.raises(ValueError, match="width must be at least 1, got 0"):
        explorers.two_roads(width=0)


def test_times_draws_every_road_and_refuses_others():
    panels = {"forward": {"sequential": {8: 1.0, 64: 3.0}, "parallel": {8: 2.0}}}
    (ax,) = beyond.times(panels).fig.axes
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[1.0, 3.0], [2.0]]
    with pytest.raises(ValueError, match="a road is one of"):
        beyond.times({"forward": {"loop": {8: 1.0}}})


def test_precision_says_which_error_grows():
    drawn = beyond.precision({"sums": {8: 1e-7, 64: 2e-6}, "scan": {8: 1e-7, 64: 2e-7}})
    assert "sums grows with T; scan stays near where it was" in drawn.alt


def test_memory_writes_the_last_size():
    drawn = beyond.memory({"cache": {1: 512, 64: 32768}, "state": {1: 256, 64: 256}})
    written = {text.get_text() for text in drawn.fig.axes[0].texts}
    assert written == {"32,768", "256"}
    assert "cache 512 bytes at step 1 and 32,768 at step 64" in drawn.alt


@pytest.mark.parametrize(
    "draw", [beyond.memory, beyond.precision, beyond.times, beyond.tree]
)
def test_pictures_can_be_drawn_without_arguments(draw):
    drawn = draw()
    assert isinstance(drawn, style.Picture)
    assert len(drawn.alt.split()) >= 5
    assert drawn.png()[:4] == b"\x89PNG"


def test_a_unit_that_sees_nothing_is_a_min_gru():
    explorer = explorers.form_of_a_gate()
    explorer.set(sees="nothing")
    step = explorer.result
    # W_c x + b_c = 2x - 1, W_u x + b_u = 4x - 2
    params = MinGRUParams(*(jnp.array(v) for v in ([[2.0]], [-1.0], [[4.0]], [-2.0])))
    for x in (0, 1):
        given = GRUState(jnp.asarray(step.grid, jnp.float32)[:, None])
        xs = jnp.full((len(step.grid), 1), float(x))
        found = MinGRU(1).step(params, given, xs).c[:, 0]
        np.testing.assert_allclose(found, step.after[x], atol=1e-6)
    assert step.straight and 0 < step.slopes[1] < step.slopes[0] < 1


@pytest.mark.parametrize("bits", ["1", "1 1", "0101101", "0000", "1111111111111111"])
def test_only_a_unit_that_sees_its_state_counts_the_ones(bits):
    explorer = explorers.form_of_a_gate()
    explorer.set(text=bits, sees="nothing")
    blind = explorer.result.histories
    assert (blind[0] >= blind[1]).all()  # the two never change places
    explorer.set(sees="the candidate")
    seeing = explorer.result.histories
    odd = np.cumsum([0, *map(int, bits.replace(" ", ""))]) % 2
    np.testing.assert_array_equal(seeing[0] < seeing[1], odd == 1)
    assert not explorer.result.straight


def test_a_convention_is_a_sign():
    explorer = explorers.form_of_a_gate()
    ours = explorer.result.after
    explorer.set(convention="keeps the state")
    assert np.abs(explorer.result.after - ours).max() > 0.5
    explorer.set(negated=True)
    np.testing.assert_allclose(explorer.result.after, ours, atol=1e-12)


def test_bits_are_read_from_any_text():
    assert straight.as_bits("1 0, x 2 1").tolist() == [1, 0, 1]
    assert len(straight.as_bits("01" * 30)) == straight.MOST_BITS
    explorer = explorers.form_of_a_gate()
    explorer.set(text="")
    assert explorer.result.histories.shape == (2, 1)
    assert "after 0 bits the two histories are 2.00 apart" in explorer.describe()
