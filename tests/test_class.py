"""A class set: notebooks without answers, and the answers."""

import copy
from pathlib import Path

import asked
import make_class
import nbformat
import pytest
from asked import CHECK

PATHS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
KNOWN = asked.exercises()

each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def load(path):
    return nbformat.read(path, as_version=4)


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


@each_notebook
def test_a_learner_finds_no_answer_on_the_page(path):
    notebook = load(path)
    before = copy.deepcopy(notebook)
    page = make_class.for_learners(notebook)
    assert notebook == before
    text = "\n".join(cell.source for cell in page.cells)
    assert "<details>" not in text
    for one in asked.asked_in(notebook):
        assert one.solution not in text
        assert one.hint not in text
        # what is asked, where to write it and the check stay
        assert one.statement in text
        assert one.stub in code(page)
    assert code(page) == code(notebook)
    assert all(cell.source.strip() for cell in page.cells)
    nbformat.validate(page)


@each_notebook
def test_the_answer_key_is_marked(path):
    notebook = load(path)
    ones = list(asked.asked_in(notebook))
    key = make_class.answers(notebook, KNOWN)
    nbformat.validate(key)
    assert ones
    checks = [cell for cell in key.cells if CHECK.fullmatch(cell.source)]
    assert len(checks) == len(ones)
    for one, check in zip(ones, checks, strict=True):
        assert "PASS" in check.outputs[0].data["text/plain"]
        assert one.solution in code(key)
    text = "\n".join(cell.source for cell in key.cells).replace("\\", "")
    for one in ones:
        for mistake in KNOWN[one.name].mistakes:
            assert f"| {mistake.name} | " in text
            assert " ".join(mistake.message.split()) in text


def test_a_wrong_solution_is_not_handed_out():
    notebook = load(PATHS[0])
    (one,) = asked.asked_in(notebook)
    for cell in notebook.cells:
        cell.source = cell.source.replace("a = w * a + x", "a = w * a")
    with pytest.raises(ValueError, match=rf"solution of exercises\.{one.name}"):
        make_class.answers(notebook, KNOWN)


def test_what_is_folded_away_beside_exercises_is_in_the_key():
    notebook = load(PATHS[0])
    folded = "<details><summary>Answers</summary>\n\nIt was 42.\n\n</details>"
    notebook.cells.append(nbformat.v4.new_markdown_cell(folded))
    assert "42" in make_class.answers(notebook, KNOWN).cells[-1].source
    page = make_class.for_learners(notebook)
    assert not any("42." in cell.source for cell in page.cells[-1:])


def test_writes_both_sets_and_keeps_its_hands_off_other_folders(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(make_class, "COURSE", tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/00_start_here.ipynb").write_bytes(PATHS[0].read_bytes())
    folder = tmp_path / "class"
    for _ in range(2):  # the second time over the first
        assert make_class.main([str(folder)]) == 0
    assert "exercises: 1," in capsys.readouterr().out
    for part in ("notebooks", "answers"):
        assert [each.name for each in (folder / part).iterdir()] == [PATHS[0].name]
    letter = (folder / "README.md").read_text()
    assert "companion/exercises/" in letter  # where the answers can still be found
    assert make_class.main([str(tmp_path / "notebooks")]) == 1
    assert (tmp_path / "notebooks/00_start_here.ipynb").exists()
    assert "holds something else" in capsys.readouterr().err
