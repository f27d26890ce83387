"""Every layer of every library computes the same before it is timed."""

import functools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks import __main__ as suite
from benchmarks import cases, goals, layers, machine, peers, report, start, timing
from benchmarks.layer import CELLS, LayerWork, check
from companion.layers import apply

SMALL = [LayerWork(kind, n_a=8, T=5, batch=2, n_x=3) for kind in CELLS]
BOTH = LayerWork("LSTM", 8, 5, 2, 3, both_ways=True)
works = pytest.mark.parametrize("work", [*SMALL, BOTH], ids=lambda w: w.name)
LSTM = SMALL[-1]
CHECKPOINT = "fast-checkpoint"


def contestant(name, work, registry=peers.LONG | peers.LAYERS):
    kinds = peers.installed([name], registry)
    if not kinds:
        pytest.skip(peers.missing([name], registry)[name])
    if not kinds[name].does(work):
        pytest.skip(f"{kinds[name].name} has no {work.kind}")
    return kinds[name](work, work.params(), *work.given())


@functools.cache
def judge(work):
    """The plain scan, which judges the others, and its answers."""
    plain = contestant("plain", work)
    return plain, plain.answers()


@works
@pytest.mark.parametrize("name", [name for name in peers.LAYERS if name != "plain"])
def test_every_library_computes_the_same_layer(name, work):
    peer = contestant(name, work)
    check(peer, peer.answers(), judge(work)[1])


@pytest.mark.parametrize("name", [n for n in peers.LONG if "checkpoint" in n])
def test_computing_again_changes_no_result(name):
    peer = contestant(name, LSTM)
    check(peer, peer.answers(), judge(LSTM)[1])


@works
def test_the_plain_scan_itself_agrees_with_finite_differences(work):
    plain, given = judge(work)
    xs, d_outputs = map(jnp.asarray, work.given())
    assert given["outputs"].shape == d_outputs.shape

    def value(by):
        moved = jax.tree.map(lambda w, g: w + by * g, plain.weights, given["gradient"])
        outputs = apply(work.layer, moved, xs, fast=False).outputs
        return float(jnp.sum(outputs * d_outputs))

    by = 1e-4
    slope = sum(float((g**2).sum()) for g in jax.tree.leaves(given["gradient"]))
    assert (value(by) - value(-by)) / (2 * by) == pytest.approx(slope, rel=2e-2)


@pytest.mark.parametrize("part", ["outputs", "forward", "gradient"])
def test_each_answer_counts(part):
    plain, expected = judge(LSTM)
    check(plain, expected, expected)
    wrong = expected | {part: jax.tree.map(lambda v: 1.01 * v, expected[part])}
    with pytest.raises(AssertionError, match=f"^plain scan, autodiff: .'{part}'."):
        check(plain, wrong, expected)


def test_a_gradient_may_be_missing_only_where_the_library_lacks_the_parameter():
    (work,) = [w for w in SMALL if w.kind == "GRU"]
    plain, expected = judge(work)
    without = expected | {"gradient": expected["gradient"]._replace(b_cc=None)}
    with pytest.raises(AssertionError):
        check(plain, without, expected)
    excused = contestant("plain", work)
    excused.lacks = ("b_cc",)
    check(excused, without, expected)
    with pytest.raises(AssertionError):
        check(excused, expected, expected)


def test_the_directions_of_a_bidirectional_layer_are_not_mixed_up():
    work = BOTH
    plain, expected = judge(work)
    params = work.params()
    swapped = type(params)(params.backward, params.forward)
    other = type(plain)(work, swapped, *work.given())
    with pytest.raises(AssertionError, match="is off by"):
        check(other, other.answers(), expected)


def test_the_grid_is_the_one_promised():
    grid = cases.chosen(["grid"], [1, 2], quick=False)
    works = [work for _, work in grid] + cases.left_out()
    assert len(works) == len(set(works)) == 3 * 3 * 3 * 2
    assert {n for n, _ in grid} == {1}
    assert {work.n_a for work in works} == {32, 256, 512}
    assert {work.T for work in works} == {10, 100, 1000}
    assert {work.batch for work in works} == {1, 32}
    assert all(work.n_a == 512 and work.T == 1000 for work in cases.left_out())
    quick = cases.chosen(["grid", "two-cores", "bidirectional"], [1, 2], quick=True)
    assert len(quick) < 12
    assert [n for n, _ in quick] == sorted(n for n, _ in quick)


def test_cases_are_chosen_by_name_and_by_cores():
    asked = ["GRU-512-1000-32", "biLSTM-8-3-1", "GRU-512-1000-32"]
    assert cases.chosen(asked, [1, 2], quick=False) == [
        (1, LayerWork("GRU", 512, 1000, 32)),
        (1, LayerWork("LSTM", 8, 3, 1, both_ways=True)),
        (2, LayerWork("GRU", 512, 1000, 32)),
        (2, LayerWork("LSTM", 8, 3, 1, both_ways=True)),
    ]
    assert all(cases.named(work.name) == work for work in cases.every())
    assert cases.chosen(["two-cores", "headline", "long"], [1], quick=False) == []
    for wrong in ("gird", "GRU-1-2", "GRU-a-2-3", "Elman-1-2-3", "GRU-0-1-1"):
        with pytest.raises(ValueError, match=f"--cases {wrong}: a case is one of"):
            cases.chosen([wrong], [1], quick=False)


