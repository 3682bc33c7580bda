"""When a driver is opened, tried again and given up: a state machine without threads, so all its ways are tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ConnectionState = Literal["idle", "opening", "up", "waiting", "ended", "failed", "stopped"]
"""``waiting``: for the next try; ``ended``: a file was read to its end; ``failed``: the settings cannot be met, it is
not tried again."""

FINAL = frozenset({"ended", "failed", "stopped"})


@dataclass(frozen=True)
class ConnectionConfig:
    """How a sensor's base deals with a device that goes away.

    Attributes:
        wait_for_device: start although the device is not there, and take it when it comes.
        open_timeout_s: how long opening may take before it counts as hung.
        read_timeout_s: how long the driver waits in one ``read``.
        hung_after_s: a ``read`` that takes this much longer than it was given is hung: its thread is left to itself
            and the device is opened anew.
        first_wait_s, most_wait_s: pause before the first try, doubled with each one that fails, up to the most.
        steady_after_s: a connection that has lasted so long makes the next pause the first again.
    """

    wait_for_device: bool = False
    open_timeout_s: float = 10.0
    read_timeout_s: float = 0.2
    hung_after_s: float = 2.0
    first_wait_s: float = 0.2
    most_wait_s: float = 5.0
    steady_after_s: float = 5.0

    def __post_init__(self) -> None:
        times = (self.open_timeout_s, self.read_timeout_s, self.hung_after_s, self.first_wait_s, self.steady_after_s)
        if min(times) <= 0 or self.most_wait_s < self.first_wait_s:
            raise ValueError(
                f"times of a connection must be above 0 and most_wait_s {self.most_wait_s} at least first_wait_s "
                f"{self.first_wait_s}"
            )


class Connection:
    """The state of one device's connection. ``now_s`` is monotonic time; calls come in its order, one at a time."""

    def __init__(self, config: ConnectionConfig | None = None) -> None:
        self.config = config or ConnectionConfig()
        self.state: ConnectionState = "idle"
        self.error = ""
        self.opened = 0
        self.lost = 0
        self.hangs = 0
        self._wait_s = self.config.first_wait_s
        self._since_s = 0.0
        self._due_s = 0.0

    @property
    def over(self) -> bool:
        """Nothing will come any more."""
        return self.state in FINAL

    @property
    def reconnects(self) -> int:
        """How often it was opened again after the first time."""
        return max(0, self.opened - 1)

    def try_in_s(self, now_s: float) -> float:
        """Return how long to wait before the next try (0: now)."""
        return max(0.0, self._due_s - now_s) if self.state == "waiting" else 0.0

    def opening(self, now_s: float) -> None:
        """A try begins."""
        self._go("opening", now_s, {"idle", "waiting"})

    def up(self, now_s: float) -> None:
        """It opened."""
        if self._go("up", now_s, {"opening"}):
            self.opened += 1
            self.error = ""

    def gone(self, now_s: float, error: str) -> None:
        """It did not open, or was lost while it was up: try again later."""
        self._pause(now_s, error)

    def hung(self, now_s: float, error: str) -> None:
        """A call into it does not return: what is left of it is abandoned, try again later."""
        if self.state in ("opening", "up"):
            self.hangs += 1
        self._pause(now_s, error)

    def refused(self, now_s: float, error: str) -> None:
        """It cannot be used as it was asked for: give up."""
        if self._go("failed", now_s, {"idle", "opening", "up", "waiting"}):
            self.error = error

    def ended(self, now_s: float) -> None:
        """It was read to its end."""
        self._go("ended", now_s, {"up"})

    def stop(self, now_s: float) -> None:
        """Whoever used it is done."""
        self._go("stopped", now_s, {"idle", "opening", "up", "waiting"})

    def _pause(self, now_s: float, error: str) -> None:
        was, since_s = self.state, self._since_s
        if not self._go("waiting", now_s, {"opening", "up"}):
            return
        if was == "up":
            self.lost += 1
            if now_s - since_s >= self.config.steady_after_s:
                self._wait_s = self.config.first_wait_s
        self.error = error
        self._due_s = now_s + self._wait_s
        self._wait_s = min(2 * self._wait_s, self.config.most_wait_s)

    def _go(self, state: ConnectionState, now_s: float, allowed: set[ConnectionState]) -> bool:
        """Change the state where it may; what comes late from an abandoned thread changes nothing."""
        if self.state not in allowed:
            return False
        self.state, self._since_s = state, now_s
        return True
