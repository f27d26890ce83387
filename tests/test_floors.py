"""The house stands: no module imports from a floor above its own.

The floors are those of the first table; an import counts wherever it stands in a
module, also inside a function.
"""

import ast
import pathlib
import subprocess
import sys

import pytest

import companion

ROOT = pathlib.Path(companion.__file__).parent
# a module of companion -> its floor; a package stands for all its modules
FLOORS = {
    "download": 0,
    "initial": 0,
    "intervals": 0,
    "progress": 0,
    "sound": 0,
    "validate": 0,
    "books": 1,
    "copies": 1,
    "cells": 1,
    "cliff": 1,
    "losses": 1,
    "ngrams": 1,
    "text": 1,
    "tasks": 2,
    "bptt": 2,  # the fast road is a part of unroll
    "convert": 2,
    "deep_cells": 2,
    "switched": 2,
    "linear_cells": 2,
    "parallel": 2,  # the other road of unroll
    "unroll": 3,
    "dynamics": 4,
    "layers": 4,
    "inside": 4,
    "frozen": 5,
    "gradients": 5,
    "nudges": 5,
    "models": 5,
    "paths": 5,
    "streaming": 5,
    "turning": 5,
    "sampling": 5,
    "ablations": 6,
    "microscope": 6,
    "feedback": 6,
    "sizes": 6,
    "language": 7,
    "inspector": 7,
    "training": 7,
    "comparing": 8,
    "epochs": 8,
    "stethoscope": 8,
    "towers": 8,
    "readers": 9,
    "units": 8,
    "exercises": 3,
    "arena": 9,
    "figures": 10,
    "controls": 11,
    "explorer": 12,
    "explorers": 13,
}
JAX_ONLY = {name for name, floor in FLOORS.items() if floor < 10}


def modules():
    return sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


def member(path):
    """The first name below companion: cells, figures, ..."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path):
    """Every module that a file imports, as dotted names."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide their floor"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
            assert "*" not in {alias.name for alias in node.names}, f"{path}: import *"
    return names


def companions(path):
    parts = [name.split(".") for name in imported(path)]
    return {name[1] for name in parts if name[0] == "companion" and len(name) > 1}


def tops(path):
    return {name.split(".")[0] for name in imported(path)}


files = pytest.mark.parametrize(
    "path", modules(), ids=lambda path: str(path.relative_to(ROOT))
)


@files
def test_every_module_has_a_floor(path):
    assert member(path) in FLOORS, f"give {member(path)} a floor in this test"


@files
def test_no_import_runs_up(path):
    mine = member(path)
    for other in companions(path) - {mine}:
        assert FLOORS[other] < FLOORS[mine], f"{mine} imports {other}, a floor above"


@files
def test_libraries_stay_on_their_floor(path):
    mine, used = member(path), tops(path)
    if mine in JAX_ONLY:
        assert not used & {"matplotlib", "ipywidgets", "IPython"}
    if mine != "explorer":
        assert "ipywidgets" not in used, "only companion.explorer makes widgets"
    assert "matplotlib.pyplot" not in imported(path), "pyplot keeps global figures"
    assert not any(name.startswith("matplotlib.pyplot") for name in imported(path))


def test_the_jax_floors_load_no_picture_library():
    names = sorted(
        ".".join(["companion", *p.relative_to(ROOT).with_suffix("").parts])
        for p in modules()
        if member(p) in JAX_ONLY and p.name != "__init__.py"
    )
    assert "companion.cells" in names
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        "print({'matplotlib', 'ipywidgets', 'IPython'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_the_reader_finds_what_all_promises():
    """`__all__` is stated in every module, and every name in it is there."""
    for path in modules():
        if path.name == "__init__.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        stated = [
            ast.literal_eval(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            and getattr(node.targets[0], "id", None) == "__all__"
        ]
        names = set()
        for node in tree.body:
            if isinstance(node, ast.Assign):
                names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                names |= {(a.asname or a.name).split(".")[0] for a in node.names}
            else:
                names.add(getattr(node, "name", None))
        assert len(stated) == 1, f"{path.name} has no __all__"
        assert set(stated[0]) <= names, f"{path.name}: {set(stated[0]) - names}"
