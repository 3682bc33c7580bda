"""EuRoC folders, written here and recorded, against plain parsing."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image, Imu, Odometry, Pose, Position, Transforms
from selfcue.sensors.euroc.reader import EurocReader
from selfcue.sensors.readers import open_log

START = 1_403_636_579_758_555_392
MS = 1_000_000
PLACE = "T_BS:\n  cols: 4\n  rows: 4\n  data: [0, -1, 0, 0.1, 1, 0, 0, 0.2, 0, 0, 1, 0.3, 0, 0, 0, 1]\n"


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    """200 Hz inertial data, two pictures, a tracker, a ground truth, and a folder of an unknown kind."""
    mav = tmp_path / "flight" / "mav0"
    table(
        mav / "imu0", [f"{START + i * 5 * MS},{i},0.5,-1,0.1,0.2,9.81" for i in range(40)], "sensor_type: imu\n" + PLACE
    )
    camera = "%YAML:1.0\nsensor_type: camera\nresolution: [6, 4]\nintrinsics: [50, 51, 3, 2]\n"
    camera += "distortion_model: radial-tangential\ndistortion_coefficients: [0.1, 0.2, 0.3, 0.4]\n"
    stamps = [START + i * 50 * MS for i in range(2)]
    table(mav / "cam0", [f"{ns},{ns}.png" for ns in stamps], camera + PLACE)
    (mav / "cam0" / "data").mkdir()
    for i, ns in enumerate(stamps):
        cv2.imwrite(str(mav / "cam0" / "data" / f"{ns}.png"), np.full((4, 6), 10 + i, np.uint8))
    table(mav / "leica0", [f"{START + 7},1,2,3"], "sensor_type: position\n")
    half = math.sqrt(0.5)
    truth = f"{START},1,2,3,{half},0,0,{half},0,5,0,0,0,0,0,0,0"
    table(mav / "state_groundtruth_estimate0", [truth], "sensor_type: visual-inertial\n")
    table(mav / "vicon0", [f"{START},1,2,3,1,0,0,0"], "sensor_type: pose\n")
    table(mav / "clicker0", [f"{START},1"], "sensor_type: clicker\n")
    return mav.parent


def table(folder: Path, lines: list[str], description: str) -> None:
    folder.mkdir(parents=True)
    (folder / "data.csv").write_text("#timestamp [ns],...\r\n" + "\r\n".join(lines) + "\r\n")
    (folder / "sensor.yaml").write_text(description)


def test_an_asl_folder(flight: Path) -> None:
    reader = open_log(flight)
    assert isinstance(reader, EurocReader)
    assert {topic: (info.type, info.count) for topic, info in reader.contents().items()} == {
        "imu0": ("Imu", 40),
        "cam0/image": ("Image", 2),
        "cam0/camera_info": ("CameraInfo", 1),
        "leica0": ("Position", 1),
        "state_groundtruth_estimate0": ("Odometry", 1),
        "vicon0": ("Pose", 1),
        "tf_static": ("Transforms", 1),
        "clicker0": ("", 1),
    }
    assert reader.latched_topics == {"cam0/camera_info", "tf_static"}
    found = {topic: message for _, topic, message in reader.messages()}
    imu, picture, info = found["imu0"], found["cam0/image"], found["cam0/camera_info"]
    assert imu == Imu(
        stamp_ns=START + 39 * 5 * MS,
        frame_id="imu0",
        angular_velocity=(39.0, 0.5, -1.0),
        linear_acceleration=(0.1, 0.2, 9.81),
    )
    assert isinstance(picture, Image)
    assert (picture.stamp_ns, picture.data.tolist()) == (START + 50 * MS, [[11] * 6] * 4)
    assert isinstance(info, CameraInfo)
    assert (info.k[0], info.k[4], info.d) == (50.0, 51.0, (0.1, 0.2, 0.3, 0.4, 0.0))
    assert found["leica0"] == Position(stamp_ns=START + 7, frame_id="world", position=(1.0, 2.0, 3.0))
    truth, static = found["state_groundtruth_estimate0"], found["tf_static"]
    assert isinstance(truth, Odometry)
    assert truth.linear_velocity == pytest.approx((5.0, 0.0, 0.0))  # north in the world, ahead for a body turned left
    assert all(math.isnan(rate) for rate in truth.angular_velocity)
    assert isinstance(found["vicon0"], Pose)
    assert isinstance(static, Transforms)
    assert (static.parents, static.children) == (("body", "body"), ("cam0", "imu0"))
    assert static.translations[0] == (0.1, 0.2, 0.3)
    assert static.rotations[0] == pytest.approx((0, 0, math.sqrt(0.5), math.sqrt(0.5)))


def test_the_inner_folder_will_do(flight: Path) -> None:
    assert EurocReader(flight / "mav0").start_ns == START
    assert not EurocReader.claims(flight.parent)


@pytest.mark.parametrize(
    ("file", "content", "text"),
    [
        ("imu0/data.csv", f"{START},1,2,3,4,5", "line 1 has 6 columns, number 7 is needed; is the file cut off"),
        ("imu0/data.csv", "soon,1,2,3,4,5,6", "'soon' is not a time in ns"),
        ("imu0/sensor.yaml", "T_BS: {data: [1, 2]}", "T_BS is not a 4 x 4 matrix"),
        ("imu0/sensor.yaml", "T_BS: {data: [2,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1]}", "T_BS: not a rigid"),
        ("imu0/sensor.yaml", "a: [", "description cannot be read"),
        ("cam0/sensor.yaml", "sensor_type: camera\n", "key 'resolution' is missing"),
        ("cam0/data.csv", f"{START},../../secret.png", "is not 'stamp, file name'"),
    ],
)
def test_damaged_folders_give_one_line(flight: Path, file: str, content: str, text: str) -> None:
    (flight / "mav0" / file).write_text(content)
    with pytest.raises(BadInputError, match=text) as caught:
        EurocReader(flight)
    assert "\n" not in str(caught.value)


def test_a_missing_picture_is_named_when_its_turn_comes(flight: Path) -> None:
    (flight / "mav0" / "cam0" / "data" / f"{START}.png").unlink()
    with pytest.raises(BadInputError, match=rf"{START}\.png: the image is missing"):
        list(EurocReader(flight).messages())


def test_damaged_tables(flight: Path, refusals: Callable[..., list[str]]) -> None:
    said = refusals(flight / "mav0" / "imu0" / "data.csv", lambda: list(EurocReader(flight).messages()))
    assert len(said) >= 10
    assert all("imu0" in line and "\n" not in line for line in said)


def test_the_recorded_flight_equals_its_tables(data: Callable[[str], Path]) -> None:
    folder = data("euroc_imu_leica")
    ours: dict[str, list[tuple[int, tuple[float, ...]]]] = {"imu0": [], "leica0": []}
    for stamp_ns, topic, message in open_log(folder).messages():
        assert stamp_ns == message.stamp_ns
        if isinstance(message, Imu):
            ours[topic].append((stamp_ns, message.angular_velocity + message.linear_acceleration))
        elif isinstance(message, Position):
            ours[topic].append((stamp_ns, message.position))
    for name, count in (("imu0", 36_820), ("leica0", 3_099)):
        with (folder / "mav0" / name / "data.csv").open(newline="") as file:
            rows = [row for row in csv.reader(file) if not row[0].startswith("#")]
        assert ours[name] == [(int(row[0]), tuple(map(float, row[1:]))) for row in rows]
        assert len(rows) == count
