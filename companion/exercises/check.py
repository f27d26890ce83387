"""Checks a learner's function: TODO, PASS, or FAIL with the mistake named.

An exercise knows its solution, a few fixed inputs chosen so that wrong answers differ
from the right one, and the common mistakes as working wrong functions. The check runs
the learner's function on all inputs. If its answers are those of a known mistake on
every input, that mistake is named; otherwise the first input it fails on is shown.
"""

import ast
import contextlib
import copy
import html
import inspect
import io
import linecache
import textwrap
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np

from companion.exercises.compare import difference, has_ellipsis, show

__all__ = ["Exercise", "Mistake", "Result"]

_MARKS = {"TODO": "○", "PASS": "✓", "FAIL": "✗"}
_EDGES = {"TODO": "#808080", "PASS": "#009E73", "FAIL": "#D55E00"}


@dataclass(frozen=True)
class Result:
    """What a check found; shows itself as text and as HTML.

    `mistake` is the name of the recognised mistake, if there is one; `detail` holds
    the input, the expected and the given value where one case can be shown.
    """

    status: Literal["TODO", "PASS", "FAIL"]
    title: str
    message: str
    mistake: str | None = None
    detail: str = ""

    def __repr__(self) -> str:
        head = f"{_MARKS[self.status]} {self.title}: {self.status}. {self.message}"
        return f"{head}\n{self.detail}" if self.detail else head

    def _repr_html_(self) -> str:
        # No colours of its own but the edge: text takes those of the page, so it
        # reads in a light and in a dark theme, and the word says what the edge says.
        message = html.escape(self.message)
        detail = f"<pre>{html.escape(self.detail)}</pre>" if self.detail else ""
        return (
            f'<div role="status" style="border-left: 5px solid {_EDGES[self.status]}; '
            f'padding: 0.3em 0.8em">{_MARKS[self.status]} '
            f"<b>{html.escape(self.title)}: {self.status}.</b> {message}{detail}</div>"
        )


@dataclass(frozen=True)
class Mistake:
    """A wrong answer worth naming: what it does, and what to tell whoever gives it."""

    name: str
    message: str
    wrong: Callable


