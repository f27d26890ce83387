"""fit: against a loop written out, and what it does when training goes wrong."""

import contextlib
import io
import os
import re
import signal
import sys
import threading

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import reference
import tqdm.auto

from companion import progress
from companion.training import fit

STEPS, N = 6, 3
MEAN = {"mean": 2.0}


def loss(params, batch):
    """Squared error of a linear map: its gradient is known in one line."""
    x, y = batch
    return jnp.mean((x @ params["w"] + params["b"] - y) ** 2)


def draw(seed=0):
    rng = np.random.default_rng(seed)
    xs, ys = rng.normal(size=(STEPS, 8, N)), 3 * rng.normal(size=(STEPS, 8))
    return {"w": jnp.asarray(rng.normal(size=N)), "b": jnp.zeros(())}, (
        jnp.asarray(xs),
        jnp.asarray(ys),
    )


def by_hand(params, batches, rate, clip):
    """Adam (Kingma and Ba 2015), its rate falling linearly to a twentieth."""
    theta = np.array([*params["w"], params["b"]])
    m, v = np.zeros_like(theta), np.zeros_like(theta)
    losses, norms = [], []
    for t, (x, y) in enumerate(zip(*(np.asarray(b) for b in batches), strict=True)):
        error = x @ theta[:-1] + theta[-1] - y
        gradient = 2 * np.append(x.T @ error, error.sum()) / len(y)
        losses.append(np.mean(error**2))
        norms.append(np.linalg.norm(gradient))
        if clip is not None:
            gradient = gradient * min(1, clip / norms[-1])
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        m_hat, v_hat = m / (1 - 0.9 ** (t + 1)), v / (1 - 0.999 ** (t + 1))
        falling = rate * (1 - 0.95 * t / STEPS)
        theta = theta - falling * m_hat / (np.sqrt(v_hat) + 1e-8)
    return theta, losses, norms


@pytest.mark.parametrize("clip", [None, 0.5, 4.0])
def test_fit_is_adam_written_out(clip, x64):
    params, batches = draw()
    done = fit(loss, params, batches, learning_rate=0.1, clip=clip)
    theta, losses, norms = by_hand(params, batches, 0.1, clip)
    assert min(norms) < 4 < max(norms)  # the clip of 4 acts on some steps only
    # optax keeps the falling rate in float32, whatever the parameters are in
    reference.close(np.append(done.params["w"], done.params["b"]), theta, 1e-7)
    reference.close(done.losses, losses, 1e-7)
    reference.close(done.gradient_norms, norms, 1e-7)


def test_seeds_are_runs_of_their_own(x64):
    runs = [draw(seed) for seed in range(2)]
    params, batches = jax.tree.map(lambda *v: jnp.stack(v), *runs)
    together = fit(loss, params, batches, over_seeds=True)
    assert together.losses.shape == (2, STEPS)
    for i, (p, b) in enumerate(runs):
        alone = fit(loss, p, b)
        pairs = zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True)
        for one, other in pairs:
            reference.close(one[i], other, 1e-12)


def test_a_loss_that_is_not_a_number_names_its_step():
    params, (xs, ys) = draw()
    ys = ys.at[4].set(jnp.nan)
    with pytest.raises(FloatingPointError, match="not finite at step 4"):
        fit(loss, params, (xs, ys))


def test_a_gradient_that_is_not_finite_is_found_behind_a_finite_loss():
    with pytest.raises(FloatingPointError, match="gradient is not finite at step 0"):
        fit(lambda p, b: jnp.sqrt(p) * b, jnp.zeros(()), jnp.ones(1))


def test_the_seed_that_went_wrong_is_named():
    params = jnp.zeros(2)
    batches = jnp.array([[1.0, 2.0, jnp.nan], [1.0, 3.0, 4.0]])
    with pytest.raises(FloatingPointError, match="of seed 0 is not finite at step 2"):
        fit(lambda p, b: (p - b) ** 2, params, batches, over_seeds=True)


