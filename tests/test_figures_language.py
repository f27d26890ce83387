"""Pictures of notebook 05: the numbers they show, against plain NumPy."""

import jax
import numpy as np
import pytest

from companion import text
from companion.explorers import language as explorers
from companion.figures import language, perplexity, sampling, style
from companion.figures.live import leaves
from companion.sampling import greedy


@pytest.fixture(scope="module")
def small():
    return language.small_model()


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def next_logits(small, prompt):
    """What the model says after a prompt: the last row, of one token more."""
    model, params, vocabulary = small
    ids = np.append(vocabulary.encode(list(prompt)), 0)
    return np.array(model.logits(params, ids), float)[-1]


def test_the_small_model_has_learned_something(small):
    model, params, vocabulary = small
    ids = vocabulary.encode(list(text.story("keeper")[:1000]))
    assert model.perplexity(params, ids) < len(vocabulary) / 4


def test_the_waterfall_falls_by_the_surprise_of_each_word():
    drawn = language.waterfall(("a", "b", "c"), (1.0, 0.5, 2.0), (1.1, 0.5, 1.9))
    (ax,) = drawn.fig.axes
    blocks = [bar for bar in ax.patches if bar.get_height()][:3]
    feet = [bar.get_y() for bar in blocks]
    np.testing.assert_allclose(feet, [-1, -1.5, -3.5])
    np.testing.assert_allclose([b.get_height() for b in blocks], [1, 0.5, 2])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [-1.1, -1.6, -3.5])
    said = [t.get_text() for t in ax.texts]
    assert said == ["P = 0.37", "P = 0.61", "P = 0.14"]
    with pytest.raises(ValueError, match="3 words, but 2 and 3 nats"):
        language.waterfall(("a", "b", "c"), (1.0, 0.5), (1.0, 1.0, 1.0))


def test_ratios_say_when_a_dot_is_outside():
    assert "outside" not in language.ratios((20.0, 50.0), 33).alt
    assert "outside" in language.ratios((20.0, 500.0), 33).alt


@pytest.mark.parametrize(
    ("gap", "weight"), [(0.0, 0.0), (2.0, 0.5), (4.0, 1.15), (6.0, 2.0)]
)
def test_pear_or_pair_is_bayes_rule(gap, weight):
    explorer = explorers.pear_or_pair()
    explorer.set(gap=gap, weight=weight)
    pear, pair = 0.33**weight, 0.01**weight * np.exp(gap)
    assert explorer.result == pytest.approx(pear / (pear + pair), rel=1e-9)
    title = explorer._artists[0]["title"].get_text()
    heard = "pear" if pear > pair else "pair"
    assert f"apple and {heard}" in title


def test_pear_or_pair_is_a_draw_where_the_two_balance():
    explorer = explorers.pear_or_pair()
    explorer.set(gap=round(np.log(33) * 4) / 4)
    low, high = explorer.sweep("weight", [0.95, 1.05])
    assert low < 0.5 < high


def test_trained_models_get_a_line_each():
    artists, weights, _ = explorers.pear_or_pair((20.0, 50.0))._artists
    at = np.searchsorted(weights, 1.0)
    ends = [line.get_ydata()[at] for line in artists["lines"]]
    expected = [1 / (1 + np.exp(2) / r) for r in (33, 20, 50)]
    np.testing.assert_allclose(ends, expected, rtol=1e-6)


def test_the_surprise_of_a_typed_sentence(small):
    model, params, vocabulary = small
    explorer = explorers.surprise(model, {"small": params}, vocabulary)
    sentence = "The cat ~ sat."
    explorer.set(sentence=sentence)
    typed, nats = explorer.result
    assert typed == sentence
    for t in (0, 4, 9, 13):
        p = softmax(next_logits(small, sentence[:t]))
        i = vocabulary.index.get(sentence[t], vocabulary.unk)
        assert nats[t] == pytest.approx(-np.log(p[i]), abs=1e-4)
    bars = explorer._artists[0]["bars"]
    np.testing.assert_allclose([b.get_height() for b in bars[:14]], nats, rtol=1e-6)
    assert not any(b.get_height() for b in bars[14:])
    assert bars[8].get_facecolor() != bars[7].get_facecolor()  # ~ is unknown
    said = explorer.describe()
    assert f"perplexity of {np.exp(nats.mean()):.1f}" in said


