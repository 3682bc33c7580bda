"""The sound adapter: faults found and false alarms, features against librosa, what both cost.

``measure_audio`` gives rows and claims for a benchmark of all sensors; run alone: ``python -m
selfcue.benchmarks.sensors_audio [--quick]``. The recordings are those of ``$SELFCUE_DATA``.
"""

from __future__ import annotations

import io
import os
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfcue.benchmarks import ground_sound as sound
from selfcue.benchmarks.ground_sound import RATE_HZ, Injury, Samples
from selfcue.benchmarks.result import BenchResult, Claim
from selfcue.sensors.audio.features import LogMel
from selfcue.sensors.audio.mel import MelConfig
from selfcue.sensors.audio.motion import Motion
from selfcue.sensors.audio.watches import audio_watches

ALLOWED_S = 2.0
"""A fault of sound is to be found within the evidence it needs and this."""
AT_S, STANDS_S = 14.0, 3.0
OTHERS = ("198-209", "3436-172162")
MOVED_BEFORE_S, MOVED_AFTER_S = 660.0, 245.0


def measure_audio(*, quick: bool) -> tuple[list[dict[str, Any]], list[Claim], list[str]]:
    """Return rows, claims and notes of the sound adapter."""
    rows: list[dict[str, Any]] = []
    root = Path(os.environ.get("SELFCUE_DATA", "")) if os.environ.get("SELFCUE_DATA") else None
    notes = []
    if root is not None and (root / "footstep_foley_surfaces").is_dir():
        steps = sound.recorded_steps(root)
    else:
        root, steps = None, sound.synthetic_steps(np.random.default_rng(0))
        notes.append("no recordings: set SELFCUE_DATA to a folder that holds footstep_foley_surfaces; made-up knocks")
    claims = [_clean(steps, rows, minutes=1.0 if quick else 25.0), _faults(steps, root, rows, seeds=1 if quick else 5)]
    claims += _cost(rows, seconds=5.0 if quick else 30.0)
    notes.append(
        "sound: recorded steps put together to walking and rolling on 27 kinds of ground, a microphone's noise at "
        f"{sound.NOISE_DBFS:g} dBFS under it; 16 kHz int16, messages of 40 ms"
    )
    return rows, claims, notes


# -- faults ------------------------------------------------------------------------------------------------------------


def injuries(root: Path | None) -> list[Injury]:
    """Return every fault that is tried; those that need recordings only with them."""
    plain = [
        Injury("clipping", "gain until 1 % lies beyond three times full scale", sound.loud),
        Injury("clipping", "amplifier clips at 0.3", sound.flattened),
        Injury("silence", "zeros", sound.muted),
        Injury("silence", "one microphone of two dead", sound.muted, channels=2),
        Injury("silence", "open input while moving", sound.unplugged, moves=True),
        Injury("wind", "1/f^2 noise in gusts, -16 dBFS, one microphone", sound.windy),
        Injury("wind", "the same, not equal at two microphones", sound.windy, channels=2),
        Injury("hum", "50 Hz and multiples, -20 dBFS", sound.humming),
        Injury("dropout", "12 ms of zeros, four a second", sound.torn),
        Injury("gap", "0.2 s of every second do not come", lambda s, at, rng: s, lost_s=0.2),  # noqa: ARG005
        Injury("stuck", "one block over and over", sound.stuck),
    ]
    if root is None:
        return plain
    speech = np.concatenate([sound.read_sound(p) for p in sorted((root / "ljspeech_sample/wavs").glob("*.flac"))])
    others = np.concatenate([sound.read_sound(root / f"librosa_audio/{name}-0000.ogg") for name in OTHERS])
    low = sound.read_sound(root / "librosa_audio/5703-47212-0000.ogg")
    music = np.concatenate([sound.read_sound(p) for p in sorted((root / "librosa_audio").glob("*ungarian*.ogg"))])
    song = np.concatenate([sound.read_sound(p) for p in sorted((root / "music_cc").glob("vocadito_*.flac"))])
    with zipfile.ZipFile(root / "speech_noise_samples/clips.zip") as clips:
        names = sorted(name for name in clips.namelist() if name.startswith("rain/"))
        rain = np.concatenate([sound.read_sound(io.BytesIO(clips.read(name))) for name in names])
    return [
        *plain,
        Injury("voice", "a reader, -22 dBFS", sound.with_recording(speech, -22)),
        Injury("voice", "two other readers, -22 dBFS", sound.with_recording(others, -22)),
        Injury("voice", "a reader at 87 Hz, -22 dBFS", sound.with_recording(low, -22)),
        Injury("voice", "solo singing, -22 dBFS", sound.with_recording(song, -22)),
        Injury("voice", "an orchestra, -22 dBFS", sound.with_recording(music, -22)),
        Injury("noise", "rain, -34 dBFS, standing", sound.with_recording(rain, -34), stands=True),
    ]


