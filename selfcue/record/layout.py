"""Names that writer and reader agree on: metadata records and keys of a log, topics on disk."""

from __future__ import annotations

from collections.abc import Mapping

START = "selfcue"
"""Metadata record at the beginning: versions, rules, and what the caller adds."""
END = "selfcue.end"
"""Metadata record at the end: counts, and whether the log is complete."""
SUPERSEDES = "supersedes_from_ns"
"""Entry of START: this segment of a run replaces all earlier ones from this log time on."""
TOPIC = "selfcue.topic"
TYPE = "selfcue.type"
SOURCE = "selfcue.source"
"""Entries of a channel's metadata: the topic as it was on the bus, our message type, and the publisher."""


def on_disk(topic: str, *, jpeg: bool) -> str:
    """Return the name that ROS tools see."""
    return "/" + topic.removeprefix("/") + ("/compressed" if jpeg else "")


def on_bus(topic: str, metadata: Mapping[str, str]) -> str:
    """Return the topic of a channel as it is called on our bus."""
    return metadata.get(TOPIC, topic.removeprefix("/"))
