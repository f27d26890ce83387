"""Every explorer of the course, driven to the corners of its controls.

The explorers are found, not listed: every name in the `__all__` of every module of
`companion.explorers` is a function that needs no argument and returns one.
"""

import importlib
import inspect
import io
import itertools
import pkgutil

import numpy as np
import pytest
from PIL import Image

import companion.explorers
from companion.explorer import Explorer

MOST_COMBINATIONS = 32


def find():
    for info in pkgutil.iter_modules(companion.explorers.__path__):
        module = importlib.import_module(f"companion.explorers.{info.name}")
        for name in module.__all__:
            yield pytest.param(getattr(module, name), id=f"{info.name}.{name}")


@pytest.fixture(scope="module", params=list(find()))
def build(request):
    return request.param


@pytest.fixture(scope="module")
def used(build):
    """One explorer for all its tests, and where it began."""
    explorer = build()
    assert isinstance(explorer, Explorer)
    explorer.widget  # noqa: B018  (with the widgets there, as in a notebook)
    return explorer, explorer.values


@pytest.fixture
def explorer(used):
    explorer, defaults = used
    explorer.set(**defaults)
    return explorer


def look(explorer: Explorer) -> np.ndarray:
    """The picture on the page, after checking that it and its caption say something."""
    pixels = np.asarray(Image.open(io.BytesIO(explorer._image.value)))
    assert (pixels != pixels[0, 0]).any(), "the picture is blank"
    caption = explorer.describe()
    heading = ", ".join(
        f"{control.label} = {control.read(explorer.values[name])}"
        for name, control in explorer.controls.items()
    )
    assert caption.startswith(f"{heading}: ")
    sentence = caption.removeprefix(f"{heading}: ")
    assert 15 <= len(sentence) <= 400, f"the sentence should be one: {sentence!r}"
    assert sentence.rstrip().endswith((".", "!", "?")), sentence
    for word in ("nan", "inf", "None", "array(", "Traceback"):
        assert word not in sentence.replace("information", ""), sentence
    return pixels


def test_every_module_is_offered_by_the_package():
    found = {info.name for info in pkgutil.iter_modules(companion.explorers.__path__)}
    assert found == set(companion.explorers.__all__)


def test_is_a_plain_function_with_a_docstring(build):
    assert inspect.getdoc(build)
    required = [
        parameter
        for parameter in inspect.signature(build).parameters.values()
        if parameter.default is inspect.Parameter.empty
    ]
    assert not required


def test_every_control_to_each_of_its_corners(explorer):
    defaults = explorer.values
    start = look(explorer)
    for name, control in explorer.controls.items():
        changes = False
        for value in control.corners():
            explorer.set(**{name: value})
            changes |= not np.array_equal(look(explorer), start)
            assert explorer._inputs[name].value == value
        assert changes, f"the picture never shows what {control.label!r} does"
        explorer.set(**defaults)
    np.testing.assert_array_equal(
        look(explorer), start, "back at the defaults the picture is another one"
    )


def test_combinations_of_corners(explorer):
    ends = [
        (corners[0], corners[-1])
        for corners in (control.corners() for control in explorer.controls.values())
    ]
    combinations = list(itertools.product(*ends))
    # too many for a few seconds: a fixed sample of them
    if len(combinations) > MOST_COMBINATIONS:
        rng = np.random.default_rng(0)
        some = rng.choice(len(combinations), MOST_COMBINATIONS, replace=False)
        combinations = [combinations[i] for i in sorted(some)]
    for values in combinations:
        explorer.set(**dict(zip(explorer.controls, values, strict=True)))
        look(explorer)


def test_the_shown_picture_is_lean_and_the_same_every_time(build, explorer):
    png = explorer.png()
    assert len(png) < 60_000, f"{len(png)} bytes"
    assert build().png() == png
