"""Sound of ground, put together from recorded steps, and what can be done to it that a detector should find."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.measurements import Audio
from selfcue.optional import require

Samples = npt.NDArray[np.float32]
RATE_HZ = 16000
BLOCK = 640
NOISE_DBFS = -66.0
_NS = 1_000_000_000


def recorded_steps(root: Path) -> dict[str, list[Samples]]:
    """Return single steps at 16 kHz by ground, (N,), their loudest sample at -12 dBFS; ``root``: ``$SELFCUE_DATA``."""
    steps: dict[str, list[Samples]] = {}
    for path in sorted((root / "footstep_foley_surfaces").glob("*/*.ogg")):
        steps.setdefault(f"foley {path.parent.name}", []).append(_level(read_sound(path), 0.25))
    for path in sorted((root / "footstep_audio").glob("*.ogg")):
        steps.setdefault(f"steps {path.stem.rpartition('_')[0]}", []).append(_level(read_sound(path), 0.25))
    return steps


def synthetic_steps(rng: np.random.Generator) -> dict[str, list[Samples]]:
    """Return knocks of filtered noise for four made-up kinds of ground: for tests without recordings."""
    steps = {}
    for name, hz, decay_s in (("soft", 300, 0.05), ("gravel", 3000, 0.12), ("wood", 700, 0.04), ("grass", 5000, 0.09)):
        kind = []
        for _ in range(6):
            noise = rng.normal(size=4000)
            spectrum = np.fft.rfft(noise) / (1.0 + (np.linspace(0, 8000, 2001) / hz) ** 2)
            knock = np.fft.irfft(spectrum) * np.exp(-np.arange(4000) / RATE_HZ / decay_s)
            kind.append(_level(knock.astype(np.float32), 0.25))
        steps[name] = kind
    return steps


def read_sound(path: Path | Any, rate_hz: int = RATE_HZ) -> Samples:
    """Return a recording's channels' mean, (N,), at ``rate_hz``."""
    soundfile = require("soundfile", extra="audio")
    sound, own_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = sound.mean(axis=1)
    if own_hz != rate_hz:
        signal = require("scipy.signal", extra="audio")
        common = int(np.gcd(own_hz, rate_hz))
        mono = signal.resample_poly(mono, rate_hz // common, own_hz // common)
    return np.asarray(mono, np.float32)


def ground(steps: dict[str, list[Samples]], seconds: float, rng: np.random.Generator) -> Samples:
    """Return sound of a vehicle on changing ground, (N,): half of it walks, half of it rolls.

    Each ground lasts 8 to 20 s. Walking is a step every 0.4 to 0.7 s, louder or softer by up to 4 dB; rolling is forty
    pieces of 60 ms of the same recordings a second. Under all of it lies a microphone's own noise.
    """
    out = np.zeros(round(seconds * RATE_HZ), np.float32)
    names, at, rolls = sorted(steps), 0.0, False
    while at < seconds:
        kind = steps[names[int(rng.integers(len(names)))]]
        until, rolls = min(seconds, at + rng.uniform(8, 20)), not rolls
        while at < until:
            step = kind[int(rng.integers(len(kind)))] * np.float32(10 ** (rng.uniform(-4, 4) / 20))
            if rolls:
                size = min(len(step), RATE_HZ * 6 // 100)
                energy = np.concatenate([[0.0], np.cumsum(step.astype(np.float64) ** 2)])
                loudest = int(np.argmax(energy[size:] - energy[:-size]))
                step = 0.5 * step[loudest : loudest + size] * np.hanning(size)
            begin = round(at * RATE_HZ)
            step = step[: len(out) - begin]
            out[begin : begin + len(step)] += step
            at += rng.exponential(1 / 40) if rolls else rng.uniform(0.4, 0.7)
    return out + noise(len(out), NOISE_DBFS, rng)


def noise(samples: int, dbfs: float, rng: np.random.Generator, slope: float = 0.0) -> Samples:
    """Return noise of a level, (N,), whose power falls with frequency to the power ``slope``; nothing below 5 Hz."""
    spectrum = np.fft.rfft(rng.normal(size=samples))
    hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    shape = np.where(hz < 5, 0.0, np.maximum(hz, 5.0) ** (-slope / 2)) if slope else np.ones(len(hz))
    out = np.fft.irfft(spectrum * shape, samples)
    return np.asarray(out * 10 ** (dbfs / 20) / out.std(), np.float32)


def array_of(sound: Samples, rng: np.random.Generator) -> Samples:
    """Return what two microphones hear of ``sound``: the second a little later and softer, each with its own noise."""
    other = 0.8 * np.concatenate([np.zeros(3, np.float32), sound[:-3]])
    both = np.stack([sound, other], axis=1)
    return np.asarray(both + np.stack([noise(len(sound), NOISE_DBFS, rng) for _ in range(2)], axis=1), np.float32)


def messages(sound: Samples, *, begin_ns: int = _NS, lost: Sequence[tuple[float, float]] = ()) -> Iterator[Audio]:
    """Cut sound, (N, channels), into messages of 40 ms, int16 as a microphone gives them.

    Args:
        sound: held at full scale.
        begin_ns: stamp of the first.
        lost: stretches (begin, end) [s] whose messages do not come.
    """
    whole = np.clip(np.rint(sound * 32768), -32768, 32767).astype(np.int16)
    for first in range(0, len(whole), BLOCK):
        if any(begin <= first / RATE_HZ < end for begin, end in lost):
            continue
        stamp_ns = begin_ns + first * _NS // RATE_HZ
        yield Audio(stamp_ns=stamp_ns, sample_rate_hz=RATE_HZ, samples=whole[first : first + BLOCK])


# -- faults: each changes sound (N, channels) from sample ``at`` on ----------------------------------------------------


@dataclass(frozen=True)
class Injury:
    """One fault: what the detector calls it, and how it is done.

    Attributes:
        fault: the detector's name for it.
        how: in words.
        hurt: returns the hurt sound; gets sound (N, channels), the first hurt sample and a generator.
        channels: microphones that it takes.
        lost_s: instead of changed samples: so much sound does not come, every second.
        stands: the vehicle is known to stand while it is hurt; ``moves``: to move.
    """

    fault: str
    how: str
    hurt: Callable[[Samples, int, np.random.Generator], Samples]
    channels: int = 1
    lost_s: float = 0.0
    stands: bool = False
    moves: bool = False


def loud(sound: Samples, at: int, rng: np.random.Generator) -> Samples:  # noqa: ARG001
    """Turn the gain up until it clips."""
    out = sound.copy()
    out[at:] = np.clip(out[at:] * (3.0 / max(1e-6, float(np.percentile(np.abs(out[at:]), 99)))), -1, 1)
    return out


def flattened(sound: Samples, at: int, rng: np.random.Generator) -> Samples:  # noqa: ARG001
    """Have an amplifier clip at 0.3, before the converter."""
    out = sound.copy()
    out[at:] = np.clip(out[at:] * (1.5 / max(1e-6, float(np.percentile(np.abs(out[at:]), 99)))), -0.3, 0.3)
    return out


def muted(sound: Samples, at: int, rng: np.random.Generator) -> Samples:  # noqa: ARG001
    """Give nothing but zeros on the last channel."""
    out = sound.copy()
    out[at:, -1] = 0.0
    return out


def unplugged(sound: Samples, at: int, rng: np.random.Generator) -> Samples:
    """Give the noise of an open input."""
    out = sound.copy()
    out[at:] = np.stack([noise(len(out) - at, NOISE_DBFS, rng) for _ in range(out.shape[1])], axis=1)
    return out


def windy(sound: Samples, at: int, rng: np.random.Generator) -> Samples:
    """Add wind: noise that falls with the square of frequency, in gusts, not the same at two microphones."""
    out = sound.copy()
    size = len(out) - at
    gusts = 10 ** (0.25 * np.interp(np.arange(size), np.arange(0, size, 4000), rng.normal(size=(size + 3999) // 4000)))
    for channel in range(out.shape[1]):
        out[at:, channel] += noise(size, -16.0, rng, slope=2.0) * gusts
    return out


def humming(sound: Samples, at: int, rng: np.random.Generator) -> Samples:
    """Add the hum of the mains: 50 Hz and its multiples, at a fifth of full scale."""
    out = sound.copy()
    t = np.arange(len(out) - at) / RATE_HZ
    mains_hz = 50.0 + rng.uniform(-0.2, 0.2)
    lines = sum(np.sin(2 * np.pi * k * mains_hz * t + rng.uniform(0, 6)) / k for k in (1, 2, 3, 5, 6))
    out[at:] += np.asarray(0.1 * lines, np.float32)[:, None]
    return out


def torn(sound: Samples, at: int, rng: np.random.Generator) -> Samples:
    """Put zeros in place of 12 ms of sound, four times a second."""
    out = sound.copy()
    for begin in range(at, len(out), RATE_HZ // 4):
        first = begin + int(rng.integers(0, RATE_HZ // 8))
        out[first : first + RATE_HZ * 12 // 1000] = 0.0
    return out


def stuck(sound: Samples, at: int, rng: np.random.Generator) -> Samples:  # noqa: ARG001
    """Give the same block over and over."""
    out = sound.copy()
    at = at // BLOCK * BLOCK
    out[at:] = np.resize(out[at : at + BLOCK], out[at:].shape)
    return out


def covered(sound: Samples, at: int, rng: np.random.Generator) -> Samples:  # noqa: ARG001
    """Cover the microphone: 12 dB an octave less from 800 Hz on."""
    out = sound.copy()
    spectrum = np.fft.rfft(out[at:], axis=0)
    hz = np.fft.rfftfreq(len(out) - at, 1 / RATE_HZ)[:, None]
    out[at:] = np.fft.irfft(spectrum / (1 + (hz / 800) ** 2), len(out) - at, axis=0)
    return out


def with_recording(recording: Samples, dbfs: float) -> Callable[[Samples, int, np.random.Generator], Samples]:
    """Return an injury that adds a recording, over and over, at a level; it begins where there is sound in it."""
    pieces = recording[: len(recording) // 4000 * 4000].reshape(-1, 4000)
    loud_pieces = np.flatnonzero(pieces.std(axis=1) > 0.7 * recording.std())

    def hurt(sound: Samples, at: int, rng: np.random.Generator) -> Samples:
        out = sound.copy()
        begin = 4000 * int(rng.choice(loud_pieces))
        added = np.resize(np.roll(recording, -begin), len(out) - at)
        out[at:] += (added * (10 ** (dbfs / 20) / max(float(added.std()), 1e-9)))[:, None]
        return out

    return hurt


def _level(sound: Samples, peak: float) -> Samples:
    return np.asarray(sound * (peak / max(float(np.abs(sound).max()), 1e-9)), np.float32)
