"""The explorer: its picture, its caption, its widgets, and what it refuses."""

import base64
import io
import logging
import threading

import ipywidgets
import numpy as np
import pytest
from PIL import Image

from companion.explorer import Choice, Explorer, Slider, Text, Toggle
from companion.figures import style


def setup(fig, w, n, kind, grid, word):
    ax = fig.subplots()
    ax.set(xlim=(0, 10), ylim=(-2, 2), xlabel="step t", ylabel="value")
    (line,) = ax.plot([], [], **style.line("a"))
    title = ax.set_title("")
    return {"line": line, "rest": [title], "calls": []}


def update(artists, w, n, kind, grid, word):
    artists["calls"].append(w)
    if word == "boom":
        raise RuntimeError("the word was <boom>")
    values = w ** np.arange(n)
    artists["line"].set_data(np.arange(n), values)
    artists["rest"][0].set_text(f"{kind} {word}")
    return values


def describe(values, w, n, kind, grid, word):
    return f"The last value is {values[-1]:.2f}."


CONTROLS = {
    "w": Slider("weight w", -1, 0.5, 1, 0.05),
    "n": Slider("steps", 1, 3, 9, 1),
    "kind": Choice("cell", ["RNN", "GRU"], "GRU"),
    "grid": Toggle("grid"),
    "word": Text("word", "hi", max_length=10),
}


def make(**options):
    return Explorer(setup, update, describe, **{"controls": CONTROLS, **options})


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_starts_at_the_defaults():
    explorer = make()
    expected = {"w": 0.5, "n": 3, "kind": "GRU", "grid": False, "word": "hi"}
    assert explorer.values == expected
    assert explorer.result.tolist() == [1.0, 0.5, 0.25]
    caption = (
        "weight w = 0.50, steps = 3, cell = GRU, grid = off, "
        'word = "hi": The last value is 0.25.'
    )
    assert explorer.describe() == repr(explorer) == caption


def test_set_moves_everything():
    explorer = make()
    before = explorer.png()
    explorer.set(w=1, n=5)
    assert explorer.values["w"] == 1.0 and isinstance(explorer.values["w"], float)
    assert explorer.result.tolist() == [1.0] * 5
    assert explorer.describe().startswith("weight w = 1.00, steps = 5,")
    assert explorer.png() != before


def test_values_are_a_copy():
    explorer = make()
    explorer.values["w"] = 99
    assert explorer.values["w"] == 0.5


def test_blitting_draws_what_a_full_drawing_draws():
    explorer = make()
    for w in (-1.0, 0.3, 0.9):
        explorer.set(w=w, n=9, word=f"{w}")
        explorer.png()
    quick = pixels(explorer.png())
    fresh = make()
    fresh.set(w=0.9, n=9, word="0.9")
    np.testing.assert_array_equal(quick, pixels(fresh.png()))


def test_only_the_listed_artists_are_redrawn():
    explorer = make()
    explorer.png()
    drawn = []
    draw = explorer.fig.canvas.draw
    explorer.fig.canvas.draw = lambda: (drawn.append(1), draw())
    explorer.set(w=0.9)
    explorer.png()
    assert not drawn, "a change of listed artists redrew the whole figure"


def test_a_change_outside_the_listed_artists_is_drawn_too():
    def widen(artists, n):
        artists[0].axes.set_xlim(0, n)
        return n

    def plot(fig, n):
        return fig.subplots().plot([0, 1], [0, 1])

    def build():
        controls = {"n": Slider("n", 1, 2, 9, 1)}
        return Explorer(plot, widen, lambda r, n: f"To {r}.", controls=controls)

    explorer, fresh = build(), build()
    explorer.png()
    for one in (explorer, fresh):
        one.set(n=9)
    np.testing.assert_array_equal(pixels(explorer.png()), pixels(fresh.png()))


def test_sweep_returns_results_and_leaves_everything_as_it_was():
    explorer = make()
    explorer.widget  # noqa: B018  (sweeping must not depend on it)
    before = explorer.png()
    results = explorer.sweep("w", [0.0, 1])
    assert [r.tolist() for r in results] == [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]]
    assert explorer.values["w"] == 0.5
    assert explorer.png() == before


