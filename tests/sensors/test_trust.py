"""The fault detectors: each fault is found in time, and nothing is found where there is none."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from selfcue.messages import Trust
from selfcue.sensors.stereo.matcher import StereoMatcher
from selfcue.sensors.stereo.trust import StereoTrustMonitor
from selfcue.sensors.stereo.watch_config import WatchConfig
from selfcue.state import State

Pixels = npt.NDArray[np.uint8]
Fault = Callable[[Pixels, Pixels, int], tuple[Pixels, Pixels]]
PERIOD_NS = 50_000_000
RNG = np.random.default_rng(1)


def read_png(path: Path) -> npt.NDArray[Any]:
    """Return the pixels as they are on disk (colour as BGR)."""
    pixels: Any = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, path
    found: npt.NDArray[Any] = pixels
    return found


class Rig:
    """A monitor that is fed with pairs at 20 Hz."""

    def __init__(self, config: WatchConfig | None = None) -> None:
        self.monitor = StereoTrustMonitor(config)
        self.matcher = StereoMatcher(128, 96)
        self.now_ns = 0

    def pair(self, left: Pixels, right: Pixels) -> Trust:
        self.now_ns += PERIOD_NS
        self.monitor.saw("left", self.now_ns, left)
        self.monitor.saw("right", self.now_ns, right)
        return self.monitor.update(self.now_ns, left, right, self.matcher.match(left, right))


def approach(room: Any, count: int, *, nearest_m: float = 0.9) -> list[tuple[Pixels, Pixels]]:
    """Fly at 0.5 m/s towards the end wall, stay a second and a half before it, turn away, and again."""
    shots, end_m, yaw, stay = [], 3.0, 0.0, 0
    for _ in range(count):
        if end_m > nearest_m:
            end_m, stay = end_m - 0.025, 30
        elif stay > 0:
            stay -= 1
        elif yaw < 0.7:
            yaw += 0.05
        else:
            end_m, yaw = 3.0, 0.0
        left, right, _ = room.shoot(end_m, yaw)
        shots.append((left, right))
    return shots


def shift(left: Pixels, right: Pixels, i: int) -> tuple[Pixels, Pixels]:
    return left, np.roll(right, 2, axis=0)


def swap(left: Pixels, right: Pixels, i: int) -> tuple[Pixels, Pixels]:
    return right, left


def noise(left: Pixels, right: Pixels, i: int) -> tuple[Pixels, Pixels]:
    return left, RNG.integers(0, 256, right.shape).astype(np.uint8)


def cover(left: Pixels, right: Pixels, i: int) -> tuple[Pixels, Pixels]:
    covered = np.clip(RNG.normal(60, 1.2, right.shape), 0, 255).astype(np.uint8)
    covered[:, :40] = right[:, :40]
    return left, covered


def blur(left: Pixels, right: Pixels, i: int) -> tuple[Pixels, Pixels]:
    return cv2.GaussianBlur(left, (0, 0), 4.0).astype(np.uint8), right


def glare(left: Pixels, right: Pixels, i: int) -> tuple[Pixels, Pixels]:
    return tuple(np.clip(image.astype(int) + 150, 0, 255).astype(np.uint8) for image in (left, right))


def dark(left: Pixels, right: Pixels, i: int) -> tuple[Pixels, Pixels]:
    return tuple(np.clip(RNG.normal(3, 1.2, image.shape), 0, 255).astype(np.uint8) for image in (left, right))  # type: ignore[return-value]


def frozen_right() -> Fault:
    kept: list[Pixels] = []

    def fault(left: Pixels, right: Pixels, i: int) -> tuple[Pixels, Pixels]:
        kept.append(right)
        return left, kept[0]

    return fault


@pytest.mark.parametrize(
    ("fault", "level", "within_s", "reason"),
    [
        (shift, "suspect", 2.5, "right image is .* px off vertically"),
        (swap, "lost", 2.5, "left and right are swapped"),
        (noise, "suspect", 2.5, "left-right check passes|lacks detail"),
        (noise, "lost", 3.5, "left-right check passes"),
        (cover, "suspect", 2.5, "left-right check passes|lacks detail"),
        (blur, "suspect", 2.5, "left image lacks detail"),
        (glare, "suspect", 1.0, "badly exposed"),
        (dark, "suspect", 1.0, "badly exposed"),
        (dark, "lost", 2.0, "left image is black"),
        (frozen_right(), "lost", 0.3, "right camera is frozen"),
    ],
)
def test_a_fault_is_found_in_time(room: Any, fault: Fault, level: str, within_s: float, reason: str) -> None:
    rig = Rig()
    shots = approach(room, 120)
    for left, right in shots[:40]:
        assert rig.pair(left, right).level == "ok"
    found = None
    for i, (left, right) in enumerate(shots[40:]):
        trust = rig.pair(*fault(left, right, i))
        if found is None and trust.level == level:
            found = (i + 1) * PERIOD_NS * 1e-9
            assert re.search(reason, trust.reason), trust.reason
    assert found is not None
    assert found <= within_s


def test_trust_comes_back_after_a_second_without_fault(room: Any) -> None:
    rig = Rig()
    shots = approach(room, 100)
    for left, right in shots[:20]:
        rig.pair(left, right)
    for left, right in shots[20:40]:
        rig.pair(*dark(left, right, 0))
    levels = [rig.pair(left, right).level for left, right in shots[40:]]
    back = levels.index("ok")
    assert set(levels[:back]) <= {"suspect", "lost"}
    assert 1.0 <= back * 0.05 <= 1.6
    assert set(levels[back:]) == {"ok"}


def test_a_dead_camera_is_lost_after_four_frame_periods(room: Any) -> None:
    rig = Rig()
    for left, right in approach(room, 20):
        rig.pair(left, right)
    last_ns = rig.now_ns
    levels = []
    for i in range(1, 20):  # the left camera goes on
        now_ns = last_ns + i * 25_000_000
        if i % 2 == 0:
            rig.monitor.saw("left", now_ns, RNG.integers(0, 256, (96, 128)).astype(np.uint8))
        levels.append(rig.monitor.check(now_ns).level)
    assert levels[:8] == ["ok"] * 8  # up to 0.2 s
    assert levels[8:] == ["lost"] * 11
    assert "right camera is dead" in rig.monitor.check(last_ns + 20 * 25_000_000).reason


def test_a_slow_camera_is_not_called_dead() -> None:
    """The monitor expects 20 Hz until it has seen 10 Hz; then a gap of three frames is no death."""
    monitor = StereoTrustMonitor()
    for i in range(10):
        for side in ("left", "right"):
            monitor.saw(side, i * 100_000_000, RNG.integers(0, 256, (4, 4)).astype(np.uint8))
    assert monitor.check(900_000_000 + 310_000_000).level == "ok"
    assert monitor.check(900_000_000 + 450_000_000).level == "lost"


def test_a_camera_that_never_came() -> None:
    monitor = StereoTrustMonitor()
    assert monitor.check(0).level == "ok"
    assert monitor.check(1_900_000_000).level == "ok"
    trust = monitor.check(2_100_000_000)
    assert trust.level == "lost"
    assert "left camera gave no frame in 2 s" in trust.reason


def test_cameras_that_never_pair() -> None:
    monitor = StereoTrustMonitor()
    for i in range(60):
        for side in ("left", "right"):
            monitor.saw(side, i * PERIOD_NS, RNG.integers(0, 256, (4, 4)).astype(np.uint8))
        monitor.check(i * PERIOD_NS)
    trust = monitor.check(60 * PERIOD_NS)
    assert trust.level == "lost"
    assert "their stamps differ" in trust.reason


@pytest.mark.parametrize("nearest_m", [0.9, 0.3, 0.12])
def test_no_alarm_in_the_room_nor_close_to_its_wall(make_room: Any, nearest_m: float) -> None:
    """Nearer than 0.22 m the wall is beyond the search range: matching fails there without any fault."""
    rig = Rig()
    trusts = [rig.pair(left, right) for left, right in approach(make_room(5), 200, nearest_m=nearest_m)]
    assert [trust.reason for trust in trusts if trust.level != "ok"] == []


def test_hovering_with_sensor_noise_is_no_frozen_camera(room: Any) -> None:
    rig = Rig()
    assert {rig.pair(*room.shoot(2.0, noise=0.8)[:2]).level for _ in range(40)} == {"ok"}


def test_evidence_is_finite_and_named(room: Any) -> None:
    rig = Rig()
    trust = rig.pair(*room.shoot(2.0)[:2])
    assert {"left_right_rate", "left_right_mean", "textured_share", "saturated_share", "std_gray"} <= set(
        trust.evidence
    )
    assert all(math.isfinite(value) for value in trust.evidence.values())
    assert (trust.cue, trust.stamp_ns) == ("stereo", PERIOD_NS)


def test_resumed_anywhere_it_judges_as_if_never_cut(room: Any) -> None:
    shots = approach(room, 90)
    shots[30:75] = [noise(left, right, 0) for left, right in shots[30:75]]
    whole = Rig()
    expected = [whole.pair(left, right) for left, right in shots]
    assert {trust.level for trust in expected} == {"ok", "suspect"}
    for cut in (1, 33, 72, 85):
        first = Rig()
        for left, right in shots[:cut]:
            first.pair(left, right)
        second = Rig()
        second.now_ns = first.now_ns
        saved = first.monitor.state()
        second.monitor.load_state(State(saved.meta, saved.arrays))
        assert [second.pair(left, right) for left, right in shots[cut:]] == expected[cut:]
        assert second.monitor.state().digest() == whole.monitor.state().digest()


def test_no_alarm_on_a_real_drive(data: Callable[[str], Path]) -> None:
    """The first 60 frames: saturated sky, arrival stamps, and a gap of three frames at number 22."""
    folder = data("kitti_raw_stereo_lidar")
    with (folder / "frames.csv").open() as file:
        rows = list(csv.DictReader(file))[:60]
    monitor, matcher = StereoTrustMonitor(), StereoMatcher(621, 187)
    alarms = []
    for row in rows:
        name = f"{int(row['frame']):06d}.png"
        left, right = (read_png(folder / side / name) for side in ("left", "right"))
        stamp_ns = round(float(row["t_left_s"]) * 1e9)
        alarms.append(monitor.check(stamp_ns))  # the moment before this frame is handled
        monitor.saw("left", stamp_ns, left)
        monitor.saw("right", stamp_ns, right)
        alarms.append(monitor.update(stamp_ns, left, right, matcher.match(left, right)))
    assert [(trust.stamp_ns, trust.reason) for trust in alarms if trust.level != "ok"] == []
