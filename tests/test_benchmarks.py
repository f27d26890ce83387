"""The benchmark compares equals, and its arithmetic is right. No timing is judged."""

import json
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from benchmarks import headline, machine, peers, timing
from benchmarks.work import Work, answers, assert_same

TINY = Work(n_y=5, n_a=4, batch=2, T=3)
ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(scope="module")
def start():
    return TINY.params()


@pytest.fixture(scope="module")
def plain(start):
    return peers.installed(["plain"])["plain"](TINY, start, *TINY.batches())


@pytest.fixture(scope="module")
def expected(plain, start):
    return after_a_step(plain, start)


def after_a_step(contestant, start):
    contestant.train()
    return answers(contestant, start)


@pytest.mark.parametrize("name", [n for n in peers.CLASSES if n != "plain"])
def test_every_contestant_does_the_same_work(name, start, expected):
    kinds = peers.installed([name])
    if not kinds:
        pytest.skip(f"{peers.CLASSES[name][0]} is not installed")
    if name == "split" and jax.device_count() != TINY.batch:
        pytest.skip("this process has one device; the benchmark starts its own")
    if "train" in kinds[name].kinds:
        contestant = kinds[name](TINY, start, *TINY.batches())
        given = after_a_step(contestant, start)
        assert_same(name, given, expected)
    else:  # it begins where the step led to
        after = jax.tree.map(np.add, start, expected["step"])
        given = answers(kinds[name](TINY, after, *TINY.batches()), start)
        assert set(given) == {"logits", "loss"}
        assert_same(name, given, {part: expected[part] for part in given})


def test_the_work_agrees_with_finite_differences(plain, start):
    # The plain scan judges all others, so it needs a judge of its own: moved along its
    # gradient g by a little, a model's loss changes by |g|^2 times that.
    plain.values = start
    given = plain.answers()
    assert float(plain.forward()) == pytest.approx(float(given["loss"]), rel=1e-6)
    logits, targets = np.asarray(given["logits"], float), TINY.batches()[1]
    odds = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    right = np.take_along_axis(odds, targets[..., None], axis=-1)
    assert float(given["loss"]) == pytest.approx(-np.log(right).mean(), rel=1e-6)

    def moved(by):
        return jax.tree.map(lambda w, g: w + by * g, start, given["gradient"])

    losses = []
    for by in (-1e-2, 1e-2):
        plain.values = moved(by)
        losses.append(float(plain.forward()))
    slope = sum(float((g**2).sum()) for g in jax.tree.leaves(given["gradient"]))
    assert (losses[1] - losses[0]) / 2e-2 == pytest.approx(slope, rel=1e-2)

    plain.values = start
    plain.train()
    wanted = jax.tree.leaves(moved(-TINY.learning_rate))
    for new, old in zip(jax.tree.leaves(plain.weights()), wanted, strict=True):
        np.testing.assert_allclose(new, old, atol=1e-6)


def test_swapped_gates_are_noticed(plain, start, expected):
    (below, above), readout = start
    swapped = above._replace(W_u=above.W_f, b_u=above.b_f, W_f=above.W_u, b_f=above.b_u)
    plain.values = type(start)((below, swapped), readout)
    wrong = after_a_step(plain, plain.values)
    with pytest.raises(AssertionError, match=r"^peer: .* is off by"):
        assert_same("peer", wrong, expected)


@pytest.mark.parametrize("part", ["step", "logits", "loss", "gradient"])
def test_each_answer_counts(part, expected):
    wrong = expected | {part: jax.tree.map(lambda v: 1.01 * v, expected[part])}
    with pytest.raises(AssertionError, match=f"peer: .'{part}'."):
        assert_same("peer", wrong, expected)
    assert_same("peer", expected, expected)


def test_a_doubled_or_missing_update_is_noticed_at_the_headline_size():
    # the smallest steps there are about 1e-4, the slack for rounding is 2e-7
    step = {"step": {"W": np.full((3, 3), 1e-5, np.float32)}}
    for factor in (0, 2):
        wrong = {"step": {"W": factor * step["step"]["W"]}}
        with pytest.raises(AssertionError, match="step"):
            assert_same("peer", wrong, step)


