"""Limits of the stereo fault detectors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WatchConfig:
    """Limits of the fault detectors.

    Attributes:
        camera_hz: rate at which frames are expected until it is measured.
        dead_after_s: a camera without a frame for so long is dead; never less than four of its frame periods.
        start_grace_s: time allowed until the first frame.
        frozen_frames: so many identical frames in a row mean a frozen camera.
        rate_tau_s: time constant of the mean left-right rate.
        rate_min: least mean share of textured pixels that must pass the left-right check.
        rate_fraction: least mean share, as a fraction of its own median over ``median_s``.
        median_s, median_min_s: window of that median, and how much of it must be filled before it counts.
        near_share: once more than this share of the image was near (see ``Match.near_share``) and matched well, a
            falling left-right rate proves nothing and is not taken in ...
        near_grace_s: ... for at most so long after the near surface was last seen.
        saturated_share: share of pixels at 250 or more from which an image may be overexposed ...
        detail_share, detail_step: ... if a smaller share of its pixels differs from the neighbour by more than
            ``detail_step`` grey levels, ...
        saturated_always: ... or if more than this share is saturated.
        dull_std: least standard deviation of an image [grey levels].
        black_mean: a dull image darker than this mean [grey levels] is black.
        blur_ratio: one image with less than this share of the other's detail is blurred or covered.
        offset_px: largest median vertical offset between the two images.
        swapped_px: median shift to the right, from the left image to the right one, that means swapped cameras.
        align_every_s: time between two measurements of offset and shift.
        suspect_after_s: time for which a rule on image content must hold before the cue is suspect.
        align_after_s: the same for offset and shift, which are measured less often.
        lost_after_s: further time after which a suspect left-right rate, or a black image, means lost.
        recover_s: time without any fault before the cue is trusted again.
    """

    camera_hz: float = 20.0
    dead_after_s: float = 0.2
    start_grace_s: float = 2.0
    frozen_frames: int = 5
    rate_tau_s: float = 1.0
    rate_min: float = 0.35
    rate_fraction: float = 0.5
    median_s: float = 60.0
    median_min_s: float = 10.0
    near_share: float = 0.1
    near_grace_s: float = 3.0
    saturated_share: float = 0.2
    detail_share: float = 0.15
    detail_step: int = 4
    saturated_always: float = 0.6
    dull_std: float = 6.0
    black_mean: float = 12.0
    blur_ratio: float = 0.6
    offset_px: float = 1.0
    swapped_px: float = 1.0
    align_every_s: float = 0.5
    suspect_after_s: float = 0.3
    align_after_s: float = 1.5
    lost_after_s: float = 1.0
    recover_s: float = 1.0
