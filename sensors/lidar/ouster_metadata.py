"""What an Ouster sensor says of itself: beam angles, mode, transforms; its JSON, of either generation of firmware."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

Matrix = npt.NDArray[np.float64]
LEGACY = "LEGACY"
_MAX_BEAMS, _MAX_COLUMNS = 256, 8192


@dataclass(frozen=True)
class OusterMetadata:
    """A sensor and the mode that it ran in.

    Attributes:
        profile: of its LiDAR packets (``udp_profile_lidar``).
        columns_per_frame, columns_per_packet, beams: of a turn, of a packet, of a column.
        turn_hz: turns a second, after the mode's name (``1024x10``); 0 where it has none.
        column_window: first and last column that the sensor measures; the first may be the greater one.
        altitude_deg, azimuth_deg: (beams,) angle of each beam.
        beam_offset_m: x and z from the centre of turning to where the beams begin.
        lidar_to_sensor, imu_to_sensor: (4, 4), translation in metres.
        lidar_port, imu_port: UDP ports; 0 where it does not say.
        product: as the sensor calls itself.
    """

    profile: str
    columns_per_frame: int
    columns_per_packet: int
    beams: int
    turn_hz: float
    column_window: tuple[int, int]
    altitude_deg: npt.NDArray[np.float64]
    azimuth_deg: npt.NDArray[np.float64]
    beam_offset_m: tuple[float, float]
    lidar_to_sensor: Matrix
    imu_to_sensor: Matrix
    lidar_port: int
    imu_port: int
    product: str


def read_metadata(path: Path) -> OusterMetadata:
    """Read the JSON that the sensor gives (``api/v1/sensor/metadata``, or the older flat file).

    Raises:
        BadInputError: it cannot be read, a key is missing, or a value is not usable.
    """
    try:
        found = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadInputError(f"{path}: the sensor's metadata cannot be read ({error})") from error
    return metadata_of(found, str(path))


def metadata_of(found: Any, name: str) -> OusterMetadata:
    """Return what decoded JSON says; ``name`` is where it is from, for messages. Raises as ``read_metadata``."""
    flat = _flat(found)
    try:
        return _metadata(flat)
    except KeyError as error:
        raise BadInputError(f"{name}: key {error} is missing in the sensor's metadata") from None
    except (TypeError, ValueError, AttributeError) as error:
        raise BadInputError(f"{name}: the sensor's metadata is not usable ({error})") from error


def beside(path: Path) -> Path | None:
    """Return the metadata file with the longest name that the capture's name begins with; None where none is."""
    candidates = [one for one in path.parent.glob("*.json") if path.stem.startswith(one.stem)]
    fitting = [one for one in candidates if is_metadata(one)]
    return max(fitting, key=lambda one: len(one.stem), default=None)


def is_metadata(path: Path) -> bool:
    """Tell whether ``path`` is the metadata of an Ouster sensor."""
    try:
        return "beam_altitude_angles" in _flat(json.loads(path.read_text()))
    except (OSError, UnicodeDecodeError, ValueError, RecursionError):
        return False


def _flat(found: Any) -> dict[str, Any]:
    """Return both generations alike: newer firmware groups the keys."""
    if not isinstance(found, dict):
        return {}
    flat: dict[str, Any] = dict(found)
    for group in ("beam_intrinsics", "lidar_intrinsics", "imu_intrinsics", "sensor_info", "config_params"):
        flat |= found[group] if isinstance(found.get(group), dict) else {}
    if isinstance(found.get("lidar_data_format"), dict):
        flat["data_format"] = found["lidar_data_format"]
    return flat


def _metadata(flat: dict[str, Any]) -> OusterMetadata:
    layout = flat["data_format"]
    beams = _count(layout["pixels_per_column"], _MAX_BEAMS, "pixels_per_column")
    altitude, azimuth = (np.array(flat[f"beam_{name}_angles"], dtype=np.float64) for name in ("altitude", "azimuth"))
    for name, angles in (("beam_altitude_angles", altitude), ("beam_azimuth_angles", azimuth)):
        if angles.shape != (beams,):
            raise ValueError(f"{name} has {angles.shape} values, pixels_per_column is {beams}")
    if "beam_to_lidar_transform" in flat:
        offset = _transform(flat, "beam_to_lidar_transform")[:3, 3]
        beam_offset = (float(offset[0]), float(offset[2]))
    else:
        beam_offset = (float(flat["lidar_origin_to_beam_origin_mm"]) / 1e3, 0.0)
    if not all(map(math.isfinite, beam_offset)):
        raise ValueError("the beams' origin is not finite")
    columns = _count(layout["columns_per_frame"], _MAX_COLUMNS, "columns_per_frame")
    first, last = (int(column) for column in layout.get("column_window") or (0, columns - 1))
    if not (0 <= first < columns and 0 <= last < columns):
        raise ValueError(f"column_window is {first} to {last}; columns lie in 0 to {columns - 1}")
    mode = re.fullmatch(r"\d+x(\d{1,3})", str(flat.get("lidar_mode", "")))
    return OusterMetadata(
        profile=str(layout.get("udp_profile_lidar", LEGACY)),
        columns_per_frame=columns,
        columns_per_packet=_count(layout["columns_per_packet"], 64, "columns_per_packet"),
        beams=beams,
        turn_hz=float(mode.group(1)) if mode else 0.0,
        column_window=(first, last),
        altitude_deg=altitude,
        azimuth_deg=azimuth,
        beam_offset_m=beam_offset,
        lidar_to_sensor=_transform(flat, "lidar_to_sensor_transform"),
        imu_to_sensor=_transform(flat, "imu_to_sensor_transform"),
        lidar_port=int(flat.get("udp_port_lidar") or 0),
        imu_port=int(flat.get("udp_port_imu") or 0),
        product=str(flat.get("prod_line", "")),
    )


def _count(value: Any, limit: int, name: str) -> int:
    count = int(value)
    if not 0 < count <= limit:
        raise ValueError(f"{name} is {count}; it lies in 1 to {limit}")
    return count


def _transform(flat: dict[str, Any], name: str) -> Matrix:
    """Return a (4, 4) transform with its translation in metres; the sensor gives millimetres."""
    matrix = np.array(flat[name], dtype=np.float64).reshape(4, 4)
    if not np.isfinite(matrix).all():
        raise ValueError(f"{name} is not finite")
    matrix[:3, 3] /= 1e3
    return matrix
