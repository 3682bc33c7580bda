"""How long a condition has held, by stamps alone."""

from __future__ import annotations

from typing import Any


class Stretch:
    """Measures the unbroken stretch over which a condition held.

    A fault rule looks at ``seconds`` instead of the condition, so that one odd frame never raises an alarm.
    """

    def __init__(self) -> None:
        self._since_ns: int | None = None
        self._last_ns: int | None = None

    def update(self, stamp_ns: int, *, holds: bool) -> None:
        if not holds:
            self._since_ns = None
        elif self._since_ns is None:
            self._since_ns = stamp_ns
        self._last_ns = stamp_ns

    @property
    def seconds(self) -> float | None:
        """Length of the stretch up to the last update; None where the condition does not hold."""
        if self._since_ns is None or self._last_ns is None:
            return None
        return (self._last_ns - self._since_ns) * 1e-9

    def lasts(self, at_least_s: float) -> bool:
        """Tell whether the condition holds now and has for ``at_least_s``."""
        seconds = self.seconds
        return seconds is not None and seconds >= at_least_s - 1e-9

    def meta(self) -> dict[str, Any]:
        """Return the JSON-serialisable state."""
        return {"since_ns": self._since_ns, "last_ns": self._last_ns}

    def load_meta(self, meta: dict[str, Any]) -> None:
        self._since_ns, self._last_ns = meta["since_ns"], meta["last_ns"]
