"""Teddy and Lincoln, written a second time in plain strings, and their ceilings."""

import itertools
import math
from collections import Counter, defaultdict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from companion.cells import RNN
from companion.layers import Bidirectional, Stacked
from companion.models import ManyToMany
from companion.streaming import Chunked, LookAhead, latency
from companion.tasks.clauses import Grammar
from companion.tasks.tagging import FILLERS, TAGS, Lincoln, Teddy

TEDDY, LINCOLN = Teddy(), Lincoln()
BOTH = pytest.mark.parametrize("grammar", [TEDDY, LINCOLN], ids=["teddy", "lincoln"])
WAITS = {0: 0.4, 1: 0.3, 2: 0.2, 3: 0.1}


def teddy():
    """text -> (tag of the ambiguous word, probability), from the docstring's lines."""
    found = {}
    for d, share in WAITS.items():
        for row in itertools.product(FILLERS, repeat=d):
            p, between = share / 4**d, " ".join(("", *row, ""))
            for who in ("he", "she"):
                begin = f"{who} said teddy{between}"
                found[begin + "roosevelt"] = "PER", 0.4 * p / 2 * 0.6
                found[begin + "bears"] = "TOY", 0.4 * p / 2 * 0.4
            for left, right, tag in (
                ("bought", "asleep", "TOY"),
                ("bought", "thriving", "PLACE"),
                ("visited", "asleep", "PER"),
                ("visited", "unsold", "PLACE"),
                ("hugged", "unsold", "TOY"),
                ("hugged", "thriving", "PER"),
            ):
                found[f"they {left} victoria{between}{right}"] = tag, 0.4 * p / 6
    for before, tag in (
        ("mr", "PER"),
        ("mrs", "PER"),
        ("in", "PLACE"),
        ("near", "PLACE"),
    ):
        for name, verb in itertools.product(("paris", "jordan"), ("slept", "sang")):
            found[f"{before} {name} they {verb}"] = tag, 0.2 / 16
    return found


def lincoln():
    found = {}
    for d, share in WAITS.items():
        for row in itertools.product(FILLERS, repeat=d):
            between = " ".join(("", *row, ""))
            for left, right in itertools.product(("really", "not"), ("man", "town")):
                person = (left == "really") ^ (right == "town")
                found[f"it was {left} lincoln{between}the {right}"] = (
                    "PER" if person else "PLACE",
                    share / 4**d / 4,
                )
    return found


SPELLED = {TEDDY: teddy(), LINCOLN: lincoln()}
NAMES = {"teddy", "paris", "jordan", "victoria", "lincoln"}


def asked_in(words):
    return next(i for i, word in enumerate(words) if word in NAMES)


def ceiling(grammar, view):
    """The best accuracy of whoever sees view(words, i) of a clause."""
    mass = defaultdict(Counter)
    for text, (tag, p) in SPELLED[grammar].items():
        words = text.split()
        mass[view(words, asked_in(words))][tag] += p
    return sum(max(tags.values()) for tags in mass.values())


# --- the grammars -------------------------------------------------------------------


@BOTH
def test_the_clauses_are_those_of_the_docstring(grammar):
    got = {" ".join(c.words): c for c in grammar.clauses}
    assert len(got) == len(grammar.clauses) == {TEDDY: 866, LINCOLN: 340}[grammar]
    assert set(got) == set(SPELLED[grammar])
    for text, (tag, p) in SPELLED[grammar].items():
        clause = got[text]
        assert clause.asked == asked_in(clause.words)
        assert clause.tags[clause.asked] == tag
        assert math.isclose(clause.probability, p)
    assert grammar.n_x == {TEDDY: 28, LINCOLN: 14}[grammar]
    assert grammar.vocabulary[:2] == ("<PAD>", "and")
    assert grammar.n_y == len(TAGS) == 4


