"""Quality of service: what a subscriber wants to happen when it is slower than the publisher."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from selfcue.errors import BadInputError

Kind: TypeAlias = Literal["latest", "keep", "every", "reliable"]
MAX_DEPTH = 10_000
MAX_DEADLINE_S = 60.0
_TEXT = re.compile(r"(latest|every|keep|reliable)(?:\(\s*([0-9.]+)\s*(?:,\s*([0-9.]+)\s*s?\s*)?\))?")


@dataclass(frozen=True)
class Qos:
    """What one subscription asks for; see ``docs/transport.md``.

    Attributes:
        kind: ``latest``: the newest alone; ``keep``: the newest ``depth``; ``every``: all, however many wait (for
            lock-step, where the ticks bound them); ``reliable``: all, and the publisher waits for a slow subscriber,
            ``deadline_s`` at most, then disconnects it.
        depth: messages that may wait (``keep``), or be under way and not yet handled (``reliable``).
        deadline_s: longest wait of the publisher.
        copy: big arrays are copied out of shared memory when they come. False: they are read-only views that keep
            their place in the publisher's ring until the last array over them is gone.
    """

    kind: Kind = "every"
    depth: int = 0
    deadline_s: float = 0.0
    copy: bool = True

    def __post_init__(self) -> None:
        if self.kind in ("keep", "reliable") and not 1 <= self.depth <= MAX_DEPTH:
            raise BadInputError(f"{self.kind}({self.depth}): give a depth of 1 to {MAX_DEPTH} messages")
        if self.kind == "reliable" and not 0 < self.deadline_s <= MAX_DEADLINE_S:
            raise BadInputError(f"reliable with a deadline of {self.deadline_s} s: give one up to {MAX_DEADLINE_S} s")

    @classmethod
    def latest(cls) -> Qos:
        """The newest message wins; older ones that wait are dropped and counted."""
        return cls("latest", 1)

    @classmethod
    def keep(cls, depth: int) -> Qos:
        """The newest ``depth`` messages; older ones that wait are dropped and counted."""
        return cls("keep", depth)

    @classmethod
    def every(cls) -> Qos:
        """All messages; nothing bounds how many wait but the system's own lock-step."""
        return cls("every")

    @classmethod
    def reliable(cls, depth: int = 64, *, deadline_s: float = 1.0) -> Qos:
        """All messages; the publisher waits for this subscriber, ``deadline_s`` at most."""
        return cls("reliable", depth, deadline_s)

    def views(self) -> Qos:
        """Return the same with big arrays as views into shared memory."""
        return replace(self, copy=False)

    @property
    def holds(self) -> bool:
        """True where the publisher may not write over a message that this subscriber has not read."""
        return self.kind in ("every", "reliable")

    def __str__(self) -> str:
        if self.kind == "reliable":
            return f"reliable({self.depth}, {self.deadline_s:g} s)"
        return f"keep({self.depth})" if self.kind == "keep" else self.kind


_STRENGTH: dict[Kind, int] = {"latest": 0, "keep": 1, "every": 2, "reliable": 3}


def of_node(keep: int, asked: Qos | None, *, lockstep: bool) -> Qos:
    """Return what a node's subscription comes to: in lock-step nothing is ever lost; live, what it asked for."""
    if lockstep:
        return Qos.every()
    if asked is not None:
        return asked
    return Qos.keep(keep or MAX_DEPTH) if keep != 1 else Qos.latest()


def stronger(one: Qos, other: Qos) -> Qos:
    """Return what serves both: the stricter kind, the greater depth, the shorter deadline, a copy if one wants it."""
    first, second = sorted((one, other), key=lambda qos: _STRENGTH[qos.kind], reverse=True)
    if first.kind == second.kind:
        deadline_s = min(first.deadline_s, second.deadline_s)
        first = replace(first, depth=max(first.depth, second.depth), deadline_s=deadline_s)
    return replace(first, copy=one.copy or other.copy)


def parse(text: str) -> Qos:
    """Return what a launch file says: ``latest``, ``keep(5)``, ``every``, ``reliable``, ``reliable(64, 0.5 s)``.

    Raises:
        BadInputError: none of these.
    """
    match = _TEXT.fullmatch(text.strip())
    kind = match[1] if match else ""
    numbers = [float(one) for one in match.groups()[1:] if one is not None] if match else []
    if kind == "keep" and len(numbers) == 1:
        return Qos.keep(int(numbers[0]))
    if kind == "reliable" and len(numbers) <= 2:
        depth = int(numbers[0]) if numbers else 64
        return Qos.reliable(depth, deadline_s=numbers[1] if len(numbers) == 2 else 1.0)
    if kind in ("latest", "every") and not numbers:
        return Qos.latest() if kind == "latest" else Qos.every()
    raise BadInputError(f"{text!r} is no quality of service; write latest, keep(5), every or reliable(64, 1 s)")
