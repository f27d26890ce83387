"""One recurrent layer as work: a cell, a size, a length, a batch, one or both ways.

    forward   inputs xs (T, batch, n_x) -> outputs (T, batch, n_a), from a state of 0
    train     forward, and from the gradient of the outputs that of every weight

Everyone gets the same inputs, weights and gradient of the outputs, in the layout of its
library before the clock starts, and returns outputs and gradients, which are compared.

The GRU is the one with its reset after the product, which all of these libraries have.
Flax leaves out the bias inside that reset (our b_cc), so b_cc is 0 for everybody, and
Flax is excused from its gradient.
"""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.work import assert_same
from companion.cells import GRU, LSTM, RNN
from companion.layers import Bidirectional, BothWays, width

__all__ = ["LayerOnJax", "LayerWork", "check"]

CELLS = {"RNN": RNN, "GRU": functools.partial(GRU, reset="after"), "LSTM": LSTM}


@dataclass(frozen=True)
class LayerWork:
    """What is computed. kind: RNN, GRU or LSTM. both_ways: a bidirectional layer."""

    kind: str
    n_a: int = 256
    T: int = 100
    batch: int = 32
    n_x: int = 64
    both_ways: bool = False

    @property
    def name(self) -> str:
        """How the case is called on the command line, `GRU-256-100-32`."""
        both = "bi" if self.both_ways else ""
        return f"{both}{self.kind}-{self.n_a}-{self.T}-{self.batch}"

    @property
    def cell(self):
        return CELLS[self.kind](n_a=self.n_a)

    @property
    def layer(self):
        return Bidirectional(self.cell) if self.both_ways else self.cell

    @property
    def operations(self) -> float:
        """Multiplications and additions in the products of one training step."""
        maps = len(self.cell.maps) * (2 if self.both_ways else 1)
        forward = 2 * maps * self.n_a * (self.n_a + self.n_x) * self.T * self.batch
        return 3.0 * forward

    def params(self, seed: int = 0):
        """Weights of a tame layer, half as large as would keep a state alive for ever:
        over 1,000 steps rounding may then not grow into a difference of results."""
        init = functools.partial(self.layer.init, n_x=self.n_x, dtype=np.float32)
        shapes = jax.eval_shape(init, jax.random.key(seed))
        rng = np.random.default_rng(seed)

        def fill(path, leaf):
            if path[-1].name == "b_cc":
                return np.zeros(leaf.shape, np.float32)
            scale = 0.5 * (self.n_a if leaf.ndim == 2 else 1) ** -0.5
            return rng.normal(scale=scale, size=leaf.shape).astype(np.float32)

        return jax.tree_util.tree_map_with_path(fill, shapes)

    def given(self, seed: int = 1):
        """Inputs (T, batch, n_x) and the gradient of the outputs, like the outputs."""
        rng = np.random.default_rng(seed)
        sizes = (self.n_x, width(self.layer))
        return tuple(
            rng.normal(size=(self.T, self.batch, n)).astype(np.float32) for n in sizes
        )

    def directions(self, params) -> tuple:
        """The parameters of each direction, one or two."""
        return tuple(params) if self.both_ways else (params,)

    def together(self, directions):
        """The reverse of `directions`."""
        return BothWays(*directions) if self.both_ways else directions[0]


class LayerOnJax:
    """A layer of a library on JAX: `pack`, `unpack` and `apply`, as in `on_jax.OnJax`.

    pack(params) -> weights; unpack(gradients of these weights) -> ours, a ndarray each;
    apply(weights, xs) -> outputs, both (T, batch, ...), or (batch, T, ...) with
    time_first = False.
    """

    kinds = ("train", "forward")
    lacks = ()
    time_first = True

    def __init__(self, work, params, xs, d_outputs):
        self.work = work
        self.given = tuple(jnp.asarray(self.turned(v)) for v in (xs, d_outputs))
        self.weights = jax.tree.map(jnp.asarray, self.pack(params))

        def train(weights, xs, d_outputs):
            outputs, pull = jax.vjp(lambda w: self.apply(w, xs), weights)
            return outputs, pull(d_outputs)[0]

        self.jitted_train = jax.jit(train)
        self.jitted_forward = jax.jit(self.apply)

    @classmethod
    def does(cls, work) -> bool:
        """Whether the library has this layer at all."""
        return True

    def pack(self, params):
        raise NotImplementedError

    def unpack(self, gradients):
        raise NotImplementedError

    def apply(self, weights, xs):
        raise NotImplementedError

    def turned(self, values):
        return values if self.time_first else values.swapaxes(0, 1)

    def forward(self):
        return jax.block_until_ready(self.jitted_forward(self.weights, self.given[0]))

    def train(self):
        return jax.block_until_ready(self.jitted_train(self.weights, *self.given))

    def answers(self):
        outputs, gradients = self.train()
        return {
            "outputs": self.turned(np.asarray(outputs)),
            "forward": self.turned(np.asarray(self.forward())),
            "gradient": jax.tree.map(np.asarray, self.unpack(gradients)),
        }

    def compiled(self):
        """The training step as one call without arguments, and the bytes that its
        compiler plans for it beside the inputs."""
        step = self.jitted_train.lower(self.weights, *self.given).compile()
        plan = step.memory_analysis()
        planned = plan.temp_size_in_bytes + plan.output_size_in_bytes
        return lambda: jax.block_until_ready(step(self.weights, *self.given)), planned


def only_candidate(bias):
    """A GRU's second bias with zeros where it stands for the same number as the first.

    There both have the same gradient, which `convert` would add up.
    """
    bias = np.array(bias)
    bias[: 2 * bias.size // 3] = 0  # every library lists the candidate last
    return bias


def check(contestant, given: dict, expected: dict) -> None:
    """Raise AssertionError unless a contestant's answers are the expected ones.

    Only what its library lacks may be missing: gradients, in a peer that cannot train,
    and those of the parameters in `lacks`.
    """
    if "train" not in contestant.kinds:
        expected = {"forward": expected["forward"]}
    else:
        without = dict.fromkeys(contestant.lacks)
        gradients = contestant.work.directions(expected["gradient"])
        gradients = [g._replace(**without) for g in gradients]
        expected = expected | {"gradient": contestant.work.together(gradients)}
    assert_same(contestant.name, given, expected, tolerance=5e-4)
