"""Names that writer and reader agree on: metadata records and keys of a log, topics on disk."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping

import mcap
import numpy as np

from selfcue import __version__

START = "selfcue"
"""Metadata record at the beginning: versions, rules, and what the caller adds."""
END = "selfcue.end"
"""Metadata record at the end: counts, and whether the log is complete."""
SUPERSEDES = "supersedes_from_ns"
"""Entry of START: this segment of a run replaces all earlier ones from this log time on."""
CONTINUES = "continues"
"""Entry of START: this file goes on where the one before it was full; both replace the same."""
REPEATED = "selfcue.repeated"
"""Entry of a channel's metadata: its messages are in an earlier file of the recording too, and repeated here so that
this file can be used by itself."""
TOPIC = "selfcue.topic"
TYPE = "selfcue.type"
SOURCE = "selfcue.source"
"""Entries of a channel's metadata: the topic as it was on the bus, our message type, and the publisher."""


def on_disk(topic: str, *, compressed: bool) -> str:
    """Return the name that ROS tools see."""
    return "/" + topic.removeprefix("/") + ("/compressed" if compressed else "")


def on_bus(topic: str, metadata: Mapping[str, str]) -> str:
    """Return the topic of a channel as it is called on our bus."""
    return metadata.get(TOPIC, topic.removeprefix("/"))


def versions() -> str:
    """Return the versions of what writes a log, as JSON."""
    found = {"selfcue": __version__, "python": platform.python_version()}
    return json.dumps(found | {"numpy": np.__version__, "mcap": mcap.__version__})


def counts(text: str) -> dict[str, int]:
    """Return counts by topic as the writer noted them; a log of another writer may hold anything there."""
    try:
        found = json.loads(text)
        return {str(topic): int(count) for topic, count in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def losses(end: Mapping[str, str]) -> Iterator[str]:
    """Yield what the END record says that the writer lost; nothing where it lost nothing."""
    if end.get("complete") == "false":
        lost = ", ".join(f"{topic} {count}" for topic, count in counts(end.get("lost", "")).items())
        yield f"the recorder lost messages: {lost or 'none counted'} ({end.get('why_lost', '')})"
