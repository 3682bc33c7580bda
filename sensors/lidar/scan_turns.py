"""Samples of a planar scanner into scans of one turn each."""

from __future__ import annotations

import math

import numpy as np

from selfcue.messages import LaserScan
from selfcue.sensors.lidar.rplidar_protocol import Sample


class ScanTurns:
    """Collects samples; a turn ends where the next begins.

    The scanner turns clockwise and a LaserScan's angles rise counter-clockwise: so a scan's first beam, just left of
    the front, was measured last, and ``time_step_s`` is negative. Of several samples for one beam the nearest counts;
    a beam without echo has the range infinity.

    Args:
        beams: of a scan, evenly all around.
        least_samples: a turn of fewer is counted in ``partial`` and not given.
    """

    def __init__(self, beams: int, range_min_m: float, range_max_m: float, frame_id: str, least_samples: int) -> None:
        self._beams, self._limits, self._frame_id = beams, (range_min_m, range_max_m), frame_id
        self._least = least_samples
        self._samples: list[Sample] = []
        self._began_ns: int | None = None
        self.partial = 0

    def feed(self, samples: list[Sample], arrived_ns: int) -> list[LaserScan]:
        """Take samples that came at ``arrived_ns``; return the turns that they end, stamped with their first beam."""
        scans = []
        for sample in samples:
            if sample.begins:
                began_ns, samples_before = self._began_ns, self._samples
                self._began_ns, self._samples = arrived_ns, []
                if began_ns is not None and len(samples_before) >= self._least:
                    scans.append(self._scan(samples_before, began_ns, arrived_ns))
                elif began_ns is not None:
                    self.partial += 1
            self._samples.append(sample)
        return scans

    def broken(self) -> None:
        """Samples are missing: the turn under way is not whole."""
        self.partial += self._began_ns is not None
        self._began_ns, self._samples = None, []

    def _scan(self, samples: list[Sample], began_ns: int, ended_ns: int) -> LaserScan:
        table = np.array([sample[1:] for sample in samples], dtype=np.float64)
        step = 2.0 * math.pi / self._beams
        beam = np.rint(-np.radians(table[:, 0]) / step).astype(np.int64) % self._beams
        range_m = np.where(table[:, 1] > 0, table[:, 1], np.inf)
        order = np.lexsort((range_m, beam))
        beam, range_m, quality = beam[order], range_m[order], table[order, 2]
        first = np.unique(beam, return_index=True)[1]
        ranges = np.full(self._beams, np.inf, np.float32)
        strengths = np.zeros(self._beams, np.float32)
        ranges[beam[first]] = range_m[first]
        strengths[beam[first]] = np.where(np.isfinite(range_m[first]), quality[first], 0.0)
        # Beam 0, straight ahead, was measured first: in the array, whose time runs backwards, it stands last.
        took_s = (ended_ns - began_ns) * 1e-9
        return LaserScan(
            stamp_ns=ended_ns - round(took_s * 1e9 / self._beams),
            frame_id=self._frame_id,
            angle_min_rad=step,
            angle_max_rad=2.0 * math.pi,
            angle_step_rad=step,
            time_step_s=-took_s / self._beams,
            scan_time_s=took_s,
            range_min_m=self._limits[0],
            range_max_m=self._limits[1],
            ranges=np.roll(ranges, -1),
            intensities=np.roll(strengths, -1),
        )
