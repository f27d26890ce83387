"""What a reader can turn in an explorer: each control declared once, as plain data.

A control checks a value, says how it reads, and knows its corners: the values a test
drives it to. How it looks on screen is the business of `companion.explorer`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real

__all__ = ["Choice", "Control", "Slider", "Text", "Toggle"]


@dataclass(frozen=True)
class Slider:
    """A number between `min` and `max` in steps of `step`.

    Four whole numbers make a slider of whole numbers; otherwise values are floats.

    Raises:
        TypeError: a bound is not a number.
        ValueError: the order min <= default <= max or step > 0 does not hold.
    """

    label: str
    min: Real
    default: Real
    max: Real
    step: Real

    def __post_init__(self):
        _check_label(self.label)
        for name in ("min", "default", "max", "step"):
            if not _is_number(getattr(self, name)):
                raise TypeError(f"{name} must be a number, got {getattr(self, name)!r}")
        if not self.min <= self.default <= self.max or self.min == self.max:
            raise ValueError(
                f"slider {self.label!r} needs min <= default <= max and min < max, "
                f"got min {self.min}, default {self.default}, max {self.max}"
            )
        if not 0 < self.step <= self.max - self.min:
            raise ValueError(
                f"step of slider {self.label!r} must lie in "
                f"(0, {self.max - self.min}], got {self.step}"
            )

    @property
    def whole(self) -> bool:
        """Whether the slider runs over whole numbers."""
        bounds = (self.min, self.default, self.max, self.step)
        return all(isinstance(bound, Integral) for bound in bounds)

    @property
    def decimals(self) -> int:
        """How many decimals a value shows: enough to tell two steps apart."""
        if self.whole:
            return 0
        return next(
            (d for d in range(9) if math.isclose(round(self.step, d), self.step)), 9
        )

    def check(self, value: object) -> int | float:
        """The value as an int or a float; an error if it is not allowed."""
        if not _is_number(value):
            raise TypeError(f"must be a number, got {value!r}")
        if not self.min <= value <= self.max:
            raise ValueError(f"must lie in [{self.min}, {self.max}], got {value}")
        if not self.whole:
            return float(value)
        if value != int(value):
            raise ValueError(f"must be a whole number, got {value}")
        return int(value)

    def read(self, value: Real) -> str:
        """The value as the caption shows it."""
        return f"{value:.{self.decimals}f}"

    def corners(self) -> tuple[int | float, ...]:
        """Smallest, default and largest value."""
        return self.check(self.min), self.check(self.default), self.check(self.max)


@dataclass(frozen=True)
class Choice:
    """One of a few options: a drop-down list, or with `slider=True` a slider over them.

    Raises:
        TypeError: an option is not a string or a number.
        ValueError: fewer than two options, a repeated one, or an unknown default.
    """

    label: str
    options: Sequence[str | Real]
    default: str | Real | None = None
    slider: bool = field(default=False, kw_only=True)

    def __post_init__(self):
        _check_label(self.label)
        if isinstance(self.options, str):
            raise TypeError(f"options must be a list, got the string {self.options!r}")
        object.__setattr__(self, "options", tuple(self.options))
        for option in self.options:
            if not (isinstance(option, str) or _is_number(option)):
                raise TypeError(f"an option must be a string or number: {option!r}")
        if len(self.options) < 2 or len(set(self.options)) != len(self.options):
            raise ValueError(
                f"choice {self.label!r} needs two or more different options, "
                f"got {list(self.options)}"
            )
        if self.default is None:
            object.__setattr__(self, "default", self.options[0])
        if self.default not in self.options:
            raise ValueError(
                f"default of {self.label!r} must be one of {list(self.options)}, "
                f"got {self.default!r}"
            )

    def check(self, value: object) -> str | Real:
        """The option equal to `value`; `ValueError` if there is none."""
        for option in self.options:
            if isinstance(option, str) == isinstance(value, str) and option == value:
                return option
        raise ValueError(f"must be one of {list(self.options)}, got {value!r}")

    def read(self, value: str | Real) -> str:
        """The value as the caption shows it."""
        return str(value)

    def corners(self) -> tuple[str | Real, ...]:
        """Every option: none of them lies between two others."""
        return self.options


@dataclass(frozen=True)
class Toggle:
    """On or off."""

    label: str
    default: bool = False

    def __post_init__(self):
        _check_label(self.label)
        self.check(self.default)

    def check(self, value: object) -> bool:
        """The value; `TypeError` if it is not a bool."""
        if not isinstance(value, bool):
            raise TypeError(f"must be True or False, got {value!r}")
        return value

    def read(self, value: bool) -> str:
        """The value as the caption shows it."""
        return "on" if value else "off"

    def corners(self) -> tuple[bool, ...]:
        """Off and on."""
        return False, True


@dataclass(frozen=True)
class Text:
    """A line the reader types, at most `max_length` characters long."""

    label: str
    default: str
    max_length: int = 60

    def __post_init__(self):
        _check_label(self.label)
        self.check(self.default)

    def check(self, value: object) -> str:
        """The value; `TypeError` if it is no string, `ValueError` if it is too long."""
        if not isinstance(value, str):
            raise TypeError(f"must be a string, got {value!r}")
        if len(value) > self.max_length:
            raise ValueError(
                f"must have at most {self.max_length} characters, got {len(value)}"
            )
        return value

    def read(self, value: str) -> str:
        """The value as the caption shows it."""
        return f'"{value}"'

    def corners(self) -> tuple[str, ...]:
        """Nothing at all, the default, and a long line with letters beyond ASCII."""
        long = "Ünïcödé 123, " * self.max_length
        return "", self.default, long[: self.max_length]


Control = Slider | Choice | Toggle | Text


def _is_number(value: object) -> bool:
    return (
        isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    )


def _check_label(label: object) -> None:
    if not isinstance(label, str):
        raise TypeError(f"label must be a string, got {label!r}")
    if not label.strip():
        raise ValueError("label is empty: it is the name a reader hears and sees")
