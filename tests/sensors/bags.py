"""Small ROS bags of both generations, made with rosbags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Writer2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

SECOND = 1_000_000_000
TRANSFORMS = "tf2_msgs/msg/TFMessage"
START = 1_700_000_000 * SECOND


class Bag:
    """Writes small bags: pose at 10 Hz, a static transform without stamp, calibration, a picture, an unknown type."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.store = get_typestore(Stores.ROS1_NOETIC if generation == 1 else Stores.ROS2_HUMBLE)
        if TRANSFORMS not in self.store.types:
            self.store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", TRANSFORMS))

    def make(self, name: str, **fields: Any) -> Any:
        return self.store.types[name](**fields)

    def header(self, stamp_ns: int, frame_id: str) -> Any:
        stamp = self.make("builtin_interfaces/msg/Time", sec=stamp_ns // SECOND, nanosec=stamp_ns % SECOND)
        extra = {"seq": 3} if self.generation == 1 else {}
        return self.make("std_msgs/msg/Header", stamp=stamp, frame_id=frame_id, **extra)

    def pose(self, stamp_ns: int) -> Any:
        position = self.make("geometry_msgs/msg/Point", x=1.0, y=2.0, z=stamp_ns % SECOND / SECOND)
        turn = self.make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0)
        pose = self.make("geometry_msgs/msg/Pose", position=position, orientation=turn)
        return self.make("geometry_msgs/msg/PoseStamped", header=self.header(stamp_ns, "map"), pose=pose)

    def static(self) -> Any:
        transform = self.make(
            "geometry_msgs/msg/Transform",
            translation=self.make("geometry_msgs/msg/Vector3", x=0.5, y=0.0, z=0.0),
            rotation=self.make("geometry_msgs/msg/Quaternion", x=0.0, y=0.0, z=0.0, w=1.0),
        )
        one = self.make(
            "geometry_msgs/msg/TransformStamped",
            header=self.header(0, "base_link"),
            child_frame_id="laser",
            transform=transform,
        )
        return self.make(TRANSFORMS, transforms=[one])

    def calibration(self, stamp_ns: int) -> Any:
        eye = np.array([40.0, 0, 2, 0, 40.0, 1, 0, 0, 1])
        names = ("D", "K", "R", "P") if self.generation == 1 else ("d", "k", "r", "p")
        arrays = (np.zeros(5), eye, np.eye(3).ravel(), np.array([40.0, 0, 2, 0, 0, 40.0, 1, 0, 0, 0, 1, 0]))
        region = self.make(
            "sensor_msgs/msg/RegionOfInterest", x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
        )
        return self.make(
            "sensor_msgs/msg/CameraInfo",
            header=self.header(stamp_ns, "cam"),
            height=3,
            width=4,
            distortion_model="plumb_bob",
            binning_x=0,
            binning_y=0,
            roi=region,
            **dict(zip(names, arrays, strict=True)),
        )

    def picture(self, stamp_ns: int) -> Any:
        return self.make(
            "sensor_msgs/msg/Image",
            header=self.header(stamp_ns, "cam"),
            height=3,
            width=4,
            encoding="mono8",
            is_bigendian=0,
            step=4,
            data=np.arange(12, dtype=np.uint8),
        )

    def write(self, path: Path, *, clock_ns: int = 0, storage: StoragePlugin = StoragePlugin.SQLITE3) -> Path:
        """Record everything ``clock_ns`` after its stamp."""
        entries = [("/tf_static", TRANSFORMS, START, self.static())]
        for i in range(20):
            stamp = START + i * SECOND // 10
            entries.append(("/pose", "geometry_msgs/msg/PoseStamped", stamp, self.pose(stamp)))
            if i % 5 == 0:
                entries.append(("/cam/camera_info", "sensor_msgs/msg/CameraInfo", stamp, self.calibration(stamp)))
                entries.append(("/cam/image", "sensor_msgs/msg/Image", stamp, self.picture(stamp)))
                text = self.make("std_msgs/msg/String", data="hello")
                entries.append(("/chatter", "std_msgs/msg/String", stamp, text))
        writer: Any = Writer1(path) if self.generation == 1 else Writer2(path, version=9, storage_plugin=storage)
        with writer:
            connections = {}
            for topic, kind, log_ns, message in entries:
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=self.store)
                pack = self.store.serialize_ros1 if self.generation == 1 else self.store.serialize_cdr
                writer.write(connections[topic], log_ns + clock_ns, pack(message, kind))
        return path


def written(tmp_path: Path, generation: int, **settings: Any) -> Path:
    return Bag(generation).write(tmp_path / ("a.bag" if generation == 1 else "a"), **settings)
