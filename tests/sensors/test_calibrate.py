"""docs/calibrate.md: its code runs as it stands there, and its commands are ours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

from selfcue.sensors.calibrate.commands import app
from selfcue.sensors.calibration import rectified_pair, write_camera_info


@pytest.fixture
def page() -> str:
    return (Path(__file__).resolve().parents[2] / "docs" / "calibrate.md").read_text()


def test_its_code_rectifies_both_eyes(page: str, tmp_path: Path) -> None:
    for side, info in zip(
        ("left", "right"),
        rectified_pair(width=32, height=24, fx_px=30.0, cx_px=15.5, cy_px=11.5, baseline_m=0.1),
        strict=True,
    ):
        write_camera_info(tmp_path / f"{side}.yaml", info)
    (code,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    both = np.arange(24 * 64, dtype=np.uint16).reshape(24, 64)
    left, right = names["rectified"](both, tmp_path)
    np.testing.assert_array_equal(np.hstack([left, right]), both)


def test_its_commands_and_options_exist(page: str) -> None:
    group: Any = get_command(app)
    shown = re.findall(r"^selfcue calibrate (\S+) (.*)$", page, re.MULTILINE)
    assert (
        {name for name, _ in shown} == {"board", "camera", "stereo", "imu-camera", "from-kalibr"} == set(group.commands)
    )
    for name, words in shown:
        options = {option for parameter in group.commands[name].params for option in parameter.opts}
        assert set(re.findall(r"--[\w-]+", words)) <= options
    every = {option for one in group.commands.values() for parameter in one.params for option in parameter.opts}
    assert set(re.findall(r"`(--[\w-]+)", page)) <= every
