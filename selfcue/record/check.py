"""Proof of a log by reading all of it: what decodes, in which order, with which gaps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

from selfcue.record import sources

_GAP = 5.0
"""A silence counts as a gap from so many usual periods on."""


@dataclass(frozen=True)
class TopicCheck:
    """What reading one topic showed.

    Attributes:
        messages: that were read, and ``expected``: that the log's index names.
        late: messages whose stamp is older than that of one before them on the topic.
        period_s: usual time between two; 0 with fewer than two.
        longest_gap_s, gaps: longest time between two, and how many are five times the usual one or more.
    """

    messages: int
    expected: int
    late: int
    period_s: float
    longest_gap_s: float
    gaps: int


@dataclass(frozen=True)
class Check:
    """What reading a log showed: ``problems`` are what makes it incomplete."""

    path: Path
    reader: str
    messages: int
    topics: dict[str, TopicCheck] = field(default_factory=dict)
    not_converted: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def check(path: Path) -> Check:
    """Read every message of the log at ``path``.

    Raises:
        BadInputError: it is damaged, or a message does not decode.
    """
    name, source = sources.open_named(path)
    infos = sources.contents(source)
    stamps: dict[str, list[int]] = {topic: [] for topic, info in infos.items() if info.type}
    newest: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for _, topic, message in source.messages():
        stamps.setdefault(topic, []).append(message.stamp_ns)
        late[topic] += message.stamp_ns < newest[topic]
        newest[topic] = max(newest[topic], message.stamp_ns)
    topics = {
        topic: _topic(found, infos[topic].count if topic in infos else 0, late[topic])
        for topic, found in sorted(stamps.items())
    }
    problems = [said] if (said := sources.loss(source)) else []
    problems += [
        f"{topic}: {one.messages} messages, and the index names {one.expected}"
        for topic, one in topics.items()
        if one.messages != one.expected
    ]
    unknown = {info.topic: info.count for info in infos.values() if not info.type and info.count}
    return Check(path, name, sum(map(len, stamps.values())), topics, unknown, tuple(problems))


def _topic(stamps_ns: list[int], expected: int, late: int) -> TopicCheck:
    ordered = sorted(stamps_ns)
    steps = [(b - a) / 1e9 for a, b in pairwise(ordered)]
    period_s = median(steps) if steps else 0.0
    gaps = sum(step >= _GAP * period_s for step in steps) if period_s > 0 else 0
    return TopicCheck(len(stamps_ns), expected, late, period_s, max(steps, default=0.0), gaps)