def heard(
    injury: Injury, steps: dict[str, list[Samples]], rng: np.random.Generator, before_s: float, after_s: float
) -> tuple[list[tuple[float, str]], float]:
    """Play sound that is hurt from ``before_s`` on; return what was said, (time [s], fault), and what hearing cost."""
    whole = sound.ground(steps, before_s + after_s, rng)
    at = round(before_s * RATE_HZ)
    whole[: round(STANDS_S * RATE_HZ)] = sound.noise(round(STANDS_S * RATE_HZ), sound.NOISE_DBFS, rng)
    if injury.stands:
        whole[at:] = sound.noise(len(whole) - at, sound.NOISE_DBFS, rng)
    both = sound.array_of(whole, rng) if injury.channels == 2 else whole[:, None]
    lost = [(t, t + injury.lost_s) for t in np.arange(before_s, before_s + after_s)] if injury.lost_s else []
    return listen(injury.hurt(both, at, rng), lambda t: 0.0 if _stands(t, before_s, injury) else 1.0, lost)


def _stands(t: float, before_s: float, injury: Injury) -> bool:
    return t < STANDS_S or (injury.stands and t >= before_s)


def listen(
    hurt: Samples, speed_m_s: Callable[[float], float], lost: Sequence[tuple[float, float]] = ()
) -> tuple[list[tuple[float, str]], float]:
    """Run all detectors over sound; return each time [s] at which a fault was said, with its name, and CPU s a s."""
    motion = Motion()
    watches = audio_watches(motion=motion)
    said = []
    used_s = 0.0
    for message in sound.messages(hurt, begin_ns=0, lost=lost):
        end_s = message.stamp_ns * 1e-9 + len(message.samples) / RATE_HZ
        motion.say(message.stamp_ns, speed_m_s(message.stamp_ns * 1e-9))
        began_s = time.process_time()
        for watch in watches:
            watch.update(message)
        said += [(end_s, fault.name) for watch in watches for fault in watch.faults(message.stamp_ns)]
        used_s += time.process_time() - began_s
    return said, used_s / (len(hurt) / RATE_HZ)


def _needs_s() -> dict[str, float]:
    return {name: needs for watch in audio_watches() for name, needs in watch.needs_s.items()}


