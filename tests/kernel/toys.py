"""Small nodes for tests of the kernel: a clock owner that draws numbers, a summer, one that fails, one that hangs."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from selfcue.errors import BadInputError
from selfcue.messages import Image, JournalEvent
from selfcue.node import ClockOwner, Link, Node
from selfcue.state import State, generator_from, generator_state


@dataclass(frozen=True)
class SourceParams:
    ticks: int = 50
    seed: int = 0
    slow_s: float = 0.0


class Source(ClockOwner):
    """Publishes one random image a tick and hears its own sum back."""

    Params = SourceParams
    LIVE_PARAMS = ("slow_s",)

    def configure(self, link: Link) -> None:
        self.link = link
        self.rng = np.random.default_rng(self.params.seed)
        self.k = 0
        self.heard = 0
        self.images = link.advertise("image", Image)
        self.latched = link.advertise("first", Image, latched=True)
        link.subscribe("sum", JournalEvent, self._hear)

    def _hear(self, event: JournalEvent) -> None:
        self.heard += int(event.detail["sum"])

    def activate(self) -> None:
        self.latched.publish(self._image(0))

    def _image(self, now_ns: int) -> Image:
        return Image(stamp_ns=now_ns, encoding="mono8", data=self.rng.integers(0, 255, (96, 128), dtype=np.uint8))

    def next_tick_ns(self) -> int | None:
        return None if self.k >= self.params.ticks else (self.k + 1) * 10_000_000

    def step(self, now_ns: int) -> None:
        self.k += 1
        time.sleep(self.params.slow_s)
        self.images.publish(self._image(now_ns))
        self.link.journal("heard", total=self.heard)

    def state(self) -> State:
        return State({"k": self.k, "heard": self.heard, "rng": generator_state(self.rng)})

    def load_state(self, state: State) -> None:
        self.k, self.heard = state.meta["k"], state.meta["heard"]
        self.rng = generator_from(state.meta["rng"])


class Summer(Node):
    """Answers each image with its sum; keeps the total."""

    def configure(self, link: Link) -> None:
        self.total = 0
        self.answers = link.advertise("sum", JournalEvent)
        link.subscribe("image", Image, self._on_image)
        link.subscribe("first", Image, self._on_image)

    def _on_image(self, image: Image) -> None:
        value = int(image.data.sum())
        self.total = (self.total * 31 + value) % (1 << 61)
        self.answers.publish(JournalEvent(stamp_ns=image.stamp_ns, kind="sum", detail={"sum": value}))

    def state(self) -> State:
        return State({"total": self.total})

    def load_state(self, state: State) -> None:
        self.total = state.meta["total"]


class Diary(Node):
    """Writes what it hears of the source into a file, one line each."""

    def configure(self, link: Link) -> None:
        self.lines: list[str] = []
        self.path = link.run_dir / f"{self.name}.txt"
        link.subscribe("journal", JournalEvent, self._on_event)

    def _on_event(self, event: JournalEvent) -> None:
        self.lines.append(f"{event.stamp_ns} {event.kind} {event.detail}")

    def deactivate(self) -> None:
        self.path.write_text("\n".join(self.lines))

    def state(self) -> State:
        return State({"lines": self.lines})

    def load_state(self, state: State) -> None:
        self.lines = state.meta["lines"]


@dataclass(frozen=True)
class FailingParams:
    after: int = 5
    how: str = "bad-input"


class Failing(Node):
    """Fails at its n-th step: with a clear line, with a fault of the program, or by hanging."""

    Params = FailingParams

    def configure(self, link: Link) -> None:
        self.steps = 0

    def step(self, now_ns: int) -> None:
        self.steps += 1
        if self.steps < self.params.after:
            return
        if self.params.how == "bad-input":
            raise BadInputError("frame 7 is not an image; check the camera")
        if self.params.how == "bug":
            raise ZeroDivisionError("oops")
        time.sleep(3600)
