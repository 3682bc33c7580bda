"""What the recorder records where a launch file does not say: the topics of our own tasks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Recorded:
    """How one topic is recorded.

    Attributes:
        type: name of its messages, as in ``selfcue.messages``.
        jpeg: quality (1 to 100) at which rgb8 and mono8 images are stored as JPEG; None: as they are.
        max_hz: at most so many messages a second of their stamps; None: all.
        png: level (0 to 9; 1 is quick) at which images of whole numbers are stored as PNG, without any loss; None: as
            they are.
        qos: what happens where the recorder is slow, as in a launch file; empty: ``reliable`` for what may be.
    """

    type: str
    jpeg: int | None = None
    max_hz: float | None = None
    png: int | None = None
    qos: str = ""


STANDARD_TOPICS: dict[str, Recorded] = {
    "stereo/left/image": Recorded("Image", jpeg=90, max_hz=5.0),
    "stereo/right/image": Recorded("Image", jpeg=90, max_hz=5.0),
    "stereo/left/camera_info": Recorded("CameraInfo"),
    "stereo/right/camera_info": Recorded("CameraInfo"),
    "imu": Recorded("Imu"),
    "odom": Recorded("Odometry"),
    "contact": Recorded("Contact"),
    "lidar/points": Recorded("PointCloud", max_hz=2.0),
    "lidar/depth": Recorded("Image", max_hz=2.0),
    "truth/nearest": Recorded("Truth"),
    "truth/depth": Recorded("Image", max_hz=1.0),
    "truth/map": Recorded("WorldMap"),
    "depth/trusted": Recorded("Estimate", max_hz=1.0),
    "depth/student": Recorded("Estimate", max_hz=1.0),
    "depth/status": Recorded("LearnerStatus"),
    "trust/stereo": Recorded("Trust"),
    "cmd/wish": Recorded("VelocityCommand"),
    "cmd/safe": Recorded("SafeCommand"),
    "agent/status": Recorded("AgentStatus"),
    "journal": Recorded("JournalEvent"),
}
"""Everything small in full; pictures and depth at a rate that keeps ten minutes under some hundred megabytes."""
