"""Packets from a UDP port, stamped by the kernel when they came."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import select
import socket
import struct
import threading
import time

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.driver import DeviceLostError
from selfcue.sensors.packets import Packet

# Linux: SO_RCVBUFFORCE, SO_TIMESTAMPNS and SO_RXQ_OVFL, which Python's socket module does not name.
_BUFFER_FORCE, _STAMPS, _OVERFLOW = 33, 35, 40
_STAMP = struct.Struct("@qq")
_MOST_BYTES = 65_536
_MOST_AT_ONCE = 512


class UdpSource:
    """Listens on one address and port; a multicast address is joined.

    The moment of arrival is the kernel's, so that a busy machine adds nothing to it.

    Args:
        host: this machine's address to listen on; ``0.0.0.0`` for all.
        port: 0 takes any that is free (see ``port``).
        buffer_bytes: that the kernel is asked to hold while nobody reads; once it is open, what it grants.
    """

    paced = True

    def __init__(self, host: str, port: int, *, buffer_bytes: int = 8 << 20) -> None:
        self.host, self.port, self.buffer_bytes = host, port, buffer_bytes
        self._buffer_bytes = buffer_bytes
        self._socket: socket.socket | None = None
        self._wake: tuple[int, int] = (-1, -1)
        self._poll = select.poll()
        self._using, self._closing = threading.Lock(), threading.Lock()
        self._closed = threading.Event()
        self._dropped = 0

    @property
    def dropped(self) -> int:
        return self._dropped

    def open(self) -> None:
        """Bind. Raises BadInputError for an address that is none, MissingDependencyError for one that is not ours."""
        try:
            address = ipaddress.ip_address(self.host)
        except ValueError:
            raise BadInputError(f"udp: {self.host!r} is no IP address; write 127.0.0.1 or this machine's own") from None
        if not 0 <= self.port < 1 << 16:
            raise BadInputError(f"udp: port {self.port} is not between 0 and 65535")
        found = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._ask_for_room(found)
            for option in (_STAMPS, _OVERFLOW):
                found.setsockopt(socket.SOL_SOCKET, option, 1)
            if address.is_multicast:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._join(found, address)
            found.bind((self.host, self.port))
            found.settimeout(0.0)
            self._wake = os.pipe()
        except OSError as error:
            found.close()
            raise MissingDependencyError(
                f"udp:{self.host}:{self.port} cannot be listened on ({error.strerror}); is the address this machine's, "
                "and does no other program use the port?"
            ) from error
        self.port = found.getsockname()[1]
        for fd in (found.fileno(), self._wake[0]):
            self._poll.register(fd, select.POLLIN)
        self._socket = found

    def _ask_for_room(self, found: socket.socket) -> None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._buffer_bytes)
        with contextlib.suppress(OSError):  # beyond net.core.rmem_max the kernel lets root alone go
            found.setsockopt(socket.SOL_SOCKET, _BUFFER_FORCE, self._buffer_bytes)
        self.buffer_bytes = found.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)

    @staticmethod
    def _join(found: socket.socket, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
        if isinstance(address, ipaddress.IPv4Address):
            found.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, address.packed + bytes(4))
        else:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, address.packed + bytes(4))

    def receive(self, timeout_s: float) -> list[Packet]:
        with self._using:
            if self._socket is None or self._closed.is_set():
                raise DeviceLostError(f"udp:{self.host}:{self.port} is closed")
            ready = [fd for fd, _ in self._poll.poll(timeout_s * 1e3)]
            if self._closed.is_set() or self._socket.fileno() not in ready:
                return []
            wall_ahead_ns = time.time_ns() - time.monotonic_ns()
            found: list[Packet] = []
            while len(found) < _MOST_AT_ONCE:
                packet = self._next(self._socket, wall_ahead_ns)
                if packet is None:
                    break
                found.append(packet)
            return found

    def _next(self, found: socket.socket, wall_ahead_ns: int) -> Packet | None:
        try:
            data, notes, _, sender = found.recvmsg(_MOST_BYTES, 128)
        except BlockingIOError:
            return None
        except OSError as error:
            raise DeviceLostError(f"udp:{self.host}:{self.port} cannot be read ({error.strerror})") from error
        arrived_ns = time.monotonic_ns()
        for level, kind, value in notes:
            if level == socket.SOL_SOCKET and kind == _STAMPS and len(value) >= _STAMP.size:
                seconds, nanoseconds = _STAMP.unpack_from(value)
                arrived_ns = min(arrived_ns, seconds * 1_000_000_000 + nanoseconds - wall_ahead_ns)
            elif level == socket.SOL_SOCKET and kind == _OVERFLOW and len(value) >= 4:
                self._dropped = int.from_bytes(value[:4], "little" if struct.pack("=H", 1)[0] else "big")
        return Packet(arrived_ns, sender[0], self.port, data)

    def close(self) -> None:
        with self._closing:
            if self._closed.is_set():
                return
            self._closed.set()
            if self._wake[1] >= 0:
                os.write(self._wake[1], b"x")
        with self._using:
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            for end in self._wake:
                if end >= 0:
                    os.close(end)
            self._wake = (-1, -1)
