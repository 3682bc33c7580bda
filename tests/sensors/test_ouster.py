"""Packets of Ouster sensors against the manual's formulas and the maker's checksums."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import Imu, PointCloud
from selfcue.sensors.lidar.ouster import OusterScans
from selfcue.sensors.lidar.ouster_metadata import read_metadata
from selfcue.sensors.lidar.ouster_packet import OusterFormat, decode_imu
from selfcue.sensors.lidar.pcap import Capture
from selfcue.sensors.lidar.reader import LidarPcapReader
from selfcue.sensors.readers import open_log
from tests.sensors.captures import SECOND, ethernet, ip, pcap, udp
from tests.sensors.lidar_packets import BEAMS, COLUMNS, PER_PACKET, SIZES, describe, ouster_packet


def place(meta: dict[str, Any], beam: int, column: int, mm: float) -> tuple[float, float, float]:
    """Return the point [m] after the sensor's manual, number by number."""
    n = meta["lidar_origin_to_beam_origin_mm"]
    encoder = 2 * math.pi * (1 - column / COLUMNS)
    azimuth = -2 * math.pi * meta["beam_azimuth_angles"][beam] / 360
    altitude = 2 * math.pi * meta["beam_altitude_angles"][beam] / 360
    x = (mm - n) * math.cos(encoder + azimuth) * math.cos(altitude) + n * math.cos(encoder)
    y = (mm - n) * math.sin(encoder + azimuth) * math.cos(altitude) + n * math.sin(encoder)
    z = (mm - n) * math.sin(altitude)
    return -x / 1e3, -y / 1e3, (z + 36.0) / 1e3


@pytest.mark.parametrize("profile", SIZES)
def test_an_ouster_turn_equals_the_manuals_formulas(tmp_path: Path, profile: str) -> None:
    meta = describe(profile)
    (tmp_path / "turn.json").write_text(json.dumps(meta))
    imu = struct.pack("<QQQ6f", 1, 2, 5 * SECOND + 50, 0.0, 0.0, 1.0, 180.0, 0.0, -90.0)
    packets = [ouster_packet(profile, frame, part) for frame in (3, 4) for part in (0, 1)]
    frames = [ethernet(ip(udp(7502, one))) for one in packets]
    frames += [ethernet(ip(udp(7503, imu))), ethernet(ip(udp(9, b"else")))]
    (tmp_path / "turn_2.pcap").write_bytes(pcap(frames))
    reader = LidarPcapReader(tmp_path / "turn_2.pcap")
    counts = {topic: info.count for topic, info in reader.contents().items()}
    dual = {"lidar/points/second": 2} if profile.endswith("DUAL") else {}
    assert counts == {"lidar/points": 2, "lidar/imu": 1, "udp/9/4": 1, **dual}
    clouds = [message for _, topic, message in reader.messages() if topic == "lidar/points"]
    first = clouds[0]
    assert isinstance(first, PointCloud)
    assert first.stamp_ns == 5 * SECOND + 300_000_000
    expected = [
        place(meta, beam, column, 1000 + 8 * (10 * column + beam)) for column in range(COLUMNS) for beam in range(BEAMS)
    ]
    assert np.allclose(first.points, expected, atol=2e-6)
    assert first.intensity.tolist() == [float(column) for column in range(COLUMNS) for _ in range(BEAMS)]
    if dual:
        (second, _) = [message for _, topic, message in reader.messages() if topic == "lidar/points/second"]
        assert isinstance(second, PointCloud)
        shifted = [
            place(meta, beam, column, 1008 + 8 * (10 * column + beam))
            for column in range(COLUMNS)
            for beam in range(BEAMS)
        ]
        assert np.allclose(second.points, shifted, atol=2e-6)
    inertial = next(message for _, topic, message in reader.messages() if topic == "lidar/imu")
    assert isinstance(inertial, Imu)
    assert inertial.stamp_ns == 5 * SECOND + 50
    assert inertial.angular_velocity == pytest.approx((math.pi, 0, -math.pi / 2))
    assert inertial.linear_acceleration == pytest.approx((0, 0, 9.80665))
    assert first.time_s is not None
    assert first.time_s == pytest.approx([0.001 * column for column in range(COLUMNS) for _ in range(BEAMS)])
    assert first.ring is not None
    assert first.ring.tolist() == [3, 2, 1, 0] * COLUMNS


