"""Turns of Ouster sensors: the packets of one turn into a cloud.

Source of the geometry: Ouster Sensor Documentation, "Lidar Range to XYZ".
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from selfcue.messages import PointCloud
from selfcue.sensors.lidar.ouster_metadata import OusterMetadata
from selfcue.sensors.lidar.ouster_packet import Columns, OusterFormat

FRAME = "os_sensor"
LIDAR_PORT, IMU_PORT = 7502, 7503


class OusterGeometry:
    """Ranges into points of the sensor's frame (x forward, y left, z up)."""

    def __init__(self, metadata: OusterMetadata) -> None:
        columns = np.arange(metadata.columns_per_frame)
        encoder = 2.0 * np.pi * (1.0 - columns / metadata.columns_per_frame)
        azimuth = -np.radians(metadata.azimuth_deg)[:, None]
        altitude = np.radians(metadata.altitude_deg)[:, None]
        turned = encoder[None, :] + azimuth
        across, up = metadata.beam_offset_m
        length = float(np.hypot(across, up))
        direction = np.stack(
            [np.cos(turned) * np.cos(altitude), np.sin(turned) * np.cos(altitude), np.sin(altitude) + 0 * turned], -1
        )
        origin = np.stack([across * np.cos(encoder), across * np.sin(encoder), up + 0 * encoder], -1)[None]
        rotation, shift = metadata.lidar_to_sensor[:3, :3], metadata.lidar_to_sensor[:3, 3]
        self._direction = (direction @ rotation.T).astype(np.float32)
        self._offset = ((origin - length * direction) @ rotation.T + shift).astype(np.float32)

    def points(
        self, range_mm: npt.NDArray[np.unsignedinteger], numbers: npt.NDArray[np.unsignedinteger]
    ) -> npt.NDArray[np.float32]:
        """Return (beams, C, 3) points [m] of ``range_mm`` (beams, C) in the columns ``numbers`` (C,) of the turn."""
        range_m = range_mm.astype(np.float32) * np.float32(1e-3)
        return np.asarray(range_m[..., None] * self._direction[:, numbers] + self._offset[:, numbers])


class OusterScans:
    """Makes clouds of one turn each.

    A point's intensity is SIGNAL, the photons counted, or REFLECTIVITY where the profile has no other.
    """

    def __init__(self, metadata: OusterMetadata, frame_id: str = FRAME) -> None:
        self.format = OusterFormat(metadata)
        self._geometry = OusterGeometry(metadata)
        self._frame_id = frame_id
        self._ring = np.argsort(np.argsort(metadata.altitude_deg, kind="stable")).astype(np.uint16)

    def cloud(self, packets: Iterable[Columns], *, second: bool = False) -> PointCloud:
        """Return the points of one turn in the order of its packets, stamped with its first column.

        Args:
            packets: at least one, of one turn.
            second: of the second returns (dual-return profiles alone).
        """
        suffix = "2" if second else ""
        parts = list(packets)
        name = f"SIGNAL{suffix}" if f"SIGNAL{suffix}" in parts[0].fields else f"REFLECTIVITY{suffix}"
        valid = np.concatenate([columns.valid for columns in parts])
        stamps = np.concatenate([columns.stamps_ns for columns in parts])
        first_ns = int(stamps[valid].min()) if valid.any() else int(min(columns.stamps_ns[0] for columns in parts))
        numbers = np.concatenate([columns.numbers for columns in parts])[valid]
        range_mm, strength = (
            np.concatenate([columns.fields[field] for columns in parts], axis=1)[:, valid]
            for field in (f"RANGE{suffix}", name)
        )
        seen = range_mm.T > 0  # column after column
        after_s = ((stamps[valid] - np.uint64(first_ns)).astype(np.float64) * 1e-9).astype(np.float32)
        return PointCloud(
            stamp_ns=first_ns,
            frame_id=self._frame_id,
            points=self._geometry.points(range_mm, numbers).transpose(1, 0, 2)[seen],
            intensity=strength.T[seen].astype(np.float32),
            time_s=np.broadcast_to(after_s[:, None], seen.shape)[seen],
            ring=np.broadcast_to(self._ring, seen.shape)[seen],
        )
