"""A picture of sound: its log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from selfcue.sensors.audio.block import SoundBlock
from selfcue.sensors.audio.features import LogMel
from selfcue.sensors.audio.mel import MelConfig
from selfcue.sensors.driver import Reading


def draw_sound(readings: Sequence[Reading[SoundBlock]], axes: Any) -> None:
    """Draw the first channel of what was read on ``axes`` (matplotlib's), time from left to right, pitch upwards."""
    rate_hz = readings[0].value.rate_hz
    window = max(2, rate_hz // 40)
    config = MelConfig(
        rate_hz=rate_hz,
        window=window,
        hop=max(1, rate_hz // 100),
        fft=1 << (window - 1).bit_length(),
        low_hz=0.0,
        high_hz=0.0,
        scale="db",
        floor=1e-10,
        centred=True,
    )
    mel = LogMel(config)
    frames = [mel.push(reading.value.samples[:, :1]) for reading in readings]
    spectra = np.concatenate([*frames, mel.finish()])[:, 0, :]
    shown = axes.imshow(
        spectra.T,
        origin="lower",
        aspect="auto",
        extent=(0.0, len(spectra) * config.hop / rate_hz, 0.0, config.mels),
        vmin=float(np.percentile(spectra, 5)),
    )
    axes.set_xlabel("s")
    axes.set_ylabel(f"mel band, 0 to {rate_hz / 2000:g} kHz")
    axes.figure.colorbar(shown, ax=axes, label="dB")
