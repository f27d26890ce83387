"""The switched LSTM: each setting is the cell it stands for, and stays what it is."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from companion.cells import LSTM, PeepholeLSTM
from companion.switched import SWITCHES, VARIANTS, SwitchedLSTM, switches
from companion.training import fit
from companion.unroll import unroll

N, N_X, T = 5, 3, 7
CELLS = {
    "LSTM": LSTM,
    "no forget gate": lambda n: LSTM(n, forget_gate=False),
    "no output gate": lambda n: LSTM(n, output_gate=False),
    "coupled": lambda n: LSTM(n, coupled=True),
    "no output tanh": lambda n: LSTM(n, output_tanh=False),
    "peephole": PeepholeLSTM,
}


def drawn(seed=0):
    """Weights that all differ, and inputs."""
    rng = np.random.default_rng(seed)
    shapes = SwitchedLSTM(N).shapes(N_X)
    values = {name: jnp.asarray(rng.normal(size=s)) for name, s in shapes.items()}
    return SwitchedLSTM.Params(**values), jnp.asarray(rng.normal(size=(T, 2, N_X)))


def part_of(cell, params):
    """The weights of a smaller cell: of its first units, and what they read."""
    n, own = cell.n_a, {}
    for name in cell.shapes(N_X):
        value = getattr(params, name)[:n]
        if name.startswith("W"):
            value = jnp.concatenate([value[:, :n], value[:, N:]], axis=1)
        own[name] = value
    return cell.Params(**own)


@pytest.mark.parametrize("alive", [N, 3])
@pytest.mark.parametrize("name", VARIANTS)
def test_each_setting_is_the_cell_it_stands_for(name, alive, x64):
    params, xs = drawn()
    setting = np.asarray(VARIANTS[name], float)
    setting[0] = alive
    states = unroll(SwitchedLSTM(N), params._replace(switches=setting), xs)
    cell = CELLS[name](alive)
    expected = unroll(cell, part_of(cell, params), xs)
    for got, wanted in zip(states, expected, strict=True):
        np.testing.assert_allclose(got[..., :alive], wanted, atol=1e-12)
        np.testing.assert_array_equal(got[..., alive:], 0)


def test_variants_cost_nearly_the_same_and_differ_in_one_part():
    n_x = 7  # that of the task they are compared on in notebook 08
    cost = {}
    for name, setting in VARIANTS.items():
        cell = CELLS[name](int(setting[0]))
        cost[name] = sum(map(np.prod, cell.shapes(n_x).values()))
        different = np.flatnonzero(setting[1:] != VARIANTS["LSTM"][1:])
        assert len(different) == (name != "LSTM")
    assert max(cost.values()) < 1.05 * min(cost.values())
    assert len(SWITCHES) == len(switches(3)) == 6


def test_training_leaves_the_switches_and_the_dead_units_alone():
    params, xs = drawn(1)
    params = jax.tree.map(lambda p: p.astype(jnp.float32), params)
    params = params._replace(switches=jnp.asarray(switches(3, forget=0, peepholes=0)))

    def loss(params, xs):
        return jnp.mean((unroll(SwitchedLSTM(N), params, xs).a[..., :3] - 0.3) ** 2)

    batches = jnp.broadcast_to(xs.astype(jnp.float32), (4, *xs.shape))
    run = fit(loss, params, batches, optimiser=optax.sgd(0.1))
    np.testing.assert_array_equal(run.params.switches, params.switches)
    for name in ("W_f", "b_f", "p_u", "p_f", "p_o"):  # of parts that are not there
        np.testing.assert_array_equal(getattr(run.params, name), getattr(params, name))
    assert np.any(run.params.W_c[:3] != params.W_c[:3])
    np.testing.assert_array_equal(run.params.W_c[3:], params.W_c[3:])


def test_fresh_parameters_are_those_of_the_peephole_cell():
    key = jax.random.key(0)
    fresh = SwitchedLSTM(N, forget_bias=2.0).init(key, N_X)
    plain = PeepholeLSTM(N, forget_bias=2.0).init(key, N_X)
    for name, value in plain._asdict().items():
        np.testing.assert_array_equal(getattr(fresh, name), value)
    np.testing.assert_array_equal(fresh.switches, switches(N))