@pytest.mark.parametrize(
    ("temperature", "top_k"), [(0.5, "all"), (2.0, "5"), (1.0, "2"), (0.1, "1")]
)
def test_what_comes_next_is_tempered_and_cut(small, temperature, top_k):
    explorer = explorers.write()
    explorer.set(prompt="Wind W", temperature=temperature, top_k=top_k)
    p, said = explorer.result
    z = next_logits(small, "Wind W") / temperature
    z[:2] = -np.inf  # PAD and UNK are never written
    if top_k != "all":
        z[z < np.sort(z)[-int(top_k)]] = -np.inf
    np.testing.assert_allclose(p, softmax(z), atol=1e-4)
    heights = [bar.get_height() for bar in explorer._artists[0]["bars"]]
    np.testing.assert_allclose(heights, np.sort(p)[::-1][: len(heights)], atol=1e-6)
    page = explorer._artists[0]["page"].get_text()
    assert page.startswith("Wind W")
    assert page.replace("\n", "")[6:40] == said.replace("\n", "¶")[:34]


def test_a_take_is_a_take(small):
    explorer = explorers.write()
    explorer.set(temperature=1.0)
    first, again, other = (r[1] for r in explorer.sweep("take", [1, 1, 2]))
    assert first == again != other


def test_explorers_refuse_half_a_model(small):
    with pytest.raises(ValueError, match="or nothing"):
        explorers.write(small[0])


def test_a_temperature_table(small):
    model, params, vocabulary = small
    learnt, values = text.story("keeper"), (0.05, 1.0, 50.0)
    table = sampling.by_temperature(
        model, params, vocabulary, learnt, values, jax.random.key(0), most=120
    )
    assert table["entropy"][0] < 0.2
    assert table["entropy"][2] == pytest.approx(np.log(len(vocabulary)), abs=0.05)
    assert table["distinct"][0] < table["distinct"][1] < table["distinct"][2] <= 1
    assert table["words"][2] < 0.3 < table["words"][0]
    assert table["copied"][2] < table["copied"][1] + 4
    figure = sampling.temperatures(values, {"small": table}).fig
    for ax, key in zip(figure.axes, ("entropy", "distinct", "words"), strict=True):
        np.testing.assert_allclose(ax.lines[0].get_ydata(), table[key])


@pytest.mark.parametrize(
    ("shares", "said"),
    [
        ((0.2, 0.6, 1.0), "few when cold, nearly all different when hot"),
        ((0.91, 0.88, 0.98), "nearly all different throughout"),
        ((0.1, 0.2, 0.3), "few throughout"),
    ],
)
def test_the_trend_of_each_model_is_told(shares, said):
    table = {"distinct": shares, "entropy": (1, 2, 3), "words": (0.9, 0.5, 0.1)}
    assert f"one: {said}." in sampling.temperatures((0.5, 1, 2), {"one": table}).alt


def test_lengths_are_shares():
    (ax,) = sampling.lengths([2, 3, 3, 5], [0, 0, 0.5, 0.25, 0, 0.25], 4).fig.axes
    heights = [bar.get_height() for bar in ax.patches[:6]]
    np.testing.assert_allclose(heights, [0, 0, 0.25, 0.5, 0, 0.25])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0, 0, 0.5, 0.25, 0, 0.25])


@pytest.fixture(scope="module")
def pieces(small):
    """The small model and pieces of its story, other ones than the explorer's own."""
    model, params, vocabulary = small
    ids = vocabulary.encode(list(text.story("keeper")))
    cut = np.stack([ids[at : at + 50] for at in range(200, 16_000, 800)])
    return model, params, cut[:, :25], cut[:, 25:]


