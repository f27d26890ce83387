"""Melodies as a piano roll, and a model that can be sampled at every move of a slider.

A `NextNote` table stands in where no trained model is given: it counts which note has
followed which in the tunes of a genre, so it hears one note back and no further.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from companion import sampling, sound
from companion.figures import style
from companion.tasks import melodies

__all__ = [
    "NextNote",
    "Played",
    "notes_after_notes",
    "piano_roll",
    "sampled_describe",
    "sampled_setup",
    "sampled_update",
    "write",
]

LOW, HIGH = melodies.LOWEST - 1, melodies.HIGHEST + 1
MOST_NOTES, MOST_EIGHTHS = 40, 80
_NAMES = {55: "G3", 60: "C4", 67: "G4", 72: "C5", 79: "G5"}


class Played(NamedTuple):
    """A melody and which rules of its genre it keeps. ended: it came to an END."""

    notes: list[melodies.Note]
    rules: dict[str, bool]
    ended: bool

    def wav(self) -> bytes:
        """What it sounds like, as a WAV file in memory; a bar of silence if empty."""
        return sound.wav(sound.sound(self.notes) if self.notes else np.zeros(8000))


@dataclass(frozen=True)
class NextNote:
    """A table of logits (genre, note before, note) as a model to sample from."""

    n_y: int = melodies.N_TOKENS

    def begin(self, params: Array, start, batch: tuple = ()):
        genre = jnp.broadcast_to(
            jnp.asarray(start, jnp.int32), batch or jnp.shape(start)
        )
        return genre, jnp.full(genre.shape, melodies.END, jnp.int32)  # END: nothing yet

    def step(self, params: Array, state: Array, x: Array):
        return params[state, x], state


@functools.cache
def notes_after_notes(n: int = 2000, seed: int = 0) -> Float[Array, "genre n_y n_y"]:
    """The logarithms of how often each note follows each, counted in n tunes."""
    tunes = melodies.melodies(np.random.default_rng(seed), n)
    n_y = melodies.N_TOKENS
    counts = np.zeros((len(melodies.GENRES), n_y, n_y))
    before = np.concatenate([np.full((n, 1), melodies.END), tunes.ids[:, :-1]], axis=1)
    real = np.arange(tunes.ids.shape[1]) < tunes.lengths[:, None]
    genres = np.broadcast_to(tunes.genres[:, None], tunes.ids.shape)
    np.add.at(counts, (genres[real], before[real], tunes.ids[real]), 1)
    return jnp.asarray(np.log(counts + 1e-6), jnp.float32)


def write(model, params, genre: str, temperature: Real = 0.7, seed: int = 0) -> Played:
    """One melody of a genre, drawn from a model and judged by the genre's rules."""
    drawn = sampling.sample(
        model,
        params,
        jax.random.key(seed),
        melodies.GENRES.index(genre),
        temperature=temperature,
        stop=melodies.END,
        most=MOST_NOTES,
    )
    ids = np.asarray(drawn.ids)[: int(drawn.lengths)]
    notes = melodies.notes(ids)
    return Played(notes, melodies.rules(genre, notes), melodies.END in ids.tolist())


@style.picture(height=3.6)
def piano_roll(
    fig: Figure, tunes: Mapping[str, Sequence] = MappingProxyType({})
) -> str:
    """Up to four melodies, name -> notes (MIDI pitch, duration in eighths)."""
    if not tunes:
        tunes = {
            genre: melodies.tune(np.random.default_rng(4), genre)
            for genre in melodies.GENRES
        }
    if len(tunes) > 4:
        raise ValueError(f"tunes must be four at the most, got {len(tunes)}")
    rows = (len(tunes) + 1) // 2
    axes = np.atleast_1d(
        fig.subplots(rows, min(len(tunes), 2), sharex=True, sharey=True)
    )
    said = []
    for ax in axes.flat[len(tunes) :]:
        ax.set_axis_off()
    for ax, (name, notes) in zip(axes.flat, tunes.items(), strict=False):
        bars = _roll(ax)
        spans = _show(bars, notes)
        ax.set_title(name)
        ax.set_xlim(0, max(sum(note[1] for note in t) for t in tunes.values()) + 1)
        said.append(f"{name}: {len(notes)} notes, {spans} eighths")
    for ax in axes.flat[-2:]:
        ax.set_xlabel("time in eighths")
    return f"Notes as bars, pitch upward, time to the right. {'; '.join(said)}."


def sampled_setup(
    fig: Figure, genre: str, temperature: Real, sample: int, model=None, params=None
) -> dict:
    ax = fig.subplots()
    bars = _roll(ax)
    ax.set(xlim=(0, MOST_EIGHTHS), xlabel="time in eighths", ylabel="pitch")
    return {"bars": bars, "said": ax.set_title(" ")}


def sampled_update(
    artists: dict, genre: str, temperature: Real, sample: int, model=None, params=None
) -> Played:
    if model is None:
        model, params = NextNote(), notes_after_notes()
    played = write(model, params, genre, temperature, sample)
    _show(artists["bars"], played.notes)
    kept = ", ".join(
        f"{rule} {'kept' if held else 'broken'}" for rule, held in played.rules.items()
    )
    artists["said"].set_text(kept)
    return played


def sampled_describe(
    played: Played, genre: str, temperature: Real, sample: int, **_
) -> str:
    broken = [rule for rule, held in played.rules.items() if not held]
    long = sum(note.duration for note in played.notes)
    end = "" if played.ended else f", cut off after {MOST_NOTES} notes"
    end += f" (drawn up to {MOST_EIGHTHS})" if long > MOST_EIGHTHS else ""
    verdict = (
        f"it breaks the rule of {' and of '.join(broken)}"
        if broken
        else "it keeps all the rules"
    )
    return f"{len(played.notes)} notes, {long} eighths long{end}; {verdict}."


def _roll(ax: Axes) -> PolyCollection:
    """An empty piano roll: the bars that `_show` moves."""
    for pitch in _NAMES:
        ax.axhline(pitch, color="#dddddd", linewidth=0.8, zorder=0)
    ax.set(ylim=(LOW, HIGH), yticks=list(_NAMES), yticklabels=list(_NAMES.values()))
    bars = PolyCollection([], facecolor=style.COLORS["y"], edgecolor="black")
    return ax.add_collection(bars, autolim=False)


def _show(bars: PolyCollection, notes: Sequence) -> int:
    """Draw notes as bars; returns how many eighths they take."""
    corners, at = [], 0
    for pitch, duration in notes:
        low, right = pitch - 0.45, at + duration - 0.1
        corners.append(((at, low), (at, low + 0.9), (right, low + 0.9), (right, low)))
        at += duration
    bars.set_verts(corners)
    return at
