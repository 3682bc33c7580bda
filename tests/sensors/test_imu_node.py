"""The IMU node: from bytes on a wire to messages on topics; recorded units through the same path, and many at once."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue.benchmarks.imu_recordings import Recording, euroc, xio
from selfcue.cell import Cell
from selfcue.clock import WallClock
from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import DeviceStatus, Imu, JournalEvent, MagneticField, Message, Scalars
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.driver import Reading
from selfcue.sensors.imu.checksums import xor8
from selfcue.sensors.imu.clock_watch import LAG
from selfcue.sensors.imu.framing import Field, Framing, TextFraming
from selfcue.sensors.imu.node import ImuNode, ImuParams
from selfcue.sensors.imu.rest import rests
from selfcue.sensors.imu.sample import ImuSample
from selfcue.sensors.imu.serial_driver import SerialImu, SerialImuConfig
from selfcue.testing import LoopSystem
from tests.sensors.imu_units import FRAMING, PtyUnit, Streaming, frame, still

pytest.importorskip("serial", reason="pyserial is not installed")

FRAMING_YAML = """
binary:
  sync: aa 55
  fields:
    - {name: counter, type: u8}
    - {name: time, type: u32, unit: us}
    - {name: accel_x, type: f32}
    - {name: accel_y, type: f32}
    - {name: accel_z, type: f32}
    - {name: gyro_x, type: f32}
    - {name: gyro_y, type: f32}
    - {name: gyro_z, type: f32}
  checksum: fletcher8
"""


class Live:
    """A node at work on the wall's clock, and what it publishes."""

    def __init__(self, run_dir: Path) -> None:
        self.clock = WallClock()
        self.said: list[tuple[str, Message]] = []
        self.cell = Cell(clock=self.clock, run_dir=run_dir, lockstep=False, outlet=self._note)
        self.nodes: list[ImuNode] = []

    def _note(self, topic: str, message: Message, latched: bool) -> None:
        self.said.append((topic, message))

    def start(self, **params: Any) -> ImuNode:
        node = ImuNode("imu", ImuParams(**params))
        self.nodes.append(node)
        self.cell.add(node)
        self.cell.activate()
        return node

    def until(self, what: Callable[[], bool]) -> None:
        until_s = time.monotonic() + 10
        while not what():
            assert time.monotonic() < until_s, [topic for topic, _ in self.said[-20:]]
            for node in self.nodes:
                node.step(self.clock.now_ns())
            threading.Event().wait(0.005)

    def on(self, topic: str) -> list[Any]:
        return [message for name, message in self.said if name == topic]

    def close(self) -> None:
        for node in self.nodes:
            node.close()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    found = Live(tmp_path)
    yield found
    found.close()


def test_a_serial_unit_on_its_topics_calibrated(live: Live, tmp_path: Path) -> None:
    (tmp_path / "unit.yaml").write_text(FRAMING_YAML)
    (tmp_path / "cal.yaml").write_text("accel_bias: [0.0, 0.0, 0.81]\ngyro_bias: [0.0, 0.5, 0.0]\n")
    settings = {"source": str(tmp_path / "imu"), "framing_file": str(tmp_path / "unit.yaml"), "rate_hz": 200}
    with PtyUnit(tmp_path / "imu") as unit, Streaming(lambda i: unit.send(still(i, 200)), 200):
        live.start(driver="imu_serial", settings=settings, topic="body/imu", calibration=str(tmp_path / "cal.yaml"))
        live.until(lambda: len(live.on("body/imu")) > 100 and bool(live.on("body/imu/clock")))
        messages = live.on("body/imu")
        for message in messages:
            assert isinstance(message, Imu)
            assert message.linear_acceleration == pytest.approx((0, 0, 9.0), abs=1e-3)
            assert message.angular_velocity == pytest.approx((0, -0.5, 0), abs=1e-3)
            assert message.frame_id == "imu_link"
        stamps = [message.stamp_ns for message in messages]
        assert all(np.diff(stamps) > 0)
        assert abs(stamps[-1] - live.clock.now_ns()) < 5_000_000_000
        lags = [message.values[LAG] for message in live.on("body/imu/clock")]
        assert all(abs(lag_ms) < 5_000 for lag_ms in lags)
        unit.pull()
        live.until(lambda: live.on("body/imu/device")[-1].state == "waiting")
        unit.plug()
        live.until(lambda: live.on("body/imu/device")[-1].state == "up")
        status = live.on("body/imu/device")[-1]
        assert isinstance(status, DeviceStatus)
        assert (status.reconnects, status.clock, status.asked_hz) == (1, "device", 200)
        assert any(isinstance(message, JournalEvent) and message.kind == "device" for _, message in live.said)


