"""Packets from a capture, at the pace at which they were captured."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from pathlib import Path

from selfcue.errors import BadInputError
from selfcue.sensors.driver import DeviceLostError, EndOfData
from selfcue.sensors.lidar.pcap import Capture, Datagram
from selfcue.sensors.packets import Packet

_AT_ONCE = 64


class PcapSource:
    """Reads a classic pcap file. What comes "arrived" when it would have, had the capture begun at ``open``.

    Args:
        path: of the capture.
        rate: times the pace of the recording; 0: as fast as it is read, and the arrivals are those of rate 1.
    """

    dropped = 0

    def __init__(self, path: Path, rate: float = 1.0) -> None:
        self.path, self._rate = path, rate
        self._datagrams: Generator[Datagram, None, None] | None = None
        self._next: Datagram | None = None
        self._begun_ns = self._first_ns = 0
        self._using, self._stop = threading.Lock(), threading.Event()

    @property
    def paced(self) -> bool:
        return self._rate > 0

    def open(self) -> None:
        """Open it. Raises BadInputError where it is missing, damaged, or holds no UDP packet."""
        self._datagrams = iter(Capture(self.path))
        self._next = next(self._datagrams, None)
        if self._next is None:
            raise BadInputError(f"{self.path} holds no UDP packet")
        self._first_ns, self._begun_ns = self._next.time_ns, time.monotonic_ns()

    def receive(self, timeout_s: float) -> list[Packet]:
        with self._using:
            return self._receive(timeout_s)

    def _receive(self, timeout_s: float) -> list[Packet]:
        if self._datagrams is None or self._stop.is_set():
            raise DeviceLostError(f"{self.path} is closed")
        if self._next is None:
            raise EndOfData
        if self.paced:
            wait_s = (self._due_ns(self._next) - time.monotonic_ns()) * 1e-9
            if wait_s > 0 and (self._stop.wait(min(wait_s, timeout_s)) or wait_s > timeout_s):
                return []
        found: list[Packet] = []
        while self._next is not None and len(found) < _AT_ONCE:
            due_ns = self._due_ns(self._next)
            if self.paced and due_ns > time.monotonic_ns():
                break
            found.append(Packet(due_ns, "", self._next.port, self._next.data))
            self._next = next(self._datagrams, None)
        return found

    def _due_ns(self, datagram: Datagram) -> int:
        return self._begun_ns + round((datagram.time_ns - self._first_ns) / (self._rate or 1.0))

    def close(self) -> None:
        self._stop.set()
        with self._using:
            if self._datagrams is not None:
                self._datagrams.close()  # and its file with it
