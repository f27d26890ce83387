"""The grammar of agreement, written a second time in plain strings, and its claims.

`grammar` below spells every sentence with its probability. From it come the entropy and
the best accuracy by counting, and how often each sentence is to be drawn.
"""

import functools
import itertools
import math
from collections import Counter, defaultdict

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from companion import losses, text
from companion.tasks import agreement
from companion.tasks.agreement import AMBIGUOUS, HELD_OUT, NOUNS, VOCABULARY, Agreement

MANY = 24_000
FREE = Agreement()
OPPOSITE = Agreement(attractor_number="opposite", ambiguous=False)
ORDINARY = [pair for pair in NOUNS if pair not in HELD_OUT]
CLEAR = [pair for pair in NOUNS if pair not in AMBIGUOUS]


@functools.cache
def draw(task, batch=3000, seed=0):
    return jax.tree.map(np.asarray, task.sample(jax.random.key(seed), batch))


def spelled(row, length=None):
    return [VOCABULARY[i] for i in row[:length]]


@pytest.fixture(scope="module")
def many():
    return draw(FREE, MANY)


def grammar(distance, subjects, attractors=NOUNS, kind="free"):
    """(words up to the verb, number) -> probability, of each sentence of a distance.

    The adjective that follows is one of six, whatever came before.
    """
    m = max((distance - 4) // 3, 0)
    clauses = [()]
    if distance:
        clauses = itertools.product(agreement.CLAUSE_VERBS)
        for _ in range(m):
            phrases = itertools.product(agreement.PREPOSITIONS, attractors, (0, 1))
            clauses = [(*c, p) for c, p in itertools.product(clauses, list(phrases))]
    clauses = list(clauses)
    found = defaultdict(float)
    for pair, number, clause in itertools.product(subjects, (0, 1), clauses):
        between = [",", "which", *clause[:1]] if distance else []
        for preposition, noun, own in clause[1:]:
            number_of = {"free": own, "same": number, "opposite": 1 - number}[kind]
            between += [preposition, "the", noun[number_of]]
        between += [","] if distance else []
        begin = ("the", pair[number], *between, ("was", "were")[number])
        found[begin, number] += 1
    total = sum(found.values())
    return {key: count / total for key, count in found.items()}


# --- what a sentence is -------------------------------------------------------------


@pytest.mark.parametrize("task", [FREE, OPPOSITE, Agreement(0)])
def test_every_sentence_is_one_of_the_grammar(task):
    drawn = draw(task)
    assert drawn.xs.shape == (3000, task.T) and task.T == max(task.distances) + 5
    assert set(drawn.distance) == set(task.distances)
    forms = {form: pair for pair in NOUNS for form in pair}
    for row, n, v, number, d in zip(
        drawn.xs, drawn.lengths, drawn.verb, drawn.number, drawn.distance, strict=True
    ):
        words = spelled(row, n)
        assert not row[n:].any() and "<" not in "".join(words)
        assert words[0] == "the" and words[1] in forms
        assert words[v:] == [("was", "were")[number], words[-2], "."]
        assert words[-2] in agreement.ADJECTIVES
        assert forms[words[1]][number] == words[1]
        between = words[2:v]
        assert len(between) == d  # as stated: tokens between the subject and its verb
        if d:
            comma, which, verb, *phrases, last = between
            assert (comma, which, last) == (",", "which", ",")
            assert verb in agreement.CLAUSE_VERBS
            assert len(phrases) % 3 == 0
            for preposition, the, noun in zip(*[iter(phrases)] * 3, strict=True):
                assert preposition in agreement.PREPOSITIONS
                assert the == "the" and noun in forms


def test_targets_are_the_next_tokens_up_to_the_full_stop(many):
    for xs, ys, mask, n in list(zip(*many[:4], strict=True))[:500]:
        assert ys[: n - 1].tolist() == xs[1:n].tolist()
        assert mask.tolist() == [t < n - 1 for t in range(FREE.T)]
        assert not ys[n - 1 :].any()


def test_sentences_read_well_and_are_read_back(many):
    known = text.Vocabulary(FREE.vocabulary)
    assert (known.pad, len(known)) == (0, FREE.n_x) and FREE.n_y == FREE.n_x
    row = known.encode("the cats , which slept near the goose , were full .".split())
    sentence = "The cats, which slept near the goose, were full."
    assert FREE.words(np.append(row, [0, 0])) == sentence
    for row, n in zip(many.xs[:200], many.lengths, strict=False):
        back = known.encode(text.words(FREE.words(row)))
        assert back.tolist() == row[:n].tolist()


def test_the_words_are_different_and_only_ambiguous_nouns_have_one_form():
    assert len(set(VOCABULARY)) == len(VOCABULARY)
    assert {pair for pair in NOUNS if pair[0] == pair[1]} == set(AMBIGUOUS)
    assert not set(AMBIGUOUS) & set(HELD_OUT)


# --- who tells the number -----------------------------------------------------------


def attractors_of(drawn):
    """For each attractor: its sentence, and its number (-1 if it has one form)."""
    number = {word: n for pair in NOUNS for n, word in enumerate(pair)}
    number |= {pair[0]: -1 for pair in AMBIGUOUS}
    return [
        (i, number[word])
        for i, (row, v) in enumerate(zip(drawn.xs, drawn.verb, strict=True))
        for word in spelled(row[2:v])
        if word in number
    ]


def share_is_half(values, why):
    """A fair coin stays within four standard deviations."""
    assert abs(np.mean(values) - 0.5) < 2 / math.sqrt(len(values)), why


def test_the_number_is_a_fair_coin_whatever_the_distance(many):
    share_is_half(many.number, "all")
    for d in FREE.distances:
        at = many.distance == d
        share_is_half(many.number[at], f"distance {d}")
        assert np.mean(at) == pytest.approx(1 / 6, abs=0.01)
    for row in {tuple(pair) for pair in NOUNS}:
        subject = np.isin(many.xs[:, 1], [VOCABULARY.index(word) for word in row])
        share_is_half(many.number[subject], f"subject {row}")


def test_free_attractors_have_numbers_of_their_own(many):
    at, own = map(np.array, zip(*attractors_of(many), strict=True))
    clear = own >= 0
    share_is_half(own[clear], "number of attractors")
    share_is_half(own[clear] == many.number[at[clear]], "equal to the subject's")
    same = at[clear][:-1] == at[clear][1:]
    equal = own[clear][:-1] == own[clear][1:]
    share_is_half(equal[same], "two attractors of a sentence")
    assert np.mean(~clear) == pytest.approx(len(AMBIGUOUS) / len(NOUNS), abs=0.01)


@pytest.mark.parametrize("kind", ["same", "opposite"])
def test_attractors_of_the_same_and_of_the_opposite_number(kind):
    drawn = draw(Agreement(attractor_number=kind, ambiguous=False))
    at, own = map(np.array, zip(*attractors_of(drawn), strict=True))
    assert np.all((own == drawn.number[at]) == (kind == "same"))
    assert not drawn.ambiguous.any()


def by_table(seen, number):
    """Accuracy of the best table from a token to a number, made on one half."""
    half = len(seen) // 2
    votes = np.zeros(len(VOCABULARY))
    np.add.at(votes, seen[:half], 2 * number[:half] - 1)
    return np.mean((votes[seen[half:]] > 0) == number[half:])


def by_weights(features, number):
    """Accuracy of the best linear reader, fitted on one half, on the other half."""
    half = len(features) // 2
    sides = np.column_stack([features, np.ones(len(features))])
    wanted = 2.0 * number - 1
    weights, *_ = np.linalg.lstsq(sides[:half], wanted[:half], rcond=None)
    return np.mean((sides[half:] @ weights > 0) == number[half:])


def counts_of(xs):
    return sum(text.one_hot(column, len(VOCABULARY)) for column in xs.T)


def test_no_shortcut(many):
    """Not the length, not a place, not all other words together: the subject alone."""
    number, rows = many.number, np.arange(MANY)
    hidden = many.xs.copy()
    hidden[rows, 1] = hidden[rows, many.verb] = 0  # all but the subject and the verb
    half = pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(MANY / 2))
    assert by_weights(counts_of(hidden), number) == half
    assert by_table(many.lengths, number) == half
    for place in range(FREE.T):
        assert by_table(hidden[:, place], number) == half, f"place {place}"
        from_end = hidden[rows, np.maximum(many.lengths - 1 - place, 0)]
        assert by_table(from_end, number) == half, f"place {place} from the end"
    # the same readers do see what there is to see
    best = pytest.approx(FREE.best_accuracy, abs=0.02)
    assert by_table(many.xs[:, 1], number) == best
    assert by_weights(counts_of(many.xs[:, 1:2]), number) == best
    memoryless = pytest.approx(FREE.memoryless_accuracy, abs=0.02)
    assert by_table(many.xs[rows, many.verb - 1], number) == memoryless


