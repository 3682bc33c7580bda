"""LiDAR packets, made here and captured, against the manuals' formulas, the maker's checksums and another decoder."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import Imu, PointCloud
from selfcue.sensors.lidar import velodyne
from selfcue.sensors.lidar.ouster import OusterScans
from selfcue.sensors.lidar.ouster_metadata import read_metadata
from selfcue.sensors.lidar.ouster_packet import OusterFormat, decode_imu
from selfcue.sensors.lidar.pcap import Capture
from selfcue.sensors.lidar.reader import LidarPcapReader
from selfcue.sensors.readers import open_log

SECOND = 1_000_000_000
START_S = 1_700_000_000


# -- captures ----------------------------------------------------------------------------------------------------------


def ip(payload: bytes, *, flags: int = 0, number: int = 7) -> bytes:
    head = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number, flags, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2"
    )
    return head + payload


def udp(port: int, data: bytes) -> bytes:
    return struct.pack(">HHHH", 4000, port, 8 + len(data), 0) + data


def ethernet(packet: bytes, *, vlan: bool = False) -> bytes:
    return bytes(12) + (b"\x81\x00\x00\x05" if vlan else b"") + b"\x08\x00" + packet


def pcap(frames: Iterable[bytes], *, magic: bytes = b"\xd4\xc3\xb2\xa1", link: int = 1) -> bytes:
    order = ">" if magic[0] == 0xA1 else "<"
    parts = [magic + struct.pack(f"{order}HHiIII", 2, 4, 0, 0, 65535, link)]
    for i, frame in enumerate(frames):
        parts.append(struct.pack(f"{order}IIII", START_S, i * 1000, len(frame), len(frame)) + frame)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("magic", "step_ns"),
    [(b"\xd4\xc3\xb2\xa1", 1_000_000), (b"\xa1\xb2\xc3\xd4", 1_000_000), (b"\x4d\x3c\xb2\xa1", 1000)],
)
def test_datagrams_of_a_capture(tmp_path: Path, magic: bytes, step_ns: int) -> None:
    big = udp(7502, bytes(range(250)) * 12)
    pieces = [ip(big[:1480], flags=0x2000), ip(big[2960:], flags=370), ip(big[1480:2960], flags=0x2000 | 185)]
    other = bytearray(ip(udp(1, b"tcp")))
    other[9] = 6
    frames = [ethernet(ip(udp(2368, b"one"))), ethernet(ip(udp(9, b"vlan")), vlan=True), ethernet(bytes(other))]
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([*frames, *map(ethernet, pieces), b"short"], magic=magic))
    capture = Capture(path)
    found = list(capture)
    assert [(one.port, len(one.data)) for one in found] == [(2368, 3), (9, 4), (7502, 3000)]
    assert found[2].data == big[8:]
    assert [one.time_ns - START_S * SECOND for one in found] == [0, step_ns, 5 * step_ns]
    assert capture.torn == 0
    path.write_bytes(pcap(frames, magic=magic)[:-7])
    capture = Capture(path)
    assert len(list(capture)) == 2
    assert capture.torn == 16 + len(frames[2]) - 7


def test_captures_of_other_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap([ip(udp(5, b"raw"))], link=101))
    assert [one.data for one in Capture(path)] == [b"raw"]
    for content, text in (
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "editcap -F pcap"),
        (b"nonsense" * 9, "is damaged or no pcap"),
        (pcap([], link=147), "link layer 147 is not known"),
    ):
        path.write_bytes(content)
        with pytest.raises(BadInputError, match=text):
            Capture(path)
    path.write_bytes(pcap([ethernet(ip(udp(1, b"x")))]))
    with pytest.raises(BadInputError, match=r"no packets of a Velodyne in it.*a\.json"):
        open_log(path)


# -- Velodyne ----------------------------------------------------------------------------------------------------------

ELEVATIONS = (-15, 1, -13, 3, -11, 5, -9, 7, -7, 9, -5, 11, -3, 13, -1, 15)


def vlp16(first: float, *, step: float = 0.4, mode: int = 0x37, product: int = 0x22, seed: int = 0) -> bytes:
    """One packet whose blocks begin at ``first`` degrees; dual-return blocks come in pairs."""
    rng = np.random.default_rng(seed)
    parts = []
    for block in range(12):
        azimuth = round((first + step * (block // 2 if mode == 0x39 else block)) * 100) % 36_000
        parts.append(b"\xff\xee" + struct.pack("<H", azimuth))
        for _ in range(32):
            distance = 0 if rng.random() < 0.2 else int(rng.integers(1, 60_000))
            parts.append(struct.pack("<HB", distance, int(rng.integers(256))))
    return b"".join(parts) + struct.pack("<IBB", 5, mode, product)


def naive(data: bytes, *, dual: bool) -> list[tuple[float, ...]]:
    """Decode a packet number by number, after the manual."""
    found: list[tuple[float, ...]] = []
    block_of = [data[100 * i : 100 * i + 100] for i in range(12)]
    azimuths = [int.from_bytes(block[2:4], "little") / 100 for block in block_of]
    step = 2 if dual else 1
    for i, block in enumerate(block_of):
        following = i + step if i + step < 12 else i
        before = following - step
        gap = (azimuths[following] - azimuths[before]) % 360
        for channel in range(32):
            distance = int.from_bytes(block[4 + 3 * channel : 6 + 3 * channel], "little")
            strength = block[6 + 3 * channel]
            if (
                dual
                and i % 2
                and block_of[i - 1][4 + 3 * channel : 7 + 3 * channel] == block[4 + 3 * channel : 7 + 3 * channel]
            ):
                continue
            if not distance:
                continue
            time_us = channel // 16 * 55.296 + channel % 16 * 2.304
            turn = math.radians(azimuths[i] + gap * time_us / 110.592)
            up = math.radians(ELEVATIONS[channel % 16])
            r = distance * 0.002
            flat = r * math.cos(up)
            found.append((flat * math.cos(turn), -flat * math.sin(turn), r * math.sin(up), float(strength)))
    return found


@pytest.mark.parametrize("mode", [0x37, 0x38, 0x39])
@pytest.mark.parametrize("first", [12.34, 358.1])
def test_a_velodyne_packet_equals_the_manuals_formulas(mode: int, first: float) -> None:
    data = vlp16(first, mode=mode)
    found = velodyne.decode(data)
    expected = np.array(naive(data, dual=mode == 0x39))
    assert found.points.shape == (len(expected), 3)
    assert np.allclose(found.points, expected[:, :3], atol=1e-4)
    assert found.intensity.tolist() == expected[:, 3].tolist()
    assert (np.diff(velodyne.azimuths(data)) >= 0).all()
    assert np.allclose(np.linalg.norm(found.points, axis=1), found.range_m, atol=1e-4)


def test_a_return_that_is_strongest_and_last_is_one_point() -> None:
    data = bytearray(vlp16(0.0, mode=0x39))
    data[104:200] = data[4:100]
    for block in range(2, 12):
        data[100 * block + 4 : 100 * block + 100] = bytes(96)
    alone = vlp16(0.0)[4:100]
    assert len(velodyne.decode(bytes(data)).range_m) == sum(alone[3 * i] + alone[3 * i + 1] > 0 for i in range(32))


def test_turns_are_cut_at_azimuth_zero(tmp_path: Path) -> None:
    packets = [vlp16((300 + 4.8 * i) % 360, seed=i) for i in range(180)]  # 60 degrees, a turn, a turn, 84 degrees
    every = [velodyne.decode(data) for data in packets]
    scans, clouds = velodyne.VelodyneScans(), []
    for i, data in enumerate(packets):
        clouds += [one for one in [scans.feed(data, i)] if one is not None]
    last = scans.flush()
    assert last is not None
    clouds.append(last)
    assert scans.flush() is None
    assert sum(len(one.points) for one in clouds) == sum(len(one.range_m) for one in every)
    assert len(clouds) == 4
    for one in clouds:
        turn = np.degrees(np.arctan2(-one.points[:, 1], one.points[:, 0])) % 360
        rough = np.convolve(np.diff(np.unwrap(turn, period=360)), [1])
        assert rough.min() > -1e-2
        assert np.unwrap(turn, period=360)[-1] - turn[0] < 360
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap(ethernet(ip(udp(2368, data))) for data in packets))
    reader = open_log(path)
    assert isinstance(reader, LidarPcapReader)
    again = [message for _, _, message in reader.messages()]
    assert len(again) == 4
    for one, other in zip(clouds, again, strict=True):
        assert isinstance(other, PointCloud)
        assert np.array_equal(one.points, other.points)
        assert np.array_equal(one.intensity, other.intensity)
    assert reader.contents()["lidar/points"].count == 4


def test_velodyne_packets_that_cannot_be_decoded() -> None:
    broken = bytearray(vlp16(0.0))
    broken[100] = 0
    for data, text in (
        (vlp16(0.0, product=0x28), "of a Velodyne VLP-32C; packets of the VLP-16 can be decoded"),
        (vlp16(0.0, mode=0x40), "return mode 0x40"),
        (bytes(broken), "blocks are damaged"),
        (b"short", "has 1206 bytes, this one 5"),
    ):
        with pytest.raises(BadInputError, match=text):
            velodyne.decode(data)


def test_the_recorded_vlp16_equals_another_decoder_point_by_point(data: Callable[[str], Path]) -> None:
    """Nebula's cloud of one turn, which it ends at 359 degrees, with azimuths in steps of 0.01 degree."""
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    folder = data("ros_logs") / "nebula_vlp16"
    raw = (folder / "1673400472138016708.pcd").read_bytes()
    names = ["x", "y", "z", "intensity", "return_type", "channel", "azimuth", "elevation", "distance", "time"]
    layout = np.dtype(list(zip(names, ["<f4"] * 3 + ["u1", "u1", "<u2"] + ["<f4"] * 3 + ["<u4"], strict=True)))
    theirs = np.frombuffer(raw[raw.index(b"DATA binary\n") + 12 :], layout)
    assert len(theirs) == 14_831
    turns, parts, theirs_azimuth = velodyne.Turns(), [], []
    for packet in recorded_packets(folder / "1673400471837873222"):
        found = velodyne.decode(packet)
        blocks = velodyne.azimuths(packet)
        inside = turns.of(blocks) + (found.azimuth // 360).astype(int) == 3
        parts.append(velodyne.choose(found, inside))
        # In a packet's last pair of blocks it does not interpolate: both firings have the block's azimuth.
        last_pair = parts[-1].time_us >= 10 * 55.296
        theirs_azimuth.append(np.where(last_pair, blocks[-1], parts[-1].azimuth) % 360)
    azimuth = np.concatenate(theirs_azimuth)
    assert len(azimuth) == 14_881
    first = np.argsort(azimuth, kind="stable")[: len(theirs)]
    own, azimuth = np.concatenate([part.azimuth for part in parts])[first] % 360, azimuth[first]
    points, range_m, ring, strength = (
        np.concatenate([getattr(part, name) for part in parts])[first]
        for name in ("points", "range_m", "ring", "intensity")
    )
    mine = np.lexsort((azimuth, strength, range_m.round(3), ring))
    other = np.lexsort((theirs["azimuth"], theirs["intensity"], theirs["distance"].round(3), theirs["channel"]))
    assert np.array_equal(ring[mine], theirs["channel"][other])
    assert np.allclose(range_m[mine], theirs["distance"][other], atol=1e-4)
    assert np.array_equal(strength[mine], theirs["intensity"][other])
    off = np.abs(np.degrees(theirs["azimuth"][other]) - azimuth[mine])
    alike = off < 0.011
    assert (~alike).sum() <= (theirs["return_type"] != 6).sum()  # of unequal returns it shifts some by a block
    assert off.max() < 0.41
    gap = np.linalg.norm(points[mine] - np.stack([theirs[axis] for axis in "xyz"], axis=1)[other], axis=1)
    turned = np.radians(np.abs(own - azimuth))[mine]
    assert (alike & (turned == 0)).sum() > 12_000
    assert (gap[alike] <= (range_m[mine] * turned)[alike] + 0.002).all()


def recorded_packets(bag: Path) -> Iterable[bytes]:
    from rosbags.highlevel import AnyReader
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    from selfcue.sensors.rosbag.types import VELODYNE_DEFINITIONS

    store = get_typestore(Stores.ROS2_HUMBLE)
    for name, text in VELODYNE_DEFINITIONS.items():
        store.register(get_types_from_msg(text, name))
    with AnyReader([bag], default_typestore=store) as found:
        for connection, _, raw in found.messages():
            message: Any = found.deserialize(raw, connection.msgtype)
            yield from (packet.data.tobytes() for packet in message.packets)


def test_the_recorded_velodyne_bag_gives_clouds(data: Callable[[str], Path]) -> None:
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    bag = data("ros_logs") / "nebula_vlp16" / "1673400471837873222"
    clouds = [message for _, _, message in open_log(bag).messages() if isinstance(message, PointCloud)]
    packets = list(recorded_packets(bag))
    assert [cloud.stamp_ns for cloud in clouds] == [
        1673400471737763166,
        1673400471837960720,
        1673400471938157320,
        1673400472038354158,
    ]
    assert sum(len(cloud.points) for cloud in clouds) == sum(len(velodyne.decode(one).range_m) for one in packets)


# -- Ouster ------------------------------------------------------------------------------------------------------------

BEAMS, COLUMNS, PER_PACKET = 4, 16, 8
SIZES = {
    "LEGACY": 12,
    "RNG19_RFL8_SIG16_NIR16": 12,
    "RNG19_RFL8_SIG16_NIR16_DUAL": 16,
    "RNG15_RFL8_NIR8": 4,
}


def describe(profile: str) -> dict[str, Any]:
    layout = {"pixels_per_column": BEAMS, "columns_per_frame": COLUMNS, "columns_per_packet": PER_PACKET}
    return {
        "beam_altitude_angles": [20.0, 5.0, -5.0, -20.0],
        "beam_azimuth_angles": [3.0, 1.0, -1.0, -3.0],
        "lidar_origin_to_beam_origin_mm": 15.0,
        "lidar_to_sensor_transform": [-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 36.0, 0, 0, 0, 1],
        "imu_to_sensor_transform": [1, 0, 0, 6.0, 0, 1, 0, -11.0, 0, 0, 1, 7.0, 0, 0, 0, 1],
        "data_format": {**layout, "udp_profile_lidar": profile},
        "udp_port_lidar": 7502,
        "udp_port_imu": 7503,
    }


def ouster_packet(profile: str, frame: int, part: int, *, valid: bool = True) -> bytes:
    """Ranges of 1000 mm and more that tell beam and column, strengths that tell the column."""
    legacy = profile == "LEGACY"
    columns = []
    for column in range(part * PER_PACKET, (part + 1) * PER_PACKET):
        stamp = 5 * SECOND + frame * 100_000_000 + column * 1_000_000
        head = (
            struct.pack("<QHHI", stamp, column, frame, 0) if legacy else struct.pack("<QHH", stamp, column, int(valid))
        )
        blocks = []
        for beam in range(BEAMS):
            mm = 1000 + 8 * (10 * column + beam)
            if profile == "RNG15_RFL8_NIR8":
                blocks.append(struct.pack("<HBB", mm // 8 | 0x8000, column, 3))
            elif profile == "LEGACY":
                blocks.append(struct.pack("<IHHHH", mm | 0xF0000000, 9, column, 3, 0))
            elif profile.endswith("DUAL"):
                blocks.append(struct.pack("<IIHHHH", mm | 9 << 24, (mm + 8) | 8 << 24, column, 7, 3, 0))
            else:
                blocks.append(struct.pack("<IBBHHH", mm | 0xFFF80000, 9, 0, column, 3, 0))
        tail = struct.pack("<I", 0xFFFFFFFF if valid else 0) if legacy else b""
        columns.append(head + b"".join(blocks) + tail)
    body = b"".join(columns)
    if legacy:
        return body
    return struct.pack("<HH", 1, frame) + bytes(28) + body + bytes(32)


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
    scans = OusterScans(read_metadata(tmp_path / "turn.json"))
    live = [cloud for cloud in (*map(scans.feed, packets), scans.flush()) if cloud is not None]
    assert [
        np.array_equal(a.points, b.points) for a, b in zip(live, clouds, strict=True) if isinstance(b, PointCloud)
    ] == [True] * 2


def test_columns_that_were_not_measured_give_no_points(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(describe("RNG19_RFL8_SIG16_NIR16")))
    scans = OusterScans(read_metadata(path))
    scans.feed(ouster_packet("RNG19_RFL8_SIG16_NIR16", 1, 0, valid=False))
    scans.feed(ouster_packet("RNG19_RFL8_SIG16_NIR16", 1, 1))
    cloud = scans.flush()
    assert cloud is not None
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
    one.feed(packet)
    other.feed(packet)
    first, second = one.flush(), other.flush()
    assert first is not None
    assert second is not None
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
    for name, frames in (
        ("a.pcap", [ethernet(ip(udp(7502, one))) for one in packets]),
        ("v.pcap", [ethernet(ip(udp(2368, vlp16(40.0 * i, seed=i)))) for i in range(20)]),
    ):
        path = tmp_path / name
        path.write_bytes(pcap(frames))
        said = refusals(path, lambda path=path: list(LidarPcapReader(path).messages()))
        assert said
        assert all(name in line and "\n" not in line for line in said)
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
