"""Inertial units that a test plays: the bytes that they send, the port that they are plugged into."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import tty
from pathlib import Path

from selfcue.sensors.imu.checksums import fletcher8
from selfcue.sensors.imu.framing import BinaryFraming, Field, Framing

FRAMING = Framing(
    binary=BinaryFraming(
        sync="aa 55",
        fields=(
            Field("counter", "u8"),
            Field("time", "u32", "us"),
            *(Field(f"accel_{axis}", "f32") for axis in "xyz"),
            *(Field(f"gyro_{axis}", "f32") for axis in "xyz"),
        ),
        checksum="fletcher8",
    )
)
"""What ``frame`` writes."""


def frame(number: int, time_us: int, accel: tuple[float, ...], gyro: tuple[float, ...]) -> bytes:
    """Return one frame of ``FRAMING``."""
    body = struct.pack("<BI6f", number % 256, time_us % 2**32, *accel, *gyro)
    return b"\xaa\x55" + body + fletcher8(body).to_bytes(2, "little")


def still(number: int, hz: float = 100.0) -> bytes:
    """Return a frame of a unit at rest; its noise is its number, so that no two are equal."""
    return frame(number, round(number * 1e6 / hz), (0.0, 1e-4 * (number % 7), 9.81), (1e-5 * (number % 5), 0.0, 0.0))


class PtyUnit:
    """A unit behind a pseudo-terminal that is reached under one name, wherever it is plugged in.

    ``with PtyUnit(path) as unit``: ``path`` is a link to the port, as udev makes one for a serial number.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._master = -1

    def plug(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(self._master)
        os.set_blocking(self._master, False)
        aside = self.path.with_suffix(".new")
        aside.symlink_to(os.ttyname(slave))
        aside.replace(self.path)
        self._slave = slave  # held, so that the port is there before somebody opens it

    def send(self, data: bytes) -> None:
        """Write what fits; a port that nobody reads loses the rest, as a real one does."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)

    def pull(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            os.close(self._slave)
            self._master = -1
            self.path.unlink(missing_ok=True)

    def __enter__(self) -> PtyUnit:  # noqa: PYI034 - Python 3.10 has no Self
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self.pull()


class Streaming:
    """Calls ``send(number)`` at a rate from a thread, until the block ends."""

    def __init__(self, send: object, hz: float) -> None:
        self._send, self._hz = send, hz
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.number = 0

    def _run(self) -> None:
        while not self._stop.wait(1 / self._hz):
            with contextlib.suppress(OSError):
                self._send(self.number)  # type: ignore[operator]
            self.number += 1

    def __enter__(self) -> Streaming:  # noqa: PYI034
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
