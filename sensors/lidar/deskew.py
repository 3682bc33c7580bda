"""A turn as if all its points had been measured at one moment."""

from __future__ import annotations

import msgspec
import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import PointCloud
from selfcue.sensors.lidar.cloud import checked_points
from selfcue.sensors.lidar.motion import Motion, relative, rotate
from selfcue.transforms import Transform

SLACK_NS = 20_000_000
"""So far beyond its ends a motion may be asked: a turn's last points come just after the last pose."""


def span_ns(cloud: PointCloud) -> tuple[int, int]:
    """Return the moments of a cloud's first and last point. Raises BadInputError where it does not say them."""
    if cloud.time_s is None:
        raise BadInputError("the cloud does not say when each point was measured (time_s); it cannot be deskewed")
    if not len(cloud.time_s):
        return cloud.stamp_ns, cloud.stamp_ns
    first_s, last_s = float(cloud.time_s.min()), float(cloud.time_s.max())
    return cloud.stamp_ns + round(first_s * 1e9), cloud.stamp_ns + round(last_s * 1e9)


def deskew(
    cloud: PointCloud, motion: Motion, T_moving_lidar: Transform | None = None, *, at_ns: int | None = None
) -> PointCloud:
    """Return the cloud as the sensor would have seen it from where it was at one moment.

    A point p that was measured at t goes to T(at)^-1 T(t) p, T being the LiDAR's pose.

    Args:
        cloud: with ``time_s``, in the LiDAR's frame.
        motion: of the thing that the LiDAR is mounted on. A gyroscope's knows rotation alone; it needs the rotation of
            ``T_moving_lidar`` only.
        T_moving_lidar: from the LiDAR's frame to that thing's.
        at_ns: the moment; default: the cloud's stamp.

    Returns:
        The cloud, stamped ``at_ns``, all its ``time_s`` 0.

    Raises:
        BadInputError: no ``time_s``, or the motion does not cover the cloud.
    """
    first_ns, last_ns = span_ns(cloud)
    at_ns = cloud.stamp_ns if at_ns is None else at_ns
    if not motion.covers(min(first_ns, at_ns), max(last_ns, at_ns), SLACK_NS):
        lacks_s = max(motion.stamps_ns[0] - min(first_ns, at_ns), max(last_ns, at_ns) - motion.stamps_ns[-1]) * 1e-9
        raise BadInputError(f"the motion does not cover the cloud: {lacks_s:.3f} s of it are missing")
    assert cloud.time_s is not None
    mount = T_moving_lidar or Transform()
    times_s, of = np.unique(cloud.time_s, return_inverse=True)
    stamps_ns = cloud.stamp_ns + np.rint(times_s.astype(np.float64) * 1e9).astype(np.int64)
    positions, rotations = motion.at(np.concatenate([[np.int64(at_ns)], stamps_ns]))
    shift, turn = relative(positions[1:], rotations[1:], positions[0], rotations[0])
    mounted = mount.apply(checked_points(cloud.points))
    moved = mount.inverse().apply(rotate(turn[of], mounted) + shift[of])
    return msgspec.structs.replace(
        cloud, stamp_ns=at_ns, points=moved.astype(np.float32), time_s=np.zeros_like(cloud.time_s)
    )