@BOTH
def test_the_rows_are_the_clauses(grammar):
    rows = grammar.enumerated
    assert math.isclose(rows.probability.sum(), 1)
    for i, clause in enumerate(grammar.clauses):
        n = len(clause.words)
        assert grammar.words(rows.xs[i]) == " ".join(clause.words)
        np.testing.assert_array_equal(
            rows.xs[i, :n], grammar.encode(" ".join(clause.words))
        )
        assert [TAGS[t] for t in rows.ys[i, :n]] == list(clause.tags)
        assert not rows.xs[i, n:].any() and not rows.ys[i, n:].any()
        assert rows.lengths[i] == n == rows.mask[i].sum() and rows.mask[i, :n].all()
        assert rows.asked[i].nonzero()[0].tolist() == [clause.asked]
        assert rows.decided[i] == clause.decided
    with pytest.raises(ValueError, match="read-only"):
        rows.xs[0, 0] = 3


@BOTH
def test_samples_are_clauses_joined_by_and(grammar):
    drawn = jax.tree.map(np.asarray, grammar.sample(jax.random.key(0), 6000))
    assert drawn.xs.shape == (6000, grammar.T) == drawn.ys.shape
    tags = {" ".join(c.words): c.tags for c in grammar.clauses}
    numbers, seen = Counter(), Counter()
    for x, y, mask, asked, n in zip(*drawn, strict=True):
        assert mask[:n].all() and not mask[n:].any()
        assert not x[n:].any() and not y[n:].any()
        words = grammar.words(x).split()
        assert len(words) == n
        parts = " ".join(words).split(" and ")
        numbers[len(parts)] += 1
        seen.update(parts)
        tagged = list(tags[parts[0]])
        for part in parts[1:]:
            tagged += ["O", *tags[part]]
        assert [TAGS[t] for t in y[:n]] == tagged
        assert [words[i] in NAMES for i in range(n)] == asked[:n].tolist()
        assert not asked[n:].any()
    for n in (1, 2, 3):
        assert abs(numbers[n] / 6000 - 1 / 3) < 0.03
    # how often: chi-square over the clauses, n - 1 degrees, 5 standard deviations
    total, k = seen.total(), len(tags)
    chi = sum(
        (seen[text] - total * p) ** 2 / (total * p)
        for text, (_, p) in SPELLED[grammar].items()
    )
    assert abs(chi - (k - 1)) < 5 * math.sqrt(2 * k) * 1.5


def test_other_hesitation_and_other_numbers_of_clauses():
    grammar = Teddy(hesitation=(0.5, 0, 0.5), joined=(2,))
    assert grammar.T == 2 * 7 - 1
    drawn = grammar.sample(jax.random.key(1), (3, 50))
    texts = [grammar.words(row) for row in np.asarray(drawn.xs).reshape(-1, grammar.T)]
    parts = [part for text in texts for part in text.split(" and ")]
    assert len(parts) == 300
    pauses = {sum(word in FILLERS for word in part.split()) for part in parts}
    assert pauses == {0, 2}
    assert grammar.ceiling(1) == pytest.approx(0.64 + 0.5 * 0.36)
    jax.tree.map(
        np.testing.assert_array_equal, drawn, grammar.sample(jax.random.key(1), (3, 50))
    )


# --- the ceilings -------------------------------------------------------------------


def test_the_ceilings_of_teddy():
    got = [TEDDY.ceiling(k) for k in range(7)]
    assert got == pytest.approx([0.640, 0.784, 0.892, 0.964, 1, 1, 1], abs=1e-12)
    kinds = [TEDDY.ceiling(decided=kind) for kind in ("right", "left", "both")]
    assert kinds == pytest.approx([0.6, 1, 0.5])
    assert TEDDY.ceiling(None) == pytest.approx(1)
    assert TEDDY.ceiling(None, behind=0) == pytest.approx(0.7)
    kinds = [TEDDY.ceiling(None, 0, decided=kind) for kind in ("right", "left", "both")]
    assert kinds == pytest.approx([1, 0.5, 0.5])


