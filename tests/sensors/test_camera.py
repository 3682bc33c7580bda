"""Cameras with real parts: a folder of pictures, a video file, a network stream that is not there, no device."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import psutil
import pytest

from selfcue.clock import WallClock
from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import CameraInfo, CompressedImage, DeviceStatus, Image, Message
from selfcue.sensors.calibration import rectified_pair, write_camera_info
from selfcue.sensors.camera.choose import AnyCamera
from selfcue.sensors.camera.compressed import DecoderParams, ImageDecoderNode
from selfcue.sensors.camera.config import CameraConfig
from selfcue.sensors.camera.node import CameraNode, CameraParams
from selfcue.sensors.camera.stereo_node import StereoCameraNode, StereoCameraParams
from selfcue.sensors.driver import DeviceLostError, EndOfData
from selfcue.sensors.rectifier import Rectifier
from selfcue.sensors.sensor_node import SensorNode
from selfcue.testing import LoopSystem

SIZE = (64, 48)


def shade(number: int) -> np.ndarray[Any, Any]:
    """A picture that says its number: red rises with it, blue is 200."""
    rgb = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    rgb[..., 0], rgb[..., 2] = 20 * number, 200
    return rgb


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    path.mkdir()
    for number in range(6):
        cv2.imwrite(str(path / f"{number:03d}.png"), shade(number)[:, :, ::-1])
    (path / "notes.txt").write_text("no picture")
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, SIZE)
    for number in range(6):
        writer.write(np.ascontiguousarray(shade(number)[:, :, ::-1]))
    writer.release()
    return path


def read_all(source: Path) -> list[np.ndarray[Any, Any]]:
    camera = AnyCamera(CameraConfig(str(source)))
    camera.open()
    frames: list[np.ndarray[Any, Any]] = []
    try:
        while len(frames) < 100:
            frames += [reading.value for reading in camera.read(1.0)]
    except EndOfData:
        return frames
    finally:
        camera.close()
        camera.close()
    pytest.fail("the source does not end")


def test_a_folder_of_pictures_is_read_in_order_as_rgb(folder: Path) -> None:
    frames = read_all(folder)
    assert len(frames) == 6
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame, shade(number))


def test_a_video_file_is_read_as_rgb(video: Path) -> None:
    frames = read_all(video)
    assert len(frames) == 6
    for number, frame in enumerate(frames):
        assert frame.shape == (48, 64, 3)
        assert np.abs(frame.astype(int) - shade(number)).max() < 12  # MJPEG loses a little
    camera = AnyCamera(CameraConfig(str(video)))
    camera.open()
    assert camera.asked_hz == 25.0
    assert not camera.paced
    camera.close()


def refused(config: CameraConfig) -> str:
    camera = AnyCamera(config)
    with pytest.raises((BadInputError, MissingDependencyError)) as caught:
        camera.open()
    with pytest.raises((DeviceLostError, EndOfData)):  # all or nothing
        camera.read(0.1)
    assert "\n" not in str(caught.value)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_sources_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "BadInputError" in refused(CameraConfig(str(tmp_path / "no.mp4")))
    assert "no pictures in it" in refused(CameraConfig(str(tmp_path / "empty")))
    (tmp_path / "text.mp4").write_text("not a video")
    assert "not a video file" in refused(CameraConfig(str(tmp_path / "text.mp4")))


def test_a_device_that_is_not_plugged_in() -> None:
    found = refused(CameraConfig("97"))
    assert found.startswith("MissingDependencyError: camera 97: there is no /dev/video97; video devices here: ")
    assert "/dev/nothing0" in refused(CameraConfig("/dev/nothing0"))


def test_a_stream_that_does_not_answer() -> None:
    with socket.socket() as taken:  # a port that refuses connections: bound, not listening
        taken.bind(("127.0.0.1", 0))
        url = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        assert "no stream within 300 ms; check address" in refused(CameraConfig(url, open_timeout_ms=300))


def test_a_damaged_picture_and_one_of_another_size(folder: Path) -> None:
    (folder / "002.png").write_bytes(b"")
    cv2.imwrite(str(folder / "003.png"), np.zeros((10, 10, 3), np.uint8))
    camera = AnyCamera(CameraConfig(str(folder)))
    camera.open()
    assert len(camera.read(1.0)) == 1
    assert len(camera.read(1.0)) == 1
    with pytest.raises(BadInputError, match=r"002\.png: the image is damaged"):
        camera.read(1.0)
    with pytest.raises(BadInputError, match=r"003\.png: frame of 10 x 10 px, expected 64 x 48 px"):
        camera.read(1.0)


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="source is empty"):
        CameraConfig("")
    with pytest.raises(ValueError, match="width 640 and height 0 go together"):
        CameraConfig("0", width=640)
    with pytest.raises(ValueError, match="read_timeout_ms 0"):
        CameraConfig("0", read_timeout_ms=0)
    with pytest.raises(ValueError, match="no FourCC"):
        CameraConfig("0", pixel_format="JPG")
    with pytest.raises(ValueError, match="rectify needs a calibration"):
        CameraParams(rectify=True)
    with pytest.raises(ValueError, match="go together"):
        StereoCameraParams(left="left.yaml")


def test_a_pipeline_without_gstreamer_says_what_to_install() -> None:
    if any("GStreamer" in line and "YES" in line for line in cv2.getBuildInformation().splitlines()):
        pytest.skip("this OpenCV has GStreamer")
    assert "built without GStreamer" in refused(CameraConfig("gst:videotestsrc ! appsink"))


def test_what_a_camera_sees_can_be_drawn(folder: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure()
    camera = AnyCamera.from_source(str(folder))
    camera.open()
    axes = figure.add_subplot()
    camera.draw(camera.read(1.0), axes)
    np.testing.assert_array_equal(axes.images[0].get_array(), shade(0))
    camera.close()
    with pytest.raises(BadInputError, match="source is empty"):
        AnyCamera.from_source("")


class LiveLink:
    """The least of a live host: wall clock, one thread, messages kept by topic."""

    lockstep = False

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.sent: dict[str, list[Message]] = {}
        self.journalled: list[str] = []
        self.now_ns = WallClock().now_ns
        self.drops: dict[str, int] = {}

    def advertise(self, topic: str, kind: type[Message], *, latched: bool = False, rate_hz: float = 0.0) -> Any:
        sent = self.sent.setdefault(topic, [])

        class Into:
            def publish(self, message: Message) -> None:
                assert type(message) is kind
                sent.append(message)

        return Into()

    def subscribe(self, *args: Any, **settings: Any) -> None:
        raise AssertionError("a camera listens to nobody")

    def serve(self, *args: Any) -> None:
        raise AssertionError("a camera answers nobody")

    def journal(self, kind: str, **detail: Any) -> None:
        self.journalled.append(kind)


@pytest.fixture
def link(tmp_path: Path) -> LiveLink:
    return LiveLink(tmp_path)


@pytest.fixture
def started(link: LiveLink) -> Iterator[Callable[[CameraParams], CameraNode]]:
    nodes: list[CameraNode] = []

    def start(params: CameraParams) -> CameraNode:
        nodes.append(CameraNode("camera", params))
        nodes[-1].configure(link)
        nodes[-1].activate()
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()
        node.close()


def run_to_end(node: SensorNode[Any], link: LiveLink) -> None:
    for _ in range(2000):
        node.step(link.now_ns())
        if node._thread.ended:
            return
        threading.Event().wait(0.005)  # a live host's period
    pytest.fail("the source did not end")


def test_the_node_publishes_what_the_camera_sees(
    folder: Path, tmp_path: Path, link: LiveLink, started: Callable[[CameraParams], CameraNode]
) -> None:
    info, _ = rectified_pair(width=64, height=48, fx_px=60.0, cx_px=31.5, cy_px=23.5, baseline_m=0.1)
    write_camera_info(tmp_path / "camera.yaml", info)
    before_ns = link.now_ns()
    node = started(
        CameraParams(CameraConfig(str(folder), fps=200.0), topic="front", calibration=str(tmp_path / "camera.yaml"))
    )
    run_to_end(node, link)
    images = [message for message in link.sent["front/image"] if isinstance(message, Image)]
    assert len(images) == 6
    np.testing.assert_array_equal(images[3].data, shade(3))
    assert {(image.encoding, image.frame_id) for image in images} == {("rgb8", "camera_optical")}
    stamps = [image.stamp_ns for image in images]
    assert before_ns < stamps[0]
    assert stamps == sorted(set(stamps))
    assert stamps[-1] <= link.now_ns()
    (sent,) = link.sent["front/camera_info"]
    assert isinstance(sent, CameraInfo)
    assert sent.frame_id == "camera_optical"
    statuses = [message for message in link.sent["front/device"] if isinstance(message, DeviceStatus)]
    assert statuses[0].state == "up"


def test_frames_that_do_not_fit_the_calibration(
    folder: Path, tmp_path: Path, link: LiveLink, started: Callable[[CameraParams], CameraNode]
) -> None:
    info, _ = rectified_pair(width=128, height=96, fx_px=115.5, cx_px=63.5, cy_px=47.5, baseline_m=0.1)
    write_camera_info(tmp_path / "camera.yaml", info)
    node = started(CameraParams(CameraConfig(str(folder), fps=200.0), calibration=str(tmp_path / "camera.yaml")))
    with pytest.raises(BadInputError, match=r"frames of 64 x 48 px, but .*camera\.yaml is for 128 x 96 px"):
        run_to_end(node, link)


def test_a_camera_has_no_place_under_a_simulated_clock(folder: Path, link: LiveLink) -> None:
    link.lockstep = True
    node = CameraNode("camera", CameraParams(CameraConfig(str(folder))))
    with pytest.raises(BadInputError, match="a device runs on the wall's clock"):
        node.configure(link)


def test_pictures_are_undistorted_where_it_is_asked_for(
    tmp_path: Path, link: LiveLink, started: Callable[[CameraParams], CameraNode]
) -> None:
    straight, _ = rectified_pair(width=64, height=48, fx_px=60.0, cx_px=31.5, cy_px=23.5, baseline_m=0.1)
    bent = msgspec.structs.replace(straight, d=(-0.4, 0.1, 0.0, 0.0, 0.0))
    write_camera_info(tmp_path / "camera.yaml", bent)
    rows = np.broadcast_to(np.arange(48, dtype=np.uint8)[:, None] * 5, (48, 64))
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "0.png"), rows)
    node = started(
        CameraParams(CameraConfig(str(tmp_path / "pictures")), calibration=str(tmp_path / "camera.yaml"), rectify=True)
    )
    run_to_end(node, link)
    (image,) = link.sent["camera/image"]
    (info,) = link.sent["camera/camera_info"]
    assert isinstance(image, Image)
    assert isinstance(info, CameraInfo)
    np.testing.assert_array_equal(image.data, Rectifier(bent).apply(rows))
    assert np.abs(image.data.astype(int) - rows).max() > 5, "the picture has moved"
    assert image.encoding == "mono8"
    assert not info.d, "what was straightened says so"


def test_pictures_go_out_as_jpeg_where_it_is_asked_for_and_come_back_as_images(
    folder: Path, tmp_path: Path, link: LiveLink, started: Callable[[CameraParams], CameraNode]
) -> None:
    node = started(CameraParams(CameraConfig(str(folder), fps=200.0), jpeg=95))
    run_to_end(node, link)
    assert "camera/image" not in link.sent
    pictures = link.sent["camera/image/compressed"]
    assert len(pictures) == 6
    loop = LoopSystem(tmp_path)
    decoder = ImageDecoderNode("decoder", DecoderParams())
    loop.add(decoder)
    for message in pictures:
        loop.feed("camera/image/compressed", message)
    assert isinstance(pictures[0], CompressedImage)
    loop.feed("camera/image/compressed", msgspec.structs.replace(pictures[0], data=pictures[0].data[:20].copy()))
    loop.tick(1)
    images = loop.published("camera/image")
    assert [image.stamp_ns for image in images] == [message.stamp_ns for message in pictures]
    for number, image in enumerate(images):
        assert np.abs(image.data.astype(int) - shade(number)).max() < 12
    assert decoder.damaged == 1
    with pytest.raises(ValueError, match="jpeg is 101"):
        CameraParams(jpeg=101)


def test_one_picture_with_both_eyes_becomes_a_pair_of_one_stamp(tmp_path: Path, link: LiveLink) -> None:
    (tmp_path / "pictures").mkdir()
    both = np.concatenate([shade(1), shade(9)], axis=1)
    cv2.imwrite(str(tmp_path / "pictures" / "0.png"), both[:, :, ::-1])
    node = StereoCameraNode("stereo", StereoCameraParams(camera=CameraConfig(str(tmp_path / "pictures"))))
    node.configure(link)
    node.activate()
    run_to_end(node, link)
    node.close()
    (left,), (right,) = link.sent["stereo/left/image"], link.sent["stereo/right/image"]
    assert isinstance(left, Image)
    assert isinstance(right, Image)
    assert left.stamp_ns == right.stamp_ns
    np.testing.assert_array_equal(left.data, shade(1))
    np.testing.assert_array_equal(right.data, shade(9))


def test_a_hundred_cameras_one_after_another_leave_nothing_behind(video: Path, link: LiveLink) -> None:
    here, before = psutil.Process(), 0
    for number in range(100):
        node = CameraNode("camera", CameraParams(CameraConfig(str(video))))
        node.configure(link)
        node.step(link.now_ns())
        node.close()
        if number == 10:
            before = here.num_fds()
    assert here.num_fds() <= before + 2
    assert not [thread for thread in threading.enumerate() if thread.name == "sensor"]
