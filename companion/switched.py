"""One cell that is the LSTM and five of its variants: what it has is a matter of data.

A variant of `cells.LSTM` is another program, and each program is compiled anew. Here a
part is taken away by a number among the parameters, so that all variants and all seeds
train side by side in one program:

    cell = SwitchedLSTM(12)
    params = cell.init(key, n_x)._replace(switches=VARIANTS["coupled"])

No gradient reaches a switch: what training starts with, it ends with.
"""

from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn import sigmoid
from jaxtyping import Float

from companion.cells import (
    Bias,
    Cell,
    LSTMState,
    PeepholeLSTM,
    Weights,
    affine,
    checked,
)

__all__ = ["SWITCHES", "VARIANTS", "SwitchedLSTM", "SwitchedLSTMParams", "switches"]

SWITCHES = ("units", "forget", "output", "coupled", "output_tanh", "peepholes")


def switches(
    units: Real,
    forget: Real = 1,
    output: Real = 1,
    coupled: Real = 0,
    output_tanh: Real = 1,
    peepholes: Real = 0,
) -> Float[np.ndarray, " 6"]:
    """The six switches, in the order of `SWITCHES`.

    units: how many of the cell's units are alive; the others stay at 0.
    forget, output: 1 with that gate, 0 without: then it is 1 all the time.
    coupled: 1 for G_u = 1 - G_f. output_tanh: 0 for a = G_o * c. peepholes: 1 with.
    """
    given = (units, forget, output, coupled, output_tanh, peepholes)
    return np.asarray(given, np.float32)


VARIANTS = {  # with four maps 10 units, with three 12: nearly the same parameters
    "LSTM": switches(10),
    "no forget gate": switches(12, forget=0),
    "no output gate": switches(12, output=0),
    "coupled": switches(12, coupled=1),
    "no output tanh": switches(10, output_tanh=0),
    "peephole": switches(10, peepholes=1),
}


class SwitchedLSTMParams(NamedTuple):
    """Those of `PeepholeLSTM`, and the six switches."""

    W_c: Weights
    b_c: Bias
    W_u: Weights
    b_u: Bias
    W_f: Weights
    b_f: Bias
    W_o: Weights
    b_o: Bias
    p_u: Bias
    p_f: Bias
    p_o: Bias
    switches: Float[Array, " 6"]


@dataclass(frozen=True)
class SwitchedLSTM(PeepholeLSTM):
    """The peephole LSTM, each of whose parts can be taken away by a number.

    The equations are those of `cells.LSTM` and `cells.PeepholeLSTM`. A gate that is
    switched off is 1 - 0 * (1 - G) = 1. Fresh parameters are those of the LSTM, with
    all units alive.
    """

    Params = SwitchedLSTMParams

    def shapes(self, n_x: int) -> dict[str, tuple[int, ...]]:
        return super().shapes(n_x) | {"switches": (len(SWITCHES),)}

    def init(self, key: Array, n_x: int, dtype=None) -> SwitchedLSTMParams:
        params = Cell.init(self, key, n_x, dtype)
        standard = jnp.asarray(switches(self.n_a), params.W_c.dtype)
        return params._replace(b_f=params.b_f + self.forget_bias, switches=standard)

    @checked
    def step(self, params: SwitchedLSTMParams, state: LSTMState, x) -> LSTMState:
        p, (a, c) = params, state
        units, forget, output, coupled, squash, peep = jax.lax.stop_gradient(p.switches)
        alive = jnp.arange(self.n_a) < units
        c_tilde = jnp.tanh(affine(p.W_c, p.b_c, a, x))
        gamma_f = sigmoid(affine(p.W_f, p.b_f, a, x) + peep * p.p_f * c)
        gamma_f = 1 - forget * (1 - gamma_f)
        gamma_u = sigmoid(affine(p.W_u, p.b_u, a, x) + peep * p.p_u * c)
        gamma_u = coupled * (1 - gamma_f) + (1 - coupled) * gamma_u
        c = alive * (gamma_u * c_tilde + gamma_f * c)
        gamma_o = sigmoid(affine(p.W_o, p.b_o, a, x) + peep * p.p_o * c)
        gamma_o = 1 - output * (1 - gamma_o)
        a = gamma_o * (squash * jnp.tanh(c) + (1 - squash) * c)
        return LSTMState(a, c)
