"""Dates in words and digits, against Python's calendar."""

import datetime

import numpy as np
import pytest

from companion.tasks import dates as module
from companion.tasks.dates import DIGITS, WORDS, all_dates, encode, iso, spoken


def test_every_day_of_the_calendar_is_there_once():
    days = module._every_day()
    first, last = datetime.date(1950, 1, 1), datetime.date(1999, 12, 31)
    n = (last - first).days + 1
    every = [first + datetime.timedelta(i) for i in range(n)]
    assert days == [(d.year, d.month, d.day) for d in every]
    assert [iso(*day) for day in days] == [d.isoformat() for d in every]


def test_how_a_date_is_said():
    assert " ".join(spoken(1979, 5, 3)) == "the third of may nineteen seventy nine"
    assert " ".join(spoken(1979, 5, 3, 1)) == "may the third nineteen seventy nine"
    assert " ".join(spoken(1979, 5, 3, 2)) == "nineteen seventy nine may three"
    assert " ".join(spoken(1960, 12, 31)) == (
        "the thirty first of december nineteen sixty"
    )
    assert " ".join(spoken(1951, 2, 20, 1)) == (
        "february the twentieth nineteen fifty one"
    )
    assert " ".join(spoken(1990, 11, 30, 2)) == "nineteen ninety november thirty"
    assert spoken(1990, 11, 30)[1] == "thirtieth"
    assert spoken(1999, 1, 12, 2)[-1] == "twelve"
    assert spoken(1999, 1, 25, 2)[-2:] == ["twenty", "five"]


def test_no_two_days_are_said_alike():
    for order in range(3):
        said = {tuple(spoken(*day, order)) for day in module._every_day()}
        assert len(said) == len(module._every_day())


def test_the_parts_share_no_day_and_the_arrays_say_the_same():
    learn, test = all_dates(0.2, seed=3)
    days = [{tuple(row) for row in part.ys.tolist()} for part in (learn, test)]
    assert not days[0] & days[1]
    assert len(days[0]) + len(days[1]) == len(module._every_day())
    assert len(test.ys) == 3 * len(days[1])
    assert len(days[1]) == round(0.2 * len(module._every_day()))
    for part in (learn, test):
        assert part.xs.shape == (len(part.ys), module.LONGEST)
        assert part.lengths.max() == module.LONGEST
        assert np.array_equal(part.lengths, (part.xs > 0).sum(axis=1))
        for i in range(0, len(part.ys), 997):
            digits = "".join(DIGITS[d] for d in part.ys[i])
            day = datetime.date.fromisoformat(digits)
            words = [WORDS[w] for w in part.xs[i, : part.lengths[i]]]
            wordings = [spoken(day.year, day.month, day.day, o) for o in range(3)]
            assert words in wordings
            assert np.array_equal(encode(words), part.xs[i, : part.lengths[i]])
    again = all_dates(0.2, seed=3)[1]
    assert np.array_equal(again.xs, test.xs)
    assert not np.array_equal(all_dates(0.2, seed=4)[1].ys, test.ys)


def test_what_is_no_date_is_named():
    with pytest.raises(ValueError, match=r"day must lie in 1\.\.28"):
        spoken(1950, 2, 29)
    assert iso(1952, 2, 29) == "1952-02-29"
    with pytest.raises(ValueError, match="month must lie"):
        iso(1950, 13, 1)
    with pytest.raises(ValueError, match="year must lie"):
        spoken(2001, 1, 1)
    with pytest.raises(ValueError, match="order must be"):
        spoken(1950, 1, 1, 3)
    with pytest.raises(ValueError, match="words has 'of2'"):
        encode(["of2"])
    with pytest.raises(ValueError, match="held_out must lie"):
        all_dates(1.0)
