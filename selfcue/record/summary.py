"""A log in figures, for the command line and for reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfcue.record.layout import END, counts
from selfcue.record.run_log import open_log, segment_paths


def summarise(path: Path) -> dict[str, Any]:
    """Return what is in the log at ``path``, ready for JSON.

    ``rate_hz`` is the mean over the whole log, None for a topic with fewer than two messages.

    Raises:
        BadInputError: ``path`` is no log.
    """
    log = open_log(path)
    duration_s = (log.end_ns - log.start_ns) / 1e9
    topics = [
        {
            "topic": info.topic,
            "type": info.type,
            "schema": info.schema,
            "messages": info.count,
            "rate_hz": round((info.count - 1) / duration_s, 3) if info.count > 1 and duration_s > 0 else None,
            "sources": list(info.sources),
        }
        for info in log.topics().values()
    ]
    files = segment_paths(path) if path.is_dir() else [path]
    end = log.metadata.get(END, {})
    return {
        "path": str(path),
        "files": [file.name for file in files],
        "bytes": sum(file.stat().st_size for file in files),
        "start_s": log.start_ns / 1e9,
        "end_s": log.end_ns / 1e9,
        "duration_s": duration_s,
        "messages": sum(info.count for info in log.topics().values()),
        "topics": topics,
        "throttled": counts(end.get("throttled", "{}")),
        "lost": counts(end.get("lost", "{}")),
        "complete": log.complete,
        "loss": log.loss,
    }