def test_what_the_loss_reads_from_outside_is_read_in_each_fit():
    scale = {"is": 1.0}

    def loss(p, b):
        return scale["is"] * (p - b) ** 2

    first = fit(loss, jnp.zeros(()), jnp.ones(1)).losses
    scale["is"] = 100.0
    assert np.isclose(fit(loss, jnp.zeros(()), jnp.ones(1)).losses, 100 * first)


def exact(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def draw_batch(key):
    rows = jax.random.uniform(key, (8, N + 1), minval=-3)
    return rows[:, :N], rows[:, N]


def stack(seeds):
    """Params and batches of several seeds, each array with the seeds in front."""
    return jax.tree.map(lambda *v: jnp.stack(v), *(draw(seed) for seed in range(seeds)))


def test_clipping_by_value_is_optax_own(x64):
    params, batches = draw()
    first = jax.grad(loss)(params, jax.tree.map(lambda rows: rows[0], batches))
    entries = np.abs([*first["w"], first["b"]])
    assert min(entries) < 2 < max(entries)  # some are cut and some are not
    done = fit(
        loss, params, batches, clip=2.0, clip_by="value", optimiser=optax.sgd(0.1)
    )
    chain = optax.chain(optax.clip(2.0), optax.sgd(0.1))
    memory, norms = chain.init(params), []
    for t in range(STEPS):
        batch = jax.tree.map(lambda rows, t=t: rows[t], batches)
        gradient = jax.grad(loss)(params, batch)
        norms.append(np.sqrt(sum(np.sum(g**2) for g in gradient.values())))
        updates, memory = chain.update(gradient, memory)
        params = optax.apply_updates(params, updates)
    reference.close(done.params["w"], params["w"], 1e-12)
    reference.close(done.params["b"], params["b"], 1e-12)
    reference.close(done.gradient_norms, norms, 1e-12)


@pytest.mark.parametrize("clip_by", ["norm", "value"])
def test_each_clip_moves_the_parameters_by_hand(clip_by):
    """Two steps of plain gradient descent at rate 1 on a constant gradient (3, 4)."""
    g = np.array([3.0, 4.0])
    step = {"norm": 2 * g / 5, "value": [2.0, 2.0]}[clip_by]  # a clip of 2
    done = fit(
        lambda p, b: p @ b,
        jnp.zeros(2),
        np.float32([g, g]),
        clip=2,
        clip_by=clip_by,
        optimiser=optax.sgd(1.0),
    )
    np.testing.assert_allclose(done.params, -2 * np.array(step), rtol=1e-6)
    np.testing.assert_allclose(done.gradient_norms, [5, 5], rtol=1e-6)


@pytest.mark.parametrize("clip_by", ["norm", "value"])
def test_clip_and_rate_may_differ_from_seed_to_seed(clip_by, x64):
    params, batches = stack(3)
    clips, rates = np.array([0.3, 4.0, np.inf]), np.array([0.1, 0.01, 0.03])
    sweep = fit(
        loss,
        params,
        batches,
        clip=clips,
        clip_by=clip_by,
        learning_rate=rates,
        over_seeds=True,
    )
    for i in range(3):
        p, b = jax.tree.map(lambda rows, i=i: rows[i], (params, batches))
        clip = None if i == 2 else float(clips[i])
        alone = fit(loss, p, b, clip=clip, clip_by=clip_by, learning_rate=rates[i])
        for one, other in zip(*map(jax.tree.leaves, (sweep, alone)), strict=True):
            reference.close(one[i], other, 1e-12)


def test_a_function_of_a_key_is_the_arrays_it_makes():
    params, key = draw()[0], jax.random.key(7)
    done = fit(loss, params, draw_batch, steps=STEPS, key=key)
    keys = jax.vmap(lambda t: jax.random.fold_in(key, t))(jnp.arange(STEPS))
    arrays = fit(loss, params, jax.vmap(draw_batch)(keys))
    for one, other in zip(*map(jax.tree.leaves, (done, arrays)), strict=True):
        reference.close(one, other, 1e-6)


def test_each_seed_draws_with_its_own_key(x64):
    params, key = stack(2)[0], jax.random.key(8)
    together = fit(loss, params, draw_batch, steps=STEPS, key=key, over_seeds=True)
    for i, own in enumerate(jax.random.split(key, 2)):
        p = jax.tree.map(lambda rows, i=i: rows[i], params)
        alone = fit(loss, p, draw_batch, steps=STEPS, key=own)
        for one, other in zip(*map(jax.tree.leaves, (together, alone)), strict=True):
            reference.close(one[i], other, 1e-12)


def test_same_key_same_bits_however_the_run_is_cut(monkeypatch, caplog):
    params = draw()[0]

    def run(seed):
        return fit(loss, params, draw_batch, steps=21, key=jax.random.key(seed))

    doubling, again, other = run(1), run(1), run(2)
    monkeypatch.setattr(progress, "CHUNK", -1)  # chunks of one step
    with jax.log_compiles():
        one_by_one = run(1)
    exact(doubling, again)
    exact(doubling, one_by_one)
    assert not np.array_equal(doubling.losses, other.losses)
    compiled = [r for r in caplog.messages if "Finished XLA" in r and "advance" in r]
    assert len(compiled) == 1, "21 chunks, one program"


def ctrl_c_after(chunks, monkeypatch):
    """SIGINT reaches Python while it looks at the clock after so many chunks."""
    looks = iter(range(2 * chunks))

    def clock():
        if next(looks, None) is None:
            raise KeyboardInterrupt
        return 0.0

    monkeypatch.setattr(progress, "monotonic", clock)


@pytest.mark.parametrize("over_seeds", [False, True])
def test_ctrl_c_keeps_what_was_trained(over_seeds, monkeypatch):
    params, batches = stack(2) if over_seeds else draw()
    whole = fit(loss, params, batches, optimiser=optax.sgd(0.1), over_seeds=over_seeds)
    ctrl_c_after(2, monkeypatch)  # chunks of 1 and 2 steps
    with pytest.warns(UserWarning, match="trained for 3 of 6 steps"):
        kept = fit(
            loss, params, batches, optimiser=optax.sgd(0.1), over_seeds=over_seeds
        )
    exact(kept.losses, whole.losses[..., :3])
    exact(kept.gradient_norms, whole.gradient_norms[..., :3])
    rows = jax.tree.map(lambda r: r[:, :3] if over_seeds else r[:3], batches)
    monkeypatch.undo()
    short = fit(loss, params, rows, optimiser=optax.sgd(0.1), over_seeds=over_seeds)
    for one, other in zip(*map(jax.tree.leaves, (kept, short)), strict=True):
        reference.close(one, other, 1e-6)


def test_ctrl_c_before_the_first_step_is_not_swallowed(monkeypatch):
    ctrl_c_after(0, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        fit(loss, *draw())


def test_a_real_signal_is_heard(monkeypatch):
    """SIGINT from outside, while the compiled loop is running."""
    key, started = jax.random.key(0), threading.Event()
    true_clock = progress.monotonic
    looks = iter(range(4))

    def clock():
        if next(looks, None) is None:
            started.set()
        return true_clock()

    def interrupt():
        started.wait(60)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(progress, "monotonic", clock)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.warns(UserWarning, match="interrupted: trained for"):
            kept = fit(loss, draw()[0], draw_batch, steps=3_000_000, key=key)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert 0 < len(kept.losses) == len(kept.gradient_norms) < 3_000_000
    assert np.all(np.isfinite(kept.losses)) and np.all(np.array(kept.losses) > 0)


def exploding(p, b):
    """Gradient descent at rate 3 on p^2 / 2 doubles p, with its sign turned."""
    return p**2 / 2 + 0 * b


def test_the_run_that_led_to_it_comes_with_the_error():
    with pytest.raises(FloatingPointError, match="norm was") as caught:
        fit(exploding, jnp.ones(()), jnp.ones(200), clip=None, optimiser=optax.sgd(3.0))
    said, run = str(caught.value), caught.value.fit
    t = len(run.losses)
    assert (
        f"not finite at step {t}" in said and 60 < t < 70
    )  # 2^64 squared is over 2^128
    np.testing.assert_allclose(run.gradient_norms, 2.0 ** np.arange(t))
    assert f"{run.gradient_norms[-1]:.3g}" in said
    assert np.isfinite(run.losses).all() and abs(run.params) == 2.0**t
    assert said.endswith("The gradient exploded: lower learning_rate or set clip.")


@pytest.mark.parametrize(
    ("clip", "data", "advice"),
    [
        (
            1.0,
            [1, 1, np.nan],
            "Look at the batch of step 2; if it is sound, lower lear",
        ),
        (1.0, [1, 1, np.nan], "learning_rate.$"),
        (None, [1, 1, np.nan], "lower learning_rate or set clip.$"),
        (2.0, [1, 1, 1e9, np.nan], "in spite of clip=2: lower learning_rate.$"),
        (1.0, [1, 1e9, np.nan], "was 1e.09, the median before it 1. The gradient expl"),
        (1.0, [np.inf, 1], "look at the initial params and the first batch.$"),
    ],
)
def test_advice_fits_the_case(clip, data, advice):
    with pytest.raises(FloatingPointError, match=advice):
        fit(lambda p, b: p * b, jnp.ones(()), jnp.array(data, jnp.float32), clip=clip)


class Terminal(io.StringIO):
    """What a terminal shows at the end: \\r goes back to the start of the line."""

    def left(self):
        shown = []
        for line in self.getvalue().split("\n"):
            row = ""
            for part in line.split("\r"):
                row = part + row[len(part) :]
            shown.append(row.rstrip())
        return shown


def long_run(monkeypatch, **options):
    """A fit that takes so long that its bar is shown, on this terminal."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "BAR_AFTER", -1.0)
    monkeypatch.setattr(progress, "CHUNK", -1.0)
    params, batches = draw()
    with contextlib.suppress(FloatingPointError):
        fit(loss, params, options.pop("batches", batches), **options)
    return terminal


def test_a_bar_is_shown_and_leaves_nothing_behind(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    terminal = long_run(monkeypatch)
    assert re.search(r"1/6 .*loss \d.*, gradient \d", terminal.getvalue())
    assert terminal.left() == [""]


def test_no_bar_stays_after_an_error_or_ctrl_c(monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    xs, ys = draw()[1]
    after_error = long_run(monkeypatch, batches=(xs, ys.at[4].set(jnp.nan)))
    assert "1/6" in after_error.getvalue() and after_error.left() == [""]
    kept, closed = [], []  # a bar that is kept is not closed by its own deletion

    def close(bar):
        closed.append((bar.n, bar.total))

    def interrupted(bar, run, done):
        kept.append(bar)
        raise KeyboardInterrupt

    monkeypatch.setattr(progress, "move", interrupted)
    monkeypatch.setattr(tqdm.auto.tqdm, "close", close)
    with pytest.warns(UserWarning, match="1 of 6 steps"):
        long_run(monkeypatch, progress=True)
    kept[0].disable = True  # nothing is left for its deletion to do
    assert closed == [(0, 0)]  # at its end: one that is not stays in a notebook, red


@pytest.mark.parametrize(
    ("disable", "option", "shown"),
    [("1", None, False), ("1", True, True), (None, False, False), (None, True, True)],
)
def test_the_switches_of_the_bar(disable, option, shown, monkeypatch):
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    if disable:
        monkeypatch.setenv("TQDM_DISABLE", disable)
    assert ("step" in long_run(monkeypatch, progress=option).getvalue()) == shown


def test_a_short_run_shows_no_bar(capfd):
    fit(loss, *draw(), progress=True)
    assert capfd.readouterr() == ("", "")


def test_lower_precision_stays_what_it_is():
    half = jnp.zeros(3, jnp.bfloat16)
    for clip_by in ("norm", "value"):
        done = fit(lambda p, b: p @ b, half, jnp.ones((2, 3)), clip_by=clip_by)
        assert done.params.dtype == jnp.bfloat16 and done.losses.dtype == jnp.float32


def carrying(params, batch, state):
    """A running mean of what came before is an input: state is not a parameter."""
    x, y = batch
    guess = x @ params["w"] + params["b"] + state["mean"]
    return jnp.mean((guess - y) ** 2), {"mean": 0.5 * state["mean"] + params["b"]}


def test_a_state_goes_from_step_to_step_and_no_gradient_with_it(x64):
    params, (xs, ys) = draw()
    run = fit(
        carrying, params, (xs, ys), optimiser=optax.sgd(0.1), clip=None, state=MEAN
    )
    w, b = np.asarray(params["w"]), float(params["b"])
    mean, losses = 2.0, []
    for x, y in zip(np.asarray(xs), np.asarray(ys), strict=True):
        error = x @ w + b + mean - y
        losses.append(np.mean(error**2))
        mean = 0.5 * mean + b  # with the parameters that met this batch
        w, b = w - 0.2 * x.T @ error / len(y), b - 0.2 * error.mean()
    np.testing.assert_allclose(run.losses, losses, rtol=1e-12)
    np.testing.assert_allclose(run.params["w"], w, rtol=1e-12)
    np.testing.assert_allclose(run.state["mean"], mean, rtol=1e-12)


def test_each_seed_carries_a_state_of_its_own(x64):
    (p, q), (first, second) = zip(draw(1), draw(2), strict=True)
    both = fit(
        carrying,
        jax.tree.map(lambda *leaves: jnp.stack(leaves), p, q),
        jax.tree.map(lambda *leaves: jnp.stack(leaves), first, second),
        state={"mean": jnp.asarray([2.0, -1.0])},
        over_seeds=True,
    )
    alone = fit(carrying, q, second, state={"mean": -1.0})
    np.testing.assert_allclose(both.losses[1], alone.losses, rtol=1e-12)
    np.testing.assert_allclose(both.state["mean"][1], alone.state["mean"], rtol=1e-12)


def test_a_run_is_watched_and_may_be_ended():
    params, batches = draw()
    seen = []
    whole = fit(loss, params, batches, watch=seen.append, every=4)
    assert [len(so_far.losses) for so_far in seen] == [4, STEPS]
    np.testing.assert_array_equal(seen[0].losses, whole.losses[:4])
    np.testing.assert_array_equal(seen[1].params["w"], whole.params["w"])
    assert np.any(seen[0].params["w"] != whole.params["w"])
    unwatched = fit(loss, params, batches)
    np.testing.assert_array_equal(unwatched.params["w"], whole.params["w"])

    ended = fit(loss, params, batches, watch=lambda run: len(run.losses) > 3, every=2)
    assert ended.losses.shape == ended.gradient_norms.shape == (4,)
    np.testing.assert_array_equal(ended.params["w"], seen[0].params["w"])


ARRAYS, SAMPLE = jnp.ones((6, 8, N)), dict(batches=draw_batch, steps=3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            dict(batches=()),
            ValueError,
            r"batches must hold arrays \(steps, ...\), .*\[\]",
        ),
        (dict(batches=(ARRAYS, ARRAYS[:5])), ValueError, r"\(6, 8, 3\), \(5, 8, 3\)"),
        (dict(batches=jnp.ones(())), ValueError, r"batches .*got shapes \[\(\)\]"),
        (
            dict(batches=ARRAYS[:0]),
            ValueError,
            "number of steps must be at least 1, got 0",
        ),
        (dict(over_seeds=True), ValueError, r"params must hold arrays \(seeds, ...\)"),
        (
            dict(params=jnp.ones(6), batches=jnp.ones(6), over_seeds=True),
            ValueError,
            r"batches must hold arrays \(seeds, steps, ...\)",
        ),
        (
            dict(params=jnp.ones(4), batches=ARRAYS, over_seeds=True),
            ValueError,
            "params is for 4 seeds, but batches for 6",
        ),
        (dict(steps=3), ValueError, "steps and key go with a function as batches"),
        (dict(key=jax.random.key(0)), ValueError, "steps and key go with a function"),
        (SAMPLE, ValueError, "it needs steps and key"),
        (SAMPLE | dict(steps=None, key=jax.random.key(0)), ValueError, "steps and key"),
        (SAMPLE | dict(key=3), TypeError, "key must be one jax.random.key, got 3"),
        (
            SAMPLE | dict(key=jax.random.split(jax.random.key(0))),
            TypeError,
            "must be one",
        ),
        (
            SAMPLE | dict(steps=0, key=jax.random.key(0)),
            ValueError,
            "steps must be at l",
        ),
        (
            dict(learning_rate=0.0),
            ValueError,
            "learning_rate must be positive, got 0.0",
        ),
        (
            dict(learning_rate="fast"),
            TypeError,
            "learning_rate must be a number, got 'f",
        ),
        (dict(learning_rate=np.ones(2)), ValueError, r"one number, got shape \(2,\)"),
        (dict(clip=-1.0), ValueError, "clip must be positive, got -1.0"),
        (dict(clip=np.nan), ValueError, "clip must be positive, got nan"),
        (
            dict(params=jnp.ones(6), batches=ARRAYS, clip=np.ones(2), over_seeds=True),
            ValueError,
            r"clip must be one number or one a seed, \(6,\), got shape \(2,\)",
        ),
        (
            dict(clip_by="size"),
            ValueError,
            "clip_by must be 'norm' or 'value', got 'size'",
        ),
        (dict(optimiser="sgd"), TypeError, "optimiser must be Gradient.*, got str"),
        (
            dict(optimiser=optax.sgd(0.1), learning_rate=0.1),
            ValueError,
            "learning_rate is for Adam; with an optimiser leave it out, got 0.1",
        ),
        (dict(loss=3), TypeError, "loss must be a function, got int"),
        (
            dict(loss=lambda p, b: p["w"]),
            TypeError,
            r"one float, got float32 of shape \(3",
        ),
        (
            dict(loss=lambda p, b: jnp.argmax(p["w"])),
            TypeError,
            "one float, got int32 of",
        ),
        (
            dict(loss=lambda p, b: None),
            TypeError,
            "must return one float, got NoneType",
        ),
        (
            dict(params={"w": jnp.arange(3)}),
            TypeError,
            r"params\['w'\] .* floats, got int",
        ),
        (dict(params={}), ValueError, "params must hold arrays to train, got {}"),
        (dict(watch=print), ValueError, "watch and every go together"),
        (dict(every=2), ValueError, "watch and every go together"),
        (dict(watch=3, every=2), TypeError, "watch must be a function, got int"),
        (dict(watch=print, every=0), ValueError, "every must be at least 1, got 0"),
        (dict(state={}), ValueError, "state must hold arrays, got none"),
        (dict(state=MEAN), TypeError, "takes 2 positional arguments but 3 were given"),
        (
            dict(loss=lambda p, b, s: loss(p, b), state=MEAN),
            TypeError,
            r"with a state, loss must return \(loss, state\), a pair",
        ),
        (
            dict(loss=lambda p, b, s: (loss(p, b), {"mean": p["w"]}), state=MEAN),
            ValueError,
            r"a state like the one given, .*\(\), .*got .*\(3,\)",
        ),
        (
            dict(
                params=jnp.ones(6),
                batches=ARRAYS,
                state=jnp.ones(5),
                over_seeds=True,
            ),
            ValueError,
            "params is for 6 seeds, but state is for 5",
        ),
    ],
)
def test_bad_input(change, error, message, as_readers_run_it):
    params, batches = draw()
    given = {"loss": loss, "params": params, "batches": batches} | change
    with pytest.raises(error, match=message):
        fit(**given)