def test_the_ceilings_of_lincoln():
    assert LINCOLN.ceiling() == pytest.approx(0.5)
    assert LINCOLN.ceiling(None, behind=0) == pytest.approx(0.5)
    assert LINCOLN.ceiling(None) == pytest.approx(1)
    got = [LINCOLN.ceiling(k) for k in range(6)]
    assert got == pytest.approx([0.5, 0.5, 0.7, 0.85, 0.95, 1])


@BOTH
@given(ahead=st.none() | st.integers(0, 8), behind=st.none() | st.integers(0, 4))
def test_a_ceiling_bets_on_the_likeliest_of_what_looks_alike(grammar, ahead, behind):
    def view(words, i):
        left = words[:i] if behind is None else words[max(i - behind, 0) : i]
        right = words[i + 1 :] if ahead is None else words[i + 1 : i + 1 + ahead]
        return tuple(left), words[i], tuple(right)

    got = grammar.ceiling(ahead, behind)
    assert got == pytest.approx(ceiling(grammar, view), abs=1e-12)
    more = grammar.ceiling(None if ahead is None else ahead + 1, behind)
    assert more >= got - 1e-12


def test_a_ceiling_where_the_view_depends_on_the_place():
    assert TEDDY.ceiling([2] * 7) == pytest.approx(TEDDY.ceiling(2))
    waits = latency(Chunked(Bidirectional(RNN(2)), 4), 40)
    # the name stands third in "right" and "both", so it waits 1, 0, 3, 2 more words;
    # "left" needs none
    got = [TEDDY.ceiling(waits[start:]) for start in range(4)]
    wanted = [TEDDY.ceiling(k) for k in (1, 0, 3, 2)]
    assert got == pytest.approx(wanted)


def test_beliefs_are_bayes():
    left = TEDDY.belief("he said teddy um bears")
    assert left == pytest.approx({"O": 0, "PER": 0.6, "TOY": 0.4, "PLACE": 0})
    sure = TEDDY.belief("he said teddy um bears", 2)
    assert sure == pytest.approx({"O": 0, "PER": 0, "TOY": 1, "PLACE": 0})
    both = "they bought victoria asleep".split()
    assert TEDDY.belief(both)["PER"] == 0
    assert TEDDY.belief(both)["PLACE"] == pytest.approx(0.5)
    assert TEDDY.belief(both, None, 0)["PER"] == pytest.approx(0.5)
    assert TEDDY.belief(both, None)["TOY"] == pytest.approx(1)


# --- scoring ------------------------------------------------------------------------


def logits_of(grammar, say):
    """Logits of a tagger that says say(words, i) of every clause."""
    rows = grammar.enumerated
    logits = np.zeros((*rows.xs.shape, len(TAGS)))
    for i, clause in enumerate(grammar.clauses):
        for t in range(len(clause.words)):
            logits[i, t, TAGS.index(say(clause.words, t))] = 1
    return logits


def test_accuracy_is_the_sum_over_the_clauses():
    right = logits_of(TEDDY, lambda words, t: SPELLED[TEDDY][" ".join(words)][0])
    assert TEDDY.accuracy(right) == pytest.approx(1, abs=1e-12)
    per = logits_of(TEDDY, lambda words, t: "PER")
    # 0.6 of "right", half of "left", a third of "both"
    assert TEDDY.accuracy(per) == pytest.approx(0.4 * 0.6 + 0.2 / 2 + 0.4 / 3)
    assert TEDDY.accuracy(per, decided="both") == pytest.approx(1 / 3)
    both = TEDDY.accuracy(np.stack([right, per, right])[:, None])
    assert both.shape == (3, 1)
    assert both[:, 0] == pytest.approx([1, float(TEDDY.accuracy(per)), 1])


def test_only_the_ambiguous_word_is_asked():
    right = logits_of(TEDDY, lambda words, t: SPELLED[TEDDY][" ".join(words)][0])
    rows = TEDDY.enumerated
    other = np.where(rows.asked[..., None], right, np.nan)
    assert TEDDY.accuracy(other) == pytest.approx(1)


