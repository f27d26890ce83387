"""Tokens, vocabulary, one-hot, padding: round trips and hand-counted cases."""

from collections import Counter

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion import text
from companion.text import EOS, PAD, UNK, Vocabulary

some_tokens = st.lists(st.sampled_from(["sea", "lamp", "log", "wind", "tea"]))
ragged = st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5)


# --- tokens -------------------------------------------------------------------------


def test_words_split_off_punctuation_and_keep_apostrophes():
    said = "Don't stop: it's 9:30, she said\n-- and 'Ünïcode' went on."
    assert text.words(said) == (
        "don't stop : it's 9 : 30 , she said - - and ' ünïcode ' went on .".split()
    )


def test_words_can_keep_capitals_and_drop_punctuation():
    said = "Ada wrote to London."
    assert text.words(said, lower=False) == ["Ada", "wrote", "to", "London", "."]
    assert text.words(said, punctuation=False) == ["ada", "wrote", "to", "london"]


@given(st.text())
def test_words_lose_nothing_but_white_space(said):
    assert "".join(text.words(said, lower=False)) == "".join(said.split())


@given(st.text())
def test_characters_are_the_text(said):
    assert "".join(text.characters(said)) == said


def test_plain_text_has_27_symbols_and_keeps_words_apart():
    said = " It's\n\n9:30 -- the Storm\nbegan. "
    assert text.plain(said) == "it s the storm began"


@given(st.text())
def test_plain_text_is_words_and_single_spaces(said):
    plain = text.plain(said)
    assert set(plain) <= set("abcdefghijklmnopqrstuvwxyz ")
    assert plain == " ".join(plain.split())
    assert text.plain(plain) == plain


@pytest.mark.parametrize("cut", [text.words, text.characters, text.plain])
def test_only_a_string_can_be_cut(cut):
    with pytest.raises(Exception, match=r"text|str"):
        cut(b"bytes")


# --- vocabulary ---------------------------------------------------------------------


def test_most_frequent_first_and_ties_by_alphabet():
    vocabulary = Vocabulary.build("b a c b a b d".split())
    assert vocabulary.tokens == (PAD, UNK, EOS, "b", "a", "c", "d")
    assert (vocabulary.pad, vocabulary.unk, vocabulary.eos) == (0, 1, 2)
    assert len(vocabulary) == 7
    assert "a" in vocabulary and "z" not in vocabulary


def test_minimum_count_keeps_what_occurs_exactly_that_often():
    vocabulary = Vocabulary.build("b a c b a b d".split(), min_count=2)
    assert vocabulary.tokens[3:] == ("b", "a")


def test_size_counts_the_special_tokens():
    tokens = "b a c b a b d".split()
    assert Vocabulary.build(tokens, size=4).tokens == (PAD, UNK, EOS, "b")
    assert len(Vocabulary.build(tokens, size=100)) == 7


@given(some_tokens, st.integers(1, 3), st.integers(3, 9))
def test_build_against_a_plain_count(tokens, least, size):
    vocabulary = Vocabulary.build(tokens, min_count=least, size=size)
    counts = Counter(tokens)
    kept = vocabulary.tokens[3:]
    assert len(vocabulary) <= size
    assert all(counts[token] >= least for token in kept)
    left_out = [t for t in counts if t not in kept and counts[t] >= least]
    assert not left_out or len(vocabulary) == size
    assert all(counts[a] >= counts[b] for a in kept for b in left_out)
    assert list(kept) == sorted(kept, key=lambda token: (-counts[token], token))


def test_the_order_of_the_text_does_not_matter():
    tokens = "b a c b a b d".split()
    assert Vocabulary.build(tokens) == Vocabulary.build(tokens[::-1])


@given(some_tokens)
def test_decode_inverts_encode_for_known_tokens(tokens):
    vocabulary = Vocabulary.build(tokens)
    assert vocabulary.decode(vocabulary.encode(tokens)) == tokens
    ended = vocabulary.encode(tokens, eos=True)
    assert vocabulary.decode(ended) == [*tokens, EOS]
    assert ended.dtype == np.int32


def test_an_unknown_token_becomes_unk():
    vocabulary = Vocabulary.build(["sea", "lamp"])
    ids = vocabulary.encode(["sea", "storm", "lamp", "fog"])
    assert vocabulary.decode(ids) == ["sea", UNK, "lamp", UNK]
    assert vocabulary.unknown_rate(["sea", "storm", "lamp", "fog"]) == 0.5


