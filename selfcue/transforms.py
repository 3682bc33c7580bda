"""Rigid transforms between frames: ``T_parent_child`` takes a point from child to parent coordinates.

Names chain by their neighbours: ``T_map_camera = T_map_base @ T_base_camera``. Rotations are unit quaternions
(x, y, z, w) as in ROS. The tree interpolates moving transforms in time: positions linearly, rotations along the
shortest arc (slerp; Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985).
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Odometry, Quaternion, Vector3
from selfcue.timeline import Timeline

_IDENTITY: Quaternion = (0.0, 0.0, 0.0, 1.0)
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Transform:
    """``T_parent_child``: rotate, then translate.

    Attributes:
        translation: the child's origin in the parent [m].
        rotation: quaternion x, y, z, w; made a unit on the way in.

    Raises:
        BadInputError: a quaternion of length 0, or anything that is not finite.
    """

    translation: Vector3 = (0.0, 0.0, 0.0)
    rotation: Quaternion = _IDENTITY

    def __post_init__(self) -> None:
        length = math.sqrt(sum(part * part for part in self.rotation))
        if not (length > 1e-9 and math.isfinite(length) and all(map(math.isfinite, self.translation))):
            raise BadInputError(f"no rigid transform: translation {self.translation}, rotation {self.rotation}")
        x, y, z, w = (part / length for part in self.rotation)
        object.__setattr__(self, "rotation", (x, y, z, w))

    @staticmethod
    def from_matrix(matrix: Floats) -> Transform:
        """Return the transform of a homogeneous ``(4, 4)`` matrix. Raises BadInputError where it is none."""
        turn = np.asarray(matrix, dtype=np.float64)[:3, :3]
        if (
            np.shape(matrix) != (4, 4)
            or not np.allclose(turn @ turn.T, np.eye(3), atol=1e-6)
            or np.linalg.det(turn) < 0
        ):
            raise BadInputError(f"not a rigid (4, 4) transform:\n{matrix}")
        # The largest of the four squared parts is safe to divide by.
        trace = np.trace(turn)
        squares = np.array([*(1 + 2 * np.diag(turn) - trace), 1 + trace]) / 4
        i = int(np.argmax(squares))
        part = math.sqrt(squares[i])
        skew = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
        q = np.empty(4)
        if i == 3:
            q[:3], q[3] = skew / (4 * part), part
        else:
            q[:3] = (turn[i] + turn[:, i]) / (4 * part)
            q[i], q[3] = part, skew[i] / (4 * part)
        x, y, z = (float(one) for one in matrix[:3, 3])
        return Transform((x, y, z), (float(q[0]), float(q[1]), float(q[2]), float(q[3])))

    @property
    def matrix(self) -> Floats:
        """The homogeneous ``(4, 4)`` matrix."""
        x, y, z, w = self.rotation
        found = np.eye(4)
        found[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
        found[:3, 3] = self.translation
        return found

    def apply(self, points: npt.ArrayLike) -> Floats:
        """Return ``points`` ``(..., 3)`` of the child in parent coordinates."""
        matrix = self.matrix
        moved: Floats = np.asarray(points, dtype=np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
        return moved

    def __matmul__(self, other: Transform) -> Transform:
        """Return ``T_a_c`` of ``T_a_b @ T_b_c``."""
        x, y, z = (float(part) for part in self.apply(other.translation))
        return Transform((x, y, z), _times(self.rotation, other.rotation))

    def inverse(self) -> Transform:
        """Return ``T_child_parent``."""
        x, y, z, w = self.rotation
        back = Transform((0.0, 0.0, 0.0), (-x, -y, -z, w))
        tx, ty, tz = (-float(part) for part in back.apply(self.translation))
        return Transform((tx, ty, tz), back.rotation)

    def towards(self, other: Transform, share: float) -> Transform:
        """Return what lies ``share`` (0 to 1) of the way to ``other``."""
        x, y, z = (a + (b - a) * share for a, b in zip(self.translation, other.translation, strict=True))
        return Transform((x, y, z), slerp(self.rotation, other.rotation, share))

    def angle_to(self, other: Transform) -> float:
        """Return the angle between both rotations [rad], 0 to pi."""
        dot = abs(sum(a * b for a, b in zip(self.rotation, other.rotation, strict=True)))
        return 2.0 * math.acos(min(1.0, dot))


def slerp(a: Quaternion, b: Quaternion, share: float) -> Quaternion:
    """Return what lies ``share`` of the way from unit quaternion ``a`` to ``b``, at constant speed on the short arc."""
    dot = sum(p * q for p, q in zip(a, b, strict=True))
    sign = 1.0 if dot >= 0 else -1.0  # b and -b are one rotation
    angle = math.acos(min(1.0, dot * sign))
    if angle < 1e-6:
        left, right = 1.0 - share, share * sign
    else:
        left = math.sin((1.0 - share) * angle) / math.sin(angle)
        right = math.sin(share * angle) / math.sin(angle) * sign
    x, y, z, w = (left * p + right * q for p, q in zip(a, b, strict=True))
    length = math.sqrt(x * x + y * y + z * z + w * w)
    return x / length, y / length, z / length, w / length


def _times(a: Quaternion, b: Quaternion) -> Quaternion:
    (ax, ay, az, aw), (bx, by, bz, bw) = a, b
    return (
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    )


class TransformTree:
    """Who stands where to whom: fixed transforms, and moving ones with their past.

    Args:
        keep_s: how much of the past of a moving transform is kept.
        reach_s: how far before its first or after its last moment a transform may still be asked for (it is held).
    """

    def __init__(self, *, keep_s: float = 10.0, reach_s: float = 0.1) -> None:
        self._keep_s, self._reach_s = keep_s, reach_s
        self._parent: dict[str, str] = {}
        self._fixed: dict[str, Transform] = {}
        self._moving: dict[str, Timeline[Transform]] = {}

    @property
    def frames(self) -> list[str]:
        """All frames, sorted."""
        return sorted({*self._parent, *self._parent.values()})

    @property
    def jumps(self) -> int:
        """How often the time of a moving transform went back, and its past was forgotten."""
        return sum(moving.jumps for moving in self._moving.values())

    def fix(self, parent: str, child: str, transform: Transform) -> None:
        """Set the fixed ``T_parent_child``. Raises BadInputError: another parent, a circle, or it moves already."""
        if child in self._moving:
            raise BadInputError(f"frame {child!r} moves in {parent!r}; it cannot be fixed there too")
        self._join(parent, child)
        self._fixed[child] = transform

    def move(self, parent: str, child: str, stamp_ns: int, transform: Transform) -> None:
        """Add ``T_parent_child`` at ``stamp_ns``. Raises BadInputError: another parent, a circle, or it is fixed."""
        if child in self._fixed:
            raise BadInputError(f"frame {child!r} is fixed in {parent!r}; it cannot move there too")
        self._join(parent, child)
        if child not in self._moving:
            self._moving[child] = Timeline(Transform.towards, keep_s=self._keep_s, reach_s=self._reach_s)
        self._moving[child].add(stamp_ns, transform)

    def take(self, odometry: Odometry) -> None:
        """Add the pose of an odometry message."""
        pose = Transform(odometry.position, odometry.orientation)
        self.move(odometry.frame_id, odometry.child_frame_id, odometry.stamp_ns, pose)

    def between(self, parent: str, child: str, stamp_ns: int) -> Transform:
        """Return ``T_parent_child`` at ``stamp_ns`` for any two frames of one tree.

        Raises:
            BadInputError: an unknown frame, frames that nothing connects, or a time that is not covered.
        """
        up, down = self._upwards(parent), self._upwards(child)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            raise BadInputError(f"frames {parent!r} and {child!r} hang in different trees: {up[-1]!r} and {down[-1]!r}")
        T_common_parent = self._down_from(common, up, stamp_ns)
        return T_common_parent.inverse() @ self._down_from(common, down, stamp_ns)

    def _down_from(self, common: str, upwards: list[str], stamp_ns: int) -> Transform:
        """Return ``T_common_first`` along the frames of ``upwards``, whose first is the lowest."""
        found = Transform()
        for frame in reversed(upwards[: upwards.index(common)]):
            found = found @ self._step(frame, stamp_ns)
        return found

    def _step(self, child: str, stamp_ns: int) -> Transform:
        fixed = self._fixed.get(child)
        if fixed is not None:
            return fixed
        try:
            return self._moving[child].at(stamp_ns)
        except BadInputError as error:
            raise BadInputError(f"T_{self._parent[child]}_{child}: {error}") from error

    def _upwards(self, frame: str) -> list[str]:
        if frame not in self._parent and frame not in self._parent.values():
            close = difflib.get_close_matches(frame, self.frames, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(self.frames) or 'none'}"
            raise BadInputError(f"no frame {frame!r}; {hint}")
        path = [frame]
        while path[-1] in self._parent:
            path.append(self._parent[path[-1]])
        return path

    def _join(self, parent: str, child: str) -> None:
        known = self._parent.get(child)
        if known == parent:
            return
        if known is not None:
            raise BadInputError(f"frame {child!r} hangs on {known!r}; it cannot hang on {parent!r} too")
        if not parent or not child or child == parent or child in self._ancestors(parent):
            raise BadInputError(f"frame {child!r} on {parent!r} would close a circle, or one of the names is empty")
        self._parent[child] = parent

    def _ancestors(self, frame: str) -> set[str]:
        found: set[str] = set()
        while frame in self._parent:
            frame = self._parent[frame]
            found.add(frame)
        return found
