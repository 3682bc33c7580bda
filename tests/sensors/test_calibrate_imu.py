"""``selfcue calibrate imu-camera``: simulated swings before a board give rotation, offset and place back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import Image, Imu
from selfcue.record.writer import LogWriter
from selfcue.sensors.calibrate.commands import app
from selfcue.sensors.calibrate.imu_camera import BoardPath, ImuReadings, ImuSolution, solve_imu_camera
from selfcue.sensors.calibrate.imu_run import judge
from selfcue.sensors.calibrate.turning import GyroTurns, matrices, vectors
from selfcue.sensors.calibrate.verdict import BAD, GOOD, Verdict
from selfcue.sensors.calibration import write_camera_info
from selfcue.sensors.kalibr import read_kalibr
from selfcue.sensors.lens import Lens
from tests.sensors.boards import BoardCamera

cv2.setNumThreads(1)

Floats = npt.NDArray[np.float64]

ROTATION = matrices(np.array([[1.2, -1.1, 1.3]]))[0]
PLACE = np.array([0.05, -0.03, 0.08])
OFFSET_S = 0.0234
OPTIONS = ("--squares", "8x6", "--square-mm", "40", "--marker-mm", "30")
SECOND = 1_000_000_000


@dataclass(frozen=True)
class Swing:
    """Smooth turning and shifting before the board, and what a camera and an inertial sensor on the rig measure."""

    seed: int = 0
    duration_s: float = 20.0
    turn_rad: tuple[float, float, float] = (0.3, 0.3, 0.35)
    shift_m: tuple[float, float, float] = (0.12, 0.1, 0.12)
    speed: float = 1.0
    distance_m: float = 0.8

    def _waves(self, i: int, size: float, t: Floats) -> Floats:
        rng = np.random.default_rng([self.seed, i])
        waves: Floats = sum(
            (size * np.sin(2 * np.pi * self.speed * rng.uniform(0.3, 1.1) * t + rng.uniform(0, 6.3)) for _ in range(2)),
            np.zeros_like(t),
        )
        return waves

    def turns(self, t: Floats) -> Floats:
        """Camera to board (N, 3, 3)."""
        return matrices(np.column_stack([self._waves(i, size, t) for i, size in enumerate(self.turn_rad)]))

    def places(self, t: Floats) -> Floats:
        """Camera in the board's frame, before its middle."""
        middle = np.array([0.16, 0.12, -self.distance_m])
        return middle + np.column_stack([self._waves(3 + i, size, t) for i, size in enumerate(self.shift_m)])

    def path(self, *, hz: float = 20.0, noise: float = 0.0015) -> BoardPath:
        rng = np.random.default_rng(9)
        times_s = np.arange(1.0, self.duration_s - 1.0, 1 / hz)
        in_camera = self.turns(times_s).transpose(0, 2, 1)
        places = -np.einsum("nij,nj->ni", in_camera, self.places(times_s)) + rng.normal(0, noise, (len(times_s), 3))
        return BoardPath(times_s, matrices(rng.normal(0, noise, (len(times_s), 3))) @ in_camera, places)

    def imu(self, *, offset_s: float = OFFSET_S, noise: float = 0.003) -> ImuReadings:
        rng = np.random.default_rng(8)
        times_s = np.arange(0.0, self.duration_s, 0.005)
        t, step = times_s - offset_s, 1e-3
        now = self.turns(t)
        rates = vectors(self.turns(t - step).transpose(0, 2, 1) @ self.turns(t + step)) / (2 * step)

        def place(at: Floats) -> Floats:
            moved: Floats = self.places(at) + self.turns(at) @ PLACE
            return moved

        down = np.array([0.2, 9.7, 1.4])
        down *= 9.81 / np.linalg.norm(down)
        pull = (place(t + step) - 2 * place(t) + place(t - step)) / step**2 - down
        forces = np.einsum("nji,nj->ni", now @ ROTATION, pull) + np.array([0.1, -0.05, 0.08])
        return ImuReadings(
            times_s,
            rates @ ROTATION + np.array([0.01, -0.02, 0.005]) + rng.normal(0, noise, rates.shape),
            forces + rng.normal(0, 10 * noise, forces.shape),
        )


