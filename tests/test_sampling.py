"""Sampling: the distribution, draws counted against it, and when a sequence ends.

Most of it runs on a chain whose next output depends on the last one by a table: it has
what `sampling` asks of a model, and its probabilities can be read off.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion import cells, sampling
from companion.language import LanguageModel
from companion.sampling import greedy, mixed, next_distribution, sample

N_Y = 6


@dataclass(frozen=True)
class Chain:
    """logits of y<t> = row x<t> of a table; x<1> is `start`."""

    n_y: int = N_Y

    def begin(self, params, start, batch):
        start = 2 if np.shape(start) == (0,) else start
        return (), jnp.broadcast_to(jnp.asarray(start, jnp.int32), batch)

    def step(self, params, state, x):
        return params[x], state


@pytest.fixture(scope="module")
def table():
    return jnp.asarray(np.random.default_rng(0).normal(0, 1.5, (N_Y, N_Y)), "float32")


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def distance(counts, p):
    """Total variation between counts and p, in units of what chance alone gives."""
    n = counts.sum()
    noise = np.sqrt(2 * p * (1 - p) / (np.pi * n)).sum() / 2
    return np.abs(counts / n - p).sum() / 2 / noise


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1, 3.0])
def test_temperature_is_a_power_renormalised(temperature, x64):
    logits = np.random.default_rng(1).normal(size=(3, N_Y))
    p = softmax(logits) ** (1 / temperature)
    wanted = p / p.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(
        next_distribution(jnp.asarray(logits), temperature), wanted, rtol=1e-12
    )


@pytest.mark.parametrize("k", range(1, N_Y + 1))
def test_top_k_keeps_exactly_the_k_likeliest(k):
    p = softmax(np.random.default_rng(2).normal(size=N_Y))
    got = np.asarray(next_distribution(jnp.log(jnp.asarray(p)), top_k=k))
    kept = np.argsort(-p)[:k]
    assert set(np.flatnonzero(got)) == set(kept)
    np.testing.assert_allclose(got[kept], p[kept] / p[kept].sum(), rtol=1e-5)


def test_of_equal_outputs_top_k_keeps_the_first():
    assert next_distribution(jnp.zeros(5), top_k=2).tolist() == [0.5, 0.5, 0, 0, 0]


def test_excluded_outputs_leave_the_rest_renormalised():
    p = softmax(np.random.default_rng(3).normal(size=(2, N_Y)))
    got = np.asarray(next_distribution(jnp.log(jnp.asarray(p)), excluded=[1, 4]))
    assert not got[:, [1, 4]].any()
    rest = [0, 2, 3, 5]
    np.testing.assert_allclose(
        got[:, rest], p[:, rest] / p[:, rest].sum(-1, keepdims=True), rtol=1e-5
    )


def test_top_k_counts_among_those_not_excluded():
    logits = jnp.array([5.0, 4.0, 3.0, 2.0])
    got = next_distribution(logits, top_k=2, excluded=(0,))
    np.testing.assert_allclose(got, [0, *softmax(np.array([4.0, 3.0])), 0], rtol=1e-6)
    assert next_distribution(logits, top_k=3, excluded=(0, 1, 2)).tolist() == [
        0,
        0,
        0,
        1,
    ]


@pytest.mark.parametrize("temperature", [2e-38, 1e-3, 1e30])
def test_extreme_temperatures_stay_numbers(temperature):
    logits = jnp.array([300.0, 1.0, -5000.0, 299.0])
    got = np.asarray(next_distribution(logits, temperature, excluded=(1,)))
    if temperature < 1:
        assert got.tolist() == [1, 0, 0, 0]
    else:
        np.testing.assert_allclose(got, [1 / 3, 0, 1 / 3, 1 / 3], rtol=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.5},
        {"temperature": 2.0, "top_k": 3},
        {"excluded": (0, 3)},
        {"temperature": 0.8, "top_k": 4, "excluded": [5]},
    ],
    ids=str,
)
def test_draws_counted_at_two_steps(settings, table):
    """The first output, and the second after each first, are drawn as they should."""
    drawn = sample(
        Chain(), table, jax.random.key(4), 2, 20_000, most=2, stop=None, **settings
    )
    first, second = np.asarray(drawn.ids).T
    p = np.asarray(next_distribution(table, **settings))
    assert distance(np.bincount(first, minlength=N_Y), p[2]) < 3
    for y in np.flatnonzero(p[2] > 0.05):
        counts = np.bincount(second[first == y], minlength=N_Y)
        assert not counts[p[y] == 0].any()
        assert distance(counts, p[y]) < 3


def test_drawing_again_is_renormalising(table):
    """Draws of everything, with those of an excluded id thrown away."""
    drawn = sample(Chain(), table, jax.random.key(5), 2, 20_000, most=1, stop=None)
    kept = np.bincount(np.asarray(drawn.ids)[:, 0], minlength=N_Y)
    kept[1] = 0
    p = np.asarray(next_distribution(table[2], excluded=(1,)))
    assert distance(kept, p) < 3


def test_greedy_is_the_limit_of_temperature_and_top_1(table):
    options = {"batch": (N_Y,), "most": 12, "stop": None}
    starts, key = np.arange(N_Y), jax.random.key(6)
    got = greedy(Chain(), table, starts, **options)
    x, wanted = starts, []
    for _ in range(12):
        x = np.asarray(table)[x].argmax(-1)
        wanted.append(x)
    np.testing.assert_array_equal(got.ids, np.stack(wanted, axis=1))
    for settings in ({"temperature": 1e-6}, {"top_k": 1}):
        drawn = sample(Chain(), table, key, starts, **options, **settings)
        np.testing.assert_array_equal(drawn.ids, got.ids)
    without = greedy(Chain(), table, starts, **options, excluded=[int(got.ids[0, 0])])
    assert int(got.ids[0, 0]) not in np.asarray(without.ids)


def test_stop_ends_a_sequence_and_padding_follows(table):
    drawn = sample(Chain(), table, jax.random.key(7), 0, 300, most=9)
    ids, lengths = map(np.asarray, drawn)
    ended = (ids == 2).any(axis=1)
    assert 0 < ended.sum() < 300, "some must end and some meet the cap"
    assert set(lengths[~ended]) == {9}
    np.testing.assert_array_equal(lengths[ended], (ids == 2).argmax(axis=1)[ended] + 1)
    assert not ids[np.arange(9) >= lengths[:, None]].any()
    free = sample(Chain(), table, jax.random.key(7), 0, 300, most=9, stop=None)
    real = np.arange(9) < lengths[:, None]
    np.testing.assert_array_equal(ids[real], np.asarray(free.ids)[real])
    assert set(np.asarray(free.lengths)) == {9}
    other = sample(Chain(), table, jax.random.key(7), 0, 300, most=9, stop=5)
    last = np.take_along_axis(np.asarray(other.ids), other.lengths[:, None] - 1, 1)
    assert set(last[np.asarray(other.lengths) < 9].ravel()) == {5}
    never = sample(Chain(), table, jax.random.key(7), 0, most=9, excluded=[2])
    assert never.lengths == 9


def test_one_key_one_result_and_a_higher_cap_only_adds(table):
    one, again, longer = (
        sample(Chain(), table, jax.random.key(8), 0, 5, most=most, stop=None).ids
        for most in (7, 7, 10)
    )
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(one, longer[:, :7])
    other = sample(Chain(), table, jax.random.key(9), 0, 5, most=7, stop=None).ids
    assert (one != other).any()


def test_without_a_batch_one_sequence_comes(table):
    drawn = sample(Chain(), table, jax.random.key(1), 0, most=3)
    assert drawn.ids.shape == (3,) and drawn.lengths.shape == ()
    assert sample(Chain(), table, jax.random.key(1), 0, (2, 4)).ids.shape == (2, 4, 200)


def test_new_values_compile_nothing(table):
    traces = []

    class Counting(Chain):
        def step(self, params, state, x):
            traces.append(x)
            return super().step(params, state, x)

    model = Counting()

    def traced(seed=0, **settings):
        before = len(traces)
        sample(model, table, jax.random.key(seed), 0, most=3, **settings)
        return len(traces) - before

    assert traced() > 0
    for t in (0.1, 1, np.float32(2), jnp.asarray(3.0)):
        assert traced(temperature=t) == 0
    assert traced(5, excluded=[1, 2], stop=4) == traced(stop=None) == 0
    assert traced(top_k=3) > 0
    assert traced(top_k=5, temperature=0.3, excluded=(0,)) == 0


def test_temperatures_can_be_a_vmapped_axis(table):
    temperatures = jnp.array([0.1, 1.0, 5.0])
    draw = jax.vmap(lambda t: next_distribution(table[0], t))(temperatures)
    for t, p in zip(temperatures, draw, strict=True):
        np.testing.assert_allclose(p, next_distribution(table[0], t), rtol=1e-6)
    ids = jax.vmap(
        lambda t: sample(Chain(), table, jax.random.key(0), 0, temperature=t).ids
    )(temperatures)
    one = sample(Chain(), table, jax.random.key(0), 0, temperature=5.0)
    np.testing.assert_array_equal(ids[2], one.ids)


@pytest.fixture(scope="module")
def sharp():
    """A language model with a state, far from any tie, and texts: 7 x (12 + 20)."""
    model = LanguageModel(cells.GRU(8), N_Y)
    params = jax.tree.map(lambda leaf: 4 * leaf, model.init(jax.random.key(3)))
    ids = np.random.default_rng(3).integers(3, N_Y, (7, 32))
    return model, params, ids[:, :12], ids[:, 12:]


def by_hand(model, params, carried, truth, true):
    """The guesses of one text where `true` says which inputs are the true outputs."""
    (state, x), found = carried, []
    for y, given in zip(truth, true, strict=True):
        logits, state = model.step(params, state, x)
        found.append(int(np.argmax(logits)))
        x = jnp.asarray(y if given else found[-1], x.dtype)
    return found


def test_all_true_is_teacher_forcing(sharp):
    model, params, prompt, truth = sharp
    got = mixed(model, params, model.begin(params, prompt), truth, 1, KEY)
    forced = model.logits(params, np.concatenate([prompt, truth], axis=1))
    np.testing.assert_array_equal(got, forced.argmax(axis=-1)[:, 12:])


def test_none_true_is_greedy(sharp):
    model, params, prompt, truth = sharp
    got = mixed(model, params, model.begin(params, prompt), truth, 0, KEY)
    free = greedy(model, params, prompt, stop=None, most=20).ids
    np.testing.assert_array_equal(got, free)
    forced = mixed(model, params, model.begin(params, prompt), truth, 1, KEY)
    assert (got != forced).mean() > 0.1, "or the two ends would prove nothing"


@pytest.mark.parametrize("share", [0.3, np.float32(0.5), jnp.asarray(0.8)])
def test_a_mix_step_by_step(share, sharp):
    model, params, prompt, truth = sharp
    got = mixed(model, params, model.begin(params, prompt), truth, share, KEY)
    true = np.asarray(jax.random.uniform(KEY, truth.shape)) < share
    for i in (0, 3, 6):
        carried = model.begin(params, prompt[i])
        wanted = by_hand(model, params, carried, truth[i], true[i])
        assert np.asarray(got[i]).tolist() == wanted


def inputs_read(share, seed, n=400):
    """Which inputs were true: the guess is the input, and every true output is 1."""
    carried, truth = ((), jnp.zeros(n, jnp.int32)), np.ones((n, 2), int)
    logits = jnp.eye(N_Y)  # says what it has just read
    got = mixed(Chain(), logits, carried, truth, share, jax.random.key(seed))
    return np.asarray(got)[:, 1] == 1


def test_the_share_is_a_probability():
    for share in (0.1, 0.5, 0.9):
        spread = np.sqrt(share * (1 - share) / 400)
        assert abs(inputs_read(share, 1).mean() - share) < 4 * spread


def test_one_key_and_what_is_true_stays_true_at_larger_shares():
    shares = np.linspace(0, 1, 21)
    read = np.array([inputs_read(float(share), 2) for share in shares])
    assert not read[0].any() and read[-1].all()
    assert (read[1:] >= read[:-1]).all()
    np.testing.assert_array_equal(read[7], inputs_read(float(shares[7]), 2))
    assert (inputs_read(0.5, 2) != inputs_read(0.5, 3)).mean() > 0.3


def test_a_new_share_compiles_nothing_and_shares_can_be_vmapped(sharp):
    model, params, prompt, truth = sharp
    carried = model.begin(params, prompt)

    def run(share):
        return mixed(model, params, carried, truth, share, KEY)

    one = run(0.25)
    before = sampling.guesses._cache_size()
    run(0), run(1), run(np.float32(0.7)), run(jnp.asarray(0.1))
    assert sampling.guesses._cache_size() == before
    several = jax.vmap(run)(jnp.array([0.0, 0.25]))
    np.testing.assert_array_equal(several[1], one)


def test_a_mix_of_one_text_has_no_batch(sharp):
    model, params, prompt, truth = sharp
    carried = model.begin(params, prompt[0])
    got = mixed(model, params, carried, truth[0].tolist(), 0.5, KEY)
    assert got.shape == (20,)


KEY = jax.random.key(0)


def mix(table, model=None, truth=(1, 2, 3), share=0.5, key=KEY):
    carried = ((), jnp.zeros((), jnp.int32))
    return mixed(model or Chain(), table, carried, truth, share, key)


def draw(table, model=None, key=KEY, start=0, batch=(), **settings):
    return sample(model or Chain(), table, key, start, batch, **settings)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda t: next_distribution([1, 2]),
            TypeError,
            "logits must hold floats, got int32",
        ),
        (
            lambda t: next_distribution(1.0),
            ValueError,
            r"logits has shape \(\), but needs \(..., n_y\)",
        ),
        (
            lambda t: next_distribution(t, 0),
            ValueError,
            r"temperature must be positive .*, got 0; greedy\(\)",
        ),
        (lambda t: draw(t, temperature=-1.0), ValueError, "temperature .* got -1.0"),
        (lambda t: draw(t, temperature=1e-45), ValueError, "temperature .* 32 bits"),
        (
            lambda t: draw(t, temperature=float("nan")),
            ValueError,
            "temperature must be finite, got nan",
        ),
        (
            lambda t: draw(t, temperature="hot"),
            TypeError,
            "temperature must be a number, got 'hot'",
        ),
        (
            lambda t: draw(t, temperature=jnp.ones(2)),
            ValueError,
            "temperature must be one number",
        ),
        (lambda t: draw(t, top_k=0), ValueError, "top_k must be at least 1, got 0"),
        (
            lambda t: draw(t, top_k=7),
            ValueError,
            "top_k is 7, but there are 6 outputs",
        ),
        (lambda t: draw(t, top_k=2.0), TypeError, "top_k must be an integer, got 2.0"),
        (
            lambda t: draw(t, excluded=[6]),
            ValueError,
            "excluded holds token ids from 6 to 6",
        ),
        (
            lambda t: draw(t, excluded=["UNK"]),
            TypeError,
            "excluded must hold integers, got <U3",
        ),
        (
            lambda t: draw(t, excluded=range(6)),
            ValueError,
            "excluded holds all 6 outputs",
        ),
        (
            lambda t: draw(t, stop=6),
            ValueError,
            "stop is 6, but the outputs are 0 to 5",
        ),
        (lambda t: draw(t, stop=-1), ValueError, "stop is -1"),
        (
            lambda t: draw(t, stop="."),
            TypeError,
            r"stop must be an integer or None, got '\.'",
        ),
        (lambda t: draw(t, most=0), ValueError, "most must be at least 1, got 0"),
        (lambda t: draw(t, batch=0), ValueError, "batch must be at least 1, got 0"),
        (lambda t: draw(t, key=0), TypeError, "key must be one jax.random.key, got 0"),
        (
            lambda t: draw(t, key=jax.random.split(KEY)),
            TypeError,
            r"key must be one jax.random.key, got key<fry> \(2,\)",
        ),
        (
            lambda t: draw(t, model="keeper"),
            TypeError,
            "model must be one that reads its own outputs, .* got str",
        ),
        (
            lambda t: greedy(3, t),
            TypeError,
            "model must be one that reads its own outputs, .* got int",
        ),
        (
            lambda t: sampling.continued(Chain(), t, ((), jnp.zeros((), int)), key=1),
            TypeError,
            "key must be one jax.random.key, got 1",
        ),
        (
            lambda t: mix(t, share=1.01),
            ValueError,
            "share must be between 0 and 1, got 1.01",
        ),
        (lambda t: mix(t, share=-1), ValueError, "share must be .* 1, got -1"),
        (lambda t: mix(t, share=np.nan), ValueError, "share must be finite, got nan"),
        (lambda t: mix(t, share=True), TypeError, "share must be a number, got True"),
        (
            lambda t: mix(t, share=jnp.ones(2)),
            ValueError,
            "share must be one number",
        ),
        (
            lambda t: mix(t, truth=[0.5]),
            TypeError,
            "truth must hold integers, got float32",
        ),
        (
            lambda t: mix(t, truth=[5, 6]),
            ValueError,
            "truth holds token ids from 5 to 6",
        ),
        (
            lambda t: mix(t, truth=1),
            ValueError,
            r"truth has shape \(\), but needs \(\.\.\., T\)",
        ),
        (
            lambda t: mix(t, truth=np.ones((2, 0), int)),
            ValueError,
            r"truth has shape \(2, 0\), but needs \(\.\.\., T\)",
        ),
        (
            lambda t: mix(t, truth=np.ones((2, 3), int)),
            ValueError,
            r"truth has shape \(2, 3\), .* leading axes \(\) of carried",
        ),
        (
            lambda t: mix(t, key=7),
            TypeError,
            "key must be one jax.random.key, got 7",
        ),
        (
            lambda t: mix(t, model="keeper"),
            TypeError,
            "model must be one that reads its own outputs, .* got str",
        ),
    ],
)
def test_bad_input(call, error, message, table, as_readers_run_it):
    with pytest.raises(error, match=message):
        call(table)
