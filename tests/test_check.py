"""The checker: what it accepts, what it names, and that nothing breaks it."""

import sys
import warnings
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from companion.exercises.check import Exercise, Mistake, Result
from companion.exercises.compare import difference, show


def step(W, b, a):
    return np.tanh(W @ a + b)


def without_bias(W, b, a):
    return np.tanh(W @ a)


def cases():
    rng = np.random.default_rng(0)
    return tuple(
        (rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=3))
        for _ in range(2)
    )


exercise = Exercise(
    title="One step",
    solution=step,
    cases=cases(),
    mistakes=(
        Mistake("no bias", "The bias is missing.", without_bias),
        Mistake(
            "transposed", "W is the wrong way round.", lambda W, b, a: step(W.T, b, a)
        ),
    ),
    passed="That is a recurrent network.",
)


def returning(value):
    """An exercise whose right answer is `value`, whatever it is given."""
    return Exercise("Constant", lambda x: value, ((np.arange(3.0),), (np.ones(3),)))


def test_right_answers_pass():
    result = exercise(step)
    assert result.status == "PASS"
    assert repr(result) == "✓ One step: PASS. That is a recurrent network."
    assert exercise(lambda W, b, a: [float(v) for v in step(W, b, a)]).status == "PASS"


def test_single_precision_passes():
    def in_jax(W, b, a):
        return jnp.tanh(jnp.asarray(W) @ jnp.asarray(a) + b)

    assert in_jax(*cases()[0]).dtype == jnp.float32
    assert exercise(in_jax).status == "PASS"


def test_a_known_mistake_is_named():
    result = exercise(without_bias)
    assert (result.status, result.mistake) == ("FAIL", "no bias")
    assert result.message == "The bias is missing."
    assert "expected [" in result.detail and "got      [" in result.detail
    assert exercise(lambda W, b, a: np.tanh(a @ W + b)).mistake == "transposed"


def test_a_mistake_must_agree_on_every_case():
    calls = []

    def sometimes(W, b, a):
        calls.append(1)
        return without_bias(W, b, a) if len(calls) == 1 else step(W, b, a) + 1

    result = exercise(sometimes)
    assert (result.status, result.mistake) == ("FAIL", None)
    assert result.message.startswith("Case 1 of 2: 3 of 3 numbers are wrong")


def test_an_unknown_mistake_shows_the_first_differing_case():
    def second_only(W, b, a):
        right = step(W, b, a)
        return right + (W[0, 0] == cases()[1][0][0, 0]) * np.array([0, 1, 0])

    result = exercise(second_only)
    assert result.mistake is None
    assert "Case 2 of 2: 1 of 3 numbers are wrong, the first at index [1]" in repr(
        result
    )
    assert "W = [[" in result.detail


def half_done(W, b, a):
    z = ...
    return W @ z


@pytest.mark.parametrize(
    "stub",
    [
        None,
        ...,
        lambda W, b, a: None,
        lambda W, b, a: ...,
        lambda W, b, a: (a, ...),
        lambda W, b, a: np.tanh(...),
        half_done,
    ],
)
def test_a_stub_is_not_attempted_yet(stub):
    result = exercise(stub)
    assert result.status == "TODO"
    assert "Not attempted yet" in repr(result) or "Not finished yet" in repr(result)


def test_an_index_with_dots_is_no_stub():
    def fails(W, b, a):
        return W[..., 0, 0, 0]

    assert exercise(fails).status == "FAIL"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (3, "Hand in the function itself, not 3"),
        (lambda W: W, "must take the arguments (W, b, a)"),
        (lambda W, b, a, more: a, "missing a required argument: 'more'"),
        (lambda W, b, a: step(W, b, a)[:, None], "look at the axes"),
        (lambda W, b, a: step(W, b, a)[:2], "expected shape (3,), got shape (2,)"),
        (lambda W, b, a: step(W, b, a) * np.nan, "holds nan, first at index [0]"),
        (lambda W, b, a: "text", "expected an array of shape (3,), got a str: 'text'"),
        (lambda W, b, a: step(W, b, a) > 0, "expected numbers, got True or False"),
        (lambda W, b, a: [[1], [2, 3]], "got a list: [[1], [2, 3]]"),
        (lambda W, b, a: step(W, b, a) + np.array([0, 0, np.inf]), "got inf"),
    ],
)
def test_what_is_wrong_is_said(answer, says):
    result = exercise(answer)
    assert result.status == "FAIL"
    assert says in repr(result)


def test_an_exception_is_reported_with_its_line():
    def broken(W, b, a):
        return W @ undefined_name  # noqa: F821

    result = exercise(broken)
    assert result.status == "FAIL"
    assert "raised NameError: name 'undefined_name' is not defined" in result.message
    line = broken.__code__.co_firstlineno + 1
    assert f"in line {line}: return W @ undefined_name" in result.message
    assert "a = [" in result.detail


def test_the_line_is_that_of_the_learner_not_of_the_library():
    def broken(W, b, a):
        return np.concatenate([W, a])

    assert "return np.concatenate([W, a])" in exercise(broken).message


def test_a_long_error_is_cut():
    def broken(W, b, a):
        raise ValueError("x" * 5000)

    assert len(repr(exercise(broken))) < 1500


@pytest.mark.parametrize("error", [SystemExit, RecursionError, GeneratorExit])
def test_no_exception_gets_out(error):
    def stubborn(W, b, a):
        raise error("stop")

    assert error.__name__ in repr(exercise(stubborn))


