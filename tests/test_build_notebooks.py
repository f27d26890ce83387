"""The notebook builder: executes, strips, and finds what breaks a rule."""

import copy
import json

import build_notebooks
import nbformat
import notebook_rules
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SHOW = """\
class Shown:
    def _repr_mimebundle_(self, include=None, exclude=None):
        data = {
            "image/png": PNG,
            "text/plain": "A white dot.",
            "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
        }
        return data, {"image/png": {"alt": "A white dot."}}
"""
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4"
    "AAAAAElFTkSuQmCC"
)
PROSE = "Eight plain words of prose stand right here. " * 3


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small start page, built once."""
    path = tmp_path_factory.mktemp("notebooks") / "00_small.ipynb"
    cells = [
        new_markdown_cell("# Small\n\n[![Open in Colab](colab)](colab)\n" + PROSE * 5),
        new_code_cell("import os\nimport sys", metadata={"tags": ["setup"]}),
        new_markdown_cell(PROSE),
        new_code_cell(SHOW.replace("PNG", repr(PNG))),
        new_markdown_cell(PROSE),
        new_code_cell("Shown()"),
        new_code_cell("print(os.path.basename(os.getcwd()) != '')\nprint(1 + 1)"),
        new_markdown_cell(PROSE),
        new_code_cell("print(os.environ['JAX_PLATFORMS'])"),
        new_markdown_cell(PROSE),
    ]
    nbformat.write(new_notebook(cells=cells), path)
    assert build_notebooks.main([str(path)]) == 0
    return path


def test_a_built_notebook_has_outputs_and_nothing_that_needs_a_kernel(built):
    notebook = nbformat.read(built, as_version=4)
    shown, printed = notebook.cells[5].outputs[0], notebook.cells[6].outputs
    assert sorted(shown.data) == ["image/png", "text/plain"]
    assert shown.metadata["image/png"]["alt"] == "A white dot."
    assert [output.text for output in printed] == ["True\n2\n"]
    assert notebook.cells[8].outputs[0].text == "cpu\n"
    assert notebook.metadata == {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    assert all("execution" not in cell.metadata for cell in notebook.cells)


def test_building_twice_writes_nothing(built):
    before, written = built.read_bytes(), built.stat().st_mtime_ns
    assert build_notebooks.main([str(built)]) == 0
    assert built.read_bytes() == before
    assert built.stat().st_mtime_ns == written


def test_check_changes_nothing_and_sees_a_run_by_hand(built, tmp_path, capsys):
    notebook = nbformat.read(built, as_version=4)
    notebook.cells[1].metadata["execution"] = {"iopub.execute_input": "now"}
    copied = tmp_path / built.name
    nbformat.write(notebook, copied)
    before = copied.read_bytes()
    assert build_notebooks.main(["--check", str(copied)]) == 1
    assert copied.read_bytes() == before
    assert "run make notebooks" in capsys.readouterr().err
    assert build_notebooks.main(["--check", str(built)]) == 0


def test_a_cell_that_fails_leaves_the_file_alone(built, tmp_path, capsys):
    notebook = nbformat.read(built, as_version=4)
    notebook.cells[6].source = "raise ValueError('no such luck')"
    copied = tmp_path / built.name
    nbformat.write(notebook, copied)
    before = copied.read_bytes()
    assert build_notebooks.main([str(copied)]) == 1
    assert "no such luck" in capsys.readouterr().err
    assert copied.read_bytes() == before


def test_a_missing_file_is_said(tmp_path, capsys):
    assert build_notebooks.main([str(tmp_path / "none.ipynb")]) == 1
    assert "no such file" in capsys.readouterr().err


def stream(name, text):
    return {"output_type": "stream", "name": name, "text": text}


def error():
    return {"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}


# how to spoil the built notebook, given as a dict -> what the rules then say
SPOILED = {
    "bytes": (lambda n: n["cells"][0].update(source="# x" * 300_000), "kB are too"),
    "widgets": (lambda n: n["metadata"].update(widgets={}), "saved widget state"),
    "kernel": (lambda n: n["metadata"].pop("kernelspec"), "must be python3"),
    "ids": (lambda n: n["cells"][1].update(id=n["cells"][0]["id"]), "id of its own"),
    "title": (lambda n: n["cells"].pop(0), "begin with a markdown cell"),
    "badge": (lambda n: n["cells"][0].update(source="# Small"), "no Colab badge"),
    "setup tag": (lambda n: n["cells"][1]["metadata"].clear(), "tag setup"),
    "setup size": (
        lambda n: n["cells"][1].update(
            source="\n".join(f"import a{i}" for i in "123456789")
        ),
        "9 import lines",
    ),
    "setup statement": (
        lambda n: n["cells"][1].update(source="import os\nx = 1"),
        "imports and the Colab line only",
    ),
    "not executed": (
        lambda n: n["cells"][3].update(execution_count=None),
        "not executed from top to bottom",
    ),
    "no outputs": (
        lambda n: [c.update(outputs=[]) for c in n["cells"] if "outputs" in c],
        "outputs are not committed",
    ),
    "timing": (
        lambda n: n["cells"][3]["metadata"].update(execution={}),
        "holds execution times",
    ),
    "error": (lambda n: n["cells"][3]["outputs"].append(error()), "ends in an error"),
    "stderr": (
        lambda n: n["cells"][3]["outputs"].append(stream("stderr", "careful")),
        "writes to stderr: careful",
    ),
    "view": (
        lambda n: n["cells"][5]["outputs"][0]["data"].update(
            {notebook_rules.WIDGET_VIEW: {}}
        ),
        "holds a widget",
    ),
    "address": (
        lambda n: n["cells"][3]["outputs"].append(
            stream("stdout", "<f at 0x7f00ab12>")
        ),
        "changes from run to run",
    ),
    "alt": (
        lambda n: n["cells"][5]["outputs"][0]["metadata"].clear(),
        "picture without alt text",
    ),
    "markdown alt": (
        lambda n: n["cells"][2].update(source=PROSE + "![](a.png)"),
        "image without alt text",
    ),
    "tag": (lambda n: n["cells"][6]["metadata"].update(tags=["wip"]), "unknown tag"),
    "check tag": (
        lambda n: n["cells"][6].update(source="exercises.rnn.step(step)"),
        "needs nbval-ignore-output",
    ),
    "empty": (lambda n: n["cells"][6].update(source=""), "is empty"),
    "semicolon": (lambda n: n["cells"][6].update(source="1 + 1;"), "ends in ';'"),
    "long cell": (lambda n: n["cells"][6].update(source="1\n" * 26), "26 lines"),
    "median": (
        lambda n: [c.update(source="1\n" * 7) for c in n["cells"] if "outputs" in c],
        "7 lines in the median",
    ),
    "star": (
        lambda n: n["cells"][6].update(source="from os import *"),
        "star import",
    ),
    "details": (
        lambda n: n["cells"][2].update(
            source="<details><summary>Hint</summary>\ntext\n</details>"
        ),
        "blank line is missing after </summary>",
    ),
    "open details": (
        lambda n: n["cells"][2].update(source="<details>\n\ntext"),
        "<details> is not closed",
    ),
    "too few cells": (lambda n: n["cells"].__delitem__(slice(7, None)), "7 cells"),
    "too little prose": (
        lambda n: [
            c.update(source="# Hm\n[![Open in Colab](c)](c)")
            for c in n["cells"]
            if "outputs" not in c
        ],
        "words for",
    ),
    "no prose between": (
        lambda n: n["cells"].pop(7),
        "3 code cells without prose between",
    ),
    "no picture": (
        lambda n: n["cells"].extend(
            {**copy.deepcopy(n["cells"][2]), "id": f"more-{i}"} for i in range(9)
        ),
        "no picture between cell 6",
    ),
}


@pytest.mark.parametrize("spoil", SPOILED)
def test_each_rule_can_fail(spoil, built, tmp_path):
    change, says = SPOILED[spoil]
    notebook = json.loads(built.read_text(encoding="utf-8"))
    change(notebook)
    path = tmp_path / built.name
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert says in "\n".join(notebook_rules.problems(path))


def test_other_notebooks_need_their_closing_sections(built, tmp_path):
    path = tmp_path / "02_small.ipynb"
    path.write_bytes(built.read_bytes())
    said = "\n".join(notebook_rules.problems(path))
    assert "'What you can now say' is missing" in said
    assert "there should be 25 to 50" in said


def test_the_colab_line_may_stand_in_the_setup_cell(built, tmp_path):
    notebook = json.loads(built.read_text(encoding="utf-8"))
    notebook["cells"][1]["source"] = (
        "from importlib.util import find_spec\n\n"
        'if not find_spec("companion"):  # on Colab: install the course once\n'
        "    %pip install -q git+https://example.org/course\n\n"
        "import jax\n"
    )
    path = tmp_path / built.name
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert not [p for p in notebook_rules.problems(path) if "set-up" in p]
