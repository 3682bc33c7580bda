"""A device that a test plugs, unplugs, hangs and fills: what happens on the other side of a driver."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from selfcue.errors import BadInputError
from selfcue.sensors.driver import DeviceLostError, Domain, Driver, EndOfData, Reading


@dataclass
class Port:
    """Where the device is plugged in; shared by all drivers that were ever made for it."""

    plugged: bool = True
    refuses: bool = False
    file: bool = False
    domain: Domain = "arrival"
    hangs: threading.Event | None = None
    hangs_in: str = "read"
    drivers: list[PortDriver] = field(default_factory=list)
    queue: deque[Reading[int]] = field(default_factory=deque)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def put(self, *readings: Reading[int]) -> None:
        with self.changed:
            self.queue.extend(readings)
            self.changed.notify_all()

    def pull(self) -> None:
        with self.changed:
            self.plugged = False
            self.changed.notify_all()

    def make(self) -> PortDriver:
        return PortDriver(self)

    @property
    def open_drivers(self) -> int:
        return sum(driver.is_open for driver in self.drivers)


PORTS: dict[str, Port] = {}
"""Ports by what a user would write for them."""


class PortDriver(Driver[int]):
    kind = "number"

    def __init__(self, port: Port) -> None:
        self.port, self.is_open = port, False
        self.domain = port.domain
        port.drivers.append(self)

    @classmethod
    def from_source(cls, source: str) -> PortDriver:
        return cls(PORTS[source])

    @property
    def name(self) -> str:
        return "number port"

    @property
    def paced(self) -> bool:
        return not self.port.file

    def open(self) -> None:
        self._maybe_hang("open")
        if self.port.refuses:
            raise BadInputError("number port: no such number")
        if not self.port.plugged:
            raise DeviceLostError("number port: not plugged in")
        self.is_open = True

    def read(self, timeout_s: float) -> Sequence[Reading[int]]:
        self._maybe_hang("read")
        with self.port.changed:
            self.port.changed.wait_for(
                lambda: self.port.queue or not self.port.plugged or not self.is_open, timeout=timeout_s
            )
            if not self.port.plugged or not self.is_open:
                raise DeviceLostError("number port: pulled")
            if self.port.file and not self.port.queue:
                raise EndOfData
            found = list(self.port.queue)
            self.port.queue.clear()
            return found

    def close(self) -> None:
        with self.port.changed:
            self.is_open = False
            self.port.changed.notify_all()

    def _maybe_hang(self, where: str) -> None:
        hang = self.port.hangs
        if hang is not None and self.port.hangs_in == where:
            hang.wait(30)


def wait_until(condition: object, timeout_s: float = 5.0) -> None:
    """Wait until the callable ``condition`` holds; fails where it does not in time."""
    assert callable(condition)
    end_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end_s, "what was waited for did not come"
        threading.Event().wait(0.002)
