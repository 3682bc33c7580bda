"""The short calibration file of the slim folders: size, focal length, principal point and baseline by name."""

from __future__ import annotations

from pathlib import Path

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.sensors.calibration import MAX_BASELINE_M, rectified_pair
from selfcue.sensors.kitti.text import numbers, read_keyed


def read_slim_calibration(path: Path, stamp_ns: int) -> tuple[CameraInfo, CameraInfo]:
    """Return both cameras' calibration from ``width height fx fy cx cy baseline_m`` lines.

    Raises:
        BadInputError: file or key missing, or a baseline that is not in metres.
    """
    values = read_keyed(path, "the calibration")
    width, height, fx, cx, cy, baseline_m = (
        float(numbers(values, key, 1, path)[0]) for key in ("width", "height", "fx", "cx", "cy", "baseline_m")
    )
    if not 0 < baseline_m <= MAX_BASELINE_M:
        raise BadInputError(
            f"{path}: baseline_m is {baseline_m:g}; it is in metres, above 0 and at most {MAX_BASELINE_M:g}"
        )
    if width < 1 or height < 1 or fx <= 0:
        raise BadInputError(f"{path}: width {width:g}, height {height:g} and fx {fx:g} must be above 0")
    return rectified_pair(
        width=int(width),
        height=int(height),
        fx_px=fx,
        cx_px=cx,
        cy_px=cy,
        baseline_m=baseline_m,
        stamp_ns=stamp_ns,
    )
