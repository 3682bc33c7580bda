"""Packets of a VLP-16 against the manual's formulas and another decoder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud
from selfcue.sensors.lidar import velodyne
from selfcue.sensors.lidar.reader import LidarPcapReader
from selfcue.sensors.lidar.velodyne_models import LibraryDecoder, Piece
from selfcue.sensors.lidar.velodyne_turns import VelodyneTurns
from selfcue.sensors.readers import open_log
from tests.sensors.captures import ethernet, ip, pcap, udp
from tests.sensors.lidar_packets import there, vlp16, vlp16_stream

ELEVATIONS = (-15, 1, -13, 3, -11, 5, -9, 7, -7, 9, -5, 11, -3, 13, -1, 15)


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
    packets = vlp16_stream(180, 300.0)  # 60 degrees, a turn, a turn, 84 degrees
    every = [velodyne.decode(data) for data in packets]
    turns = VelodyneTurns(least_share=0.0)
    clouds = [turn.cloud for data in packets for turn in turns.feed(data)[1]]
    clouds += [turn.cloud for turn in turns.flush()]
    assert turns.flush() == []
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
        assert np.array_equal(there(one.time_s), there(other.time_s))
        assert np.array_equal(there(one.ring), there(other.ring))
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


def test_velodyne_decoder_gives_the_same_points_of_the_recorded_vlp16(data: Callable[[str], Path]) -> None:
    """Point by point, but for the lasers' places above each other, which it adds, and how it smooths the azimuth."""
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    pytest.importorskip("velodyne_decoder", reason="velodyne-decoder is not installed")
    packets = list(recorded_packets(data("ros_logs") / "nebula_vlp16" / "1673400471837873222"))
    begun_us = velodyne.after_us(packets)
    pieces = [Piece(one, round(begun), 0.0) for one, begun in zip(packets, begun_us, strict=True)]
    clouds = LibraryDecoder("VLP-16").cloud(pieces, 0, "v"), velodyne.cloud([*map(velodyne.decode, packets)], 0, "v")
    theirs, mine = clouds[0], msgspec.structs.replace(clouds[1], time_s=packet_times(packets, begun_us))
    assert len(mine.points) == len(theirs.points) == 59_414

    def sorted_columns(cloud: PointCloud) -> tuple[Any, ...]:
        assert cloud.time_s is not None
        assert cloud.ring is not None
        flat = np.hypot(cloud.points[:, 0], cloud.points[:, 1])
        order = np.lexsort((flat, cloud.intensity, np.rint(cloud.time_s * 1e6 / 2.304), cloud.ring))
        turn = np.arctan2(cloud.points[:, 1], cloud.points[:, 0])
        return tuple(a[order] for a in (cloud.ring, cloud.intensity, cloud.time_s, flat, turn, cloud.points[:, 2]))

    ring, strength, time_s, flat, turn, up = sorted_columns(mine)
    other_ring, other_strength, other_time_s, other_flat, other_turn, other_up = sorted_columns(theirs)
    assert np.array_equal(ring, other_ring)
    assert np.array_equal(strength, other_strength)
    assert np.abs(time_s - other_time_s).max() < 1e-7
    assert np.abs(flat - other_flat).max() < 1e-5
    assert np.degrees(np.abs(np.angle(np.exp(1j * (turn - other_turn))))).max() < 0.03
    for one in sorted(set(ring.tolist())):
        lift = (other_up - up)[ring == one]
        assert np.ptp(lift) < 1e-5
        assert abs(float(lift[0])) == pytest.approx(abs(2 * one - 15) * 0.73e-3, abs=0.3e-3)  # 11.2 mm at 15 degrees


def packet_times(packets: list[bytes], begun_us: list[float]) -> Any:
    times = [velodyne.decode(one).time_us + begun for one, begun in zip(packets, begun_us, strict=True)]
    return (np.concatenate(times) * 1e-6).astype(np.float32)


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


def test_damaged_captures_give_one_line(tmp_path: Path, refusals: Callable[..., list[str]]) -> None:
    path = tmp_path / "v.pcap"
    path.write_bytes(pcap([ethernet(ip(udp(2368, vlp16(40.0 * i, seed=i)))) for i in range(20)]))
    said = refusals(path, lambda: list(LidarPcapReader(path).messages()))
    assert said
    assert all("v.pcap" in line and "\n" not in line for line in said)