def test_in_opposite_the_latest_noun_tells_the_other_number():
    drawn = draw(OPPOSITE)
    last = drawn.xs[np.arange(3000), drawn.verb - 2]  # before the comma
    longer = drawn.distance > 4
    assert by_table(last[longer], drawn.number[longer]) == 1
    plural = np.isin(last[longer], [VOCABULARY.index(pair[1]) for pair in NOUNS])
    assert np.all(plural != drawn.number[longer])


# --- who may be a subject -----------------------------------------------------------


def test_held_out_nouns_are_subjects_only_where_they_may_be(many):
    held = [VOCABULARY.index(word) for pair in HELD_OUT for word in pair]
    is_held = np.isin(many.xs[:, 1], held)
    assert set(many.distance[is_held]) == {0}
    assert is_held[many.distance == 0].mean() == pytest.approx(5 / 20, abs=0.03)
    nouns = [VOCABULARY.index(word) for pair in NOUNS for word in pair]
    long = many.xs[many.distance > 0]
    assert set(held) < set(long[:, 2:].ravel())  # they are attractors
    asked = draw(Agreement(held_out=True))
    assert set(asked.xs[:, 1]) == set(held)
    assert set(nouns) < set(asked.xs[:, 2:].ravel())


def test_ambiguous_is_marked_and_can_be_left_out(many):
    both = [VOCABULARY.index(pair[0]) for pair in AMBIGUOUS]
    np.testing.assert_array_equal(many.ambiguous, np.isin(many.xs[:, 1], both))
    clear = draw(Agreement(ambiguous=False))
    assert not np.isin(clear.xs, both).any() and not clear.ambiguous.any()


