"""What tasks there are, and their settings."""

from __future__ import annotations

import dataclasses
from typing import Any

from selfcue import plugins
from selfcue.learners.fleet.task import GROUP, task_class


def list_tasks() -> list[dict[str, Any]]:
    """Return name, first line of the documentation, and settings with their defaults of every registered task."""
    rows = []
    for name in plugins.names(GROUP):
        kind = task_class(name)
        settings = {
            field.name: None if field.default is dataclasses.MISSING else field.default
            for field in dataclasses.fields(kind.Settings)
        }
        rows.append({"name": name, "what": (kind.__doc__ or "").partition("\n")[0], "settings": settings})
    return rows
