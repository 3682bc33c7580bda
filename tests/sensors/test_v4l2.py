"""V4L2 cameras as far as they go without one: pixel formats against OpenCV's own, and the driver over linuxpy's calls.

What stands in for linuxpy answers as its ``Device`` and ``VideoCapture`` do; frames travel through a real pipe, so that
waiting, time-outs and a pulled device are the operating system's.
"""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.camera import v4l2
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.pixel_formats import DamagedFrameError, decode
from selfcue.sensors.driver import DeviceLostError


def smooth() -> npt.NDArray[np.uint8]:
    """(24, 32, 3) RGB without edges, which subsampled colours would blur."""
    x, y = np.meshgrid(np.linspace(40, 200, 32), np.linspace(60, 180, 24))
    return np.stack([x, y, 255 - x], axis=2).astype(np.uint8)


def yuyv(rgb: npt.NDArray[np.uint8]) -> bytes:
    """Pack as YUYV after ITU-R BT.601, studio range."""
    r, g, b = (rgb[..., channel].astype(float) for channel in range(3))
    y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
    v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
    packed = np.empty((*rgb.shape[:2], 2))
    packed[..., 0] = y
    packed[:, 0::2, 1], packed[:, 1::2, 1] = u[:, 0::2], v[:, 0::2]
    return packed.round().clip(0, 255).astype(np.uint8).tobytes()


def test_pixel_formats_become_rgb() -> None:
    rgb = smooth()
    shape = (24, 32)
    np.testing.assert_array_equal(decode(rgb.tobytes(), "RGB24", shape), rgb)
    np.testing.assert_array_equal(decode(rgb[..., ::-1].tobytes(), "BGR24", shape), rgb)
    np.testing.assert_array_equal(decode(rgb[..., 0].tobytes(), "GREY", shape), rgb[..., 0])
    assert np.abs(decode(yuyv(rgb), "YUYV", shape).astype(int) - rgb).max() <= 8
    good, jpeg = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
    assert good
    assert np.abs(decode(jpeg.tobytes(), "MJPEG", shape).astype(int) - rgb).max() <= 12


@pytest.mark.parametrize("pixel_format", ["YUYV", "GREY", "RGB24", "NV12", "MJPEG"])
def test_short_frames_are_damaged_not_a_crash(pixel_format: str) -> None:
    with pytest.raises(DamagedFrameError):
        decode(b"\xff\xd8 short", pixel_format, (24, 32))


