"""Every notebook is in its committed state and still prints what it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import build_notebooks
import compiled
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
CELL_TIMEOUT = 240
NOTEBOOK_TIMEOUT = 600

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def compare(path: Path) -> subprocess.CompletedProcess:
    """Run a notebook and compare all its outputs with the committed ones.

    In a pytest of its own: there nbval's cells are the tests, and the warnings of the
    notebook machinery are not ours. XLA compiles with less care than for readers, whose
    settings the committed outputs come from, and those of `make test-colab`.
    """
    settings = {"JAX_PLATFORMS": "cpu", "TQDM_DISABLE": "1"}
    settings |= compiled.trimmed(os.environ)
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
    command += [f"--nbval-cell-timeout={CELL_TIMEOUT}", "--quiet", "--no-header"]
    command += ["-c", os.devnull, "--rootdir", str(path.parent)]
    command += ["-p", "no:cacheprovider", path.name]
    return subprocess.run(
        command,
        cwd=path.parent,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=NOTEBOOK_TIMEOUT,
    )


@each_notebook
def test_is_in_its_committed_state(path):
    found = build_notebooks.build(path, run=False)
    assert not found, "\n".join(found)


@each_notebook
def test_prints_what_is_committed(path):
    done = compare(path)
    said = re.sub(r"\x1b\[[0-9;]*m", "", f"{done.stdout}\n{done.stderr}")
    assert done.returncode == 0, said


@pytest.mark.parametrize(("committed", "status"), [("2\n", 0), ("3\n", 1)])
def test_the_comparison_can_fail(committed, status, tmp_path):
    cell = new_code_cell("print(1 + 1)", execution_count=1)
    cell.outputs = [new_output("stream", text=committed)]
    path = tmp_path / "sum.ipynb"
    nbformat.write(new_notebook(cells=[cell]), path)
    done = compare(path)
    assert done.returncode == status, done.stdout