def test_a_measurement_holds_what_the_table_needs():
    work = LayerWork("LSTM", n_a=4, T=3, batch=2, n_x=3)
    result = json.loads(json.dumps(layers.measure(work, ["fast", "plain"], 0.02)))
    assert list(result["names"]) == ["plain", "fast"]
    for kind in ("train", "forward"):
        assert result["ratios"][kind]["plain"] == [1, 1, 1]
        rounds = result["rounds"][kind]
        assert {len(s) for s in result["seconds"][kind].values()} == {rounds}
        assert set(result["first_call_seconds"][kind]) == {"plain", "fast"}
    alone = layers.measure(work, ["fast"], 0.02)
    assert list(alone["names"]) == ["fast"]
    assert alone["ratios"]["train"] == {"fast": (1, 1, 1)}


def test_checkpointing_needs_less_memory_as_planned_and_as_seen():
    work = LayerWork("LSTM", n_a=64, T=400, batch=8, n_x=8)
    kept, again = (memory_in_a_fresh_process(n, work) for n in ("plain", CHECKPOINT))
    assert again["planned"] < 0.7 * kept["planned"]
    assert again["peak"] < 0.7 * kept["peak"]
    for need in (kept, again):  # the process grows by about what was planned
        assert 0.5 * need["planned"] < need["peak"] < 2 * need["planned"]


def memory_in_a_fresh_process(name, work):
    with machine.fresh_process(None) as pool:
        return pool.submit(layers.memory, work, name).result()