def test_each_phone_on_a_topic_of_its_own(live: Live) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:
        box.bind(("127.0.0.1", 0))
        port = box.getsockname()[1]
    live.start(driver="imu_network", settings={"port": port})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as box:

        def send(i: int) -> None:
            for name, turn in (("left", 0.25), ("right", -0.25)):
                t_us = [time.monotonic_ns() // 1000 - 15_000 + 5_000 * k for k in range(4)]
                body = {"id": name, "seq": i * 4, "t_us": t_us, "acc": [[0, 0, 9.81]] * 4, "gyro": [[turn, 0, 0]] * 4}
                body |= {"mag_ut": [[20, 0, -40]] * 4, "temp_c": 30.5}
                box.sendto(json.dumps(body).encode(), ("127.0.0.1", port))

        with Streaming(send, 50):
            live.until(lambda: min(len(live.on("imu/left")), len(live.on("imu/right"))) > 80)
    assert {message.angular_velocity[0] for message in live.on("imu/left")} == {0.25}
    assert {message.angular_velocity[0] for message in live.on("imu/right")} == {-0.25}
    field = live.on("imu/left/mag")[0]
    assert isinstance(field, MagneticField)
    assert field.field == pytest.approx((2e-5, 0, -4e-5))
    assert live.on("imu/right/temperature")[0].values == {"temperature_c": 30.5}
    assert isinstance(live.on("imu/right/clock")[0], Scalars)
    steps_ms = np.diff([message.stamp_ns for message in live.on("imu/left")]) * 1e-6
    assert (steps_ms > 0).all()
    assert np.median(steps_ms) == pytest.approx(5.0, abs=1.5)


def test_settings_that_cannot_be_met_are_said_in_a_line(tmp_path: Path, live: Live) -> None:
    for params, said in (
        ({"driver": "imu_serail"}, "imu_serial"),
        ({"driver": "camera"}, "not imu"),
        ({"driver": "imu_network", "settings": {"prot": 1}}, "did you mean 'port'"),
        ({"driver": "imu_network", "settings": {"host": "0.0.0.0"}}, "key_file"),
        ({"driver": "imu_serial", "settings": {"source": "/dev/null"}}, "framing"),
    ):
        with pytest.raises(BadInputError, match=said) as error:
            live.start(**params)
        assert "\n" not in str(error.value)
    with pytest.raises(MissingDependencyError, match=r"does not answer|does not open|not installed"):
        live.start(driver="imu_mpu6050", settings={"bus": 77})
    with pytest.raises(BadInputError, match="wall's clock"):
        LoopSystem(tmp_path).add(ImuNode("imu", ImuParams("imu_network", {"port": 0})))


# -- recorded units through a pseudo-terminal --------------------------------------------------------------------------


def through_pty(path: Path, framing: Framing, frames: list[bytes]) -> tuple[SerialImu, list[Reading[ImuSample]]]:
    """Return what a driver reads of ``frames``, sent no faster than it reads them."""
    with PtyUnit(path) as unit:
        driver = SerialImu(SerialImuConfig(str(path), framing))
        driver.open()
        found: list[Reading[ImuSample]] = []
        for i in range(0, len(frames), 20):
            unit.send(b"".join(frames[i : i + 20]))
            found += driver.read(0.5)
        while more := driver.read(0.1):
            found += more
        driver.close()
    return driver, found


def lines(one: Recording) -> list[bytes]:
    """Return a recording as a unit of degrees and g sends it, with a magnetometer's words between."""
    rows = zip(one.stamps_ns, one.accel / STANDARD_GRAVITY, np.degrees(one.gyro), strict=True)
    found = []
    for stamp_ns, accel, gyro in rows:
        numbers = ",".join(f"{value:.7f}" for value in (*gyro, *accel))
        body = f"XIO,{round(stamp_ns / 1000)},{numbers}"
        found.append(f"${body}*{xor8(body.encode()):02X}\r\n".encode())
    return found


@pytest.mark.slow
def test_the_hexacopter_by_binary_frames(data: Callable[[str], Path], tmp_path: Path) -> None:
    one = euroc(data("euroc_imu_leica").parent)
    time_us = np.round((one.stamps_ns - one.stamps_ns[0]) / 1000).astype(np.int64)
    frames = [
        frame(i, int(time_us[i]), tuple(accel), tuple(gyro))
        for i, (accel, gyro) in enumerate(zip(one.accel.tolist(), one.gyro.tolist(), strict=True))
    ]
    del frames[20_000:20_050]
    driver, found = through_pty(tmp_path / "imu", FRAMING, frames)
    assert len(found) == 36_820 - 50
    assert driver.describe()["lost"] == 50
    assert driver.describe()["skipped_bytes"] == 0
    stamps = np.array([reading.stamp_ns for reading in found])
    assert 1e9 / np.median(np.diff(stamps)) == pytest.approx(200.0, abs=0.05)
    assert np.diff(stamps).max() == pytest.approx(51 * 5e6, abs=2e4)  # the gap that was cut; else the rate is even
    assert np.sort(np.diff(stamps))[-2] < 5.1e6
    accel = np.array([reading.value.accel for reading in found])
    gyro = np.array([reading.value.gyro for reading in found])
    kept = np.delete(np.arange(36_820), slice(20_000, 20_050))
    assert np.abs(accel - one.accel[kept]).max() < 1e-5
    assert np.abs(gyro - one.gyro[kept]).max() < 1e-6
    still_ones = list(rests(stamps, accel, gyro))
    assert still_ones
    for rest in still_ones:
        assert rest.norm == pytest.approx(STANDARD_GRAVITY, rel=0.01)
        assert rest.accel[0] > 9  # this unit is mounted with x up
        assert np.hypot(*rest.gyro[1:]) == pytest.approx(0.0825, abs=0.005)  # its bias, which BiasWatch reports


@pytest.mark.slow
def test_the_hand_moved_unit_by_lines(data: Callable[[str], Path], tmp_path: Path) -> None:
    one = xio(data("imu_xio_fusion").parent)
    names = [*(f"gyro_{axis}" for axis in "xyz"), *(f"accel_{axis}" for axis in "xyz")]
    numbers = (Field(name, unit="g" if name.startswith("accel") else "deg/s") for name in names)
    framing = Framing(text=TextFraming((Field("time", "u32", "us"), *numbers), head="$XIO", checksum="nmea"))
    driver, found = through_pty(tmp_path / "imu", framing, lines(one))
    assert len(found) == 13_514
    assert driver.describe()["damaged_frames"] == 0
    stamps = np.array([reading.stamp_ns for reading in found])
    assert np.abs(stamps - one.stamps_ns).max() <= 1000
    steps_ms = np.diff(stamps) * 1e-6
    assert 1e3 / np.median(steps_ms) == pytest.approx(99.9, abs=1.0)
    assert steps_ms.max() < 40  # uneven, but without a gap
    accel = np.array([reading.value.accel for reading in found])
    gyro = np.array([reading.value.gyro for reading in found])
    assert np.abs(accel - one.accel).max() < 1e-5
    assert np.abs(gyro - one.gyro).max() < 1e-6
    for rest in rests(stamps, accel, gyro):
        assert rest.norm == pytest.approx(STANDARD_GRAVITY, rel=0.01)
        assert np.hypot(*rest.gyro[:2]) < 0.002