# --- the scores ---------------------------------------------------------------------


def best_by_counting(sentences):
    """Accuracy of the best answer to each beginning, and the entropy of the whole."""
    after, whole = defaultdict(lambda: [0.0, 0.0]), defaultdict(float)
    for (words, number), p in sentences.items():
        after[words[:-1]][number] += p
        whole[words] += p
    right = sum(max(both) for both in after.values())
    nats = -sum(p * math.log(p) for p in whole.values())
    return right, nats + math.log(len(agreement.ADJECTIVES))


SMALL = {  # a task, and the subjects of its distances 0 and above
    "all": (Agreement((0, 4, 7)), NOUNS, ORDINARY, NOUNS),
    "held out": (Agreement((0, 4, 7), held_out=True), HELD_OUT, HELD_OUT, NOUNS),
    "opposite": (
        Agreement((0, 4, 7), attractor_number="opposite", ambiguous=False),
        CLEAR,
        [pair for pair in ORDINARY if pair in CLEAR],
        CLEAR,
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_the_scores_are_those_of_the_enumerated_grammar(name):
    task, short, long, attractors = SMALL[name]
    entropy, rights, targets = math.log(3), [], 0
    for d in task.distances:
        subjects = long if d else short
        sentences = grammar(d, subjects, attractors, task.attractor_number)
        right, nats = best_by_counting(sentences)
        assert task.best_accuracy_at(d) == pytest.approx(right)
        rights.append(right)
        entropy += nats / 3
        targets += (4 + d) / 3
    assert task.best_accuracy == pytest.approx(np.mean(rights))
    assert task.best_loss == pytest.approx(entropy / targets)


def test_sentences_come_as_often_as_the_grammar_says():
    task = Agreement((0, 4))
    drawn = draw(task, 200_000, seed=3)
    came = Counter(map(tuple, np.column_stack([drawn.xs, drawn.number])))
    expected = defaultdict(float)
    for d, subjects in ((0, NOUNS), (4, ORDINARY)):
        for (words, number), p in grammar(d, subjects).items():
            for adjective in agreement.ADJECTIVES:
                row = [VOCABULARY.index(word) for word in (*words, adjective, ".")]
                row += [0] * (task.T - len(row))
                expected[(*row, number)] += p / 2 / 6 * len(drawn.xs)
    assert set(came) == set(expected)
    chi = sum((came[key] - n) ** 2 / n for key, n in expected.items())
    freedom = len(expected) - 1
    assert abs(chi - freedom) < 5 * math.sqrt(2 * freedom)


def ideal_logits(xs):
    """log P(next token | tokens so far) of ordinary sentences: (..., T, |V|)."""
    out = np.zeros((*xs.shape, len(VOCABULARY)), np.float32)
    for logits, row in zip(out, xs, strict=True):
        words = spelled(row, np.count_nonzero(row))
        for t in range(1, len(words)):
            logits[t - 1] = ideal(t, words[t - 1], words[1] if t > 1 else None)
    return out


@functools.cache
def ideal(t, last, subject):
    """The same after `t` tokens, of which these are what counts."""
    odds = following(t, last, subject)
    logits = np.full(len(VOCABULARY), -1e9)
    for word, weight in odds.items():
        if weight > 0:
            logits[VOCABULARY.index(word)] = math.log(weight / sum(odds.values()))
    return logits


def following(t, last, subject):
    """How likely each next word is, up to a factor, by the rules of the grammar."""
    nouns = [word for pair in NOUNS for word in pair]
    held = {word for pair in HELD_OUT for word in pair}
    both = next((pair for pair in NOUNS if subject in pair), ())
    verbs = {
        word: (form == subject) / both.count(subject)
        for word, form in zip(("was", "were"), both, strict=False)
    }
    longer = 5 / 15  # of six distances five take one of 15 nouns, distance 0 one of 20
    if t == 1:
        odds = Counter(nouns)
        return {w: n * (1 / 20 + (w not in held) * longer) for w, n in odds.items()}
    if t == 2:
        odds = {word: p / 20 for word, p in verbs.items()}
        return odds | {",": (subject not in held) * longer}
    if last == ",":
        return {"which": 1} if t == 3 else verbs
    if last == "which":
        return dict.fromkeys(agreement.CLAUSE_VERBS, 1)
    if last in agreement.PREPOSITIONS:
        return {"the": 1}
    if last == "the":
        return Counter(nouns)
    if last in ("was", "were"):
        return dict.fromkeys(agreement.ADJECTIVES, 1)
    if last in agreement.ADJECTIVES:
        return {".": 1}
    more = 4 - (t - 5) // 3  # how many of the five distances are still to come
    return {p: more / 5 for p in agreement.PREPOSITIONS} | {",": 1}


def some(sentences, n):
    return jax.tree.map(lambda field: field[:n], sentences)


def test_an_ideal_reader_reaches_the_best_scores_and_no_more(many):
    sentences = some(many, 4000)
    logits = ideal_logits(sentences.xs)
    loss = losses.cross_entropy(logits, sentences.ys, sentences.mask)
    assert float(loss) == pytest.approx(FREE.best_loss, abs=0.006)
    right = np.asarray(FREE.right(logits, sentences))
    assert right.mean() == pytest.approx(FREE.best_accuracy, abs=0.015)
    assert right[~sentences.ambiguous].all()
    share_is_half(right[sentences.ambiguous], "an ambiguous subject tells nothing")
    # and without the number: where the clause has passed, both verbs alike
    was, were = (VOCABULARY.index(word) for word in ("was", "were"))
    longer = np.flatnonzero(sentences.distance > 0)
    logits[longer, sentences.verb[longer] - 1, was] = 0
    logits[longer, sentences.verb[longer] - 1, were] = 0
    loss = losses.cross_entropy(logits, sentences.ys, sentences.mask)
    assert float(loss) == pytest.approx(FREE.numberless_loss, abs=0.006)
    assert FREE.numberless_loss - FREE.best_loss > 0.03


def test_right_compares_was_and_were_before_the_verb(many):
    sentences = jax.tree.map(lambda v: v.reshape(3, 50, *v.shape[1:]), some(many, 150))
    logits = np.full((*sentences.xs.shape, FREE.n_y), 9.0, np.float32)
    was, were = (VOCABULARY.index(word) for word in ("was", "were"))
    place = np.asarray(sentences.verb - 1)[..., None]
    says = np.random.default_rng(0).integers(2, size=(3, 50))
    for word, wins in ((was, 1 - says), (were, says)):
        column = logits[..., word]  # elsewhere both verbs are alike
        np.put_along_axis(column, place, wins[..., None].astype(np.float32), axis=-1)
    right = FREE.right(logits, sentences)
    np.testing.assert_array_equal(right, says == np.asarray(sentences.number))


# --- how it is drawn ----------------------------------------------------------------


def test_leading_axes_and_keys():
    key = jax.random.key(1)
    assert FREE.sample(key).xs.shape == (FREE.T,)
    sentences = FREE.sample(key, (2, 3))
    assert sentences.mask.shape == (2, 3, FREE.T) and sentences.verb.shape == (2, 3)
    assert jnp.array_equal(sentences.xs, FREE.sample(key, (2, 3)).xs)
    other = FREE.sample(jax.random.key(2), (2, 3))
    assert not jnp.array_equal(sentences.xs, other.xs)


def test_it_may_be_drawn_in_a_compiled_loop_and_over_seeds():
    def loop(key):
        return jax.lax.map(lambda k: FREE.sample(k, 4), jax.random.split(key, 3))

    keys = jax.random.split(jax.random.key(0), 2)
    inside = jax.jit(jax.vmap(loop))(keys)
    assert inside.xs.shape == (2, 3, 4, FREE.T)
    for i, key in enumerate(keys):
        for j, k in enumerate(jax.random.split(key, 3)):
            alone = FREE.sample(k, 4)
            for one, other in zip(alone, inside, strict=True):
                np.testing.assert_array_equal(one, other[i, j])


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"distances": 5}, ValueError, "distances must be different ones of 0"),
        ({"distances": (0, 1)}, ValueError, r"4, 7, 10, ..., got \(0, 1\)"),
        ({"distances": -3}, ValueError, "distances must be at least 0"),
        ({"distances": (7, 7)}, ValueError, "different"),
        ({"distances": ()}, ValueError, "distances"),
        ({"distances": (0, 4.0)}, TypeError, "distances must be a whole number"),
        ({"attractor_number": "other"}, ValueError, "attractor_number must be 'free'"),
        ({"attractor_number": "same"}, ValueError, "needs ambiguous=False"),
        ({"attractor_number": "opposite"}, ValueError, "needs ambiguous=False"),
    ],
)
def test_bad_arguments(arguments, error, said):
    with pytest.raises(error, match=said):
        Agreement(**arguments)


def test_logits_of_another_shape_are_refused(many):
    sentences = some(many, 2)
    with pytest.raises(ValueError, match=r"logits has shape \(2, 21, 3\)"):
        FREE.right(np.zeros((2, 21, 3), np.float32), sentences)
