"""Tales made by rule: what is drawn holds to the end, and the entropy is theirs."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest

from companion.tasks import tales as module
from companion.tasks.tales import SENTENCES, WORDS, entropy_per_character, tales


def test_a_tale_keeps_to_what_it_began_with():
    lines = tales(60_000, seed=1).split("\n")[:-1]
    assert len(lines) > 150
    for line in lines:
        for words in WORDS.values():
            there = {w for w in words if w in line.replace(",", "").split(" ")}
            there |= {w for w in words if f"{w}." in line or f"{w}?" in line}
            assert len(there) == 1, (there, line)


def test_the_alphabet_is_small_and_longer_texts_begin_alike():
    text = tales(5_000, seed=2)
    assert len(text) == 5_000
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz .,?\n")
    assert tales(9_000, seed=2)[:5_000] == text
    assert tales(5_000, seed=3) != text
    assert tales(1) == tales(10)[:1]
    with pytest.raises(ValueError, match="n_characters must be at least 1"):
        tales(0)


def test_every_choice_is_equally_likely():
    text = tales(300_000, seed=4)
    starts = Counter(
        line.split("had a ")[1].split(" ")[0] for line in text.split("\n")[:-1]
    )
    counts = np.array([starts[animal] for animal in WORDS["animal"]])
    expected = counts.sum() / len(counts)
    assert ((counts - expected) ** 2 / expected).sum() < 30  # 9 degrees of freedom
    put = Counter("there was once" in line for line in text.split("\n")[:-1])
    assert abs(put[True] / put.total() - 0.5) < 0.07


def test_the_entropy_is_that_of_the_forms_of_a_small_language(monkeypatch):
    small = {kind: words[:2] for kind, words in WORDS.items()}
    monkeypatch.setattr(module, "WORDS", small)
    forms = [
        " ".join(said).format(**dict(zip(small, chosen, strict=True))) + "\n"
        for chosen in itertools.product(*small.values())
        for said in itertools.product(*SENTENCES)
    ]
    assert len(set(forms)) == 2**12  # no two choices make the same tale
    mean = np.mean([len(form) for form in forms])
    assert entropy_per_character() == pytest.approx(math.log(len(forms)) / mean)


def test_the_real_language_has_different_words_everywhere():
    every = [word for words in WORDS.values() for word in words]
    assert len(set(every)) == len(every)
    assert 0.03 < entropy_per_character() < 0.1
