"""What comes in at a public edge, compared with what was expected.

Every error names the argument, what came and what was expected. Shapes are known while
JAX traces, so these checks cost nothing in a compiled function; values (token ids,
lengths) can only be compared where they are concrete, outside jit.
"""

import math
import operator

import jax
import jax.numpy as jnp
import numpy as np

__all__ = [
    "Given",
    "as_input",
    "as_number",
    "batch_axes",
    "features",
    "float_dtype",
    "instance",
    "leading_axes",
    "lengths",
    "one_of",
    "params",
    "positive_int",
    "shaped",
    "sizes",
    "state",
    "tokens_in_range",
]

Given = jax.Array | np.ndarray  # an array as a caller may hand it in


def positive_int(name, value):
    """value as an int >= 1."""
    if isinstance(value, bool):
        raise TypeError(f"{name} must be an integer, got {value!r}")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {value!r}") from None
    if number < 1:
        raise ValueError(f"{name} must be at least 1, got {number}")
    return number


def sizes(name, value):
    """value as a tuple of integers >= 1; it may be empty."""
    if not isinstance(value, tuple | list):
        raise TypeError(f"{name} must be a tuple of sizes such as (64,), got {value!r}")
    return tuple(positive_int(f"{name}[{i}]", n) for i, n in enumerate(value))


def as_number(name, value):
    """value as a finite float."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value}")
    return float(value)


def float_dtype(dtype):
    """A dtype of floats; None stands for JAX's default."""
    if dtype is None:
        return jnp.zeros(()).dtype
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"dtype must be one of floats, got {dtype!r}")
    return jnp.zeros((), dtype).dtype


def instance(name, value, expected):
    """value, which must be an instance of a class (or of one of a tuple of them)."""
    if not isinstance(value, expected):
        kinds = expected if isinstance(expected, tuple) else (expected,)
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{name} must be {names}, got {type(value).__name__}")
    return value


def one_of(name, value, allowed):
    """value, which must be one of those allowed."""
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name} must be {choices}, got {value!r}")
    return value


def batch_axes(batch):
    """A batch size or a tuple of them, as a tuple."""
    axes = batch if isinstance(batch, tuple) else (batch,)
    return tuple(positive_int("batch", axis) for axis in axes)


KINDS = {
    "either": "floats (features) or integers (token ids)",
    "floats": "floats",
    "integers": "integers",
}


def as_input(name, x, kind="either"):
    """x as an array of one kind: "floats", "integers" or "either" of them."""
    try:
        x = jnp.asarray(x)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array, got {type(x).__name__}") from error
    fits = {"floats": is_floats(x), "integers": is_tokens(x)}
    if not fits.get(kind, any(fits.values())):
        raise TypeError(f"{name} must hold {KINDS[kind]}, got {x.dtype}")
    return x


def is_floats(x):
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)


def is_tokens(x):
    return jnp.issubdtype(x.dtype, jnp.integer)


def is_concrete(x):
    return not isinstance(x, jax.core.Tracer)


def value_range(x):
    values = np.asarray(x)  # in NumPy: inside jit, JAX would trace even known values
    return int(values.min()), int(values.max())


def leading_axes(x):
    """The axes in front of the features; token ids have no feature axis."""
    return x.shape if is_tokens(x) else x.shape[:-1]


