"""Holding units still: a network in which some units keep one value at all steps.

    model, params = freeze(model, params, mask, means)     # a mask (n_a,), 1: frozen
    model.logits(params, xs)                               # as before, without them

Which units are frozen is data and not structure, so `jax.vmap` over masks compiles
once for every unit of a network, each frozen alone.
"""

import functools
from collections import namedtuple
from dataclasses import dataclass, field, is_dataclass, replace

import jax.numpy as jnp
from jax import Array

from companion import layers, validate
from companion.cells import Cell, checked

__all__ = ["Frozen", "cells_in", "freeze"]


@functools.cache
def params_around(Params, State):
    """The NamedTuple of a frozen cell's parameters: those of the cell, then what holds.

    One flat tuple: all that is checked of a cell's parameters is checked of these.
    """
    held = [f"held_{name}" for name in State._fields]
    fields = [*Params._fields, "frozen", *held]
    return namedtuple(f"Frozen{Params.__name__}", fields)


@dataclass(frozen=True)
class Frozen(Cell):
    """Any cell with some of its units held at a value, before and after every step.

    The parameters are those of the inner cell followed by `frozen` (n_a,), 1 for a unit
    that is held and 0 for a free one, and held_a, held_c (n_a,), as far as the state
    has them: what each held unit shows. Of an LSTM's unit the memory c and the
    activation a are held, each at a value of its own; holding c alone would leave its
    output gate free to tell what the unit should have known. The state before the
    first step is held too, so a frozen unit never has another value. A frozen cell
    fits wherever a cell does, and `look_inside` looks through it. To be run, not
    trained: `frozen` and held_. would be trained with the rest.
    """

    n_a: int = field(init=False, repr=False)
    inner: Cell

    def __post_init__(self):
        validate.instance("inner", self.inner, Cell)
        if isinstance(self.inner, Frozen):
            raise TypeError("inner must be a cell that is not frozen yet, got Frozen")
        object.__setattr__(self, "n_a", self.inner.n_a)

    @property
    def Params(self) -> type:
        return params_around(self.inner.Params, self.inner.State)

    @property
    def State(self) -> type:
        return self.inner.State

    @property
    def maps(self) -> tuple[str, ...]:
        return self.inner.maps

    @property
    def sees_state(self) -> bool:
        return self.inner.sees_state

    def shapes(self, n_x: int) -> dict[str, tuple[int, ...]]:
        names = ("frozen", *self.Params._fields[-len(self.State._fields) :])
        return self.inner.shapes(n_x) | dict.fromkeys(names, (self.n_a,))

    def init(self, key: Array, n_x: int, dtype=None):
        """Fresh parameters of the inner cell, and no unit frozen."""
        params = self.inner.init(key, n_x, dtype)
        return self.around(params, jnp.zeros(self.n_a), self.inner.start(dtype=dtype))

    def around(self, params, frozen, values):
        """The inner cell's trained params with the units in `frozen` held at `values`.

        frozen: (n_a,), 1 or True for a unit to hold. values: the inner cell's State of
        (n_a,): every unit's value, if it is to be held. Raises ValueError or TypeError
        naming the argument that does not fit.
        """
        validate.instance("params", params, self.inner.Params)
        validate.state(self.inner, values, (), "values")
        frozen = jnp.asarray(frozen)
        if frozen.shape != (self.n_a,):
            raise ValueError(
                f"frozen has shape {frozen.shape}, but needs ({self.n_a},): 0 or 1 for "
                "each unit"
            )
        return self.Params(*params, frozen.astype(values[0].dtype), *values)

    def unwrapped(self, params):
        """The inner cell's part of the parameters."""
        return self.inner.Params(*params[: len(self.inner.Params._fields)])

    def hold(self, params, state):
        """The state with every frozen unit at its value."""
        held = params[-len(self.State._fields) :]
        pairs = zip(held, state, strict=True)
        return self.State(*[jnp.where(params.frozen > 0, h, s) for h, s in pairs])

    @checked
    def step(self, params, state, x):
        state = self.hold(params, state)
        return self.hold(params, self.inner.step(self.unwrapped(params), state, x))


def cells_in(layer, called: str = "") -> dict[str, tuple]:
    """Every cell of a layer, by name, with the way to it: name -> (cell, path).

    A cell on its own is "cell", a `Bidirectional` has "forward" and "backward", a
    `Stacked` tower "layer 1", "layer 2 forward", ..., and in a tower inside a tower
    "layer 2.1". Raises TypeError for what is no layer.
    """
    if isinstance(layer, layers.Stacked):
        found = {}
        for i, below in enumerate(layer.layers):
            number = f"{called}.{i + 1}" if called else f"layer {i + 1}"
            inner = cells_in(below, number)
            found |= {name: (cell, (i, *path)) for name, (cell, path) in inner.items()}
        return found
    if isinstance(layer, layers.Bidirectional):
        pairs = layer.cells._asdict().items()
        return {f"{called} {side}".strip(): (cell, (side,)) for side, cell in pairs}
    validate.instance("layer", layer, Cell)
    return {called or "cell": (layer, ())}


def freeze(model, params, frozen, values, where: str | None = None) -> tuple:
    """The same network with units of one cell held still: a model and its parameters.

    model: a layer (a cell, `Bidirectional`, `Stacked`), or a model of one layer, such
        as `ManyToMany` or `LanguageModel`. params: its parameters.
    frozen: (n_a,), 1 for a unit to hold. values: the cell's State of (n_a,), see
        `Frozen`. where: the cell's name, as in `look_inside`; None if there is one.

    Raises ValueError or TypeError naming the argument that does not fit.
    """
    layer = layer_of(model)
    path = place(layer, where)[1]

    def wrap(cell, inner):
        if isinstance(cell, Frozen):
            raise TypeError(f"model has frozen units already: {cell!r}")
        around = Frozen(cell)
        return around, around.around(inner, frozen, values)

    if layer is model:
        return swap(model, params, path, wrap)
    if not hasattr(params, "layer"):
        raise TypeError(f"params must be ModelParams, got {type(params).__name__}")
    layer, below = swap(layer, params.layer, path, wrap)
    return replace(model, layer=layer), params._replace(layer=below)


def layer_of(model):
    """A model's layer; a layer is its own."""
    if isinstance(model, Cell | layers.Bidirectional | layers.Stacked):
        return model
    if not is_dataclass(model) or not hasattr(model, "layer"):
        raise TypeError(
            f"model must be a layer or a model of one layer, got {type(model).__name__}"
        )
    return model.layer


def place(layer, where) -> tuple:
    """(cell, path) of the cell that `where` names."""
    found = cells_in(layer)
    if where is None and len(found) == 1:
        return next(iter(found.values()))
    validate.one_of("where", where, tuple(found))
    return found[where]


def swap(layer, params, path, wrap):
    """A layer and its parameters, with wrap(cell, params) in place of one cell."""
    if not path:
        return wrap(layer, params)
    first, *rest = path
    if isinstance(layer, layers.Stacked):
        inner, below = swap(layer.layers[first], params[first], rest, wrap)
        tower, whole = list(layer.layers), list(params)
        tower[first], whole[first] = inner, below
        return replace(layer, layers=tuple(tower)), tuple(whole)
    validate.instance("params", params, layers.BothWays)
    inner, below = swap(getattr(layer.cells, first), getattr(params, first), rest, wrap)
    cells = layer.cells._replace(**{first: inner})
    layer = replace(layer, forward=cells.forward, backward=cells.backward)
    return layer, params._replace(**{first: below})