def off_deg(rotation: Floats) -> float:
    return float(np.degrees(np.linalg.norm(vectors((rotation @ ROTATION.T)[None]))))


def judged(solution: ImuSolution) -> Verdict:
    return Verdict(judge(solution))


@pytest.mark.parametrize(("seed", "offset_s"), [(0, OFFSET_S), (1, -0.18), (2, 0.0)])
def test_rotation_offset_and_place_are_found(seed: int, offset_s: float) -> None:
    """0.1 degrees, 0.5 ms, 5 mm, and each within a few of the stated deviations."""
    swing = Swing(seed)
    found = solve_imu_camera(swing.path(), swing.imu(offset_s=offset_s))
    assert off_deg(found.rotation) < min(0.1, 3 * found.rotation_std_deg)
    assert abs(found.offset_s - offset_s) < min(5e-4, 4 * found.offset_std_s)
    assert np.abs(found.place - PLACE).max() < 5e-3
    assert (np.abs(found.place - PLACE) < 5 * found.place_std).all()
    np.testing.assert_allclose(found.gyro_bias, (0.01, -0.02, 0.005), atol=3e-3)
    assert found.gravity == pytest.approx(9.81, abs=0.15)
    assert judged(found).level == GOOD, judged(found).mends()


def test_slow_motion_makes_the_place_unsure_and_says_so() -> None:
    swing = Swing(2, speed=0.12)
    found = solve_imu_camera(swing.path(), swing.imu())
    assert found.place_std.max() > 0.03
    assert any("place uncertain" in line and "swing faster" in line for line in judged(found).mends())
    assert off_deg(found.rotation) < 1.5


def test_turning_about_one_axis_alone_is_not_enough() -> None:
    """Nothing then tells how the sensor is turned about that axis."""
    swing = Swing(0, turn_rad=(0.0, 0.6, 0.0))
    verdict = judged(solve_imu_camera(swing.path(), swing.imu()))
    assert verdict.level == BAD
    assert any("about the second axis" in line and "more than one axis" in line for line in verdict.mends())


def test_data_of_another_rig_is_bad() -> None:
    verdict = judged(solve_imu_camera(Swing(0).path(), Swing(5).imu()))
    assert verdict.level == BAD
    assert verdict.mends()[0].startswith("BAD: correlation of turn rates")


def test_an_accelerometer_that_counts_in_g_shows() -> None:
    swing = Swing(0)
    in_g = replace(swing.imu(), forces=swing.imu().forces / 9.81)
    verdict = judged(solve_imu_camera(swing.path(), in_g))
    assert verdict.level == BAD
    assert any(
        line.startswith("BAD: gravity off by") and "does the sensor give m/s^2" in line for line in verdict.mends()
    )


def test_no_time_in_common() -> None:
    swing = Swing(0)
    late = replace(swing.imu(), times_s=swing.imu().times_s + 100)
    with pytest.raises(BadInputError, match=r"0 neighbouring pictures .* 20 are the least .*; are both on one clock"):
        solve_imu_camera(swing.path(), late)


@given(seed=st.integers(min_value=0, max_value=50), gap_s=st.floats(min_value=0.01, max_value=0.2))
def test_integrated_turns_agree_with_the_motion(seed: int, gap_s: float) -> None:
    """Against the exact rotation between two moments, about axes that change: 0.4 % of the turn or 0.3 mrad."""
    swing = Swing(seed, duration_s=3.0)
    times_s = np.arange(0.0, 3.0, 0.005)
    rates = vectors(swing.turns(times_s - 1e-4).transpose(0, 2, 1) @ swing.turns(times_s + 1e-4)) / 2e-4
    first = np.linspace(0.1, 2.7, 12)
    found = GyroTurns(times_s, rates).between(first, first + gap_s)
    exact = vectors(swing.turns(first).transpose(0, 2, 1) @ swing.turns(first + gap_s))
    assert np.abs(found - exact).max() < max(4e-3 * float(np.abs(exact).max()), 3e-4)


