"""What is done to a topic on its way into a log: pictures compressed, messages left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from selfcue.errors import BadInputError


@dataclass(frozen=True)
class TopicRule:
    """Settings of one topic, or of all topics that a pattern matches.

    Attributes:
        jpeg: quality (1 to 100) at which rgb8 and mono8 images are written as JPEG under ``TOPIC/compressed``; None
            writes them as they are. Images of other encodings are always written as they are.
        max_hz: at most so many messages a second of their stamps; None: all. What is left out is counted in the log.
        png: level (0 to 9; 1 is quick, more is smaller) at which images of whole numbers are written as PNG, which
            loses nothing, under ``TOPIC/compressed``; None writes them as they are.
    """

    jpeg: int | None = None
    max_hz: float | None = None
    png: int | None = None

    def __post_init__(self) -> None:
        if self.jpeg is not None and not 1 <= self.jpeg <= 100:
            raise BadInputError(f"jpeg quality {self.jpeg} is outside 1 to 100")
        if self.png is not None and not 0 <= self.png <= 9:
            raise BadInputError(f"png level {self.png} is outside 0 to 9")
        if self.jpeg is not None and self.png is not None:
            raise BadInputError(f"jpeg {self.jpeg} and png {self.png}: choose one of them for a topic")
        if self.max_hz is not None and not 0 < self.max_hz <= 1e6:
            raise BadInputError(f"max_hz {self.max_hz} is outside 0 to 1e6")


def rule_for(topic: str, rules: Mapping[str, TopicRule]) -> TopicRule:
    """Return the rule of ``topic``: its own, else that of the first pattern (``*``, ``?``) that matches."""
    if topic in rules:
        return rules[topic]
    for pattern, rule in rules.items():
        if fnmatchcase(topic, pattern):
            return rule
    return TopicRule()


class Throttle:
    """Lets the first message of each period through, by stamp.

    Periods lie on a fixed grid from time 0. So what was made of one picture, stamped alike, is kept or left out
    together on all topics of one rate, and the choice does not depend on where recording began.
    """

    def __init__(self, max_hz: float, slot: int = -1) -> None:
        self._period_ns = max(1, round(1e9 / max_hz))
        self.slot = slot
        """The period that had its message; -1: none yet."""

    def admits(self, stamp_ns: int) -> bool:
        slot = stamp_ns // self._period_ns
        if slot == self.slot:
            return False
        self.slot = slot
        return True
