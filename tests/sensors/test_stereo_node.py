"""The stereo node in lock-step: what it publishes, what it refuses, and that it can be cut anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Estimate, Image, Trust
from selfcue.sensors.stereo.node import StereoNode, StereoParams
from selfcue.testing import LoopSystem

MS = 1_000_000
Infos = tuple[CameraInfo, CameraInfo]
Picture = Callable[..., Image]


class Flight:
    """Feeds a stereo node at 20 Hz with ticks of 25 ms."""

    def __init__(self, folder: Path, params: StereoParams | None = None) -> None:
        self.loop = LoopSystem(folder)
        self.loop.add(StereoNode("stereo", params or StereoParams()))
        self.ms = 0

    def calibrate(self, infos: Infos) -> None:
        for side, info in zip(("left", "right"), infos, strict=True):
            self.loop.feed(f"stereo/{side}/camera_info", info)

    def frame(self, left: Image | None, right: Image | None) -> None:
        """Two ticks: one with this frame, one without."""
        for side, image in (("left", left), ("right", right)):
            if image is not None:
                self.loop.feed(f"stereo/{side}/image", image)
        for _ in range(2):
            self.ms += 25
            self.loop.tick(self.ms * MS)

    def trusts(self) -> list[Trust]:
        return [message for message in self.loop.published("trust/stereo") if isinstance(message, Trust)]

    def estimates(self) -> list[Estimate]:
        return [message for message in self.loop.published("depth/trusted") if isinstance(message, Estimate)]


def pair(room: Any, picture: Picture, ms: float, end_m: float = 2.0) -> tuple[Image, Image]:
    left, right, _ = room.shoot(end_m, 0.2)
    return picture(ms, np.dstack([left] * 3)), picture(ms, np.dstack([right] * 3), "right")


def test_an_estimate_and_a_trust_for_each_pair(tmp_path: Path, room: Any, picture: Picture, drone_infos: Infos) -> None:
    flight = Flight(tmp_path)
    flight.calibrate(drone_infos)
    left, right, depth = room.shoot(2.0, 0.2)
    flight.frame(picture(0, np.dstack([left] * 3)), picture(0, np.dstack([right] * 3), "right"))
    flight.frame(*pair(room, picture, 50))
    estimates = flight.estimates()
    assert [estimate.stamp_ns for estimate in estimates] == [0, 50 * MS]
    assert [trust.stamp_ns for trust in flight.trusts()] == [0, 50 * MS]
    assert {trust.level for trust in flight.trusts()} == {"ok"}
    first = estimates[0]
    assert (first.cue, first.quantity, first.frame_id) == ("trusted", "inverse_depth_per_m", "stereo_left_optical")
    assert first.value.shape == (96, 128)
    assert first.value.dtype == first.lower.dtype == first.upper.dtype == np.float32
    assert first.valid.dtype == np.bool_
    assert 0.5 < first.confidence <= 1.0
    error = np.abs(1.0 / first.value[first.valid] - depth[first.valid]) / depth[first.valid]
    assert first.valid.mean() > 0.8
    assert np.median(error) < 0.05


def test_pairs_too_far_apart_are_dropped_and_told_at_the_end(
    tmp_path: Path, room: Any, picture: Picture, drone_infos: Infos
) -> None:
    flight = Flight(tmp_path)
    flight.calibrate(drone_infos)
    left, right = pair(room, picture, 0)
    flight.frame(left, msgspec.structs.replace(right, stamp_ns=7 * MS))
    flight.frame(*pair(room, picture, 50))
    assert [estimate.stamp_ns for estimate in flight.estimates()] == [50 * MS]
    flight.loop.finish()
    (event,) = flight.loop.published("journal")
    assert "nearest refused 7 ms" in event.detail["text"]


def test_a_triggered_rig_keeps_them(tmp_path: Path, room: Any, picture: Picture, drone_infos: Infos) -> None:
    flight = Flight(tmp_path, StereoParams(pairing="trigger"))
    flight.calibrate(drone_infos)
    left, right = pair(room, picture, 0)
    flight.frame(left, msgspec.structs.replace(right, stamp_ns=7 * MS))
    assert [estimate.stamp_ns for estimate in flight.estimates()] == [0]


def test_a_dead_right_camera_is_noticed_without_any_pair(
    tmp_path: Path, room: Any, picture: Picture, drone_infos: Infos
) -> None:
    flight = Flight(tmp_path)
    flight.calibrate(drone_infos)
    for i in range(10):
        flight.frame(*pair(room, picture, 50 * i))
    for i in range(10, 20):
        flight.frame(pair(room, picture, 50 * i)[0], None)
    first_lost = next(trust for trust in flight.trusts() if trust.level == "lost")
    assert "right camera is dead" in first_lost.reason
    assert first_lost.stamp_ns <= (450 + 300) * MS  # last right frame at 450 ms, four periods, one tick or two
    assert flight.trusts()[-1].level == "lost"
    assert len(flight.trusts()) >= 14
    assert len(flight.estimates()) == 10


def test_no_calibration_for_two_seconds(tmp_path: Path, room: Any, picture: Picture, drone_infos: Infos) -> None:
    flight = Flight(tmp_path)
    flight.loop.feed("stereo/left/camera_info", drone_infos[0])
    left, right = pair(room, picture, 0)

    def send(ms: float) -> None:
        flight.frame(*(msgspec.structs.replace(image, stamp_ns=round(ms * MS)) for image in (left, right)))

    for i in range(41):
        send(50.0 * i)
    assert flight.estimates() == []
    with pytest.raises(BadInputError, match=r"stereo: images came for 2.1 s but no calibration: .*right/camera_info"):
        send(2050.0)


def test_an_image_of_another_size(tmp_path: Path, room: Any, picture: Picture, drone_infos: Infos) -> None:
    flight = Flight(tmp_path)
    flight.calibrate(drone_infos)
    with pytest.raises(BadInputError, match=r"stereo/left/image is 64 x 48 px, its camera_info says 128 x 96 px"):
        flight.frame(picture(0, np.zeros((48, 64), np.uint8)), None)


def test_a_depth_image_in_place_of_a_picture(tmp_path: Path, drone_infos: Infos) -> None:
    flight = Flight(tmp_path)
    flight.calibrate(drone_infos)
    with pytest.raises(BadInputError, match="encoding '32FC1' cannot be matched; use rgb8 or mono8"):
        flight.frame(Image(stamp_ns=0, encoding="32FC1", data=np.zeros((96, 128), np.float32)), None)


def test_a_baseline_in_millimetres(tmp_path: Path, drone_infos: Infos) -> None:
    flight = Flight(tmp_path)
    left, right = drone_infos
    flight.calibrate((left, msgspec.structs.replace(right, p=(*right.p[:3], right.p[3] * 1000, *right.p[4:]))))
    with pytest.raises(BadInputError, match="60 m, probably millimetres"):
        flight.frame(None, None)


@pytest.mark.parametrize("cut", [1, 9, 14])
def test_cut_anywhere_it_goes_on_bit_for_bit(
    tmp_path: Path, make_room: Any, picture: Picture, drone_infos: Infos, cut: int
) -> None:
    """With a right camera that loses a frame, dies and comes back: queues are not empty at the cut."""
    room = make_room(2)
    frames = [pair(room, picture, 50 * i, 2.0 - 0.02 * i) for i in range(18)]
    feeds = [(left, None if i == 4 or 8 <= i < 15 else right) for i, (left, right) in enumerate(frames)]

    def fly(flight: Flight, part: list[tuple[Image, Image | None]]) -> list[Any]:
        for left, right in part:
            flight.frame(left, right)
        return [*flight.loop.published("depth/trusted"), *flight.loop.published("trust/stereo")]

    whole = Flight(tmp_path)
    whole.calibrate(drone_infos)
    fly(whole, feeds)
    first = Flight(tmp_path)
    first.calibrate(drone_infos)
    fly(first, feeds[:cut])
    second = Flight(tmp_path)
    second.loop.resume(first.loop.snapshot())
    second.ms = first.ms
    fly(second, feeds[cut:])
    assert second.loop.snapshot().digest() == whole.loop.snapshot().digest()
    for topic in ("depth/trusted", "trust/stereo"):
        later = whole.loop.published(topic)[len(first.loop.published(topic)) :]
        again = second.loop.published(topic)
        assert [message.stamp_ns for message in again] == [message.stamp_ns for message in later]
        for one, other in zip(again, later, strict=True):
            if isinstance(one, Estimate) and isinstance(other, Estimate):
                assert one.value.tobytes() == other.value.tobytes()
            else:
                assert one == other


def test_calibration_sent_with_every_image_and_then_changed(
    tmp_path: Path, room: Any, picture: Picture, drone_infos: Infos
) -> None:
    flight = Flight(tmp_path)
    left, right = drone_infos
    wider = msgspec.structs.replace(right, p=(*right.p[:3], 2 * right.p[3], *right.p[4:]))
    shot = pair(room, picture, 0)
    for i, second in enumerate((right, right, wider)):
        stamp_ns = 50 * i * MS
        flight.calibrate(tuple(msgspec.structs.replace(info, stamp_ns=stamp_ns) for info in (left, second)))  # type: ignore[arg-type]
        flight.frame(*(msgspec.structs.replace(image, stamp_ns=stamp_ns) for image in shot))
    values = [estimate.value for estimate in flight.estimates()]
    np.testing.assert_array_equal(values[0], values[1])
    np.testing.assert_allclose(values[2], values[0] / 2, rtol=1e-6)


def test_settings_that_contradict_each_other() -> None:
    with pytest.raises(ValueError, match="camera_hz is 0"):
        StereoParams(camera_hz=0)
    with pytest.raises(ValueError, match="max_gap_ms -2"):
        StereoParams(max_gap_ms=-2)
