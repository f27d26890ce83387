"""Melodies in four genres, each made by rules that a program can check.

A note is a pitch (a MIDI number, 60 is the C in the middle of a piano) and a duration
in eighths. A token is one note; one more token ends the tune. Every tune ends on the
tonic of its genre with a long note.
"""

from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from companion import validate

__all__ = [
    "END",
    "GENRES",
    "N_TOKENS",
    "Melodies",
    "Note",
    "melodies",
    "notes",
    "rules",
    "tokens",
    "tune",
]


class Note(NamedTuple):
    pitch: int  # MIDI number
    duration: int  # eighths


GENRES = ("march", "lullaby", "blues", "jig")
LOWEST, HIGHEST = 55, 79
DURATIONS = (1, 2, 4)
END = (HIGHEST - LOWEST + 1) * len(DURATIONS)
N_TOKENS = END + 1

MAJOR, MINOR, BLUES = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10)
TONIC = {"march": 60, "lullaby": 57, "blues": 55, "jig": 62}
SCALE = {"march": MAJOR, "lullaby": MINOR, "blues": BLUES, "jig": MAJOR}
CHORDS = ((0, 2, 4), (3, 5, 7), (4, 6, 8))  # I, IV and V, as degrees of the scale


def degree(genre: str, i: int) -> int:
    """The pitch of degree i of the scale, 0 the tonic, 7 (blues: 5) an octave up."""
    scale = SCALE[genre]
    octave, step = divmod(i, len(scale))
    return TONIC[genre] + 12 * octave + scale[step]


def tune(rng: np.random.Generator, genre: str) -> list[Note]:
    """One melody.

    march: up the scale of C in steps and thirds, then down again, in even notes.
    lullaby: down the scale of A minor by steps, a note said twice now and then, slow.
    blues: a riff of three notes and a long one, three or four times, in G.
    jig: chords of D, G and A, broken into triplets up or down.
    """
    validate.one_of("genre", genre, GENRES)
    last = Note(TONIC[genre], 4)
    if genre == "march":
        up = np.cumsum(rng.integers(1, 3, size=rng.integers(3, 6)))
        path = [0, *up.tolist()]
        at = path[-1]
        while at > 0:
            at -= int(rng.integers(1, 3))
            path.append(max(at, 0))
        return [Note(degree(genre, i), 2) for i in path[:-1]] + [last]
    if genre == "lullaby":
        path = [
            i
            for i in range(int(rng.integers(6, 10)), 0, -1)
            for _ in range(1 + (rng.random() < 0.25))
        ]
        slow = rng.choice([2, 4], size=len(path))
        return [
            Note(degree(genre, i), int(d)) for i, d in zip(path, slow, strict=True)
        ] + [last]
    if genre == "blues":
        long, *short = (int(i) for i in rng.integers(0, 8, size=4))
        riff = [Note(degree(genre, long), 4)]
        riff += [Note(degree(genre, i), 1) for i in short]
        return riff * int(rng.integers(3, 5)) + [last]
    made = []
    for chord in rng.integers(0, len(CHORDS), size=rng.integers(3, 6)):
        triplet = CHORDS[chord][:: rng.choice([1, -1])]
        made += [Note(degree(genre, i), 1) for i in triplet]
    return [*made, last]


def rules(genre: str, melody: Sequence[tuple[int, int]]) -> dict[str, bool]:
    """Which rules of a genre a melody keeps: its scale, its shape, its ending."""
    validate.one_of("genre", genre, GENRES)
    if not melody:
        return {"scale": False, "shape": False, "ending": False}
    *body, last = (Note(*note) for note in melody)
    pitches = [note.pitch for note in body]
    known = {(TONIC[genre] + step) % 12 for step in SCALE[genre]}
    return {
        "scale": all(note.pitch % 12 in known for note in (*body, last)),
        "shape": bool(body) and SHAPE[genre](body, pitches),
        "ending": last == Note(TONIC[genre], 4),
    }


def _march(body, pitches):
    moves = np.sign(np.diff(pitches)).tolist()
    top = moves.count(1)
    even = all(note.duration == 2 for note in body)
    return even and top > 0 and moves == [1] * top + [-1] * (len(moves) - top)


def _lullaby(body, pitches):
    falls = [-step for step in np.diff([*pitches, TONIC["lullaby"]])]
    slow = all(note.duration >= 2 for note in body)
    return slow and all(0 <= fall <= 2 for fall in falls)


def _blues(body, pitches):
    riffs = [tuple(body[i : i + 4]) for i in range(0, len(body), 4)]
    durations = tuple(note.duration for note in riffs[0])
    return len(riffs) >= 3 and len(set(riffs)) == 1 and durations == (4, 1, 1, 1)


def _jig(body, pitches):
    chords = [tuple(degree("jig", i) for i in chord) for chord in CHORDS]
    allowed = {*chords, *(chord[::-1] for chord in chords)}
    triplets = [tuple(pitches[i : i + 3]) for i in range(0, len(pitches), 3)]
    quick = all(note.duration == 1 for note in body)
    return quick and all(triplet in allowed for triplet in triplets)


SHAPE = {"march": _march, "lullaby": _lullaby, "blues": _blues, "jig": _jig}


def tokens(melody: Sequence[tuple[int, int]]) -> Int[np.ndarray, " T"]:
    """The tokens of a melody, END last. Raises ValueError for a note out of range."""
    found = []
    for pitch, duration in melody:
        if not LOWEST <= pitch <= HIGHEST or duration not in DURATIONS:
            raise ValueError(
                f"melody has the note {(pitch, duration)}, but pitches lie in "
                f"{LOWEST}..{HIGHEST} and durations are {DURATIONS}"
            )
        found.append((pitch - LOWEST) * len(DURATIONS) + DURATIONS.index(duration))
    return np.array([*found, END], np.int32)


def notes(ids) -> list[Note]:
    """The notes of tokens (T,), up to the first END."""
    ids = np.asarray(ids)
    if ids.ndim != 1 or (ids.size and not 0 <= ids.min() <= ids.max() < N_TOKENS):
        raise ValueError(f"ids must be a row of tokens in 0..{END}, got {ids!r}")
    found = []
    for token in ids.tolist():
        if token == END:
            break
        pitch, duration = divmod(token, len(DURATIONS))
        found.append(Note(LOWEST + pitch, DURATIONS[duration]))
    return found


class Melodies(NamedTuple):
    """Tunes as tokens. ids: END after the last note and in the padding; lengths count
    the first END; genres: indices into GENRES."""

    ids: Int[np.ndarray, "n T"]
    lengths: Int[np.ndarray, " n"]
    genres: Int[np.ndarray, " n"]


LONGEST = 22  # tokens, END included


def melodies(rng: np.random.Generator, n: Integral) -> Melodies:
    """n tunes, each genre as likely as the others, padded to 22 tokens."""
    n = validate.positive_int("n", n)
    genres = rng.integers(len(GENRES), size=n)
    ids = np.full((n, LONGEST), END, np.int32)
    lengths = np.zeros(n, np.int32)
    for i, genre in enumerate(genres):
        row = tokens(tune(rng, GENRES[genre]))
        ids[i, : len(row)] = row
        lengths[i] = len(row)
    return Melodies(ids, lengths, genres.astype(np.int32))
