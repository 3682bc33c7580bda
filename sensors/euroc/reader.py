"""EuRoC (ASL) recordings as a log: inertial data, pictures, tracker positions, ground truth, calibration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image, Imu, Odometry, Pose, Position, Transforms
from selfcue.record.entry import TopicInfo
from selfcue.sensors.euroc.sensor import BODY, AslSensor, read_sensor
from selfcue.sensors.images import read_image
from selfcue.sensors.streams import Stream, StreamReader
from selfcue.sensors.tables import numbers, read_rows, stamps
from selfcue.transforms import Transform

WORLD = "world"
_COLUMNS = {"imu": 7, "position": 4, "pose": 8, "visual-inertial": 17}


class EurocReader(StreamReader):
    """An ASL folder: ``mav0``, or one that holds it.

    Topics, after the folders' names: ``imu0`` (Imu), ``cam0/image`` (Image) with ``cam0/camera_info`` (latched),
    ``leica0`` (Position), ``vicon0`` (Pose), ``state_groundtruth_estimate0`` (Odometry: pose and velocity of the body;
    its turn rate is not estimated and NaN), ``tf_static`` (where each sensor sits on the body).

    Raises:
        BadInputError: no such layout, a missing or damaged table. Pictures are read when their turn comes.
    """

    looks_for: ClassVar[str] = "EuRoC: mav0 with imu0/data.csv or cam0/data.csv"
    time_base: ClassVar[str] = "the stamps of data.csv: nanoseconds since 1970 of the recording computer"

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        root = _find(self.path)
        if root is None:
            raise BadInputError(f"{self.path}: no EuRoC folder; looked for {self.looks_for}")
        streams: list[Stream] = []
        unknown: dict[str, TopicInfo] = {}
        for folder in sorted(one.parent for one in root.glob("*/data.csv")):
            sensor = read_sensor(folder)
            if sensor.kind == "camera":
                streams += _camera(sensor)
            elif sensor.kind in _COLUMNS:
                streams.append(_table(sensor))
            else:
                count = len(read_rows(folder / "data.csv", "the table"))
                unknown[sensor.name] = TopicInfo(sensor.name, "", f"ASL {sensor.kind or 'unknown'}", count, ())
        start_ns = min((int(one.stamps_ns.min()) for one in streams if len(one.stamps_ns)), default=0)
        descriptions = sorted(one.parent for one in root.glob("*/sensor.yaml"))
        places = [place for place in (read_sensor(one).transforms(start_ns) for one in descriptions) if place]
        if places:
            streams.append(_static(places, start_ns))
        self._take([replace(one, latched=True) if one.kind is CameraInfo else one for one in streams], unknown)

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` is an ASL folder."""
        return _find(path) is not None


def _find(path: Path) -> Path | None:
    for root in (path, path / "mav0"):
        if any(root.glob("imu*/data.csv")) or any(root.glob("cam*/data.csv")):
            return root
    return None


def _camera(sensor: AslSensor) -> Iterator[Stream]:
    table = sensor.folder / "data.csv"
    rows = read_rows(table, "the list of pictures")
    stamps_ns = stamps(rows, table, unit="ns")
    names = []
    for line, words in rows:
        if len(words) < 2 or not words[1] or Path(words[1]).name != words[1]:
            raise BadInputError(f"{table}: line {line} is not 'stamp, file name'")
        names.append(words[1])

    def read(i: int) -> Image:
        path = sensor.folder / "data" / names[i]
        return read_image(path, stamp_ns=int(stamps_ns[i]), frame_id=sensor.name)

    yield Stream(f"{sensor.name}/image", Image, stamps_ns, read, "ASL camera")
    if sensor.settings and len(stamps_ns):
        info = sensor.camera_info(int(stamps_ns.min()))
        first = np.array([info.stamp_ns], dtype=np.int64)
        yield Stream(f"{sensor.name}/camera_info", CameraInfo, first, lambda _: info, "ASL camera")


def _table(sensor: AslSensor) -> Stream:
    path = sensor.folder / "data.csv"
    rows = read_rows(path, "the table")
    stamps_ns = stamps(rows, path, unit="ns")
    longest = _COLUMNS[sensor.kind]
    # Ground truth comes with biases, or as a bare pose.
    count = longest if sensor.kind != "visual-inertial" or not rows or len(rows[0][1]) >= 11 else 8
    values = numbers(rows, range(1, min(count, 11)), path).tolist()
    schema = f"ASL {sensor.kind}"

    if sensor.kind == "imu":

        def imu(i: int) -> Imu:
            wx, wy, wz, ax, ay, az = values[i]
            return Imu(
                stamp_ns=int(stamps_ns[i]),
                frame_id=sensor.name,
                angular_velocity=(wx, wy, wz),
                linear_acceleration=(ax, ay, az),
            )

        return Stream(sensor.name, Imu, stamps_ns, imu, schema)
    if sensor.kind == "position":

        def position(i: int) -> Position:
            x, y, z = values[i]
            return Position(stamp_ns=int(stamps_ns[i]), frame_id=WORLD, position=(x, y, z))

        return Stream(sensor.name, Position, stamps_ns, position, schema)
    if count == 8:

        def pose(i: int) -> Pose:
            x, y, z, qw, qx, qy, qz = values[i]
            return Pose(stamp_ns=int(stamps_ns[i]), frame_id=WORLD, position=(x, y, z), orientation=(qx, qy, qz, qw))

        return Stream(sensor.name, Pose, stamps_ns, pose, schema)

    def odometry(i: int) -> Odometry:
        x, y, z, qw, qx, qy, qz, vx, vy, vz = values[i]
        turn = Transform(rotation=(qx, qy, qz, qw)).inverse()
        lx, ly, lz = turn.apply((vx, vy, vz)).tolist()  # the table's velocity is the world's, ours the body's
        return Odometry(
            stamp_ns=int(stamps_ns[i]),
            frame_id=WORLD,
            child_frame_id=BODY,
            position=(x, y, z),
            orientation=(qx, qy, qz, qw),
            linear_velocity=(lx, ly, lz),
            angular_velocity=(np.nan,) * 3,
        )

    return Stream(sensor.name, Odometry, stamps_ns, odometry, schema)


def _static(places: list[Transforms], stamp_ns: int) -> Stream:
    together = Transforms(
        stamp_ns=stamp_ns,
        stamps_ns=tuple(stamp_ns for _ in places),
        parents=tuple(parent for one in places for parent in one.parents),
        children=tuple(child for one in places for child in one.children),
        translations=tuple(value for one in places for value in one.translations),
        rotations=tuple(value for one in places for value in one.rotations),
    )
    stamps_ns = np.array([stamp_ns], dtype=np.int64)
    return Stream("tf_static", Transforms, stamps_ns, lambda _: together, "ASL T_BS", latched=True)