@dataclass(frozen=True)
class Exercise:
    """A task, its solution and its common mistakes; call it with a learner's function.

    Args:
        title: what the task is called.
        solution: the right answer; its parameter names are shown to the learner.
        cases: fixed inputs, each a tuple of positional arguments.
        mistakes: the mistakes it recognises, the more specific first.
        passed: a sentence said after PASS.
        tolerance: a number is right if |got - expected| <= tolerance (1 + |expected|).

    Raises:
        TypeError: `solution` is not a function, or a case is not a tuple.
        ValueError: no cases, or two mistakes of one name.
    """

    title: str
    solution: Callable
    cases: Sequence[tuple]
    mistakes: Sequence[Mistake] = ()
    passed: str = "Right on every input."
    tolerance: Real = 1e-6

    def __post_init__(self):
        if not self.cases:
            raise ValueError(f"exercise {self.title!r} has no cases")
        for case in self.cases:
            if not isinstance(case, tuple):
                raise TypeError(f"a case must be a tuple of arguments, got {case!r}")
        if not callable(self.solution):
            raise TypeError(f"solution must be a function, got {self.solution!r}")
        names = [mistake.name for mistake in self.mistakes]
        if len(set(names)) != len(names):
            raise ValueError(f"exercise {self.title!r} names a mistake twice: {names}")

    def __call__(self, answer: object) -> Result:
        """Check a learner's function. Never raises, whatever the function does."""
        try:
            return self._judge(answer)
        except Exception as error:
            # The answer itself got in the way, say by an object that cannot be read.
            said = f"Your answer could not be read: {type(error).__name__}: {error}"
            return Result("FAIL", self.title, said)

    def _judge(self, answer: object) -> Result:
        if answer is None or answer is ...:
            return Result("TODO", self.title, "Not attempted yet.")
        if not callable(answer):
            said = f"Hand in the function itself, not {show(answer)}."
            return Result("FAIL", self.title, said)
        names = list(inspect.signature(self.solution).parameters)
        try:
            inspect.signature(answer).bind(*self.cases[0])
        except TypeError as error:
            said = (
                f"Your function must take the arguments ({', '.join(names)}): {error}."
            )
            return Result("FAIL", self.title, said)
        except ValueError:
            pass  # a built-in without a signature: calling it will tell

        given = []
        for case in self.cases:
            arguments = copy.deepcopy(case)
            try:
                output = _call(answer, arguments)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit too: a check must not end it
                return self._raised(answer, error, case, names)
            if output is None:
                said = (
                    "Not attempted yet. (It returns None. If you have written it, "
                    "is a return missing?)"
                )
                return Result("TODO", self.title, said)
            if has_ellipsis(output):
                return Result("TODO", self.title, "Not attempted yet.")
            given.append(copy.deepcopy(output))
            for name, after, before in zip(names, arguments, case, strict=True):
                # only what a copy can be compared with: a random generator, say,
                # is there to change
                plain = isinstance(before, np.ndarray | list | dict)
                if plain and difference(after, before, 0.0):
                    said = (
                        f"Your function changes its argument {name} in place. "
                        "Work on a copy: whoever calls it still needs the original."
                    )
                    return Result("FAIL", self.title, said)
        return self._compare(given, names)

    def _compare(self, given: list, names: list[str]) -> Result:
        right = [_call(self.solution, copy.deepcopy(case)) for case in self.cases]
        found = [
            difference(got, want, self.tolerance)
            for got, want in zip(given, right, strict=True)
        ]
        if not any(found):
            return Result("PASS", self.title, self.passed)
        first = next(index for index, said in enumerate(found) if said)
        detail = _case(names, self.cases[first], right[first], given[first])
        for mistake in self.mistakes:
            if self._gives(mistake.wrong, given):
                return Result("FAIL", self.title, mistake.message, mistake.name, detail)
        said = f"Case {first + 1} of {len(self.cases)}: {found[first]}"
        return Result("FAIL", self.title, said, None, detail)

    def _gives(self, wrong: Callable, given: list) -> bool:
        """Whether a wrong function gives these outputs on all cases."""
        for case, got in zip(self.cases, given, strict=True):
            try:
                output = _call(wrong, copy.deepcopy(case))
            except Exception:
                return False
            if difference(got, output, self.tolerance):
                return False
        return True

    def _raised(
        self, answer: Callable, error: BaseException, case: tuple, names: list[str]
    ) -> Result:
        if _unfinished(answer, error):
            said = "Not finished yet: a ... is still to be filled in."
            return Result("TODO", self.title, said)
        text = str(error)
        text = text if len(text) <= 500 else f"{text[:500]} ..."
        said = f"Your function raised {type(error).__name__}: {text}"
        code = getattr(inspect.unwrap(answer), "__code__", None)
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if code and f.filename == code.co_filename]
        if own:
            line = linecache.getline(own[-1].filename, own[-1].lineno).strip()
            said += f", in line {own[-1].lineno}: {line}"
        return Result("FAIL", self.title, said, None, _inputs(names, case))


def _unfinished(answer: Callable, error: BaseException) -> bool:
    """Whether a `...` still stands in the function (one inside an index is meant)."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (OSError, TypeError, SyntaxError):  # no source at hand
        return "ellipsis" in str(error)
    indices = [n.slice for n in ast.walk(tree) if isinstance(n, ast.Subscript)]
    meant = {id(leaf) for index in indices for leaf in ast.walk(index)}
    return any(
        isinstance(node, ast.Constant) and node.value is ... and id(node) not in meant
        for node in ast.walk(tree)
    )


class _Silence(io.StringIO):
    """Forgets what a function prints: no print may flood the notebook."""

    def write(self, text: str) -> int:
        return len(text)


def _call(function: Callable, arguments: tuple) -> object:
    with (
        contextlib.redirect_stdout(_Silence()),
        contextlib.redirect_stderr(_Silence()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        return function(*arguments)


def _inputs(names: list[str], case: tuple) -> str:
    pairs = zip(names, case, strict=True)
    return "\n".join(f"{name} = {show(value)}" for name, value in pairs)


def _case(names: list[str], case: tuple, right: object, got: object) -> str:
    return f"{_inputs(names, case)}\nexpected {show(right)}\ngot      {show(got)}"
