"""Settings of the replay memory."""

from __future__ import annotations

from dataclasses import dataclass

from selfcue.errors import BadInputError


@dataclass(frozen=True)
class MemoryConfig:
    """Settings of the replay memory.

    Attributes:
        capacity: entries in all three sets together.
        recent_share, hard_share: shares of the capacity; the reservoir has the rest.
        max_cosine: a lesson whose descriptor is more alike than this to a stored one's is not stored (1: store all).
        batch_new, batch_hard: how many lessons of a batch are the newest, and how many hard; the rest are drawn from
            the reservoir.
        compact_factor: the file is rewritten when it holds this many times the capacity.
    """

    capacity: int = 2000
    recent_share: float = 0.25
    hard_share: float = 0.25
    max_cosine: float = 0.97
    batch_new: int = 2
    batch_hard: int = 2
    compact_factor: float = 3.0

    def __post_init__(self) -> None:
        shares = (self.recent_share, self.hard_share)
        if self.capacity < 8 or min(shares) < 0 or sum(shares) >= 1 or self.compact_factor < 2:
            raise BadInputError(
                "replay memory needs capacity >= 8, shares >= 0 that sum to less than 1 and compact_factor >= 2, "
                f"got {self}"
            )

    @property
    def recent_size(self) -> int:
        return max(1, round(self.capacity * self.recent_share))

    @property
    def hard_size(self) -> int:
        return round(self.capacity * self.hard_share)

    @property
    def reservoir_size(self) -> int:
        return self.capacity - self.recent_size - self.hard_size
