"""Calibrations in Kalibr's files (``camchain.yaml``, ``camchain-imucam.yaml``) as ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.optional import require
from selfcue.sensors.calibrate.rectify import rectified_infos, undistorted_info
from selfcue.sensors.calibration import check_units
from selfcue.sensors.lens import Lens
from selfcue.transforms import Transform

MODELS = {"radtan": "plumb_bob", "plumb_bob": "plumb_bob", "equidistant": "equidistant", "equi": "equidistant",
          "rational_polynomial": "rational_polynomial", "none": "plumb_bob"}  # fmt: skip
"""Kalibr's names of distortion models, and ROS's that our own files of this kind carry, as ROS's."""


@dataclass(frozen=True)
class KalibrCamera:
    """One camera of a chain.

    Attributes:
        name: ``cam0``, ``cam1``, ...
        topic: that its pictures had; empty where the file does not say.
        lens: its intrinsics.
        from_previous: ``T_cam_previous``, None for the first camera.
        from_imu: ``T_cam_imu``, where the file has it.
        imu_shift_s: the inertial sensor's time less the camera's, where the file has it.
    """

    name: str
    topic: str
    lens: Lens
    from_previous: Transform | None
    from_imu: Transform | None
    imu_shift_s: float | None


def read_kalibr(path: Path | str) -> tuple[KalibrCamera, ...]:
    """Return the cameras of a chain in their order.

    Raises:
        BadInputError: no such file, no chain, a key missing or of another form, or a model that is not known.
    """
    path = Path(path)
    try:
        loaded = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise BadInputError(f"{path}: no such calibration file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInputError(f"{path}: cannot be read as a calibration file ({' '.join(str(error).split())})") from error
    names = [name for name in loaded if str(name).startswith("cam")] if isinstance(loaded, Mapping) else []
    if not names:
        raise BadInputError(f"{path}: no Kalibr chain of cameras (it begins with cam0)")
    return tuple(_camera(str(name), loaded[name], path) for name in sorted(names, key=str))


def kalibr_infos(path: Path | str) -> dict[str, CameraInfo]:
    """Return ``left`` and ``right`` with their rectification for a chain of two, else each camera by its name.

    Raises:
        BadInputError: as ``read_kalibr``; or two cameras of different sizes, or not side by side.
    """
    cameras = read_kalibr(path)
    if len(cameras) != 2 or cameras[1].from_previous is None:
        return {camera.name: undistorted_info(camera.lens, frame_id=camera.name) for camera in cameras}
    (first, second), link = cameras, cameras[1].from_previous
    if (first.lens.width, first.lens.height) != (second.lens.width, second.lens.height):
        raise BadInputError(f"{path}: cam0 and cam1 have different sizes; a rectified pair has one")
    if -link.inverse().translation[0] > 0:  # the second camera stands left of the first
        first, second, link = second, first, link.inverse()
    turn = require("cv2", extra="vision").Rodrigues(link.matrix[:3, :3])[0].ravel()
    left, right = rectified_infos(first.lens, second.lens, turn, np.array(link.translation))
    return {"left": left, "right": right}


def _camera(name: str, entry: Any, path: Path) -> KalibrCamera:
    if not isinstance(entry, Mapping):
        raise BadInputError(f"{path}: {name} is {entry!r}, expected a camera's keys")
    if entry.get("camera_model", "pinhole") != "pinhole":
        raise BadInputError(
            f"{path}: {name} has camera_model {entry['camera_model']!r}; pinhole is known (with distortion radtan or "
            "equidistant), so calibrate with that"
        )
    model = str(entry.get("distortion_model", "none"))
    if model not in MODELS:
        raise BadInputError(f"{path}: {name} has distortion_model {model!r}; known: {', '.join(MODELS)}")
    fx, fy, cx, cy = _numbers(entry, "intrinsics", 4, name, path)
    width, height = _numbers(entry, "resolution", 2, name, path)
    d = tuple(_floats(entry.get("distortion_coeffs") or [], "distortion_coeffs", name, path))
    lens = Lens(int(width), int(height), fx, fy, cx, cy, d, MODELS[model])
    check_units(lens.info(), subject=f"{path}: {name}")
    shift = entry.get("timeshift_cam_imu")
    return KalibrCamera(
        name=name,
        topic=str(entry.get("rostopic", "")).removeprefix("/"),
        lens=lens,
        from_previous=_transform(entry, "T_cn_cnm1", name, path),
        from_imu=_transform(entry, "T_cam_imu", name, path),
        imu_shift_s=None if shift is None else _floats([shift], "timeshift_cam_imu", name, path)[0],
    )


def _numbers(entry: Mapping[str, Any], key: str, count: int, name: str, path: Path) -> list[float]:
    found = _floats(entry.get(key), key, name, path)
    if len(found) != count:
        raise BadInputError(f"{path}: {key} of {name} has {len(found)} numbers, expected {count}")
    return found


def _floats(values: Any, key: str, name: str, path: Path) -> list[float]:
    if not isinstance(values, list) or not all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in values):
        raise BadInputError(f"{path}: {key} of {name} is {values!r}, expected a list of numbers")
    return [float(x) for x in values]


def _transform(entry: Mapping[str, Any], key: str, name: str, path: Path) -> Transform | None:
    if key not in entry:
        return None
    rows = entry[key]
    if not isinstance(rows, list) or len(rows) != 4:
        raise BadInputError(f"{path}: {key} of {name} is {rows!r}, expected four rows of four numbers")
    matrix: npt.NDArray[np.float64] = np.array([_numbers({key: row}, key, 4, name, path) for row in rows])
    try:
        return Transform.from_matrix(matrix)
    except BadInputError:
        raise BadInputError(f"{path}: {key} of {name} is not a rigid transform: {matrix.tolist()}") from None
