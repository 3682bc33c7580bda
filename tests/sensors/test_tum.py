"""TUM's folders and trajectories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.messages import Image, Message, Pose, Vector
from selfcue.sensors.readers import open_log
from selfcue.sensors.tum.associate import associate
from selfcue.sensors.tum.reader import TumReader

MS = 1_000_000


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Three colour and three depth pictures, the last pair 40 ms apart."""
    folder = tmp_path / "rgbd_dataset_freiburg1_desk"
    rng = np.random.default_rng(0)
    for kind, stamps in (("rgb", (1.0, 1.033333, 1.066667)), ("depth", (1.01, 1.040001, 1.106667))):
        (folder / kind).mkdir(parents=True)
        lines = ["# color images", "# timestamp filename"]
        for i, stamp in enumerate(stamps):
            pixels = rng.integers(0, 256, (4, 6, 3)).astype(np.uint8)
            if kind == "depth":
                pixels = np.full((4, 6), 5000 * (i + 1), np.uint16)
                pixels[0, 0] = 0
            cv2.imwrite(str(folder / kind / f"{stamp:.6f}.png"), pixels)
            lines.append(f"{stamp:.6f} {kind}/{stamp:.6f}.png")
        (folder / f"{kind}.txt").write_text("\n".join(lines) + "\n")
    (folder / "groundtruth.txt").write_text("# tx\n1.0050 1 2 3 0 0 0.6 0.8\n")
    (folder / "accelerometer.txt").write_text("1.0070 0.1 0.2 -9.8\n")
    return folder


def test_a_folder_of_the_benchmark(desk: Path) -> None:
    reader = open_log(desk)
    assert isinstance(reader, TumReader)
    assert {topic: (info.type, info.count) for topic, info in reader.contents().items()} == {
        "rgb/image": ("Image", 3),
        "depth/image": ("Image", 3),
        "groundtruth": ("Pose", 1),
        "accelerometer": ("Vector", 1),
    }
    first: dict[str, Message] = {}
    for _, topic, message in reader.messages():
        first.setdefault(topic, message)
    colour, depth = first["rgb/image"], first["depth/image"]
    assert isinstance(colour, Image)
    assert colour.encoding == "rgb8"
    bgr = cv2.imread(str(desk / "rgb" / "1.000000.png"))
    assert bgr is not None
    assert np.array_equal(colour.data, bgr[:, :, ::-1])
    assert isinstance(depth, Image)
    assert (depth.encoding, depth.stamp_ns, float(depth.data[1, 1])) == ("32FC1", 1010 * MS, 1.0)
    assert np.isnan(depth.data[0, 0])
    assert first["groundtruth"] == Pose(
        stamp_ns=1005 * MS, frame_id="world", position=(1.0, 2.0, 3.0), orientation=(0.0, 0.0, 0.6, 0.8)
    )
    assert first["accelerometer"] == Vector(stamp_ns=1007 * MS, frame_id="accelerometer", vector=(0.1, 0.2, -9.8))
    assert reader.pairs() == [(1000 * MS, 1010 * MS), (1_033_333_000, 1_040_001_000)]
    assert reader.pairs(0.05)[2:] == [(1_066_667_000, 1_106_667_000)]


def test_a_list_of_associations_alone(desk: Path) -> None:
    (desk / "rgb.txt").unlink()
    (desk / "depth.txt").unlink()
    (desk / "associations.txt").write_text("1.000000 rgb/1.000000.png 1.010000 depth/1.010000.png\n")
    reader = TumReader(desk)
    assert reader.pairs() == [(1000 * MS, 1010 * MS)]
    assert sorted(reader.topics()) == ["accelerometer", "depth/image", "groundtruth", "rgb/image"]


def test_a_trajectory_file(tmp_path: Path) -> None:
    path = tmp_path / "estimate.txt"
    path.write_text("# t x y z qx qy qz qw\n1305031102.175304 1.3 0.6 1.7 0.6 0.6 -0.3 -0.3\n")
    ((stamp_ns, topic, message),) = open_log(path).messages()
    assert (stamp_ns, topic) == (1305031102175304000, "trajectory")
    assert isinstance(message, Pose)
    assert message.orientation == (0.6, 0.6, -0.3, -0.3)
    path.write_text("just words\n")
    assert not TumReader.claims(path)


@pytest.mark.parametrize(
    ("file", "content", "text"),
    [
        ("groundtruth.txt", "1.0 1 2 3\n", "line 1 has 4 columns, number 5 is needed"),
        ("rgb.txt", "1.0\n", "line 1 has 1 columns; a file name belongs in 2"),
        ("rgb.txt", "1.0 ../../etc\n", "lies outside the folder"),
        ("rgb.txt", "one rgb/1.png\n", "'one' is not a time in s"),
    ],
)
def test_damaged_lists_give_one_line(desk: Path, file: str, content: str, text: str) -> None:
    (desk / file).write_text(content)
    with pytest.raises(BadInputError, match=text):
        TumReader(desk)


def test_damaged_trajectories(desk: Path, refusals: Callable[..., list[str]]) -> None:
    lines = "".join(f"{i}.5 1 2 3 0 0 0 1\n" for i in range(200))
    (desk / "groundtruth.txt").write_text(lines)
    said = refusals(desk / "groundtruth.txt", lambda: TumReader(desk))
    assert len(said) >= 10
    assert all("groundtruth.txt" in line and "\n" not in line for line in said)


@given(
    st.lists(st.integers(0, 200), max_size=12, unique=True),
    st.lists(st.integers(0, 200), max_size=12, unique=True),
    st.integers(1, 40),
)
def test_association_is_greedy_from_the_smallest_gap_up(first: list[int], second: list[int], gap: int) -> None:
    found = associate(np.array(first, dtype=np.int64), np.array(second, dtype=np.int64), gap)
    candidates = sorted(
        (abs(a - b), i, j) for i, a in enumerate(first) for j, b in enumerate(second) if abs(a - b) < gap
    )
    expected, taken_i, taken_j = [], set(), set()
    for _, i, j in candidates:
        if i not in taken_i and j not in taken_j:
            expected.append((i, j))
            taken_i.add(i)
            taken_j.add(j)
    assert found == sorted(expected)
