"""Kalibr's files become ours: lenses, rectification of a pair, what an inertial sensor is to a camera."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from selfcue.errors import BadInputError
from selfcue.sensors.calibrate.commands import app
from selfcue.sensors.calibration import read_camera_info, stereo_geometry
from selfcue.sensors.kalibr import kalibr_infos, read_kalibr
from selfcue.sensors.lens import Lens

CHAIN = """\
cam0:
  T_cam_imu:
  - [0.0, -1.0, 0.0, 0.01]
  - [0.0, 0.0, -1.0, 0.02]
  - [1.0, 0.0, 0.0, 0.03]
  - [0.0, 0.0, 0.0, 1.0]
  timeshift_cam_imu: -0.0042
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.28, 0.07, 0.0002, 0.00002]
  distortion_model: radtan
  intrinsics: [458.6, 457.3, 367.2, 248.4]
  resolution: [752, 480]
  rostopic: /cam0/image_raw
cam1:
  T_cn_cnm1:
  - [0.99999726, 0.00231207, -0.00037600, -0.11007]
  - [-0.00231714, 0.99989805, -0.01408937, 0.00040]
  - [0.00034338, 0.01409020, 0.99990067, -0.00085]
  - [0.0, 0.0, 0.0, 1.0]
  cam_overlaps: [0]
  camera_model: pinhole
  distortion_coeffs: [-0.285, 0.075, -0.0001, -0.00001]
  distortion_model: radtan
  intrinsics: [457.6, 456.1, 379.9, 255.2]
  resolution: [752, 480]
  rostopic: /cam1/image_raw
"""


@pytest.fixture
def chain(tmp_path: Path) -> Callable[..., Path]:
    """Write the chain, with a key changed or left out."""

    def write(camera: str = "", key: str = "", value: Any = None) -> Path:
        loaded = yaml.safe_load(CHAIN)
        if camera and value is None:
            del loaded[camera][key]
        elif camera:
            loaded[camera][key] = value
        path = tmp_path / "camchain.yaml"
        path.write_text(yaml.safe_dump(loaded))
        return path

    return write


def test_what_a_chain_says(chain: Callable[..., Path]) -> None:
    first, second = read_kalibr(chain())
    assert first.lens == Lens(752, 480, 458.6, 457.3, 367.2, 248.4, (-0.28, 0.07, 0.0002, 0.00002))
    assert (first.name, first.topic, first.imu_shift_s) == ("cam0", "cam0/image_raw", -0.0042)
    assert first.from_imu is not None
    assert first.from_imu.apply([1.0, 0.0, 0.0]) == pytest.approx([0.01, 0.02, 1.03])
    assert first.from_previous is None
    assert second.from_imu is None
    assert second.imu_shift_s is None
    assert second.from_previous is not None
    assert second.from_previous.translation[0] == pytest.approx(-0.11007)


def rows_and_depth(infos: Any, cameras: Any, space: Any) -> tuple[Any, Any]:
    """Return how far rows differ [px], and depth over true depth, of points in cam0's coordinates."""
    link = cameras[1].from_previous
    at = [cameras[0].lens.project(space), cameras[1].lens.project(link.apply(space))]
    order = (0, 1) if infos["left"].k[0] == cameras[0].lens.fx else (1, 0)
    found = []
    for side, i in zip(("left", "right"), order, strict=True):
        info = infos[side]
        rays = np.column_stack([cameras[i].lens.rays(at[i]), np.ones(len(space))]) @ np.array(info.r).reshape(3, 3).T
        found.append((rays / rays[:, 2:]) @ np.array(info.p).reshape(3, 4)[:, :3].T)
    geometry = stereo_geometry(infos["left"], infos["right"])
    depth = geometry.focal_baseline / (found[0][:, 0] - found[1][:, 0])
    return np.abs(found[0][:, 1] - found[1][:, 1]), depth / space[:, 2]


SPACE = np.random.default_rng(0).uniform([-0.8, -0.5, 2.0], [0.8, 0.5, 4.0], (100, 3))


def test_a_chain_of_two_is_rectified(chain: Callable[..., Path]) -> None:
    path = chain()
    infos = kalibr_infos(path)
    assert stereo_geometry(infos["left"], infos["right"]).baseline_m == pytest.approx(0.11007, rel=1e-3)
    rows, depth = rows_and_depth(infos, read_kalibr(path), SPACE)
    assert rows.max() < 1e-4
    assert np.abs(depth - 1).max() < 0.02


def test_the_left_camera_may_be_the_second(chain: Callable[..., Path]) -> None:
    matrix = np.linalg.inv(np.array(yaml.safe_load(CHAIN)["cam1"]["T_cn_cnm1"]))
    turn = cv2.Rodrigues(cv2.Rodrigues(matrix[:3, :3])[0])[0]
    path = chain("cam1", "T_cn_cnm1", [[*row, float(x)] for row, x in zip(turn.tolist(), matrix[:3, 3], strict=True)]
                 + [[0.0, 0.0, 0.0, 1.0]])  # fmt: skip
    infos = kalibr_infos(path)
    assert infos["left"].k[0] == 457.6
    rows, _ = rows_and_depth(infos, read_kalibr(path), SPACE)
    assert rows.max() < 1e-4


def test_the_command_writes_what_ros_reads(chain: Callable[..., Path], tmp_path: Path) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(app, ["from-kalibr", str(chain()), *words], standalone_mode=False)

    out = tmp_path / "out"
    assert run("--out", str(out)).exit_code == 0
    infos = kalibr_infos(chain())
    assert read_camera_info(out / "left.yaml") == infos["left"]
    assert read_camera_info(out / "right.yaml") == infos["right"]
    assert "left.yaml, right.yaml already" in str(run("--out", str(out)).exception)
    lone = chain("cam1", "T_cn_cnm1")
    assert list(kalibr_infos(lone)) == ["cam0", "cam1"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("cam0", "camera_model", "omni"), "cam0 has camera_model 'omni'; pinhole is known"),
        (("cam0", "distortion_model", "fov"), "distortion_model 'fov'; known: radtan"),
        (("cam1", "intrinsics", [1.0, 2.0]), "intrinsics of cam1 has 2 numbers, expected 4"),
        (("cam1", "intrinsics", None), "intrinsics of cam1 is None, expected a list of numbers"),
        (("cam1", "intrinsics", [0.4, 0.4, 370.0, 240.0]), "focal lengths are in pixels"),
        (("cam1", "T_cn_cnm1", [[1, 0, 0, 0]] * 4), "T_cn_cnm1 of cam1 is not a rigid transform"),
        (("cam1", "T_cn_cnm1", 3), "expected four rows"),
        (("cam1", "resolution", [640, 480]), "cam0 and cam1 have different sizes"),
        (("cam0", "distortion_coeffs", [0.1] * 3), "has 5 coefficients, not 3"),
    ],
)
def test_files_that_do_not_do(chain: Callable[..., Path], change: tuple[str, str, Any], says: str) -> None:
    with pytest.raises(BadInputError, match=says) as caught:
        kalibr_infos(chain(*change))
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no such calibration file"):
        read_kalibr(tmp_path / "none.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(BadInputError, match="no Kalibr chain"):
        read_kalibr(tmp_path / "list.yaml")
    (tmp_path / "torn.yaml").write_text("cam0: [1")
    with pytest.raises(BadInputError, match="cannot be read as a calibration file"):
        read_kalibr(tmp_path / "torn.yaml")
