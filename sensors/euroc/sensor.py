"""What ``sensor.yaml`` of an ASL folder says: kind, calibration, place on the body."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Transforms
from selfcue.transforms import Transform

_MODELS = {"radial-tangential": "plumb_bob", "equidistant": "equidistant"}
BODY = "body"


@dataclass(frozen=True)
class AslSensor:
    """One folder of a recording with its description.

    Attributes:
        folder: where its ``data.csv`` lies.
        kind: ``sensor_type``: camera, imu, position, pose, visual-inertial, ...
        on_body: ``T_body_sensor``; None where it is not said.
        settings: the whole description.
    """

    folder: Path
    kind: str
    on_body: Transform | None
    settings: dict[str, Any]

    @property
    def name(self) -> str:
        """The folder's name, which names topics and frames."""
        return self.folder.name

    def transforms(self, stamp_ns: int) -> Transforms | None:
        """Return the sensor's place on the body as a message; None where it is not said."""
        if self.on_body is None:
            return None
        return Transforms(
            stamp_ns=stamp_ns,
            stamps_ns=(stamp_ns,),
            parents=(BODY,),
            children=(self.name,),
            translations=(self.on_body.translation,),
            rotations=(self.on_body.rotation,),
        )

    def camera_info(self, stamp_ns: int) -> CameraInfo:
        """Return the calibration of a camera; the pictures are not rectified, so P repeats K.

        Raises:
            BadInputError: a key is missing or not usable.
        """
        path = self.folder / "sensor.yaml"
        try:
            width, height = (int(side) for side in self.settings["resolution"])
            fx, fy, cx, cy = (float(value) for value in self.settings["intrinsics"])
            model = str(self.settings["distortion_model"])
            d = tuple(float(value) for value in self.settings["distortion_coefficients"])
            if model not in _MODELS:
                raise BadInputError(f"{path}: distortion_model {model!r} is not known; known: {', '.join(_MODELS)}")
            return CameraInfo(
                stamp_ns=stamp_ns,
                frame_id=self.name,
                width=width,
                height=height,
                k=(fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0),
                p=(fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0),
                d=d if model != "radial-tangential" or len(d) != 4 else (*d, 0.0),
                distortion_model=_MODELS[model],
            )
        except KeyError as error:
            raise BadInputError(f"{path}: key {error} is missing; a camera's calibration needs it") from None
        except (TypeError, ValueError) as error:
            raise BadInputError(f"{path}: the camera's calibration is not usable ({error})") from error


def read_sensor(folder: Path) -> AslSensor:
    """Read ``sensor.yaml`` of ``folder``; a folder without one is known by its name alone (``cam0``, ``imu0``).

    Raises:
        BadInputError: it cannot be read, or is no description of a sensor.
    """
    path = folder / "sensor.yaml"
    if not path.is_file():
        return AslSensor(folder, _by_name(folder.name), None, {})
    try:
        # OpenCV writes "%YAML:1.0", which is no YAML
        lines = path.read_text().splitlines()
        found = yaml.safe_load("\n".join(line for line in lines if not line.startswith("%YAML:")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise BadInputError(f"{path}: the sensor's description cannot be read ({reason})") from error
    if not isinstance(found, dict):
        raise BadInputError(f"{path}: holds no keys; a sensor's description has sensor_type, T_BS, ...")
    return AslSensor(folder, str(found.get("sensor_type", _by_name(folder.name))), _place(found, path), found)


def _place(found: dict[str, Any], path: Path) -> Transform | None:
    if "T_BS" not in found:
        return None
    try:
        matrix = np.array(found["T_BS"]["data"], dtype=np.float64).reshape(4, 4)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{path}: T_BS is not a 4 x 4 matrix ({error})") from error
    try:
        return Transform.from_matrix(matrix)
    except BadInputError as error:
        raise BadInputError(f"{path}: T_BS: {' '.join(str(error).split())}") from error


def _by_name(name: str) -> str:
    for prefix, kind in (("cam", "camera"), ("imu", "imu"), ("leica", "position"), ("vicon", "pose")):
        if name.startswith(prefix):
            return kind
    return "visual-inertial" if "groundtruth" in name else ""
