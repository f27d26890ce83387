"""The ends of the ranges: lower bounds as constraints, Colab's versions, bare runs."""

import os
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import bare_notebooks
import bounds
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from packaging.requirements import Requirement

COURSE = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((COURSE / "pyproject.toml").read_text(encoding="utf-8"))
NEEDS = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
COLAB = bare_notebooks.pins((COURSE / "tools/colab.txt").read_text())

needs_make = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("make") is None,
    reason="make is not on this machine",
)


def test_every_lower_bound_is_a_constraint():
    lines = bounds.lowest(PROJECT["project"], ["test"])
    pinned = {need.name: need for need in map(Requirement, lines)}
    assert len(lines) == len(pinned)
    asked = {}
    for need in map(Requirement, NEEDS + EXTRAS["test"]):
        (only,) = pinned[need.name].specifier
        assert only.operator == "=="
        assert only.version in need.specifier
        own = str(need.specifier) == f">={only.version}"
        asked[need.name] = asked.get(need.name, False) or own
    assert asked == dict.fromkeys(pinned, True)


def test_an_extra_may_ask_for_more():
    project = {
        "dependencies": ["a>=9.2", "b>=1"],
        "optional-dependencies": {"x": ["a>=10", "b>=0.9"], "y": ["a>=9"]},
    }
    assert bounds.lowest(project, ["x", "y"]) == ["a==10", "b==1"]
    assert bounds.lowest(project, ["y"]) == ["a==9.2", "b==1"]


@pytest.mark.parametrize("extra", ["lab", "test"])
def test_jupyterlab_4_comes_with_the_widgets_it_shows(extra):
    """Version 7 of ipywidgets, which Colab has, stays blank there."""
    needs = bounds.lowest(PROJECT["project"], [extra])
    (widgets,) = [need for need in needs if need.startswith("ipywidgets==")]
    assert Requirement(widgets).specifier.contains("8.1")


@pytest.mark.parametrize(
    ("need", "line"),
    [
        ("a>=1", "a==1"),
        ("a.b-c >= 1.2.3", "a.b-c==1.2.3"),
        ("a[x,y]>=1.0", "a==1.0"),
        ("a>=1.0,<2", "a==1.0"),
        ("a>=1; sys_platform != 'linux'", "a==1; sys_platform != 'linux'"),
    ],
)
def test_one_lower_bound(need, line):
    (found,) = bounds.lowest({"dependencies": [need]}, [])
    assert found == line
    assert Requirement(found).name == Requirement(need).name


def test_what_has_no_lower_bound_is_refused():
    for need in ("a", "a<2", "a==1.0"):
        with pytest.raises(ValueError, match="no lower bound"):
            bounds.lowest({"dependencies": [need]}, [])
    with pytest.raises(ValueError, match="no extra 'tset'"):
        bounds.lowest(PROJECT["project"], ["tset"])


def test_colab_versions_are_within_the_bounds():
    for need in map(Requirement, NEEDS):
        if need.name in COLAB:
            assert COLAB[need.name] in need.specifier, need
    assert {"jax", "numpy", "matplotlib", "ipywidgets"} <= set(COLAB)


def test_a_version_that_is_not_there_is_named():
    installed = bare_notebooks.importlib.metadata.version("numpy")
    assert bare_notebooks.unlike({"numpy": installed}) == []
    wrong = {"numpy": "0.0.1", "no-such-package": "1"}
    assert bare_notebooks.unlike(wrong) == [
        f"numpy should be 0.0.1, there is {installed}",
        "no-such-package should be 1, there is nothing",
    ]
    with pytest.raises(ValueError, match="not a plain name"):
        bare_notebooks.pins("numpy>=1\n")


@pytest.mark.parametrize(("committed", "status"), [("[]\n", 0), ("['x']\n", 1)])
def test_a_notebook_is_alone_in_its_folder(committed, status, tmp_path):
    (tmp_path / "neighbour.py").touch()
    cell = new_code_cell(
        "import os\nprint([f for f in os.listdir() if f != 'alone.ipynb'])",
        execution_count=1,
        outputs=[new_output("stream", text=committed)],
    )
    path = tmp_path / "alone.ipynb"
    nbformat.write(new_notebook(cells=[cell]), path)
    done = bare_notebooks.run_alone(path)
    assert done.returncode == status, done.stdout


def test_an_editable_course_is_refused(capsys):
    # the environment of these tests has one
    assert bare_notebooks.main(["no-such.ipynb"]) == 2
    said = capsys.readouterr().err
    assert "must be installed as a copy" in said
    assert "no no-such.ipynb" in said


@needs_make
@pytest.mark.parametrize(
    ("target", "version"),
    [("test-colab", "3.13"), ("test-oldest", "3.11"), ("test-newest", "3.13")],
)
def test_a_missing_interpreter_gets_one_line(target, version, tmp_path):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(COURSE / name, tmp_path)
    for name in ("companion", "lab", "tools"):
        (tmp_path / name).mkdir()
    for name in ("lab/overrides.json", "tools/colab.txt"):
        shutil.copy(COURSE / name, tmp_path / name)
    # a path with the usual tools and a Python that is not the one wanted
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "bash", "find", "make", "rm", "touch", "grep", "tail"):
        (tools / name).symlink_to(shutil.which(name))
    other = tools / "python3"
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(other.stat().st_mode | stat.S_IXUSR)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "MAKE"))}
    result = subprocess.run(
        ["make", target],
        cwd=tmp_path,
        env=kept | {"PATH": str(tools), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode != 0
    lines = result.stderr.splitlines()
    (line,) = [line for line in lines if not line.startswith("make")]
    assert line.startswith(f"python{version} was not found")
    assert f"make {target} PYTHON=" in line
