"""Write class/: the notebooks without hints and solutions, and the answer key.

    python tools/make_class.py [FOLDER]

class/notebooks holds the course as it is, except that everything folded away in it is
gone. class/answers holds a notebook for each of them: every exercise with its
solution, which is run and checked now, and the mistakes the check knows by name.
"""

import argparse
import ast
import json
import re
import shutil
import sys
from pathlib import Path

import nbformat
from asked import FOLDED, Asked, asked_in, exercises, unfolded
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from needed import plain

from companion.exercises.check import Exercise, Result

__all__ = ["answers", "for_learners", "write"]

COURSE = Path(__file__).resolve().parent.parent
LETTER = """\
# For the teacher

`notebooks/` goes to the learners: the course without its hints and solutions. \
`answers/` stays with you: each exercise with a solution that was run and checked when \
this folder was written, and the mistakes its check knows by name. `make marks` reads \
or runs what comes back. `make class` writes this folder anew each time.

This takes the answers out of sight, no more. The check of an exercise compares with \
a right answer, so the installed package holds one (`companion/exercises/`), and the \
course's public pages show them all. Good for practice; for an examination, ask for \
something else.
"""


def for_learners(notebook: NotebookNode) -> NotebookNode:
    """A copy of a notebook without anything folded away; empty cells go too."""
    notebook = nbformat.from_dict(json.loads(json.dumps(notebook)))
    kept = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and FOLDED.search(cell.source):
            cell.source = unfolded(cell.source)
            if not cell.source:
                continue
        kept.append(cell)
    notebook.cells = kept
    return notebook


def answers(notebook: NotebookNode, known: dict[str, Exercise]) -> NotebookNode:
    """The answer key of a notebook; every solution is run and checked for it.

    Args:
        notebook: a notebook of the course.
        known: the exercises by name, as `asked.exercises` returns them.

    Raises:
        ValueError: an exercise has no solution, or one that does not pass.
    """
    cells = notebook.cells
    title = cells[0].source.split("\n")[0].removeprefix("# ")
    setup = next(cell for cell in cells if cell.cell_type == "code")
    key = [
        new_markdown_cell(f"# {title}: the answers", id="title"),
        new_code_cell(setup.source, id="setup", metadata=setup.metadata),
    ]
    names: dict[str, object] = {}
    exec(_imports(setup.source), names)
    for number, one in enumerate(asked_in(notebook), 1):
        exercise = known[one.name]
        result = _checked(one, exercise, names)
        output = new_output(
            "execute_result",
            {"text/plain": repr(result), "text/html": result._repr_html_()},
            execution_count=2 * number + 1,
        )
        check = cells[one.check]
        key += [
            new_markdown_cell(one.statement, id=f"statement-{number}"),
            new_code_cell(
                one.solution, id=f"solution-{number}", execution_count=2 * number
            ),
            new_code_cell(
                check.source,
                id=f"check-{number}",
                metadata=check.metadata,
                outputs=[output],
                execution_count=2 * number + 1,
            ),
            new_markdown_cell(_mistakes(one, exercise), id=f"mistakes-{number}"),
        ]
    folded = [
        block["text"].strip()
        for cell in cells
        if cell.cell_type == "markdown"
        for block in FOLDED.finditer(cell.source)
        if block["title"].strip() not in ("Hint", "Solution")
    ]
    for number, text in enumerate(folded, 1):
        answer = f"## Folded away in the text\n\n{text}"
        key.append(new_markdown_cell(answer, id=f"folded-{number}"))
    return new_notebook(cells=key, metadata=notebook.metadata)


def _imports(source: str) -> str:
    tree = ast.parse(plain(source))
    kept = [s for s in tree.body if isinstance(s, ast.Import | ast.ImportFrom)]
    return ast.unparse(ast.Module(kept, []))


def _checked(one: Asked, exercise: Exercise, names: dict[str, object]) -> Result:
    if not one.solution:
        raise ValueError(f"exercises.{one.name} has no folded solution")
    exec(one.solution, names)
    result = exercise(names[one.function])
    if result.status != "PASS":
        raise ValueError(
            f"the solution of exercises.{one.name} does not pass: {result}"
        )
    return result


def _mistakes(one: Asked, exercise: Exercise) -> str:
    rows = [
        f"| {_cell(mistake.name)} | {_cell(mistake.message)} |"
        for mistake in exercise.mistakes
    ]
    table = "\n".join(["| mistake | what the check says |", "| --- | --- |", *rows])
    hint = f"**The hint.** {one.hint}\n\n" if one.hint else ""
    return f"{hint}**{len(rows)} mistakes are known by name.**\n\n{table}"


def _cell(text: str) -> str:
    """Text as one cell of a table: nothing in it is markup or ends the cell."""
    return re.sub(r"([\\|*_<>$`\[\]])", r"\\\1", " ".join(text.split()))


def write(folder: Path) -> int:
    """Write both sets of notebooks into `folder`; returns the number of exercises.

    Raises:
        ValueError: as `answers`, or `folder` holds what this command did not write.
    """
    letter = folder / "README.md"
    ours = letter.is_file() and letter.read_text(encoding="utf-8") == LETTER
    if folder.exists() and any(folder.iterdir()) and not ours:
        raise ValueError(f"{folder} holds something else: name a new folder")
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("notebooks", "answers"):
        (folder / part).mkdir(parents=True)
    letter.write_text(LETTER, encoding="utf-8")
    known, count = exercises(), 0
    for path in sorted((COURSE / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        nbformat.write(for_learners(notebook), folder / "notebooks" / path.name)
        nbformat.write(answers(notebook, known), folder / "answers" / path.name)
        count += sum(1 for _ in asked_in(notebook))
    return count


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=COURSE / "class")
    folder = parser.parse_args(arguments).folder
    try:
        count = write(folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{folder.name}/notebooks for the learners, {folder.name}/answers for you:")
    print(f"exercises: {count}, and every solution was run and passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
