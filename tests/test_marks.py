"""Marking: what a teacher is told about right, wrong, empty and broken notebooks."""

import shutil
import time
from pathlib import Path

import mark
import nbformat
import pytest

NAME = "02_rnn_forward"
COURSE = Path(__file__).resolve().parent.parent
WHOLE = mark.course()
ASKED = {one.function: one for one in WHOLE[NAME]}


def finished(folder, file=f"{NAME}.ipynb", **written):
    """A learner's copy: the page, with these cells in place of the stubs."""
    notebook = nbformat.read(COURSE / "notebooks" / f"{NAME}.ipynb", as_version=4)
    for function, source in written.items():
        (stub,) = [c for c in notebook.cells if c.source == ASKED[function].stub]
        if source is None:
            notebook.cells.remove(stub)
        else:
            stub.source = source
    path = folder / file
    nbformat.write(notebook, path)
    return path


def verdicts(path, **options):
    marks = mark.mark(path, WHOLE, **options)
    return {each.exercise.split(".")[-1]: each.verdict for each in marks}


def test_right_wrong_and_untried(tmp_path):
    start_ignored = (
        "def rnn_unroll(W_a, b_a, a, xs):\n"
        "    states, a = [], 0 * a\n"
        "    for x in xs:\n"
        "        a = rnn_step(W_a, b_a, a, x)\n"
        "        states.append(a)\n"
        "    print('my own words')\n"
        "    return np.stack(states)\n"
    )
    right = f"# mine\n{ASKED['rnn_step'].solution}"
    path = finished(tmp_path, rnn_step=right, rnn_unroll=start_ignored)
    assert verdicts(path, run=True) == {
        "rnn_step": "passed",
        "rnn_unroll": "mistake: start ignored",
        "output_layer": "not tried",
    }
    # saved before it was run again: the committed check cells say so
    assert set(verdicts(path).values()) == {"not tried"}


def test_one_bad_exercise_does_not_take_the_others_along(tmp_path):
    path = finished(
        tmp_path,
        rnn_step="def rnn_step(W_a, b_a, a, x):\n    while True:\n        pass\n",
        rnn_unroll="import os\n\ndef rnn_unroll(W_a, b_a, a, xs):\n    os._exit(3)\n",
        output_layer=ASKED["output_layer"].solution,
    )
    start = time.monotonic()
    assert verdicts(path, run=True, seconds=2) == {
        "rnn_step": "no answer after 2 seconds",
        "rnn_unroll": "crashed",
        "output_layer": "passed",
    }
    assert time.monotonic() - start < 100


def test_broken_cells_and_missing_cells(tmp_path):
    path = finished(
        tmp_path,
        rnn_step="def rnn_step(W_a, b_a, a, x)\n    return a\n",
        rnn_unroll=None,
        output_layer="output_layer = undefined_name\n",
    )
    found = verdicts(path, run=True)
    assert found["rnn_step"].startswith("broken: SyntaxError")
    assert found["rnn_unroll"] == "not tried"
    assert found["output_layer"].startswith("broken: NameError")


def again(path, function):
    notebook = nbformat.read(path, as_version=4)
    return mark.again(notebook, ASKED[function])


def test_only_what_an_exercise_needs_is_run(tmp_path):
    path = finished(tmp_path, rnn_step=ASKED["rnn_step"].solution)
    notebook = nbformat.read(path, as_version=4)
    # anything else on the page may fail, or take an hour
    notebook.cells.insert(2, nbformat.v4.new_code_cell("raise SystemExit('ran')"))
    notebook.cells.insert(3, nbformat.v4.new_code_cell("this is no Python"))
    nbformat.write(notebook, path)
    assert again(path, "rnn_step") == "passed"


def test_a_function_written_elsewhere_and_a_check_that_is_gone(tmp_path):
    path = finished(tmp_path, rnn_step=None)
    notebook = nbformat.read(path, as_version=4)
    checks = [c for c in notebook.cells if c.source.startswith("exercises.")]
    for cell in checks:
        notebook.cells.remove(cell)
    body = ASKED["rnn_step"].solution.replace("np.", "numpy.")
    cell = nbformat.v4.new_code_cell(f"import numpy\n{body}")
    notebook.cells.append(cell)
    nbformat.write(notebook, path)
    assert again(path, "rnn_step") == "passed"
    assert again(path, "output_layer") == "not tried"
    assert verdicts(path)["rnn_step"] == "no verdict saved"


def test_reads_what_the_checks_said(tmp_path):
    path = finished(tmp_path)
    notebook = nbformat.read(path, as_version=4)
    exercise = mark.exercises()["rnn.rnn_step"]
    wrong = exercise.mistakes[0]
    for result, said in (
        (exercise(exercise.solution), "passed"),
        (exercise(wrong.wrong), f"mistake: {wrong.name}"),
        (exercise(lambda W_a, b_a, a, x: 7), "wrong: "),
        (exercise(None), "not tried"),
    ):
        for cell in notebook.cells:
            if cell.source.startswith("exercises.rnn.rnn_step("):
                cell.outputs[0].data["text/plain"] = repr(result)
        assert mark.read(notebook, ASKED["rnn_step"]).startswith(said)


def test_knows_a_renamed_notebook_and_refuses_others(tmp_path):
    path = finished(tmp_path, "homework of Ada.ipynb")
    assert list(verdicts(path)) == list(ASKED)
    other = tmp_path / "shopping.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), other)
    (one,) = mark.mark(other, WHOLE)
    assert one.verdict == "holds no exercise of the course"
    other.write_text("{ not a notebook")
    (one,) = mark.mark(other, WHOLE)
    assert one.verdict.startswith("cannot be read")


def test_the_command_prints_a_table(tmp_path, capsys):
    for name in ("ada", "bo"):
        (tmp_path / name).mkdir()
        finished(tmp_path / name)
    hidden = tmp_path / "bo/.ipynb_checkpoints"
    shutil.copytree(tmp_path / "ada", hidden)
    sheet = tmp_path / "marks.csv"
    assert mark.main([str(tmp_path), "--csv", str(sheet)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("As the notebooks were saved")
    assert f"ada/{NAME}.ipynb: 0 of 3 passed" in said
    assert "all 2 files" in said
    assert "One step" in said
    assert len(sheet.read_text().splitlines()) == 1 + 2 * 3
    assert mark.main([str(tmp_path / "nobody.ipynb")]) == 2
    (tmp_path / "empty").mkdir()
    assert mark.main([str(tmp_path / "empty")]) == 2


def test_running_is_asked_for_and_announced(capsys):
    with pytest.raises(SystemExit):
        mark.main(["--help"])
    help_text = capsys.readouterr().out
    assert "RUNS THE LEARNERS' CODE ON THIS MACHINE" in help_text
    assert "container" in help_text