def features(cell, given, name, x):
    """n_x, the features of this input: what the weights and its last axis agree on.

    Token ids have no feature axis: for them the weights alone say how many there are.
    """
    if not isinstance(given, cell.Params):
        raise TypeError(
            f"params: {type(cell).__name__} needs {cell.Params.__name__}, "
            f"got {type(given).__name__}"
        )
    first = f"W_{cell.maps[0]}"
    weights, rows = getattr(given, first), jax.tree.leaves(cell.shapes(1)[first])[0]
    if isinstance(weights, tuple) and weights:  # a network: its first layer reads x
        first, weights = f"{first}[0]", weights[0]
    floats(f"params.{first}", weights)
    shape = weights.shape
    n_seen = cell.n_a if cell.sees_state else 0  # columns that multiply the state
    if len(shape) != 2 or shape[1] <= n_seen:
        columns = f"{n_seen} + n_x" if n_seen else "n_x"
        raise ValueError(
            f"params.{first} has shape {shape}, but {short(cell)} needs "
            f"({rows}, {columns})"
        )
    n_x = shape[1] - n_seen
    if not is_tokens(x) and (x.ndim == 0 or x.shape[-1] != n_x):
        raise ValueError(
            f"{name} has shape {x.shape}, but params.{first} of shape {shape} was made "
            f"for a last axis of {n_x} features"
        )
    return n_x


def floats(name, value):
    if not is_floats(value):
        came = getattr(value, "dtype", type(value).__name__)
        raise TypeError(f"{name} must be an array of floats, got {came}")


def short(cell):
    return f"{type(cell).__name__}(n_a={cell.n_a})"


def params(cell, given, n_x):
    """Compare every parameter's shape with what the cell needs for n_x features."""
    shapes = cell.shapes(n_x)
    for name in cell.Params._fields:
        value, shape = getattr(given, name), shapes.get(name)
        if (value is None) != (shape is None):
            verb = "is missing from" if value is None else "has no place in"
            raise ValueError(f"params.{name} {verb} the parameters of {cell!r}")
        if shape is None:
            continue
        needs = f"{short(cell)} with inputs of {n_x} features"
        shaped(f"params.{name}", value, shape, needs)


def shaped(name, value, shape, needs):
    """Compare an array of floats, or a tuple of them, with the shape or shapes needed.

    needs: what needs that shape, for the message.
    """
    if not shape or not isinstance(shape[0], tuple):
        floats(name, value)
        if value.shape != shape:
            raise ValueError(
                f"{name} has shape {value.shape}, but {needs} needs {shape}"
            )
        return
    if not isinstance(value, tuple) or len(value) != len(shape):
        came = f"{len(value)}" if isinstance(value, tuple) else type(value).__name__
        raise ValueError(
            f"{name} must be a tuple of {len(shape)} arrays, one a layer, got {came}"
        )
    for i, (array, one) in enumerate(zip(value, shape, strict=True)):
        shaped(f"{name}[{i}]", array, one, needs)


def state(cell, given, batch, name="state"):
    """Compare a state with the cell's own, and its leading axes with the input's."""
    if not isinstance(given, cell.State):
        raise TypeError(
            f"{name}: {type(cell).__name__} needs {cell.State.__name__}, "
            f"got {type(given).__name__}"
        )
    for field, value in zip(given._fields, given, strict=True):
        floats(f"{name}.{field}", value)
        if value.shape != (*batch, cell.n_a):
            raise ValueError(
                f"{name}.{field} has shape {value.shape}, but an input with "
                f"leading axes {batch} and {short(cell)} need {(*batch, cell.n_a)}"
            )


def tokens_in_range(name, tokens, n_x):
    """Compare token ids with the vocabulary, where their values are known."""
    if is_tokens(tokens) and is_concrete(tokens) and tokens.size:
        low, high = value_range(tokens)
        if low < 0 or high >= n_x:
            raise ValueError(
                f"{name} holds token ids from {low} to {high}, but the vocabulary of "
                f"size {n_x} has 0 to {n_x - 1}"
            )


def lengths(given, T, batch):
    """lengths as an integer array of the batch's shape, each between 0 and T."""
    given = as_input("lengths", given, "integers")
    if given.shape != batch:
        raise ValueError(
            f"lengths has shape {given.shape}, but a batch of shape {batch} needs one "
            f"length an example, {batch}"
        )
    if is_concrete(given) and given.size:
        low, high = value_range(given)
        if low < 0 or high > T:
            raise ValueError(f"lengths runs from {low} to {high}, but T is {T}")
    return given
