"""Faults of sensors, one row each: is it found in time, and is nothing found where nothing is wrong?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from selfcue.benchmarks.result import Claim


@dataclass(frozen=True)
class FaultRow:
    """One fault, or one stretch of clean data.

    Attributes:
        sensor: whose fault.
        fault: what was done to it; ``clean`` for nothing.
        found: what the detectors said first, with its level; empty for nothing.
        needs_s: evidence that the detector says it needs.
        after_s: seconds from the fault's beginning until the first word; None where nothing was said.
        allowed_s: what it may take.
        clean_s: seconds of data without a fault that were heard, also before the fault.
        false_alarms: how often something was said in them.
        data: what the detectors heard.
    """

    sensor: str
    fault: str
    found: str
    needs_s: float
    after_s: float | None
    allowed_s: float
    clean_s: float
    false_alarms: int
    data: str

    @property
    def in_time(self) -> bool:
        return self.after_s is not None and self.after_s <= self.allowed_s + 1e-9

    def as_row(self) -> dict[str, Any]:
        return {
            "sensor": self.sensor,
            "fault": self.fault,
            "said": self.found,
            "after [s]": self.after_s,
            "allowed [s]": self.allowed_s if self.fault != "clean" else None,
            "false alarms": self.false_alarms,
            "clean [s]": self.clean_s,
            "data": self.data,
        }


def fault_claims(sensor: str, rows: Sequence[FaultRow], *, least_clean_s: float = 600.0) -> list[Claim]:
    """Return the claims of one sensor: every fault in time, no false alarm, and in how much clean data."""
    faults = [row for row in rows if row.fault != "clean"]
    late = [row for row in faults if not row.in_time]
    alarms = sum(row.false_alarms for row in rows)
    clean_s = sum(row.clean_s for row in rows)
    missed = ", ".join(
        f"{row.fault} ({'not found' if row.after_s is None else f'{row.after_s:.2f} s'})" for row in late
    )
    return [
        Claim(
            id=f"{sensor}-faults",
            claim=f"{sensor}: faults found within their evidence and one second (sound: two)",
            goal=f"{len(faults)} of {len(faults)}",
            value=float(len(faults) - len(late)),
            holds=not late,
            how=f"missed: {missed}" if missed else "each begun once in data without fault",
        ),
        Claim(
            id=f"{sensor}-alarms",
            claim=f"{sensor}: false alarms in clean data",
            goal=f"0 in {least_clean_s:.0f} s",
            value=float(alarms),
            holds=alarms == 0 and clean_s >= least_clean_s,
            how=f"{clean_s:.0f} s: " + "; ".join(dict.fromkeys(row.data for row in rows if row.clean_s > 0)),
        ),
    ]
