"""What a handful of scores says about all seeds: their mean, range and interval."""

from typing import NamedTuple

import numpy as np

__all__ = ["Interval", "interval", "student"]


class Interval(NamedTuple):
    """Mean and range of scores, and low..high, where the mean over all seeds may be."""

    mean: float
    least: float
    most: float
    low: float
    high: float


def interval(scores) -> Interval:
    """Student's 95% interval for the mean of scores (seeds,), and their range.

    It takes the scores for draws from a bell curve. Five seeds of which three learned
    and two did not are no such thing: then it is wide, may pass 1, and only says that
    more seeds are needed. For one seed low and high are NaN.
    """
    scores = np.asarray(scores, float)
    if scores.ndim != 1 or not scores.size:
        raise ValueError(f"scores must be (seeds,), got shape {scores.shape}")
    n, mean = len(scores), float(scores.mean())
    half = student(n - 1) * scores.std(ddof=1) / n**0.5 if n > 1 else np.nan
    least, most = float(scores.min()), float(scores.max())
    return Interval(mean, least, most, float(mean - half), float(mean + half))


STUDENT = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622)


def student(freedom: int) -> float:
    """What a Student variable exceeds, up or down, one time in twenty."""
    if freedom <= len(STUDENT):
        return STUDENT[freedom - 1]
    # the expansion in 1/freedom of Cornish and Fisher (1937) around the normal's
    z = 1.959964
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3
