"""A unit's calibration as a YAML file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import msgspec
import yaml

from selfcue.config.yaml_file import read_yaml
from selfcue.sensors.imu.calibration import CalibrationReport, ImuCalibration


def read_imu_calibration(path: Path) -> ImuCalibration:
    """Return the calibration that a file holds.

    Raises:
        BadInputError: it cannot be read, or a key or value is wrong; the message names it.
    """
    return read_yaml(path, ImuCalibration, give="accel_matrix, accel_bias, gyro_bias")


def write_imu_calibration(path: Path, report: CalibrationReport) -> None:
    """Write a calibration, with its verdict as a comment."""
    held = msgspec.to_builtins(asdict(report.calibration))
    body = yaml.safe_dump(held, sort_keys=False, default_flow_style=None)
    path.write_text(f"# {report.verdict}\n{body}")
