"""How many units a layer may have for a given number of parameters."""

import functools
from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax

from companion import validate
from companion.cells import count_parameters
from companion.models import ManyToMany

__all__ = ["Size", "parameters_of", "size_for", "sized"]


class Size(NamedTuple):
    """Units, the parameters they cost, and how far off the wish that is, in percent."""

    n_a: int
    n_parameters: int
    percent_off: float


def size_for(
    make: Callable[[int], Any],
    n_parameters: Integral,
    n_x: Integral,
    *,
    n_y: Integral | None = None,
    within: Real = 10.0,
) -> Size:
    """The number of units whose parameter count comes nearest to `n_parameters`.

    make: n_a -> a layer; more units must cost more parameters. n_y: count the readout
    of n_y outputs too; None counts the layer alone. Raises ValueError if the nearest
    is more than `within` percent off.
    """
    wanted = validate.positive_int("n_parameters", n_parameters)
    n_x = validate.positive_int("n_x", n_x)

    @functools.cache
    def count(n_a: int) -> int:
        return parameters_of(make(n_a), n_x, n_y)

    high = 1
    while count(high) < wanted:
        high *= 2
    low = high // 2  # count(low) < wanted <= count(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < wanted else (low, middle)
    n_a = min([high, *([low] if low else [])], key=lambda n: abs(count(n) - wanted))
    off = 100 * (count(n_a) / wanted - 1)
    if abs(off) > within:
        raise ValueError(
            f"no n_a comes within {within:g}% of n_parameters={wanted}: the nearest, "
            f"n_a={n_a}, has {count(n_a)}, {off:+.0f}%"
        )
    return Size(n_a, count(n_a), off)


def sized(
    makes: Mapping[str, Callable[[int], Any]],
    n_parameters: Integral,
    n_x: Integral,
    **options,
) -> dict[str, Any]:
    """name -> the layer of nearly n_parameters; arguments as in `size_for`."""
    return {
        name: make(size_for(make, n_parameters, n_x, **options).n_a)
        for name, make in makes.items()
    }


def parameters_of(layer, n_x: int, n_y: int | None = None) -> int:
    """How many a layer, or with n_y a layer and its readout, has: without drawing."""
    model = layer if n_y is None else ManyToMany(layer, n_y)
    key = jax.random.key(0)
    return count_parameters(jax.eval_shape(lambda: model.init(key, n_x)))
