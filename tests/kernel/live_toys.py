"""Small nodes for the wall's clock: one that beats, one that listens, one that fails in the way it is told to."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

import msgspec
import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Image, JournalEvent
from selfcue.node import Link, Node


class Word(msgspec.Struct, frozen=True):
    """Asked and answered by Beat."""

    text: str


@dataclass(frozen=True)
class BeatParams:
    """Settings of Beat."""

    topic: str = "beat"
    step: int = 1
    rate_hz: float = 0.0

    def __post_init__(self) -> None:
        if self.step < 1:
            raise ValueError(f"step is {self.step}; it must be at least 1")


class Beat(Node):
    """Publishes its count at every step, and says ``twice`` what it is asked to."""

    Params = BeatParams
    LIVE_PARAMS = ("step",)

    def configure(self, link: Link) -> None:
        self.count = 0
        self.out = link.advertise(self.params.topic, JournalEvent, rate_hz=self.params.rate_hz)
        link.serve("twice", Word, Word, lambda word: Word(word.text * 2))

    @property
    def temperature_c(self) -> float:
        return 41.5

    def step(self, now_ns: int) -> None:
        self.count += self.params.step
        self.out.publish(JournalEvent(stamp_ns=now_ns, kind="beat", detail={"count": self.count}))


class Echo(Node):
    """Answers each beat: what it hears goes out again on ``echo``."""

    def configure(self, link: Link) -> None:
        self.out = link.advertise("echo", JournalEvent)
        link.subscribe("beat", JournalEvent, self.out.publish, keep=1)

    def activate(self) -> None:
        self.log.info("listening to %s", "beat")


class Camera(Node):
    """Publishes pictures of one grey value each, big enough for shared memory."""

    def configure(self, link: Link) -> None:
        self.count = 0
        self.out = link.advertise("image", Image)
        self.info = link.advertise("calibration", JournalEvent, latched=True)

    def activate(self) -> None:
        self.info.publish(JournalEvent(stamp_ns=1, kind="calibration"))

    def step(self, now_ns: int) -> None:
        self.count += 1
        grey = np.full((240, 320), self.count % 251, np.uint8)
        self.out.publish(Image(stamp_ns=now_ns, encoding="mono8", data=grey))


class Checker(Node):
    """Reads every pixel of the newest picture, and counts those that are not of one grey value."""

    def configure(self, link: Link) -> None:
        self.torn = self.calibrations = 0
        self.out = link.advertise("checked", JournalEvent)
        link.subscribe("image", Image, self._check, keep=1)
        link.subscribe("calibration", JournalEvent, self._note)

    def _note(self, _event: JournalEvent) -> None:
        self.calibrations += 1

    def _check(self, image: Image) -> None:
        self.torn += int(image.data.min() != image.data.max())
        detail: dict[str, str | int | float | bool] = {"torn": self.torn, "calibrations": self.calibrations}
        self.out.publish(JournalEvent(stamp_ns=image.stamp_ns, kind="checked", detail=detail))


@dataclass(frozen=True)
class FaultyParams:
    """Settings of Faulty: fail at step ``after`` in the way ``how``."""

    after: int = 5
    how: str = "none"


class Faulty(Node):
    """Ends with a clear line, hangs, or keeps a child of its own."""

    Params = FaultyParams

    def configure(self, link: Link) -> None:
        self.steps = 0
        if self.params.how == "child":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "grandchild"])

    def step(self, now_ns: int) -> None:
        self.steps += 1
        if self.steps < self.params.after:
            return
        if self.params.how == "bad-input":
            raise BadInputError("the cable is loose; push it in")
        while self.params.how == "hang":
            time.sleep(0.5)
