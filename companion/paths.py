"""How many nonlinearities lie between the first input and the last output.

A gradient that comes back along a path is squeezed once by each tanh or sigmoid on it:
that is what the length of a path counts. Sums, products with a weight matrix and
products with a gate are not counted; they scale a gradient, they do not squash it. So
an LSTM has short paths (along its memory, whatever T) beside long ones (through its
gates), and a plain RNN has only long ones.

The counts are read from the traced `step` of a cell, so a cell of your own needs no
entry here.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from companion import validate
from companion.cells import Cell
from companion.layers import Bidirectional, Stacked

__all__ = ["PathLength", "path_length", "step_paths"]

SQUASH = frozenset(
    "tanh logistic max min exp exp2 expm1 log log1p sqrt rsqrt cbrt pow integer_pow "
    "square sin cos tan sinh cosh asinh atan erf erfc abs clamp".split()
)
NO_PATH = frozenset({"stop_gradient", "sign", "floor", "ceil", "round"})
LOOPS = frozenset({"scan", "while", "cond"})


class PathLength(NamedTuple):
    """Nonlinearities on the shortest and on the longest of some paths."""

    shortest: int
    longest: int


def path_length(layer, T: int) -> PathLength:
    """The shortest and the longest chain from x<1> to what the layer hands up at T.

    layer: a cell, `Bidirectional` or `Stacked`. The readout above is not counted. A
    stack of L tanh layers gives T + L - 1 whatever way one goes: T - 1 steps in time,
    L - 1 upward, and a tanh at every stop. Raises TypeError for another layer.
    """
    T = validate.positive_int("T", T)
    start = [PathLength(0, 0)] + [None] * (T - 1)  # None: no way from x<1>
    return along(layer, start)[-1]


def along(layer, inputs: list) -> list:
    """The lengths from x<1> to each output of a layer, given those to its inputs."""
    if isinstance(layer, Stacked):
        for number, below in enumerate(layer.layers):
            outputs = along(below, inputs)
            if layer.residual and number > 0:
                outputs = either_at_each(outputs, inputs)
            inputs = outputs
        return inputs
    if isinstance(layer, Bidirectional):
        ahead = along(layer.forward, inputs)
        return either_at_each(ahead, along(layer.cells.backward, inputs[::-1])[::-1])
    validate.instance("layer", layer, (Cell, Bidirectional, Stacked))
    paths, outputs = step_paths(layer), []
    state = dict.fromkeys(layer.State._fields)
    for x in inputs:
        known = state | {"x": x}
        reached = {
            to: either(*(after(known[of], more) for of, more in ways.items()))
            for to, ways in paths.items()
        }
        outputs.append(reached.pop("output"))
        state = reached
    return outputs


def step_paths(cell: Cell) -> dict[str, dict[str, PathLength | None]]:
    """The paths inside one step: to each field of the new state and to the "output"
    a<t>, from each field of the old state and from "x". None where there is no path.
    """
    validate.instance("cell", cell, Cell)
    params = jax.eval_shape(lambda: cell.init(jax.random.key(0), 2))
    fields = cell.State._fields

    def step(params, state, x):
        new = cell.step(params, state, x)
        return (*new, new.a)

    traced = jax.make_jaxpr(step)(params, cell.start(), jnp.zeros(2))
    sources, first = (*fields, "x"), len(jax.tree.leaves(params))
    paths = {name: {} for name in (*fields, "output")}
    for i, source in enumerate(sources):
        given = [None] * (first + len(sources))
        given[first + i] = PathLength(0, 0)
        for to, length in zip(paths, walk(traced.jaxpr, given), strict=True):
            paths[to][source] = length
    return paths


def walk(jaxpr, given: list) -> list:
    """The lengths to the results of a traced function, given those to its arguments."""
    known = dict(zip(jaxpr.invars, given, strict=True))

    def length(variable):
        return None if hasattr(variable, "val") else known.get(variable)

    for equation in jaxpr.eqns:
        name, into = equation.primitive.name, [*map(length, equation.invars)]
        inner = next(
            (equation.params[at] for at in INNER if at in equation.params), None
        )
        if name in LOOPS and any(into):
            raise TypeError(f"step has a {name}: path_length reads no loop in a step")
        if inner is not None and name not in LOOPS:
            results = walk(getattr(inner, "jaxpr", inner), into)
            if name.startswith("custom_"):  # one function, however it is computed
                results = [as_one(result, into) for result in results]
        else:
            longer = after(either(*into), PathLength(*[int(name in SQUASH)] * 2))
            results = [None if name in NO_PATH else longer] * len(equation.outvars)
        for variable, result in zip(equation.outvars, results, strict=True):
            flows = jnp.issubdtype(variable.aval.dtype, jnp.floating)
            known[variable] = result if flows else None
    return [length(variable) for variable in jaxpr.outvars]


INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr")


def as_one(result, into):
    """A function of its own counts once if it bends at all: on every way through it."""
    before = either(*into)
    if result is None or before is None:
        return None
    bends = int(result.longest > before.longest)
    return PathLength(before.shortest + bends, before.longest + bends)


def after(path, more):
    """A path and then another one."""
    if path is None or more is None:
        return None
    return PathLength(path.shortest + more.shortest, path.longest + more.longest)


def either(*paths):
    """All of several paths together."""
    there = [path for path in paths if path is not None]
    if not there:
        return None
    return PathLength(min(p.shortest for p in there), max(p.longest for p in there))


def either_at_each(first: list, second: list) -> list:
    return [either(*pair) for pair in zip(first, second, strict=True)]
