"""A small synthesiser: notes to samples, samples to a WAV file in memory."""

import io
import wave
from collections.abc import Sequence
from numbers import Real

import numpy as np
from jaxtyping import Float

__all__ = ["RATE", "sound", "wav"]

RATE = 8000  # samples a second
HARMONICS = (1.0, 0.4, 0.15)  # how strong the tone itself and its overtones are
ATTACK, RELEASE, DECAY = 0.01, 0.02, 3.0  # seconds, seconds, per second


def sound(
    melody: Sequence[tuple[int, int]], eighth: Real = 0.15
) -> Float[np.ndarray, " samples"]:
    """The samples of notes (MIDI pitch, duration in eighths), one after the other.

    eighth: seconds. Returns numbers in [-1, 1], RATE of them a second. The pitch 69
    swings 440 times a second, and 12 more double that. Raises ValueError for an eighth
    that is no time at all and a melody without notes.
    """
    if not eighth > 0:
        raise ValueError(f"eighth must be positive, got {eighth}")
    if not melody:
        raise ValueError("melody is empty: there is nothing to hear")
    made = []
    for pitch, duration in melody:
        t = np.arange(round(duration * eighth * RATE)) / RATE
        swings = 440 * 2 ** ((pitch - 69) / 12) * t
        tone = sum(
            strength * np.sin(2 * np.pi * k * swings)
            for k, strength in enumerate(HARMONICS, start=1)
        )
        # without a soft start and end every note would begin and end with a click
        envelope = np.minimum(t / ATTACK, 1) * np.exp(-DECAY * t)
        envelope *= np.minimum((t[-1] - t) / RELEASE, 1)
        made.append(tone * envelope)
    samples = np.concatenate(made)
    return samples / np.abs(samples).max()


def wav(samples: Float[np.ndarray, " samples"]) -> bytes:
    """Samples in [-1, 1] as a WAV file of 8 bits a sample, 8 kB a second.

    For `IPython.display.Audio(data=wav(...))`. Raises ValueError for louder samples.
    """
    samples = np.asarray(samples, float)
    if samples.ndim != 1 or not samples.size or not np.abs(samples).max() <= 1:
        raise ValueError("samples must be a row of numbers in [-1, 1]")
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)  # bytes; unsigned, silence is 128
        file.setframerate(RATE)
        file.writeframes(np.round(127.5 + 127 * samples).astype(np.uint8).tobytes())
    return stream.getvalue()
