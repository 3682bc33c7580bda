"""KITTI's layouts: what the folders hold comes out as messages, what is missing or broken is named."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image, Odometry
from selfcue.sensors.calibration import stereo_geometry
from selfcue.sensors.kitti.lidar import project
from selfcue.sensors.kitti.poses import quaternion, rotation_vector
from selfcue.sensors.kitti.reader import KittiReader, open_kitti

MS = 1_000_000


def read_png(path: Path) -> npt.NDArray[Any]:
    """Return the pixels as they are on disk (colour as BGR)."""
    pixels: Any = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, path
    found: npt.NDArray[Any] = pixels
    return found


def by_topic(reader: KittiReader) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for stamp_ns, topic, message in reader.messages():
        assert stamp_ns == message.stamp_ns
        assert type(message) is reader.topics()[topic]
        found.setdefault(topic, []).append(message)
    assert set(found) == set(reader.topics())
    return found


def calibration_of(found: dict[str, list[Any]]) -> tuple[CameraInfo, CameraInfo]:
    left, right = found["stereo/left/camera_info"], found["stereo/right/camera_info"]
    assert len(left) == len(right) == 1
    return left[0], right[0]


def test_the_slim_layout(kitti: Any) -> None:
    reader = open_kitti(kitti.slim())
    found = by_topic(reader)
    lefts, rights = found["stereo/left/image"], found["stereo/right/image"]
    assert [image.stamp_ns for image in lefts] == [100_000 * MS, 100_100 * MS, 100_200 * MS, 100_500 * MS]
    assert [image.stamp_ns for image in rights] == [image.stamp_ns + 3 * MS for image in lefts]
    assert [frame.number for frame in reader.frames] == [0, 1, 2, 5]
    assert {image.encoding for image in lefts + rights} == {"mono8"}
    on_disk = read_png(reader.frames[3].right)
    np.testing.assert_array_equal(rights[3].data, on_disk)
    geometry = stereo_geometry(*calibration_of(found))
    assert (geometry.width, geometry.height) == (48, 32)
    assert geometry.baseline_m == pytest.approx(0.5)
    (depth,) = found["lidar/depth"]
    assert depth.stamp_ns == lefts[1].stamp_ns
    assert depth.data[20, 10] == 5.0
    assert np.isfinite(depth.data).sum() == 1


def test_the_odometry_layout(kitti: Any) -> None:
    found = by_topic(open_kitti(kitti.odometry()))
    assert [image.stamp_ns for image in found["stereo/left/image"]] == [0, 103 * MS, 206 * MS, 309 * MS]
    assert stereo_geometry(*calibration_of(found)).baseline_m == pytest.approx(0.5)
    poses: list[Odometry] = found["odom"]
    assert poses[3].position == pytest.approx((0.3, 0.0, 0.0))
    assert poses[3].linear_velocity[0] == pytest.approx(0.1 / 0.103, rel=0.01)
    # Turned to the right by 6 degrees: about z (up) by -6 degrees.
    assert poses[3].orientation == pytest.approx((0, 0, -math.sin(math.radians(3)), math.cos(math.radians(3))))
    assert poses[3].angular_velocity == pytest.approx((0, 0, -math.radians(2) / 0.103))
    (depth,) = found["lidar/depth"]
    assert depth.stamp_ns == 206 * MS
    # The nearer of two points in line with the camera counts, the one behind it does not.
    assert depth.data[16, 24] == 4.0
    assert np.isfinite(depth.data).sum() == 1


def test_the_raw_layout_in_colour_with_shifted_cameras(kitti: Any) -> None:
    drive = kitti.raw()
    reader = open_kitti(drive)
    found = by_topic(reader)
    first = found["stereo/left/image"][0]
    assert first.encoding == "rgb8"
    np.testing.assert_array_equal(first.data, read_png(reader.frames[0].left)[:, :, ::-1])
    assert first.stamp_ns == 1317042145_904389445  # 2011-09-26 13:02:25 UTC
    assert found["stereo/right/image"][0].stamp_ns - first.stamp_ns == 10 * MS
    left, right = calibration_of(found)
    assert left.baseline_m == 0
    assert right.baseline_m == pytest.approx(0.5)
    odom: list[Odometry] = found["odom"]
    assert [o.stamp_ns for o in odom] == [image.stamp_ns for image in found["stereo/left/image"]]
    assert odom[0].linear_velocity[0] == 3.0
    assert odom[0].angular_velocity[2] == 0.25
    assert odom[0].orientation == pytest.approx((0, 0, math.sin(math.pi / 4), math.cos(math.pi / 4)))
    east_m = 3e-6 * math.pi / 180 * 6378137.0 * math.cos(math.radians(49.0))
    assert odom[3].position == pytest.approx((east_m, 0.0, 0.0), abs=1e-6)
    (depth,) = found["lidar/depth"]
    row, column = (int(value[0]) for value in np.nonzero(np.isfinite(depth.data)))
    assert depth.data[row, column] == 4.0
    assert column == round(23.5 + 40.0 * 0.06 / 4.0)  # camera 02 is left of camera 0, so the point lies to its right


def test_a_folder_around_the_drive_is_enough(kitti: Any) -> None:
    kitti.raw()
    assert KittiReader.claims(kitti.root)
    assert len(open_kitti(kitti.root).frames) == 4


def test_two_drives_in_one_folder_must_be_told_apart(kitti: Any, tmp_path: Path) -> None:
    kitti.slim()
    type(kitti)(tmp_path / "other").slim()
    with pytest.raises(BadInputError, match="holds 2 drives; give one of"):
        open_kitti(tmp_path)


def test_frames_are_moments_and_reading_starts_anywhere(kitti: Any) -> None:
    reader = open_kitti(kitti.slim())
    moments = list(reader.moments())
    assert tuple(moment.stamp_ns for moment in moments) == reader.moment_stamps()
    assert moments[1].stamp_ns == 100_103 * MS  # the later one of the pair
    topics = [[topic for _, topic, _ in moment.entries] for moment in moments]
    images = ["stereo/left/image", "stereo/right/image"]
    infos = ["stereo/left/camera_info", "stereo/right/camera_info"]
    assert topics == [infos + images, [*images, "lidar/depth"], images, images]
    late = list(reader.moments(100_103 * MS + 1))
    assert [moment.stamp_ns for moment in late] == [100_203 * MS, 100_503 * MS]
    assert [topic for _, topic, _ in late[0].entries] == infos + images
    assert (reader.start_ns, reader.end_ns) == (100_003 * MS, 100_503 * MS)


def test_pictures_are_read_one_frame_at_a_time(kitti: Any) -> None:
    """A damaged later frame does not keep the earlier ones from being read."""
    reader = open_kitti(kitti.slim())
    reader.frames[2].left.write_bytes(b"")
    moments = reader.moments()
    assert next(moments).stamp_ns == 100_003 * MS
    assert next(moments).stamp_ns == 100_103 * MS
    with pytest.raises(BadInputError, match=r"left/000002\.png: the image is damaged"):
        next(moments)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda raw: raw[: len(raw) // 2], "cut off after"),
        (lambda raw: raw[:-4], "cut off after"),
        (lambda raw: raw[:200] + bytes([raw[200] ^ 1]) + raw[201:], "wrong checksum"),
        (lambda raw: b"GIF89a" + raw, "does not begin as a PNG"),
    ],
)
def test_a_damaged_picture_is_never_shown_half(kitti: Any, harm: Callable[[bytes], bytes], message: str) -> None:
    reader = open_kitti(kitti.slim())
    path = reader.frames[0].left
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(BadInputError, match=message) as caught:
        next(reader.moments())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_picture_that_vanished_or_changed_size(kitti: Any) -> None:
    reader = open_kitti(kitti.slim())
    reader.frames[0].right.unlink()
    with pytest.raises(BadInputError, match=r"right/000000\.png: the image is missing"):
        next(reader.moments())
    cv2.imwrite(str(reader.frames[0].right), np.zeros((20, 20), np.uint8))
    with pytest.raises(BadInputError, match="image is 20 x 20 px, the calibration is for 48 x 32 px"):
        next(reader.moments())
    cv2.imwrite(str(reader.frames[0].right), np.zeros((32, 48), np.uint16))
    with pytest.raises(BadInputError, match="camera image of uint16, expected 8 bit"):
        next(reader.moments())


def remove(*names: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        for name in names:
            (folder / name).unlink()

    return act


def write(name: str, text: str) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        (folder / name).write_text(text)

    return act


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (remove("calib.txt"), r"calib\.txt: the calibration is missing"),
        (write("calib.txt", "width: 48\n"), r"calib\.txt: calibration key 'height' is missing; it has width"),
        (write("calib.txt", "width: 48 48\n"), "'width' has 2 numbers, expected 1"),
        (remove("right/000005.png"), r"right/000005\.png.*only the left one is there"),
        (
            remove("left/000001.png", "left/000002.png"),
            r"left/000001\.png: the image is missing and 1 more.*right one",
        ),
        (remove("left/000001.png", "right/000001.png"), "the image of frame 1 is missing; frames.csv lists it"),
        (write("frames.csv", "frame,t_left_s,t_right_s\n0,1.0,1.0\n"), "has no row for image 1"),
        (write("frames.csv", "frame,t_left_s\n0,1.0\n"), "column 't_right_s' is missing"),
        (write("frames.csv", "frame,t_left_s,t_right_s\n"), "lists no frame"),
        (write("frames.csv", "frame,t_left_s,t_right_s\n0,now,1.0\n"), "'now' is not a time in seconds"),
        (
            write("frames.csv", "frame,t_left_s,t_right_s\n0,1,1\n1,2,2\n2,2,3\n5,4,4\n"),
            "stamps of frame 2 .* not later than those of frame 1",
        ),
    ],
)
def test_what_is_wrong_with_a_slim_folder_is_said(kitti: Any, harm: Callable[[Path], None], message: str) -> None:
    folder = kitti.slim()
    harm(folder)
    with pytest.raises(BadInputError, match=message) as caught:
        open_kitti(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_slim_baseline_in_millimetres(kitti: Any) -> None:
    folder = kitti.slim()
    kitti.slim_calibration(500.0)
    with pytest.raises(BadInputError, match="baseline_m is 500; it is in metres"):
        open_kitti(folder)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda drive: (drive.parent / "calib_cam_to_cam.txt").unlink(), "no calib_cam_to_cam.txt in"),
        (lambda drive: (drive.parent / "calib_velo_to_cam.txt").unlink(), "the scanner's calibration is missing"),
        (lambda drive: (drive / "image_03" / "timestamps.txt").write_text("2011-09-26 13:02:25.9\n"), "1 time stamps"),
        (lambda drive: (drive / "image_03" / "timestamps.txt").write_text("noon\n" * 4), "'noon' is not a time stamp"),
        (lambda drive: (drive / "image_03" / "data").rename(drive / "image_03" / "old"), "which is no stereo pair"),
        (lambda drive: (drive / "oxts" / "data" / "0000000001.txt").write_text("1 2 3"), "is not 30 numbers"),
    ],
)
def test_what_is_wrong_with_a_raw_drive_is_said(kitti: Any, harm: Callable[[Path], None], message: str) -> None:
    drive = kitti.raw()
    harm(drive)
    with pytest.raises(BadInputError, match=message):
        open_kitti(drive)


def test_a_raw_drive_that_is_not_rectified(kitti: Any) -> None:
    drive = kitti.raw()
    calibration = drive.parent / "calib_cam_to_cam.txt"
    calibration.write_text(calibration.read_text().replace("4.8e+01", "6.4e+01"))
    with pytest.raises(BadInputError, match=r"48 x 32 px, .* rectified ones of 64 x 32 px; use .*_sync"):
        open_kitti(drive)


def test_a_raw_drive_without_stamps_runs_at_ten_hertz(kitti: Any) -> None:
    drive = kitti.raw()
    for camera in ("02", "03"):
        (drive / f"image_{camera}" / "timestamps.txt").unlink()
    assert open_kitti(drive).moment_stamps() == (0, 100 * MS, 200 * MS, 300 * MS)


def test_a_damaged_scan(kitti: Any) -> None:
    reader = open_kitti(kitti.odometry())
    with reader.frames[2].lidar.open("ab") as file:  # type: ignore[union-attr]
        file.write(b"abc")
    with pytest.raises(BadInputError, match=r"000002\.bin: the LiDAR scan is damaged \(51 bytes"):
        list(reader.messages())


def test_a_folder_that_is_no_drive(tmp_path: Path) -> None:
    assert not KittiReader.claims(tmp_path)
    with pytest.raises(BadInputError, match=r"no KITTI layout found; looked for .*frames\.csv.*image_02.*image_0"):
        open_kitti(tmp_path)


def test_empty_image_folders(tmp_path: Path) -> None:
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
    with pytest.raises(BadInputError, match="no images"):
        open_kitti(tmp_path)


def test_quaternions_of_all_axes_against_their_rotation() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        angle = rng.uniform(-np.pi, np.pi)
        rotation: Any = cv2.Rodrigues(axis * angle)[0]
        x, y, z, w = quaternion(rotation)
        expected = np.array([*(axis * np.sin(angle / 2)), np.cos(angle / 2)])
        assert abs(abs(np.dot([x, y, z, w], expected)) - 1.0) < 1e-12
        np.testing.assert_allclose(rotation_vector(rotation), axis * angle, atol=1e-9)


def test_projection_against_a_loop() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform((-2, -3, -2), (20, 3, 2), (400, 3)).astype(np.float32)
    matrix = np.array([[40.0, 0, 23.5, 2.0], [0, 40.0, 15.5, 0.1], [0, 0, 1, 0.01]])
    turn = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
    expected = np.full((32, 48), np.inf)
    for point in points.astype(np.float64):
        u, v, depth = matrix @ turn @ [*point, 1.0]
        if depth > 0.5 and 0 <= (column := round(u / depth)) < 48 and 0 <= (row := round(v / depth)) < 32:
            expected[row, column] = min(expected[row, column], depth)
    found = project(points, matrix @ turn, (48, 32))
    np.testing.assert_allclose(np.where(np.isnan(found), np.inf, found), expected, rtol=1e-6)


def test_the_recorded_slim_drive(data: Callable[[str], Path]) -> None:
    reader = open_kitti(data("kitti_raw_stereo_lidar"))
    assert len(reader.frames) == 298
    assert sum(frame.lidar is not None for frame in reader.frames) == 42
    gaps = [abs(frame.left_ns - frame.right_ns) for frame in reader.frames]
    assert sum(gap > 2 * MS for gap in gaps) == 42
    moment = next(reader.moments(reader.frames[4].stamp_ns))
    depth = next(message for _, topic, message in moment.entries if topic == "lidar/depth")
    assert isinstance(depth, Image)
    assert 15_000 < np.isfinite(depth.data).sum() < 22_000


def test_the_depth_picture_of_a_scan_is_the_recorded_one(data: Callable[[str], Path]) -> None:
    """Our projection of the whole scan gives the data set's own depth picture, up to its rounding."""
    folder = data("kitti_raw_stereo_lidar")
    reader = open_kitti(folder)
    frame = next(frame for frame in reader.frames if frame.number == 4)
    recorded = next(m for _, t, m in next(reader.moments(frame.stamp_ns)).entries if t == "lidar/depth")
    assert isinstance(recorded, Image)
    transform = np.loadtxt(folder / "calib_velo_to_rect_left.txt")
    points = np.fromfile(folder / "velodyne" / "000004.bin", "<f4").reshape(-1, 4)
    info = reader.layout.left_info
    ours = project(points, np.array(info.p).reshape(3, 4) @ transform, (info.width, info.height))
    both = np.isfinite(ours) & np.isfinite(recorded.data)
    assert both.sum() > 0.95 * np.isfinite(recorded.data).sum()
    assert np.median(np.abs(ours - recorded.data)[both]) < 0.01


def test_the_recorded_odometry_sequence(data: Callable[[str], Path]) -> None:
    reader = open_kitti(data("kitti_odometry_seq1"))
    poses = [frame.odometry for frame in reader.frames]
    places = np.array([pose.position for pose in poses if pose is not None])
    assert len(places) == 51
    assert np.linalg.norm(np.diff(places, axis=0), axis=1).sum() == pytest.approx(59.9, abs=0.1)
    assert places[-1][0] > 50  # forward is x


def test_the_recorded_raw_frame(data: Callable[[str], Path]) -> None:
    reader = open_kitti(data("kitti_raw_0048_tiny"))
    (moment,) = reader.moments()
    images = {topic: message for _, topic, message in moment.entries}
    left, depth = images["stereo/left/image"], images["lidar/depth"]
    assert isinstance(left, Image)
    assert isinstance(depth, Image)
    assert (left.width, left.height, left.encoding) == (1242, 375, "rgb8")
    assert stereo_geometry(reader.layout.left_info, reader.layout.right_info).baseline_m == pytest.approx(
        0.5327, abs=1e-4
    )
    assert np.isfinite(depth.data).sum() > 15_000