def test_rotation_vectors_and_matrices_are_each_others_inverse() -> None:
    given_vectors = np.random.default_rng(0).uniform(-1.5, 1.5, (50, 3))
    given_vectors[0] = 0.0
    np.testing.assert_allclose(vectors(matrices(given_vectors)), given_vectors, atol=1e-9)


# -- from a log to a file ----------------------------------------------------------------------------------------------

LENS = Lens(320, 240, 260.0, 259.0, 161.0, 118.5, (-0.2, 0.05, 0.0005, -0.0004, 0.0))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds of a board that a rig is swung before, and its inertial data."""
    folder = tmp_path_factory.mktemp("swing")
    swing = Swing(3, duration_s=11.0, turn_rad=(0.12, 0.1, 0.3), shift_m=(0.04, 0.03, 0.05), distance_m=0.48)
    path, imu = swing.path(noise=0.0), swing.imu()
    camera = BoardCamera(LENS)
    writer = LogWriter(folder / "swing.mcap", metadata={})
    for i, (at_s, turn, place) in enumerate(zip(path.times_s, path.turns, path.places, strict=True)):
        picture = camera.shoot(np.concatenate([vectors(turn[None])[0], place]), seed=i)
        stamp_ns = 50 * SECOND + round(at_s * SECOND)
        writer.write("cam0/image", Image(stamp_ns=stamp_ns, encoding="mono8", data=picture), stamp_ns)
    for at_s, rate, force in zip(imu.times_s, imu.rates.tolist(), imu.forces.tolist(), strict=True):
        stamp_ns = 50 * SECOND + round(at_s * SECOND)
        message = Imu(stamp_ns=stamp_ns, angular_velocity=tuple(rate), linear_acceleration=tuple(force))
        writer.write("imu0", message, stamp_ns)
    writer.close()
    write_camera_info(folder / "camera.yaml", LENS.info(frame_id="cam0"))
    return folder / "swing.mcap"


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words], standalone_mode=False)


def test_from_a_log_to_a_file(log: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("imu-camera", log, "--camera", log.parent / "camera.yaml", "--out", out, *OPTIONS)
    done = run(*words, "--json")
    assert done.exit_code == 0, done.exception
    report = json.loads(done.stdout)
    assert report["verdict"]["level"] != BAD, report["verdict"]
    assert sorted(path.name for path in out.iterdir()) == ["imu_camera.yaml", "report.json", "report.png"]
    (read,) = read_kalibr(out / "imu_camera.yaml")
    assert read.lens.parameters == pytest.approx(LENS.parameters)
    assert read.from_imu is not None
    np.testing.assert_allclose(read.from_imu.matrix[:3, :3], report["rotation"], atol=1e-9)
    camera = yaml.safe_load((out / "imu_camera.yaml").read_text())["cam0"]
    assert off_deg(np.array(camera["T_cam_imu"])[:3, :3]) < 0.3
    assert camera["timeshift_cam_imu"] == pytest.approx(OFFSET_S, abs=1e-3)
    assert camera["translation_known"] is report["place_known"] is True
    np.testing.assert_allclose(np.array(camera["T_cam_imu"])[:3, 3], PLACE, atol=0.02)
    assert isinstance(run(*words).exception, BadInputError)


def test_logs_that_do_not_do(log: Path, tmp_path: Path) -> None:
    words = ("imu-camera", log, "--camera", log.parent / "camera.yaml", "--out", tmp_path / "out")
    assert "no inertial data on topic 'gyro'; there is some on" in str(run(*words, "--imu-topic", "gyro").exception)
    assert "no pictures on topic 'left'; there are some on cam0/image" in str(run(*words, "--topic", "left").exception)
    other = tmp_path / "other.yaml"
    write_camera_info(other, replace(LENS, width=640, height=480, cx=320.0, cy=240.0).info())
    said = str(run("imu-camera", log, "--camera", other, "--out", tmp_path / "out", *OPTIONS).exception)
    assert "pictures of 320 x 240 px, the calibration is for 640 x 480 px" in said
    assert isinstance(run("imu-camera", log, "--camera", other, "--out", "x", "--squares", "8").exception, UsageError)
