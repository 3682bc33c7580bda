"""MAVLink over UDP and TCP: units, axes, stamps, whom it listens to; and a recorded flight sent as packets."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import Imu
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.driver import DeviceLostError, Reading
from selfcue.sensors.imu.mavlink_driver import MavlinkImu, MavlinkImuConfig
from selfcue.sensors.imu.sample import ImuSample
from selfcue.sensors.tlog.reader import TlogReader
from selfcue.sensors.tlog.records import TIME_BYTES, head

pytest.importorskip("pymavlink", reason="pymavlink is not installed")

from pymavlink.dialects.v20 import ardupilotmega as dialect

ARDUPILOT, GENERIC = 3, 0


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.bind(("127.0.0.1", 0))
        port: int = box.getsockname()[1]
        return port


class Autopilot:
    """Sends from a thread: a heartbeat and whatever is asked for, again and again, each with the next number."""

    def __init__(self, port: int, *makes: Callable[[int], Any], system: int = 1, make: int = ARDUPILOT) -> None:
        self.port, self.makes = port, makes
        self.link: Any = dialect.MAVLink(None, srcSystem=system, srcComponent=1)
        self.beat = dialect.MAVLink_heartbeat_message(2, make, 81, 0, 4, 3)
        self.box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.box.bind(("127.0.0.1", 0))
        self.box.settimeout(0)
        self.heard: list[Any] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def send(self, *messages: Any) -> None:
        for message in messages:
            self.box.sendto(message.pack(self.link), ("127.0.0.1", self.port))

    def _run(self) -> None:
        parser: Any = dialect.MAVLink(None)
        for number in itertools.count():
            self.send(self.beat, *(make(number) for make in self.makes))
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                self.heard += parser.parse_buffer(self.box.recv(4096)) or []
            if self._stop.wait(0.005):
                return

    def __enter__(self) -> Autopilot:  # noqa: PYI034 - Python 3.10 has no Self
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.box.close()


def raw(number: int) -> Any:
    return dialect.MAVLink_raw_imu_message(number * 5000, 100, 200, -1000, 10, 20, -30, 400, 0, -500)


def scaled(number: int) -> Any:
    return dialect.MAVLink_scaled_imu_message(number * 5, 0, 0, -1000, 1, 2, 3, 0, 0, 0, 2500)


def best(number: int) -> Any:
    return dialect.MAVLink_highres_imu_message(
        number * 5000, 0.5, 0.25, -9.75, 0.125, 0.5, 1, 0.25, 0.5, 0.75, 1013, 0, 100, 20, 63 | 448
    )


def stale(number: int) -> Any:
    return dialect.MAVLink_highres_imu_message(number * 5000, 9, 9, 9, 9, 9, 9, 0, 0, 0, 1013, 0, 100, 20, 1 << 9)


def opened(port: int, **settings: Any) -> MavlinkImu:
    driver = MavlinkImu(MavlinkImuConfig(f"udp://127.0.0.1:{port}", choose_s=0.1, **settings))
    driver.open()
    return driver


def read(driver: MavlinkImu, count: int, more: list[Reading[ImuSample]] | None = None) -> list[Reading[ImuSample]]:
    """Return at least ``count`` readings, behind those of ``more``."""
    found = [] if more is None else more
    until_s = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < until_s, driver.describe()
        found += driver.read(0.1)
    return found


@pytest.fixture
def port() -> int:
    return free_port()


def test_the_best_message_is_taken_in_our_units_and_axes(port: int) -> None:
    with Autopilot(port, raw, scaled, stale, best) as autopilot:
        driver = opened(port, rate_hz=200)
        try:
            found = read(driver, 20)
            assert driver.describe()["message"] == "HIGHRES_IMU"
            for reading in found:
                assert reading.value.accel == (0.5, -0.25, 9.75)
                assert reading.value.gyro == (0.125, -0.5, -1.0)
                assert reading.value.field == pytest.approx((0.25e-4, -0.5e-4, -0.75e-4))
                assert reading.value.temperature_c == 20
            steps = {later.stamp_ns - one.stamp_ns for one, later in itertools.pairwise(found)}
            assert steps == {5_000_000}
            kinds = {message.get_type() for message in autopilot.heard}
            assert kinds == {"HEARTBEAT", "COMMAND_LONG"}
            asked = {(one.param1, one.param2) for one in autopilot.heard if one.get_type() == "COMMAND_LONG"}
            assert asked == {(105.0, 5000.0), (26.0, 5000.0), (27.0, 5000.0)}
        finally:
            driver.close()


@pytest.mark.parametrize(("make", "name"), [(raw, "RAW_IMU"), (scaled, "SCALED_IMU")])
def test_scaled_and_raw_messages(port: int, make: Callable[[int], Any], name: str) -> None:
    with Autopilot(port, make):
        driver = opened(port)
        try:
            found = read(driver, 5)
        finally:
            driver.close()
    assert driver.describe()["message"] == name
    accel, gyro = found[0].value.accel, found[0].value.gyro
    if name == "RAW_IMU":
        assert accel == pytest.approx((0.1 * STANDARD_GRAVITY, -0.2 * STANDARD_GRAVITY, STANDARD_GRAVITY))
        assert gyro == pytest.approx((0.01, -0.02, 0.03))
        assert found[0].value.field == pytest.approx((4e-5, 0, 5e-5))
    else:
        assert accel == pytest.approx((0, 0, STANDARD_GRAVITY))
        assert gyro == pytest.approx((0.001, -0.002, -0.003))
        assert found[0].value.field is None
        assert found[0].value.temperature_c == 25
    assert {later.stamp_ns - one.stamp_ns for one, later in itertools.pairwise(found)} == {5_000_000}


def test_raw_numbers_of_an_unknown_make_are_refused(port: int) -> None:
    with Autopilot(port, raw, make=GENERIC):
        driver = opened(port)
        with pytest.raises(BadInputError, match="no known unit"):
            read(driver, 1)
        driver.close()


def test_only_the_chosen_system_counts(port: int) -> None:
    with Autopilot(port, best, system=7), Autopilot(port, scaled, system=9):
        driver = opened(port, system=9)
        try:
            assert read(driver, 10)[0].value.accel == pytest.approx((0, 0, STANDARD_GRAVITY))
            assert driver.describe()["system"] == 9
        finally:
            driver.close()


def test_silence_says_what_was_heard(port: int) -> None:
    with pytest.raises(MissingDependencyError, match="no heartbeat of any autopilot"):
        opened(port, open_s=0.1)
    with Autopilot(port):
        driver = opened(port, silence_s=0.2)
        with pytest.raises(DeviceLostError, match=r"no inertial message of system 1 .*it sent HEARTBEAT"):
            read(driver, 1)
        driver.close()


def test_over_tcp_with_garbage_between() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        link: Any = dialect.MAVLink(None, srcSystem=1, srcComponent=1)
        beat = dialect.MAVLink_heartbeat_message(2, ARDUPILOT, 81, 0, 4, 3).pack(link)

        is_open = threading.Event()

        def serve() -> None:
            line, _ = server.accept()
            with line:
                line.sendall(b"boot" + beat)
                is_open.wait(10)
                for number in range(50):
                    packet = bytes(best(number).pack(link))
                    line.sendall(packet[:11])
                    line.sendall(packet[11:] + (b"\x00noise" if number % 10 == 0 else b""))

        thread = threading.Thread(target=serve)
        thread.start()
        driver = MavlinkImu(MavlinkImuConfig(f"tcp://127.0.0.1:{server.getsockname()[1]}", own_system=0))
        driver.open()
        is_open.set()
        found = read(driver, 45)
        with pytest.raises(DeviceLostError, match="closed the connection"):
            read(driver, 1000, found)
        driver.close()
        thread.join()
    assert [reading.stamp_ns // 5_000_000 for reading in found] == list(range(50))


def test_a_hundred_connections_under_load_leave_nothing_behind(port: int) -> None:
    process = psutil.Process()
    sizes: list[tuple[int, int, int]] = []
    with Autopilot(port, best, best, best):
        for cycle in range(110):
            driver = opened(port)
            read(driver, 2)
            driver.close()
            if cycle in (9, 109):
                sizes.append((process.num_fds(), threading.active_count(), process.memory_info().rss))
    (fds, threads, rss), (fds_after, threads_after, rss_after) = sizes
    assert (fds_after, threads_after) == (fds, threads)
    assert rss_after - rss < 8 << 20


def test_the_recorded_flight_sent_as_packets_equals_the_log(data: Callable[[str], Path], port: int) -> None:
    path = data("mavlink_tlog_flight") / "flight.tlog"
    recorded = [one for _, topic, one in TlogReader(path).messages() if topic == "imu/raw_imu"]
    content = path.read_bytes()
    packets, at = [], 0
    while (packet := head(content, at + TIME_BYTES)) is not None:
        packets.append(content[at + TIME_BYTES : at + TIME_BYTES + packet.size])
        at += TIME_BYTES + packet.size
    assert len(packets) > 76_000
    box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    box.settimeout(5)
    box.bind(("127.0.0.1", 0))
    driver = MavlinkImu(MavlinkImuConfig(f"udp://127.0.0.1:{port}", message="RAW_IMU", silence_s=60))
    done = threading.Event()

    def taken() -> int:
        told = driver.describe()
        return int(told["packets"] + told["bad_packets"])

    def send() -> None:
        until_s = time.monotonic() + 50
        while not taken() and time.monotonic() < until_s:
            with contextlib.suppress(ConnectionRefusedError):  # nobody listens yet
                box.sendto(packets[0], ("127.0.0.1", port))
            done.wait(0.01)
        before = taken()
        for i, packet in enumerate(packets):
            while i > 200 + taken() - before:  # the socket loses none
                if time.monotonic() > until_s or done.wait(0.0005):
                    return
            box.sendto(packet, ("127.0.0.1", port))
        done.set()

    sender = threading.Thread(target=send)
    sender.start()
    driver.open()
    found: list[Reading[ImuSample]] = []
    while not done.is_set() or not found or found[-1].value.arrival_ns > time.monotonic_ns() - 500_000_000:
        found += driver.read(0.05)
    driver.close()
    done.set()
    sender.join()
    box.close()
    assert len(found) >= len(recorded) - 10  # those before the first heartbeat are not known to be this system's
    for reading, message in zip(found[-200:], recorded[-200:], strict=True):
        assert isinstance(message, Imu)
        assert reading.value.accel == message.linear_acceleration
        assert reading.value.gyro == message.angular_velocity
    assert driver.describe()["autopilot"] == ARDUPILOT
    stamps = [reading.stamp_ns for reading in found]
    back = [(one, later) for one, later in itertools.pairwise(stamps) if later < one]
    assert back == [(279_401_607_000, 18_950_981_000)]  # the autopilot was started again before it flew
