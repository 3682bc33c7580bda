"""What a fault detector of one sensor is: it hears every message of a topic and says what is wrong, with evidence.

Detectors know time by stamps alone and can be saved, so that they say the same live, in the simulator and of a log.
``TrustNode`` (selfcue.sensors.trust_node) runs the detectors of a topic and publishes what they say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from selfcue.messages import Message, TrustLevel

M_contra = TypeVar("M_contra", bound=Message, contravariant=True)


@dataclass(frozen=True)
class Fault:
    """Something that a detector holds to be wrong now.

    Attributes:
        name: in one word, as in the method's table: ``frozen``, ``clipping``, ``axes``.
        level: ``suspect``: learn nothing from it; ``lost``: do not act on it either.
        evidence: the numbers it rests on, with units in their names.
    """

    name: str
    level: TrustLevel
    evidence: Mapping[str, float] = field(default_factory=dict)


class Watch(Protocol[M_contra]):
    """One detector. Deterministic: the same messages give the same words."""

    needs_s: ClassVar[Mapping[str, float]]
    """By name of fault, how many seconds of evidence it takes; it is found within that and one second (sound: two)."""

    def update(self, message: M_contra) -> None:
        """Take in a message; stamps never go back."""
        ...

    def faults(self, now_ns: int) -> list[Fault]:
        """Return what is wrong at ``now_ns``, which is no earlier than the last message's stamp."""
        ...

    def evidence(self) -> Mapping[str, float]:
        """Return the numbers of the moment, also while all is well: whoever reads a log wants to see them come."""
        ...

    def meta(self) -> dict[str, Any]:
        """Return all that it remembers, as JSON can hold it."""
        ...

    def load_meta(self, meta: dict[str, Any]) -> None:
        """Go on from ``meta``."""
        ...