def test_special_tokens_in_a_text_keep_their_index():
    vocabulary = Vocabulary.build([EOS, "sea", EOS])
    assert len(vocabulary) == 4
    assert vocabulary.encode([EOS, "sea"]).tolist() == [2, 3]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: Vocabulary.build("a string"), "list of tokens"),
        (lambda: Vocabulary.build(["a"]).encode("a string"), "list of tokens"),
        (lambda: Vocabulary.build(["a"], min_count=0), "min_count must be at least 1"),
        (lambda: Vocabulary.build(["a"], size=2), "size must be at least 3"),
        (lambda: Vocabulary(("a", "b")), "must begin with"),
        (lambda: Vocabulary((PAD, UNK, EOS, "a", "a")), "'a' more than once"),
        (lambda: Vocabulary.build(["a"]).decode([4]), "0 to 3"),
        (lambda: Vocabulary.build(["a"]).decode([-1]), "0 to 3"),
        (lambda: Vocabulary.build(["a"]).decode(np.array([0.5])), "integers"),
        (lambda: Vocabulary.build(["a"]).unknown_rate([]), "empty"),
    ],
)
def test_bad_input_to_a_vocabulary_is_named(bad, said):
    with pytest.raises((TypeError, ValueError), match=said):
        bad()


# --- one-hot ------------------------------------------------------------------------


def test_one_hot_by_hand():
    vectors = text.one_hot([2, 0], 3)
    np.testing.assert_array_equal(vectors, [[0, 0, 1], [1, 0, 0]])
    assert vectors.dtype == np.float32


@given(st.lists(st.integers(0, 4), min_size=1), st.integers(5, 8))
def test_one_hot_rows_are_rows_of_the_identity(ids, size):
    np.testing.assert_array_equal(text.one_hot(ids, size), np.eye(size)[ids])


def test_one_hot_keeps_leading_axes():
    ids = np.arange(6).reshape(2, 3)
    assert text.one_hot(ids, 6).shape == (2, 3, 6)
    assert text.one_hot(4, 6).tolist() == [0, 0, 0, 0, 1, 0]


@pytest.mark.parametrize(
    ("ids", "size", "said"),
    [([3], 3, "0 to 2"), ([-1], 3, "0 to 2"), ([0.5], 3, "integers"), ([0], 0, "size")],
)
def test_one_hot_names_what_does_not_fit(ids, size, said):
    with pytest.raises((TypeError, ValueError), match=said):
        text.one_hot(ids, size)


# --- padding ------------------------------------------------------------------------


def test_pad_by_hand():
    ids, lengths, mask = text.pad([[4, 0, 2], [7]], value=0)
    np.testing.assert_array_equal(ids, [[4, 0, 2], [7, 0, 0]])
    np.testing.assert_array_equal(lengths, [3, 1])
    np.testing.assert_array_equal(mask, [[1, 1, 1], [1, 0, 0]])
    assert mask.dtype == bool


@given(ragged, st.integers(0, 9), st.integers(0, 3))
def test_padding_can_be_taken_away_again(rows, value, more):
    longest = max(map(len, rows))
    width = longest + more if longest + more else None
    padded = text.pad(rows, value, length=width)
    assert padded.ids.shape == padded.mask.shape == (len(rows), longest + more)
    assert [ids[real].tolist() for ids, real in zip(*padded[::2], strict=True)] == rows
    assert np.all(padded.ids[~padded.mask] == value)
    np.testing.assert_array_equal(padded.mask.sum(axis=1), padded.lengths)


@pytest.mark.parametrize(
    ("rows", "length", "said"),
    [
        ([], None, "empty"),
        ([[1, 2, 3]], 2, "length is 2, but the longest sequence has 3"),
        ([[[1, 2]]], None, "flat"),
        ([[0.5]], None, "integers"),
    ],
)
def test_pad_names_what_does_not_fit(rows, length, said):
    with pytest.raises((TypeError, ValueError), match=said):
        text.pad(rows, length=length)


# --- texts --------------------------------------------------------------------------


@given(st.lists(st.integers(), min_size=1, max_size=50), st.floats(0.01, 0.99))
def test_split_cuts_once_and_loses_nothing(tokens, share):
    first, second = text.split(tokens, share)
    assert first + second == tokens
    assert abs(len(second) - share * len(tokens)) <= 0.5


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_split_needs_two_parts(share):
    with pytest.raises(ValueError, match="held_out"):
        text.split([1, 2, 3], share)


@pytest.mark.parametrize("name", text.STORIES)
def test_the_stories_are_there_and_long_enough_to_hold_out_words(name):
    story = text.story(name)
    assert len(story) > 20_000
    known, unseen = text.split(text.words(story))
    sizes = (10, 100, 1000, None)
    vocabularies = [Vocabulary.build(known, size=size) for size in sizes]
    rates = [vocabulary.unknown_rate(unseen) for vocabulary in vocabularies]
    assert rates == sorted(rates, reverse=True)
    assert 0.03 < rates[-1] < 0.2
    assert vocabularies[-1].unknown_rate(known) == 0