def test_sweep_checks_all_values_first():
    explorer = make()
    with pytest.raises(ValueError, match=r"w must lie in \[-1, 1\], got 2"):
        explorer.sweep("w", [0.0, 2])


@pytest.mark.parametrize(
    ("values", "error", "says"),
    [
        ({"v": 1}, ValueError, "unknown control 'v'"),
        ({"w": 1.5}, ValueError, r"w must lie in \[-1, 1\], got 1.5"),
        ({"w": float("nan")}, TypeError, "w must be a number, got nan"),
        ({"w": "0.5"}, TypeError, "w must be a number, got '0.5'"),
        ({"w": True}, TypeError, "w must be a number"),
        ({"n": 2.5}, ValueError, "n must be a whole number"),
        ({"kind": "LSTM"}, ValueError, "kind must be one of"),
        ({"grid": 1}, TypeError, "grid must be True or False"),
        ({"word": "elevenchars"}, ValueError, "word must have at most 10"),
        ({"word": 3}, TypeError, "word must be a string"),
        ({"n": 5, "w": 7}, ValueError, "w must lie"),
    ],
)
def test_refuses_bad_values_and_changes_nothing(values, error, says):
    explorer = make()
    before = explorer.values
    with pytest.raises(error, match=says):
        explorer.set(**values)
    assert explorer.values == before
    assert explorer.describe().endswith("The last value is 0.25.")


def test_numpy_numbers_are_numbers():
    explorer = make()
    explorer.set(w=np.float32(0.25), n=np.int64(2))
    assert explorer.values["n"] == 2 and type(explorer.values["n"]) is int
    assert explorer.result.tolist() == [1.0, 0.25]


def test_moving_a_widget_moves_the_picture_and_the_caption():
    explorer = make()
    explorer.widget  # noqa: B018  (builds the widgets)
    picture, caption = explorer._image.value, explorer._text.value
    explorer._inputs["w"].value = 0.9
    assert explorer.values["w"] == 0.9
    assert explorer._image.value != picture
    assert explorer._text.value != caption
    assert 'role="status"' in explorer._text.value
    assert "weight w = 0.90" in explorer._text.value


def test_set_moves_the_widgets_with_one_update():
    explorer = make()
    explorer.widget  # noqa: B018  (builds the widgets)
    calls = explorer._artists["calls"]
    calls.clear()
    explorer.set(w=0.9, n=7, kind="RNN", grid=True, word="ho")
    shown = {name: widget.value for name, widget in explorer._inputs.items()}
    assert shown == explorer.values
    assert calls == [0.9]


def test_widgets_are_core_widgets_with_labels():
    explorer = make()
    box = explorer.widget
    assert explorer.widget is box
    kinds = [type(widget) for widget in explorer._inputs.values()]
    assert kinds == [
        ipywidgets.FloatSlider,
        ipywidgets.IntSlider,
        ipywidgets.Dropdown,
        ipywidgets.Checkbox,
        ipywidgets.Text,
    ]
    labels = [widget.description for widget in explorer._inputs.values()]
    assert labels == [control.label for control in CONTROLS.values()]


def test_a_choice_can_be_a_slider():
    rates = Choice("rate", [0.001, 0.01, 0.1], 0.01, slider=True)
    explorer = Explorer(
        lambda fig, rate: fig.subplots().plot([0, 1], [0, 0]),
        lambda lines, rate: lines[0].set_ydata([0, rate]),
        lambda result, rate: "A line.",
        controls={"rate": rates},
        live=False,
    )
    explorer.widget  # noqa: B018  (builds the widgets)
    slider = explorer._inputs["rate"]
    assert isinstance(slider, ipywidgets.SelectionSlider)
    assert not slider.continuous_update
    slider.value = 0.1
    assert explorer.values == {"rate": 0.1}


def test_an_exception_is_shown_raised_and_survived():
    explorer = make()
    explorer.widget  # noqa: B018  (builds the widgets)
    with pytest.raises(RuntimeError, match="the word was <boom>"):
        explorer.set(word="boom")
    assert 'role="alert"' in explorer._text.value
    assert "RuntimeError: the word was &lt;boom&gt;" in explorer._text.value
    assert "RuntimeError: the word was <boom>" in explorer.describe()
    assert explorer.result is None
    explorer.set(word="ok")
    assert 'role="status"' in explorer._text.value
    assert explorer.result is not None


