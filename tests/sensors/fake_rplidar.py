"""An RPLidar behind a pty: it answers requests as the notes say, and sends samples when it is told to."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Sequence

from selfcue.sensors.lidar import rplidar_protocol as protocol

SERIAL = bytes(range(16))


def node(angle_deg: float, range_m: float, quality: int = 15, *, begins: bool = False) -> bytes:
    """One sample of the plain scan."""
    angle, distance = round(angle_deg * 64), round(range_m * 4000)
    first = quality << 2 | (1 if begins else 2)
    return bytes([first, (angle & 0x7F) << 1 | 1, angle >> 7, distance & 255, distance >> 8])


def turn(range_m: float, samples: int = 360) -> bytes:
    """One turn of the plain scan: a round room, whose wall is a little nearer to the right (90 degrees clockwise)."""
    return b"".join(
        node(360.0 * i / samples, range_m - (0.5 if i == samples // 4 else 0.0), 10 + i % 50, begins=i == 0)
        for i in range(samples)
    )


def capsule(start_deg: float, ranges_m: Sequence[float], back_deg: Sequence[float], *, begins: bool = False) -> bytes:
    """32 samples of the express scan."""
    cabins = b""
    for i in range(0, 32, 2):
        words, low = [], 0
        for k in (i, i + 1):
            back = round(back_deg[k] * 8)
            words.append((round(ranges_m[k] * 4000) & 0xFFFC) | back >> 4)
            low |= (back & 15) << (4 * (k - i))
        cabins += words[0].to_bytes(2, "little") + words[1].to_bytes(2, "little") + bytes([low])
    body = (round(start_deg * 64) | begins << 15).to_bytes(2, "little") + cabins
    check = 0
    for byte in body:
        check ^= byte
    return bytes([0xA0 | check & 15, 0x50 | check >> 4]) + body


class FakeScanner:
    """Answers on its end of a pty; the test sends samples with ``send``.

    Attributes:
        path: of the other end, to be opened as a serial port.
        heard: the requests that came, without their payloads.
        scanning: set while it was told to scan.
    """

    def __init__(self, *, model: int = 0x18, health: int = 0, mute: bool = False) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self._ours, False)
        self.path = os.ttyname(self._theirs)
        self._model, self._health, self._mute = model, health, mute
        self.heard: list[int] = []
        self.scanning = threading.Event()
        self._pulled = threading.Event()
        self._thread = threading.Thread(target=self._answer, daemon=True)
        self._thread.start()

    def _answer(self) -> None:
        line = select.poll()
        line.register(self._ours, select.POLLIN)
        while not self._pulled.is_set():
            try:
                data = os.read(self._ours, 1024) if line.poll(10) else b""
            except OSError:
                data = b""
            while data:
                command, size = data[1], (4 + data[2] if data[1] & 0x80 else 2)
                self.heard.append(command)
                data = data[size:]
                if not self._mute:
                    self._say(command)

    def _say(self, command: int) -> None:
        if command == protocol.INFO:
            self.send(protocol.INFO_ANSWER + bytes([self._model, 29, 1, 7]) + SERIAL)
        elif command == protocol.HEALTH:
            self.send(protocol.HEALTH_ANSWER + bytes([self._health, 0x02, 0x80]))
        elif command in (protocol.SCAN, protocol.EXPRESS_SCAN):
            self.send(protocol.SCAN_ANSWER if command == protocol.SCAN else protocol.EXPRESS_ANSWER)
            self.scanning.set()
        elif command == protocol.STOP:
            self.scanning.clear()

    def send(self, data: bytes, at_once: int = 1024) -> None:
        """Send in pieces of ``at_once`` bytes, until it is done or the plug is pulled; a pty holds only so much."""
        line = select.poll()
        line.register(self._ours, select.POLLOUT)
        at = 0
        while at < len(data) and not self._pulled.is_set():
            if line.poll(10):
                try:
                    at += os.write(self._ours, data[at : at + at_once])
                except BlockingIOError:
                    continue
                except OSError:
                    return

    def pull(self) -> None:
        """Pull the plug."""
        if not self._pulled.is_set():
            self._pulled.set()
            self._thread.join(5.0)
            for end in (self._theirs, self._ours):
                os.close(end)
