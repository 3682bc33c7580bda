"""Mel filters: triangles on a scale of pitch, as librosa and Slaney's Auditory Toolbox (or HTK) draw them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# Slaney's scale: even in hertz up to 1 kHz, even in octaves from there on; 15 mel at 1 kHz, 27 more at 6.4 kHz.
_HZ_PER_MEL, _BEND_HZ, _BEND_MEL, _STEP = 200.0 / 3.0, 1000.0, 15.0, np.log(6.4) / 27.0


@dataclass(frozen=True)
class MelConfig:
    """What a log-mel spectrum is made of. The defaults are those of the terrain method's front end (16 kHz).

    Attributes:
        rate_hz: of the sound.
        window: length of the Hann window [samples]; it stands in the middle of the transform.
        hop: from one frame to the next [samples].
        fft: length of the transform [samples], even, no shorter than the window.
        mels: number of bands.
        low_hz, high_hz: lower edge of the first and upper edge of the last band; 0 as ``high_hz`` is half of the rate.
        scale: ``log`` is ln(floor + power), ``db`` is 10 log10 max(floor, power), ``power`` is the power itself.
        floor: see ``scale``; of a power spectrum of samples with full scale 1.
        centred: frame i is centred on sample i x hop, and the sound is continued at both ends (librosa's
            ``center=True``); otherwise frame i begins there, and no frame reaches beyond the sound.
        continued: how, when centred: by ``zeros`` or ``mirrored``.
        htk: HTK's formula for the scale in place of Slaney's.
        equal_area: triangles of equal area (Slaney), otherwise of equal height.
    """

    rate_hz: int = 16000
    window: int = 400
    hop: int = 160
    fft: int = 512
    mels: int = 64
    low_hz: float = 50.0
    high_hz: float = 7800.0
    scale: Literal["log", "db", "power"] = "log"
    floor: float = 1e-6
    centred: bool = False
    continued: Literal["zeros", "mirrored"] = "zeros"
    htk: bool = False
    equal_area: bool = True

    def __post_init__(self) -> None:
        if min(self.rate_hz, self.window, self.hop, self.mels) < 1 or self.fft % 2 or self.fft < self.window:
            raise ValueError(
                f"rate_hz {self.rate_hz}, window {self.window}, hop {self.hop} and mels {self.mels} must be above 0, "
                f"fft {self.fft} even and no shorter than the window"
            )
        if not 0 <= self.low_hz < self.top_hz <= self.rate_hz / 2:
            raise ValueError(
                f"low_hz {self.low_hz} and high_hz {self.high_hz} must rise and end by half of the rate, "
                f"{self.rate_hz / 2:g} Hz"
            )
        if self.scale != "power" and self.floor <= 0:
            raise ValueError(f"floor is {self.floor}; a logarithm needs it above 0")

    @property
    def top_hz(self) -> float:
        """Upper edge of the last band."""
        return self.high_hz or self.rate_hz / 2


def hz_to_mel(hz: Floats, *, htk: bool = False) -> Floats:
    """Return the pitch of frequencies [mel]."""
    if htk:
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    bent = _BEND_MEL + np.log(np.maximum(hz, _BEND_HZ) / _BEND_HZ) / _STEP
    return np.where(hz < _BEND_HZ, hz / _HZ_PER_MEL, bent)


def mel_to_hz(mel: Floats, *, htk: bool = False) -> Floats:
    """Return the frequencies of pitches [Hz]."""
    if htk:
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    bent = _BEND_HZ * np.exp(_STEP * (np.maximum(mel, _BEND_MEL) - _BEND_MEL))
    return np.where(mel < _BEND_MEL, mel * _HZ_PER_MEL, bent)


def mel_filters(config: MelConfig) -> Floats:
    """Return the filters' weights, (fft / 2 + 1, mels): a power spectrum times them is a mel spectrum."""
    bins_hz = np.linspace(0.0, config.rate_hz / 2, config.fft // 2 + 1)[:, None]
    ends = hz_to_mel(np.array([config.low_hz, config.top_hz]), htk=config.htk)
    edges_hz = mel_to_hz(np.linspace(ends[0], ends[1], config.mels + 2), htk=config.htk)
    left, peak, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    rising = (bins_hz - left) / (peak - left)
    falling = (right - bins_hz) / (right - peak)
    weights = np.clip(np.minimum(rising, falling), 0.0, None)
    return weights * (2.0 / (right - left)) if config.equal_area else weights
