"""The bell: tickets straight from the publisher to a sleeping subscriber, past ZeroMQ's threads.

A message over ZeroMQ wakes four threads on its way; for an array that lies in shared memory already, that is most of
the time it takes. The subscriber listens on a Unix socket of whole packets; a publisher that has proved to see the same
shared memory connects and writes one packet per message. The kernel queues about 200; a fuller queue means that the
subscriber is further behind than any ring is long. Where no bell can be had, tickets go over ZeroMQ.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MAX_PACKET_BYTES = 1 << 15
BACKLOG = 128
_CREDENTIALS = struct.Struct("3i")
_PREFIX = "ipc://"


class Bell:
    """The publisher's end: rings one subscriber."""

    def __init__(self, endpoint: str) -> None:
        """Raises OSError where nobody listens at ``endpoint``, or somebody else's process does."""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.settimeout(0)
            self._socket.connect(endpoint[len(_PREFIX) :])
            _check_user(self._socket)
        except BaseException:
            self._socket.close()
            raise

    def ring(self, packet: bytes) -> bool:
        """Send one packet; False where the subscriber's queue is full. Raises OSError where it is gone."""
        try:
            self._socket.send(packet, socket.MSG_NOSIGNAL)
        except BlockingIOError:
            return False
        return True

    @property
    def free(self) -> bool:
        """True where the subscriber's queue has room again, or it is gone (the next ring tells)."""
        return bool(select.select([], [self._socket], [], 0)[1])

    def close(self) -> None:
        self._socket.close()


class BellListener:
    """The subscriber's end: takes what any number of publishers ring. ``descriptors`` change as they come and go."""

    def __init__(self, endpoint: str) -> None:
        """Raises OSError where the socket cannot be made."""
        self.endpoint = endpoint
        self._path = Path(endpoint[len(_PREFIX) :])
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._listener.settimeout(0)
            self._path.unlink(missing_ok=True)
            before = os.umask(0o077)
            try:
                self._listener.bind(str(self._path))
            finally:
                os.umask(before)
            self._listener.listen(BACKLOG)
        except BaseException:
            self._listener.close()
            raise
        self._open: dict[int, socket.socket] = {}

    @property
    def descriptors(self) -> list[int]:
        """What to wait on for new packets and new publishers."""
        return [self._listener.fileno(), *self._open]

    def take(self, ready: set[int], each: Callable[[bytes], bool]) -> tuple[list[int], list[int]]:
        """Hand the packets at the ``ready`` descriptors to ``each``, which says whether to look for one more there.

        Return the descriptors that came, and those that went.
        """
        came = self._accept() if self._listener.fileno() in ready else []
        went = [number for number in self._open if number in ready and not self._drain(self._open[number], each)]
        for number in went:
            self._open.pop(number).close()
        return came, went

    def _drain(self, connection: socket.socket, each: Callable[[bytes], bool]) -> bool:
        """Take packets; False where the publisher has gone."""
        more = True
        while more:
            try:
                packet = connection.recv(MAX_PACKET_BYTES + 1)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not packet:
                return False
            more = each(packet)
        return True

    def _accept(self) -> list[int]:
        came = []
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                try:
                    connection.settimeout(0)
                    _check_user(connection)
                except OSError:
                    connection.close()
                    continue
                self._open[connection.fileno()] = connection
                came.append(connection.fileno())
        return came

    def close(self) -> None:
        """Stop listening. May be called twice."""
        self._path.unlink(missing_ok=True)
        for connection in [self._listener, *self._open.values()]:
            connection.close()
        self._open.clear()


def _check_user(connection: socket.socket) -> None:
    """Raise OSError where another user is at the other end."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    if _CREDENTIALS.unpack(credentials)[1] != os.geteuid():
        raise PermissionError("another user's process")
