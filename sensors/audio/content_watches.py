"""Detectors of what is heard beside the ground: wind, voices and music, the hum of the mains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from selfcue.sensors.audio.ear import CLIP_S, SLICE_S, WINDOW_S, Ear, Slice
from selfcue.sensors.audio.harmonicity import Voicing
from selfcue.sensors.audio.slice_watch import Recent, SliceWatch
from selfcue.sensors.audio.watch_config import SoundWatchConfig
from selfcue.sensors.watch import Fault


class WindWatch(SliceWatch):
    """Wind: most energy below 80 Hz, and two microphones do not agree on it, or one hears a smooth, steep fall.

    Wind at a microphone is turbulence, not sound: noise that falls with frequency from a few hertz on, without peaks,
    and not the same at two places. Rumble of wheels and engines is coherent and has peaks.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"wind": CLIP_S}

    def __init__(self, config: SoundWatchConfig | None = None, ear: Ear | None = None) -> None:
        super().__init__(config, ear)
        self._windy = Recent(4)

    def judge(self, piece: Slice) -> list[Fault]:
        config = self.config
        hz, power = piece.frequencies, piece.power
        heard = (hz > 10) & (hz < 0.45 * piece.rate_hz)
        share = float(power[heard & (hz < config.wind_hz)].sum() / max(float(power[heard].sum()), 1e-30))
        self._evidence = {"low_share": share}
        if piece.window.shape[1] > 1:
            self._evidence["low_coherence"] = coherence = piece.coherence(config.wind_hz)
            like_wind = coherence < config.wind_coherence
        else:
            slope, ripple_db = fall(piece)
            ratio = lowest_ratio(piece)
            self._evidence.update(low_slope_db_octave=slope, low_ripple_db=ripple_db, lowest_ratio=ratio)
            smooth = slope < -config.wind_slope and ripple_db < config.wind_ripple_db
            like_wind = smooth and ratio > config.wind_low_ratio
        if self._windy.add(holds=share > config.wind_share and like_wind) < 3:
            return []
        return [Fault("wind", "suspect", dict(self._evidence))]

    def memory(self) -> dict[str, Any]:
        return {"windy": self._windy.meta()}

    def remember(self, memory: dict[str, Any]) -> None:
        self._windy.load_meta(memory["windy"])


def fall(piece: Slice) -> tuple[float, float]:
    """Return the slope of the spectrum from 20 to 400 Hz [dB an octave], and how far it strays from it [dB, rms]."""
    band = (piece.frequencies >= 20) & (piece.frequencies <= 400)
    octave = np.log2(piece.frequencies[band])
    level_db = 10.0 * np.log10(np.maximum(piece.power[band], 1e-20))
    weight = 1.0 / np.sqrt(piece.frequencies[band])  # every octave has twice the bins of the one below
    slope, start = np.polyfit(octave, level_db, 1, w=weight)
    error = level_db - (slope * octave + start)
    return float(slope), float(np.sqrt(np.average(error**2, weights=weight**2)))


def lowest_ratio(piece: Slice) -> float:
    """Return the energy of the last second from 8 to 30 Hz for that from 30 to 80 Hz."""
    sound = piece.window.mean(axis=1, dtype=np.float64)
    power = np.abs(np.fft.rfft((sound - sound.mean()) * np.hanning(len(sound)))) ** 2
    hz = np.fft.rfftfreq(len(sound), 1.0 / piece.rate_hz)
    low, above = power[(hz >= 8) & (hz < 30)].sum(), power[(hz >= 30) & (hz < 80)].sum()
    return float(low / max(float(above), 1e-30))