def test_an_exception_in_a_callback_is_shown_and_logged(caplog):
    explorer = make()
    explorer.widget  # noqa: B018  (builds the widgets)
    picture = explorer._image.value
    with caplog.at_level(logging.ERROR):
        explorer._inputs["word"].value = "boom"
    assert "the word was &lt;boom&gt;" in explorer._text.value
    assert "RuntimeError" in caplog.text
    assert explorer._image.value == picture
    explorer._inputs["word"].value = "a word that is too long"
    assert "word must have at most 10 characters" in explorer._text.value


def test_describe_must_say_something():
    with pytest.raises(TypeError, match="describe must return a sentence"):
        Explorer(setup, update, lambda values, **_: " ", controls=CONTROLS)


def test_shows_widget_picture_and_text():
    explorer = make()
    data, metadata = explorer._repr_mimebundle_()
    assert data["text/plain"] == explorer.describe()
    assert metadata["image/png"]["alt"] == explorer.describe()
    assert base64.b64decode(data["image/png"]) == explorer.png()
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"] == explorer.widget.model_id


def test_the_picture_is_opaque_rgb_of_the_promised_size():
    picture = Image.open(io.BytesIO(make(width=5, height=2).png()))
    assert picture.mode == "RGB"
    assert picture.size == (5 * style.DPI, 2 * style.DPI)
    assert picture.getpixel((1, 1)) == (255, 255, 255)


def test_two_threads_do_not_tear_the_picture():
    explorer = make()
    explorer.widget  # noqa: B018  (builds the widgets)
    failures = []

    def drive(w):
        try:
            for _ in range(15):
                explorer.set(w=w)
                explorer.png()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=drive, args=(w,)) for w in (0.2, 0.9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    fresh = make()
    fresh.set(w=explorer.values["w"])
    np.testing.assert_array_equal(pixels(explorer.png()), pixels(fresh.png()))


def test_a_readers_dark_style_leaves_the_picture_white():
    import matplotlib

    with matplotlib.rc_context({"text.color": "white", "axes.facecolor": "black"}):
        dark = make().png()
    assert dark == make().png()


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"controls": {}}, ValueError),
        ({"controls": {"w": (0, 1, 2, 1)}}, TypeError),
        ({"setup": None}, TypeError),
        ({"width": 0}, ValueError),
        ({"height": 21}, ValueError),
    ],
)
def test_refuses_bad_construction(arguments, error):
    good = {"setup": setup, "update": update, "describe": describe}
    with pytest.raises(error):
        Explorer(**{**good, "controls": CONTROLS, **arguments})


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (lambda: Slider("s", 1, 0, 2, 1), ValueError, "min <= default <= max"),
        (lambda: Slider("s", 1, 1, 1, 1), ValueError, "min < max"),
        (lambda: Slider("s", 0, 1, 2, 0), ValueError, "step of slider 's'"),
        (lambda: Slider("s", 0, 1, 2, 3), ValueError, "step of slider 's'"),
        (lambda: Slider("s", 0, 1, float("inf"), 1), TypeError, "max must be"),
        (lambda: Slider(" ", 0, 1, 2, 1), ValueError, "label is empty"),
        (lambda: Choice("c", ["one"]), ValueError, "two or more"),
        (lambda: Choice("c", [1, 1]), ValueError, "two or more"),
        (lambda: Choice("c", ["a", "b"], "z"), ValueError, "default of 'c'"),
        (lambda: Choice("c", "ab"), TypeError, "options must be a list"),
        (lambda: Toggle("t", 1), TypeError, "1"),
        (lambda: Text("t", "long", max_length=3), ValueError, "at most 3"),
    ],
)
def test_refuses_bad_controls(build, error, says):
    with pytest.raises(error, match=says):
        build()


def test_a_slider_shows_enough_decimals():
    assert Slider("s", 0, 1, 2, 1).read(1) == "1"
    assert Slider("s", 0, 0.5, 2, 0.25).read(0.5) == "0.50"
    assert Slider("s", 0.0, 1.0, 2.0, 1.0).read(1.0) == "1"
    assert Slider("s", 0, 0.1, 1, 0.05).corners() == (0.0, 0.1, 1.0)
    assert [type(v) for v in Slider("s", 0, 1, 2, 1).corners()] == [int] * 3
