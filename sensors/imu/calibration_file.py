"""A unit's calibration as a YAML file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import msgspec
import yaml

from selfcue.config.decode import decode
from selfcue.errors import BadInputError
from selfcue.sensors.imu.calibration import CalibrationReport, ImuCalibration


def read_imu_calibration(path: Path) -> ImuCalibration:
    """Return the calibration that a file holds.

    Raises:
        BadInputError: it cannot be read, or a key or value is wrong; the message names it.
    """
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInputError(f"{path} cannot be read ({' '.join(str(error).split())})") from error
    try:
        return decode(found, ImuCalibration)
    except ValueError as error:
        raise BadInputError(f"{path}: {str(error).lstrip('.')}") from error


def write_imu_calibration(path: Path, report: CalibrationReport) -> None:
    """Write a calibration, with its verdict as a comment."""
    held = msgspec.to_builtins(asdict(report.calibration))
    body = yaml.safe_dump(held, sort_keys=False, default_flow_style=None)
    path.write_text(f"# {report.verdict}\n{body}")
