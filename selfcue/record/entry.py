"""What reading a log gives: its messages, and what it says of its topics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from selfcue.messages import Message

OnDamage: TypeAlias = Literal["raise", "skip"]
"""What to do about damaged parts of a log."""


class LogEntry(NamedTuple):
    """One message of a log and the system's time at which it was recorded."""

    topic: str
    message: Message
    log_time_ns: int


@dataclass(frozen=True)
class TopicInfo:
    """One topic of a log. ``type`` is the name of our message, empty where we have none for ``schema``."""

    topic: str
    type: str
    schema: str
    count: int
    sources: tuple[str, ...]