def test_peak_memory_sees_what_is_gone_again():
    def run():
        np.ones(50_000_000 // 8).sum()

    if not machine.pathlib.Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux sets the highest size of a process back")
    for _ in range(2):  # the second time as well: the mark has been set back
        assert 40e6 < machine.peak_memory(run) < 70e6
    assert machine.peak_memory(lambda: None) < 5e6


def made_up(ratio=2.0):
    """A report with every part, in which the fast road is `ratio` times as fast."""
    seconds = {"plain": 3.0, "fast": 2.0, "split": 1.0, "flax": 5.0, "keras": 4.0}
    seconds = {name: [value] * 3 for name, value in seconds.items()}
    seconds["torch"] = [2.0 * ratio] * 3
    names = {name: f"the {name}" for name in seconds}
    both = {"train": seconds, "forward": seconds}
    ratios = {n: [2.0 * ratio / s[0]] * 3 for n, s in seconds.items()}
    common = {
        "names": names,
        "versions": {"jax": "1"},
        "seconds": both,
        "ratios": dict.fromkeys(both, ratios),
        "first_call_seconds": dict.fromkeys(both, dict.fromkeys(names, 1.0)),
    }
    run = {"reference": "torch", **common}
    head = {"date": "d", "machine": "m", "load_before": 0.1}
    work = {"n_y": 28, "n_a": 256, "depth": 2, "batch": 32, "T": 35}
    runs = [{"cores": cores, **run} for cores in ([0], [0, 1])]
    return head | {
        "quick": False,
        "minutes": 20,
        "left_out": {"onnx": "onnxruntime is not installed"},
        "headline": head | {"work": work, "runs": runs},
        "layers": [
            {"case": w.name, "work": vars(w), "cores": [0], **common}
            for w in cases.middle()
        ],
        "long": [long_result(T) for T in (1_000, 10_000)],
    }


def long_result(T):
    seconds = {"plain": 4.0, "plain-checkpoint": 2.0, "fast-checkpoint": 3.0}
    need = {"plain": 1000, "plain-checkpoint": 100, "fast-checkpoint": 300}
    return {
        "work": vars(LayerWork("LSTM", T=T)),
        "names": {name: name for name in need},
        "versions": {},
        "seconds": {"train": {name: [s, 2 * s] for name, s in seconds.items()}},
        "memory": {n: {"peak": m * 2**20, "planned": None} for n, m in need.items()},
    }


def test_goals_are_judged_by_the_paired_ratio():
    found = {goal.what: goal for goal in goals.goals(made_up(ratio=0.8))}
    first = found["headline, training step, 1 core, against PyTorch"]
    assert first.measured == (0.8, 0.8, 0.8) and not first.reached
    assert found[f"headline, {goals.ON_TWO}"].measured[1] == 1.6  # split, on two cores
    # the best peer of the three is the quickest, Keras, and Equinox is not there
    assert found[f"headline, {goals.PEER_ON_ONE}"].measured[1] == 2.0
    long = "T = 10,000, the {} with checkpointing, against plain autodiff: {}"
    memory = found[long.format("plain scan", "memory")]
    assert memory.measured[1] == 0.1 and memory.reached and memory.wanted == "<= 0.2"
    assert not found[long.format("fast road", "memory")].reached
    assert found[long.format("plain scan", "time")].measured == (0.5, 0.5, 0.5)
    assert not found[long.format("fast road", "time")].reached
    assert len(found) == 12
    empty = goals.goals({})
    assert [goal.what for goal in empty] == list(found)
    assert all(goal.measured is None for goal in empty)


def test_the_tables_hold_what_was_measured_and_what_was_not():
    text = report.markdown(made_up())
    assert "- left out: onnxruntime is not installed" in text
    assert "| >= 0.85 | 2.00 | yes |" in text
    assert "| GRU | 256 | 100 | 32 | 1 core | 2.00 | 1.33 |" in text
    assert "| the torch: 4e+03 ms |" in text
    assert "| 10,000 | plain-checkpoint | 0.50 | 3.00 | 100 |" in text
    nothing = {"left_out": {}, "quick": True, "minutes": 0}
    text = report.markdown({"date": "d", "machine": "m", "load_before": None} | nothing)
    assert text.count("not measured in this run") == 12
    assert report.picture(made_up() | {"layers": []}) is None


def test_the_picture_is_lean_and_shows_every_cell():
    png = report.picture(made_up())
    assert png.startswith(b"\x89PNG") and len(png) < 100_000


def test_the_command_writes_its_files_and_says_what_is_left_out(tmp_path, capsys):
    command = ["--cases", "GRU-4-3-2", "--only", "plain", "fast", "--cores", "1"]
    command += ["--seconds", "0.02", "--out", str(tmp_path)]
    found = suite.main(command)
    printed = capsys.readouterr().out
    assert (tmp_path / "results.md").read_text() == printed
    saved = json.loads((tmp_path / "results.json").read_text())
    assert saved == json.loads(json.dumps(found))
    (result,) = saved["layers"]
    assert result["case"] == "GRU-4-3-2" and set(result["names"]) == {"plain", "fast"}
    assert (tmp_path / "results.png").stat().st_size < 100_000
    with pytest.raises(SystemExit, match="--cases gird: a case is one of"):
        suite.main(["--cases", "gird"])


def test_a_library_that_is_not_there_is_left_out_with_a_reason():
    registry = {
        "gone": ("no_such_library", "ours", "PlainLayer"),
        "broken": ("companion", "no_such_module", "PlainLayer"),
        "fine": peers.LAYERS["fast"],
    }
    assert list(peers.installed(registry, registry)) == ["fine"]
    why = peers.missing(registry, registry)
    assert why["gone"] == "no_such_library is not installed"
    assert why["broken"].startswith("companion cannot be imported")


def test_long_sequences_are_timed_together_and_weighed_apart():
    work = LayerWork("LSTM", n_a=4, T=20, batch=2, n_x=3)
    names = ("plain", "fast-checkpoint")
    (result,) = layers.long_sequences([work], 0.05, names)
    assert set(result["memory"]) == set(result["seconds"]["train"]) == set(names)
    assert all(need["planned"] > 0 for need in result["memory"].values())
    assert "20 | fast road, checkpoint |" in report.long_table([result])


def test_rounds_fill_the_seconds_there_are():
    now = [0.0]

    def takes(seconds):
        def call():
            now[0] += seconds

        return call

    def plan(*seconds, budget):
        runs = {str(i): takes(s) for i, s in enumerate(seconds)}
        return timing.plan(runs, budget, clock=lambda: now[0])

    assert plan(0.1, 0.3, budget=8) == {"rounds": 10, "repeats": 1, "warm": True}
    assert plan(0.004, 0.1, budget=100)["repeats"] == 3  # 10 ms a turn
    assert plan(0.1, budget=100)["rounds"] == 30
    assert plan(4.0, 5.0, budget=1) == {"rounds": 3, "repeats": 1, "warm": False}


def test_start_times_a_fresh_process_and_lists_every_explorer():
    slow = start.seconds_of("import time", "time.sleep(0.2)")
    assert 0.2 <= slow < 5
    names = start.explorers()
    assert "gradients.microscope" in names and len(names) == len(set(names)) > 20
    with pytest.raises(SystemExit, match="no_such_module"):
        start.seconds_of("import no_such_module", "pass")
    told = {"date": "d", "machine": "m", "load_before": 0.1}
    told |= {"imports": {"import companion": [0.01, 0.09, 0.02]}}
    text = start.table(told | {"pictures": {"a.b": [1.0], "c.d": [3.5]}})
    assert "`import companion`: 0.020 s, goal 0.05 s: reached" in text
    assert text.index("| c.d | 3.50 |") < text.index("| a.b | 1.00 |")
    assert "1 of 2 explorers show" in text
