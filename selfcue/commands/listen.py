"""What the tools share: a bus of their own, and messages of a topic as they come."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np

from selfcue.bus import Bus, Received
from selfcue.directory import Card, FolderDirectory
from selfcue.errors import BadInputError

NOBODY = "none: no system runs in this domain (see SELFCUE_DOMAIN)"


@contextmanager
def tool_bus() -> Iterator[Bus]:
    """A bus that listens only; nobody waits for it or sees it."""
    bus = Bus(f"tool-{os.getpid()}", FolderDirectory(), queue=1000)
    try:
        yield bus
    finally:
        bus.close()


def cards_present() -> list[Card]:
    """Return the processes of the running system."""
    return FolderDirectory().cards()


def topics_present() -> dict[str, tuple[str, list[str]]]:
    """Return topic to (type, processes that publish it) of the running system."""
    found: dict[str, tuple[str, list[str]]] = {}
    for card in cards_present():
        for name, kind in card.topics.items():
            found.setdefault(name, (kind, []))[1].append(card.name)
    return dict(sorted(found.items()))


def type_of(topic: str) -> str:
    """Return the type that ``topic`` carries. Raises BadInputError where nobody publishes it."""
    known = topics_present()
    if topic not in known:
        raise BadInputError(f"nobody publishes {topic!r}; there is: {', '.join(known) or NOBODY}")
    return known[topic][0]


def listen(topic: str, timeout_s: float = 0.0) -> Iterator[Received]:
    """Yield the messages of ``topic`` as they come.

    Raises:
        BadInputError: nobody publishes it, or no message came for ``timeout_s`` (0: wait for ever).
    """
    type_of(topic)
    with tool_bus() as bus:
        bus.subscribe(topic)
        heard = time.monotonic()
        while True:
            bus.connect_present(every_s=0.5)
            bus.forget_gone()
            for one in bus.poll(0.1):
                heard = time.monotonic()
                yield one
            if timeout_s and time.monotonic() - heard > timeout_s:
                raise BadInputError(f"no message on {topic!r} for {timeout_s:g} s")


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it; arrays by shape, dtype and range."""
    if isinstance(value, np.ndarray):
        finite = value[np.isfinite(value)] if value.dtype.kind == "f" else value
        span = [float(finite.min()), float(finite.max())] if finite.size else None
        return {"shape": list(value.shape), "dtype": str(value.dtype), "range": span}
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return msgspec.to_builtins(value)