def test_the_ends_of_mixing_are_teacher_forcing_and_free_running(pieces):
    model, params, prompt, rest = pieces
    explorer = explorers.mixing(*pieces)
    both = np.concatenate([prompt, rest], axis=1)
    forced = np.asarray(model.logits(params, both).argmax(axis=-1))[:, 25:] == rest
    free = greedy(model, params, prompt, stop=None, most=25).ids == rest
    wanted = [np.asarray(hits).mean(axis=0) for hits in (free, forced)]
    assert wanted[0].mean() < wanted[1].mean() - 0.1, "far apart"
    for share, end in zip((0.0, 1.0), wanted, strict=True):
        explorer.set(share=share)
        np.testing.assert_allclose(explorer.result, [end, *wanted])
        said = f"share of {end.mean():.2f} is guessed right"
        assert said in explorer.describe()
        assert f"{share:.0%} of the way" in explorer.describe()
    ax, side = explorer.fig.axes
    for line, mean, end in zip(ax.lines, side.lines, wanted[::-1], strict=False):
        np.testing.assert_allclose(line.get_ydata(), end)  # they are drawn at 1 too
        np.testing.assert_allclose(mean.get_ydata(), end.mean())
    assert [line.get_label() for line in ax.lines[:2]] == [
        "teacher forcing",
        "free running",
    ]


def test_a_mix_is_drawn_and_told(pieces):
    explorer = explorers.mixing(*pieces)
    explorer.set(share=0.6)
    now, free, forced = explorer.result
    artists = explorer._artists[0]
    np.testing.assert_allclose(artists["line"].get_ydata(), now)
    np.testing.assert_allclose(artists["dot"].get_ydata(), now.mean())
    assert artists["said"].get_text() == f"{now.mean():.2f}"
    way = (now.mean() - free.mean()) / (forced.mean() - free.mean())
    assert 0.2 < way < 0.9
    assert f"so this is {way:.0%} of the way" in explorer.describe()
    assert f"Over 25 characters a share of {now.mean():.2f}" in explorer.describe()


def test_where_the_ends_are_one_there_is_no_way_to_tell(pieces):
    model, params, prompt, rest = pieces
    explorer = explorers.mixing(model, params, prompt, rest[:, :1])
    # the first guess has no choice of input
    assert explorer.describe().endswith(" with teacher forcing.")


def test_mixing_needs_all_of_it_or_nothing(pieces):
    with pytest.raises(ValueError, match="its params, prompt and rest, or nothing"):
        explorers.mixing(*pieces[:3])
    with pytest.raises(ValueError, match="truth has shape"):
        explorers.mixing(*pieces[:3], pieces[3][:2])


def test_the_gauge_begins_with_a_uniform_guess():
    drawn = perplexity.gauge({"story": [20.0, 8.0, 9.0]}, 60, {"story": 2.0})
    (ax,) = drawn.fig.axes
    np.testing.assert_allclose(ax.lines[0].get_xdata(), [-1, 0, 1, 2])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [60, 20, 8, 9])
    np.testing.assert_allclose(ax.lines[1].get_ydata(), 2)
    assert "8.0 at order 1" in drawn.alt


@pytest.mark.parametrize(
    ("end", "said"), [(30.0, "rises far above"), (5.0, "stays low")]
)
def test_epochs_tell_memorising_from_learning(end, said):
    train, held = np.geomspace(20, 1.1, 9), np.geomspace(20, 6, 9)
    held[-1] = end
    drawn = perplexity.epochs({"story": [[train, held]]}, {"story": 7.0})
    lines = drawn.fig.axes[0].lines
    np.testing.assert_allclose(lines[0].get_ydata(), train)
    np.testing.assert_allclose(lines[1].get_ydata(), held)
    np.testing.assert_allclose(lines[2].get_ydata(), 7)
    assert said in drawn.alt


def test_everything_that_changes_is_listed():
    for name in explorers.__all__:
        build = getattr(explorers, name)
        explorer = build()
        assert len(list(leaves(explorer._artists))) >= 3
        explorer.png()
        for name, control in explorer.controls.items():
            with style.drawing():
                explorer.set(**{name: control.corners()[-1]})
            assert not explorer.fig.stale, f"{name} changes what is not listed"
