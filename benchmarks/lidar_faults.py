"""Faults of LiDARs: scans of a room, broken in every way that the detectors know, and clean ones, recorded too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from selfcue.benchmarks.fault_table import FaultRow, fault_claims
from selfcue.benchmarks.lidar_room import PERIOD_NS, Room
from selfcue.benchmarks.result import Claim
from selfcue.messages import PointCloud
from selfcue.sensors.lidar.cloud import choose, with_points
from selfcue.sensors.lidar.watches import lidar_watches
from selfcue.sensors.readers import open_log
from selfcue.sensors.watch import Fault, Watch

Break = Callable[[int, PointCloud, Room], PointCloud | None]
BROKEN_FROM = 60
RECORDINGS = (
    "lidar_ouster_pcap/OS-1-128_v2.3.0_1024x10_lb_n3.pcap",
    "lidar_ouster_pcap/OS-0-32-U1_v2.2.0_1024x10.pcap",
    "ros_logs/nebula_vlp16/1673400471837873222",
)


def empty(k: int, cloud: PointCloud, room: Room) -> PointCloud:  # noqa: ARG001 - all faults are called alike
    """Four points are left."""
    return choose(cloud, np.arange(4))


def frozen(k: int, cloud: PointCloud, room: Room) -> PointCloud:  # noqa: ARG001
    """The same scan again and again, with new stamps."""
    return msgspec.structs.replace(Room(3).scan(BROKEN_FROM), stamp_ns=cloud.stamp_ns)


def sector(k: int, cloud: PointCloud, room: Room) -> PointCloud:  # noqa: ARG001
    """57 degrees to the left give nothing."""
    return choose(cloud, np.abs(np.arctan2(cloud.points[:, 1], cloud.points[:, 0]) - 1.0) > 0.5)


def blinded(k: int, cloud: PointCloud, room: Room) -> PointCloud:  # noqa: ARG001
    """More than half of the window is covered: echoes from 15 cm."""
    near = np.arctan2(cloud.points[:, 1], cloud.points[:, 0]) > -0.3
    lengths = np.linalg.norm(cloud.points, axis=1, keepdims=True)
    return with_points(cloud, np.where(near[:, None], cloud.points / lengths * 0.15, cloud.points))


def jumping(k: int, cloud: PointCloud, room: Room) -> PointCloud:
    """Every third scan is from 2 m aside and turned by 74 degrees."""
    return room.scan(k, aside=np.array([-2.0, 1.0, 0.0]) * (-1) ** (k // 6), turned=1.3) if k % 3 == 0 else cloud


def rate(k: int, cloud: PointCloud, room: Room) -> PointCloud | None:  # noqa: ARG001
    """Every third turn is missing."""
    return None if k % 3 == 0 else cloud


FAULTS: dict[str, tuple[Break, float]] = {
    "empty": (empty, 0.3),
    "frozen": (frozen, 0.3),
    "sector": (sector, 0.5),
    "blinded": (blinded, 0.5),
    "jumping": (jumping, 1.0),
    "rate": (rate, 1.0),
}
"""What is done to the scans, by the fault that has to be found, and the evidence [s] that its detector needs."""


def flight(room: Room, count: int, fault: Break | None = None) -> Iterable[PointCloud]:
    """Yield ``count`` turns, those from ``BROKEN_FROM`` on as ``fault`` leaves them."""
    for k in range(count):
        cloud: PointCloud | None = room.scan(k)
        if fault is not None and k >= BROKEN_FROM:
            assert cloud is not None
            cloud = fault(k, cloud, room)
        if cloud is not None:
            yield cloud


def hear(watches: list[Watch[Any]], clouds: Iterable[PointCloud]) -> list[tuple[int, Fault]]:
    """Return all that was said, with the stamps of the clouds at which it was."""
    found = []
    for cloud in clouds:
        for watch in watches:
            watch.update(cloud)
        found += [(cloud.stamp_ns, fault) for watch in watches for fault in watch.faults(cloud.stamp_ns)]
    return found


def lidar_faults(*, quick: bool) -> tuple[list[FaultRow], list[Claim], list[str]]:
    """Return a row for each fault and each stretch of clean data, the claims on them, and notes."""
    rows = []
    for name, (fault, needs_s) in FAULTS.items():
        said = hear(lidar_watches(), flight(Room(1), BROKEN_FROM + 25, fault))
        mine = [(stamp_ns, one) for stamp_ns, one in said if one.name == name]
        after_s = (mine[0][0] - BROKEN_FROM * PERIOD_NS) * 1e-9 if mine else None
        early = sum(stamp_ns < BROKEN_FROM * PERIOD_NS for stamp_ns, _ in said)
        words = f"{mine[0][1].name}, {mine[0][1].level}" if mine else ""
        clean_s = BROKEN_FROM * PERIOD_NS * 1e-9
        how = " ".join((fault.__doc__ or "").split()).rstrip(".")
        rows.append(
            FaultRow("lidar", f"{name}: {how}", words, needs_s, after_s, needs_s + 1.0, clean_s, early, "computed room")
        )
    count = 600 if quick else 6000
    rows.append(_clean(flight(Room(7), count), count * PERIOD_NS * 1e-9, "computed room, flown through"))
    room = Room(8)
    hover = (msgspec.structs.replace(room.scan(50), stamp_ns=k * PERIOD_NS) for k in range(count // 5))
    rows.append(_clean(hover, count // 5 * PERIOD_NS * 1e-9, "computed room, noisy hover"))
    notes, root = [], os.environ.get("SELFCUE_DATA", "")
    for name in RECORDINGS:
        path = Path(root) / name
        if not root or not path.exists():
            notes.append(f"{name} is not here (SELFCUE_DATA)")
            continue
        clouds = [one for _, _, one in open_log(path).messages() if isinstance(one, PointCloud)]
        rows.append(_clean(clouds, 0.1 * len(clouds), f"recorded, {path.stem}"))
    return rows, fault_claims("lidar", rows, least_clean_s=60.0 if quick else 600.0), notes


def _clean(clouds: Iterable[PointCloud], seconds: float, data: str) -> FaultRow:
    said = hear(lidar_watches(), clouds)
    words = ", ".join(sorted({one.name for _, one in said}))
    return FaultRow("lidar", "clean", words, 0.0, None, 0.0, round(seconds, 1), len(said), data)
