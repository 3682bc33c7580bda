"""Phones and wearables over loopback: what they send, what strangers send, and devices that join and leave."""

from __future__ import annotations

import gc
import itertools
import json
import math
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.sensors.driver import Reading
from selfcue.sensors.imu.network_device import NetworkDevice
from selfcue.sensors.imu.network_driver import NetworkImu, NetworkImuConfig
from selfcue.sensors.imu.network_message import (
    MOST_BYTES,
    NetworkMessage,
    RefusedError,
    read_key,
    read_message,
    sign,
)
from selfcue.sensors.imu.sample import ImuSample

KEY = bytes(range(32))
MS = 1_000_000


def words(name: str = "wrist", seq: int = 0, count: int = 4, **more: Any) -> dict[str, Any]:
    """Return a message's map: 100 Hz, gravity on z, its number in x."""
    numbers = range(seq, seq + count)
    return {
        "id": name,
        "seq": seq,
        "t_us": [1_000_000 + 10_000 * i for i in numbers],
        "acc": [[1e-3 * (i % 1000), 0.0, 9.81] for i in numbers],
        "gyro": [[0.0, 0.0, 0.5]] * count,
        **more,
    }


def test_json_and_msgpack_say_the_same() -> None:
    message = words(mag_ut=[[20.0, 0.0, -40.0]] * 4, temp_c=31.5, boot=7)
    one, other = read_message(json.dumps(message).encode()), read_message(msgspec.msgpack.encode(message))
    assert one == other
    assert one.acc[3] == (0.003, 0.0, 9.81)
    assert one.field_t(1) == pytest.approx((2e-5, 0.0, -4e-5))
    assert read_message(sign(json.dumps(message).encode(), KEY), KEY) == one


@pytest.mark.parametrize(
    "change",
    [
        {"id": ""}, {"id": "a/b"}, {"id": "x" * 33}, {"seq": -1}, {"seq": 1 << 53}, {"seq": 1.5}, {"t_us": []},
        {"t_us": [1, 2, 2, 3]}, {"acc": [[0, 0, 9.81]] * 3}, {"acc": [[0, 0]] * 4}, {"acc": [[0, 0, 5000.0]] * 4},
        {"acc": [["0", 0, 9.81]] * 4}, {"gyro": [[0, 0, 0]]}, {"temp_c": 400.0}, {"boot": -1}, {"acc": None},
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(change: dict[str, Any]) -> None:
    body = {**words(), **change}
    for data in (json.dumps(body).encode(), msgspec.msgpack.encode(body)):
        with pytest.raises(RefusedError, match="no such message"):
            read_message(data)
    read_message(json.dumps(words()).encode())


def test_numbers_that_are_none_do_not_come_through_msgpack() -> None:
    for bad in (math.nan, math.inf, -math.inf):
        with pytest.raises(RefusedError):
            read_message(msgspec.msgpack.encode(words(acc=[[0.0, bad, 9.81]] * 4)))
        with pytest.raises(RefusedError):
            read_message(msgspec.msgpack.encode(words(temp_c=bad)))


@given(st.binary(max_size=600), st.booleans())
def test_no_bytes_do_more_than_be_refused(data: bytes, as_json: bool) -> None:
    for body in (data, b"{" + data if as_json else b"\x87" + data):
        with pytest.raises(RefusedError):
            read_message(body)
        with pytest.raises(RefusedError, match="not signed"):
            read_message(body, KEY)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(sorted(words())), JUNK, min_size=1), st.integers(0, 3))
def test_hostile_fields_never_reach_a_device(junk: dict[str, Any], kept: int) -> None:
    body = {**words(), **junk}
    device = NetworkDevice(1000.0, 0)
    try:
        message = read_message(msgspec.msgpack.encode(body))
        found = device.readings_of(message, 5_000 * MS)
    except RefusedError:
        return
    for reading in found:
        assert all(abs(value) <= 4000 for value in reading.value.accel)
        assert 0 <= reading.lost < 1 << 53
        measured_ns = reading.value.measured_ns
        assert measured_ns is not None
        assert measured_ns <= 5_000 * MS + len(found)


