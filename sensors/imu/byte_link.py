"""Bytes from a serial port or the network behind read, write and close: what framed and MAVLink units share."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.optional import require
from selfcue.sensors.driver import Device, DeviceLostError

_MOST = 65536


class ByteLink(Protocol):
    """An open way to a device."""

    def read(self, timeout_s: float) -> bytes:
        """Return what came, after waiting up to ``timeout_s`` for it; empty where nothing did, or it was closed.

        Raises:
            DeviceLostError: the other side is gone.
        """
        ...

    def write(self, data: bytes) -> bool:
        """Send ``data``; False where it did not go out: nobody is known to send it to. Raises DeviceLostError."""
        ...

    def close(self) -> None:
        """Let go, from any thread, as often as liked."""
        ...


def open_link(source: str, *, baud: int = 115200, timeout_s: float = 3.0) -> ByteLink:
    """Open ``source``.

    Args:
        source: ``/dev/ttyUSB0`` or another path of a serial port, ``serial:NUMBER`` for the port of the USB device with
            that serial number, ``udp://HOST:PORT`` (listen there), ``tcp://HOST:PORT`` (connect to it).

    Raises:
        BadInputError: not such a source.
        MissingDependencyError: it is not there or does not answer.
    """
    if source.startswith(("udp://", "tcp://")):
        host, port = _address(source)
        return _udp(source, host, port) if source.startswith("udp") else _tcp(source, host, port, timeout_s)
    return _serial(source, baud)


def find_serial(kind: str) -> list[Device]:
    """Return the serial ports of USB devices; what speaks there, only its framing tells."""
    try:
        ports = require("serial.tools.list_ports", extra="imu").comports()
    except MissingDependencyError:
        return []
    found = []
    for port in ports:
        if port.vid is None:
            continue
        detail = {"port": port.device, "usb": f"{port.vid:04x}:{port.pid:04x}", "maker": port.manufacturer or ""}
        source = f"serial:{port.serial_number}" if port.serial_number else port.device
        label = f"serial port, {port.product or port.description}"
        found.append(Device(kind, source, label, {key: value for key, value in detail.items() if value}))
    return found


@dataclass
class _Way:
    """How bytes go through an open file descriptor."""

    fd: int
    take: Callable[[], bytes]
    put: Callable[[bytes], bool]
    shut: Callable[[], None]


class _FdLink:
    """Waits on a descriptor and on a pipe that ``close`` writes to, so that a read ends at once."""

    def __init__(self, name: str, way: _Way) -> None:
        self._name, self._way = name, way
        self._wake_out, self._wake_in = os.pipe()
        self._poll = select.poll()
        self._poll.register(way.fd, select.POLLIN)
        self._poll.register(self._wake_out, select.POLLIN)
        self._busy = threading.Lock()
        self._ending = threading.Lock()
        self._closed = False

    def read(self, timeout_s: float) -> bytes:
        with self._busy:
            if self._closed:
                return b""
            try:
                ready = [fd for fd, _ in self._poll.poll(timeout_s * 1e3)]
                return self._way.take() if ready == [self._way.fd] else b""
            except (OSError, ValueError) as error:
                raise DeviceLostError(f"{self._name}: is gone ({error}); check plug and power") from error

    def write(self, data: bytes) -> bool:
        if self._closed:
            return False
        try:
            return self._way.put(data)
        except (OSError, ValueError) as error:
            raise DeviceLostError(f"{self._name}: takes no bytes any more ({error}); check plug and power") from error

    def close(self) -> None:
        with self._ending:
            if self._closed:
                return
            self._closed = True
            os.write(self._wake_in, b"x")
            with self._busy:  # whoever reads has just been woken
                with contextlib.suppress(OSError):
                    self._way.shut()
                os.close(self._wake_out)
                os.close(self._wake_in)


def _serial(source: str, baud: int) -> ByteLink:
    serial = require("serial", extra="imu")
    path = source
    if source.startswith("serial:"):
        number = source.partition(":")[2]
        ports = {device.source: device.detail["port"] for device in find_serial("imu")}
        if source not in ports:
            known = ", ".join(ports) or "none"
            raise MissingDependencyError(
                f"serial port with USB serial number {number!r} is not plugged in; here: {known}"
            )
        path = ports[source]
    elif not source.startswith("/"):
        raise BadInputError(
            f"{source!r} is no source of bytes; give /dev/..., serial:NUMBER, udp://HOST:PORT or tcp://HOST:PORT"
        )
    try:
        port: Any = serial.Serial(path, baud, timeout=0, exclusive=True)
    except (OSError, ValueError) as error:  # SerialException is an OSError
        reason = str(error)
        if "Permission" in reason:
            reason += "; this user has to be in the group dialout"
        raise MissingDependencyError(f"serial port {source}: does not open ({reason})") from error
    except Exception as error:  # termios.error is no OSError
        raise MissingDependencyError(f"serial port {source}: is no serial port ({error})") from error

    def take() -> bytes:
        data = os.read(port.fd, _MOST)
        if not data:
            raise OSError("the port hung up")
        return data

    def put(data: bytes) -> bool:
        return bool(port.write(data))

    return _FdLink(f"serial port {source}", _Way(port.fd, take, put, port.close))


def _address(source: str) -> tuple[str, int]:
    try:
        parts = urlsplit(source)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None:
        raise BadInputError(f"{source!r} is no address; write it as udp://127.0.0.1:14550")
    return host, port


def _udp(source: str, host: str, port: int) -> ByteLink:
    peer: list[Any] = []
    box = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        box.bind((host, port))
        box.settimeout(0)
        with contextlib.suppress(OSError):
            box.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    except OSError as error:
        box.close()
        raise MissingDependencyError(
            f"{source}: cannot listen there ({error}); is another program using it?"
        ) from error

    def take() -> bytes:
        parts = []
        for _ in range(64):
            try:
                data, address = box.recvfrom(_MOST)
            except BlockingIOError:
                break
            peer[:] = [address]
            parts.append(data)
        return b"".join(parts)

    def put(data: bytes) -> bool:
        if peer:
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                return box.sendto(data, peer[0]) > 0
        return False

    return _FdLink(source, _Way(box.fileno(), take, put, box.close))


def _tcp(source: str, host: str, port: int, timeout_s: float) -> ByteLink:
    try:
        line = socket.create_connection((host, port), timeout_s)
    except OSError as error:
        raise MissingDependencyError(f"{source}: does not answer ({error}); check address, port and network") from error
    line.settimeout(0)

    def take() -> bytes:
        try:
            data = line.recv(_MOST)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError("the other side closed the connection")
        return data

    def put(data: bytes) -> bool:
        with contextlib.suppress(BlockingIOError):
            return line.send(data) > 0
        return False

    return _FdLink(source, _Way(line.fileno(), take, put, line.close))
