"""What the status page shows, gathered from messages: a bounded picture of now, and a short past."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np

from selfcue.messages import (
    AgentStatus,
    Contact,
    Estimate,
    Image,
    JournalEvent,
    LearnerStatus,
    Message,
    Odometry,
    Pose,
    Position,
    Trust,
    WorldMap,
)
from selfcue.view.glance import Glance, sentence
from selfcue.view.overview import Overview, plain_number
from selfcue.view.picture import Rgb, coloured, png, shrunk

PATH_POINTS = 1500
CURVE_POINTS = 600
EVENTS = 40
MAX_PICTURES = 12
_PATH_STEP_M = 0.03


class Curve:
    """A figure over time in at most ``CURVE_POINTS`` points: when they are full, every second one goes."""

    def __init__(self) -> None:
        self.points: list[tuple[float, float]] = []
        self._stride, self._seen = 1, 0

    def add(self, at_s: float, value: float) -> None:
        if self._seen % self._stride == 0:
            self.points.append((round(at_s, 2), float(f"{value:.5g}")))
            if len(self.points) > CURVE_POINTS:
                self.points = self.points[::2]
                self._stride *= 2
        self._seen += 1


class Board:
    """Feed it from one thread; ask it from any."""

    def __init__(self, title: str = "") -> None:
        self.title = title
        self._lock = threading.Lock()
        self._overview, self._glance = Overview(), Glance()
        self._events: deque[tuple[float, str, str]] = deque(maxlen=EVENTS)
        self._trust: dict[str, Trust] = {}
        self._curves: dict[str, Curve] = {}
        self._path: deque[tuple[float, float]] = deque(maxlen=PATH_POINTS)
        self._contacts: deque[tuple[float, float]] = deque(maxlen=EVENTS)
        self._heading: tuple[float, float, float, float] | None = None
        self._outlines: list[list[tuple[float, float]]] = []
        self._pictures: dict[str, tuple[int, Image | Estimate]] = {}
        self._present: tuple[str, ...] = ()
        self._count = 0

    def present(self, names: Iterable[str]) -> None:
        """Say which processes there are, heard or not."""
        with self._lock:
            self._present = tuple(names)

    def take(self, topic: str, message: Message) -> None:
        """Take in one message of ``topic``."""
        with self._lock:
            self._count += 1
            self._overview.take(message)
            self._glance.take(message)
            if isinstance(message, Image | Estimate):
                if topic in self._pictures or len(self._pictures) < MAX_PICTURES:
                    self._pictures[topic] = (self._count, message)
            elif isinstance(message, Odometry):
                self._turn(message)
                self._move(message)
            elif isinstance(message, Pose | Position) and self._heading is None:  # odometry knows better
                self._move(message)
            elif isinstance(message, LearnerStatus):
                for name, value in self._glance.skill().items():
                    self._curves.setdefault(name, Curve()).add(message.stamp_ns * 1e-9, value)
            elif isinstance(message, JournalEvent):
                self._events.append((message.stamp_ns * 1e-9, message.kind, sentence(message)))
            elif isinstance(message, Trust):
                self._trust[message.cue] = message
            elif isinstance(message, WorldMap):
                self._outlines = [[(x, y) for x, y in outline] for outline in message.outlines.values()]
            elif isinstance(message, Contact):
                self._contacts.append((message.position[0], message.position[1]))

    def _turn(self, message: Odometry) -> None:
        x, y, _ = message.position
        qx, qy, qz, qw = message.orientation
        self._heading = (x, y, 1.0 - 2.0 * (qy * qy + qz * qz), 2.0 * (qw * qz + qx * qy))  # where its x axis points

    def _move(self, message: Odometry | Pose | Position) -> None:
        x, y, _ = message.position
        if not self._path or np.hypot(x - self._path[-1][0], y - self._path[-1][1]) > _PATH_STEP_M:
            self._path.append((round(x, 3), round(y, 3)))

    def state(self) -> dict[str, Any]:
        """Return everything but the pictures, as JSON can hold it."""
        with self._lock:
            agent, learner = self._glance.agent, self._glance.learner
            return {
                "title": self.title,
                "now_s": round(self._glance.seconds, 3),
                "messages": self._count,
                "processes": self._overview.processes(self._present),
                "health": self._overview.parts(),
                "rates": {topic: round(hz, 2) for topic, hz in sorted(self._glance.rates().items())},
                "cpu_cores": round(self._glance.cpu_cores(), 3),
                "rss_bytes": self._glance.rss_bytes(),
                "agent": _agent(agent),
                "learner": _learner(learner),
                "skill": {name: plain_number(value) for name, value in self._glance.skill().items()},
                "trust": [
                    {"cue": one.cue, "level": one.level, "reason": one.reason}
                    for one in sorted(self._trust.values(), key=lambda one: one.cue)
                ],
                "curves": {name: curve.points for name, curve in self._curves.items()},
                "events": [list(event) for event in reversed(self._events)],
                "map": {
                    "outlines": self._outlines,
                    "path": list(self._path),
                    "contacts": list(self._contacts),
                    "pose": self._heading,
                },
                "pictures": {topic: number for topic, (number, _) in sorted(self._pictures.items())},
            }

    def picture(self, topic: str) -> bytes | None:
        """Return the newest picture of ``topic`` as PNG; None where there is none."""
        with self._lock:
            found = self._pictures.get(topic)
        return None if found is None else png(shrunk(_pixels(found[1])))


def _agent(status: AgentStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    return {"state": status.state, "phase": status.phase, "reason": status.reason, "counts": status.counts}


def _learner(status: LearnerStatus | None) -> dict[str, Any] | None:
    if status is None:
        return None
    names = ("pair", "trust", "ready", "ready_fast", "frozen", "counts", "model_id")
    return {name: getattr(status, name) for name in names}


def _pixels(message: Image | Estimate) -> Rgb:
    if isinstance(message, Estimate):
        value = np.atleast_2d(message.value)
        return _by_range(value, np.atleast_2d(message.valid) & np.isfinite(value))
    if message.data.dtype == np.uint8:
        return np.asarray(message.data)
    value = message.data.astype(np.float32)
    seen = np.isfinite(value) & (value > 0)
    with np.errstate(divide="ignore"):
        near = np.where(seen, 1.0 / value, 0.0)  # near is light, as in an estimate of inverse depth
    return _by_range(near if message.encoding == "32FC1" else value, seen)


def _by_range(value: np.ndarray, valid: np.ndarray) -> Rgb:
    some = value[valid]
    low, high = (0.0, float(np.percentile(some, 98))) if some.size else (0.0, 1.0)
    return coloured(value, valid, low, high)
