"""Stamps of sound, from counting samples: against devices that drift, arrive late and lose samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.sensors.audio.sample_clock import SampleClock, SampleClockConfig

RATE_HZ, BLOCK = 16000, 640
BEGIN_NS = 5_000_000_000_000


class Device:
    """A sound device that runs ``ppm`` slower than it says; its samples come in whole periods, and late."""

    def __init__(self, ppm: float, jitter_ms: float, seed: int) -> None:
        self.period_ns = 1e9 / RATE_HZ * (1 + ppm * 1e-6)
        self._rng = np.random.default_rng(seed)
        self._jitter_ns = jitter_ms * 1e6
        self.missing = 0

    def taken_ns(self, sample: int) -> float:
        """When sample ``sample`` of those that were handed over was taken."""
        return BEGIN_NS + (sample + self.missing) * self.period_ns

    def look(self, samples: int) -> int:
        """When one sees that so many samples have come: late by up to the jitter, now and then by five times that."""
        late = self._rng.uniform(0, self._jitter_ns) * (5 if self._rng.random() < 0.05 else 1)
        return round(self.taken_ns(samples) + late)


def run(
    clock: SampleClock, device: Device, blocks: int, first: int = 0, *, late_ns: int = 0
) -> tuple[list[int], list[float]]:
    """Hand ``blocks`` blocks over; return their stamps and when their first samples were taken."""
    stamps, truth = [], []
    for number in range(first, first + blocks):
        clock.observe(BLOCK, device.look((number + 1) * BLOCK) + late_ns)
        stamps.append(clock.stamp(BLOCK))
        truth.append(device.taken_ns(number * BLOCK))
    return stamps, truth


@settings(max_examples=25, deadline=None)
@given(
    ppm=st.floats(-200, 200),
    jitter_ms=st.floats(0, 15),
    seed=st.integers(0, 1000),
)
def test_stamps_are_monotone_spaced_by_samples_and_follow_the_device(ppm, jitter_ms, seed):
    clock, device = SampleClock(RATE_HZ), Device(ppm, jitter_ms, seed)
    stamps, truth = run(clock, device, 1000)  # 40 s
    steps = np.diff(stamps) / (BLOCK * 1e9 / RATE_HZ)
    bound = clock.config.max_slew + clock.config.max_skew_ppm * 1e-6
    assert steps.min() > 1 - bound
    assert steps.max() < 1 + bound
    error_ms = (np.array(stamps) - truth) * 1e-6
    # The first look is late by up to five times jitter_ms, and stamps make up for it by half a percent of the time.
    assert abs(error_ms[550:]).max() < 0.5 + 0.15 * jitter_ms
    assert error_ms[0] < 5 * jitter_ms + 0.05
    if jitter_ms > 1:  # once settled, spacing is smoother than arrival by far
        assert (steps[550:] - 1).std() * 40 < 0.02 * jitter_ms + 0.02


@settings(max_examples=25, deadline=None)
@given(missing=st.integers(400, 40_000), ppm=st.floats(-100, 100), seed=st.integers(0, 1000))
def test_an_overrun_is_counted_in_samples_and_stamps_go_on_at_the_right_time(missing, ppm, seed):
    clock, device = SampleClock(RATE_HZ), Device(ppm, 2.0, seed)
    before, _ = run(clock, device, 200)
    device.missing = missing
    # The flag comes with the first block after the gap.
    lost = clock.overrun(BLOCK, device.look(201 * BLOCK))
    after, truth = run(clock, device, 100, first=200)
    assert abs(lost - missing) <= 0.010 * RATE_HZ + 1  # a look is up to 10 ms late
    assert clock.lost == lost
    assert after[0] > before[-1]
    assert (np.diff(after) > 0).all()
    assert abs(after[-1] - truth[-1]) < 12e6


def test_a_gap_that_nobody_reports_is_found_by_its_lasting_lateness():
    clock, device = SampleClock(RATE_HZ), Device(20, 2.0, 3)
    run(clock, device, 100)
    device.missing = 8000  # half a second
    stamps, truth = run(clock, device, 60, first=100)
    assert abs(clock.lost - 8000) <= 0.010 * RATE_HZ
    assert abs(stamps[-1] - truth[-1]) < 12e6
    assert (np.diff(stamps) > 0).all()


def test_one_late_look_is_no_loss_and_moves_no_stamp():
    quiet, hurt = SampleClock(RATE_HZ), SampleClock(RATE_HZ)
    for clock, late_ns in ((quiet, 0), (hurt, 300_000_000)):
        device = Device(0, 1.0, 1)
        run(clock, device, 100)
        run(clock, device, 5, first=100, late_ns=late_ns)
    assert hurt.lost == 0
    assert abs(hurt.stamp(BLOCK) - quiet.stamp(BLOCK)) < 200_000


def test_the_skew_is_told():
    clock = SampleClock(RATE_HZ)
    run(clock, Device(120, 3.0, 2), 1500)
    assert clock.skew_ppm == pytest.approx(120, abs=20)


def test_a_known_path_is_taken_off_every_stamp():
    plain, told = SampleClock(RATE_HZ), SampleClock(RATE_HZ, SampleClockConfig(path_ms=12.5))
    for clock in (plain, told):
        clock.observe(BLOCK, BEGIN_NS)
    assert plain.stamp(BLOCK) - told.stamp(BLOCK) == 12_500_000


def test_bad_settings_and_a_stamp_before_any_look_are_refused():
    with pytest.raises(ValueError, match="rate_hz is 0"):
        SampleClock(0)
    with pytest.raises(ValueError, match="max_slew"):
        SampleClockConfig(max_slew=0.9)
    with pytest.raises(ValueError, match="jump_ms is -1"):
        SampleClockConfig(jump_ms=-1)
    with pytest.raises(ValueError, match="before it observed"):
        SampleClock(RATE_HZ).stamp(BLOCK)
