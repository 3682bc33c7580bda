"""How long a method may learn: so many epochs, or so many seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from selfcue.errors import UsageError

if TYPE_CHECKING:
    from typing_extensions import Self

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """An upper limit of training; schedules stay those of the settings.

    Attributes:
        seconds: time on the clock, checked after each epoch. What it gives depends on the machine.
        epochs: epochs in all, those before a resume included. What it gives does not.
    """

    seconds: float | None = None
    epochs: int | None = None

    def __post_init__(self) -> None:
        if (self.seconds is not None and not self.seconds > 0) or (self.epochs is not None and self.epochs < 1):
            raise UsageError(f"a budget must be above 0, got {self}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``90s``, ``10m``, ``1.5h`` or ``200 epochs``.

        Raises:
            UsageError: it is none of these.
        """
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|min|h|epochs?|e)\s*", text)
        if not found:
            raise UsageError(f"budget {text!r}; write it like 90s, 10m, 1.5h or '200 epochs'")
        number, unit = found.groups()
        if unit in _UNITS:
            return cls(seconds=float(number) * _UNITS[unit])
        if not float(number).is_integer():
            raise UsageError(f"budget {text!r}; epochs are whole")
        return cls(epochs=int(float(number)))

    def __str__(self) -> str:
        parts = [f"{self.epochs} epochs"] if self.epochs is not None else []
        return " or ".join(parts + ([f"{self.seconds:g} s"] if self.seconds is not None else []))
