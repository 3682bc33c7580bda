"""MAVLink telemetry logs, written here and recorded, against pymavlink's own reading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from selfcue.errors import BadInputError
from selfcue.messages import Imu, JournalEvent, MagneticField, NavSatFix, Scalars
from selfcue.sensors.autopilot import STANDARD_GRAVITY
from selfcue.sensors.readers import open_log
from selfcue.sensors.tlog.reader import TlogReader

pytest.importorskip("pymavlink", reason="pymavlink is not installed")

from pymavlink.dialects.v20 import ardupilotmega as dialect

START_US = 1_700_000_000_000_000


class Telemetry:
    """Writes telemetry logs of one vehicle, one record every 100 ms."""

    def __init__(self, *, v1: bool = False, autopilot: int = 3) -> None:
        self.link: Any = dialect.MAVLink(None, srcSystem=7, srcComponent=1)
        self.v1 = v1
        self.records: list[bytes] = []
        self.add(dialect.MAVLink_heartbeat_message(2, autopilot, 81, 0, 4, 3))

    def add(self, message: Any, *, spoil: bool = False) -> None:
        packet = bytearray(message.pack(self.link, force_mavlink1=self.v1))
        if spoil:
            packet[-1] ^= 0xFF
        time_us = START_US + len(self.records) * 100_000
        self.records.append(time_us.to_bytes(8, "big") + packet)

    def write(self, path: Path) -> Path:
        path.write_bytes(b"".join(self.records))
        return path


def flight(path: Path, **settings: Any) -> Path:
    log = Telemetry(**settings)
    for i in range(20):
        log.add(dialect.MAVLink_raw_imu_message(i, 100, 200, -1000, 10, 20, -30, 400, 0, -500))
        log.add(dialect.MAVLink_scaled_imu2_message(i, 0, 0, -1000, 1, 2, 3, 100, 200, 300))
    log.add(
        dialect.MAVLink_highres_imu_message(1, 0.5, 0.25, -9.75, 0.125, 0.5, 1, 0.25, 0.5, 0.75, 1013, 0, 100, 20, 63)
    )
    log.add(dialect.MAVLink_gps_raw_int_message(1, 3, 481000000, -115000000, 500250, 100, 100, 0, 0, 9))
    log.add(dialect.MAVLink_statustext_message(4, b"EKF2 is using GPS"))
    log.add(dialect.MAVLink_rc_channels_message(1, 8, *range(1000, 1018), 255))
    log.add(dialect.MAVLink_battery_status_message(0, 0, 0, 0, list(range(10)), 0, 0, 0, 0))
    return log.write(path)


@pytest.mark.parametrize("v1", [True, False])
def test_units_and_axes(tmp_path: Path, v1: bool) -> None:
    reader = open_log(flight(tmp_path / "a.tlog", v1=v1))
    assert isinstance(reader, TlogReader)
    assert reader.loss == ""
    counts = {topic: (info.type, info.count) for topic, info in reader.contents().items()}
    assert counts["imu/raw_imu"] == ("Imu", 20)
    assert counts["mavlink/RAW_IMU"] == ("Scalars", 20)
    assert counts["mavlink/STATUSTEXT"] == ("JournalEvent", 1)
    assert sum(count for topic, (_, count) in counts.items() if topic.startswith("mavlink/")) == 46
    last = {topic: message for _, topic, message in reader.messages()}
    raw, scaled, best, field = (
        last[name] for name in ("imu/raw_imu", "imu/scaled_imu2", "imu/highres_imu", "mag/raw_imu")
    )
    assert isinstance(raw, Imu)
    assert raw.linear_acceleration == pytest.approx((0.1 * STANDARD_GRAVITY, -0.2 * STANDARD_GRAVITY, STANDARD_GRAVITY))
    assert raw.angular_velocity == pytest.approx((0.01, -0.02, 0.03))
    assert raw.source == "7.1"
    assert isinstance(scaled, Imu)
    assert scaled.linear_acceleration == pytest.approx((0, 0, STANDARD_GRAVITY))
    assert scaled.angular_velocity == pytest.approx((0.001, -0.002, -0.003))
    assert isinstance(best, Imu)
    assert (best.linear_acceleration, best.angular_velocity) == ((0.5, -0.25, 9.75), (0.125, -0.5, -1.0))
    assert isinstance(field, MagneticField)
    assert field.field == pytest.approx((4e-5, 0, 5e-5))  # 400 and -500 milligauss
    fix, words, battery = last["gps/fix"], last["mavlink/STATUSTEXT"], last["mavlink/BATTERY_STATUS"]
    assert isinstance(fix, NavSatFix)
    assert (fix.latitude_deg, fix.longitude_deg, fix.altitude_m, fix.status) == (48.1, -11.5, 500.25, 0)
    assert isinstance(words, JournalEvent)
    assert (words.kind, words.detail["text"], words.detail["severity"]) == ("STATUSTEXT", "EKF2 is using GPS", 4)
    assert isinstance(battery, Scalars)
    assert battery.values["voltages[3]"] == 3.0
    assert (reader.start_ns, reader.end_ns) == (START_US * 1000, (START_US + 45 * 100_000) * 1000)


def test_raw_numbers_of_an_unknown_make_get_no_unit(tmp_path: Path) -> None:
    topics = TlogReader(flight(tmp_path / "a.tlog", autopilot=12)).topics()
    assert "imu/raw_imu" not in topics
    assert {"imu/scaled_imu2", "imu/highres_imu", "mavlink/RAW_IMU"} <= set(topics)


def test_packets_of_another_definition_are_counted(tmp_path: Path) -> None:
    log = Telemetry()
    for spoil in (False, True, True, False):
        log.add(dialect.MAVLink_attitude_message(1, 0.1, 0.2, 0.3, 0, 0, 0), spoil=spoil)
    reader = TlogReader(log.write(tmp_path / "a.tlog"))
    found = reader.contents()
    assert (found["mavlink/ATTITUDE"].count, found["mavlink/30"].count, found["mavlink/30"].type) == (2, 2, "")
    assert reader.loss == ""


def test_damaged_logs_say_what_they_miss(tmp_path: Path, refusals: Callable[..., list[str]]) -> None:
    path = flight(tmp_path / "a.tlog")
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert "torn bytes at its end" in TlogReader(path).loss
    at = whole.index((START_US + 10 * 100_000).to_bytes(8, "big"))
    path.write_bytes(whole[:at] + b"rubbish" + whole[at:])
    reader = TlogReader(path)
    assert reader.loss == "7 bytes between the records are damaged"
    assert sum(info.count for topic, info in reader.contents().items() if topic.startswith("mavlink/")) == 46
    path.write_bytes(whole)
    said = refusals(path, lambda: list(TlogReader(path).messages()))
    assert all(str(path) in line and "\n" not in line for line in said)
    for content in (b"", b"no telemetry at all, just words"):
        path.write_bytes(content)
        with pytest.raises(BadInputError, match=r"a\.tlog"):
            TlogReader(path)


def test_what_it_claims(tmp_path: Path) -> None:
    path = flight(tmp_path / "a.bin")
    assert TlogReader.claims(path)
    path.write_bytes(bytes(500))
    assert not TlogReader.claims(path)


@pytest.mark.slow
def test_the_recorded_flight_equals_what_pymavlink_reads(data: Callable[[str], Path]) -> None:
    from pymavlink import mavutil

    path = data("mavlink_tlog_flight") / "flight.tlog"
    reader = TlogReader(path)
    contents = reader.contents()
    assert sum(info.count for topic, info in contents.items() if topic.startswith("mavlink/")) == 76_791
    assert contents["mavlink/142"].count == 1_314  # a message of another definition, which pymavlink refuses too
    assert "19 torn bytes at its end" in reader.loss
    ours: dict[str, list[Any]] = {}
    for _, topic, message in reader.messages():
        ours.setdefault(topic, []).append(message)
    places: Counter[tuple[str, str]] = Counter()
    by_source: dict[tuple[str, str], list[Any]] = {}
    for topic, messages in ours.items():
        for message in messages:
            by_source.setdefault((topic, message.source), []).append(message)
    log = mavutil.mavlink_connection(str(path))
    bad = 0
    while (theirs := log.recv_match()) is not None:
        name = theirs.get_type()
        if name == "BAD_DATA":
            bad += 1
            continue
        source = f"{theirs.get_srcSystem()}.{theirs.get_srcComponent()}"
        key = (f"mavlink/{name}", source)
        mine = by_source[key][places[key]]
        places[key] += 1
        assert mine.stamp_ns == round(theirs._timestamp * 1e6) * 1000
        assert isinstance(mine, (Scalars, JournalEvent))
        held: Any = mine.values if isinstance(mine, Scalars) else mine.detail
        for field in theirs.get_fieldnames():
            value = getattr(theirs, field)
            several = isinstance(value, (list, tuple))
            assert value == ([held[f"{field}[{i}]"] for i in range(len(value))] if several else held[field])
    assert bad == 1_314
    assert all(places[key] == len(found) for key, found in by_source.items() if key[0].startswith("mavlink/"))
    rest = [message.linear_acceleration[2] for message in ours["imu/raw_imu"][:50]]
    assert sum(rest) / 50 == pytest.approx(9.81, abs=0.4)
