"""Every exercise of the course: its solution, its mistakes, and its notebook cells.

Exercises are found, not listed: every name in the `__all__` of every module of
`companion.exercises` but the checker itself. In a notebook an exercise is a stub, a
check cell `exercises.<module>.<name>(<function>)`, and a folded solution.
"""

import ast
import importlib
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

import companion.exercises
from companion.exercises.check import Exercise

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
MACHINERY = {"check", "compare"}
CHECK = re.compile(r"exercises\.(\w+)\.(\w+)\((\w+)\)\s*")
SOLUTION = re.compile(
    r"<details>\s*<summary>Solution</summary>\n\s*\n```python\n(.*?)```\s*\n"
    r"\s*</details>",
    re.DOTALL,
)
HINT = re.compile(r"<details>\s*<summary>Hint</summary>\n\s*\n.*</details>", re.DOTALL)


def modules():
    for info in pkgutil.iter_modules(companion.exercises.__path__):
        if info.name not in MACHINERY:
            yield info.name, importlib.import_module(f"companion.exercises.{info.name}")


EXERCISES = {
    f"{module_name}.{name}": getattr(module, name)
    for module_name, module in modules()
    for name in module.__all__
}
MISTAKES = [
    pytest.param(exercise, mistake, id=f"{name}: {mistake.name}")
    for name, exercise in EXERCISES.items()
    for mistake in exercise.mistakes
]


@dataclass
class Asked:
    """One exercise as it stands in a notebook."""

    notebook: str
    name: str
    function: str
    before: str  # the imports and the solutions of earlier exercises
    stub: str
    solution: str
    hinted: bool
    tags: list[str]

    def check(self, code: str):
        """The verdict on `code` put in place of the stub."""
        names: dict[str, object] = {}
        exec(self.before, names)
        exec(code, names)
        return EXERCISES[self.name](names[self.function])


def imports(source: str) -> str:
    """The import statements of a set-up cell, without its installation line."""
    plain = "\n".join(
        re.sub(r"%.*", "pass", line) if line.strip().startswith("%") else line
        for line in source.splitlines()
    )
    kept = [
        n for n in ast.parse(plain).body if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    return ast.unparse(ast.Module(kept, []))


def asked_in(path: Path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    before = imports(code[0].source)
    for index, cell in enumerate(cells):
        match = cell.cell_type == "code" and CHECK.fullmatch(cell.source)
        if not match:
            continue
        after = []
        for later in cells[index + 1 :]:
            if later.cell_type == "code":
                break
            after.append(later.source)
        text = "\n".join(after)
        found = SOLUTION.search(text)
        solution = found.group(1) if found else ""
        yield Asked(
            notebook=path.name,
            name=f"{match[1]}.{match[2]}",
            function=match[3],
            before=before,
            stub=cells[index - 1].source,
            solution=solution,
            hinted=bool(HINT.search(text)),
            tags=cell.metadata.get("tags", []),
        )
        before += "\n" + solution


ASKED = [asked for path in NOTEBOOKS for asked in asked_in(path)]
each_asked = pytest.mark.parametrize(
    "asked", [pytest.param(a, id=f"{a.notebook}: {a.name}") for a in ASKED]
)


def test_every_module_is_offered_by_the_package():
    assert {name for name, _ in modules()} == set(companion.exercises.__all__)


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_passes(name):
    exercise = EXERCISES[name]
    assert isinstance(exercise, Exercise)
    result = exercise(exercise.solution)
    assert result.status == "PASS", result


@pytest.mark.parametrize("name", EXERCISES)
def test_recognises_several_mistakes(name):
    assert len(EXERCISES[name].mistakes) >= 3


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_a_wrong_answer_is_named(exercise, mistake):
    result = exercise(mistake.wrong)
    assert result.status == "FAIL", result
    assert result.mistake == mistake.name, result
    assert mistake.message in repr(result)
    assert result.detail


def test_each_exercise_is_asked_in_one_notebook():
    asked = [one.name for one in ASKED]
    assert sorted(asked) == sorted(EXERCISES)


@each_asked
def test_the_stub_is_not_attempted_yet(asked):
    result = asked.check(asked.stub)
    assert result.status == "TODO", result


@each_asked
def test_the_folded_solution_passes(asked):
    assert asked.solution, "no folded ```python solution after the check cell"
    result = asked.check(asked.solution)
    assert result.status == "PASS", result


@each_asked
def test_has_a_hint_and_the_tag(asked):
    assert asked.hinted, "no folded hint after the check cell"
    assert "nbval-ignore-output" in asked.tags
