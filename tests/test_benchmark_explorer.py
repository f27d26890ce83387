"""The table of the slider benchmark: which numbers it makes of which moves."""

import pytest

pytest.importorskip("playwright.sync_api")

from benchmarks import explorer


def report():
    moves = [
        {"cell": cell, "T": T, "slider": "rho", "ms": ms}
        for cell, T, times in (
            ("tanh", 100, range(30, 51)),
            ("tanh", 200, [40.0] * 21),
            ("LSTM", 100, [50.0] * 21),
            ("LSTM", 200, range(80, 101)),
        )
        for ms in times
    ]
    update = [
        {"cell": cell, "T": T, "numbers": 4.2, "whole": 13.7}
        for cell in ("tanh", "LSTM")
        for T in (100, 200)
    ]
    return {
        "date": "2026-01-01",
        "machine": "a machine",
        "load_before": 0.1,
        "update": update,
        "moves": moves,
    }


def test_medians_and_percentiles_of_all_moves_and_of_each_cell():
    lines = explorer.table(report()).splitlines()
    assert "| every move | 84 | 50 | 96 |  |  |" in lines
    assert "| tanh, T up to 100 | 21 | 40 | 49 | 4 | 14 |" in lines
    assert "| LSTM, T = 200 | 21 | 90 | 99 | 4 | 14 |" in lines
    assert "- machine: a machine" in lines
    assert any("quiet machine" in line for line in lines)


def test_each_slider_ends_where_it_began():
    assert explorer.parse(["--moves", "6"]).moves == 8
    assert explorer.parse([]).moves == 12


def test_the_sliders_are_those_of_the_microscope_in_its_order():
    from companion.explorers.gradients import microscope

    assert tuple(microscope().controls) == ("cell", *explorer.SLIDERS)
