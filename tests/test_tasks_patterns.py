"""The A B task: the target by an independent search, and no way to guess it."""

import numpy as np
import pytest

from companion.tasks import examples, patterns


def spelled(ids):
    return ["".join("ABcdef"[k] for k in row) for row in ids]


@pytest.fixture(scope="module")
def many():
    return patterns.patterns(np.random.default_rng(3), 6000, range(1, 10))


def test_the_pair_stands_where_it_should_and_nowhere_else(many):
    for row, seen, start in zip(
        spelled(many.ids), many.seen, many.position, strict=True
    ):
        pair = row[start - 1 : start + 1]
        assert pair in ("AB", "BA")
        assert row.count("AB") == (pair == "AB")
        assert seen[-1] == (pair == "AB")
        if start > 1:
            assert row[start - 2] not in "AB"
        if start < 9:
            assert row[start + 1] not in "AB"


def test_seen_is_one_from_the_end_of_the_pair_on(many):
    for row, seen in zip(spelled(many.ids), many.seen, strict=True):
        assert seen.tolist() == ["AB" in row[: t + 1] for t in range(10)]


def test_both_classes_and_all_positions_are_equally_likely(many):
    assert abs(many.seen[:, -1].mean() - 0.5) < 0.03
    share = np.bincount(many.position, minlength=10)[1:] / len(many.position)
    assert np.all(abs(share - 1 / 9) < 0.02)


def test_counts_of_tokens_say_nothing_about_the_class(many):
    counts = np.stack([(many.ids == token).sum(axis=1) for token in range(6)], axis=1)
    found = many.seen[:, -1] == 1
    assert np.all(abs(counts[found].mean(axis=0) - counts[~found].mean(axis=0)) < 0.1)


def test_places_in_the_middle_say_nothing_about_the_class():
    drawn = patterns.patterns(np.random.default_rng(8), 40_000)
    is_a, is_class = drawn.ids == patterns.A, drawn.seen[:, -1] == 1
    share = [is_class[is_a[:, place]].mean() for place in range(10)]
    middle = [*share[1:5], *share[6:]]  # the pair begins at 1..5: 1 and 6 are the ends
    assert np.abs(np.subtract(middle, 0.5)).max() < 0.03
    assert share[0] > 0.7 and share[5] < 0.3


def test_too_long_for_so_few_tokens_is_said_and_does_not_hang():
    with pytest.raises(ValueError, match="length 200 is too long for 3 tokens"):
        patterns.patterns(np.random.default_rng(0), 1, length=200, n_tokens=3)


def test_the_background_holds_both_letters_of_the_pair(many):
    beside = [row.count("A") + row.count("B") for row in spelled(many.ids)]
    assert np.mean(beside) > 2.5


def test_leading_axes_and_positions():
    made = patterns.patterns(np.random.default_rng(0), (2, 3, 4), [2, 7])
    assert made.ids.shape == made.seen.shape == (2, 3, 4, 10)
    assert set(made.position.ravel()) <= {2, 7}


def test_the_same_generator_gives_the_same_data():
    one, other = (patterns.patterns(np.random.default_rng(5), 8) for _ in range(2))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


def test_at_each_position_goes_through_them_in_order():
    made = patterns.at_each_position(np.random.default_rng(0), 5, length=6)
    assert made.ids.shape == (5, 5, 6)
    assert np.all(made.position == np.arange(1, 6)[:, None])


@pytest.mark.parametrize("length", [2, 3])
def test_short_sequences(length):
    made = patterns.patterns(np.random.default_rng(1), 20, [1], length=length)
    assert set(spelled(made.ids[:, :2])) == {"AB", "BA"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"positions": [10]}, r"positions must lie in 1\.\.9"),
        ({"positions": [0]}, "positions"),
        ({"positions": []}, "positions"),
        ({"n_tokens": 2}, "n_tokens must be at least 3"),
        ({"batch": 0}, "batch must be at least 1"),
    ],
)
def test_bad_input_is_named(arguments, said):
    arguments = {"batch": 4} | arguments
    with pytest.raises(ValueError, match=said):
        patterns.patterns(np.random.default_rng(0), **arguments)


# --- the small examples -------------------------------------------------------------


def test_the_applications_are_sorted_by_their_lengths():
    kinds = {task.name: task.sequence for task in examples.APPLICATIONS}
    assert kinds == {
        "speech recognition": "both",
        "music generation": "output",
        "sentiment classification": "input",
        "DNA sequence analysis": "both",
        "machine translation": "both",
        "video activity recognition": "input",
        "named entity recognition": "both",
    }
    assert examples.Application("one", ("x",), ("y",)).sequence == "neither"


def test_every_word_has_a_tag_and_the_batch_is_ragged():
    lengths = [len(sentence.x) for sentence in examples.SENTENCES]
    assert lengths == [len(sentence.y) for sentence in examples.SENTENCES]
    assert len(set(lengths)) == len(lengths)
    assert {tag for sentence in examples.SENTENCES for tag in sentence.y} == set(
        examples.TAGS
    )