def test_a_deep_nest_and_a_long_one_are_refused() -> None:
    for data in (b"[" * 5000, b'{"id":' + b"[" * 5000, b"\x91" * 5000, b'{"a":"' + b"x" * MOST_BYTES + b'"}'):
        with pytest.raises(RefusedError):
            read_message(data)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=20))
def test_losses_and_order(steps: list[tuple[int, int]]) -> None:
    device, seq, lost, taken = NetworkDevice(1e6, 0), 0, 0, 0
    device.readings_of(msgspec.convert(words(seq=0, count=1), NetworkMessage), 0)
    at = 1
    for gap, count in steps:
        seq = at + gap
        message = msgspec.convert(words(seq=seq, count=count), NetworkMessage)
        found = device.readings_of(message, seq * 10 * MS)
        assert found[0].lost == gap
        with pytest.raises(RefusedError, match="late or twice"):
            device.readings_of(message, seq * 10 * MS)
        earlier = words(seq=seq, count=1, t_us=[message.t_us[-1] + 1])
        with pytest.raises(RefusedError, match="late or twice"):
            device.readings_of(msgspec.convert(earlier, NetworkMessage), seq * 10 * MS)
        lost, taken, at = lost + gap, taken + count, seq + count
    assert (device.lost, device.readings) == (lost, taken + 1)


def test_a_sender_that_starts_again_is_told_from_an_old_message() -> None:
    device = NetworkDevice(1000.0, 0)
    device.readings_of(msgspec.convert(words(seq=500, boot=3), NetworkMessage), 10_000 * MS)
    with pytest.raises(RefusedError, match="earlier start"):
        device.readings_of(msgspec.convert(words(seq=900, boot=2), NetworkMessage), 10_100 * MS)
    found = device.readings_of(msgspec.convert(words(seq=0, boot=4), NetworkMessage), 10_200 * MS)
    assert [reading.lost for reading in found] == [0, 0, 0, 0]
    assert found[0].value.measured_ns == 10_200 * MS - 30 * MS  # by the new clock's offset, not the old one's


def test_a_device_clock_gives_even_stamps_whatever_the_network_does() -> None:
    device = NetworkDevice(1000.0, 0)
    measured: list[int] = []
    for i in range(200):
        late_ns = (i * 37 % 11) * MS
        message = msgspec.convert(words(seq=i * 4), NetworkMessage)
        found = device.readings_of(message, 50_000 * MS + message.t_us[-1] * 1000 + late_ns)
        measured += [reading.value.measured_ns or 0 for reading in found]
    steps = [(later - one) / MS for one, later in itertools.pairwise(measured[400:])]
    assert min(steps) > 9.0
    assert max(steps) < 11.0


class Port:
    """A driver that listens on loopback, and a socket to send to it."""

    def __init__(self, **settings: Any) -> None:
        self.driver = NetworkImu(NetworkImuConfig(port=0, **settings))
        self.driver.open()
        self.box = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def send(self, data: bytes) -> None:
        self.box.sendto(data, ("127.0.0.1", self.driver.port))

    def read(self, count: int) -> list[Reading[ImuSample]]:
        found: list[Reading[ImuSample]] = []
        until_s = time.monotonic() + 10
        while len(found) < count:
            assert time.monotonic() < until_s, (len(found), self.driver.refused)
            found += self.driver.read(0.1)
        return found

    def refused(self, why: str, count: int) -> None:
        """Wait until ``count`` messages were refused for ``why``."""
        until_s = time.monotonic() + 10
        while self.driver.refused[why] < count:
            assert time.monotonic() < until_s, self.driver.refused
            assert self.driver.read(0.1) == []

    def close(self) -> None:
        self.driver.close()
        self.box.close()


@pytest.fixture
def port() -> Iterator[Port]:
    found = Port(most_devices=2, most_hz=100.0, leave_s=0.2)
    yield found
    found.close()


