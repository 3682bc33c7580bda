"""Small nodes for the wall's clock: one that beats, one that listens, one that fails in the way it is told to."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

from selfcue.errors import BadInputError
from selfcue.messages import JournalEvent
from selfcue.node import Link, Node


@dataclass(frozen=True)
class BeatParams:
    """Settings of Beat."""

    topic: str = "beat"


class Beat(Node):
    """Publishes its count at every step."""

    Params = BeatParams

    def configure(self, link: Link) -> None:
        self.count = 0
        self.out = link.advertise(self.params.topic, JournalEvent)

    def step(self, now_ns: int) -> None:
        self.count += 1
        self.out.publish(JournalEvent(stamp_ns=now_ns, kind="beat", detail={"count": self.count}))


class Echo(Node):
    """Answers each beat: what it hears goes out again on ``echo``."""

    def configure(self, link: Link) -> None:
        self.out = link.advertise("echo", JournalEvent)
        link.subscribe("beat", JournalEvent, self.out.publish, keep=1)

    def activate(self) -> None:
        self.log.info("listening to %s", "beat")


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
