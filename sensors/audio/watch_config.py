"""Limits of the fault detectors of sound."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SoundWatchConfig:
    """Limits of the fault detectors. Levels are in dB below full scale (dBFS), of float samples between -1 and 1.

    Attributes:
        clip_level, clip_share: half a second in which more than this share of samples lies beyond the level is clipped.
        flat_share, flat_level: so is one in which a larger share than this sticks to its own peak, three samples and
            more on end, where that peak is above ``flat_level`` (an amplifier that clips before the converter).
        clip_count, clip_window_s: so many clipped slices in so long keep the fault up.
        dead_step: a slice whose samples all lie within this of each other is dead.
        silent_s: so long dead, or at the noise floor while moving, is a pulled cable.
        floor_margin_db: less than this above the noise floor is silence.
        gap_ms: between the end of a block and the stamp of the next.
        dropout_ms: so long a stretch of equal samples inside of sound is a dropout; ``dropout_dbfs``: what is sound.
        stuck_blocks: so many equal blocks in a row are stuck.
        hold_s: for how long a gap or dropout is told after it happened.
        wind_hz, wind_share: wind has more than this share of its energy below the frequency ...
        wind_coherence: ... and two microphones do not agree on it, or, with one, ...
        wind_slope, wind_ripple_db, wind_low_ratio: ... its spectrum falls at least so many dB an octave, is smooth, and
            has so much energy from 8 to 30 Hz for that from 30 to 80 Hz (a heavy step has little).
        voice_low_hz, voice_high_hz, voice_harmonicity: a frame that repeats itself so well at such a pitch is voiced.
        voice_s: so much of it in one second is speech or music.
        hum_line_db: by how much lines of the mains stand out of what is beside them.
        hum_share: least share of all energy that they have together.
        noise_db: a standing vehicle that hears no less than this below what it hears while moving hears something else
            than the ground.
        moved_kl: distance between long-term spectra beyond which the microphone is not where it was.
        moved_window_s, moved_memory_s, moved_after_s: time constants of the newer and the older spectrum, and how much
            must have been heard before they are compared.
    """

    clip_level: float = 0.99
    clip_share: float = 0.001
    flat_share: float = 0.003
    flat_level: float = 0.1
    clip_count: int = 5
    clip_window_s: float = 10.0
    dead_step: float = 3.0 / 32768.0
    silent_s: float = 1.0
    floor_margin_db: float = 3.0
    gap_ms: float = 10.0
    dropout_ms: float = 5.0
    dropout_dbfs: float = -70.0
    stuck_blocks: int = 3
    hold_s: float = 1.0
    wind_hz: float = 80.0
    wind_share: float = 0.6
    wind_coherence: float = 0.3
    wind_slope: float = 4.0
    wind_ripple_db: float = 3.0
    wind_low_ratio: float = 0.3
    voice_low_hz: float = 68.0
    voice_high_hz: float = 400.0
    voice_harmonicity: float = 0.5
    voice_s: float = 0.25
    hum_line_db: float = 15.0
    hum_share: float = 0.05
    noise_db: float = 6.0
    moved_kl: float = 0.1
    moved_window_s: float = 120.0
    moved_memory_s: float = 3600.0
    moved_after_s: float = 600.0