def test_ratios_are_paired_within_a_round():
    # The machine slows down tenfold in the second round: the ratio must not see it.
    seconds = {"torch": [2.0, 20.0, 2.2], "fast": [1.0, 10.0, 1.1]}
    got = timing.ratios(seconds, "torch")
    assert got["fast"] == pytest.approx((2.0, 2.0, 2.0))
    assert got["torch"] == (1.0, 1.0, 1.0)
    spread = timing.ratios({"a": [1.0] * 5, "b": [1.0, 2.0, 3.0, 4.0, 5.0]}, "b")
    assert spread["a"] == (2.0, 3.0, 4.0)


def test_interleaving_gives_everyone_a_turn_each_round_and_a_warm_call():
    now, calls = [0.0], []

    def run(name, cost):
        def call():
            calls.append(name)
            now[0] += cost

        return call

    runs = {"slow": run("slow", 3.0), "quick": run("quick", 0.5), "c": run("c", 1.0)}
    seconds = timing.interleave(runs, 6, 2, clock=lambda: now[0])
    assert seconds == {"slow": [3.0] * 6, "quick": [0.5] * 6, "c": [1.0] * 6}
    rounds = [calls[i : i + 9] for i in range(0, len(calls), 9)]
    turns = [tuple(r[i] for i in (0, 3, 6)) for r in rounds]
    assert len(rounds) == 6
    assert all(
        r == [t for name in ts for t in [name] * 3]
        for r, ts in zip(rounds, turns, strict=True)
    )
    assert all(sorted(ts) == ["c", "quick", "slow"] for ts in turns)
    assert len(set(turns)) > 1  # not always the same neighbour


def test_the_command_prints_a_table_and_json():
    size = "--n-a 4 --batch 2 --steps 3 --rounds 2 --repeats 1 --cores 1".split()
    command = [sys.executable, "-m", "benchmarks.headline", *size]
    done = subprocess.run(
        [*command, "--only", "plain", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (run,) = report["runs"]
    assert run["reference"] == "plain"
    assert run["cores"] is None or len(run["cores"]) == 1
    assert run["ratios"] == {kind: {"plain": [1, 1, 1]} for kind in headline.KINDS}
    assert all(len(v) == 2 for v in run["seconds"]["train"].values())

    rows = headline.table(report).splitlines()
    assert rows[0].startswith("Speed relative to plain scan, autodiff")
    cells = [row.strip("|").split("|") for row in rows if row.startswith("|")]
    assert len(cells) == 3  # head, rule, one contestant
    assert {len(row) for row in cells} == {4}


def test_the_table_leaves_a_gap_where_a_road_did_not_run():
    ratios = {"torch": (1, 1, 1), "fast": (0.7, 0.8, 0.9)}
    split = ratios | {"split": (0.8, 0.9, 1.0)}
    names = {"torch": "PyTorch", "fast": "fast road"}
    runs = []
    for cores, had in (([0], ratios), ([0, 1], split)):
        runs.append(
            {
                "cores": cores,
                "names": names | ({"split": "split"} if "split" in had else {}),
                "versions": {"jax": "1"},
                "reference": "torch",
                "first_call_seconds": {"train": dict.fromkeys(had, 1.25)},
                "ratios": {"train": had, "forward": had},
            }
        )
    work = vars(TINY)
    report = {"runs": runs, "work": work, "machine": "m", "date": "d"}
    text = headline.table(report | {"load_before": 2.5})
    assert "measured on a loaded machine" in text
    assert "quiet machine" in headline.table(report | {"load_before": 0.1})
    rows = [row for row in text.splitlines() if row.startswith("| ")]
    assert rows[0].count("1 core") == 2 and rows[0].count("2 cores") == 2
    assert [row.split("|")[1].strip() for row in rows[1:]] == [
        "PyTorch",
        "split",
        "fast road",
    ]  # fastest first on the most cores
    empty = [cell.strip() for cell in rows[2].split("|")[2:4]]
    assert empty == ["", ""]
    assert "0.80 (0.70-0.90)" in rows[3]


def test_wrong_options_say_what_is_wrong(capsys):
    with pytest.raises(SystemExit):
        headline.main(["--only", "fats"])
    assert "'fats' (choose from" in capsys.readouterr().err
    if machine.allowed_cores():
        with pytest.raises(SystemExit, match="--cores"):
            headline.main(["--cores", "100000"])