def test_columns_that_were_not_measured_give_no_points(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(describe("RNG19_RFL8_SIG16_NIR16")))
    scans = OusterScans(read_metadata(path))
    packets = [ouster_packet("RNG19_RFL8_SIG16_NIR16", 1, part, valid=part == 1) for part in (0, 1)]
    cloud = scans.cloud(map(scans.format.decode, packets))
    assert len(cloud.points) == PER_PACKET * BEAMS
    assert cloud.stamp_ns == 5 * SECOND + 108_000_000


def test_newer_metadata_is_read_alike(tmp_path: Path) -> None:
    old = describe("RNG15_RFL8_NIR8")
    new: dict[str, Any] = {
        "beam_intrinsics": {name: old[name] for name in ("beam_altitude_angles", "beam_azimuth_angles")},
        "lidar_intrinsics": {"lidar_to_sensor_transform": old["lidar_to_sensor_transform"]},
        "imu_intrinsics": {"imu_to_sensor_transform": old["imu_to_sensor_transform"]},
        "lidar_data_format": old["data_format"],
        "config_params": {"udp_port_lidar": 7502, "udp_port_imu": 7503},
        "sensor_info": {"prod_line": "OS-1-4"},
    }
    new["beam_intrinsics"]["beam_to_lidar_transform"] = [1, 0, 0, 15.0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    for name, content in (("old", old), ("new", new)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    one, other = (OusterScans(read_metadata(tmp_path / f"{name}.json")) for name in ("old", "new"))
    packet = ouster_packet("RNG15_RFL8_NIR8", 1, 0)
    first, second = (scans.cloud([scans.format.decode(packet)]) for scans in (one, other))
    assert np.allclose(first.points, second.points, atol=1e-6)
    assert read_metadata(tmp_path / "new.json").product == "OS-1-4"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"beam_azimuth_angles": [1.0]}, r"beam_azimuth_angles has \(1,\) values, pixels_per_column is 4"),
        ({"lidar_to_sensor_transform": [1, 2]}, "not usable"),
        ({"data_format": {}}, "key 'pixels_per_column' is missing"),
        ({"data_format": {"pixels_per_column": 10**9}}, "pixels_per_column is 1000000000"),
    ],
)
def test_metadata_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(describe("LEGACY") | change))
    with pytest.raises(BadInputError, match=text) as caught:
        read_metadata(path)
    assert "m.json" in str(caught.value)


def test_packets_that_do_not_fit_the_metadata(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(describe("LEGACY")))
    (tmp_path / "a.pcap").write_bytes(pcap([ethernet(ip(udp(7502, b"wrong")))]))
    with pytest.raises(
        BadInputError, match=r"no packet of 544 bytes to port 7502, which a\.json announces; there are 1 of 5"
    ):
        open_log(tmp_path / "a.pcap")
    with pytest.raises(BadInputError, match="is this the metadata of the same sensor and mode"):
        OusterFormat(read_metadata(tmp_path / "a.json")).decode(b"wrong")
    with pytest.raises(BadInputError, match="has 48 bytes, this one 3"):
        decode_imu(b"abc")
    (tmp_path / "a.json").write_text(json.dumps(describe("FUSA")))
    with pytest.raises(BadInputError, match="profile 'FUSA' is not known"):
        open_log(tmp_path / "a.pcap")


def test_damaged_captures_give_one_line_or_say_what_they_miss(
    tmp_path: Path, refusals: Callable[..., list[str]]
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(describe("RNG15_RFL8_NIR8")))
    packets = [ouster_packet("RNG15_RFL8_NIR8", frame, part) for frame in range(8) for part in (0, 1)]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([ethernet(ip(udp(7502, one))) for one in packets]))
    said = refusals(path, lambda: list(LidarPcapReader(path).messages()))
    assert said
    assert all("a.pcap" in line and "\n" not in line for line in said)
    path.write_bytes(path.read_bytes()[:-3])
    assert "torn bytes at its end" in LidarPcapReader(path).loss


