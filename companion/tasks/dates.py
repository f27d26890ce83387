"""Dates in words to digits: "may the third nineteen seventy nine" to 1979-05-03.

Input and output have different lengths and their parts come in different order, so
the output cannot be read off step by step: the whole date has to be heard first.
"""

import functools
import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

__all__ = ["DIGITS", "WORDS", "YEARS", "Dates", "all_dates", "encode", "iso", "spoken"]

YEARS = range(1950, 2000)
MONTHS = (
    "january february march april may june july august september october november "
    "december"
).split()
UNITS = "one two three four five six seven eight nine".split()
TEENS = (
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
).split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth "
    "twentieth"
).split()
DAYS_IN = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
PAD = "<PAD>"
DIGITS = "0123456789-"
ORDERS = 3  # ways to say a date


def spoken(year: int, month: int, day: int, order: int = 0) -> list[str]:
    """A date in words, in one of three orders.

    0: the third of may nineteen seventy nine. 1: may the third nineteen seventy nine.
    2: nineteen seventy nine may three. Raises ValueError for a day that was not.
    """
    _check(year, month, day)
    tens, units = divmod(year - 1900, 10)
    said_year = ["nineteen", TENS[tens - 2], *([UNITS[units - 1]] if units else [])]
    if day <= 20:
        ordinal = [ORDINALS[day - 1]]
    elif day == 30:
        ordinal = ["thirtieth"]
    else:
        ordinal = [TENS[day // 10 - 2], ORDINALS[day % 10 - 1]]
    cardinal = _number(day)
    month_word = MONTHS[month - 1]
    match order:
        case 0:
            return ["the", *ordinal, "of", month_word, *said_year]
        case 1:
            return [month_word, "the", *ordinal, *said_year]
        case 2:
            return [*said_year, month_word, *cardinal]
    raise ValueError(f"order must be 0, 1 or 2, got {order}")


def _number(n: int) -> list[str]:
    if n < 10:
        return [UNITS[n - 1]]
    if n < 20:
        return [TEENS[n - 10]]
    tens, units = divmod(n, 10)
    return [TENS[tens - 2], *([UNITS[units - 1]] if units else [])]


def iso(year: int, month: int, day: int) -> str:
    """The same in digits: 1979-05-03."""
    _check(year, month, day)
    return f"{year:04d}-{month:02d}-{day:02d}"


def _check(year, month, day):
    if year not in YEARS:
        raise ValueError(f"year must lie in {YEARS[0]}..{YEARS[-1]}, got {year}")
    if not 1 <= month <= 12:
        raise ValueError(f"month must lie in 1..12, got {month}")
    last = 28 if month == 2 and year % 4 else DAYS_IN[month - 1]
    if not 1 <= day <= last:
        raise ValueError(f"day must lie in 1..{last} in that month, got {day}")


WORDS = (
    PAD,
    *dict.fromkeys(
        ["the", "of", *MONTHS, *ORDINALS, "thirtieth", *UNITS, *TEENS, *TENS]
    ),
)


class Dates(NamedTuple):
    """Pairs of a spoken date and its digits.

    xs: word indices into WORDS, 0 past the end; lengths: their number; ys: indices into
    DIGITS, always ten characters.
    """

    xs: Int[np.ndarray, "n T"]
    lengths: Int[np.ndarray, " n"]
    ys: Int[np.ndarray, "n 10"]


def encode(words: list[str]) -> Int[np.ndarray, " T"]:
    """Word indices. Raises ValueError for a word that no date has."""
    for word in words:
        if word not in WORDS:
            raise ValueError(f"words has {word!r}, which is in no date")
    return np.array([WORDS.index(word) for word in words], np.int32)


def all_dates(held_out: float = 0.1, seed: int = 0) -> tuple[Dates, Dates]:
    """Every date of the years in every order: to learn from, and to test on.

    held_out: the share of the days in the second part. A day is in one part only, in
    all its orders, so a test date has never been seen in any wording.
    """
    if not 0 < held_out < 1:
        raise ValueError(f"held_out must lie between 0 and 1, got {held_out}")
    dates = _every_day()
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(dates))
    cut = round(len(dates) * held_out)
    parts = shuffled[cut:], shuffled[:cut]
    learn, test = (_dates([dates[i] for i in sorted(part)]) for part in parts)
    return learn, test


@functools.cache
def _every_day() -> list[tuple[int, int, int]]:
    days = itertools.product(YEARS, range(1, 13), range(1, 32))
    return [
        d for d in days if d[2] <= (28 if d[1] == 2 and d[0] % 4 else DAYS_IN[d[1] - 1])
    ]


def _dates(days) -> Dates:
    rows = [spoken(*day, order) for day in days for order in range(ORDERS)]
    index = {word: i for i, word in enumerate(WORDS)}
    lengths = np.array([len(row) for row in rows], np.int32)
    xs = np.zeros((len(rows), LONGEST), np.int32)
    for row, ids in zip(rows, xs, strict=True):
        ids[: len(row)] = [index[word] for word in row]
    digit = {character: i for i, character in enumerate(DIGITS)}
    ys = [[digit[c] for c in iso(*day)] for day in days for _ in range(ORDERS)]
    return Dates(xs, lengths, np.array(ys, np.int32))


LONGEST = 8  # the twenty first of may nineteen seventy nine
