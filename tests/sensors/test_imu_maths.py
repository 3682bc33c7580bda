"""Rests, six positions, resampling and Allan deviation, against what was put in."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.imu.allan import allan_deviation
from selfcue.sensors.imu.calibration import gravity_error, six_positions
from selfcue.sensors.imu.calibration_file import read_imu_calibration, write_imu_calibration
from selfcue.sensors.imu.resample import resample
from selfcue.sensors.imu.rest import Rest, RestFinder, angle_deg, rests

S = 1_000_000_000
SEEDS = st.integers(0, 2**32 - 1)


def stamps_of(seconds: float, hz: float) -> npt.NDArray[np.int64]:
    return np.round(np.arange(round(seconds * hz)) * 1e9 / hz).astype(np.int64)


# -- rest --------------------------------------------------------------------------------------------------------------


@given(SEEDS, st.sampled_from([50.0, 100.0, 200.0]))
@settings(max_examples=15)
def test_rests_are_found_where_there_is_no_motion(seed: int, hz: float) -> None:
    rng = np.random.default_rng(seed)
    stamps = stamps_of(12.0, hz)
    time_s = stamps * 1e-9
    moves = (time_s > 4.0) & (time_s < 7.0)
    accel = np.array([0.0, 0.0, 9.81]) + rng.normal(0, 0.02, (len(stamps), 3))
    gyro = rng.normal(0, 0.003, (len(stamps), 3)) + 0.01
    accel[moves] += 3 * np.sin(time_s[moves] * 9)[:, None]
    gyro[moves] += np.sin(time_s[moves] * 9)[:, None]
    found = list(rests(stamps, accel, gyro))
    assert [round(rest.start_ns / S) for rest in found] == [0, 7]
    assert [round(rest.end_ns / S) for rest in found] == [4, 12]
    for rest in found:
        assert rest.norm == pytest.approx(9.81, abs=0.01)
        assert rest.gyro == pytest.approx((0.01, 0.01, 0.01), abs=0.002)
        assert gravity_error(rest) == pytest.approx(9.81 / STANDARD_GRAVITY - 1, abs=0.002)


def test_a_turn_a_gap_and_a_tilt_are_no_long_rest() -> None:
    stamps = stamps_of(6.0, 100)
    accel = np.tile([0.0, 0.0, 9.81], (len(stamps), 1))
    still = np.zeros_like(accel)
    assert not list(rests(stamps, accel, still + np.array([0, 0, 0.5])))
    late = stamps + (stamps >= 3 * S) * 2 * S
    assert [(round(rest.start_ns / S), round(rest.end_ns / S)) for rest in rests(late, accel, still)] == [
        (0, 3),
        (5, 8),
    ]
    tilt = np.radians(
        stamps * 1e-9 * 2
    )  # two degrees a second: the gyroscope's 0.035 rad/s are no motion by themselves
    slow = 9.81 * np.stack([np.sin(tilt), np.zeros_like(tilt), np.cos(tilt)], axis=1)
    assert all(rest.end_ns - rest.start_ns < 3 * S for rest in rests(stamps, slow, still + np.array([0, 0.035, 0])))


@given(st.integers(1, 900))
@settings(max_examples=10)
def test_a_finder_that_was_saved_goes_on(cut: int) -> None:
    rng = np.random.default_rng(1)
    stamps, accel = stamps_of(9.0, 100).tolist(), rng.normal(0, 0.03, (900, 3)) + np.array([0, 0, 9.8])
    one, other = RestFinder(), RestFinder()
    said = []
    for i, (stamp_ns, row) in enumerate(zip(stamps, accel.tolist(), strict=True)):
        if i == cut:
            other.load_meta(one.meta())
        if i >= cut:
            said.append(other.update(stamp_ns, tuple(row), (0.0, 0.0, 0.0)))
        assert one.update(stamp_ns, tuple(row), (0.0, 0.0, 0.0)) == (said[-1] if said else None) or not said


@given(SEEDS)
def test_angles(seed: int) -> None:
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    other = np.cross(axis, rng.normal(size=3))
    other /= np.linalg.norm(other)
    angle = rng.uniform(0, math.pi)
    turned = axis * math.cos(angle) + other * math.sin(angle)
    assert angle_deg(tuple(axis * 9.8), tuple(turned * 3)) == pytest.approx(math.degrees(angle), abs=1e-6)


# -- calibration -------------------------------------------------------------------------------------------------------


def positions(rng: np.random.Generator, gain: npt.NDArray[np.float64], bias: npt.NDArray[np.float64]) -> list[Rest]:
    """Return rests on all faces, two of each, with a little noise."""
    found = []
    for axis in range(3):
        for sign in (1, -1, 1, -1):
            true = np.zeros(3)
            true[axis] = sign * STANDARD_GRAVITY
            x, y, z = (gain @ true + bias + rng.normal(0, 0.002, 3)).tolist()
            found.append(Rest(0, S, (x, y, z), (0.01, -0.02, 0.005)))
    rng.shuffle(found)
    return found


@given(SEEDS)
@settings(max_examples=30)
def test_six_positions_give_back_scale_misalignment_and_bias(seed: int) -> None:
    rng = np.random.default_rng(seed)
    gain = np.diag(rng.uniform(0.93, 1.07, 3)) + rng.uniform(-0.02, 0.02, (3, 3))
    bias = rng.uniform(-0.5, 0.5, 3)
    report = six_positions(positions(rng, gain, bias))
    assert report.good, report.verdict
    assert report.calibration.accel_bias == pytest.approx(tuple(bias), abs=0.01)
    assert np.array(report.calibration.accel_matrix) == pytest.approx(np.linalg.inv(gain), abs=0.001)
    assert report.calibration.gyro((0.01, -0.02, 0.005)) == pytest.approx((0, 0, 0), abs=1e-12)
    assert report.norm_after < 0.01
    true = np.array([1.0, -2.0, 9.0])
    assert report.calibration.accel(tuple(gain @ true + bias)) == pytest.approx(tuple(true), abs=0.01)
    assert set(report.positions.values()) == {2}


def test_a_calibration_that_is_not_to_be_relied_upon_says_why(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    good = positions(rng, np.eye(3), np.zeros(3))
    path = tmp_path / "imu.yaml"
    report = six_positions(good)
    write_imu_calibration(path, report)
    assert read_imu_calibration(path) == report.calibration
    path.write_text("accel_bias: [1, 2]")
    with pytest.raises(BadInputError, match=r"imu\.yaml"):
        read_imu_calibration(path)
    with pytest.raises(BadInputError, match="-z"):
        six_positions([rest for rest in good if rest.accel[2] > -5])
    with pytest.raises(BadInputError, match="gravity"):
        six_positions(good, gravity=1.0)
    moved = [
        Rest(0, S, (x + 0.8 * (i % 2), y, z), rest.gyro) for i, rest in enumerate(good) for x, y, z in [rest.accel]
    ]
    assert not six_positions(moved).good
    assert "leaves" in six_positions(moved).verdict
    grams = [Rest(0, S, (x * 1.3, y * 1.3, z * 1.3), rest.gyro) for rest in good for x, y, z in [rest.accel]]
    assert "range and unit" in six_positions(grams).verdict
    skewed = positions(rng, np.eye(3) + 0.12 * np.array([[0, 1, 0], [0, 0, 0], [0, 0, 0]]), np.zeros(3))
    assert "degrees off" in six_positions(skewed).verdict
    between = Rest(0, S, (7.0, 7.0, 0.0), (0.0, 0.0, 0.0))
    assert "1 rests between faces left out" in six_positions([*good, between]).verdict


# -- resampling --------------------------------------------------------------------------------------------------------


def jittered(rng: np.random.Generator, seconds: float, hz: float) -> npt.NDArray[np.int64]:
    steps = rng.uniform(0.7, 1.3, round(seconds * hz)) * 1e9 / hz
    return 7 * S + np.cumsum(steps).astype(np.int64)


@given(SEEDS, st.sampled_from([25.0, 40.0, 100.0, 333.0]))
@settings(max_examples=25)
def test_a_constant_and_a_line_stay_what_they_are(seed: int, rate_hz: float) -> None:
    rng = np.random.default_rng(seed)
    stamps = jittered(rng, 4.0, 100.0)
    line = (stamps - stamps[0]) * 1e-9 * 3.0 - 2.0
    values = np.stack([np.full(len(stamps), 5.25), line], axis=1)
    both = [resample(stamps, values, rate_hz=rate_hz, method=method) for method in ("linear", "fir")]
    for found in both:
        assert found.valid.all()
        assert found.values[:, 0] == pytest.approx(5.25, abs=1e-9)
        steps = np.diff(found.stamps_ns)
        assert np.abs(steps - 1e9 / rate_hz).max() <= 1
        assert stamps[0] <= found.stamps_ns[0] < stamps[0] + 1e9 / rate_hz + 1
        assert stamps[-1] >= found.stamps_ns[-1]
    expected = (both[0].stamps_ns - stamps[0]) * 1e-9 * 3.0 - 2.0
    assert both[0].values[:, 1] == pytest.approx(expected, abs=1e-6)


@given(SEEDS, st.floats(0.12, 0.4), st.integers(1, 3))
@settings(max_examples=25)
def test_nothing_is_made_up_in_a_gap(seed: int, gap_s: float, gaps: int) -> None:
    rng = np.random.default_rng(seed)
    stamps = jittered(rng, 4.0, 100.0)
    for i in range(gaps):
        begin = stamps[0] + (i + 1) * S
        stamps = stamps[(stamps < begin) | (stamps > begin + round(gap_s * 1e9))]
    values = np.sin(stamps * 1e-9)[:, None]
    for method in ("linear", "fir"):
        found = resample(stamps, values, rate_hz=50.0, max_gap_s=0.1, method=method)
        after = np.searchsorted(stamps, found.stamps_ns)
        inside = np.zeros(len(found.stamps_ns), dtype=bool)
        for k, (stamp_ns, j) in enumerate(zip(found.stamps_ns, after, strict=True)):
            inside[k] = stamps[j] != stamp_ns and stamps[j] - stamps[j - 1] > 0.1 * S
        assert inside.sum() >= gaps
        assert (found.valid == ~inside).all()
        assert np.isnan(found.values[inside]).all()
        assert np.abs(found.values[~inside, 0]).max() <= 1.05


def test_what_lies_behind_a_gap_does_not_reach_across_it() -> None:
    stamps = stamps_of(4.0, 100)
    stamps = stamps[(stamps < 2 * S) | (stamps > 2 * S + S // 8)]
    found = resample(stamps, np.where(stamps < 2 * S, 1.0, 5.0), rate_hz=50.0)
    before, after = found.stamps_ns < 2 * S, found.stamps_ns > 2 * S + S // 8
    assert found.values[before & found.valid, 0] == pytest.approx(1.0, abs=1e-9)
    assert found.values[after & found.valid, 0] == pytest.approx(5.0, abs=1e-9)
    assert found.valid[before].sum() > 95


def test_what_the_lower_rate_cannot_hold_is_filtered_and_the_rest_kept() -> None:
    stamps = stamps_of(10.0, 400)
    time_s = stamps * 1e-9
    middle = slice(60, -60)
    for hz, least, most in ((2.0, 0.99, 1.01), (10.0, 0.9, 1.05), (40.0, 0.0, 0.02), (90.0, 0.0, 0.01)):
        wave = np.sin(2 * np.pi * hz * time_s)
        found = resample(stamps, wave, rate_hz=50.0).values[middle, 0]
        assert least <= np.sqrt(2) * found.std() <= most, hz
    fast = np.sin(2 * np.pi * 40.0 * time_s)
    aliased = resample(stamps, fast, rate_hz=50.0, method="linear").values[middle, 0]
    assert np.sqrt(2) * aliased.std() > 0.9  # what linear interpolation lets through


def test_two_units_come_onto_one_clock() -> None:
    rng = np.random.default_rng(3)
    one, other = jittered(rng, 5.0, 100.0), jittered(rng, 5.0, 87.0) + 3_141_592
    found = [
        resample(stamps, np.sin(stamps * 2e-9 * np.pi), rate_hz=50.0, start_ns=8 * S, end_ns=11 * S)
        for stamps in (one, other)
    ]
    assert (found[0].stamps_ns == found[1].stamps_ns).all()
    assert len(found[0].stamps_ns) == 151
    assert np.abs(found[0].values - found[1].values).max() < 0.02


def test_bad_input_to_resampling() -> None:
    stamps = stamps_of(1.0, 10)
    values = np.zeros(10)
    for wrong in (
        lambda: resample(stamps[::-1], values, rate_hz=5),
        lambda: resample(stamps[:5], values, rate_hz=5),
        lambda: resample(stamps, values, rate_hz=0),
        lambda: resample(stamps, values, rate_hz=5, max_gap_s=0),
    ):
        with pytest.raises(BadInputError, match="resample"):
            wrong()
    empty = resample(stamps[:0], np.zeros((0, 3)), rate_hz=5, start_ns=0, end_ns=S)
    assert len(empty.stamps_ns) == 6
    assert not empty.valid.any()
    missing = np.where(np.arange(10) == 5, np.nan, 0.0)
    assert resample(stamps, missing, rate_hz=10, max_gap_s=0.15, method="linear").valid.tolist().count(False) == 1


# -- Allan deviation ---------------------------------------------------------------------------------------------------


@given(SEEDS)
@settings(max_examples=5)
def test_white_noise_falls_and_a_random_walk_rises(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hz, density = 100.0, 0.02
    white = rng.normal(0, density * math.sqrt(hz), 60_000)
    tau, deviation = allan_deviation(white + 7.0, hz)
    few = tau < 2
    assert deviation[few] == pytest.approx(density / np.sqrt(tau[few]), rel=0.15)
    walk = np.cumsum(rng.normal(0, 0.01, 60_000) / math.sqrt(hz))
    tau, deviation = allan_deviation(walk, hz)
    some = (tau > 0.5) & (tau < 10)
    assert deviation[some] == pytest.approx(0.01 * np.sqrt(tau[some] / 3), rel=0.3)


@given(SEEDS, st.floats(-50, 50), st.floats(0.1, 10))
@settings(max_examples=20)
def test_allan_deviation_forgets_a_constant_and_scales(seed: int, shift: float, scale: float) -> None:
    noise = np.random.default_rng(seed).normal(size=(300, 2))
    tau, deviation = allan_deviation(noise, 50.0)
    _, other = allan_deviation(noise * scale + shift, 50.0)
    assert other == pytest.approx(deviation * scale, rel=1e-6)
    naive = np.sqrt(0.5 * np.mean(np.diff(noise, axis=0) ** 2, axis=0))
    assert tau[0] == 0.02
    assert deviation[0] == pytest.approx(naive, rel=1e-9)
    _, ramp = allan_deviation(np.arange(300.0), 50.0)
    assert ramp == pytest.approx(tau * 50.0 / math.sqrt(2), rel=1e-6)


def test_allan_deviation_of_nothing() -> None:
    for values, hz in (
        (np.zeros(5), 1.0),
        (np.full(20, np.nan), 1.0),
        (np.zeros(20), 0.0),
        (np.zeros((2, 2, 20)), 1.0),
    ):
        with pytest.raises(BadInputError, match="allan_deviation"):
            allan_deviation(values, hz)