@BOTH
def test_no_left_to_right_tagger_passes_its_ceiling(grammar):
    """Random networks, whose outputs depend on the clause in any way there is."""
    rows = grammar.enumerated
    for layer, k in ((RNN(8), 0), (LookAhead(RNN(8), 2), 2)):
        model = ManyToMany(layer, 4)
        several = [reference.random_params(model, grammar.n_x, s) for s in range(20)]
        params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
        logits = jax.vmap(lambda p, m=model: m.logits(p, rows.xs, rows.lengths))(params)
        assert grammar.accuracy(logits).max() <= grammar.ceiling(k) + 1e-12
        # the best readout of those states, one answer for each state, gets there
        state = np.asarray(logits)[0][rows.asked].round(4)
        mass = defaultdict(Counter)
        for seen, tag, p in zip(
            state, rows.ys[rows.asked], rows.probability, strict=True
        ):
            mass[tuple(seen)][tag] += p
        best = sum(max(tags.values()) for tags in mass.values())
        assert best == pytest.approx(grammar.ceiling(k), abs=1e-9)


def test_rows_after_a_prefix():
    rows = TEDDY.after("mr paris they sang")
    for i in (0, 400, 865):
        clause = TEDDY.clauses[i]
        assert TEDDY.words(rows.xs[i]) == "mr paris they sang and " + " ".join(
            clause.words
        )
        assert rows.lengths[i] == 5 + len(clause.words) == rows.mask[i].sum()
        assert rows.asked[i].nonzero()[0].tolist() == [5 + clause.asked]
        assert TAGS[rows.ys[i, 5 + clause.asked]] == clause.tags[clause.asked]
    logits = np.zeros((*rows.xs.shape, 4))
    logits[rows.asked] = np.eye(4)[rows.ys[rows.asked]]
    assert TEDDY.accuracy(logits, rows=rows) == pytest.approx(1)


# --- Lincoln: why both directions in one layer are not enough ------------------------


def test_additive_scores_get_three_of_four():
    """All f, g with values on a grid: no choice gets all four, some get three."""
    values = np.arange(-4, 5)
    f0, f1, g0, g1 = np.meshgrid(*[values] * 4, indexing="ij")
    person = lambda score: score >= 0  # noqa: E731  argmax takes the first: a tie is PER
    right = (
        person(f0 + g0).astype(int)  # really man
        + person(f1 + g1)  # not town
        + ~person(f0 + g1)  # really town
        + ~person(f1 + g0)  # not man
    )
    assert right.max() / 4 == Lincoln.additive_ceiling
    # the example of the docstring
    at = {value: int((values == value).argmax()) for value in (-1, 0, 1, 2)}
    assert right[at[1], at[-1], at[0], at[2]] == 3


def test_one_bidirectional_layer_stays_below_three_quarters():
    """Also with the best readout that gradient descent finds for random states."""
    rows = LINCOLN.enumerated
    at, tag = rows.asked.argmax(axis=-1), rows.ys[rows.asked]
    one, two = Bidirectional(RNN(12)), Stacked((Bidirectional(RNN(12)),) * 2)
    found = {}
    for name, layer in (("one", one), ("two", two)):
        model = ManyToMany(layer, 4)
        several = [reference.random_params(model, LINCOLN.n_x, s) for s in range(6)]
        params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *several)
        run = jax.vmap(lambda p, m=model: m.run(p, rows.xs, rows.lengths).outputs)(
            params
        )
        best = []
        for outputs in np.asarray(run):  # (T, n, 24)
            a = np.concatenate(
                [outputs[at, np.arange(len(at))], np.ones((len(at), 1))], 1
            )
            side = np.where(tag == TAGS.index("PER"), 1.0, -1.0)
            root = np.sqrt(rows.probability)[:, None]
            w = np.linalg.lstsq(a * root, side[:, None] * root, rcond=None)[0][:, 0]
            best.append(((a @ w > 0) == (side > 0)) @ rows.probability)
        found[name] = np.array(best)
    assert found["one"].max() <= Lincoln.additive_ceiling + 1e-9
    assert found["two"].min() > Lincoln.additive_ceiling


