"""The look of the pictures, and every picture of the course drawn once."""

import base64
import importlib
import inspect
import io
import pkgutil

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

import companion.figures
from companion.figures import style


@style.picture(height=2)
def identity(fig: Figure, n: int = 5) -> str:
    """A line."""
    fig.subplots().plot(range(n), range(n), **style.line("a"))
    return f"A straight line over {n} points."


def find():
    for info in pkgutil.iter_modules(companion.figures.__path__):
        module = importlib.import_module(f"companion.figures.{info.name}")
        for name in module.__all__:
            drawn = getattr(module, name)
            if not inspect.isfunction(drawn):
                continue
            if inspect.signature(drawn).return_annotation is style.Picture:
                yield pytest.param(drawn, id=f"{info.name}.{name}")


@pytest.mark.parametrize("draw", list(find()))
def test_every_picture_of_the_course(draw):
    assert inspect.getdoc(draw)
    shown = draw()
    assert len(shown.alt.split()) >= 5, shown.alt
    for word in ("nan", " inf", "None", "array("):
        assert word not in shown.alt
    png = shown.png()
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    assert pixels.shape[1] <= 1000, "wider than the page"
    assert (pixels != pixels[0, 0]).any(), "the picture is blank"
    assert len(png) < 90_000, f"{len(png)} bytes"
    assert draw().png() == png, "drawn twice, it differs"


def test_every_module_is_offered_by_the_package():
    found = {info.name for info in pkgutil.iter_modules(companion.figures.__path__)}
    assert found == set(companion.figures.__all__)


def test_a_picture_shows_itself_with_its_alt_text():
    shown = identity(3)
    assert shown.alt == repr(shown) == "A straight line over 3 points."
    data, metadata = shown._repr_mimebundle_()
    assert data["text/plain"] == shown.alt
    assert metadata["image/png"]["alt"] == shown.alt
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert picture.mode == "RGB"
    assert picture.size == (round(7.2 * style.DPI), 2 * style.DPI)
    assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_the_caller_does_not_pass_the_figure():
    assert list(inspect.signature(identity).parameters) == ["n"]
    assert identity.__doc__ == "A line."


def test_a_readers_settings_come_back_and_do_not_get_in():
    plain = identity().png()
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        assert identity().png() == plain
        assert matplotlib.rcParams["font.size"] == 30


@pytest.mark.parametrize(
    ("alt", "error"), [("", ValueError), ("  ", ValueError), (None, TypeError)]
)
def test_alt_text_is_required(alt, error):
    with pytest.raises(error):
        style.Picture(style.figure(), alt)

    @style.picture
    def silent(fig):
        return alt

    with pytest.raises(error):
        silent()


def test_refuses_what_is_no_figure():
    with pytest.raises(TypeError):
        style.Picture("figure", "alt text")


def test_every_argument_needs_a_default():
    with pytest.raises(TypeError, match="n needs a default"):

        @style.picture
        def needy(fig, n):
            return "text"

    with pytest.raises(TypeError, match="first argument must be fig"):

        @style.picture
        def headless(n=3):
            return "text"


@pytest.mark.parametrize("size", [{"width": 0}, {"height": 30}])
def test_refuses_strange_sizes(size):
    with pytest.raises(ValueError, match="inches"):
        style.figure(**size)


def test_the_layout_is_made_once():
    fig = style.figure()
    fig.subplots()
    style.settle(fig)
    assert fig.get_layout_engine() is None or not fig.get_constrained_layout()
    style.settle(fig)


def test_each_quantity_has_a_look_of_its_own():
    assert set(style.COLORS) == set(style.LINES)
    looks = {(style.COLORS[q], str(style.LINES[q])) for q in style.COLORS}
    assert len(looks) == len(style.COLORS)
    # told apart without colour as well: the lines drawn together in one cell
    gates = ["gamma_u", "gamma_f", "gamma_o", "gamma_r", "c", "c_tilde"]
    assert len({str(style.LINES[q]) for q in gates}) == len(gates)


@pytest.mark.parametrize("quantity", [q for q in style.COLORS if q != "best"])
def test_colours_stand_out_from_the_white_face(quantity):
    channels = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
        for c in to_rgb(style.COLORS[quantity])
    ]
    luminance = np.dot((0.2126, 0.7152, 0.0722), channels)
    assert 1.05 / (luminance + 0.05) > 2, "contrast against white"


def test_symbols():
    assert style.math("a") == r"$a^{\langle t\rangle}$"
    assert style.math("gamma_u", 3) == r"$\Gamma_u^{\langle 3\rangle}$"
    assert style.math("c_tilde", None) == r"$\tilde{c}$"


@pytest.mark.parametrize("function", [style.line, style.math])
def test_unknown_quantities_are_refused(function):
    with pytest.raises(ValueError, match="quantity must be one of"):
        function("h")


def test_drawing_inside_of_drawing_keeps_the_settings_until_the_end():
    with matplotlib.rc_context({"font.size": 7}):
        with style.drawing():
            with pytest.raises(ZeroDivisionError), style.drawing():
                raise ZeroDivisionError
            assert matplotlib.rcParams["font.size"] == 10
        assert matplotlib.rcParams["font.size"] == 7
        with style.drawing():
            assert matplotlib.rcParams["font.size"] == 10
