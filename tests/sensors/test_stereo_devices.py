"""Depth cameras by their makers' libraries, where they are installed, without a device.

librealsense brings a device in software: streams, calibration and frames go through the library as a camera's do.
DepthAI has none; its pipeline is stood in for by what returns frames.
"""

from __future__ import annotations

import importlib.util
from collections import deque
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.camera import oak, realsense
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.oak import OakCamera
from selfcue.sensors.camera.pairs import Pair
from selfcue.sensors.camera.realsense import RealSenseCamera
from selfcue.sensors.driver import DeviceLostError, Reading

WIDTH, HEIGHT = 64, 48


class Soft:
    """A RealSense in software: 64 x 48 px, 5 cm between the eyes."""

    def __init__(self, rs: Any) -> None:
        self.rs, self.device = rs, rs.software_device()
        self.device.register_info(rs.camera_info.serial_number, "SN17")
        self.device.register_info(rs.camera_info.name, "RealSense in software")
        self.sensor = self.device.add_sensor("Stereo Module")
        self.eyes = [self._stream(number) for number in (1, 2)]
        apart = rs.extrinsics()
        apart.rotation, apart.translation = [1, 0, 0, 0, 1, 0, 0, 0, 1], [-0.05, 0, 0]
        self.eyes[0].register_extrinsics_to(self.eyes[1], apart)

    def _stream(self, number: int) -> Any:
        rs, stream = self.rs, self.rs.video_stream()
        stream.type, stream.index, stream.uid, stream.fmt = rs.stream.infrared, number, number, rs.format.y8
        stream.width, stream.height, stream.fps, stream.bpp = WIDTH, HEIGHT, 30, 1
        lens = rs.intrinsics()
        lens.width, lens.height, lens.fx, lens.fy, lens.ppx, lens.ppy = WIDTH, HEIGHT, 60, 60, 31.5, 23.5
        stream.intrinsics = lens
        return self.sensor.add_video_stream(stream)

    def expose(self, number: int) -> None:
        for eye, profile in enumerate(self.eyes):
            frame = self.rs.software_video_frame()
            frame.pixels = np.full((HEIGHT, WIDTH), 10 * number + eye, np.uint8)
            frame.stride, frame.bpp, frame.frame_number = WIDTH, 1, number
            frame.timestamp, frame.domain = number * 33.3, self.rs.timestamp_domain.hardware_clock
            frame.profile = profile.as_video_stream_profile()
            self.sensor.on_video_frame(frame)


@pytest.fixture
def soft(monkeypatch: pytest.MonkeyPatch) -> Soft:
    soft = Soft(pytest.importorskip("pyrealsense2", reason="pyrealsense2 is not installed"))
    monkeypatch.setattr(realsense, "devices", lambda rs: [soft.device])
    return soft


def test_a_realsense_gives_whole_pairs_counts_lost_ones_and_knows_its_calibration(soft: Soft) -> None:
    assert [device.source for device in RealSenseCamera.find()] == ["SN17"]
    camera = RealSenseCamera(CameraConfig("SN17"))
    camera.open()
    pairs: list[Reading[Pair]] = []
    for number in (1, 2, 3, 6, 7):
        soft.expose(number)
        for _ in range(3):
            pairs += camera.read(0.2)
    for reading in pairs:
        assert (reading.value.right == reading.value.left + 1).all(), "both eyes of one exposure"
        assert reading.value.left.shape == (HEIGHT, WIDTH)
    assert len(pairs) >= 3
    assert sum(reading.lost for reading in pairs) >= 2, "4 and 5 never came"
    infos = camera.infos()
    assert infos is not None
    assert infos[1].p[3] == pytest.approx(-60 * 0.05)
    camera.close()
    with pytest.raises(DeviceLostError):
        camera.read(0.1)


def test_a_realsense_that_is_not_there_or_cannot_do_it_says_what_is(soft: Soft) -> None:
    with pytest.raises(MissingDependencyError, match="serial numbers here: SN17"):
        RealSenseCamera(CameraConfig("SN18")).open()
    with pytest.raises(BadInputError, match="it has 64 x 48 at 30 Hz"):
        RealSenseCamera(CameraConfig("SN17", width=640, height=480)).open()


def test_without_the_makers_library_it_is_said_how_to_get_it() -> None:
    for package, camera in (("pyrealsense2", RealSenseCamera), ("depthai", OakCamera)):
        if importlib.util.find_spec(package) is None:
            assert camera.find() == []
            with pytest.raises(MissingDependencyError, match="pip install"):
                camera(CameraConfig("SN17")).open()


def test_an_oak_that_is_not_there_is_said() -> None:
    pytest.importorskip("depthai", reason="depthai is not installed")
    with pytest.raises(MissingDependencyError, match="not plugged in; ids here"):
        OakCamera(CameraConfig("14442C10D13EABCE00")).open()


def eye(number: int, value: int) -> Any:
    return SimpleNamespace(
        getSequenceNum=lambda: number,
        getTimestamp=lambda: timedelta(milliseconds=50 * number),
        getFrame=lambda: np.full((4, 6), value, np.uint8),
    )


class Queue:
    def __init__(self, *frames: Any) -> None:
        self._frames = deque(frames)

    def get(self, timeout: timedelta) -> Any:
        return self._frames.popleft() if self._frames else None


def test_an_oaks_eyes_are_paired_by_their_numbers() -> None:
    opened = object.__new__(oak._Opened)
    opened._held = [None, None]
    opened._queues = [Queue(eye(1, 11), eye(2, 12), eye(4, 14)), Queue(eye(1, 21), eye(3, 23), eye(4, 24))]
    found = [pair for _ in range(8) if (pair := opened.pair(0.0)) is not None]
    assert [(number, stamp_ns) for number, stamp_ns, _ in found] == [(1, 50_000_000), (4, 200_000_000)]
    assert [(pair.left[0, 0], pair.right[0, 0]) for _, _, pair in found] == [(11, 21), (14, 24)]


def test_an_oaks_calibration_is_in_centimetres() -> None:
    turn = np.eye(4)
    turn[0, 3] = -7.5
    calibration = SimpleNamespace(
        getCameraIntrinsics=lambda socket, width, height: [[400, 0, 320], [0, 400, 200], [0, 0, 1]],
        getCameraExtrinsics=lambda *sockets, **spec: turn.tolist(),
    )
    left, right = oak.pair_infos(calibration, ("left", "right"), (640, 400))
    assert left.p[0] == right.p[0]
    assert -right.p[3] / right.p[0] == pytest.approx(0.075, rel=1e-6)