def test_a_one_layer_network_reaches_three_quarters(x64):
    """The example of the docstring, as weights: f and g are the states of two units.

    Each cell holds the sign of the latest clue it has read.
    """
    ids = {word: i for i, word in enumerate(LINCOLN.vocabulary)}
    weights = {"forward": ("really", "not"), "backward": ("town", "man")}
    layers = {}
    for side, (up, down) in weights.items():
        W = np.zeros((1, 1 + LINCOLN.n_x))
        W[0, 0] = 3.0  # tanh(3 a) holds a at about 1 or -1
        W[0, 1 + ids[up]], W[0, 1 + ids[down]] = 20, -20
        layers[side] = RNN.Params(jnp.asarray(W), jnp.zeros(1))
    layer = Bidirectional(RNN(1))
    model = ManyToMany(layer, 4)
    shape = reference.random_params(model, LINCOLN.n_x)
    W_y = np.zeros((4, 2))
    W_y[TAGS.index("PER")] = 1
    b_y = np.array([-9, 1, -9, 0])
    params = shape._replace(
        layer=shape.layer._replace(**layers),
        readout=shape.readout._replace(W_y=jnp.asarray(W_y), b_y=jnp.asarray(b_y)),
    )
    rows = LINCOLN.enumerated
    logits = model.logits(params, rows.xs, rows.lengths)
    assert LINCOLN.accuracy(logits) == pytest.approx(Lincoln.additive_ceiling)


# --- bad input ----------------------------------------------------------------------

ROWS = TEDDY.enumerated


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: Teddy(hesitation=()), ValueError, "hesitation must hold 1 to 6"),
        (lambda: Teddy(hesitation=(0.5, 0.4)), ValueError, "that sum to 1"),
        (lambda: Teddy(hesitation=(1.5, -0.5)), ValueError, "that sum to 1"),
        (lambda: Teddy(hesitation=("a",)), TypeError, "hesitation must be a number"),
        (lambda: Teddy(joined=()), ValueError, "joined must hold different numbers"),
        (lambda: Teddy(joined=(1, 1)), ValueError, "joined must hold different"),
        (lambda: Teddy(joined=(0,)), ValueError, "joined must be at least 1, got 0"),
        (lambda: Teddy(joined=(1.5,)), TypeError, "joined must be a whole number"),
        (lambda: TEDDY.ceiling(-1), ValueError, "ahead must be at least 0, got -1"),
        (lambda: TEDDY.ceiling(0.5), TypeError, "ahead must be a whole number"),
        (lambda: TEDDY.ceiling(0, -1), ValueError, "behind must be at least 0"),
        (lambda: TEDDY.ceiling([1, 2]), ValueError, "ahead has 2 numbers, but the"),
        (
            lambda: LINCOLN.ceiling(decided="left"),
            ValueError,
            "decided must be 'both', got 'left'",
        ),
        (
            lambda: TEDDY.belief("he said teddy"),
            ValueError,
            "clause must be one of the grammar, got 'he said teddy'",
        ),
        (
            lambda: TEDDY.encode("he said lincoln"),
            ValueError,
            "sentence has the word 'lincoln'; known are",
        ),
        (
            lambda: TEDDY.accuracy(np.zeros((866, 7, 3))),
            ValueError,
            r"logits has shape \(866, 7, 3\), but the clauses need \(..., 866, 7, 4\)",
        ),
        (
            lambda: TEDDY.accuracy(np.full((866, 7, 4), np.nan)),
            ValueError,
            "logits must be finite at the ambiguous words",
        ),
        (
            lambda: TEDDY.sample(jax.random.key(0), 0),
            ValueError,
            "batch must be at least 1, got 0",
        ),
        (lambda: Grammar().clauses, NotImplementedError, "^$"),
    ],
)
def test_bad_input(call, error, message, as_readers_run_it):
    with pytest.raises(error, match=message):
        call()
