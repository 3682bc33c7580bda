"""A log in figures, for the command line and for reports."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from selfcue.record import sources
from selfcue.record.entry import TopicInfo
from selfcue.record.layout import END, counts
from selfcue.record.log_source import McapSource
from selfcue.record.run_log import open_log, segment_paths


def summarise(path: Path) -> dict[str, Any]:
    """Return what is in the log at ``path``, of whatever format, ready for JSON.

    ``rate_hz`` is the mean over the whole log, None for a topic with fewer than two messages. Topics that cannot be
    converted have an empty ``type``; ``not_converted`` has their counts.

    Raises:
        BadInputError: ``path`` is no log.
    """
    if path.suffix == ".mcap" or not path.exists() or McapSource.claims(path):
        return _summarise_mcap(path)
    reader, source = sources.open_named(path)
    found = sources.contents(source)
    start_ns, end_ns = source.start_ns, source.end_ns
    loss = sources.loss(source)
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    return {
        "path": str(path),
        "reader": reader,
        "time_base": sources.time_base(source),
        "files": [file.name for file in files],
        "bytes": sum(file.stat().st_size for file in files),
        "start_s": start_ns / 1e9,
        "end_s": end_ns / 1e9,
        "duration_s": (end_ns - start_ns) / 1e9,
        "messages": sum(info.count for info in found.values()),
        "topics": _topics(found.values(), (end_ns - start_ns) / 1e9),
        "not_converted": _unknown(found.values()),
        "throttled": {},
        "lost": {},
        "complete": not loss,
        "loss": loss,
    }


def _topics(infos: Iterable[TopicInfo], duration_s: float) -> list[dict[str, Any]]:
    return [
        {
            "topic": info.topic,
            "type": info.type,
            "schema": info.schema,
            "messages": info.count,
            "rate_hz": round((info.count - 1) / duration_s, 3) if info.count > 1 and duration_s > 0 else None,
            "sources": list(info.sources),
        }
        for info in infos
    ]


def _unknown(infos: Iterable[TopicInfo]) -> dict[str, int]:
    return {info.topic: info.count for info in infos if not info.type and info.count}


def _summarise_mcap(path: Path) -> dict[str, Any]:
    log = open_log(path)
    duration_s = (log.end_ns - log.start_ns) / 1e9
    infos = log.topics().values()
    files = segment_paths(path) if path.is_dir() else [path]
    end = log.metadata.get(END, {})
    return {
        "path": str(path),
        "reader": "mcap",
        "time_base": "log time",
        "files": [file.name for file in files],
        "bytes": sum(file.stat().st_size for file in files),
        "start_s": log.start_ns / 1e9,
        "end_s": log.end_ns / 1e9,
        "duration_s": duration_s,
        "messages": sum(info.count for info in infos),
        "topics": _topics(infos, duration_s),
        "not_converted": _unknown(infos),
        "throttled": counts(end.get("throttled", "{}")),
        "lost": counts(end.get("lost", "{}")),
        "complete": log.complete,
        "loss": log.loss,
    }
