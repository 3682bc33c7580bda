"""Camera calibration as ROS's ``camera_info`` YAML, and the geometry of a rectified stereo pair."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo

DISTORTION_LENGTHS: dict[str, tuple[int, ...]] = {
    "plumb_bob": (0, 4, 5),
    "equidistant": (0, 4),
    "rational_polynomial": (8,),
}
"""Distortion models that are read and written, with the numbers of coefficients that each may have."""

MAX_BASELINE_M = 10.0
_FX_PER_WIDTH = (0.1, 20.0)  # a focal length outside is not in pixels: 0.1 is a 157 degree lens, 20 one of 3 degrees


@dataclass(frozen=True)
class StereoGeometry:
    """What turns disparity into depth: ``depth_m = focal_baseline / disparity_px``.

    Attributes:
        width, height: image size [px].
        fx_px: focal length of the rectified pair.
        cx_px, cy_px: principal point of the rectified left camera.
        baseline_m: distance between the cameras.
    """

    width: int
    height: int
    fx_px: float
    cx_px: float
    cy_px: float
    baseline_m: float

    @property
    def focal_baseline(self) -> float:
        """fx times baseline [px m]."""
        return self.fx_px * self.baseline_m


def stereo_geometry(left: CameraInfo, right: CameraInfo) -> StereoGeometry:
    """Return the geometry of a rectified pair from both cameras' P matrices.

    Raises:
        BadInputError: the two do not describe one rectified pair, or the baseline is not in metres.
    """
    if (left.width, left.height) != (right.width, right.height):
        raise BadInputError(
            f"stereo calibration: left is {left.width} x {left.height} px and right {right.width} x {right.height} px; "
            "both must be calibrated at one size"
        )
    fx_left, fx_right = left.p[0], right.p[0]
    if fx_left <= 0 or abs(fx_left - fx_right) > 0.01 * fx_left:
        raise BadInputError(
            f"stereo calibration: P has fx {fx_left:g} px left and {fx_right:g} px right; a rectified pair shares one "
            "focal length, so give the projection matrices of the rectification"
        )
    if abs(left.p[6] - right.p[6]) > 1.0:
        raise BadInputError(
            f"stereo calibration: P has cy {left.p[6]:g} px left and {right.p[6]:g} px right; rows of a rectified pair "
            "agree, so give the projection matrices of the rectification"
        )
    baseline_m = right.baseline_m - left.baseline_m
    if baseline_m < 0:
        raise BadInputError(
            f"stereo calibration: the baseline is {baseline_m:g} m; left and right look swapped "
            "(P[3] of the right camera is -fx * baseline_m)"
        )
    if baseline_m == 0:
        raise BadInputError(
            "stereo calibration: the baseline is 0 m; P[3] of the right camera must be -fx * baseline_m, "
            "so give the projection matrix of a stereo calibration"
        )
    if baseline_m > MAX_BASELINE_M:
        raise BadInputError(
            f"stereo calibration: the baseline is {baseline_m:g} m, probably millimetres; write P[3] with metres "
            f"({baseline_m / 1000:g} m)"
        )
    return StereoGeometry(left.width, left.height, fx_left, left.p[2], left.p[6], baseline_m)


def rectified_pair(
    *, width: int, height: int, fx_px: float, cx_px: float, cy_px: float, baseline_m: float, stamp_ns: int = 0
) -> tuple[CameraInfo, CameraInfo]:
    """Return left and right ``CameraInfo`` of an ideal rectified pair (square pixels, no distortion)."""
    infos = []
    for frame_id, tx in (("stereo_left_optical", 0.0), ("stereo_right_optical", -fx_px * baseline_m)):
        infos.append(
            CameraInfo(
                stamp_ns=stamp_ns,
                frame_id=frame_id,
                width=width,
                height=height,
                k=(fx_px, 0.0, cx_px, 0.0, fx_px, cy_px, 0.0, 0.0, 1.0),
                p=(fx_px, 0.0, cx_px, tx, 0.0, fx_px, cy_px, 0.0, 0.0, 0.0, 1.0, 0.0),
            )
        )
    return infos[0], infos[1]


def read_camera_info(path: Path | str, *, stamp_ns: int = 0, frame_id: str = "") -> CameraInfo:
    """Read a ROS ``camera_info`` YAML file (what ``camera_calibration`` writes).

    Args:
        frame_id: the message's frame; empty takes ``camera_name`` from the file.

    Raises:
        BadInputError: file missing or no YAML, key missing, wrong shape, unknown model, or a unit that looks wrong.
    """
    path = Path(path)
    try:
        loaded = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such calibration file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: cannot be read as a calibration file ({error})") from error
    except yaml.YAMLError as error:
        first_line = str(error).replace("\n", " ")
        raise BadInputError(f"{path}: not YAML: {first_line}") from error
    if not isinstance(loaded, Mapping):
        raise BadInputError(f"{path}: holds {type(loaded).__name__}, expected the keys of a ROS camera_info file")
    model = _value(loaded, "distortion_model", str, path)
    if model not in DISTORTION_LENGTHS:
        known = ", ".join(DISTORTION_LENGTHS)
        raise BadInputError(f"{path}: distortion_model {model!r} is not known; use one of {known}")
    d = _matrix(loaded, "distortion_coefficients", None, path)
    if len(d) not in DISTORTION_LENGTHS[model]:
        lengths = " or ".join(str(n) for n in DISTORTION_LENGTHS[model] if n)
        raise BadInputError(f"{path}: {model} needs {lengths} distortion_coefficients, got {len(d)}")
    try:
        info = CameraInfo(
            stamp_ns=stamp_ns,
            frame_id=frame_id or str(loaded.get("camera_name", "")),
            width=_value(loaded, "image_width", int, path),
            height=_value(loaded, "image_height", int, path),
            k=_matrix(loaded, "camera_matrix", (3, 3), path),
            r=_matrix(loaded, "rectification_matrix", (3, 3), path),
            p=_matrix(loaded, "projection_matrix", (3, 4), path),
            d=d,
            distortion_model=model,
        )
    except ValueError as error:
        raise BadInputError(f"{path}: {error}") from error
    check_units(info, subject=str(path))
    return info


def write_camera_info(path: Path | str, info: CameraInfo) -> None:
    """Write ``info`` as a ROS ``camera_info`` YAML file that ``read_camera_info`` and ROS read back."""

    def matrix(values: tuple[float, ...], rows: int, cols: int) -> dict[str, Any]:
        return {"rows": rows, "cols": cols, "data": [float(value) for value in values]}

    document = {
        "image_width": info.width,
        "image_height": info.height,
        "camera_name": info.frame_id,
        "camera_matrix": matrix(info.k, 3, 3),
        "distortion_model": info.distortion_model,
        "distortion_coefficients": matrix(info.d, 1, len(info.d)),
        "rectification_matrix": matrix(info.r, 3, 3),
        "projection_matrix": matrix(info.p, 3, 4),
    }
    Path(path).write_text(yaml.safe_dump(document, sort_keys=False, default_flow_style=None))


def check_units(info: CameraInfo, *, subject: str) -> None:
    """Raise BadInputError where a focal length or principal point cannot be in pixels of this image size."""
    low, high = _FX_PER_WIDTH
    for name, fx in (("camera_matrix", info.k[0]), ("projection_matrix", info.p[0])):
        if not low * info.width <= fx <= high * info.width:
            raise BadInputError(
                f"{subject}: fx of {name} is {fx:g} for an image {info.width} px wide; focal lengths are in pixels "
                f"(expected {low * info.width:g} to {high * info.width:g})"
            )
    cx, cy = info.k[2], info.k[5]
    if not (0 < cx < info.width and 0 < cy < info.height):
        raise BadInputError(
            f"{subject}: the principal point ({cx:g}, {cy:g}) lies outside the image of {info.width} x {info.height} "
            "px; it is in pixels of this image size"
        )


def _value(loaded: Mapping[str, Any], key: str, kind: type, path: Path) -> Any:
    if key not in loaded:
        raise BadInputError(f"{path}: key {key!r} is missing; a ROS camera_info file has it")
    value = loaded[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise BadInputError(f"{path}: key {key!r} is {value!r}, expected {kind.__name__}")
    return value


def _matrix(loaded: Mapping[str, Any], key: str, shape: tuple[int, int] | None, path: Path) -> tuple[float, ...]:
    """Return the row-major numbers of matrix ``key``; ``shape`` None admits any length."""
    entry = _value(loaded, key, Mapping, path)
    data = entry.get("data")
    if not isinstance(data, list) or not all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in data):
        raise BadInputError(f"{path}: {key}.data is {data!r}, expected a list of numbers")
    if shape is not None:
        rows, cols = shape
        found = f"rows {entry.get('rows')}, cols {entry.get('cols')}, {len(data)} numbers"
        if len(data) != rows * cols or entry.get("rows", rows) != rows or entry.get("cols", cols) != cols:
            raise BadInputError(f"{path}: {key} has {found}; expected {rows} x {cols}")
    return tuple(float(x) for x in data)
