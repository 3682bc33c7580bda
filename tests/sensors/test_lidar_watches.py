"""Fault detectors of a LiDAR: each fault is found in time, and clean flights and recordings raise none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from selfcue.benchmarks.lidar_faults import BROKEN_FROM, FAULTS, flight, hear, lidar_faults
from selfcue.benchmarks.lidar_room import PERIOD_NS, Room
from selfcue.messages import PointCloud, Trust
from selfcue.sensors.lidar.scan_profile import SECTORS, ScanProfile
from selfcue.sensors.lidar.watches import LIDAR, lidar_watches
from selfcue.sensors.readers import open_log
from selfcue.sensors.trust_node import TrustNode, TrustParams
from selfcue.testing import LoopSystem


def test_every_fault_says_how_long_it_takes() -> None:
    needs = {name: needed for watch in lidar_watches() for name, needed in watch.needs_s.items()}
    assert needs == {name: needed for name, (_, needed) in FAULTS.items()}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_fault_is_found_in_time_and_over_when_it_is(name: str, seed: int) -> None:
    fault, needs_s = FAULTS[name]
    room = Room(seed)
    watches = lidar_watches()
    found = hear(watches, flight(room, BROKEN_FROM + 25, fault))
    mine = [stamp_ns for stamp_ns, one in found if one.name == name]
    assert mine, f"only {sorted({one.name for _, one in found})}"
    after_s = (mine[0] - BROKEN_FROM * PERIOD_NS) * 1e-9
    assert 0 <= after_s <= needs_s + 1.0
    assert all(stamp_ns >= BROKEN_FROM * PERIOD_NS for stamp_ns, _ in found)
    evidence = next(one.evidence for _, one in found if one.name == name)
    assert evidence
    assert all(np.isfinite(value) for value in evidence.values())
    healthy = [room.scan(k) for k in range(BROKEN_FROM + 25, BROKEN_FROM + 75)]
    after = [stamp_ns for stamp_ns, _ in hear(watches, healthy)]
    assert not after or max(after) < (BROKEN_FROM + 25 + 25) * PERIOD_NS


@pytest.mark.parametrize("seed", [0, 1])
def test_a_minute_of_clean_flight_raises_nothing(seed: int) -> None:
    assert hear(lidar_watches(), flight(Room(seed), 600)) == []


@pytest.mark.long
def test_ten_minutes_of_clean_flight_raise_nothing() -> None:
    assert hear(lidar_watches(), flight(Room(7), 6000)) == []


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("lidar_ouster_pcap", "OS-1-128_v2.3.0_1024x10_lb_n3.pcap"),
        ("ros_logs", "nebula_vlp16/1673400471837873222"),
    ],
)
def test_recorded_turns_raise_nothing(data: Callable[[str], Path], folder: str, name: str) -> None:
    clouds = [one for _, topic, one in open_log(data(folder) / name).messages() if isinstance(one, PointCloud)]
    assert len(clouds) >= 3
    assert hear(lidar_watches(), clouds) == []


@pytest.mark.parametrize("name", FAULTS)
def test_detectors_that_were_saved_say_the_same(name: str) -> None:
    clouds = list(flight(Room(2), BROKEN_FROM + 20, FAULTS[name][0]))
    whole = hear(lidar_watches(), clouds)
    watches = lidar_watches()
    first = hear(watches, clouds[: BROKEN_FROM + 2])
    saved = [json.loads(json.dumps(watch.meta())) for watch in watches]
    again = lidar_watches()
    for watch, meta in zip(again, saved, strict=True):
        watch.load_meta(meta)
    assert first + hear(again, clouds[BROKEN_FROM + 2 :]) == whole


def test_a_profile_counts_by_sector() -> None:
    points = np.array([[-1, -0.01, 0], *([r, 0.1, 5] for r in range(1, 7)), [0, 0, 0], [np.nan, 1, 1]], np.float32)
    profile = ScanProfile.of(PointCloud(stamp_ns=0, points=points, intensity=np.zeros(9, np.float32)))
    assert profile.counts.tolist() == [1] + [0] * 17 + [6] + [0] * 17
    assert profile.ranges_m[SECTORS // 2] == pytest.approx([4.0, 4.0, 5.0], abs=0.02)
    assert np.isnan(profile.ranges_m[0]).all()
    assert profile.total == 7
    nothing = PointCloud(stamp_ns=0, points=np.zeros((0, 3), np.float32), intensity=np.zeros(0, np.float32))
    assert ScanProfile.of(nothing).total == 0
    assert hear(LIDAR.make(), [nothing]) == []


def test_the_trust_node_speaks_for_a_lidar(tmp_path: Path) -> None:
    loop = LoopSystem(tmp_path)
    loop.add(TrustNode("trust", TrustParams(sensor="lidar", topic="lidar/points", cue="lidar")))
    for cloud in flight(Room(0), BROKEN_FROM + 20, FAULTS["sector"][0]):
        loop.feed("lidar/points", cloud)
        loop.tick(cloud.stamp_ns + 1)
    said: list[Trust] = loop.published("trust/lidar")
    assert [one.level for one in said][-1] == "suspect"
    assert said[-1].reason == "sector"
    assert {one.level for one in said if one.stamp_ns < BROKEN_FROM * PERIOD_NS} == {"ok"}


def test_the_table_of_faults_holds_what_it_claims() -> None:
    rows, claims, _ = lidar_faults(quick=True)
    assert [row.fault.partition(":")[0] for row in rows][: len(FAULTS)] == list(FAULTS)
    assert [claim.id for claim in claims if claim.holds] == ["lidar-faults", "lidar-alarms"]
