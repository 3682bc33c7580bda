"""The serial port of a scanner: read, write, close; the motor of some hangs on one of its wires."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.optional import require
from selfcue.sensors.driver import DeviceLostError


def serial_ports() -> list[Any]:
    """Return the serial ports of this machine, as pyserial describes them; none where it is not installed."""
    try:
        return list(require("serial.tools.list_ports", extra="lidar").comports())
    except MissingDependencyError:
        return []


class ScannerPort:
    """An open port.

    Args:
        source: path of the port, or ``serial:NUMBER``: the USB device with that serial number, wherever it is.
        baud: bits a second.

    Raises:
        BadInputError: ``source`` is neither.
        MissingDependencyError: pyserial or the port is not there, or another program has it.
    """

    def __init__(self, source: str, baud: int) -> None:
        serial: Any = require("serial", extra="lidar")
        self.source = source
        path = _path_of(source)
        self._errors = (serial.SerialException, OSError, TypeError)  # TypeError: pyserial, closed under a read
        self._port: Any = serial.Serial()
        self._port.port, self._port.baudrate, self._port.exclusive = path, baud, True
        self._port.dtr = False  # lets the motor of an A1 turn
        self._port.write_timeout = 1.0
        self._using, self._closing, self._closed = threading.Lock(), threading.Lock(), threading.Event()
        try:
            self._port.open()
        except self._errors as error:
            raise MissingDependencyError(
                f"{source} cannot be opened ({error}); is it plugged in, and may you use it (group dialout)?"
            ) from error

    def read(self, timeout_s: float) -> bytes:
        """Return what came, at least a byte; empty where nothing came in time. Raises DeviceLostError."""
        with self._using:
            if self._closed.is_set():
                raise DeviceLostError(f"{self.source} is closed")
            try:
                if self._port.timeout != timeout_s:  # each change sets the port up anew
                    self._port.timeout = timeout_s
                first: bytes = self._port.read(1)
                return first + self._port.read(self._port.in_waiting) if first else b""
            except self._errors as error:
                raise DeviceLostError(f"{self.source} was pulled out ({error})") from error

    def read_until(self, wanted: bytes, more: int, timeout_s: float) -> bytes | None:
        """Return the ``more`` bytes after ``wanted``; None where they do not come. What comes after them is lost."""
        found, end_s = b"", time.monotonic() + timeout_s
        while (left_s := end_s - time.monotonic()) > 0:
            found += self.read(left_s)
            at = found.find(wanted)
            if at >= 0 and len(found) >= at + len(wanted) + more:
                return found[at + len(wanted) : at + len(wanted) + more]
        return None

    def write(self, data: bytes) -> None:
        """Send. Raises DeviceLostError."""
        try:
            self._port.write(data)
        except self._errors as error:
            raise DeviceLostError(f"{self.source} was pulled out ({error})") from error

    def close(self, goodbye: bytes = b"") -> None:
        """Send ``goodbye`` where it still gets out, and let go; from any thread, idempotent."""
        with self._closing:
            if self._closed.is_set():
                return
            self._closed.set()
        with contextlib.suppress(*self._errors):
            self._port.cancel_read()
        with self._using:
            with contextlib.suppress(*self._errors):  # where it is gone already, nobody needs to be told
                self._port.write(goodbye)
                self._port.dtr = True
            self._port.close()


def _path_of(source: str) -> str:
    if not source.startswith("serial:"):
        if not source.startswith("/"):
            raise BadInputError(f"{source!r} is no serial port; write /dev/ttyUSB0, or serial:NUMBER of a USB device")
        return source
    number = source.removeprefix("serial:")
    for port in serial_ports():
        if port.serial_number == number:
            return str(port.device)
    raise MissingDependencyError(f"no USB device with serial number {number!r} is plugged in")
