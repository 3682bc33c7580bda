"""How far sound repeats itself at the pitch of a voice: normalised autocorrelation, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RATE_HZ = 4000  # sound is brought to this rate first; voices repeat below 400 Hz
HOP, FRAME = 50, 160  # samples at that rate: 12.5 ms, 40 ms
LEAST_LAG, MOST_LAG = 10, 58  # 400 Hz, 69 Hz
_LOW_HZ, _OVERTONES_HZ, _HIGH_HZ = 80.0, 250.0, 1500.0
_WIDE_LAG = 47  # to 85 Hz a pitch is believed of all sound, from 160 Hz down also of its overtones alone
_RING_LAG, _PLAIN = 25, -0.6  # a lower wave so like a plain one is a knock that rings


@dataclass(frozen=True)
class Voicing:
    """Frames 12.5 ms apart.

    Attributes:
        harmonicity: (frames,) 0 to 1: autocorrelation at the best lag; 0 where there is no proper peak.
        pitch_hz: (frames,) at that lag.
    """

    harmonicity: Floats
    pitch_hz: Floats

    HOP_S = HOP / RATE_HZ


def voicing(sound: npt.NDArray[np.floating], rate_hz: int) -> Voicing:
    """Return the voicing of ``sound``, (N,), from 69 to 400 Hz.

    A lag counts where the autocorrelation has a peak, has dipped before it (slow wavering has not), and no shorter lag
    does as well (a high tone repeats at every multiple of its period). A heavy step rings as low as a man speaks; but
    its ring is a plain wave, while a voice has overtones that repeat at its pitch too.
    """
    similar, heights = _similarity(_brought_down(sound, rate_hz, _LOW_HZ))
    if not len(similar):
        return Voicing(np.zeros(0), np.zeros(0))
    wide, lag = _best(heights, LEAST_LAG, _WIDE_LAG)
    half = similar[np.arange(len(similar)), lag // 2]  # a plain wave is its own opposite after half a period
    wide[(half < _PLAIN * wide) & (lag > _RING_LAG)] = 0.0
    overtones, low_lag = _best(_similarity(_brought_down(sound, rate_hz, _OVERTONES_HZ))[1], _RING_LAG, MOST_LAG)
    return Voicing(np.maximum(wide, overtones), RATE_HZ / np.where(overtones > wide, low_lag, lag))


def _similarity(slow: Floats) -> tuple[Floats, Floats]:
    """Return the normalised autocorrelation, (frames, lags), and the same at its proper peaks, 0 elsewhere."""
    count = (len(slow) - FRAME - MOST_LAG - 1) // HOP + 1
    if count < 1:
        return np.zeros((0, MOST_LAG + 2)), np.zeros((0, MOST_LAG + 2))
    reach = slow[HOP * np.arange(count)[:, None] + np.arange(FRAME + MOST_LAG + 1)]
    size = 512
    product = np.fft.rfft(reach, size) * np.conj(np.fft.rfft(reach[:, :FRAME], size))
    cross = np.fft.irfft(product, size)[:, : MOST_LAG + 2]
    energy = np.cumsum(np.pad(reach**2, ((0, 0), (1, 0))), axis=1)
    shifted = energy[:, FRAME : FRAME + MOST_LAG + 2] - energy[:, : MOST_LAG + 2]
    similar = cross / np.sqrt(np.maximum(shifted[:, :1] * shifted, 1e-20))
    peak = np.zeros_like(similar, bool)
    peak[:, 1:-1] = (similar[:, 1:-1] >= similar[:, :-2]) & (similar[:, 1:-1] > similar[:, 2:])
    dipped = np.minimum.accumulate(similar, axis=1) < 0.5 * similar
    return similar, np.where(peak & dipped, similar, 0.0)


def _best(heights: Floats, least_lag: int, most_lag: int) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return each frame's highest peak between two lags, 0 where a shorter lag does as well, and its lag."""
    lags = heights[:, least_lag : most_lag + 1]
    best = lags.max(axis=1)
    # The first lag that does nearly as well as the best: the period and not a multiple of it.
    lag = least_lag + np.argmax(lags >= 0.9 * best[:, None], axis=1)
    return np.where(heights[:, :least_lag].max(axis=1) < 0.95 * best, best, 0.0), lag


def _brought_down(sound: npt.NDArray[np.floating], rate_hz: int, low_hz: float) -> Floats:
    """Return ``sound`` from ``low_hz`` to 1500 Hz at 4 kHz, by its spectrum."""
    spectrum = np.fft.rfft(np.asarray(sound, np.float64) * _flanks(len(sound)))
    hz = np.arange(len(spectrum)) * rate_hz / len(sound)
    spectrum[(hz < low_hz) | (hz > _HIGH_HZ)] = 0.0
    size = round(len(sound) * RATE_HZ / rate_hz)
    return np.fft.irfft(spectrum[: size // 2 + 1], size) * (size / len(sound))


def _flanks(size: int) -> Floats:
    """Return a window that is flat but for a twentieth at each end."""
    edge = max(1, size // 20)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    return np.concatenate([ramp, np.ones(size - 2 * edge), ramp[::-1]])
