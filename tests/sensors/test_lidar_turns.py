"""Turns out of packets as networks bring them: late, twice, never, and with garbage between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud
from selfcue.sensors.lidar.ouster_metadata import OusterMetadata, metadata_of, read_metadata
from selfcue.sensors.lidar.ouster_turns import OusterTurns
from selfcue.sensors.lidar.pcap import Capture
from selfcue.sensors.lidar.reader import LidarPcapReader
from selfcue.sensors.lidar.turns import Turn, TurnMaker
from selfcue.sensors.lidar.velodyne_turns import VelodyneTurns
from selfcue.sensors.packets import OneSender, Packet
from tests.sensors.captures import SECOND
from tests.sensors.lidar_packets import COLUMNS, PER_PACKET, describe, ouster_packet, there, vlp16, vlp16_stream

PROFILE = "RNG15_RFL8_NIR8"
PARTS = COLUMNS // PER_PACKET


def small() -> OusterMetadata:
    return metadata_of(describe(PROFILE), "small")


def run(maker: TurnMaker, packets: Iterable[bytes]) -> list[Turn]:
    turns = [turn for data in packets for turn in maker.feed(data)[1]]
    return turns + maker.flush()


def same(one: PointCloud, other: PointCloud) -> bool:
    return one.stamp_ns == other.stamp_ns and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("points", "intensity", "time_s", "ring")
    )


def recorded_ouster(folder: Path) -> tuple[OusterMetadata, list[bytes], list[PointCloud]]:
    """Three turns of an OS1-128: metadata, packets, and the reader's clouds."""
    path = folder / "OS-1-128_v2.3.0_1024x10_lb_n3.pcap"
    packets = [one.data for one in Capture(path) if one.port == 7502]
    read = [message for _, topic, message in LidarPcapReader(path).messages() if topic == "lidar/points"]
    return (
        read_metadata(folder / "OS-1-128_v2.3.0_1024x10.json"),
        packets,
        [c for c in read if isinstance(c, PointCloud)],
    )


# -- Ouster ----------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 6))
def test_ouster_turns_do_not_depend_on_the_order_of_their_packets(random: object, count: int) -> None:
    packets = [ouster_packet(PROFILE, 7 + turn, part) for turn in range(count) for part in range(PARTS)]
    expected = [turn.cloud for turn in run(OusterTurns(small()), packets)]
    assert len(expected) == count
    for turn in range(count):
        mine = packets[turn * PARTS : (turn + 1) * PARTS]
        random.shuffle(mine)  # type: ignore[attr-defined]
        packets[turn * PARTS : (turn + 1) * PARTS] = mine
    maker = OusterTurns(small())
    found = run(maker, packets)
    assert [same(turn.cloud, cloud) for turn, cloud in zip(found, expected, strict=True)] == [True] * count
    assert [turn.share for turn in found] == [1.0] * count
    assert maker.counts["lost"] == maker.counts["late"] == maker.counts["duplicated"] == 0


def test_a_whole_ouster_turn_is_given_with_its_last_packet() -> None:
    maker = OusterTurns(small())
    assert maker.feed(ouster_packet(PROFILE, 1, 0)) == (5 * SECOND + 107_000_000, [])
    measured_ns, (turn,) = maker.feed(ouster_packet(PROFILE, 1, 1))
    assert measured_ns == turn.ended_ns == 5 * SECOND + 115_000_000
    assert turn.cloud.stamp_ns == 5 * SECOND + 100_000_000


