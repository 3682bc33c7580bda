"""Log-mel spectra and cepstra: against librosa, and the same however the sound is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.sensors.audio.features import LogMel, Mfcc, MfccConfig
from selfcue.sensors.audio.mel import MelConfig, mel_filters

NARROW = MelConfig()
WIDE = MelConfig(rate_hz=48000, window=1200, hop=480, fft=2048, mels=80, low_hz=20, high_hz=0, scale="db", floor=1e-10)
HTK = MelConfig(htk=True, equal_area=False, mels=40, window=512, hop=128)


def sound(seconds: float, rate_hz: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """A chord that glides, knocks and noise, (N, channels) float32; every channel another."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    out = np.empty((len(t), channels), np.float32)
    for c in range(channels):
        x = sum(0.1 / k * np.sin(2 * np.pi * (180 + 40 * c) * k * t * (1 + 0.1 * t)) for k in range(1, 6))
        x = x + rng.normal(0, 0.003, len(t)) + 0.5 * (rng.random(len(t)) < 1e-4)
        out[:, c] = x
    return out


def whole(config: MelConfig, samples: np.ndarray) -> np.ndarray:
    mel = LogMel(config, channels=samples.shape[1])
    return np.concatenate([mel.push(samples), mel.finish()])


def reference(config: MelConfig, x: np.ndarray) -> np.ndarray:
    librosa = pytest.importorskip("librosa", reason="librosa, the reference, is not installed (extra audio-reference)")
    power = librosa.feature.melspectrogram(
        y=x.astype(np.float64),
        sr=config.rate_hz,
        n_fft=config.fft,
        hop_length=config.hop,
        win_length=config.window,
        center=config.centred,
        pad_mode="reflect" if config.continued == "mirrored" else "constant",
        n_mels=config.mels,
        fmin=config.low_hz,
        fmax=config.top_hz,
        htk=config.htk,
        norm="slaney" if config.equal_area else None,
    )
    if config.scale == "db":
        return np.asarray(librosa.power_to_db(power, amin=config.floor, top_db=None)).T
    return np.asarray(np.log(config.floor + power)).T


@pytest.mark.parametrize("base", [NARROW, WIDE, HTK], ids=["terrain", "48k", "htk"])
@pytest.mark.parametrize("ends", [(False, "zeros"), (True, "zeros"), (True, "mirrored")])
def test_log_mel_is_librosas(base, ends):
    from dataclasses import replace

    config = replace(base, centred=ends[0], continued=ends[1])
    x = sound(1.3, config.rate_hz)
    ours, theirs = whole(config, x)[:, 0, :], reference(config, x[:, 0])
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-4


@pytest.mark.parametrize("lifter", [0.0, 22.0])
def test_mfcc_is_librosas(lifter):
    librosa = pytest.importorskip("librosa", reason="librosa, the reference, is not installed (extra audio-reference)")
    config = MfccConfig(lifter=lifter)
    x = sound(1.0, 16000)
    mfcc = Mfcc(config)
    ours = np.concatenate([mfcc.push(x), mfcc.finish()])[:, 0, :]
    theirs = librosa.feature.mfcc(S=reference(config.mel, x[:, 0]).T, n_mfcc=20, lifter=lifter).T
    assert np.abs(ours - theirs).max() < 1e-4


@settings(max_examples=40, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 3000), max_size=12),
    channels=st.integers(1, 4),
    centred=st.booleans(),
    continued=st.sampled_from(["zeros", "mirrored"]),
    hop=st.sampled_from([100, 160, 700]),
)
def test_any_cutting_into_blocks_gives_the_same_frames(cuts, channels, centred, continued, hop):
    config = MelConfig(centred=centred, continued=continued, hop=hop)
    x = sound(0.25, 16000, channels)
    mel = LogMel(config, channels=channels)
    parts = [mel.push(part) for part in np.split(x, sorted(min(cut, len(x)) for cut in cuts))]
    streamed = np.concatenate([*parts, mel.finish()])
    at_once = whole(config, x)
    assert (
        streamed.shape
        == at_once.shape
        == (1 + (len(x) // hop if centred else (len(x) - config.fft) // hop), channels, config.mels)
    )
    np.testing.assert_allclose(streamed, at_once, rtol=0, atol=2e-6)


def test_channels_do_not_mix_and_int16_is_full_scale_one():
    x = sound(0.3, 16000, 3)
    together = whole(NARROW, x)
    for c in range(3):
        np.testing.assert_allclose(together[:, c], whole(NARROW, x[:, c : c + 1])[:, 0], atol=1e-6)
    whole_numbers = np.round(x * 32768).astype(np.int16)
    as_float = (whole_numbers / 32768).astype(np.float32)
    np.testing.assert_array_equal(whole(NARROW, whole_numbers), whole(NARROW, as_float))


def test_a_tone_lands_in_its_band_and_frames_know_their_time():
    config = MelConfig(scale="power")
    t = np.arange(16000) / 16000
    x = np.where(t > 0.5, np.sin(2 * np.pi * 1000 * t), 0).astype(np.float32)[:, None]
    mel = LogMel(config)
    frames = mel.push(x)[:, 0]
    assert mel.frames == len(frames) == 97
    band = int(frames[-1].argmax())
    weights = mel_filters(config)
    assert weights[32, band] == weights[32].max() > 0  # bin 32 is 1000 Hz
    first = int(np.argmax(frames[:, band] > 0.25 * frames[-1, band]))
    assert mel.time_s(first) == pytest.approx(0.5, abs=0.01)
    assert LogMel(MelConfig(centred=True)).time_s(100) == pytest.approx(1.0)


def test_after_finish_a_new_sound_begins():
    mel = LogMel(MelConfig(centred=True), channels=1)
    x = sound(0.2, 16000)
    first = np.concatenate([mel.push(x), mel.finish()])
    assert mel.frames == 0
    np.testing.assert_array_equal(first, np.concatenate([mel.push(x), mel.finish()]))


def test_bad_input_is_named():
    mel = LogMel(MelConfig(centred=True, continued="mirrored"), channels=2)
    with pytest.raises(BadInputError, match="1 channels; these features were made for 2"):
        mel.push(np.zeros((10, 1), np.float32))
    with pytest.raises(BadInputError, match="float64"):
        mel.push(np.zeros((10, 2)))
    mel.push(np.zeros((10, 2), np.float32))
    with pytest.raises(BadInputError, match="10 samples is too short"):
        mel.finish()
    with pytest.raises(ValueError, match="half of the rate, 4000 Hz"):
        MelConfig(rate_hz=8000)
    with pytest.raises(ValueError, match="no shorter than the window"):
        MelConfig(window=600)
    with pytest.raises(ValueError, match="coefficients 65"):
        MfccConfig(coefficients=65)