def test_devices_join_and_leave_and_are_not_too_many(port: Port) -> None:
    for name in ("wrist", "ankle"):
        port.send(json.dumps(words(name)).encode())
    found = port.read(8)
    assert {reading.value.device for reading in found} == {"wrist", "ankle"}
    port.send(json.dumps(words("head")).encode())
    port.refused("too many devices", 1)
    assert set(port.driver.devices) == {"wrist", "ankle"}
    until_s = time.monotonic() + 0.25
    while time.monotonic() < until_s:
        port.driver.read(0.05)
    port.send(json.dumps(words("head")).encode())
    assert port.read(4)[0].value.device == "head"
    assert set(port.driver.devices) == {"head"}
    port.send(json.dumps(words("device")).encode())
    port.refused("another device", 1)


def test_a_flood_is_held_to_its_rate(port: Port) -> None:
    for i in range(100):
        port.send(json.dumps(words(seq=i * 10, count=10)).encode())
    found = port.read(100)
    port.refused("more samples than allowed", 80)
    assert len(found) <= 120
    port.send(b"rubbish")
    port.refused("no such message", 1)
    assert "no such message" in port.driver.describe()["refused"]


def test_outside_of_loopback_only_with_a_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="key_file"):
        NetworkImuConfig("0.0.0.0")
    with pytest.raises(BadInputError, match="key_file"):
        NetworkImu.from_source("0.0.0.0:7790")
    path = tmp_path / "imu.key"
    driver = NetworkImu(NetworkImuConfig("0.0.0.0", 0, str(path)))
    with pytest.raises(BadInputError, match="openssl"):
        driver.open()
    path.write_text(KEY.hex())
    path.chmod(0o644)
    with pytest.raises(BadInputError, match="chmod 600"):
        driver.open()
    path.chmod(0o600)
    assert read_key(path) == KEY
    path.write_text("ab")
    with pytest.raises(BadInputError, match="64 hexadecimal"):
        read_key(path)
    path.write_text(KEY.hex())
    port = Port(key_file=str(path))
    try:
        body = json.dumps(words()).encode()
        for data in (body, sign(body, bytes(32)), sign(body, KEY)[:-1], b""):
            port.send(data)
        port.refused("not signed with our key", 4)
        port.send(sign(body, KEY))
        assert port.read(4)[0].value.device == "wrist"
    finally:
        port.close()


def test_what_units_sense_can_be_drawn() -> None:
    figures: Any = pytest.importorskip("matplotlib.figure", reason="matplotlib is not installed")
    with_gyro, without = words("left", count=20), {**words("right", count=20), "gyro": []}
    readings = []
    for body in (with_gyro, without):
        readings += NetworkDevice(1000.0, 0).readings_of(msgspec.convert(body, NetworkMessage), 10_000 * MS)
    figure = figures.Figure()
    axes = figure.add_subplot()
    NetworkImu(NetworkImuConfig()).draw(readings, axes)
    force, turn = figure.axes
    assert {line.get_label() for line in force.lines} == {
        f"{unit} {axis}" for unit in ("left", "right") for axis in "xyz"
    }
    up = next(line for line in force.lines if line.get_label() == "left z")
    assert set(up.get_ydata()) == {9.81}
    assert force.get_ylim() == (-12.0, 12.0)
    assert turn.get_ylim() == pytest.approx((-0.55, 0.55))


def test_a_hundred_ports_under_load_leave_nothing_behind() -> None:
    process = psutil.Process()
    sizes: list[tuple[int, int, int]] = []
    for cycle in range(110):
        port = Port()
        for i in range(20):
            port.send(msgspec.msgpack.encode(words(f"unit{i}", count=20)))
        assert len(port.read(16 * 20)) == 16 * 20
        port.close()
        if cycle in (9, 109):
            gc.collect()
            sizes.append((process.num_fds(), threading.active_count(), process.memory_info().rss))
    (fds, threads, rss), (fds_after, threads_after, rss_after) = sizes
    assert (fds_after, threads_after) == (fds, threads)
    assert rss_after - rss < 8 << 20
