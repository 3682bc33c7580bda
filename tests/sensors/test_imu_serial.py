"""A serial unit behind a pseudo-terminal: garbage, split frames, a pulled plug, and a hundred of them."""

from __future__ import annotations

import gc
import itertools
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from selfcue.clock import WallClock
from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import DeviceLostError, Reading
from selfcue.sensors.imu.sample import ImuSample
from selfcue.sensors.imu.serial_driver import SerialImu, SerialImuConfig
from selfcue.sensors.sensor_thread import SensorThread, Stamped
from tests.sensors.imu_units import FRAMING, PtyUnit, Streaming, frame, still

pytest.importorskip("serial", reason="pyserial is not installed")


def opened(source: str, **settings: object) -> SerialImu:
    driver = SerialImu(SerialImuConfig(source, FRAMING, **settings))  # type: ignore[arg-type]
    driver.open()
    return driver


def read_until(driver: SerialImu, enough: Callable[[list[Reading[ImuSample]]], bool]) -> list[Reading[ImuSample]]:
    found: list[Reading[ImuSample]] = []
    until_s = time.monotonic() + 10
    while not enough(found):
        assert time.monotonic() < until_s, found
        found += driver.read(0.1)
    return found


def test_garbage_and_split_frames(tmp_path: Path) -> None:
    with PtyUnit(tmp_path / "imu") as unit:
        driver = opened(str(unit.path))
        try:
            frames = [still(number) for number in range(300)]
            spoilt = bytearray(frames[7])
            spoilt[9] ^= 0x40
            data = b"\x00\xaa" + b"".join(frames[:7]) + bytes(spoilt) + b"\xaa\x55boot\r\n" + b"".join(frames[8:])
            found: list[Reading[ImuSample]] = []
            for i in range(0, len(data), 13):
                unit.send(data[i : i + 13])
                if i % 130 == 0:
                    found += driver.read(0.01)
            found += read_until(driver, lambda rest: len(found) + len(rest) >= 299)
            assert len(found) == 299
            assert [reading.lost for reading in found].count(1) == 1  # the counter shows the spoilt one
            assert sum(reading.lost for reading in found) == 1
            assert found[-1].stamp_ns == 299 * 10_000_000
            assert found[0].value.accel == pytest.approx((0.0, 0.0, 9.81), abs=1e-6)
            told = driver.describe()
            assert (told["readings"], told["lost"], told["damaged_frames"]) == (299, 1, pytest.approx(1, abs=1))
            assert told["skipped_bytes"] == len(data) - 299 * len(frames[0])
        finally:
            driver.close()


def test_nothing_but_garbage_is_a_lost_device(tmp_path: Path) -> None:
    with PtyUnit(tmp_path / "imu") as unit:
        driver = opened(str(unit.path), silence_s=0.05)
        unit.send(b"hello, I speak another language")
        with pytest.raises(DeviceLostError, match=r"bytes of something else.*baud"):
            read_until(driver, lambda _: False)
        driver.close()


def test_a_pulled_plug_and_the_unit_elsewhere(tmp_path: Path) -> None:
    unit = PtyUnit(tmp_path / "imu")
    unit.plug()
    config = SerialImuConfig(str(unit.path), FRAMING, rate_hz=500)
    clock = WallClock()
    connection = ConnectionConfig(first_wait_s=0.02, most_wait_s=0.05, read_timeout_s=0.05)
    thread = SensorThread(lambda: SerialImu(config), clock.now_ns, connection, keep=10_000)
    with Streaming(lambda number: unit.send(still(number, 500)), 500):
        thread.start()
        try:
            for _ in range(3):
                before = _take(thread, 50)
                unit.pull()
                _wait(lambda: thread.status().state == "waiting")
                assert "gone" in thread.status().error or "does not open" in thread.status().error
                unit.plug()
                after = _take(thread, 50)
                assert after[0].stamp_ns > before[-1].stamp_ns
                assert all(later.stamp_ns > one.stamp_ns for one, later in itertools.pairwise(after))
            assert thread.status().reconnects == 3
        finally:
            thread.stop()
            unit.pull()


def _take(thread: SensorThread[ImuSample], count: int) -> list[Stamped[ImuSample]]:
    found: list[Stamped[ImuSample]] = []
    until_s = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < until_s, thread.status()
        found += thread.take(0.1)
    return found


def _wait(what: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 10
    while not what():
        assert time.monotonic() < until_s
        threading.Event().wait(0.005)


def test_closing_ends_a_read_at_once(tmp_path: Path) -> None:
    with PtyUnit(tmp_path / "imu") as unit:
        driver = opened(str(unit.path))
        took_s: list[float] = []

        def read() -> None:
            begin_s = time.monotonic()
            driver.read(30.0)
            took_s.append(time.monotonic() - begin_s)

        reader = threading.Thread(target=read)
        reader.start()
        driver.close()
        driver.close()
        reader.join(10)
        assert took_s
        assert took_s[0] < 10
        assert driver.read(0.0) == []


def test_a_unit_behind_tcp_that_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        driver = opened(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        line, _ = server.accept()
        with line:
            line.sendall(frame(0, 5, (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)))
            found = read_until(driver, bool)
        assert found[0].value.accel == (1.0, 2.0, 3.0)
        assert found[0].value.gyro == (4.0, 5.0, 6.0)
        with pytest.raises(DeviceLostError, match="closed the connection"):
            read_until(driver, lambda _: False)
        driver.close()


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    with pytest.raises(MissingDependencyError, match="does not open"):
        opened(str(tmp_path / "nothing"))
    with pytest.raises(MissingDependencyError, match="not plugged in"):
        opened("serial:NOSUCHNUMBER")
    with pytest.raises(BadInputError, match="no source of bytes"):
        opened("ttyUSB0")
    with pytest.raises(BadInputError, match="framing=FILE"):
        SerialImu.from_source("/dev/ttyUSB0")
    (tmp_path / "plain").write_text("x")
    with pytest.raises(MissingDependencyError, match=r"no serial port|does not open"):
        opened(str(tmp_path / "plain"))


def test_a_hundred_connections_under_load_leave_nothing_behind(tmp_path: Path) -> None:
    process = psutil.Process()
    sizes: list[tuple[int, int, int]] = []
    readings = 0
    with PtyUnit(tmp_path / "imu") as unit, Streaming(lambda number: unit.send(still(number, 1000) * 4), 1000):
        for cycle in range(110):
            thread = SensorThread(lambda: SerialImu(SerialImuConfig(str(unit.path), FRAMING)), WallClock().now_ns)
            thread.start()
            readings += len(_take(thread, 5))
            thread.stop()
            if cycle in (9, 109):
                gc.collect()
                sizes.append((process.num_fds(), threading.active_count(), process.memory_info().rss))
    (fds, threads, rss), (fds_after, threads_after, rss_after) = sizes
    assert (fds_after, threads_after) == (fds, threads)
    assert rss_after - rss < 8 << 20
    assert readings >= 110 * 5


def test_found_ports_are_those_of_usb_devices() -> None:
    for device in SerialImu.find():
        assert device.kind == "imu"
        assert device.source.startswith(("serial:", "/dev/"))
        assert os.path.exists(device.detail["port"])  # noqa: PTH110
