"""Waits on ZeroMQ sockets and plain descriptors with one system call.

``zmq.Poller`` asks every socket twice, at a system call each. Here their descriptors are polled alone. Such a
descriptor only says that something has changed since the socket was last used: so a socket that was written to, whose
news may have been taken in on the way, is ``touched`` and asked once before the next wait. Who is told that a socket is
ready reads it until it is empty.
"""

from __future__ import annotations

import select
from typing import Any, cast

import zmq


class Waiter:
    """What one thread waits on."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._entrances: dict[int, Any] = {}
        self._touched: dict[int, zmq.Socket[bytes]] = {}
        self._watched: dict[int, zmq.Socket[bytes]] = {}

    def add(self, entrance: zmq.Socket[bytes] | int, *, watched: bool = False) -> None:
        """Wait on a socket or descriptor. ``watched``: others use the socket too, so it is asked before every wait."""
        descriptor = entrance if isinstance(entrance, int) else int(entrance.getsockopt(zmq.FD))
        if descriptor in self._entrances:
            return
        self._entrances[descriptor] = entrance
        self._poll.register(descriptor, select.POLLIN)
        if not isinstance(entrance, int):
            (self._watched if watched else self._touched)[descriptor] = entrance

    def remove(self, descriptor: int) -> None:
        """Wait on a plain descriptor no more."""
        if self._entrances.pop(descriptor, None) is not None:
            self._poll.unregister(descriptor)

    def forget(self, socket: zmq.Socket[bytes]) -> None:
        """Wait on a socket no more; it may be closed already."""
        for descriptor in [number for number, one in self._entrances.items() if one is socket]:
            self._watched.pop(descriptor, None)
            self._touched.pop(descriptor, None)
            self.remove(descriptor)

    def touch(self, socket: zmq.Socket[bytes]) -> None:
        """``socket`` was written to."""
        self._touched[int(socket.FD)] = socket

    def wait(self, timeout_s: float) -> set[Any]:
        """Return what may have something to read, after ``timeout_s`` at the latest."""
        ready = {
            socket
            for sockets in (self._touched, self._watched)
            for socket in sockets.values()
            if not socket.closed and cast("int", socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN
        }
        self._touched.clear()
        timeout_ms = 0 if ready else max(0, round(timeout_s * 1000))
        for descriptor, _ in self._poll.poll(timeout_ms):
            entrance = self._entrances.get(descriptor)
            if entrance is not None:
                ready.add(entrance)
        return ready
