"""Language models: the chain rule, one term at a time, and what a state carries."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference

from companion import sampling
from companion.cells import GRU, LSTM, RNN
from companion.feedback import Carried
from companion.language import LanguageModel
from companion.layers import Bidirectional, Stacked
from companion.models import ModelParams
from companion.unroll import unroll

SIZE, EOS = 5, 2
LENGTHS = np.array([7, 3, 1])
IDS = np.random.default_rng(0).integers(0, SIZE, (3, 7))


def draw(cell, name):
    rng = np.random.default_rng(1)
    p = reference.draw_params(name, rng, SIZE)
    readout = rng.normal(size=(SIZE, reference.N_A)), rng.normal(size=SIZE)
    model = LanguageModel(cell, SIZE)
    empty = jax.eval_shape(model.init, jax.random.key(0))
    assert jax.tree.map(jnp.shape, dict(empty.layer._asdict())) == {
        k: np.shape(v) for k, v in p.items()
    }
    params = ModelParams(
        cell.Params(**{k: jnp.asarray(v) for k, v in p.items()}),
        type(empty.readout)(*map(jnp.asarray, readout)),
    )
    return model, params, (p, *readout)


def surprises(step, fields, weights, ids, before=EOS):
    """-log P of each token of one text, by a slow loop; the state at the end."""
    p, W_y, b_y = weights
    state, nats = (np.zeros(reference.N_A),) * fields, []
    for y in ids:
        state = step(p, state, np.eye(SIZE)[before])
        z = W_y @ state[0] + b_y
        nats.append(-np.log(np.exp(z[y]) / np.exp(z).sum()))
        before = y
    return np.array(nats), state


@pytest.fixture(scope="module")
def tiny():
    model = LanguageModel(Stacked((GRU(4), LSTM(3))), SIZE)
    shapes = jax.eval_shape(model.init, jax.random.key(0))
    rng = np.random.default_rng(2)
    return model, jax.tree.map(
        lambda s: jnp.asarray(rng.normal(0, 1, s.shape), s.dtype), shapes
    )


def test_log_prob_is_the_sum_of_the_conditionals(x64):
    model, params, weights = draw(LSTM(reference.N_A), "lstm")
    wanted = [
        surprises(reference.lstm, 2, weights, ids[:length])[0]
        for ids, length in zip(IDS, LENGTHS, strict=True)
    ]
    padded = np.where(np.arange(7) < LENGTHS[:, None], IDS, -9)
    got = np.asarray(model.surprise(params, padded, LENGTHS))
    for row, nats, length in zip(got, wanted, LENGTHS, strict=True):
        reference.close(row[:length], nats, 1e-12)
        assert not row[length:].any()
    sums = [nats.sum() for nats in wanted]
    reference.close(model.log_prob(params, padded, LENGTHS), -np.array(sums), 1e-12)
    perplexity = np.exp(np.concatenate(wanted).mean())
    reference.close(model.perplexity(params, padded, LENGTHS), perplexity, 1e-12)
    bits = model.bits_per_character(params, padded, 20, LENGTHS)
    reference.close(bits, sum(sums) / np.log(2) / 20, 1e-12)
    # one text needs no batch axis
    reference.close(model.log_prob(params, IDS[0]), -sums[0], 1e-12)
    reference.close(model.logits(params, IDS[0]).shape, (7, SIZE), 0)


def test_all_texts_together_have_probability_one(tiny):
    """Those that end within n tokens, and those that go on after n."""
    model, params = tiny
    n, others = 4, [i for i in range(SIZE) if i != EOS]
    ended = [
        (*text, EOS)
        for length in range(n)
        for text in itertools.product(others, repeat=length)
    ]
    going_on = list(itertools.product(others, repeat=n))
    rows = [(*text, *[0] * (n - len(text))) for text in ended + going_on]
    lengths = np.array([len(text) for text in ended + going_on])
    p = np.exp(model.log_prob(params, np.array(rows), lengths))
    assert p.min() > 0 and p[: len(ended)].sum() < 0.99
    np.testing.assert_allclose(p.sum(), 1, rtol=1e-5)


def test_a_token_does_not_see_itself(tiny):
    model, params = tiny
    plain = np.asarray(model.logits(params, IDS[0]))
    for t in range(7):
        other = IDS[0].copy()
        other[t] = (other[t] + 1) % SIZE
        changed = np.asarray(model.logits(params, other))
        np.testing.assert_array_equal(changed[: t + 1], plain[: t + 1])
        assert (changed[t + 1 :] != plain[t + 1 :]).any(axis=1).all()


@pytest.mark.parametrize("cut", [1, 3, 6])
def test_two_windows_with_the_state_carried_are_one(tiny, cut):
    model, params = tiny
    whole, end = model.read(params, IDS)
    first, state = model.read(params, IDS[:, :cut])
    second, last = model.read(params, IDS[:, cut:], state=state)
    both = np.concatenate([first, second], axis=1)
    np.testing.assert_allclose(both, whole, rtol=1e-5, atol=1e-6)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), last, end)
    assert last.x.tolist() == IDS[:, -1].tolist()
    parts = model.log_prob(params, IDS[:, :cut]) + model.log_prob(
        params, IDS[:, cut:], state=state
    )
    np.testing.assert_allclose(parts, model.log_prob(params, IDS), rtol=1e-5)


def test_what_is_carried_out_of_a_padded_window(tiny):
    """Each text is left where it ended; one of length 0 where it was."""
    model, params = tiny
    lengths = np.array([7, 3, 0])
    start = model.start(params, 3, before=[EOS, 4, 1])
    state = model.read(params, IDS, lengths, start)[1]
    assert state.x.tolist() == [IDS[0, 6], IDS[1, 2], 1]
    alone = model.start(params, before=4)
    alone = model.read(params, IDS[1, :3], state=alone)[1]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a[1], b, 1e-5), state, alone)
    assert not any(s[2].any() for s in jax.tree.leaves(state.state))


def test_a_window_cut_out_of_a_text_starts_after_the_token_before_it(x64):
    model, params, weights = draw(RNN(reference.N_A), "rnn")
    state = model.start(params, 3, before=IDS[:, 0])
    got = model.surprise(params, IDS[:, 1:], state=state)
    for row, ids in zip(got, IDS, strict=True):
        wanted, _ = surprises(reference.rnn, 1, weights, ids[1:], before=ids[0])
        reference.close(row, wanted, 1e-12)


def test_the_state_can_be_carried_through_a_compiled_loop(tiny):
    model, params = tiny
    windows = jnp.asarray(IDS[:, :6].reshape(3, 3, 2).swapaxes(0, 1))

    def body(state, window):
        logits, state = model.read(params, window, state=state)
        return state, logits

    loop = jax.jit(lambda start: jax.lax.scan(body, start, windows))
    logits = loop(model.start(params, 3))[1]
    whole = model.logits(params, IDS[:, :6])
    np.testing.assert_allclose(
        logits.swapaxes(0, 1).reshape(whole.shape), whole, rtol=1e-5, atol=1e-6
    )


def test_a_uniform_model_has_the_size_as_perplexity(tiny):
    model, params = tiny
    flat = params._replace(readout=jax.tree.map(jnp.zeros_like, params.readout))
    assert model.perplexity(flat, IDS) == pytest.approx(SIZE)
    bits = model.bits_per_character(flat, IDS, IDS.size)
    assert bits == pytest.approx(np.log2(SIZE))


def test_a_deep_output_is_a_network_between_state_and_logits():
    model = LanguageModel(GRU(4), SIZE, inner=(6,))
    assert model != LanguageModel(GRU(4), SIZE)
    params = model.init(jax.random.key(1))
    read = jnp.concatenate([jnp.full((3, 1), EOS), IDS[:, :-1]], axis=1)
    a = np.asarray(unroll(model.layer, params.layer, read.T).a).swapaxes(0, 1)
    W, b = params.readout.W_y, params.readout.b_y
    z = np.tanh(a @ np.asarray(W[0]).T + b[0]) @ np.asarray(W[1]).T + b[1]
    np.testing.assert_allclose(model.logits(params, IDS), z, atol=1e-6)
    carried = model.start(params, (3,))
    for t in range(7):
        logits, carried = model.step(params, carried.state, carried.x)
        carried = Carried(carried, jnp.asarray(IDS[:, t]))
        np.testing.assert_allclose(logits, z[:, t], atol=1e-5)


def test_options_reach_the_layer(tiny):
    model, params = tiny

    def gradient(**options):
        def loss(params):
            return -model.log_prob(params, IDS, **options).sum()

        return jax.jit(jax.grad(loss))(params).layer[0].W_c

    assert not np.allclose(gradient(), gradient(window=2), rtol=1e-3)


def test_samples_are_as_frequent_as_log_prob_says(tiny):
    """The model that draws and the model that scores are one."""
    model, params = tiny
    n = 5000
    ids, lengths = sampling.sample(model, params, jax.random.key(0), batch=n, most=2)
    texts, index, counts = np.unique(
        np.asarray(ids), axis=0, return_index=True, return_counts=True
    )
    p = np.exp(model.log_prob(params, texts, np.asarray(lengths)[index]))
    noise = np.sqrt(2 * p * (1 - p) / (np.pi * n)).sum() / 2
    assert np.abs(counts / n - p).sum() / 2 < 3 * noise


@pytest.mark.parametrize("batch", [(), 3])
def test_sampling_goes_on_after_a_prompt(tiny, batch):
    model, params = tiny
    options = {"most": 6, "stop": None}
    if batch:
        ids = sampling.greedy(model, params, IDS[:, :3], batch, **options).ids
        shared = sampling.greedy(model, params, IDS[1, :3], batch, **options).ids
        assert shared.tolist() == [ids[1].tolist()] * 3
        assert sampling.greedy(model, params, IDS[:, :3], **options).ids.shape == (3, 6)
    else:
        ids = sampling.greedy(model, params, IDS[0, :3], **options).ids[None]
    for prompt, row in zip(IDS[:, :3], ids, strict=False):
        text = np.concatenate([prompt, row])
        logits = np.asarray(model.logits(params, text))
        np.testing.assert_array_equal(row, logits.argmax(axis=-1)[3:])


@pytest.mark.parametrize("T", [1, 3, 4])
def test_a_prompt_leaves_the_model_where_reading_it_does(tiny, T):
    """Whatever it is filled up with on the way."""
    model, params = tiny
    for batch in ((), (3,)):
        wanted = model.read(params, IDS[:, :T])[1]
        got = model.begin(params, IDS[:, :T], batch)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-5), got, wanted)
        assert got.x.tolist() == IDS[:, T - 1].tolist()
    shared = model.begin(params, IDS[1, :T].tolist(), (2,))
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, [b[1]] * 2, 1e-5), shared, wanted
    )


def test_sampling_goes_on_after_a_text_that_was_read(tiny):
    model, params = tiny
    state = model.read(params, IDS)[1]
    got = sampling.continued(model, params, state, most=4)
    wanted = sampling.greedy(model, params, IDS, most=4)
    np.testing.assert_array_equal(got.ids, wanted.ids)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (
            lambda m, p: LanguageModel(Bidirectional(RNN(3)), SIZE),
            ValueError,
            "layer must read left to right, got Bidirectional.* cannot generate",
        ),
        (
            lambda m, p: LanguageModel(RNN(3), 3),
            ValueError,
            "size must be more than the 3 special tokens, got 3",
        ),
        (
            lambda m, p: LanguageModel(RNN(3), "ab"),
            TypeError,
            "size must be an integer, got 'ab'",
        ),
        (
            lambda m, p: m.log_prob(p, [1, 5]),
            ValueError,
            "ids holds token ids from 1 to 5, but the vocabulary of size 5",
        ),
        (
            lambda m, p: m.log_prob(p, [1.0]),
            TypeError,
            "ids must hold integers, got float32",
        ),
        (lambda m, p: m.log_prob(p, "lamp"), TypeError, "ids must be an array"),
        (
            lambda m, p: m.perplexity(p, np.zeros((2, 0), int)),
            ValueError,
            r"ids has shape \(2, 0\), but needs \(..., T\) with T >= 1",
        ),
        (
            lambda m, p: m.surprise(p, IDS, [7, 8, 1]),
            ValueError,
            "lengths runs from 1 to 8, but T is 7",
        ),
        (
            lambda m, p: m.surprise(p, IDS, 7),
            ValueError,
            r"lengths has shape \(\), but a batch of shape \(3,\)",
        ),
        (
            lambda m, p: m.perplexity(p, IDS, [0, 0, 0]),
            ValueError,
            "mask leaves no token that counts",
        ),
        (
            lambda m, p: m.logits(p.layer, IDS),
            TypeError,
            "params must be ModelParams, got tuple",
        ),
        (
            lambda m, p: LanguageModel(RNN(4), SIZE).logits(p, IDS),
            TypeError,
            "params: RNN needs RNNParams, got tuple",
        ),
        (
            lambda m, p: LanguageModel(m.layer, 6).logits(p, IDS),
            ValueError,
            r"params.W_y \(5, 3\), but Readout\(n_y=6\) needs",
        ),
        (
            lambda m, p: m.logits(p, IDS, state=m.start(p, 2)),
            ValueError,
            r"state is that of a batch \(2,\), but ids has shape \(3, 7\)",
        ),
        (
            lambda m, p: m.logits(p, IDS, state=m.start(p, 3).state),
            TypeError,
            "state must be Carried, got tuple",
        ),
        (
            lambda m, p: m.logits(p, IDS, state=Carried(None, jnp.zeros(3))),
            TypeError,
            "state.x must hold integers, got float32",
        ),
        (
            lambda m, p: m.start(p, 3, before=[1, 2]),
            ValueError,
            r"before has shape \(2,\), but needs \(3,\)",
        ),
        (
            lambda m, p: m.start(p, before=5),
            ValueError,
            "before holds token ids from 5 to 5",
        ),
        (
            lambda m, p: m.bits_per_character(p, IDS, 0),
            ValueError,
            "characters must be positive, got 0",
        ),
        (
            lambda m, p: sampling.greedy(m, p, [3, 9]),
            ValueError,
            "start holds token ids from 3 to 9",
        ),
        (
            lambda m, p: sampling.greedy(m, p, "the lamp"),
            TypeError,
            "start must be an array, got str",
        ),
        (
            lambda m, p: sampling.greedy(m, p, IDS, 2),
            ValueError,
            r"start has shape \(3, 7\), but a batch of \(2,\) needs one prompt",
        ),
    ],
)
def test_bad_input(call, error, message, tiny, as_readers_run_it):
    with pytest.raises(error, match=message):
        call(*tiny)
