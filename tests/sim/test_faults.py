"""Faults begin and end on time and do what their name says."""

from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import Imu
from selfcue.sim.faults import Fault, FaultBox, FaultKind, FaultSensor

RANGE = np.asarray([157.0] * 3 + [35.0] * 3)


def box(*faults: Fault) -> FaultBox:
    return FaultBox(faults, RANGE, np.random.default_rng(0))


def pair(level: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full((4, 6, 3), level, np.uint8), np.full((4, 6, 3), level + 1, np.uint8)


def reading(stamp_ns: int, value: float) -> Imu:
    return Imu(
        stamp_ns=stamp_ns,
        frame_id="base_link",
        angular_velocity=(value, 0.0, 0.0),
        linear_acceleration=(0.0, 0.0, 9.81),
    )


def test_begins_and_ends_on_time() -> None:
    faults = box(Fault(1.0, "stereo", "black", 2.0), Fault(1.5, "imu", "dead"))
    seen = []
    for now_ms in range(0, 3000, 50):
        for fault, begins in faults.update(now_ms * 1_000_000):
            seen.append((now_ms, fault.name, begins))
    assert seen == [(1000, "stereo:black", True), (1500, "imu:dead", True), (2000, "stereo:black", False)]
    assert faults.active == ("imu:dead",)


@pytest.mark.parametrize(
    ("sensor", "kind", "left", "right"),
    [
        ("stereo_left", "dead", None, 101),
        ("stereo_right", "dead", 100, None),
        ("stereo", "dead", None, None),
        ("stereo_left", "black", 0, 101),
        ("stereo_right", "saturate", 100, 255),
        ("stereo", "freeze", 50, 51),
        ("stereo_right", "freeze", 100, 51),
        ("stereo", "swap", 101, 100),
    ],
)
def test_pictures(sensor: FaultSensor, kind: FaultKind, left: int | None, right: int | None) -> None:
    faults = box(Fault(1.0, sensor, kind, 2.0))
    faults.update(0)
    assert [int(p.mean()) for p in faults.pictures(*pair(50)) if p is not None] == [50, 51]
    faults.update(1_000_000_000)
    for _ in range(3):
        found = [None if p is None else int(p.mean()) for p in faults.pictures(*pair(100))]
        assert found == [left, right]
    faults.update(2_000_000_000)
    assert [int(p.mean()) for p in faults.pictures(*pair(7)) if p is not None] == [7, 8]


def test_freeze_at_the_start_repeats_the_first_picture() -> None:
    faults = box(Fault(0.0, "stereo_left", "freeze"))
    faults.update(0)
    assert [faults.pictures(*pair(level))[0].mean() for level in (5, 6, 7)] == [5, 5, 5]  # type: ignore[union-attr]


def test_noise_drowns_the_picture() -> None:
    faults = box(Fault(0.0, "stereo_left", "noise"))
    faults.update(0)
    left, right = faults.pictures(*pair(128))
    again, _ = faults.pictures(*pair(128))
    assert left is not None
    assert again is not None
    assert right is not None
    assert left.astype(float).std() > 40.0
    assert not np.array_equal(left, again)
    assert (right == 129).all()


def test_inertial_faults() -> None:
    kinds: tuple[FaultKind, ...] = ("dead", "freeze", "saturate", "noise")
    for kind in kinds:
        faults = box(Fault(1.0, "imu", kind, 2.0))
        faults.update(0)
        assert faults.reading(reading(5, 0.1)) == reading(5, 0.1)
        faults.update(1_000_000_000)
        found = faults.reading(reading(7, 0.2))
        if kind == "dead":
            assert found is None
            continue
        assert found is not None
        assert found.stamp_ns == 7
        if kind == "freeze":
            assert found.angular_velocity == (0.1, 0.0, 0.0)
        elif kind == "saturate":
            assert found.linear_acceleration == (157.0, 157.0, 157.0)
            assert found.angular_velocity == (35.0, 35.0, 35.0)
        else:
            assert abs(found.linear_acceleration[0]) > 0.1
        faults.update(2_000_000_000)
        assert faults.reading(reading(9, 0.3)) == reading(9, 0.3)


def test_a_frozen_picture_survives_a_restart() -> None:
    plan = (Fault(0.5, "stereo", "freeze"), Fault(0.5, "imu", "freeze"), Fault(0.0, "stereo_left", "noise"))
    first, second = box(*plan), box(*plan)
    first.update(0)
    first.pictures(*pair(50))
    first.reading(reading(0, 0.5))
    first.update(1_000_000_000)
    second.load_state(first.state())
    assert second.update(1_000_000_000) == []
    for one, other in zip(first.pictures(*pair(90)), second.pictures(*pair(90)), strict=True):
        assert one is not None
        assert other is not None
        assert np.array_equal(one, other)
    assert second.reading(reading(3, 0.9)) == first.reading(reading(3, 0.9)) == reading(3, 0.5)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (Fault(1.0, "sonar", "dead"), "fault sensor 'sonar' is not known; use one of stereo_left"),  # type: ignore[arg-type]
        (Fault(1.0, "imu", "melted"), "fault kind 'melted' is not known; use one of dead"),  # type: ignore[arg-type]
        (Fault(-1.0, "imu", "dead"), "at_s -1.0 is not a time"),
        (Fault(2.0, "imu", "dead", 1.0), "until_s 1.0 must be later than at_s 2.0"),
        (Fault(2.0, "stereo_left", "swap"), "swap needs both cameras"),
        (Fault(2.0, "imu", "black"), "imu:black does not exist"),
    ],
)
def test_bad_faults_give_one_line(wrong: Fault, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        box(wrong)
