"""Melodies keep the rules of their genre and no other's; tokens and notes agree."""

import numpy as np
import pytest

from companion.tasks import melodies as module
from companion.tasks.melodies import (
    END,
    GENRES,
    HIGHEST,
    LOWEST,
    N_TOKENS,
    Note,
    melodies,
    notes,
    rules,
    tokens,
    tune,
)


@pytest.mark.parametrize("genre", GENRES)
def test_a_tune_keeps_the_rules_of_its_genre_alone(genre):
    rng = np.random.default_rng(1)
    made = [tune(rng, genre) for _ in range(300)]
    assert len({tuple(melody) for melody in made}) > 25
    for melody in made:
        assert all(rules(genre, melody).values()), melody
        assert all(LOWEST <= note.pitch <= HIGHEST for note in melody)
        assert len(melody) < module.LONGEST
        for other in set(GENRES) - {genre}:
            assert not all(rules(other, melody).values())


def test_one_wrong_note_breaks_the_rule_it_touches():
    rng = np.random.default_rng(2)
    march, lullaby, blues, jig = (tune(rng, genre) for genre in GENRES)
    assert not rules("march", [Note(61, 2), *march[1:]])["scale"]
    assert not rules("march", [*march, *march])["shape"]
    assert not rules("march", [Note(march[0].pitch, 1), *march[1:]])["shape"]
    assert not rules("march", march[:-1])["ending"]
    assert not rules("march", [*march[:-1], Note(60, 2)])["ending"]
    assert not rules("lullaby", lullaby[::-1])["shape"]
    assert not rules("lullaby", [Note(72, 2), *lullaby[3:]])["shape"]
    assert not rules("lullaby", [Note(lullaby[0].pitch, 1), *lullaby[1:]])["shape"]
    assert not rules("blues", [*blues[:4], *blues[5:]])["shape"]
    changed = [*blues[:5], Note(blues[5].pitch ^ 1, 1), *blues[6:]]
    assert not rules("blues", changed)["shape"]
    assert not rules("blues", [*blues[:4], blues[-1]])["shape"]
    assert not rules("jig", jig[1:])["shape"]
    assert not rules("jig", [jig[1], jig[0], *jig[2:]])["shape"]
    for genre in GENRES:
        assert not any(rules(genre, []).values())
    assert not rules("jig", [Note(62, 4)])["shape"]


def test_tokens_are_the_notes():
    rng = np.random.default_rng(3)
    drawn = melodies(rng, 400)
    assert drawn.ids.shape == (400, module.LONGEST)
    assert drawn.ids.max() == END == N_TOKENS - 1
    for ids, length, genre in zip(*drawn, strict=True):
        melody = notes(ids)
        assert len(melody) == length - 1
        assert np.all(ids[length - 1 :] == END)
        assert np.array_equal(tokens(melody), ids[:length])
        assert all(rules(GENRES[genre], melody).values())
    counts = np.bincount(drawn.genres, minlength=4)
    assert ((counts - 100) ** 2 / 100).sum() < 18  # 3 degrees of freedom
    every = [Note(p, d) for p in range(LOWEST, HIGHEST + 1) for d in (1, 2, 4)]
    assert sorted(tokens(every)[:-1].tolist()) == list(range(END))
    again = melodies(np.random.default_rng(3), 400)
    assert np.array_equal(drawn.ids, again.ids)


def test_what_is_no_note_is_named():
    with pytest.raises(ValueError, match=r"melody has the note \(54, 1\)"):
        tokens([(54, 1)])
    with pytest.raises(ValueError, match=r"melody has the note \(60, 3\)"):
        tokens([(60, 3)])
    with pytest.raises(ValueError, match=r"ids must be a row of tokens in 0\.\.75"):
        notes([76])
    with pytest.raises(ValueError, match="genre must be"):
        tune(np.random.default_rng(0), "waltz")
    with pytest.raises(ValueError, match="n must be at least 1"):
        melodies(np.random.default_rng(0), 0)
