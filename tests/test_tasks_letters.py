"""Hidden letters: what is hidden, where in its word it stands, and nothing else."""

import jax
import numpy as np
import pytest

from companion.tasks import letters

TEXT = "The cat sat on the mat, and the dog did not. " * 4


def test_a_text_is_letters_and_spaces():
    ids = letters.encode("A b.")
    assert [letters.LETTERS[i] for i in ids] == ["a", " ", "b"]


def test_only_letters_are_hidden_and_the_rest_is_seen():
    ids = letters.encode(TEXT)
    hidden = letters.hide(jax.random.key(0), ids, 10, (2, 50), share=0.3)
    assert hidden.xs.shape == hidden.ys.shape == hidden.mask.shape == (2, 50, 10)
    assert np.all(hidden.xs[hidden.mask] == letters.HIDDEN)
    assert np.all(hidden.xs[~hidden.mask] == hidden.ys[~hidden.mask])
    assert np.all(hidden.ys[hidden.mask] > 0)
    assert 0.25 < hidden.mask.sum() / (hidden.ys > 0).sum() < 0.35
    windows = {tuple(ids[i : i + 10]) for i in range(len(ids))}
    assert {tuple(row) for row in hidden.ys.reshape(-1, 10)} <= windows


def test_each_letter_is_hidden_once_and_knows_its_place():
    ids = letters.encode(TEXT)
    found = letters.each_letter(ids, reach=4)
    assert np.all(found.xs[:, 4] == letters.HIDDEN)
    assert (found.xs == letters.HIDDEN).sum() == len(found.xs)
    for row, letter, before, after in zip(*found, strict=True):
        word = row.copy()
        word[4] = letter
        if before <= 4:
            assert word[4 - before] == 0 and np.all(word[5 - before : 5] > 0)
        if after <= 3:
            assert word[4 + after] == 0 and np.all(word[4 : 4 + after] > 0)


def test_bad_input_is_named():
    ids = letters.encode(TEXT)
    with pytest.raises(ValueError, match="share must lie"):
        letters.hide(jax.random.key(0), ids, 10, (2,), share=1.5)
    with pytest.raises(TypeError, match="ids must be"):
        letters.each_letter(ids.astype(float))
    with pytest.raises(ValueError, match="whole words"):
        letters.each_letter(np.ones(40, int))
    with pytest.raises(ValueError, match=r"lie in 0\.\.26"):
        letters.each_letter(ids + 20)
