"""The table of the run that learns a text by heart."""

import pytest

pytest.importorskip("benchmarks.headline")

from benchmarks import by_heart


def test_a_small_run_fills_the_table(monkeypatch, capsys):
    stories = {"one": lambda: "To and fro. " * 60, "none": offline}
    monkeypatch.setattr(by_heart, "TEXTS", stories)
    small = ["--seeds", "2", "--characters", "400", "--epochs", "3", "--n-a", "8"]
    report = by_heart.main(small)
    said = capsys.readouterr()
    assert [run["seed"] for run in report["runs"]] == [0, 1]
    for run in report["runs"]:
        assert run["text"] == "one" and run["epochs"] == 3
        assert 1 < run["held_out_best"] <= run["held_out"] < 40
        assert run["running"] > by_heart.GOAL
        assert run["counted_best"] < 1.2  # a text that repeats is easily counted
    first, second = (run["running"] for run in report["runs"])
    assert first != second
    assert said.out.count("| one |") == 2
    assert "0 of 2 runs reached 1.05" in said.out
    assert "none is left out: no network" in said.err


def offline():
    raise ConnectionError("no network")
