"""Sound cut into slices of a quarter of a second, with what several detectors want to know of each, worked out once."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.measurements import Audio
from selfcue.sensors.audio.block import to_float
from selfcue.sensors.audio.harmonicity import Voicing, voicing

Samples = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]

SLICE_S, CLIP_S, WINDOW_S = 0.25, 0.5, 1.0
BANDS = 24
_NS = 1_000_000_000
_TORN_NS = 5_000_000  # blocks further apart than this are not joined


class Slice:
    """A quarter of a second of sound and what came before it.

    Attributes:
        end_ns: when it ended.
        rate_hz: of the sound.
        window: the last second, (N, channels), the slice at its end; shorter after a gap.
    """

    def __init__(self, end_ns: int, rate_hz: int, window: Samples) -> None:
        self.end_ns, self.rate_hz, self.window = end_ns, rate_hz, window

    def last(self, seconds: float) -> Samples:
        """Return the last ``seconds``, fewer where there are fewer."""
        return self.window[-round(seconds * self.rate_hz) :]

    @property
    def samples(self) -> Samples:
        return self.last(SLICE_S)

    @cached_property
    def rms(self) -> Floats:
        """Of the slice, (channels,), its mean taken off."""
        return np.asarray(np.std(self.samples, axis=0, dtype=np.float64))

    @cached_property
    def _segments(self) -> npt.NDArray[np.complex128]:
        """Spectra of half-overlapping Hann windows of 64 ms or more over half a second, (segments, channels, bins)."""
        size = 1 << int(np.ceil(np.log2(0.064 * self.rate_hz)))
        sound = self.last(CLIP_S)
        if len(sound) < size:
            sound = np.pad(sound, ((size - len(sound), 0), (0, 0)))
        cut = np.lib.stride_tricks.sliding_window_view(sound, size, axis=0)[:: size // 2]  # (segments, channels, size)
        window = np.hanning(size + 1)[:-1]
        return np.fft.rfft((cut - cut.mean(axis=2, keepdims=True)) * window, axis=2)

    @cached_property
    def frequencies(self) -> Floats:
        """Of ``power`` [Hz]."""
        return np.linspace(0.0, self.rate_hz / 2, self._segments.shape[2])

    @cached_property
    def power(self) -> Floats:
        """Mean power spectrum of the last half second over all channels, (bins,)."""
        return np.asarray(np.mean(np.abs(self._segments) ** 2, axis=(0, 1)), np.float64)

    @cached_property
    def bands_db(self) -> Floats:
        """Power in 24 bands, even in octaves from 50 Hz to nearly half of the rate [dB], (24,)."""
        edges = np.geomspace(50.0, 0.45 * self.rate_hz, BANDS + 1)
        total = np.concatenate([[0.0], np.cumsum(self.power)])
        # Bands narrower than a bin are read off the running sum between bins.
        step_hz = self.frequencies[1]
        at = np.interp(edges, (np.arange(len(total)) - 0.5) * step_hz, total)
        return np.asarray(10.0 * np.log10(np.maximum(np.diff(at), 1e-12)))

    def coherence(self, below_hz: float) -> float:
        """Return how far the first two channels agree below a frequency: 0 not at all, 1 wholly."""
        low = self._segments[:, :2, self.frequencies <= below_hz]
        cross = np.abs(np.sum(low[:, 0] * np.conj(low[:, 1]), axis=0)) ** 2
        power = np.sum(np.abs(low) ** 2, axis=0)  # (2, bins)
        weight = power.sum(axis=0)
        return float(np.sum(weight * cross / np.maximum(power[0] * power[1], 1e-30)) / max(float(weight.sum()), 1e-30))

    @cached_property
    def voicing(self) -> Voicing:
        """How far the slice repeats itself, frame by frame; of the mean of all channels."""
        return voicing(self.last(SLICE_S + 0.05).mean(axis=1), self.rate_hz)


class Ear:
    """Cuts the messages of one topic into slices. Detectors that share one ask it one after another."""

    def __init__(self) -> None:
        self._window: Samples = np.zeros((0, 1), np.float32)
        self._waiting = 0  # samples at its end that no slice has had
        self._rate_hz = 0
        self._next_ns = 0
        self._heard: tuple[int, int] | None = None
        self._slices: list[Slice] = []

    def hear(self, message: Audio) -> list[Slice]:
        """Return the slices that ``message`` completes; the same ones when it is asked again."""
        key = (message.stamp_ns, len(message.samples))
        if key == self._heard:
            return self._slices
        self._heard, self._slices = key, []
        sound = to_float(message.samples)
        torn = abs(message.stamp_ns - self._next_ns) > _TORN_NS
        if torn or message.sample_rate_hz != self._rate_hz or sound.shape[1] != self._window.shape[1]:
            self._window, self._waiting, self._rate_hz = sound[:0], 0, message.sample_rate_hz
        self._window = np.concatenate([self._window, sound])
        self._waiting += len(sound)
        self._next_ns = message.stamp_ns + len(sound) * _NS // self._rate_hz
        size = round(SLICE_S * self._rate_hz)
        while self._waiting >= size:
            self._waiting -= size
            end = len(self._window) - self._waiting
            begin = max(0, end - round(WINDOW_S * self._rate_hz))
            end_ns = self._next_ns - self._waiting * _NS // self._rate_hz
            self._slices.append(Slice(end_ns, self._rate_hz, self._window[begin:end]))
        keep = round(WINDOW_S * self._rate_hz) + self._waiting
        self._window = self._window[-keep:].copy() if len(self._window) > keep else self._window
        return self._slices

    def meta(self) -> dict[str, Any]:
        return {
            "window": base64.b64encode(np.ascontiguousarray(self._window).tobytes()).decode(),
            "channels": self._window.shape[1],
            "waiting": self._waiting,
            "rate_hz": self._rate_hz,
            "next_ns": self._next_ns,
        }

    def load_meta(self, meta: dict[str, Any]) -> None:
        raw = np.frombuffer(base64.b64decode(meta["window"]), np.float32)
        self._window = raw.reshape(-1, meta["channels"])
        self._waiting, self._rate_hz, self._next_ns = meta["waiting"], meta["rate_hz"], meta["next_ns"]
        self._heard, self._slices = None, []
