"""Bring notebooks into the state they are committed in: execute, strip, check.

    python tools/build_notebooks.py [--check] [NOTEBOOK ...]

Without names: every notebook in notebooks/. A notebook is executed from top to bottom
in a fresh kernel on the CPU, with its own folder as the working directory; what only
a running kernel can show, and what differs from run to run, is removed; the rules are
checked; the file is written if anything in it changed. --check executes and writes
nothing.
"""

import argparse
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from notebook_rules import WIDGET_VIEW, problems

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CELL_TIMEOUT = 300  # seconds
KEPT_CELL_METADATA = {"tags", "jupyter"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in a fresh kernel and take its outputs.

    Raises:
        CellExecutionError: a cell raised an exception.
    """
    # a progress bar would differ from run to run
    environ = {"JAX_PLATFORMS": "cpu", "TQDM_DISABLE": "1", **os.environ}
    NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        store_widget_state=False,
        coalesce_streams=True,
        record_timing=False,
    ).execute(env=environ)


def strip(notebook: NotebookNode) -> None:
    """Remove what needs a running kernel and what differs from run to run."""
    notebook.metadata = NotebookNode(
        kernelspec=NotebookNode(KERNEL), language_info=NotebookNode(name="python")
    )
    for cell in notebook.cells:
        for key in set(cell.metadata) - KEPT_CELL_METADATA:
            del cell.metadata[key]
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" in data:
                data.pop(WIDGET_VIEW, None)
                data["image/png"] = data["image/png"].replace("\n", "")


def build(path: Path, run: bool = True) -> list[str]:
    """Build one notebook, or with `run=False` only check it; returns its problems."""
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    if run:
        execute(notebook, path.parent)
    strip(notebook)
    after = text_of(notebook)
    if after == before:
        return problems(path)
    if run:
        path.write_text(after, encoding="utf-8")
        return problems(path)
    return ["it holds what is not committed: run make notebooks", *problems(path)]


def text_of(notebook: NotebookNode) -> str:
    """The notebook as the text of its file."""
    return nbformat.writes(notebook).rstrip("\n") + "\n"


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    paths = options.notebooks or sorted(NOTEBOOKS.glob("*.ipynb"))
    failed = False
    for path in paths:
        try:
            found = build(path.resolve(), run=not options.check)
        except CellExecutionError as error:
            found = [f"a cell failed:\n{error}"]
        except FileNotFoundError:
            found = ["there is no such file"]
        for problem in found:
            print(f"{path.name}: {problem}", file=sys.stderr)
        failed |= bool(found)
        if not found:
            print(f"{path.name}: {path.stat().st_size // 1000} kB, as it should be")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
