"""How far sound repeats itself at the pitch of a voice: normalised autocorrelation, frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

RATE_HZ = 4000  # sound is brought to this rate first; voices repeat below 400 Hz
HOP, FRAME, MOST_LAG = 50, 160, 50  # samples at that rate: 12.5 ms, 40 ms, 80 Hz
LEAST_LAG = 10  # 400 Hz
_LOW_HZ, _HIGH_HZ = 80.0, 1500.0
_RING_HZ, _PLAIN = 160.0, -0.6  # below this pitch a wave so like a plain one is a knock that rings


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
    """Return the voicing of ``sound``, (N,), from 80 to 400 Hz.

    A lag counts where the autocorrelation has a peak, has dipped before it (slow wavering has not), and no shorter lag
    does as well (a high tone repeats at every multiple of its period).
    """
    slow = _brought_down(sound, rate_hz)
    count = (len(slow) - FRAME - MOST_LAG - 1) // HOP + 1
    if count < 1:
        return Voicing(np.zeros(0), np.zeros(0))
    starts = HOP * np.arange(count)[:, None]
    reach = slow[starts + np.arange(FRAME + MOST_LAG + 1)]  # (frames, FRAME + lags)
    frame = reach[:, :FRAME]
    size = 512
    product = np.fft.rfft(reach, size) * np.conj(np.fft.rfft(frame, size))
    cross = np.fft.irfft(product, size)[:, : MOST_LAG + 2]  # (frames, lags)
    energy = np.cumsum(np.pad(reach**2, ((0, 0), (1, 0))), axis=1)
    shifted = energy[:, FRAME : FRAME + MOST_LAG + 2] - energy[:, : MOST_LAG + 2]
    similar = cross / np.sqrt(np.maximum(shifted[:, :1] * shifted, 1e-20))
    peak = np.zeros_like(similar, bool)
    peak[:, 1:-1] = (similar[:, 1:-1] >= similar[:, :-2]) & (similar[:, 1:-1] > similar[:, 2:])
    dipped = np.minimum.accumulate(similar, axis=1) < 0.5 * similar
    heights = np.where(peak & dipped, similar, 0.0)
    short = heights[:, :LEAST_LAG].max(axis=1)
    lags = heights[:, LEAST_LAG : MOST_LAG + 1]
    best = lags.max(axis=1)
    # The first lag that does nearly as well as the best: the period and not a multiple of it.
    lag = LEAST_LAG + np.argmax(lags >= 0.9 * best[:, None], axis=1)
    # A low ring is a plain wave, the opposite of itself after half a period; a voice has overtones.
    half = similar[np.arange(count), lag // 2]
    plain = (half < _PLAIN * best) & (lag > RATE_HZ / _RING_HZ)
    return Voicing(np.where((short < 0.95 * best) & ~plain, best, 0.0), RATE_HZ / lag)


def _brought_down(sound: npt.NDArray[np.floating], rate_hz: int) -> Floats:
    """Return ``sound`` from 80 to 1500 Hz at 4 kHz, by its spectrum."""
    spectrum = np.fft.rfft(np.asarray(sound, np.float64) * _flanks(len(sound)))
    hz = np.arange(len(spectrum)) * rate_hz / len(sound)
    spectrum[(hz < _LOW_HZ) | (hz > _HIGH_HZ)] = 0.0
    size = round(len(sound) * RATE_HZ / rate_hz)
    return np.fft.irfft(spectrum[: size // 2 + 1], size) * (size / len(sound))


def _flanks(size: int) -> Floats:
    """Return a window that is flat but for a twentieth at each end."""
    edge = max(1, size // 20)
    ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    return np.concatenate([ramp, np.ones(size - 2 * edge), ramp[::-1]])
