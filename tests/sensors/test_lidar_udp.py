"""LiDARs over real UDP sockets and from captures: what is sent is what comes, whatever else is on the wire."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import PointCloud
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import DeviceLostError, EndOfData, Reading
from selfcue.sensors.lidar.ouster_driver import OusterLidar
from selfcue.sensors.lidar.ouster_metadata import metadata_of
from selfcue.sensors.lidar.ouster_turns import OusterTurns
from selfcue.sensors.lidar.packet_config import OusterConfig, VelodyneConfig
from selfcue.sensors.lidar.packet_driver import PacketLidar
from selfcue.sensors.lidar.velodyne_driver import VelodyneLidar
from selfcue.sensors.lidar.velodyne_turns import VelodyneTurns
from selfcue.sensors.sensor_thread import SensorThread
from selfcue.sensors.udp_source import UdpSource
from tests.sensors.captures import SECOND, ethernet, ip, pcap, udp
from tests.sensors.lidar_packets import COLUMNS, PER_PACKET, describe, ouster_packet, there, vlp16_stream
from tests.sensors.test_lidar_turns import PROFILE, recorded_ouster, run, same
from tests.sensors.test_velodyne import recorded_packets

PARTS = COLUMNS // PER_PACKET


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Wire:
    """Sends to a driver that listens on loopback, one packet at a time, and reads it meanwhile: none is dropped."""

    def __init__(self, driver: PacketLidar[Any], port: int) -> None:
        self.driver, self._port = driver, port
        self._sockets: dict[str, socket.socket] = {}
        self.readings: list[Reading[PointCloud]] = []

    def send(self, data: bytes, sender: str = "127.0.0.1") -> None:
        if sender not in self._sockets:
            self._sockets[sender] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sockets[sender].bind((sender, 0))
        before = self._taken()
        self._sockets[sender].sendto(data, ("127.0.0.1", self._port))
        while self._taken() == before:
            self.readings += self.driver.read(5.0)

    def _taken(self) -> int:
        counts = self.driver.counts
        return counts["packets"] + counts["garbage"] + counts["strangers"]

    @property
    def clouds(self) -> list[PointCloud]:
        return [reading.value for reading in self.readings]

    def close(self) -> None:
        self.driver.close()
        for one in self._sockets.values():
            one.close()


@contextmanager
def wired(kind: type[PacketLidar[Any]], **settings: Any) -> Iterator[Wire]:
    port = free_port()
    config = kind.Config(f"udp://127.0.0.1:{port}", first_packet_s=0.0, **settings)
    wire = Wire(kind(config), port)
    try:
        wire.driver.open()
        yield wire
    finally:
        wire.close()


@pytest.fixture
def metadata_file(tmp_path: Path) -> str:
    path = tmp_path / "small.json"
    path.write_text(json.dumps(describe(PROFILE)))
    return str(path)


# -- Ouster ------------------------------------------------------------------------------------------------------------


def test_ouster_turns_come_over_udp_with_all_that_disturbs_them(metadata_file: str) -> None:
    packets = [ouster_packet(PROFILE, turn, part) for turn in range(4) for part in range(PARTS)]
    expected = [turn.cloud for turn in run(OusterTurns(metadata_of(describe(PROFILE), "m")), packets)]
    with wired(OusterLidar, metadata=metadata_file) as wire:
        for i, data in enumerate(packets):
            wire.send(data)
            wire.send(data if i % 2 else b"not of a LiDAR")
            wire.send(ouster_packet(PROFILE, 90 + i, 0), sender="127.0.0.2")
        assert [same(one, other) for one, other in zip(wire.clouds, expected, strict=True)] == [True] * 4
        counts = wire.driver.counts
        assert (counts["duplicated"], counts["garbage"], counts["strangers"], counts["lost"]) == (4, 4, 8, 0)
        assert wire.driver.describe()["sender"] == "127.0.0.1"


def test_readings_are_stamped_when_their_first_point_was_measured(metadata_file: str) -> None:
    """By this machine's clock: no later than the turn's length before it came, no earlier than it was sent."""
    with wired(OusterLidar, metadata=metadata_file) as wire:
        begun_ns = time.monotonic_ns()
        for turn in range(3):
            for part in range(PARTS):
                wire.send(ouster_packet(PROFILE, turn, part))
        done_ns = time.monotonic_ns()
    turn_ns = 15_000_000  # from its first column to its last
    stamps = [reading.stamp_ns for reading in wire.readings]
    assert begun_ns - turn_ns <= stamps[0]
    assert all(stamp_ns <= done_ns - turn_ns for stamp_ns in stamps)


@pytest.mark.parametrize("way", ["in order", "out of order", "with loss"])
def test_the_recorded_ouster_over_udp_equals_the_reader(data: Callable[[str], Path], way: str) -> None:
    folder = data("lidar_ouster_pcap")
    _, packets, expected = recorded_ouster(folder)
    rng = np.random.default_rng(4)
    if way == "out of order":
        order = np.argsort(np.arange(len(packets)) + rng.uniform(0, 6, len(packets)), kind="stable")
        packets = [packets[i] for i in order]
    lost = set(rng.choice(np.arange(1, len(packets) - 1), 19, replace=False).tolist()) if way == "with loss" else set()
    with wired(OusterLidar, metadata=str(folder / "OS-1-128_v2.3.0_1024x10.json")) as wire:
        for i, packet in enumerate(packets):
            if i not in lost:
                wire.send(packet)
        assert wire.driver.asked_hz == 10.0
        clouds = wire.clouds + [turn.cloud for turn in wire.driver._maker.flush()]  # type: ignore[union-attr]
        counts = wire.driver.counts
    assert counts["lost"] == len(lost)
    assert counts["garbage"] == counts["late"] == counts["duplicated"] == 0
    assert len(clouds) == 3
    for one, other in zip(clouds, expected, strict=True):
        if not lost:
            assert same(one, other)
            continue
        mine, theirs = (np.column_stack([c.points, c.intensity, there(c.ring)]) for c in (one, other))
        assert {row.tobytes() for row in mine} < {row.tobytes() for row in theirs}


def test_an_ouster_tells_its_metadata(metadata_file: str) -> None:
    text = Path(metadata_file).read_bytes()
    asked: list[str] = []

    class Sensor(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Sensor) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with wired(OusterLidar, metadata=f"http://127.0.0.1:{server.server_port}") as wire:
                for part in range(PARTS):
                    wire.send(ouster_packet(PROFILE, 1, part))
                assert len(wire.clouds) == 1
        finally:
            server.shutdown()
            thread.join()
    assert asked == ["/api/v1/sensor/metadata"]
    with (
        pytest.raises(MissingDependencyError, match="does not tell its metadata"),
        wired(OusterLidar, metadata=f"http://127.0.0.1:{free_port()}"),
    ):
        pass


# -- Velodyne ----------------------------------------------------------------------------------------------------------


def test_velodyne_turns_come_over_udp(tmp_path: Path) -> None:
    packets = vlp16_stream(75 * 4)
    expected = [turn.cloud for data in [VelodyneTurns()] for packet in packets for turn in data.feed(packet)[1]]
    with wired(VelodyneLidar) as wire:
        for packet in packets:
            wire.send(packet)
        assert wire.driver.describe()["model"] == "VLP-16"
        assert wire.driver.asked_hz == pytest.approx(10.05, rel=0.01)
    assert len(expected) >= 3
    assert [same(one, other) for one, other in zip(wire.clouds, expected, strict=True)] == [True] * len(expected)


def test_the_recorded_velodyne_over_udp_equals_its_packets_decoded_one_by_one(data: Callable[[str], Path]) -> None:
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    packets = list(recorded_packets(data("ros_logs") / "nebula_vlp16" / "1673400471837873222"))
    expected = [turn.cloud for turn in run(VelodyneTurns(), packets)]
    # The last is the turn that test_velodyne holds against Nebula's cloud, point by point.
    assert [len(cloud.points) for cloud in expected] == [14_829, 14_821, 14_843, 14_881]
    rng = np.random.default_rng(0)
    order = np.argsort(np.arange(len(packets)) + rng.uniform(0, 3.9, len(packets)), kind="stable")
    with wired(VelodyneLidar) as wire:
        for i in order:
            wire.send(packets[i])
        clouds = wire.clouds + [turn.cloud for turn in wire.driver._maker.flush()]  # type: ignore[union-attr]
        assert wire.driver.counts["late"] == wire.driver.counts["lost"] == 0
    assert [same(one, other) for one, other in zip(clouds, expected, strict=True)] == [True] * 4


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_a_silent_sensor_is_lost(metadata_file: str) -> None:
    driver = OusterLidar(
        OusterConfig(f"udp://127.0.0.1:{free_port()}", metadata=metadata_file, first_packet_s=0.05, silent_after_s=0.1)
    )
    with pytest.raises(MissingDependencyError, match=r"no packet for 0\.1 s; is it on, and does it send to this"):
        driver.open()
    with wired(VelodyneLidar, silent_after_s=0.1) as wire:
        for packet in vlp16_stream(3):
            wire.send(packet)
        with pytest.raises(DeviceLostError, match="is it on"):  # noqa: PT012 - until it notices
            while True:
                wire.driver.read(0.05)


@pytest.mark.parametrize(
    ("source", "error", "text"),
    [
        ("udp://sensor.local:7502", BadInputError, "is no IP address"),
        ("udp://127.0.0.1", BadInputError, "is no address; write it as"),
        ("tcp://127.0.0.1:1", BadInputError, "is no address"),
        ("udp://203.0.113.1:7502", MissingDependencyError, "is the address this machine's"),
        ("/nowhere.pcap", BadInputError, "cannot be read"),
    ],
)
def test_sources_that_cannot_be(source: str, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        VelodyneLidar(VelodyneConfig(source)).open()


def test_settings_in_one_text() -> None:
    driver = OusterLidar.from_source("udp://0.0.0.0:7502?metadata=/a.json&sender=10.0.0.7&least_share=0.25")
    assert driver.config == OusterConfig("udp://0.0.0.0:7502", sender="10.0.0.7", least_share=0.25, metadata="/a.json")
    for text, said in (
        ("udp://0.0.0.0:1?colour=red", "'colour' is no setting; there are: calibration, first_packet_s"),
        ("udp://0.0.0.0:1?rate=fast", "rate is 'fast', which is no number"),
        ("?rate=1", "source is empty"),
        ("udp://0.0.0.0:1?model=VLP-17", "model 'VLP-17' is not known"),
    ):
        with pytest.raises(BadInputError, match=said):
            VelodyneLidar.from_source(text)


def test_a_port_in_use_is_said_and_nothing_is_held() -> None:
    with wired(VelodyneLidar) as wire:
        other = VelodyneLidar(VelodyneConfig(wire.driver.config.source))
        before = psutil.Process().num_fds()
        with pytest.raises(MissingDependencyError, match="cannot be listened on"):
            other.open()
        assert psutil.Process().num_fds() == before


def test_close_ends_a_read_from_another_thread_and_may_be_called_by_many() -> None:
    for _ in range(20):
        source = UdpSource("127.0.0.1", 0)
        source.open()
        got: list[object] = []
        reader = threading.Thread(target=lambda one=source, got=got: got.append(one.receive(60.0)))
        reader.start()
        closers = [threading.Thread(target=source.close) for _ in range(4)]
        for one in closers:
            one.start()
        for one in (reader, *closers):
            one.join(10.0)
            assert not one.is_alive()
        with pytest.raises(DeviceLostError, match="is closed"):
            source.receive(0.0)


def test_a_hundred_connections_under_load_leave_nothing(metadata_file: str) -> None:
    """Packets come all the time, also while nobody listens; every connection reads at least one turn."""
    port = free_port()
    stop = threading.Event()
    packets = [ouster_packet(PROFILE, turn % 65536, part) for turn in range(2000) for part in range(PARTS)]

    def pour() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            while not stop.is_set():
                for data in packets:
                    one.sendto(data, ("127.0.0.1", port))
                    if stop.wait(0.0002):
                        return

    pouring = threading.Thread(target=pour, daemon=True)
    pouring.start()
    config = OusterConfig(f"udp://127.0.0.1:{port}", metadata=metadata_file)
    process = psutil.Process()

    def connect() -> int:
        thread = SensorThread(lambda: OusterLidar(config), time.time_ns, ConnectionConfig())
        thread.start()
        got = len(thread.take(10.0))
        thread.stop()
        return got

    try:
        assert all(connect() for _ in range(10))  # caches and pools fill
        threads, fds, memory = process.num_threads(), process.num_fds(), process.memory_info().rss
        assert all(connect() for _ in range(100))
        soon_s = time.monotonic() + 5.0  # a thread that was joined is gone from the kernel a moment later
        while process.num_threads() > threads and time.monotonic() < soon_s:
            stop.wait(0.001)
        assert process.num_threads() <= threads
        assert process.num_fds() <= fds
        assert process.memory_info().rss - memory < 8 << 20
    finally:
        stop.set()
        pouring.join()


# -- captures ----------------------------------------------------------------------------------------------------------


def capture(path: Path, packets: list[bytes], port: int = 2368) -> Path:
    """One packet a millisecond."""
    path.write_bytes(pcap(ethernet(ip(udp(port, data))) for data in packets))
    return path


def test_a_capture_plays_at_its_pace(tmp_path: Path) -> None:
    path = capture(tmp_path / "v.pcap", vlp16_stream(75 * 3))
    expected = [turn.cloud for turn in run(VelodyneTurns(), vlp16_stream(75 * 3))]
    driver = VelodyneLidar(VelodyneConfig(str(path), rate=2.0))
    driver.open()
    begun_ns = time.monotonic_ns()
    readings: list[Reading[PointCloud]] = []
    with pytest.raises(EndOfData):  # noqa: PT012 - to its end
        while True:
            readings += driver.read(1.0)
    driver.close()
    assert time.monotonic_ns() - begun_ns >= 0.224 * SECOND / 2
    assert driver.paced
    assert [same(one.value, other) for one, other in zip(readings, expected, strict=True)] == [True] * len(expected)
    gaps = np.diff([reading.stamp_ns for reading in readings])
    assert gaps == pytest.approx(75 * 1e6 / 2, rel=0.15)


def test_a_capture_as_fast_as_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(describe(PROFILE)))
    packets = [ouster_packet(PROFILE, turn, part) for turn in range(5) for part in range(PARTS)]
    path = capture(tmp_path / "a_1.pcap", [*packets, b"else"], 7502)
    fds = psutil.Process().num_fds()
    driver = OusterLidar(OusterConfig(str(path), rate=0.0))
    assert not driver.paced
    driver.open()
    assert len(driver.read(0.0)) == 5
    assert driver.counts["garbage"] == 1
    with pytest.raises(EndOfData):
        driver.read(0.0)
    driver.close()
    driver.close()
    assert psutil.Process().num_fds() == fds
    with pytest.raises(BadInputError, match="are decoded with its metadata"):
        OusterLidar(OusterConfig(str(capture(tmp_path / "b.pcap", packets)))).open()
