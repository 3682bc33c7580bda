"""Reads the messages of a flight once, in order, and keeps only what table and pictures need."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from selfcue.corridor import CorridorConfig, Intrinsics, Size, estimate_score, intrinsics_of
from selfcue.messages import (
    AgentStatus,
    CameraInfo,
    Estimate,
    Image,
    JournalEvent,
    LearnerStatus,
    Message,
    Odometry,
    Truth,
    WorldMap,
)
from selfcue.report.depth_error import abs_rel, depth_of
from selfcue.report.moments import Moment, Moments
from selfcue.report.phases import CELL_M, Phase

NEAR_M = 1.2
"""Something is in the way where the nearest surface in the corridor is nearer than this."""

_KEPT_EVENTS = frozenset({"mode", "fault", "promotion", "rollback", "ready", "unready", "freeze", "drift"})
_NS = 1e9
_TRACK_S = 0.2
_SKILL_S = 1.0
_KEPT_S = 1.0


class TrackPoint(NamedTuple):
    """Where the body was, and in which state."""

    t_s: float
    x_m: float
    y_m: float
    state: str


class Event(NamedTuple):
    """Something from the journal, and where the body was."""

    t_s: float
    kind: str
    x_m: float
    y_m: float
    state: str
    detail: dict[str, Any]


@dataclass
class Comparison:
    """One moment at which student and truth were compared."""

    t_s: float
    abs_rel_student: float
    abs_rel_stereo: float


@dataclass
class FlightFigures:
    """All that a report needs to know of a flight; ``read`` fills it.

    Attributes:
        phases: by state of the agent.
        track: the way flown, five points a second.
        events: mode changes, overrides, misses, collisions, faults, and what the engine decided.
        skills: (seconds, prequential figures by name), one a second.
        comparisons: depth errors over time.
        outlines: ground plan, by name.
        moments: chosen pictures.
        counts: the agent's last counts.
        learner_counts: the engine's last counts.
        start_s, end_s: time of the first and last message.
    """

    corridor: CorridorConfig = field(default_factory=CorridorConfig)
    student_pessimism: float = 1.0
    phases: dict[str, Phase] = field(default_factory=dict)
    track: list[TrackPoint] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    skills: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    outlines: dict[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    moments: Moments = field(default_factory=Moments)
    counts: dict[str, int] = field(default_factory=dict)
    learner_counts: dict[str, int] = field(default_factory=dict)
    start_s: float = math.nan
    end_s: float = math.nan

    def __post_init__(self) -> None:
        self._state = "STEREO"
        self._camera: tuple[Intrinsics, Size] | None = None
        self._odometry: Odometry | None = None
        self._yaws: dict[int, float] = {}
        self._nearest: dict[int, float] = {}
        self._recent: dict[str, list[Message]] = {"truth": [], "trusted": [], "student": [], "image": []}
        self._compared_ns = -1

    def read(self, messages: Iterable[tuple[str, Message]]) -> FlightFigures:
        """Take in (topic, message) pairs in the order of time; return self."""
        for topic, message in messages:
            self.take(topic, message)
        return self

    def take(self, topic: str, message: Message) -> None:
        """Take in one message; topics that tell nothing of a flight are passed over."""
        t_s = message.stamp_ns / _NS
        self.start_s = t_s if math.isnan(self.start_s) else self.start_s
        self.end_s = t_s if math.isnan(self.end_s) else max(self.end_s, t_s)
        if isinstance(message, Odometry) and topic == "odom":
            self._take_odometry(message, t_s)
        elif isinstance(message, AgentStatus):
            self._state, self.counts = message.state, dict(message.counts)
        elif isinstance(message, JournalEvent):
            self._take_event(message, t_s)
        elif isinstance(message, LearnerStatus):
            self.learner_counts = dict(message.counts)
            if not self.skills or t_s - self.skills[-1][0] >= _SKILL_S:
                self.skills.append((t_s, dict(message.skill)))
        elif isinstance(message, WorldMap):
            self.outlines = dict(message.outlines)
        elif isinstance(message, CameraInfo):
            if topic == "stereo/left/camera_info":
                self._camera = intrinsics_of(message), (message.width, message.height)
        else:
            self._take_sight(topic, message)

    @property
    def _phase(self) -> Phase:
        return self.phases.setdefault(self._state, Phase())

    def _take_odometry(self, message: Odometry, t_s: float) -> None:
        x, y, _ = message.position
        phase = self._phase
        if self._odometry is not None:
            phase.seconds += max(0.0, t_s - self._odometry.stamp_ns / _NS)
        self._odometry = message
        phase.cells.add((math.floor(x / CELL_M), math.floor(y / CELL_M)))
        # Metres by the way's thinned points: steps of one tick would sum up the noise of the pose.
        if not self.track or t_s - self.track[-1].t_s >= _TRACK_S - 1e-6:
            if self.track:
                phase.metres += math.hypot(x - self.track[-1].x_m, y - self.track[-1].y_m)
            self.track.append(TrackPoint(t_s, x, y, self._state))
        qx, qy, qz, qw = message.orientation
        self._yaws[message.stamp_ns] = math.atan2(2 * (qw * qz + qx * qy), 1 - 2 * (qy * qy + qz * qz))
        _forget(self._yaws, message.stamp_ns)

    def _take_event(self, message: JournalEvent, t_s: float) -> None:
        phase = self._phase
        if message.kind == "collision":
            phase.collisions += 1
        elif message.kind == "override":
            phase.overrides += 1
        elif message.kind == "miss":
            phase.misses += 1
        elif message.kind not in _KEPT_EVENTS:
            return
        x, y = self._odometry.position[:2] if self._odometry else (math.nan, math.nan)
        self.events.append(Event(t_s, message.kind, x, y, self._state, dict(message.detail)))

    def _take_sight(self, topic: str, message: Message) -> None:
        if isinstance(message, Truth):
            self._nearest[message.stamp_ns] = message.corridor_nearest_m
            _forget(self._nearest, message.stamp_ns)
        elif isinstance(message, Image) and topic == "truth/depth":
            self._keep("truth", message)
        elif isinstance(message, Image) and topic == "stereo/left/image":
            self._keep("image", message)
        elif isinstance(message, Estimate) and topic in ("depth/trusted", "depth/student"):
            self._keep(message.cue, message)
            if message.cue == "student":
                self._score_student(message)

    def _keep(self, name: str, message: Message) -> None:
        kept = self._recent[name]
        kept.append(message)
        while kept[-1].stamp_ns - kept[0].stamp_ns > _KEPT_S * _NS:
            kept.pop(0)
        self._compare()

    def _score_student(self, student: Estimate) -> None:
        nearest_m = self._nearest.get(student.stamp_ns)
        if nearest_m is None or self._camera is None:
            return
        pessimism = self.student_pessimism if student.value.shape != (1,) else 0.0
        score = estimate_score(student, *self._camera, self.corridor, pessimism=pessimism)
        self._phase.scores.append(score)
        self._phase.near.append(nearest_m < NEAR_M)

    def _compare(self) -> None:
        """Compare the newest truth that was not compared yet, as soon as the student has spoken of the same view."""
        truth = next((kept for kept in self._recent["truth"] if kept.stamp_ns > self._compared_ns), None)
        if not isinstance(truth, Image):
            return
        student = self._same_view("student", truth.stamp_ns)
        if not isinstance(student, Estimate):
            return
        trusted = self._same_view("trusted", truth.stamp_ns)
        if trusted is None and self._state in ("STEREO", "MONO_TW") and not self._later("trusted", truth.stamp_ns):
            return  # it is still on its way
        self._compared_ns = truth.stamp_ns
        student_error = abs_rel(student, truth.data)
        stereo_error = abs_rel(trusted, truth.data) if isinstance(trusted, Estimate) else math.nan
        phase = self._phase
        if math.isfinite(student_error):
            phase.student_error.append(student_error)
        if math.isfinite(stereo_error):
            phase.stereo_error.append(stereo_error)
        self.comparisons.append(Comparison(truth.stamp_ns / _NS, student_error, stereo_error))
        image = self._same_view("image", truth.stamp_ns)
        if isinstance(image, Image):
            nearest_m = self._nearest.get(truth.stamp_ns, math.nan)
            stereo = depth_of(trusted) if isinstance(trusted, Estimate) else None
            seen = depth_of(student) if student.value.ndim == 2 else _flat(student, truth.data)
            self.moments.offer(
                Moment(truth.stamp_ns / _NS, self._state, image.data, stereo, seen, truth.data, nearest_m)
            )

    def _same_view(self, name: str, stamp_ns: int) -> Message | None:
        """Return the message of ``name`` taken when truth was, or so near that the body had hardly turned."""
        candidates = [kept for kept in self._recent[name] if abs(kept.stamp_ns - stamp_ns) <= 0.06 * _NS]
        best = min(candidates, key=lambda kept: abs(kept.stamp_ns - stamp_ns), default=None)
        if best is None or best.stamp_ns == stamp_ns:
            return best
        yaws = self._yaws.get(best.stamp_ns), self._yaws.get(stamp_ns)
        if yaws[0] is None or yaws[1] is None:
            return None
        turned = (yaws[0] - yaws[1] + math.pi) % (2 * math.pi) - math.pi
        return best if abs(turned) < 0.02 else None

    def _later(self, name: str, stamp_ns: int) -> bool:
        return any(kept.stamp_ns > stamp_ns for kept in self._recent[name])


def _forget(by_stamp: dict[int, float], now_ns: int) -> None:
    """Drop what is older than a second or two (dicts keep their order of insertion)."""
    while (oldest := next(iter(by_stamp))) < now_ns - 2 * _KEPT_S * _NS:
        del by_stamp[oldest]


def _flat(student: Estimate, truth: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the picture of a student that gives one number: the same everywhere."""
    return np.full(truth.shape, 1.0 / max(float(student.value[0]), 1e-3), dtype=np.float32)