def test_the_recorded_ouster_turn_has_the_makers_checksums(data: Callable[[str], Path]) -> None:
    folder = data("lidar_ouster_pcap")
    name = "OS-0-32-U1_v2.2.0_1024x10"
    metadata = read_metadata(folder / f"{name}.json")
    layout = OusterFormat(metadata)
    digest = json.loads((folder / f"{name}_digest.json").read_text())
    packets = [layout.decode(one.data) for one in Capture(folder / f"{name}.pcap") if one.port == 7502]
    assert len(packets) == 64
    hashes: dict[str, Any] = {}
    for one in packets:
        arrays = {**one.fields, "TIMESTAMP": one.stamps_ns, "MEASUREMENT_ID": one.numbers, "STATUS": one.status}
        for field, array in arrays.items():
            hashes.setdefault(field, hashlib.md5()).update(array.tobytes())
    assert len(hashes) == 10
    assert {field: found.hexdigest() for field, found in hashes.items()} == {
        f: digest["packet_hash"][f] for f in hashes
    }
    (scan,) = digest["scans"]
    assert {one.frame for one in packets} == {int(scan["FRAME_ID"])}
    for field in packets[0].fields:
        turn = np.zeros((32, 1024), packets[0].fields[field].dtype)
        for one in packets:
            turn[:, one.numbers] = one.fields[field]
        assert hashlib.md5(turn.tobytes()).hexdigest() == scan[field]


@pytest.mark.parametrize(
    ("name", "turns", "inertial"),
    [("OS-0-32-U1_v2.2.0_1024x10.pcap", 1, 10), ("OS-1-128_v2.3.0_1024x10_lb_n3.pcap", 3, 30)],
)
def test_recorded_ouster_captures_open(data: Callable[[str], Path], name: str, turns: int, inertial: int) -> None:
    path = data("lidar_ouster_pcap") / name
    reader = LidarPcapReader(path)
    counts = {topic: info.count for topic, info in reader.contents().items()}
    assert (counts["lidar/points"], counts["lidar/imu"]) == (turns, inertial)
    metadata = read_metadata(path.with_name(name.replace("_lb_n3", "")).with_suffix(".json"))
    layout = OusterFormat(metadata)
    packets = [layout.decode(one.data) for one in Capture(path) if len(one.data) == layout.packet_bytes]
    clouds = [message for _, topic, message in reader.messages() if topic == "lidar/points"]
    frames = sorted({one.frame for one in packets})
    for frame, cloud in zip(frames, clouds, strict=True):
        assert isinstance(cloud, PointCloud)
        mine = [one for one in packets if one.frame == frame]
        assert len(cloud.points) == sum(int((one.fields["RANGE"][:, one.valid] > 0).sum()) for one in mine)
        at = 0
        for one in mine[:2]:  # every point of two packets, number by number
            for k in np.flatnonzero(one.valid):
                for beam in np.flatnonzero(one.fields["RANGE"][:, k]):
                    angle = 2 * math.pi * (1 - int(one.numbers[k]) / 1024)
                    turned = angle - math.radians(metadata.azimuth_deg[beam])
                    up = math.radians(metadata.altitude_deg[beam])
                    r, n = int(one.fields["RANGE"][beam, k]) / 1e3, metadata.beam_offset_m[0]
                    x = (r - n) * math.cos(turned) * math.cos(up) + n * math.cos(angle)
                    y = (r - n) * math.sin(turned) * math.cos(up) + n * math.sin(angle)
                    z = (r - n) * math.sin(up)
                    expected = metadata.lidar_to_sensor @ (x, y, z, 1.0)
                    assert np.allclose(cloud.points[at], expected[:3], atol=5e-5)
                    at += 1
    imus = [message for _, topic, message in reader.messages() if topic == "lidar/imu"]
    norms = [math.hypot(*imu.linear_acceleration) for imu in imus if isinstance(imu, Imu)]
    assert all(9.0 < norm < 12.0 for norm in norms)
