"""A picture with controls: the figure is drawn once, a change redraws what changed.

    Explorer(setup, update, describe, controls={"w": Slider("weight w", -1, 0, 1, 0.1)})

`setup(fig, **values)` draws everything once and returns the artists that will change;
`update(artists, **values)` gives them new data and returns the numbers behind the
picture; `describe(result, **values)` says in one sentence what is to be seen. That
sentence, headed by the values of the controls, is the caption on the page, the alt
text of the picture and the text of the output.

Only core ipywidgets, as they are in version 7.7 (Colab) and 8. This is the only module
that imports them.
"""

import html
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from numbers import Real

import ipywidgets

from companion.controls import Choice, Control, Slider, Text, Toggle
from companion.figures import style
from companion.figures.live import Live

__all__ = ["Choice", "Explorer", "Slider", "Text", "Toggle"]

_LOG = logging.getLogger(__name__)


class Explorer:
    """A figure and its controls, shown as the last line of a cell.

    Args:
        setup: `setup(fig, **values)` draws once and returns the artists that change:
            an artist, or lists, tuples and dicts of them. Anything else in there is
            passed on untouched.
        update: `update(artists, **values)` sets data only; what it returns is `result`.
        describe: `describe(result, **values)` returns one sentence, numbers rounded so
            that it reads the same on every machine.
        controls: name of the argument -> `Slider`, `Choice`, `Toggle` or `Text`.
        width, height: size of the figure in inches.
        live: whether a slider acts while it moves. Say False only if one update takes
            more than 150 ms.

    Raises:
        TypeError: a function cannot be called, or a control is none.
        ValueError: no controls, or a size out of range.
    """

    def __init__(
        self,
        setup: Callable,
        update: Callable,
        describe: Callable,
        *,
        controls: Mapping[str, Control],
        width: Real = 7.2,
        height: Real = 3.6,
        live: bool = True,
    ):
        for name, given in (
            ("setup", setup),
            ("update", update),
            ("describe", describe),
        ):
            if not callable(given):
                raise TypeError(f"{name} must be a function, got {given!r}")
        if not controls:
            raise ValueError("controls is empty: use figures.style.picture instead")
        for name, control in controls.items():
            if not isinstance(control, Control):
                raise TypeError(
                    f"control {name!r} must be a Slider, Choice, Toggle or Text, "
                    f"got {control!r}"
                )
        self.controls = dict(controls)
        self._update = update
        self._describe = describe
        self._live = live
        self._values = {name: control.default for name, control in controls.items()}
        self._inputs: dict[str, ipywidgets.Widget] = {}
        self._widget: ipywidgets.VBox | None = None
        self._syncing = False
        with style.drawing():
            self.fig = style.figure(width, height)
            self._artists = setup(self.fig, **self._values)
            self._apply(self._values)
            self._live_figure = Live(self.fig, self._artists)

    @property
    def values(self) -> dict[str, object]:
        """The value of each control, as a new dict."""
        return dict(self._values)

    @property
    def result(self) -> object:
        """What `update` returned for these values."""
        return self._result

    def set(self, **values: object) -> None:
        """Move controls; the picture, the caption and `result` follow.

        Raises:
            TypeError, ValueError: an unknown control or a value it does not allow;
                then nothing has changed. Whatever `update` or `describe` raises is
                shown in the caption and raised again.
        """
        checked = self._check(values)
        with style.drawing():
            self._syncing = True
            try:
                for name, value in checked.items():
                    if name in self._inputs:
                        self._inputs[name].value = value
            finally:
                self._syncing = False
            try:
                self._move(checked)
            except Exception as error:
                self._show_caption(error)
                raise

    def sweep(self, name: str, values: Iterable[object]) -> list[object]:
        """The result for each value of one control; the others stay, and all return.

        Raises:
            TypeError, ValueError: as `set`.
        """
        checked = [self._check({name: value}) for value in values]
        with style.drawing():
            try:
                return [
                    self._update(self._artists, **{**self._values, **one})
                    for one in checked
                ]
            finally:
                self._update(self._artists, **self._values)

    def describe(self) -> str:
        """The caption: each control with its value, then the sentence about them."""
        return self._caption

    def png(self) -> bytes:
        """The picture as PNG bytes."""
        return self._live_figure.png()

    @property
    def widget(self) -> ipywidgets.VBox:
        """The controls, the picture and the caption; made when first asked for."""
        with style.drawing():
            if self._widget is None:
                self._widget = self._build()
        return self._widget

    def __repr__(self) -> str:
        return self._caption

    def _repr_mimebundle_(self, include=None, exclude=None):
        data, metadata = style.bundle(self.png(), self._caption)
        data["application/vnd.jupyter.widget-view+json"] = {
            "version_major": 2,
            "version_minor": 0,
            "model_id": self.widget.model_id,
        }
        return data, metadata

    def _check(self, values: Mapping[str, object]) -> dict[str, object]:
        checked = {}
        for name, value in values.items():
            if name not in self.controls:
                raise ValueError(
                    f"unknown control {name!r}: there are {list(self.controls)}"
                )
            try:
                checked[name] = self.controls[name].check(value)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{name} {error}") from None
        return checked

    def _apply(self, values: dict[str, object]) -> None:
        """Take these values, whatever happens: they are what the controls show."""
        self._values = values
        self._result = None
        heading = ", ".join(
            f"{control.label} = {control.read(values[name])}"
            for name, control in self.controls.items()
        )
        try:
            self._result = self._update(self._artists, **values)
            sentence = self._describe(self._result, **values)
            if not isinstance(sentence, str) or not sentence.strip():
                raise TypeError(f"describe must return a sentence, got {sentence!r}")
        except Exception as error:
            self._caption = f"{heading}: {type(error).__name__}: {error}"
            raise
        self._caption = f"{heading}: {sentence}"

    def _move(self, checked: dict[str, object]) -> None:
        """Take new values and show what came of them, on the page too."""
        self._apply({**self._values, **checked})
        if self._widget is not None:
            self._image.value = self._frame()
            self._show_caption()

    def _on_change(self, name: str, change: Mapping) -> None:
        with style.drawing():
            if self._syncing:
                return
            try:
                self._move(self._check({name: change["new"]}))
            except Exception as error:
                # Nobody sees the traceback of a callback: the caption tells the
                # reader, and the log tells whoever wrote the explorer.
                self._show_caption(error)
                _LOG.exception("the explorer failed at %s = %r", name, change["new"])

    def _show_caption(self, error: Exception | None = None) -> None:
        if self._widget is None:
            return
        if error is None:
            self._text.value = f'<div role="status">{html.escape(self._caption)}</div>'
        else:
            said = html.escape(f"{type(error).__name__}: {error}")
            self._text.value = (
                f'<div role="alert"><b>This did not work.</b> {said}<br>'
                "The picture shows the last values that did.</div>"
            )

    def _frame(self) -> bytes:
        # quick rather than small: this PNG is looked at and thrown away
        return self._live_figure.png(level=1)

    def _build(self) -> ipywidgets.VBox:
        self._image = ipywidgets.Image(
            value=self._frame(),
            format="png",
            # as wide as it was drawn: stretched to the column it would blur
            layout=ipywidgets.Layout(
                width=f"{self.fig.bbox.width:.0f}px", max_width="100%"
            ),
        )
        self._text = ipywidgets.HTML(
            value=f'<div role="status">{html.escape(self._caption)}</div>'
        )
        for name, control in self.controls.items():
            self._inputs[name] = _input(control, self._values[name], self._live)
            self._inputs[name].observe(partial(self._on_change, name), names="value")
        rows = ipywidgets.Box(
            tuple(self._inputs.values()),
            layout=ipywidgets.Layout(flex_flow="row wrap"),
        )
        return ipywidgets.VBox((rows, self._image, self._text))


def _input(control: Control, value: object, live: bool) -> ipywidgets.Widget:
    """The widget of a control, showing `value`."""
    common = {
        "description": control.label,
        "value": value,
        "style": {"description_width": "initial"},
        "layout": ipywidgets.Layout(width="26em", max_width="100%"),
    }
    match control:
        case Slider():
            kind = ipywidgets.IntSlider if control.whole else ipywidgets.FloatSlider
            return kind(
                min=control.min,
                max=control.max,
                step=control.step,
                readout_format="d" if control.whole else f".{control.decimals}f",
                continuous_update=live,
                **common,
            )
        case Choice():
            if control.slider:
                return ipywidgets.SelectionSlider(
                    options=control.options, continuous_update=live, **common
                )
            return ipywidgets.Dropdown(options=control.options, **common)
        case Toggle():
            return ipywidgets.Checkbox(indent=False, **common)
        case Text():
            return ipywidgets.Text(continuous_update=live, **common)
