"""Buses of one thread that find each other, for tests of what flows between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from selfcue.bus import Bus, Received
from selfcue.directory import FolderDirectory
from selfcue.messages import Image, JournalEvent

WIDTH, HEIGHT = 320, 240


@contextmanager
def some_buses() -> Iterator[Callable[..., Bus]]:
    """Yield what makes buses; all are closed at the end."""
    made: list[Bus] = []

    def make(name: str, **settings: Any) -> Bus:
        made.append(Bus(name, FolderDirectory(), **settings))
        made[-1].enter({})
        return made[-1]

    try:
        yield make
    finally:
        for bus in made:
            bus.close()


def meet(*buses: Bus) -> None:
    """Let buses of one thread find each other."""
    deadline = time.monotonic() + 10
    names = {bus.name for bus in buses}
    while not all([bus.met(names - {bus.name}) for bus in buses]):  # noqa: C419 - each must take its step
        assert time.monotonic() < deadline


def gather(bus: Bus, number: int, timeout_s: float = 10.0, *, serving: Bus | None = None) -> list[Received]:
    """Poll ``bus`` until ``number`` messages came; ``serving`` is polled in between."""
    got: list[Received] = []
    deadline = time.monotonic() + timeout_s
    while len(got) < number and time.monotonic() < deadline:
        got += bus.poll(0.01)
        if serving is not None:
            serving.poll(0)
    return got


def wait_for(condition: Callable[[], object], *buses: Bus, timeout_s: float = 10.0) -> None:
    """Poll ``buses``, handing nothing out, until ``condition`` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        for bus in buses:
            bus._backlog = bus.poll(0.005)


def event(i: int) -> JournalEvent:
    return JournalEvent(stamp_ns=i, kind="n", detail={"i": i})


def picture(i: int, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Image:
    """Return a big image of one grey level, which tells its number and shows whether it is whole."""
    return Image(stamp_ns=i, encoding="mono8", data=np.full(size, i % 251, np.uint8))


def number_of(one: Received) -> int:
    """Return the number of a picture; fails where it is torn or not the picture that its stamp says."""
    message = one.message
    assert isinstance(message, Image)
    assert np.all(message.data == message.stamp_ns % 251)
    return message.stamp_ns
