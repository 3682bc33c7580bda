"""Runs the fault detectors of one topic and says how far it may be trusted: live, in the simulator and of a log."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from selfcue import plugins
from selfcue.errors import BadInputError
from selfcue.messages import JournalEvent, Message, Trust, TrustLevel
from selfcue.node import Link, Node
from selfcue.sensors.watch import Fault, Watch
from selfcue.state import State

_ORDER: dict[TrustLevel, int] = {"ok": 0, "suspect": 1, "lost": 2}


@dataclass(frozen=True)
class WatchSet:
    """The detectors of one kind of sensor.

    Attributes:
        message: what they hear.
        make: makes them anew, in the order in which they are asked: of two faults of one level the first is named.
    """

    message: type[Message]
    make: Callable[[], list[Watch[Any]]]


@dataclass(frozen=True)
class TrustParams:
    """Settings of the trust node.

    Attributes:
        sensor: kind of sensor whose detectors run: imu, audio, lidar, camera or a plug-in's.
        topic: what they hear.
        cue: name under which trust is said, on ``trust/CUE``.
        dead_after_s: silence for so long is a fault of its own: ``silent``, lost.
        clear_after_s: trust comes back after all has been well for so long.
        say_hz: how often trust is said while it does not change.
    """

    sensor: str
    topic: str
    cue: str
    dead_after_s: float = 0.5
    clear_after_s: float = 1.0
    say_hz: float = 5.0

    def __post_init__(self) -> None:
        if not (self.sensor and self.topic and self.cue):
            raise ValueError("sensor, topic and cue must be given, for instance imu, imu and imu")
        if self.dead_after_s <= 0 or self.clear_after_s < 0 or self.say_hz <= 0:
            raise ValueError(
                f"dead_after_s {self.dead_after_s} and say_hz {self.say_hz} must be above 0, clear_after_s "
                f"{self.clear_after_s} not below"
            )


class TrustNode(Node):
    """Topics in: ``topic``. Out: ``trust/CUE`` (Trust), whenever it changes and ``say_hz`` times a second."""

    Params = TrustParams
    params: TrustParams

    def __init__(self, name: str, params: TrustParams) -> None:
        super().__init__(name, params)
        self._set = watch_set(params.sensor)
        self._forget()

    def _forget(self) -> None:
        self._watches = self._set.make()
        self._heard_ns: int | None = None
        self._began_ns: int | None = None
        self._bad: Fault | None = None
        self._bad_ns = 0
        self._said: tuple[TrustLevel, str] | None = None
        self._said_ns = 0

    def configure(self, link: Link) -> None:
        self._link = link
        self._trust = link.advertise(f"trust/{self.params.cue}", Trust, rate_hz=self.params.say_hz)
        link.subscribe(self.params.topic, self._set.message, self._take, keep=64)

    def jumped(self, jump: JournalEvent) -> None:  # noqa: ARG002 - whatever was before says nothing of what comes
        self._forget()

    def _take(self, message: Message) -> None:
        if self._heard_ns is not None and message.stamp_ns < self._heard_ns:
            return  # a late one of another source; detectors know time by rising stamps
        self._heard_ns = message.stamp_ns
        for watch in self._watches:
            watch.update(message)
        self._judge(message.stamp_ns)

    def step(self, now_ns: int) -> None:
        if self._began_ns is None:
            self._began_ns = now_ns
        self._judge(max(now_ns, self._heard_ns or 0))

    def _judge(self, now_ns: int) -> None:
        faults = [fault for watch in self._watches for fault in watch.faults(now_ns)]
        since_ns = self._heard_ns if self._heard_ns is not None else self._began_ns
        silent_s = 0.0 if since_ns is None else (now_ns - since_ns) * 1e-9
        if silent_s > self.params.dead_after_s:
            faults.insert(0, Fault("silent", "lost", {"silent_s": silent_s}))
        worst = max(faults, key=lambda fault: _ORDER[fault.level], default=None)
        if worst is not None:
            self._bad, self._bad_ns = worst, now_ns
        elif self._bad is not None and (now_ns - self._bad_ns) * 1e-9 >= self.params.clear_after_s:
            self._bad = None
        level: TrustLevel = "ok" if self._bad is None else self._bad.level
        reason = "" if self._bad is None else self._bad.name
        if (level, reason) == self._said and (now_ns - self._said_ns) * self.params.say_hz < 1e9:
            return
        if (level, reason) != self._said and (self._said is not None or level != "ok"):
            self._link.journal("trust", cue=self.params.cue, level=level, reason=reason)
        self._said, self._said_ns = (level, reason), now_ns
        evidence = {key: value for watch in self._watches for key, value in watch.evidence().items()}
        evidence.update(self._bad.evidence if self._bad is not None else {})
        self._trust.publish(
            Trust(
                stamp_ns=now_ns,
                cue=self.params.cue,
                level=level,
                reason=reason,
                evidence={key: float(value) for key, value in evidence.items() if math.isfinite(value)},
            )
        )

    def state(self) -> State:
        bad = None if self._bad is None else [self._bad.name, self._bad.level, dict(self._bad.evidence)]
        return State(
            {
                "watches": [watch.meta() for watch in self._watches],
                "heard_ns": self._heard_ns,
                "began_ns": self._began_ns,
                "bad": bad,
                "bad_ns": self._bad_ns,
                "said": self._said,
                "said_ns": self._said_ns,
            }
        )

    def load_state(self, state: State) -> None:
        meta = state.meta
        if len(meta["watches"]) != len(self._watches):
            raise BadInputError(f"the saved state of {self.name} has other detectors; begin a new run")
        for watch, kept in zip(self._watches, meta["watches"], strict=True):
            watch.load_meta(kept)
        self._heard_ns, self._began_ns = meta["heard_ns"], meta["began_ns"]
        self._bad = None if meta["bad"] is None else Fault(*meta["bad"])
        self._bad_ns, self._said_ns = meta["bad_ns"], meta["said_ns"]
        self._said = None if meta["said"] is None else (meta["said"][0], meta["said"][1])


def watch_set(sensor: str) -> WatchSet:
    """Return the detectors of one kind of sensor.

    Raises:
        BadInputError: none are registered for it; the message lists what is.
    """
    found = plugins.load(plugins.WATCHES, sensor)
    if not isinstance(found, WatchSet):
        raise BadInputError(f"{sensor!r} in {plugins.WATCHES} is no WatchSet but a {type(found).__name__}")
    return found
