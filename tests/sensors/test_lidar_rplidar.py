"""RPLidar scanners: bytes into samples, samples into scans, and the driver behind a pty with all that goes wrong."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import LaserScan
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import DeviceLostError, Reading
from selfcue.sensors.lidar import rplidar_protocol as protocol
from selfcue.sensors.lidar.rplidar import RpLidar, RpLidarConfig
from selfcue.sensors.lidar.rplidar_protocol import ExpressScan, PlainScan, Sample, request
from selfcue.sensors.lidar.scan_turns import ScanTurns
from selfcue.sensors.sensor_thread import SensorThread
from tests.sensors.fake_rplidar import FakeScanner, capsule, node, turn

pytest.importorskip("serial", reason="pyserial is not installed")


def test_requests_are_those_of_the_notes() -> None:
    assert request(protocol.SCAN) == bytes.fromhex("a520")
    assert request(protocol.EXPRESS_SCAN, bytes(5)) == bytes.fromhex("a582050000000000 22")
    assert request(protocol.MOTOR, (660).to_bytes(2, "little")) == bytes.fromhex("a5f0029402c1")


# -- bytes into samples ------------------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 359),
    st.lists(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 63)), min_size=12, max_size=80),
    st.integers(1, 23),
)
def test_samples_come_back_however_the_bytes_are_cut(first_deg: int, values: list[tuple[int, int]], piece: int) -> None:
    expected = [
        Sample((first_deg + i) % 360 == 0, float((first_deg + i) % 360), raw / 4000.0, quality)
        for i, (raw, quality) in enumerate(values)
    ]
    data = b"".join(node(s.angle_deg, s.range_m, s.quality, begins=s.begins) for s in expected)
    parser = PlainScan()
    found = [sample for at in range(0, len(data), piece) for sample in parser.feed(data[at : at + piece])]
    assert found == expected
    assert parser.skipped == 0


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.integers(30, 300))
def test_garbage_between_samples_costs_few_of_them(garbage: bytes, at: int) -> None:
    data = turn(4.0) + turn(4.0)
    parser = PlainScan()
    found = parser.feed(data[: 5 * at] + garbage + data[5 * at :])
    good = [sample for sample in found if sample.range_m in (4.0, 3.5) and sample.angle_deg == round(sample.angle_deg)]
    assert len(good) >= 720 - 20
    assert len(found) - len(good) <= 20
    assert parser.skipped > 0 or len(found) >= 720 - 20


def test_a_lost_byte_is_noticed() -> None:
    data = turn(4.0)
    parser = PlainScan()
    found = parser.feed(data[:502] + data[503:])
    assert parser.skipped == 4  # what is left of the sample
    assert len(found) == 359


@settings(max_examples=25, deadline=None)
@given(
    st.floats(0.0, 359.9),
    st.floats(8.0, 40.0),
    st.lists(st.integers(0, 0x3FFF), min_size=32, max_size=32),
    st.lists(st.integers(0, 63), min_size=32, max_size=32),
    st.integers(1, 90),
)
def test_express_capsules_give_their_samples(
    start_deg: float, span_deg: float, raw: list[int], back: list[int], piece: int
) -> None:
    ranges, corrections = [4 * one / 4000.0 for one in raw], [one / 8.0 for one in back]
    starts = [round(start_deg * 64) / 64 % 360, round((start_deg + span_deg) * 64) / 64 % 360]
    data = b"junk" + b"".join(capsule(one, ranges, corrections) for one in starts)
    parser = ExpressScan()
    found = [sample for at in range(0, len(data), piece) for sample in parser.feed(data[at : at + piece])]
    assert parser.skipped == 4
    step = (starts[1] - starts[0]) % 360 / 32
    assert [sample.range_m for sample in found] == pytest.approx(ranges)
    expected = [(starts[0] + i * step - corrections[i]) % 360 for i in range(32)]
    apart = [(a.angle_deg - b + 180) % 360 - 180 for a, b in zip(found, expected, strict=True)]
    assert np.abs(apart).max() < 1e-9
    turns = [(starts[0] + i * step) // 360.0 for i in range(-1, 32)]
    assert sum(sample.begins for sample in found) == turns[-1] - turns[0]


def test_damaged_capsules_give_nothing() -> None:
    whole = [capsule(10.0 * i, [1.0] * 32, [0.0] * 32, begins=i == 0) for i in range(6)]
    damaged = bytearray(whole[2])
    damaged[40] ^= 4
    parser = ExpressScan()
    found = parser.feed(b"".join([*whole[:2], bytes(damaged), *whole[3:]]))
    assert parser.skipped == 84
    assert len(found) == 32 * 3  # 0 to 1, 3 to 4, 4 to 5
    again = ExpressScan()
    assert again.feed(whole[3] + whole[0]) == []  # the second began a new scan


# -- samples into scans ------------------------------------------------------------------------------------------------


def test_a_turn_becomes_a_scan_in_ros_order() -> None:
    turns = ScanTurns(360, 0.15, 12.0, "laser", 10)
    parser = PlainScan()
    assert turns.feed(parser.feed(turn(4.0)), 1_000_000_000) == []
    (scan,) = turns.feed(parser.feed(turn(4.0)), 1_100_000_000)
    angles = scan.angle_min_rad + scan.angle_step_rad * np.arange(360)
    assert angles[-1] == pytest.approx(scan.angle_max_rad) == pytest.approx(2 * math.pi)
    nearest = int(np.argmin(scan.ranges))
    assert scan.ranges[nearest] == pytest.approx(3.5)
    assert math.degrees(angles[nearest]) == pytest.approx(270.0)  # the scanner counts clockwise
    times_ns = scan.stamp_ns + scan.time_step_s * 1e9 * np.arange(360)
    assert times_ns[-1] == pytest.approx(1_000_000_000, abs=10)  # straight ahead is measured first
    assert times_ns[nearest] == pytest.approx(1_025_000_000, abs=10)
    assert scan.scan_time_s == pytest.approx(0.1)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 359.99), st.floats(0, 20)), min_size=10, max_size=200), st.integers(8, 400))
def test_the_nearest_echo_of_a_beam_counts(echoes: list[tuple[float, float]], beams: int) -> None:
    samples = [Sample(i == 0, angle, range_m, 5) for i, (angle, range_m) in enumerate(echoes)]
    turns = ScanTurns(beams, 0.1, 30.0, "laser", 1)
    (scan,) = turns.feed([*samples, Sample(True, 0.0, 1.0, 1)], 5)
    expected = [math.inf] * beams
    for angle, range_m in echoes:
        place = (round(-math.radians(angle) / (2 * math.pi / beams)) - 1) % beams
        expected[place] = min(expected[place], range_m or math.inf)
    assert scan.ranges.tolist() == [pytest.approx(one, rel=1e-6) for one in expected]


# -- the driver --------------------------------------------------------------------------------------------------------


@contextmanager
def scanner(driver_settings: dict[str, Any] | None = None, **settings: Any) -> Iterator[tuple[FakeScanner, RpLidar]]:
    fake = FakeScanner(**settings)
    driver = RpLidar(RpLidarConfig(fake.path, **(driver_settings or {})))
    try:
        yield fake, driver
    finally:
        driver.close()
        fake.pull()


def read_scans(driver: RpLidar, count: int) -> list[LaserScan]:
    found: list[Reading[LaserScan]] = []
    while len(found) < count:
        found += driver.read(5.0)
    return [reading.value for reading in found]


def feed(fake: FakeScanner, data: bytes, at_once: int) -> threading.Thread:
    """Send from another thread: a pty holds only so much."""
    thread = threading.Thread(target=fake.send, args=(data, at_once), daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("at_once", [1, 7, 1024])
def test_scans_come_through_a_serial_port_whole_or_in_pieces(at_once: int) -> None:
    with scanner() as (fake, driver):
        driver.open()
        sending = feed(fake, turn(4.0) * 3 + node(0.0, 4.0, begins=True), at_once)
        for scan in read_scans(driver, 3):
            assert np.sort(scan.ranges)[:2].tolist() == [3.5, 4.0]
            assert scan.range_max_m == 12.0
        sending.join(5.0)
        said = driver.describe()
        assert (said["model"], said["firmware"], said["skipped_bytes"]) == ("RPLidar A1", "1.29", 0)
        driver.close()
    assert fake.heard == [protocol.STOP, protocol.INFO, protocol.HEALTH, protocol.SCAN, protocol.STOP]


def test_garbage_on_the_line_costs_the_turn_that_it_is_in() -> None:
    with scanner() as (fake, driver):
        driver.open()
        noise = np.random.default_rng(3).integers(0, 256, 333, np.uint8).tobytes()
        whole = turn(4.0)
        sending = feed(fake, noise + whole + whole[:600] + noise + whole[600:] + whole * 2 + whole[:5], 64)
        for scan in read_scans(driver, 2):
            assert np.isin(scan.ranges, [3.5, 4.0]).all()
        sending.join(5.0)
        assert driver.describe()["skipped_bytes"] > 300


def test_an_a2_in_express_mode_has_its_motor_turned_on_and_off() -> None:
    with scanner({"express": True}, model=0x28) as (fake, driver):
        driver.open()
        data = b"".join(capsule(k * 12.0 % 360, [2.0] * 32, [0.0] * 32) for k in range(95))
        sending = feed(fake, data, 100)
        for scan in read_scans(driver, 2):
            assert np.isfinite(scan.ranges).all()
            assert scan.range_max_m == 18.0
        sending.join(5.0)
    assert fake.heard[-2:] == [protocol.STOP, protocol.MOTOR]
    assert fake.heard.count(protocol.MOTOR) == 2


def test_a_pulled_plug_is_lost_and_what_does_not_answer_is_said() -> None:
    with scanner() as (fake, driver):
        driver.open()
        fake.pull()
        with pytest.raises(DeviceLostError, match="pulled out"):  # noqa: PT012 - what was on its way comes first
            for _ in range(10):
                driver.read(1.0)
        driver.close()
        driver.close()
    before = psutil.Process().num_fds()
    with scanner(mute=True) as (_, driver), pytest.raises(MissingDependencyError, match="no RPLidar answers at 115200"):
        driver.open()
    with scanner(health=2) as (_, driver), pytest.raises(MissingDependencyError, match="error 0x8002 and was reset"):
        driver.open()
    assert psutil.Process().num_fds() == before
    with pytest.raises(MissingDependencyError, match="cannot be opened"):
        RpLidar.from_source("/dev/ttyNOTHING0?baud=256000").open()
    with pytest.raises(MissingDependencyError, match="no USB device with serial number '0815'"):
        RpLidar.from_source("serial:0815").open()
    with pytest.raises(BadInputError, match="is no serial port"):
        RpLidar.from_source("ttyUSB0").open()


def test_a_scanner_that_stands_still_is_lost() -> None:
    with scanner({"silent_after_s": 0.05}) as (_, driver):
        driver.open()
        with pytest.raises(DeviceLostError, match="does it turn"):  # noqa: PT012 - until it notices
            while True:
                driver.read(0.02)


def test_close_ends_a_read_from_another_thread() -> None:
    for _ in range(5):
        with scanner() as (_, driver):
            driver.open()
            reader = threading.Thread(target=lambda d=driver: d.read(60.0), daemon=True)
            reader.start()
            driver.close()
            reader.join(10.0)
            assert not reader.is_alive()


def test_a_hundred_connections_under_load_leave_nothing() -> None:
    fake = FakeScanner()
    done = threading.Event()

    def pour() -> None:
        while not done.is_set():
            if fake.scanning.wait(0.01):
                fake.send(turn(4.0))

    pouring = threading.Thread(target=pour, daemon=True)
    pouring.start()
    process = psutil.Process()

    def connect() -> int:
        thread = SensorThread(lambda: RpLidar(RpLidarConfig(fake.path)), time.time_ns, ConnectionConfig())
        thread.start()
        got = len(thread.take(10.0))
        thread.stop()
        return got

    try:
        assert all(connect() for _ in range(5))
        threads, fds, memory = threading.active_count(), process.num_fds(), process.memory_info().rss
        assert all(connect() for _ in range(100))
        assert threading.active_count() <= threads
        assert process.num_fds() <= fds
        assert process.memory_info().rss - memory < 8 << 20
    finally:
        done.set()
        fake.pull()
        pouring.join(10.0)