def test_what_an_ouster_lost_is_counted() -> None:
    maker = OusterTurns(small(), least_share=0.5)
    packets = [ouster_packet(PROFILE, turn, part) for turn in (65_534, 65_535, 0, 1, 4) for part in range(PARTS)]
    del packets[3]  # half of turn 65535
    packets.insert(5, packets[4])  # twice
    packets.insert(7, b"garbage")
    packets.insert(8, bytes(len(packets[0])))  # the right size, but no columns of a sensor
    late = ouster_packet(PROFILE, 65_535, 1)
    packets.append(late)
    found = run(maker, packets)
    assert [turn.cloud.stamp_ns - 5 * SECOND for turn in found] == [
        6_553_400_000_000,
        6_553_500_000_000,
        0,
        100_000_000,
        400_000_000,
    ]
    assert [turn.share for turn in found] == [1.0, 0.5, 1.0, 1.0, 1.0]
    assert [turn.lost for turn in found] == [0, 0, 0, 0, 2]
    counts = {name: count for name, count in maker.counts.items() if count}
    assert counts == {
        "packets": 11,
        "duplicated": 1,
        "garbage": 2,
        "late": 1,
        "lost": 1 + 2 * PARTS,
        "lost_turns": 2,
        "turns": 5,
    }


def test_too_little_of_an_ouster_turn_is_not_given() -> None:
    maker = OusterTurns(small(), least_share=0.6)
    found = run(maker, [ouster_packet(PROFILE, turn, part) for turn, part in ((1, 1), (2, 0), (2, 1), (3, 0))])
    assert [turn.cloud.stamp_ns for turn in found] == [5 * SECOND + 200_000_000]
    assert maker.counts["partial"] == 2


def test_an_ouster_that_was_restarted_goes_on() -> None:
    maker = OusterTurns(small())
    before = [ouster_packet(PROFILE, turn, part) for turn in (5000, 5001) for part in range(PARTS)]
    after = [ouster_packet(PROFILE, turn, part) for turn in (3, 4) for part in range(PARTS)]
    found = run(maker, before + after)
    assert len(found) == 4
    assert maker.counts["restarts"] == 1
    assert maker.counts["lost"] == 0
    near = OusterTurns(small())  # so near that it might have been delay; it takes a while to tell
    again = [ouster_packet(PROFILE, turn, part) for turn in range(4980, 4999) for part in range(PARTS)]
    assert len(run(near, before + again)) >= 2 + 16
    assert near.counts["restarts"] == 1


def test_an_ouster_that_measures_a_sector_only_has_fewer_packets() -> None:
    meta = describe(PROFILE)
    meta["data_format"]["column_window"] = [PER_PACKET, COLUMNS - 1]
    assert OusterTurns(metadata_of(meta, "m")).expected == PARTS - 1
    meta["data_format"]["column_window"] = [COLUMNS - 1, 1]
    assert OusterTurns(metadata_of(meta, "m")).expected == PARTS
    meta["data_format"]["column_window"] = [0, COLUMNS]
    with pytest.raises(BadInputError, match="column_window is 0 to 16; columns lie in 0 to 15"):
        metadata_of(meta, "m")


@pytest.mark.parametrize("reach", [0, 3, 6])
def test_the_recorded_ouster_equals_the_reader_in_any_order(data: Callable[[str], Path], reach: int) -> None:
    metadata, packets, expected = recorded_ouster(data("lidar_ouster_pcap"))
    rng = np.random.default_rng(reach)
    order = np.argsort(np.arange(len(packets)) + rng.uniform(0, reach + 0.1, len(packets)), kind="stable")
    assert (reach == 0) == bool((np.diff(order) == 1).all())
    maker = OusterTurns(metadata)
    found = run(maker, [packets[i] for i in order])
    assert [same(turn.cloud, cloud) for turn, cloud in zip(found, expected, strict=True)] == [True] * 3
    assert maker.counts["lost"] == maker.counts["late"] == 0


def test_the_recorded_ouster_with_loss_has_the_readers_points_less_those_lost(data: Callable[[str], Path]) -> None:
    metadata, packets, expected = recorded_ouster(data("lidar_ouster_pcap"))
    rng = np.random.default_rng(1)
    kept = np.flatnonzero(rng.random(len(packets)) > 0.1)
    maker = OusterTurns(metadata)
    found = run(maker, [packets[i] for i in kept])
    assert maker.counts["lost"] == len(packets) - len(kept) > 10
    assert len(found) == 3
    for turn, cloud in zip(found, expected, strict=True):
        whole = {tuple(point) for point in cloud.points.tolist()}
        assert {tuple(point) for point in turn.cloud.points.tolist()} <= whole
        assert len(turn.cloud.points) == pytest.approx(turn.share * len(cloud.points), rel=0.1)