def test_an_unknown_story_is_named():
    with pytest.raises(ValueError, match=r"'keeper' or 'cook', got 'whale'"):
        text.story("whale")


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: text.pad([[2**32 + 5, 1]]), ValueError, "32 bits"),
        (lambda: text.pad([[1], [1, 2]], 2.7), TypeError, "value must be integers"),
    ],
)
def test_pad_changes_no_number(call, error, message, as_readers_run_it):
    with pytest.raises(error, match=message):
        call()


# --- windows ------------------------------------------------------------------------

# in these tests the text is 0, 1, 2, ...: a token is its own place in the text
sizes = {"T": st.integers(1, 7), "batch": st.integers(1, 4), "steps": st.integers(1, 5)}


def test_windows_by_hand():
    found = text.windows(np.arange(14), 3, 2)
    first = [[0, 1, 2, 3], [6, 7, 8, 9]]
    second = [[3, 4, 5, 6], [9, 10, 11, 12]]
    assert found.tolist() == [first, second]
    assert found.dtype == np.int32


@given(**sizes, more=st.integers(0, 100))
def test_a_row_of_windows_reads_the_text_without_a_gap(T, batch, steps, more):
    n = batch * steps * T + 1 + more % (batch * T)
    found = text.windows(np.arange(n), T, batch)
    assert found.shape == (steps, batch, T + 1)
    # the next window of a row begins at the last token of the one before
    np.testing.assert_array_equal(found[1:, :, 0], found[:-1, :, -1])
    np.testing.assert_array_equal(np.diff(found, axis=-1), 1)
    # each token is a target once, but the first and fewer than batch * T at the end
    targets = np.sort(found[..., 1:].ravel())
    np.testing.assert_array_equal(targets, np.arange(1, len(targets) + 1))
    assert 0 <= n - 1 - len(targets) < batch * T


@given(**sizes)
def test_windows_of_the_two_parts_share_no_token(T, batch, steps):
    parts = text.split(np.arange(4 * batch * steps * (T + 1) + 7), 0.4)
    first, second = (text.windows(part, T, batch) for part in parts)
    assert first.max() < second.min()


def test_random_windows_of_the_two_parts_share_no_token():
    first, second = text.split(np.arange(40), 0.4)
    found = text.random_windows(jax.random.key(0), first, 7, 100)
    assert found.min() == 0 and found.max() == 23  # up to the cut, and no further
    found = text.random_windows(jax.random.key(0), second, 7, 100)
    assert found.min() == 24 and found.max() == 39


def test_random_windows_are_stretches_of_the_text_and_the_key_decides():
    key, ids = jax.random.key(3), np.arange(50)
    found = text.random_windows(key, ids, 6, 4, steps=5)
    assert found.shape == (5, 4, 7)
    np.testing.assert_array_equal(np.diff(found, axis=-1), 1)
    again = text.random_windows(key, ids, 6, 4, steps=5)
    other = text.random_windows(jax.random.key(4), ids, 6, 4, steps=5)
    np.testing.assert_array_equal(found, again)
    assert np.any(np.asarray(found) != np.asarray(other))


def test_random_windows_begin_everywhere_equally_often():
    found = text.random_windows(jax.random.key(0), np.arange(10), 5, 1000, steps=2)
    counts = np.bincount(np.asarray(found)[..., 0].ravel())
    assert len(counts) == 5  # places 0 to 4: the last window ends with token 9
    assert np.all(abs(counts - 400) < 100)  # five standard deviations are 90


def test_random_windows_can_be_drawn_in_a_compiled_loop():
    ids = np.arange(30)
    draw = jax.jit(lambda key: text.random_windows(key, ids, 4, 3))
    np.testing.assert_array_equal(
        draw(jax.random.key(1)), text.random_windows(jax.random.key(1), ids, 4, 3)
    )


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (lambda: text.windows(np.arange(9), 3, 3), "9 tokens, but 3 rows.* need 10"),
        (lambda: text.windows(np.arange(3), 3, 1), "a window of T = 3 steps needs 4"),
        (lambda: text.windows(np.arange(9), 0, 1), "T must be at least 1"),
        (lambda: text.windows(np.arange(9), 2, 0), "batch must be at least 1"),
        (lambda: text.windows(np.ones((2, 9), int), 2, 1), r"got shape \(2, 9\)"),
        (lambda: text.windows("a string of text", 2, 1), "ids must be integers"),
        (lambda: draw(np.arange(3), 3, 1), "a window of T = 3 steps needs 4"),
        (lambda: draw(np.arange(9), 3, 0), "batch must be at least 1"),
        (lambda: draw(np.arange(9), 3, 1, 0), "steps must be at least 1"),
    ],
)
def test_windows_name_what_does_not_fit(bad, said, as_readers_run_it):
    with pytest.raises((TypeError, ValueError), match=said):
        bad()


def draw(*args):
    return text.random_windows(jax.random.key(0), *args)