def test_the_reader_can_interrupt():
    def interrupted(W, b, a):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exercise(interrupted)


def test_an_answer_that_cannot_be_read_is_a_fail():
    class Hostile:
        def __repr__(self):
            raise RuntimeError("no repr")

        def __eq__(self, other):
            raise RuntimeError("no eq")

        __hash__ = None

    result = exercise(lambda W, b, a: Hostile())
    assert result.status == "FAIL"
    assert "no repr" in repr(result)


def test_changing_an_argument_is_named_and_does_no_harm():
    def greedy(W, b, a):
        right = step(W, b, a)
        a *= 0
        return right

    for _ in range(2):
        result = exercise(greedy)
        assert result.status == "FAIL"
        assert "changes its argument a in place" in result.message
    assert exercise(step).status == "PASS"


def test_a_buffer_used_again_does_not_spoil_earlier_answers():
    buffer = np.zeros(3)

    def thrifty(W, b, a):
        buffer[:] = step(W, b, a)
        return buffer

    assert exercise(thrifty).status == "PASS"


def test_a_random_generator_may_be_used():
    draw = Exercise(
        "Draw", lambda rng: rng.normal(size=2), ((np.random.default_rng(1),),)
    )
    for _ in range(2):
        assert draw(lambda rng: rng.normal(size=2)).status == "PASS"
    assert draw(lambda rng: rng.normal(size=2) * 2).status == "FAIL"


def test_prints_and_warnings_stay_inside(capsys):
    def noisy(W, b, a):
        print("noise" * 1000)
        print("noise", file=sys.stderr)
        warnings.warn("noise", stacklevel=1)
        return step(W, b, a)

    assert exercise(noisy).status == "PASS"
    assert capsys.readouterr() == ("", "")


class State(NamedTuple):
    a: np.ndarray
    c: np.ndarray


@pytest.mark.parametrize(
    ("right", "good", "bad", "says"),
    [
        ("yes", "yes", "no", "expected 'yes', got 'no'"),
        ("yes", "yes", 3, "expected a string, got an int: 3"),
        (True, True, 1, "expected True or False, got numbers"),
        (True, np.bool_(True), False, "expected True, got False"),
        (2, 2.0, 3, "expected 2, got 3"),
        ({"a": 1}, {"a": 1}, {"b": 1}, "key 'a' is missing"),
        ({"a": 1}, {"a": 1.0}, {"a": 1, "b": 2}, "key 'b' should not be there"),
        ({"a": 1}, {"a": 1}, {"a": 5}, "the value of 'a' is wrong"),
        ({"a": 1}, {"a": 1}, [1], "expected a dict, got a list: [1]"),
        (["x", "y"], ("x", "y"), ["x"], "expected 2 values, got 1"),
        (["x", "y"], ["x", "y"], ["x", "z"], "value 2 is wrong: expected 'y'"),
        ((np.zeros(2), np.ones(3)), [[0, 0], [1, 1, 1]], np.zeros(2), "2 values in a"),
        (State(np.zeros(2), np.ones(2)), (np.zeros(2), np.ones(2)), 3, "in a State"),
        (np.array(["x"]), np.array(["x"]), ["y"], "expected 'x', got 'y'"),
        (np.zeros((2, 2)), [[0, 0], [0, 0]], np.eye(2), "2 of 4 numbers are wrong"),
        ([], [], [1], "expected 0 values, got 1"),
        (np.array([np.nan, 1.0]), [np.nan, 1], [0, 1], "expected nan, got 0"),
        (np.inf, np.inf, -np.inf, "expected inf, got -inf"),
    ],
)
def test_answers_of_every_kind(right, good, bad, says):
    one = returning(right)
    assert one(lambda x: good).status == "PASS", one(lambda x: good)
    result = one(lambda x: bad)
    assert result.status == "FAIL"
    assert says in repr(result)


def test_tolerance_is_relative_and_absolute():
    assert not difference(1e6 + 0.5, 1e6, 1e-6)
    assert difference(1e6 + 5, 1e6, 1e-6)
    assert not difference(1e-9, 0.0, 1e-6)
    assert difference(1e-5, 0.0, 1e-6)


def test_values_are_shown_short():
    assert show(np.float32(0.1)) == "0.1"
    assert show(["a", "b"]) == "['a', 'b']"
    assert show((1.0, np.zeros(2))) == "(1, [0., 0.])"
    assert "shape (100, 100)" in show(np.zeros((100, 100)))
    assert len(show("x" * 5000)) < 500


def test_html_escapes_and_says_the_verdict_in_words():
    html = Result("FAIL", "A <b>", "1 < 2", None, "x = <3>")._repr_html_()
    assert "A &lt;b&gt;: FAIL." in html
    assert "1 &lt; 2" in html and "x = &lt;3&gt;" in html
    assert "background" not in html and " color:" not in html


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"cases": ()}, ValueError),
        ({"cases": (3,)}, TypeError),
        ({"solution": 3}, TypeError),
        ({"mistakes": exercise.mistakes[:1] * 2}, ValueError),
    ],
)
def test_refuses_bad_exercises(arguments, error):
    good = {"title": "T", "solution": step, "cases": cases()}
    with pytest.raises(error):
        Exercise(**{**good, **arguments})