class VoiceWatch(SliceWatch):
    """Speech or music: for a quarter of the last second sound repeats itself at a held pitch of 69 to 400 Hz.

    A knock that rings repeats itself too, but not for long; so only stretches of four frames (50 ms) and more count in
    which the pitch moves by less than a fifth from one frame to the next.
    """

    needs_s: ClassVar[Mapping[str, float]] = {"voice": 0.3}

    def __init__(self, config: SoundWatchConfig | None = None, ear: Ear | None = None) -> None:
        super().__init__(config, ear)
        self._voiced: list[float] = []  # seconds voiced in each of the last four slices

    def judge(self, piece: Slice) -> list[Fault]:
        found = piece.voicing
        seconds = held_s(found, self.config)
        self._voiced = [*self._voiced, seconds][-round(WINDOW_S / SLICE_S) :]
        total_s = sum(self._voiced)
        self._evidence = {"voiced_s": total_s}
        if total_s < self.config.voice_s:
            return []
        pitch_hz = float(found.pitch_hz[int(found.harmonicity.argmax())]) if len(found.pitch_hz) else 0.0
        return [Fault("voice", "suspect", {"voiced_s": total_s, "pitch_hz": pitch_hz})]

    def memory(self) -> dict[str, Any]:
        return {"voiced": self._voiced}

    def remember(self, memory: dict[str, Any]) -> None:
        self._voiced = list(memory["voiced"])


def held_s(found: Voicing, config: SoundWatchConfig) -> float:
    """Return how long sound was voiced at a pitch that was held [s]."""
    if not len(found.pitch_hz):
        return 0.0
    in_range = (found.pitch_hz >= config.voice_low_hz) & (found.pitch_hz <= config.voice_high_hz)
    good = (found.harmonicity > config.voice_harmonicity) & in_range
    total = run = 0
    for i, holds in enumerate(good):
        steady = run and abs(found.pitch_hz[i] / found.pitch_hz[i - 1] - 1.0) < 0.2
        if not (holds and steady):
            total, run = total + (run if run >= 4 else 0), 0
        run += bool(holds)
    total += run if run >= 4 else 0
    return total * Voicing.HOP_S


class HumWatch(SliceWatch):
    """Hum: lines at 50 or 60 Hz and twice or more of their multiples, steady for two seconds and not negligible."""

    needs_s: ClassVar[Mapping[str, float]] = {"hum": 2.0}

    def __init__(self, config: SoundWatchConfig | None = None, ear: Ear | None = None) -> None:
        super().__init__(config, ear)
        self._humming = {50: Recent(6), 60: Recent(6)}

    def judge(self, piece: Slice) -> list[Fault]:
        if len(piece.window) < round(WINDOW_S * piece.rate_hz):
            return []
        sound = piece.window.mean(axis=1, dtype=np.float64)
        power = np.abs(np.fft.rfft((sound - sound.mean()) * np.hanning(len(sound)))) ** 2  # bins of 1 Hz
        total = float(power[10:].sum())
        best: Fault | None = None
        for mains_hz, humming in self._humming.items():
            lines, share = mains_lines(power, mains_hz, self.config.hum_line_db)
            share /= max(total, 1e-30)
            holds = lines >= 3 and share > self.config.hum_share
            if humming.add(holds=holds) >= 5 and (best is None or share > best.evidence["hum_share"]):
                best = Fault("hum", "suspect", {"mains_hz": float(mains_hz), "lines": float(lines), "hum_share": share})
            self._evidence[f"hum_{mains_hz}_share"] = share
        return [] if best is None else [best]

    def memory(self) -> dict[str, Any]:
        return {str(mains_hz): humming.meta() for mains_hz, humming in self._humming.items()}

    def remember(self, memory: dict[str, Any]) -> None:
        for mains_hz, humming in self._humming.items():
            humming.load_meta(memory[str(mains_hz)])


def mains_lines(power: np.ndarray, mains_hz: int, line_db: float) -> tuple[int, float]:
    """Return how many of the mains' first six multiples stand out of ``power`` (bins of 1 Hz), and their power."""
    lines, energy = 0, 0.0
    for k in range(1, 7):
        at = k * mains_hz
        if at + 16 > len(power):
            break
        line = power[at - 2 : at + 3]
        beside = np.concatenate([power[at - 15 : at - 4], power[at + 5 : at + 16]])
        if line.max() > 10 ** (line_db / 10) * max(float(np.median(beside)), 1e-20):
            lines += 1
            energy += float(line.sum())
    return lines, energy
