"""PX4 flight logs, written here and recorded, against pyulog's own reading."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfcue.errors import BadInputError
from selfcue.messages import Imu, JournalEvent, MagneticField, NavSatFix, Scalars
from selfcue.sensors.readers import open_log
from selfcue.sensors.ulog.reader import MAGIC, UlogReader

pyulog = pytest.importorskip("pyulog", reason="pyulog is not installed")

MS = 1_000_000


def record(kind: str, body: bytes) -> bytes:
    return struct.pack("<HB", len(body), ord(kind)) + body


def keyed(kind: str, key: str, value: bytes) -> bytes:
    return record(kind, bytes([len(key)]) + key.encode() + value)


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    """Two seconds of inertial data at 100 Hz, three fixes, a second barometer, words and parameters."""
    parts = [MAGIC + b"\x01" + struct.pack("<Q", 5_000_000), record("B", bytes(40))]
    formats = {
        "sensor_combined": "uint64_t timestamp;float[3] gyro_rad;float[3] accelerometer_m_s2;float[3] magnetometer_ga;",
        "vehicle_gps_position": "uint64_t timestamp;int32_t lat;int32_t lon;int32_t alt;int32_t alt_ellipsoid;"
        "float eph;float epv;uint8_t fix_type;",
        "sensor_baro": "uint64_t timestamp;float pressure;bool ok;",
    }
    parts += [record("F", f"{name}:{fields}".encode()) for name, fields in formats.items()]
    parts.append(keyed("P", "int32_t SYS_AUTOSTART", struct.pack("<i", 4001)))
    for number, (multi, name) in enumerate([(0, "sensor_combined"), (0, "vehicle_gps_position"), (1, "sensor_baro")]):
        parts.append(record("A", struct.pack("<BH", multi, number) + name.encode()))
    for i in range(200):
        body = struct.pack("<HQ9f", 0, 5_000_000 + i * 10_000, 0.25, 0.5, -1, 1, 2, -9.75, 0.5, 0.25, i)
        parts.append(record("D", body))
    for i in range(3):
        body = struct.pack("<HQiiiiffB", 1, 5_500_000 + i, 481_000_000, -115_000_000, 500_000, 547_250, 2.0, 3.0, 3 + i)
        parts.append(record("D", body))
    parts.append(record("D", struct.pack("<HQf?", 2, 0, 1013.25, True)))  # a time that was never set
    parts.append(record("L", b"6" + struct.pack("<Q", 5_100_000) + b"Takeoff detected"))
    parts.append(keyed("P", "int32_t SYS_AUTOSTART", struct.pack("<i", 4002)))
    path = tmp_path / "flight.ulg"
    path.write_bytes(b"".join(parts))
    return path


def test_a_flight_log(flight: Path) -> None:
    reader = open_log(flight)
    assert isinstance(reader, UlogReader)
    assert reader.loss == ""
    assert {topic: (info.type, info.count) for topic, info in reader.contents().items()} == {
        "imu": ("Imu", 200),
        "mag": ("MagneticField", 200),
        "gps/fix": ("NavSatFix", 3),
        "ulog/sensor_combined": ("Scalars", 200),
        "ulog/vehicle_gps_position": ("Scalars", 3),
        "ulog/sensor_baro/1": ("Scalars", 1),
        "ulog/log": ("JournalEvent", 1),
        "ulog/parameter": ("JournalEvent", 1),
        "ulog/parameters": ("JournalEvent", 1),
    }
    last = {topic: message for _, topic, message in reader.messages()}
    stamp = 5_000 * MS + 199 * 10 * MS
    assert last["imu"] == Imu(
        stamp_ns=stamp,
        frame_id="base_link",
        angular_velocity=(0.25, -0.5, 1.0),
        linear_acceleration=(1.0, -2.0, 9.75),  # at rest z is up: PX4's axes point down
    )
    field = last["mag"]
    assert isinstance(field, MagneticField)
    assert field.field == pytest.approx((0.5e-4, -0.25e-4, -199e-4))
    fix = last["gps/fix"]
    assert isinstance(fix, NavSatFix)
    assert (fix.latitude_deg, fix.longitude_deg, fix.altitude_m, fix.status) == (48.1, -11.5, 547.25, 2)
    assert (fix.covariance[0], fix.covariance[8], fix.covariance_type) == (4.0, 9.0, 1)
    baro = last["ulog/sensor_baro/1"]
    assert isinstance(baro, Scalars)
    assert (baro.stamp_ns, baro.values) == (5_000 * MS, {"timestamp": 0.0, "pressure": 1013.25, "ok": 1.0})
    said, changed, parameters = last["ulog/log"], last["ulog/parameter"], last["ulog/parameters"]
    assert isinstance(said, JournalEvent)
    assert said.detail == {"level": "INFO", "text": "Takeoff detected", "tag": 0}
    assert isinstance(changed, JournalEvent)
    assert changed.detail == {"SYS_AUTOSTART": 4002}
    assert isinstance(parameters, JournalEvent)
    assert parameters.detail == {"SYS_AUTOSTART": 4001}
    assert reader.latched_topics == {"ulog/parameters"}
    assert reader.time_base == "since the autopilot's boot"


def test_what_a_log_misses_is_said(flight: Path) -> None:
    whole = flight.read_bytes()
    flight.write_bytes(whole + record("O", struct.pack("<H", 120)))
    assert UlogReader(flight).loss == "the logger dropped out 1 times, 120 ms in all"
    flight.write_bytes(whole + record("L", b"6" + bytes(8) + b"cut off here")[:-4])
    assert UlogReader(flight).loss == "the file was not finished: 20 torn bytes at its end"
    flight.write_bytes(whole + b"\x05\x00\x00garbage that is none")
    assert "damaged" in UlogReader(flight).loss


def test_damaged_logs_give_one_line_or_say_what_they_miss(flight: Path, refusals: Callable[..., list[str]]) -> None:
    quiet = 0

    def read() -> None:
        nonlocal quiet
        reader = UlogReader(flight)
        for _ in reader.messages():
            pass
        quiet += not reader.loss

    said = refusals(flight, read, trials=60)
    assert said
    assert all(str(flight) in line and "\n" not in line for line in said)
    assert quiet < 40  # a flipped byte of a value is no fault that this format could show; torn ends always are
    flight.write_bytes(b"ULog")
    assert not UlogReader.claims(flight)
    flight.write_bytes(MAGIC)
    with pytest.raises(BadInputError, match=r"flight\.ulg is damaged or no ULog"):
        UlogReader(flight)


@pytest.mark.parametrize(("name", "messages"), [("sample.ulg", 64_542), ("sample_log_small.ulg", 14_604)])
def test_recorded_flights_equal_what_pyulog_reads(data: Callable[[str], Path], name: str, messages: int) -> None:
    path = data("ulog_px4") / name
    log: Any = pyulog.ULog(str(path))
    ours: dict[str, list[Any]] = {}
    for _, topic, message in UlogReader(path).messages():
        ours.setdefault(topic, []).append(message)
    total = 0
    for one in log.data_list:
        topic = f"ulog/{one.name}" + (f"/{one.multi_id}" if one.multi_id else "")
        found = ours[topic]
        rows = len(one.data["timestamp"])
        assert len(found) == rows
        total += rows
        times = [int(time) or log.start_timestamp for time in one.data["timestamp"]]
        order = sorted(range(rows), key=times.__getitem__)
        columns = {name: column.astype(float) for name, column in one.data.items()}
        for message, i in zip(found, order, strict=True):
            assert message.stamp_ns == times[i] * 1000
            assert all(same(message.values[name], column[i]) for name, column in columns.items())
            assert len(message.values) == len(columns)
    assert total == messages
    combined = log.get_dataset("sensor_combined").data
    gyro = [tuple(float(combined[f"gyro_rad[{k}]"][i]) for k in range(3)) for i in range(len(combined["timestamp"]))]
    assert [message.angular_velocity for message in ours["imu"]] == [(x, -y, -z) for x, y, z in gyro]
    rest = [message.linear_acceleration[2] for message in ours["imu"][:100]]
    assert sum(rest) / 100 == pytest.approx(9.81, abs=0.3)
    assert len(ours["ulog/log"]) == len(log.logged_messages)
    assert sorted(message.detail["text"] for message in ours["ulog/log"]) == sorted(
        one.message for one in log.logged_messages
    )


def same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)  # noqa: PLR0124
