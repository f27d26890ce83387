"""Networks that read different texts: windows, exams, and what is kept of a run."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import readers
from companion.cells import GRU, RNN
from companion.language import LanguageModel
from companion.layers import Stacked
from companion.ngrams import WittenBell
from companion.readers import Lesson, exam_rows, study, text_windows

SIZE, T = 7, 6
MODEL = LanguageModel(GRU(5), SIZE)


def text(seed, n=300):
    return np.random.default_rng(seed).integers(3, SIZE, n)


def lesson(seed, n=300, exams=1):
    checks = [exam_rows(text(90 + e, 60), T=12, warm=4) for e in range(exams)]
    return Lesson(text_windows(text(seed, n), T), np.stack(checks))


def run(lessons, **changed):
    given = {"key": jax.random.key(4), "seeds": 2, "updates": 12, "every": 4}
    given |= {"batch": 3, "warm": 4, "progress": False}
    return study(MODEL, lessons, **given | changed)


@given(st.integers(7, 40), st.integers(1, 6))
def test_windows_are_all_stretches(n, T):
    ids = np.arange(n)
    windows = text_windows(ids, T)
    assert windows.tolist() == [[*range(i, i + T + 1)] for i in range(n - T)]
    marked = text_windows(ids, T, mark=99)
    assert (marked[:, 0] == 99).all() and (marked[:, 1:] == windows[:, 1:]).all()
    assert ids[0] == 0, "the text itself is left as it was"


def test_a_lesson_has_no_window_over_a_seam():
    parts, checks = [np.arange(20), np.arange(100, 130)], lesson(1).checks
    windows = readers.lesson(parts, checks, T=6).windows
    assert len(windows) == 14 + 24
    assert (np.diff(windows) == 1).all(), "a step that is not 1 crosses the seam"
    marked = readers.lesson(parts, checks, 6, marks=(55, 66)).windows
    assert set(marked[:14, 0]) == {55} and set(marked[14:, 0]) == {66}
    two = readers.exams(text(1), text(2), T=12, warm=4)
    np.testing.assert_array_equal(two[1], exam_rows(text(2), T=12, warm=4))
    with pytest.raises(ValueError, match=r"equally long, got \[300, 200\]"):
        readers.exams(text(1), text(2, 200), T=12, warm=4)


@given(st.integers(14, 80), st.integers(1, 11))
def test_an_exam_scores_every_token_once_and_none_too_early(n, warm):
    rows = exam_rows(np.arange(n), T=12, warm=warm)
    scored = rows[:, warm + 1 :].ravel()
    first = warm + 1
    assert scored.tolist() == [*range(first, first + scored.size)]
    left_out = n - first - scored.size
    assert 0 <= left_out < 12 - warm or n - 12 == len(rows) * (12 - warm)


def test_counting_is_the_counter_with_the_order_that_the_checks_choose():
    ids, checks = text(1, 400), exam_rows(text(2, 200), T=12, warm=4)[None]
    rows = exam_rows(text(3, 200), T=12, warm=4)[None]
    found = readers.counting(ids, SIZE, checks, rows, order=3, warm=4)
    counter = WittenBell.fit(ids, SIZE, 3)
    by_order = [
        np.mean([counter.log_probs(r[5:], k, before=r[1:5]) for r in checks[0]])
        for k in range(4)
    ]
    chosen = int(np.argmax(by_order))
    wanted = [-counter.log_probs(r[5:], chosen, before=r[1:5]) for r in rows[0]]
    np.testing.assert_allclose(found[0], wanted)
    assert found.shape == (1, rows.shape[1], 8)


def test_the_kept_weights_give_the_best_validation():
    found = run({"long": lesson(1), "short": lesson(2, 20, 1)})
    assert found.names == ("long", "short")
    assert found.validation.shape == (2, 2, 1, 3) == (*found.training.shape[:2], 1, 3)
    assert found.updates.tolist() == [4, 8, 12]
    np.testing.assert_allclose(
        found.bits(lesson(1).checks), found.validation.min(axis=-1), rtol=1e-5
    )
    assert found.best.tolist() == found.updates[found.validation.argmin(-1)].tolist()


def test_each_exam_keeps_its_own_weights():
    found = run({"a": lesson(1, exams=2)}, updates=60, every=5, learning_rate=0.1)
    first, second = found.validation[0, 0].argmin(-1), found.validation[0, 1].argmin(-1)
    assert len({*first, *second}) > 1, "the exams should differ in when they are best"
    checks = lesson(1, exams=2).checks
    np.testing.assert_allclose(
        found.bits(checks), found.validation.min(axis=-1), rtol=1e-5
    )
    # one network's bits by the model itself, without the machinery
    params = jax.tree.map(lambda p: p[0, 1, 1], found.params)
    rows = checks[1]
    state = MODEL.start(params, rows.shape[:1], before=rows[:, 0])
    nats = MODEL.surprise(params, rows[:, 1:], state=state)[:, 4:]
    np.testing.assert_allclose(found.nats(checks)[0, 1, 1], nats, rtol=1e-4, atol=1e-5)


def test_lessons_do_not_disturb_each_other():
    alone = run({"a": lesson(1)}, learning_rate=0.03)
    beside = run({"b": lesson(2), "a": lesson(1)}, learning_rate=[0.5, 0.03])
    np.testing.assert_allclose(
        alone.validation[0], beside.validation[1], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(alone.training[0], beside.training[1], rtol=1e-4)
    assert abs(beside.validation[0] - beside.validation[1]).max() > 1e-3


def test_threads_change_nothing_that_is_learned():
    lessons = {
        "one": lesson(1, exams=2),
        2.5: lesson(2, exams=2),
        "u": lesson(3, exams=2),
    }
    rates = 0.01, 0.02, 0.03
    alone, dealt = (run(lessons, learning_rate=rates, threads=n) for n in (1, 2))
    assert dealt.names == alone.names == ("one", 2.5, "u")
    for name in ("updates", "validation", "training", "best"):
        close(getattr(dealt, name), getattr(alone, name))
    jax.tree.map(close, dealt.params, alone.params)
    rows = lessons["u"].checks
    close(dealt.bits(rows), alone.bits(rows))
    each = np.stack([rows, 6 - rows + 3, rows])  # a lesson axis in front
    close(dealt.nats(each), alone.nats(each))
    many = run(lessons, learning_rate=rates, threads=9)  # more than there are lessons
    close(many.validation, alone.validation)


def close(a, b):
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_seeds_differ_in_weights_and_draws_and_a_key_repeats():
    once, again = run({"a": lesson(1)}), run({"a": lesson(1)})
    assert (once.validation == again.validation).all()
    assert once.validation[0, 0, 0, 0] != once.validation[0, 1, 0, 0]


def test_it_learns_what_can_be_learned():
    cycle = np.arange(400) % 4 + 3
    rows = exam_rows(cycle[:60], T=12, warm=4)[None]
    told = {"cycle": Lesson(text_windows(cycle, T), rows)}
    found = run(told, updates=150, every=50, learning_rate=0.03)
    assert found.bits(rows).max() < 0.3 and found.training[..., -1].max() < 1
    tower = LanguageModel(Stacked((RNN(4), RNN(3))), SIZE)
    bits = study(tower, told, key=jax.random.key(1), updates=4, warm=4).bits(rows)
    assert bits.shape == (1, 3, 1) and np.isfinite(bits).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "lessons must hold at least one"),
        ({"a": lesson(1), "b": Lesson(text_windows(text(1), 5), lesson(1).checks)},
         r"windows of one T and checks of one shape, got windows \[\(294, 7\), \(295"),
        ({"a": lesson(1)._replace(checks=lesson(1).checks[0])},
         r"checks of lessons\['a'\] needs 3 axes"),
        ({"a": lesson(1)._replace(windows=np.zeros((0, 7), int))}, "something in them"),
    ],
)  # fmt: skip
def test_bad_lessons(change, message, as_readers_run_it):
    with pytest.raises(ValueError, match=message):
        run(change)


def test_other_bad_input(as_readers_run_it):
    with pytest.raises(ValueError, match="windows of T = 9 need 10"):
        text_windows(np.arange(9), 9)
    with pytest.raises(ValueError, match=r"one text \(m,\), got shape \(2, 9\)"):
        text_windows(np.zeros((2, 9), int), 3)
    with pytest.raises(ValueError, match="warm must be less than T = 12, got 12"):
        exam_rows(np.arange(40), T=12, warm=12)
    with pytest.raises(ValueError, match=r"one number or one a lesson, \(1,\)"):
        run({"a": lesson(1)}, learning_rate=[0.1, 0.2])
    with pytest.raises(ValueError, match="updates must be"):
        run({"a": lesson(1)}, updates=0)
    found = run({"a": lesson(1)})
    with pytest.raises(ValueError, match=r"needs \(1, rows, t \+ 1\)"):
        found.bits(lesson(1).checks[0])
