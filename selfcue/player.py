"""What a log player is asked by calls, and what it answers: ``player/pause``, ``resume``, ``step``, ``seek``, ``rate``.

Each answers with how things stand then; ``player/state`` asks for that alone.
"""

from __future__ import annotations

import msgspec


class Step(msgspec.Struct, frozen=True):
    """Pause, and play so many moments of the log (the frames of a rig, or the messages of one stamp)."""

    moments: int = 1


class Seek(msgspec.Struct, frozen=True):
    """Go on at ``to_s`` from the log's start, or, where that is not given, ``by_s`` from where it is now."""

    to_s: float | None = None
    by_s: float = 0.0


class Rate(msgspec.Struct, frozen=True):
    """Play so many times as fast as recorded; 0: as fast as the slowest reliable listener allows."""

    rate: float


class PlayerState(msgspec.Struct, frozen=True):
    """How the player stands.

    Attributes:
        position_s: from the log's start to the moment that was played last.
        length_s: of the log.
        rate: see ``Rate``.
        paused: nothing is played.
        loops: how often it began anew.
        played: moments so far.
    """

    position_s: float
    length_s: float
    rate: float
    paused: bool
    loops: int
    played: int
