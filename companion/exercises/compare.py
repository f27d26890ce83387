"""Compares two answers and says in words where they differ."""

import numbers
from collections.abc import Mapping

import jax
import numpy as np

__all__ = ["difference", "has_ellipsis", "show"]


def difference(got: object, want: object, tolerance: float) -> str:
    """The first difference between two answers in words; empty if there is none.

    Numbers and arrays are equal if |got - want| <= tolerance * (1 + |want|), whatever
    their precision; nested lists of numbers stand for an array. Strings, dicts, tuples
    and lists of anything else are compared part by part.
    """
    if isinstance(want, str):
        if not isinstance(got, str):
            return f"expected a string, got {_kind(got)}."
        return "" if got == want else f"expected {show(want)}, got {show(got)}."
    if isinstance(want, Mapping):
        return _mapping_difference(got, want, tolerance)
    if isinstance(want, np.ndarray) and not _is_numeric(want):
        want, got = want.tolist(), got.tolist() if hasattr(got, "tolist") else got
    if not isinstance(want, tuple) and _is_numeric(want):
        return _array_difference(got, np.asarray(want), tolerance)
    if isinstance(want, list | tuple):
        if not isinstance(got, list | tuple):
            return f"expected {len(want)} values in a {_name(want)}, got {_kind(got)}."
        if len(got) != len(want):
            return f"expected {len(want)} values, got {len(got)}."
        for index, (one, other) in enumerate(zip(got, want, strict=True)):
            if said := difference(one, other, tolerance):
                return f"value {index + 1} is wrong: {said}"
        return ""
    return "" if got == want else f"expected {show(want)}, got {show(got)}."


def has_ellipsis(value: object) -> bool:
    """Whether a `...` is left somewhere in an answer."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = value.ravel().tolist()
    if isinstance(value, list | tuple):
        return any(has_ellipsis(inner) for inner in value)
    return value is ...


def show(value: object, limit: int = 400) -> str:
    """A value as short text: small arrays in full, large ones by their shape."""
    if isinstance(value, np.ndarray | jax.Array):
        array = np.asarray(value)
        text = np.array2string(
            array, precision=4, suppress_small=True, separator=", ", threshold=40
        )
        if array.size > 40:
            text = f"array of shape {array.shape}: {text}"
    elif isinstance(value, numbers.Real) and not isinstance(value, bool | int):
        text = f"{float(value):.6g}"
    elif isinstance(value, list | tuple):
        inner = ", ".join(show(one, limit) for one in value[:40])
        more = ", ..." if len(value) > 40 else ""
        text = f"[{inner}{more}]" if isinstance(value, list) else f"({inner}{more})"
    else:
        text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]} ..."


def _mapping_difference(got: object, want: Mapping, tolerance: float) -> str:
    if not isinstance(got, Mapping):
        return f"expected a dict, got {_kind(got)}."
    for key in want:
        if key not in got:
            return f"key {key!r} is missing."
    for key in got:
        if key not in want:
            return f"key {key!r} should not be there."
    for key, value in want.items():
        if said := difference(got[key], value, tolerance):
            return f"the value of {key!r} is wrong: {said}"
    return ""


def _array_difference(got: object, want: np.ndarray, tolerance: float) -> str:
    if not _is_numeric(got):
        wanted = "a number" if want.ndim == 0 else f"an array of shape {want.shape}"
        return f"expected {wanted}, got {_kind(got)}."
    array = np.asarray(got)
    if array.shape != want.shape:
        same_size = array.size == want.size
        hint = " The numbers may be right: look at the axes." if same_size else ""
        return f"expected shape {want.shape}, got shape {array.shape}.{hint}"
    if (array.dtype == bool) != (want.dtype == bool):
        return f"expected {_plural(want)}, got {_plural(array)}."
    if array.dtype == bool:
        wrong = array ^ want
    else:
        with np.errstate(invalid="ignore"):
            near = np.abs(array - want) <= tolerance * (1 + np.abs(want))
        wrong = ~((array == want) | (near & np.isfinite(want)))
    wrong &= ~(np.isnan(array) & np.isnan(want))
    if not wrong.any():
        return ""
    where = np.unravel_index(np.argmax(wrong), wrong.shape)
    got, right = (show(values[where].item()) for values in (array, want))
    if not want.ndim:
        return f"expected {right}, got {got}."
    place = f"at index {[int(i) for i in where]}"
    if got == "nan":
        return f"your answer holds nan, first {place}; expected {right}."
    return (
        f"{int(wrong.sum())} of {wrong.size} numbers are wrong, the first {place}: "
        f"expected {right}, got {got}."
    )


def _is_numeric(value: object) -> bool:
    """Whether a value is a number, an array of numbers or nested lists of them."""
    # a NamedTuple is several quantities, each with a name, and never one array
    if isinstance(value, numbers.Number | np.ndarray | np.generic | jax.Array):
        return np.asarray(value).dtype.kind in "biufc"
    if not isinstance(value, list | tuple) or hasattr(value, "_fields") or not value:
        return False
    if not all(_is_numeric(inner) for inner in value):
        return False
    return len({np.shape(inner) for inner in value}) == 1


def _name(value: object) -> str:
    return type(value).__name__


def _plural(array: np.ndarray) -> str:
    return "True or False" if array.dtype == bool else "numbers"


def _kind(value: object) -> str:
    article = "an" if _name(value)[0] in "aeiouAEIOU" else "a"
    return f"{article} {_name(value)}: {show(value, 80)}"
