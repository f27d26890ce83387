"""The synthesiser: the right pitch for the right time, and a file that can be read."""

import io
import wave

import numpy as np
import pytest

from companion.sound import RATE, sound, wav


@pytest.mark.parametrize("pitch, hertz", [(69, 440.0), (57, 220.0), (60, 261.63)])
def test_a_note_has_its_pitch_and_its_length(pitch, hertz):
    samples = sound([(pitch, 4)], eighth=0.25)
    assert len(samples) == RATE
    loud = np.abs(np.fft.rfft(samples))
    assert abs(int(loud.argmax()) - hertz) <= 1  # one second: a bin is one hertz
    assert np.abs(samples).max() == pytest.approx(1)
    assert abs(samples[0]) < 1e-6
    assert abs(samples[-1]) < 1e-6
    octave = loud[round(2 * hertz) - 2 : round(2 * hertz) + 3].max()
    assert 0.3 < octave / loud.max() < 0.5


def test_notes_follow_each_other():
    two = sound([(69, 2), (72, 4)])
    assert len(two) == round(0.3 * RATE) + round(0.6 * RATE)


def test_the_file_says_what_the_samples_say():
    samples = sound([(60, 1), (64, 2)])
    data = wav(samples)
    with wave.open(io.BytesIO(data)) as file:
        assert file.getframerate() == RATE
        assert file.getnframes() == len(samples)
        frames = np.frombuffer(file.readframes(len(samples)), np.uint8)
    assert np.abs((frames - 127.5) / 127 - samples).max() < 0.005
    assert len(data) < len(samples) + 100


def test_what_cannot_be_heard_is_refused():
    with pytest.raises(ValueError, match="melody is empty"):
        sound([])
    with pytest.raises(ValueError, match="eighth must be positive"):
        sound([(60, 1)], eighth=0)
    with pytest.raises(ValueError, match=r"in \[-1, 1\]"):
        wav(np.array([0.0, 1.5]))
    with pytest.raises(ValueError, match=r"in \[-1, 1\]"):
        wav(np.array([np.nan]))
