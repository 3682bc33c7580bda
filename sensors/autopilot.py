"""Units and axes of autopilots: aircraft axes (x forward, y right, z down) into ours (x forward, y left, z up)."""

from __future__ import annotations

from selfcue.messages import Vector3

STANDARD_GRAVITY = 9.80665
"""m/s^2 in one g."""
TESLA_PER_GAUSS = 1e-4
UNAUGMENTED_FIX, AUGMENTED_FIX, NO_FIX = 0, 2, -1


def forward_left_up(x: float, y: float, z: float, scale: float = 1.0) -> Vector3:
    """Return a vector of aircraft axes, times ``scale``, in ours."""
    return (float(x) * scale, -float(y) * scale, -float(z) * scale)


def fix_status(fix_type: int) -> int:
    """Return ROS's ``NavSatStatus`` of MAVLink's and PX4's fix type (0, 1 none; 2, 3 plain; 4 and more corrected)."""
    if fix_type < 2:
        return NO_FIX
    return UNAUGMENTED_FIX if fix_type < 4 else AUGMENTED_FIX
