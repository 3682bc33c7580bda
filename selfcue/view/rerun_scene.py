"""What each message is in Rerun: an entity named after its topic, with pictures, points, paths, curves and words."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from selfcue.measurements import (
    Audio,
    CompressedImage,
    LaserScan,
    MagneticField,
    NavSatFix,
    Pose,
    Position,
    Scalars,
    Transforms,
    Twist,
    Vector,
)
from selfcue.messages import (
    AgentStatus,
    CameraInfo,
    Contact,
    Estimate,
    Image,
    Imu,
    JournalEvent,
    LearnerStatus,
    Message,
    NodeHealth,
    Odometry,
    PointCloud,
    SafeCommand,
    Trust,
    Truth,
    VelocityCommand,
    WorldMap,
)
from selfcue.view.glance import sentence
from selfcue.view.picture import coloured

Drawn = Iterator[tuple[str, Any]]
JPEG_QUALITY = 85
PATH_POINTS = 3000
_PATH_STEP_M = 0.03
_PATH_PERIOD_NS = 500_000_000
_LEVELS = {"ok": 2.0, "suspect": 1.0, "lost": 0.0}


class RerunScene:
    """Turns messages into Rerun's archetypes; remembers the path that was gone and what was said already.

    Args:
        rerun: the module ``rerun``.
        jpeg: send 8-bit pictures as JPEG: a twentieth of the bytes, for milliseconds of time.
    """

    def __init__(self, rerun: Any, *, jpeg: bool = True) -> None:
        self._rr, self._jpeg = rerun, jpeg
        self._paths: dict[str, deque[tuple[float, float, float]]] = {}
        self._drew_ns: dict[str, int] = {}
        self._said: dict[str, str] = {}
        self._kinds: dict[type[Message], Callable[[str, Any], Drawn]] = {
            Image: self._image,
            CompressedImage: self._compressed,
            CameraInfo: self._camera,
            Estimate: self._estimate,
            PointCloud: self._points,
            LaserScan: self._scan,
            Odometry: self._pose,
            Pose: self._pose,
            Position: self._position,
            Transforms: self._transforms,
            WorldMap: self._map,
            Contact: self._contact,
            NavSatFix: self._fix,
            LearnerStatus: self._learner,
            Trust: self._trust,
            AgentStatus: self._agent,
            JournalEvent: self._event,
            NodeHealth: self._health,
            Imu: lambda topic, m: self._vectors(topic, m, ("angular_velocity", "linear_acceleration")),
            Twist: lambda topic, m: self._vectors(topic, m, ("linear", "angular")),
            VelocityCommand: lambda topic, m: self._vectors(topic, m, ("linear", "yaw_rate")),
            SafeCommand: lambda topic, m: self._vectors(topic, m, ("linear", "yaw_rate")),
            Truth: lambda topic, m: self._numbers(
                topic, {"corridor_m": m.corridor_nearest_m, "clear_m": m.clearance_m}
            ),
            Vector: lambda topic, m: self._vectors(topic, m, ("vector",)),
            MagneticField: lambda topic, m: self._vectors(topic, m, ("field",)),
            Scalars: lambda topic, m: self._numbers(topic, m.values),
            Audio: self._sound,
        }

    def draw(self, topic: str, message: Message) -> Drawn | None:
        """Return what to log, pairs of entity and archetype; None where there is nothing for its type."""
        kind = self._kinds.get(type(message))
        return None if kind is None else kind(topic, message)

    # -- pictures --------------------------------------------------------------------------------------------------

    def _image(self, topic: str, message: Image) -> Drawn:
        if message.encoding == "32FC1":
            yield topic, self._rr.DepthImage(np.nan_to_num(message.data, nan=0.0, posinf=0.0, neginf=0.0), meter=1.0)
        elif message.encoding in ("rgb8", "mono8"):
            picture = self._rr.Image(message.data, "RGB" if message.data.ndim == 3 else "L")
            yield topic, picture.compress(jpeg_quality=JPEG_QUALITY) if self._jpeg else picture
        else:
            yield topic, self._rr.Image(message.data, "L" if message.data.ndim == 2 else "RGB")

    def _compressed(self, topic: str, message: CompressedImage) -> Drawn:
        media = "image/png" if "png" in message.format else "image/jpeg"
        yield topic, self._rr.EncodedImage(contents=message.data.tobytes(), media_type=media)

    def _camera(self, topic: str, message: CameraInfo) -> Drawn:
        above = topic.rpartition("/")[0] or topic
        matrix = np.array(message.k, dtype=np.float32).reshape(3, 3)
        yield above, self._rr.Pinhole(image_from_camera=matrix, resolution=[message.width, message.height])

    def _estimate(self, topic: str, message: Estimate) -> Drawn:
        yield f"{topic}/confidence", self._rr.Scalars(message.confidence)
        if message.value.ndim != 2:
            yield f"{topic}/value", self._rr.Scalars(np.asarray(message.value, dtype=np.float64).reshape(-1)[:8])
            return
        valid = np.asarray(message.valid, dtype=np.bool_) & np.isfinite(message.value)
        high = float(np.percentile(message.value[valid], 98)) if valid.any() else 1.0
        picture = self._rr.Image(coloured(message.value, valid, 0.0, high), "RGB")  # inverse depth: near is light
        yield topic, picture.compress(jpeg_quality=JPEG_QUALITY) if self._jpeg else picture

    # -- space -----------------------------------------------------------------------------------------------------

    def _points(self, topic: str, message: PointCloud) -> Drawn:
        seen = np.isfinite(message.points).all(axis=1)
        light = np.asarray(message.intensity, dtype=np.float64)[seen]
        top = float(np.percentile(light, 98)) if light.size else 1.0
        grey = np.clip(40.0 + 215.0 * light / max(top, 1e-9), 0, 255).astype(np.uint8)
        yield topic, self._rr.Points3D(message.points[seen], colors=np.repeat(grey[:, None], 3, axis=1))

    def _scan(self, topic: str, message: LaserScan) -> Drawn:
        angles = message.angle_min_rad + message.angle_step_rad * np.arange(len(message.ranges))
        seen = np.isfinite(message.ranges)
        x, y = message.ranges * np.cos(angles), message.ranges * np.sin(angles)
        yield topic, self._rr.Points3D(np.stack([x, y, np.zeros_like(x)], axis=1)[seen])

    def _pose(self, topic: str, message: Odometry | Pose) -> Drawn:
        turn = self._rr.Quaternion(xyzw=message.orientation)
        yield f"{topic}/body", self._rr.Transform3D(translation=message.position, quaternion=turn)
        yield f"{topic}/body", self._rr.TransformAxes3D(0.3)
        yield from self._path(topic, message.position, message.stamp_ns)

    def _position(self, topic: str, message: Position) -> Drawn:
        yield f"{topic}/body", self._rr.Points3D([message.position], radii=0.05)
        yield from self._path(topic, message.position, message.stamp_ns)

    def _path(self, topic: str, place: tuple[float, float, float], stamp_ns: int) -> Drawn:
        """Draw the path anew now and then: each time all of it, so not each time that something moves."""
        path = self._paths.setdefault(topic, deque(maxlen=PATH_POINTS))
        if not path or math.dist(place, path[-1]) > _PATH_STEP_M:
            path.append(place)
        if abs(stamp_ns - self._drew_ns.get(topic, -_PATH_PERIOD_NS)) >= _PATH_PERIOD_NS and len(path) > 1:
            self._drew_ns[topic] = stamp_ns
            yield f"{topic}/path", self._rr.LineStrips3D([list(path)], colors=[(0, 114, 178)])

    def _transforms(self, topic: str, message: Transforms) -> Drawn:  # noqa: ARG002 - named by its frames
        for parent, child, place, turn in zip(
            message.parents, message.children, message.translations, message.rotations, strict=True
        ):
            archetype = self._rr.Transform3D(translation=place, quaternion=self._rr.Quaternion(xyzw=turn))
            yield f"frames/{parent}/{child}".replace("//", "/"), archetype

    def _map(self, topic: str, message: WorldMap) -> Drawn:
        outlines = [[(x, y, 0.0) for x, y in outline] for outline in message.outlines.values() if len(outline) > 1]
        yield topic, self._rr.LineStrips3D(outlines, colors=[(90, 90, 90)])

    def _contact(self, topic: str, message: Contact) -> Drawn:
        yield topic, self._rr.Points3D([message.position], radii=0.1, colors=[(193, 39, 45)], labels=message.with_what)

    def _fix(self, topic: str, message: NavSatFix) -> Drawn:
        yield topic, self._rr.GeoPoints(lat_lon=[(message.latitude_deg, message.longitude_deg)])

    # -- curves and words ------------------------------------------------------------------------------------------

    def _learner(self, topic: str, message: LearnerStatus) -> Drawn:
        yield from self._numbers(f"{topic}/skill", message.skill)
        yield from self._numbers(f"{topic}/counts", {name: float(value) for name, value in message.counts.items()})
        ready = "ready" if message.ready else "ready (fast)" if message.ready_fast else "not ready"
        yield from self._say(topic, f"{ready}{', frozen' if message.frozen else ''}")

    def _trust(self, topic: str, message: Trust) -> Drawn:
        yield f"{topic}/level", self._rr.Scalars(_LEVELS[message.level])
        level = {"ok": "INFO", "suspect": "WARN", "lost": "ERROR"}[message.level]
        yield from self._say(topic, f"{message.cue} {message.level}: {message.reason}".rstrip(": "), level)

    def _agent(self, topic: str, message: AgentStatus) -> Drawn:
        yield from self._say(topic, f"{message.state}, {message.phase}{': ' if message.reason else ''}{message.reason}")

    def _event(self, topic: str, message: JournalEvent) -> Drawn:
        level = "ERROR" if message.kind == "fault" else "INFO"
        yield topic, self._rr.TextLog(sentence(message), level=level)

    def _health(self, topic: str, message: NodeHealth) -> Drawn:
        yield from self._numbers(
            f"{topic}/{message.host}", {"cores": message.cpu_share, "rss_mb": message.rss_bytes / 1e6}
        )

    def _sound(self, topic: str, message: Audio) -> Drawn:
        samples = np.asarray(message.samples, dtype=np.float64)
        yield f"{topic}/rms", self._rr.Scalars(float(np.sqrt(np.mean(samples * samples))) if samples.size else 0.0)

    def _vectors(self, topic: str, message: Message, fields: tuple[str, ...]) -> Drawn:
        for field in fields:
            yield f"{topic}/{field}", self._rr.Scalars(np.asarray(getattr(message, field), dtype=np.float64))

    def _numbers(self, topic: str, values: dict[str, float]) -> Drawn:
        for name, value in values.items():
            if math.isfinite(value):
                yield f"{topic}/{name}", self._rr.Scalars(value)

    def _say(self, topic: str, words: str, level: str = "INFO") -> Drawn:
        """Say what is new; the same again says nothing."""
        if self._said.get(topic) != words:
            self._said[topic] = words
            yield topic, self._rr.TextLog(words, level=level)
