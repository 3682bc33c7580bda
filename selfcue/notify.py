"""Word to systemd, where it started us: ready, still alive, what we do (sd_notify(3)). Elsewhere it is silent."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Talks to the service manager that ``NOTIFY_SOCKET`` names; without one every method does nothing.

    Args:
        environment: where ``NOTIFY_SOCKET``, ``WATCHDOG_USEC`` and ``WATCHDOG_PID`` are looked up.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        environment = os.environ if environment is None else environment
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._said = ""
        self._ready = False
        self._petted_s = -1e9
        meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        period = environment.get("WATCHDOG_USEC", "")
        self._watchdog_s = int(period) * 1e-6 if meant and period.isdigit() else 0.0

    @property
    def watchdog_s(self) -> float:
        """How often the manager wants a word, in seconds; 0: it does not."""
        return self._watchdog_s

    def ready(self) -> None:
        """The system is complete. Said once."""
        if not self._ready:
            self._ready = True
            self._send("READY=1")

    def status(self, line: str) -> None:
        """Say in one line what goes on; said again only when it changes."""
        if line != self._said:
            self._said = line
            self._send(f"STATUS={line}")

    def alive(self) -> None:
        """Feed the watchdog: twice as often as it asks, and never more."""
        now_s = time.monotonic()
        if self._watchdog_s and now_s - self._petted_s >= self._watchdog_s / 2:
            self._petted_s = now_s
            self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The system is going down."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.settimeout(0)  # a manager that does not listen must not hold up the robot
            try:
                channel.sendto(text.encode(), address)
            except OSError:
                return
