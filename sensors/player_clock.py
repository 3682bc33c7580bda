"""The player's clock: from the log's time to the system's, which never goes back, however the log is sought in.

It knows nothing of files and messages. The system's time is the log's plus an offset; where the log jumps back, the
offset grows, so that time goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from selfcue.errors import BadInputError

PAUSE_NS = 1_000_000
"""Of system time between what was said before a jump, the word that there is one, and what follows."""


@dataclass(frozen=True)
class Jump:
    """A jump in the log's time [ns]; ``reason`` is seek or loop."""

    from_ns: int
    to_ns: int
    reason: str


class PlayerClock:
    """Times of ticks.

    Attributes:
        offset_ns: what the system's time is ahead of the log's.
        tick_ns: of the last tick; None before the first.
        log_ns: the log's time at the last moment that was played; None before the first.
        jump: the jump that is to be announced next; None where there is none.
    """

    def __init__(self) -> None:
        self.offset_ns = 0
        self.tick_ns: int | None = None
        self.log_ns: int | None = None
        self.jump: Jump | None = None

    def system_ns(self, log_ns: int) -> int:
        """Return the system's time that belongs to the log's."""
        return log_ns + self.offset_ns

    def due_ns(self, log_ns: int) -> int:
        """Return the time of the tick that plays ``log_ns``. Raises BadInputError where it is not after the last."""
        due_ns = self.system_ns(log_ns)
        if self.tick_ns is not None and due_ns <= self.tick_ns:
            raise BadInputError(
                f"the stamp {due_ns} ns is not later than the one before ({self.tick_ns} ns); the log's stamps do not "
                "increase"
            )
        return due_ns

    def pause_ns(self) -> int:
        """Return the time of a tick that plays nothing."""
        assert self.tick_ns is not None
        return self.tick_ns + PAUSE_NS

    def leap(self, to_ns: int, reason: str, *, step_ns: int = PAUSE_NS) -> None:
        """Go on at ``to_ns`` of the log, ``step_ns`` of system time after the last tick where that is back in the log.

        The jump is to be announced in a tick of its own, before anything is played; nothing is announced where nothing
        was played yet.
        """
        if self.tick_ns is None or self.log_ns is None:
            return
        from_ns = self.jump.from_ns if self.jump is not None else self.log_ns
        self.jump = Jump(from_ns, to_ns, reason)
        if self.system_ns(to_ns) < self.tick_ns + 2 * PAUSE_NS:
            self.offset_ns = self.tick_ns + max(step_ns, 2 * PAUSE_NS) - to_ns

    def meta(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        jump = asdict(self.jump) if self.jump is not None else None
        return {"offset_ns": self.offset_ns, "tick_ns": self.tick_ns, "log_ns": self.log_ns, "jump": jump}

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> PlayerClock:
        """Return what ``meta`` described."""
        clock = cls()
        clock.offset_ns, clock.tick_ns, clock.log_ns = meta["offset_ns"], meta["tick_ns"], meta["log_ns"]
        clock.jump = Jump(**meta["jump"]) if meta["jump"] is not None else None
        return clock
