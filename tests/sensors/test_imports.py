"""The room stays light: what is not used is not loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = (
    "selfcue.sensors",
    "selfcue.sensors.calibration",
    "selfcue.sensors.synchroniser",
    "selfcue.sensors.readers",
    "selfcue.sensors.player_node",
    "selfcue.sensors.camera.node",
    "selfcue.sensors.kitti.reader",
    "selfcue.sensors.stereo.node",
)


@pytest.mark.parametrize("heavy", ["cv2", "torch", "open3d", "mujoco", "scipy", "matplotlib"])
def test_importing_the_room_loads_nothing_heavy(heavy: str) -> None:
    code = f"import sys, {', '.join(LIGHT)}; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