def _faults(steps: dict[str, list[Samples]], root: Path | None, rows: list[dict[str, Any]], seeds: int) -> Claim:
    needs = _needs_s()
    tried = found = 0
    missed: list[str] = []
    tasks = [(injury, AT_S, 8.0, seeds * (4 if injury.fault == "voice" else 1)) for injury in injuries(root)]
    covered = Injury("moved", "covered: 12 dB an octave less from 800 Hz on", sound.covered)
    tasks.append((covered, MOVED_BEFORE_S, MOVED_AFTER_S, max(1, seeds // 2)))
    for injury, before_s, after_s, count in tasks:
        delays, early, others = [], 0, set()
        limit_s = needs[injury.fault] + ALLOWED_S
        for seed in range(count):
            said, _ = heard(injury, steps, np.random.default_rng(100 + seed), before_s, after_s)
            early += any(t <= before_s for t, _ in said)
            hits = [t - before_s for t, name in said if name == injury.fault and t > before_s]
            others |= {name for t, name in said if t > before_s} - {injury.fault}
            delays.append(min(hits, default=float("inf")))
        tried += count
        good = sum(delay <= limit_s for delay in delays)
        missed += [f"{injury.how} ({count - good})"] if good < count else []
        found += good if not early else 0
        rows.append(
            {
                "fault": injury.fault,
                "how": injury.how,
                "needs_s": needs[injury.fault],
                "within_s": limit_s,
                "found": f"{good}/{count}",
                "slowest_s": round(max(delays), 2),
                "said_before": early,
                "said_beside": " ".join(sorted(others)),
            }
        )
    return Claim(
        id="audio-faults",
        claim="every fault that sound alone shows is found within the evidence it needs and 2 s",
        goal=f"all of {tried}",
        value=float(found),
        holds=found == tried,
        how=f"{len(tasks)} kinds, {seeds} seeds (voice: {4 * seeds}, moved: {max(1, seeds // 2)}); evidence as each "
        "detector declares it" + (f"; missed: {', '.join(missed)}" if missed else ""),
    )


def _clean(steps: dict[str, list[Samples]], rows: list[dict[str, Any]], minutes: float) -> Claim:
    """Count what is said of sound in which nothing is wrong: one microphone and two, standing 5 s in 30 s."""
    said_names: list[str] = []
    for channels, seed in ((1, 1), (2, 2)):
        rng = np.random.default_rng(seed)
        whole = sound.ground(steps, minutes * 60, rng)
        for begin in range(0, len(whole), 30 * RATE_HZ):
            stop = min(len(whole), begin + 5 * RATE_HZ)
            whole[begin:stop] = sound.noise(stop - begin, sound.NOISE_DBFS, rng)
        both = whole[:, None] if channels == 1 else sound.array_of(whole, rng)
        said, cost = listen(both, lambda t: 0.0 if t % 30 < 5 else 1.0)
        said_names += [name for _, name in said]
        alarms = sum(1 for i, (t, _) in enumerate(said) if i == 0 or t - said[i - 1][0] > 1.0)
        rows.append(
            {
                "fault": "none",
                "how": f"{minutes:g} min, {channels} microphone{'s' if channels > 1 else ''}",
                "false_alarms": alarms,
                "said_beside": " ".join(sorted(set(said_names))),
                "cost_percent": 100 * cost,
            }
        )
    return Claim(
        id="audio-false-alarms",
        claim=f"no false alarm in {minutes:g} minutes of clean sound",
        goal="0",
        value=float(sum(int(row["false_alarms"]) for row in rows)),
        holds=not said_names,
        how="recorded steps, walking and rolling, standing 5 s in 30 s; one microphone and two",
    )


# -- cost --------------------------------------------------------------------------------------------------------------

FEATURES = {
    "log-mel 16 kHz": MelConfig(),
    "log-mel 48 kHz": MelConfig(rate_hz=48000, window=1200, hop=480, fft=2048, high_hz=0.0),
}


def _cost(rows: list[dict[str, Any]], seconds: float) -> list[Claim]:
    claims = []
    for name, config in FEATURES.items():
        rng = np.random.default_rng(0)
        block = config.rate_hz // 10
        blocks = [(rng.normal(size=(block, 1)) * 0.1).astype(np.float32) for _ in range(round(seconds * 10))]
        ours_s, theirs_s = _best(_ours(config, blocks)), _librosa(config, blocks)
        share = ours_s / (len(blocks) * block / config.rate_hz)
        row: dict[str, Any] = {"fault": "", "how": f"{name}, blocks of 100 ms", "cost_percent": 100 * share}
        if theirs_s is not None:
            row["librosa_times"] = theirs_s / ours_s
        rows.append(row)
        claims.append(
            Claim(
                id=f"audio-cost-{config.rate_hz // 1000}k",
                claim=f"{name}: less than 2 % of a core",
                goal="< 2 %",
                value=100 * share,
                holds=share < 0.02,
                how="CPU time to time of sound, least of three passes"
                + ("" if theirs_s is None else f"; librosa block by block takes {theirs_s / ours_s:.1f} times as long"),
            )
        )
    return claims


def _ours(config: MelConfig, blocks: list[np.ndarray]) -> Callable[[], None]:
    def run() -> None:
        mel = LogMel(config)
        for block in blocks:
            mel.push(block)

    return run


def _librosa(config: MelConfig, blocks: list[np.ndarray]) -> float | None:
    """Return the CPU time that librosa takes for the same blocks, each with what its frames need of the one before."""
    try:
        import librosa
    except ImportError:
        return None
    before = np.zeros(config.fft - config.hop, np.float32)

    def run() -> None:
        held = before
        for block in blocks:
            held = np.concatenate([held, block[:, 0]])
            power = librosa.feature.melspectrogram(
                y=held,
                sr=config.rate_hz,
                n_fft=config.fft,
                hop_length=config.hop,
                win_length=config.window,
                center=False,
                n_mels=config.mels,
                fmin=config.low_hz,
                fmax=config.top_hz,
            )
            np.log(config.floor + power)
            held = held[power.shape[1] * config.hop :]

    run()  # compiles, and fills its caches
    return _best(run)


def _best(run: Callable[[], None]) -> float:
    times = []
    for _ in range(3):
        began_s = time.process_time()
        run()
        times.append(time.process_time() - began_s)
    return min(times)


def main(argv: Sequence[str]) -> int:
    """Print the table."""
    quick = "--quick" in argv
    rows, claims, notes = measure_audio(quick=quick)
    result = BenchResult("sensors-audio", quick, rows, claims, notes)
    result.print()
    return 0 if result.holds or quick else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