class Kernel:
    """The far side of a fake device: frames are pushed through a pipe."""

    def __init__(self) -> None:
        self.readable, self.writable = os.pipe()
        self.frames: list[Any] = []
        self.gone = False
        self.controls: dict[str, Any] = {
            name: SimpleNamespace(config_name=name, value=None)
            for name in ("auto_exposure", "exposure_time_absolute", "gain")
        }
        self.size = (32, 24)
        self.closed = 0

    def push(self, number: int, data: bytes, *, stamp_ns: int, flags: int = 0x2000) -> None:
        stamp = SimpleNamespace(secs=stamp_ns // 10**9, usecs=stamp_ns % 10**9 // 1000)
        buff = SimpleNamespace(timestamp=stamp, flags=flags)
        self.frames.append(SimpleNamespace(buff=buff, frame_nb=number, data=data))
        os.write(self.writable, b"x")

    # linuxpy's Device
    def Device(self, path: Path) -> Kernel:  # noqa: N802 - linuxpy's name
        return self

    def open(self) -> None:
        pass

    def close(self) -> None:
        self.closed += 1

    def fileno(self) -> int:
        return self.readable

    @property
    def info(self) -> Any:
        return SimpleNamespace(card="Fake Cam", bus_info="usb-1")

    # linuxpy's VideoCapture
    def VideoCapture(self, device: Any, size: int) -> Any:  # noqa: N802 - linuxpy's name
        return SimpleNamespace(
            get_format=lambda: SimpleNamespace(
                width=self.size[0], height=self.size[1], pixel_format=SimpleNamespace(name="GREY")
            ),
            set_format=lambda width, height, fourcc: None,
            set_fps=lambda fps: None,
            get_fps=lambda: 30.0,
            open=lambda: None,
            close=lambda: None,
            buffer=SimpleNamespace(raw_read=self.raw_read),
        )

    def raw_read(self) -> Any:
        os.read(self.readable, 1)
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")
        return self.frames.pop(0)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    kernel = Kernel()
    monkeypatch.setattr(v4l2, "require_device", lambda config: None)
    monkeypatch.setattr(v4l2, "require", lambda name, extra: kernel)
    return kernel


GREY = smooth()[..., 0]


def test_frames_carry_the_kernels_stamps_and_missing_numbers_are_counted(kernel: Kernel) -> None:
    camera = v4l2.V4l2Camera(CameraConfig("0"))
    camera.open()
    assert camera.read(0.01) == [], "nothing came in time"
    for number in (7, 8, 11):
        kernel.push(number, GREY.tobytes(), stamp_ns=number * 1_000_000)
    readings = [camera.read(1.0)[0] for _ in range(3)]
    assert [reading.stamp_ns for reading in readings] == [7_000_000, 8_000_000, 11_000_000]
    assert [reading.lost for reading in readings] == [0, 0, 2]
    np.testing.assert_array_equal(readings[2].value, GREY)
    camera.close()
    camera.close()
    assert kernel.closed == 1


def test_a_damaged_frame_is_left_out_and_counted_and_another_clock_is_not_believed(kernel: Kernel) -> None:
    camera = v4l2.V4l2Camera(CameraConfig("0"))
    camera.open()
    kernel.push(0, GREY.tobytes(), stamp_ns=5, flags=0)
    before_ns = time.monotonic_ns()
    assert before_ns <= camera.read(1.0)[0].stamp_ns <= time.monotonic_ns()
    kernel.push(1, b"half a frame", stamp_ns=5)
    assert camera.read(1.0) == []
    kernel.push(2, GREY.tobytes(), stamp_ns=5)
    assert camera.read(1.0)[0].lost == 1


def test_a_pulled_camera_is_lost(kernel: Kernel) -> None:
    camera = v4l2.V4l2Camera(CameraConfig("0"))
    camera.open()
    kernel.gone = True
    kernel.push(0, b"", stamp_ns=0)
    with pytest.raises(DeviceLostError, match="unplugged"):
        camera.read(1.0)


def test_exposure_and_gain_are_set_and_what_it_cannot_do_is_said(kernel: Kernel) -> None:
    v4l2.V4l2Camera(CameraConfig("0", exposure_us=5000, gain=12)).open()
    values = {name: control.value for name, control in kernel.controls.items()}
    assert values == {"auto_exposure": 1, "exposure_time_absolute": 50, "gain": 12}
    with pytest.raises(BadInputError, match="asked for 640 x 480 px, got 32 x 24"):
        v4l2.V4l2Camera(CameraConfig("0", width=640, height=480)).open()
    assert kernel.closed == 1, "all or nothing"
    del kernel.controls["gain"]
    with pytest.raises(BadInputError, match="no control 'gain'; it has auto_exposure"):
        v4l2.V4l2Camera(CameraConfig("0", gain=12)).open()


def test_a_device_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(MissingDependencyError, match="there is no /dev/video97"):
        v4l2.V4l2Camera(CameraConfig("97")).open()


def test_a_device_is_named_by_what_stays_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device, by_id = tmp_path / "video3", tmp_path / "by-id"
    device.touch()
    by_id.mkdir()
    (by_id / "usb-Maker_Model_SN17-video-index0").symlink_to(device)
    monkeypatch.setattr(v4l2, "BY_ID", by_id)
    assert v4l2.stable_path(device) == str(by_id / "usb-Maker_Model_SN17-video-index0")
    assert v4l2.stable_path(tmp_path / "video4") == str(tmp_path / "video4")