# -- Velodyne ----------------------------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1 << 20))
def test_velodyne_packets_find_their_order(seed: int) -> None:
    packets = vlp16_stream(160, 350.0, sent_us=3_599_990_000)  # over the full hour
    expected = [turn.cloud for turn in run(VelodyneTurns(least_share=0.0), packets)]
    rng = np.random.default_rng(seed)
    order = np.argsort(np.arange(160) + rng.uniform(0, 3.9, 160), kind="stable")
    maker = VelodyneTurns(least_share=0.0)
    found = run(maker, [packets[i] for i in order])
    assert len(found) == 4
    for turn, cloud in zip(found, expected, strict=True):
        assert np.array_equal(turn.cloud.points, cloud.points)
        assert np.array_equal(there(turn.cloud.time_s), there(cloud.time_s))
    assert maker.counts["late"] == maker.counts["lost"] == 0


def test_what_a_velodyne_lost_is_counted() -> None:
    packets = vlp16_stream(75 * 6)
    arrive = [*packets[:100], packets[99], *packets[101:200], packets[100], *packets[220:300], *packets[400:]]
    arrive.insert(50, b"\xff\xee" + bytes(1204))
    arrive.insert(60, vlp16(10.0, product=0x28, sent_us=9))
    maker = VelodyneTurns(least_share=0.0)
    found = run(maker, arrive)
    counts = {name: count for name, count in maker.counts.items() if count}
    assert counts == {
        "packets": len(arrive) - 2,
        "garbage": 2,
        "duplicated": 1,
        "late": 1,
        "lost": 1 + 20 + 100,
        "turns": 5,
        "lost_turns": 1,
    }
    assert [turn.lost for turn in found] == [0, 0, 0, 0, 1]
    assert found[0].share == pytest.approx(1.0, abs=0.02)
    assert found[2].share == pytest.approx(55 / 75, abs=0.02)
    assert maker.turn_hz == pytest.approx(10.05, rel=0.01)


def test_a_part_of_a_velodyne_turn_is_not_given() -> None:
    maker = VelodyneTurns()
    found = run(maker, vlp16_stream(75 + 20, 270.0))  # a quarter of a turn, one whole, 2 degrees
    assert len(found) == 1
    assert maker.counts["partial"] == 2


def test_a_velodyne_that_was_restarted_goes_on() -> None:
    maker = VelodyneTurns(least_share=0.0)
    found = run(maker, vlp16_stream(100, sent_us=1_000_000_000) + vlp16_stream(100, 200.0, sent_us=17))
    assert maker.counts["restarts"] == 1
    assert maker.counts["lost"] == maker.counts["late"] == 0
    assert sum(len(turn.cloud.points) for turn in found) > 0.99 * sum(
        int(
            np.count_nonzero(
                np.frombuffer(data[:1200], np.uint8).reshape(12, 100)[:, 4:].reshape(12, 32, 3)[:, :, :2].any(2)
            )
        )
        for data in vlp16_stream(100, sent_us=1) + vlp16_stream(100, 200.0, sent_us=2)
    )


def test_the_first_sender_is_the_one_until_it_is_silent() -> None:
    heard = OneSender(silent_s=2.0)
    seconds = [(0.0, "a"), (0.1, "b"), (1.9, "a"), (3.8, "b"), (4.0, "b"), (4.1, "a")]
    assert [heard.is_from(Packet(round(s * SECOND), who, 1, b"")) for s, who in seconds] == [
        True,
        False,
        True,
        False,
        True,
        False,
    ]
    named = OneSender("b")
    assert [named.is_from(Packet(round(s * SECOND), who, 1, b"")) for s, who in ((0.0, "a"), (9.0, "b"))] == [
        False,
        True,
    ]
