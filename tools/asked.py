"""The exercises as they stand in the notebooks: statement, stub, check, solution.

In a notebook an exercise is a stub, a check cell `exercises.<module>.<name>(...)` and,
folded in `<details>`, its hint and its solution.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

import companion.exercises
from companion.exercises.check import Exercise

__all__ = ["CHECK", "FOLDED", "Asked", "asked_in", "exercises", "unfolded"]

CHECK = re.compile(r"exercises\.(\w+)\.(\w+)\((\w+)\)\s*")
FOLDED = re.compile(
    r"<details>\s*<summary>(?P<title>[^<]*)</summary>[ \t]*\n"
    r"(?P<text>.*?)</details>[ \t]*\n*",
    re.DOTALL,
)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@dataclass(frozen=True)
class Asked:
    """One exercise of a notebook; `check` is the index of its check cell."""

    name: str  # as in `exercises.<name>`
    function: str
    check: int
    statement: str
    stub: str
    hint: str
    solution: str


def exercises() -> dict[str, Exercise]:
    """Every exercise of the package by its name, such as "rnn.rnn_step"."""
    found = {}
    for info in pkgutil.iter_modules(companion.exercises.__path__):
        module = importlib.import_module(f"companion.exercises.{info.name}")
        for name in module.__all__:
            if isinstance(exercise := getattr(module, name), Exercise):
                found[f"{info.name}.{name}"] = exercise
    return found


def unfolded(source: str) -> str:
    """A Markdown cell without anything that is folded away in it."""
    return FOLDED.sub("", source).strip()


def asked_in(notebook: NotebookNode) -> Iterator[Asked]:
    """The exercises of a notebook of the course, in order."""
    cells = notebook.cells
    for index, cell in enumerate(cells):
        match = cell.cell_type == "code" and CHECK.fullmatch(cell.source)
        if not match:
            continue
        stub = max(i for i in range(index) if cells[i].cell_type == "code")
        before = cells[stub - 1] if stub else None
        # what is asked stands under the last heading, or below the folded parts of
        # the exercise before
        statement = unfolded(before.source) if before is not None else ""
        statement = re.split(r"^(?=#)", statement, flags=re.MULTILINE)[-1].strip()
        folded: dict[str, str] = {}
        for later in cells[index + 1 :]:
            if later.cell_type == "code":
                break
            for block in FOLDED.finditer(later.source):
                folded.setdefault(block["title"].strip(), block["text"].strip())
        code = CODE.search(folded.get("Solution", ""))
        yield Asked(
            name=f"{match[1]}.{match[2]}",
            function=match[3],
            check=index,
            statement=statement,
            stub=cells[stub].source,
            hint=folded.get("Hint", ""),
            solution=code[1].strip() if code else "",
        )
