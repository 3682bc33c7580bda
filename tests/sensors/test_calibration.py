"""Calibration files: what is written is read back, what is wrong is said in one line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.sensors.calibration import read_camera_info, rectified_pair, stereo_geometry, write_camera_info

ROS_FILE = """\
image_width: 640
image_height: 480
camera_name: narrow_stereo/left
camera_matrix:
  rows: 3
  cols: 3
  data: [438.783367, 0.000000, 305.593336, 0.000000, 437.302876, 243.738352, 0.000000, 0.000000, 1.000000]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.361976, 0.110510, 0.001014, 0.000505, 0.000000]
rectification_matrix:
  rows: 3
  cols: 3
  data: [0.999978, 0.002789, -0.006046, -0.002816, 0.999986, -0.004401, 0.006034, 0.004417, 0.999972]
projection_matrix:
  rows: 3
  cols: 4
  data: [393.653800, 0.000000, 322.797939, 0.000000, 0.000000, 393.653800, 241.090902, 0.000000, 0, 0, 1, 0]
"""


@pytest.fixture
def ros_file(tmp_path: Path) -> Path:
    path = tmp_path / "left.yaml"
    path.write_text(ROS_FILE)
    return path


def damaged(path: Path, key: str, value: object) -> Path:
    document = yaml.safe_load(path.read_text())
    if value is None:
        del document[key]
    else:
        document[key] = value
    path.write_text(yaml.safe_dump(document))
    return path


def test_reads_what_ros_writes(ros_file: Path) -> None:
    info = read_camera_info(ros_file, stamp_ns=7, frame_id="stereo_left_optical")
    assert (info.width, info.height, info.stamp_ns, info.frame_id) == (640, 480, 7, "stereo_left_optical")
    assert info.k[0] == 438.783367
    assert info.d == (-0.361976, 0.110510, 0.001014, 0.000505, 0.0)
    assert info.p[2] == 322.797939
    assert read_camera_info(ros_file).frame_id == "narrow_stereo/left"


@pytest.mark.parametrize(
    ("model", "d"), [("plumb_bob", (0.1, -0.2, 0.001, 0.002, 0.03)), ("equidistant", (0.1, 0.01, -0.002, 0.0003))]
)
def test_writes_what_it_reads(tmp_path: Path, ros_file: Path, model: str, d: tuple[float, ...]) -> None:
    info = msgspec.structs.replace(read_camera_info(ros_file), distortion_model=model, d=d)
    write_camera_info(tmp_path / "again.yaml", info)
    assert read_camera_info(tmp_path / "again.yaml") == info


def test_missing_file_and_text_that_is_no_calibration(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"nope\.yaml: no such calibration file"):
        read_camera_info(tmp_path / "nope.yaml")
    (tmp_path / "broken.yaml").write_text("image_width: [640")
    with pytest.raises(BadInputError, match=r"broken\.yaml: not YAML"):
        read_camera_info(tmp_path / "broken.yaml")
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    with pytest.raises(BadInputError, match=r"list\.yaml: holds list"):
        read_camera_info(tmp_path / "list.yaml")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("camera_matrix", None, "key 'camera_matrix' is missing"),
        ("image_width", "wide", "key 'image_width' is 'wide', expected int"),
        ("image_width", 0, "0 x 480 px"),
        ("camera_matrix", {"rows": 3, "cols": 3, "data": [1.0] * 8}, "8 numbers; expected 3 x 3"),
        ("projection_matrix", {"rows": 3, "cols": 3, "data": [1.0] * 9}, "9 numbers; expected 3 x 4"),
        ("projection_matrix", {"rows": 3, "cols": 4, "data": ["a"] * 12}, "expected a list of numbers"),
        ("distortion_model", "thin_prism", "'thin_prism' is not known; use one of plumb_bob, equidistant"),
        ("distortion_coefficients", {"rows": 1, "cols": 2, "data": [0.1, 0.2]}, "needs 4 or 5 .*, got 2"),
        (
            "camera_matrix",
            {"data": [4.2, 0, 320, 0, 4.2, 240, 0, 0, 1.0]},
            "fx .* is 4.2 .* focal lengths are in pixels",
        ),
        ("camera_matrix", {"data": [400.0, 0, 900, 0, 400, 240, 0, 0, 1]}, "principal point .* lies outside"),
    ],
)
def test_wrong_values_are_named(ros_file: Path, key: str, value: object, message: str) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        read_camera_info(damaged(ros_file, key, value))
    assert str(ros_file) in str(caught.value)
    assert "\n" not in str(caught.value)


def pair(baseline_m: float = 0.06, width: int = 128) -> tuple[CameraInfo, CameraInfo]:
    return rectified_pair(width=width, height=96, fx_px=115.5, cx_px=63.5, cy_px=47.5, baseline_m=baseline_m)


def test_stereo_geometry_comes_from_the_projection_matrices() -> None:
    geometry = stereo_geometry(*pair())
    assert geometry.baseline_m == pytest.approx(0.06)
    assert geometry.focal_baseline == pytest.approx(6.93)
    assert (geometry.width, geometry.height, geometry.cx_px, geometry.cy_px) == (128, 96, 63.5, 47.5)


def test_a_left_camera_that_is_not_the_origin() -> None:
    """KITTI's colour cameras are both given relative to camera 0."""
    left, right = pair(0.5)
    moved = [msgspec.structs.replace(i, p=(*i.p[:3], i.p[3] + 10.0, *i.p[4:])) for i in (left, right)]
    assert stereo_geometry(*moved).baseline_m == pytest.approx(0.5)


def test_pairs_that_cannot_be_used() -> None:
    left, right = pair()
    with pytest.raises(BadInputError, match=r"60 m, probably millimetres; .*\(0.06 m\)"):
        stereo_geometry(*pair(60.0))
    with pytest.raises(BadInputError, match="look swapped"):
        stereo_geometry(right, left)
    with pytest.raises(BadInputError, match="baseline is 0 m"):
        stereo_geometry(left, left)
    with pytest.raises(BadInputError, match="128 x 96 px and right 64 x 96 px"):
        stereo_geometry(left, pair(width=64)[1])
    with pytest.raises(BadInputError, match=r"fx 115.5 px left and 130 px right"):
        stereo_geometry(left, msgspec.structs.replace(right, p=(130.0, *right.p[1:])))
    with pytest.raises(BadInputError, match="cy"):
        stereo_geometry(left, msgspec.structs.replace(right, p=(*right.p[:6], 52.0, *right.p[7:])))
