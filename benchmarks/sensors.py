"""Sensors: every fault that one sensor can show, found in time and never where nothing is wrong; what features cost."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfcue.benchmarks.camera_faults import camera_faults
from selfcue.benchmarks.imu_faults import imu_faults
from selfcue.benchmarks.lidar_faults import lidar_faults
from selfcue.benchmarks.result import BenchResult, Claim
from selfcue.benchmarks.sensors_audio import measure_audio
from selfcue.errors import MissingDependencyError

Part = tuple[list[dict[str, Any]], list[Claim], list[str]]

NOTES = (
    "faults begin in data without any; 'after' is from their beginning to the first word (sound: the slowest of some)",
    "what a detector calls a fault by another name (a black picture that also repeats) counts as found",
)


def measure(work: Path, *, quick: bool) -> BenchResult:  # noqa: ARG001 - nothing is kept
    """Run every part, one after another; a part whose recordings are not here says so and is left out."""
    load = os.getloadavg()[0]
    rows: list[dict[str, Any]] = []
    claims: list[Claim] = []
    notes = list(NOTES)
    for name, part in PARTS.items():
        try:
            found, said, told = part(quick)
        except MissingDependencyError as error:
            notes.append(f"{name} was left out: {error}")
            continue
        rows += found
        claims += said
        notes += told
    notes.append(f"load of the machine (1 min) {load:.1f} at the start, on {os.cpu_count()} cores")
    return BenchResult("sensors", quick, rows, claims, notes)


def _cameras(quick: bool) -> Part:
    rows, claims = camera_faults(quick=quick)
    return [row.as_row() for row in rows], claims, []


def _inertial(quick: bool) -> Part:
    rows, claims = imu_faults(quick=quick)
    return [row.as_row() for row in rows], claims, []


def _lidars(quick: bool) -> Part:
    rows, claims, notes = lidar_faults(quick=quick)
    return [row.as_row() for row in rows], claims, notes


def _sound(quick: bool) -> Part:
    rows, claims, notes = measure_audio(quick=quick)
    faults = [
        {
            "sensor": "sound",
            "fault": "clean" if row["fault"] == "none" else f"{row['fault']}: {row['how']}",
            "said": f"{row.get('found', '')} {row.get('said_beside', '')}".strip(),
            "after [s]": row.get("slowest_s"),
            "allowed [s]": row.get("within_s"),
            "false alarms": row.get("false_alarms", row.get("said_before")),
            "data": row["how"] if row["fault"] == "none" else "recorded steps",
        }
        for row in rows
        if row["fault"]
    ]
    return faults, claims, notes


PARTS: dict[str, Callable[[bool], Part]] = {
    "cameras": _cameras,
    "inertial units": _inertial,
    "lidars": _lidars,
    "sound": _sound,
}
