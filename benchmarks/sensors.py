"""Sensors: faults found in time and without false alarms, stereo against measured truth, what features cost."""

from __future__ import annotations

import os
from pathlib import Path

from selfcue.benchmarks.camera_faults import camera_faults
from selfcue.benchmarks.fault_table import FaultRow
from selfcue.benchmarks.result import BenchResult, Claim

NOTES = (
    "faults begin in data without any; the time is from the fault's beginning to the first word of the detectors",
    "what a detector calls a fault by another name (a black picture that also repeats) counts as found",
)


def measure(work: Path, *, quick: bool) -> BenchResult:  # noqa: ARG001 - nothing is kept
    """Run every part, one after another."""
    load = os.getloadavg()[0]
    faults: list[FaultRow] = []
    claims: list[Claim] = []
    for part in (camera_faults,):
        rows, said = part(quick=quick)
        faults += rows
        claims += said
    notes = [*NOTES, f"load of the machine (1 min) {load:.1f} at the start, on {os.cpu_count()} cores"]
    return BenchResult("sensors", quick, [row.as_row() for row in faults], claims, notes)
