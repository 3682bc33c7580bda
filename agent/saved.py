"""Small messages as JSON-serialisable values, for node states."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from selfcue.messages import Message

M = TypeVar("M", bound=Message)


def pack(message: Message | None) -> dict[str, Any] | None:
    """Return a message without arrays as plain values; None stays None."""
    if message is None:
        return None
    # There and back once: a whole number in a float's place is saved as it will be loaded.
    saved: dict[str, Any] = msgspec.to_builtins(msgspec.convert(msgspec.to_builtins(message), type(message)))
    return saved


def unpack(saved: dict[str, Any] | None, kind: type[M]) -> M | None:
    """Return the message that ``pack`` was given."""
    return None if saved is None else msgspec.convert(saved, kind)
