"""What is registered where: nodes, commands, log readers and more, by Python entry points.

A package of its own adds to the system by naming its classes under the same groups; nothing here imports a room until
a name is asked for.
"""

from __future__ import annotations

import difflib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from selfcue.errors import BadInputError, MissingDependencyError

NODES = "selfcue.nodes"
COMMANDS = "selfcue.commands"
REPORTS = "selfcue.reports"
READERS = "selfcue.readers"
SENSORS = "selfcue.sensors"
WATCHES = "selfcue.watches"


def names(group: str) -> list[str]:
    """Return the registered names of ``group``, sorted."""
    return sorted({point.name for point in entry_points(group=group)})


def points(group: str) -> list[EntryPoint]:
    """Return the entry points of ``group``, sorted by name."""
    return sorted(entry_points(group=group), key=lambda point: point.name)


def load(group: str, name: str) -> Any:
    """Return the object registered as ``name`` in ``group``, or that ``package.module:Name`` points to.

    Raises:
        BadInputError: nothing is registered under that name; the message lists what is.
        MissingDependencyError: it is registered, but what it needs is not installed.
    """
    if ":" in name:
        return _import(EntryPoint(name=name, value=name, group=group))
    found = [point for point in entry_points(group=group) if point.name == name]
    if not found:
        known = names(group)
        close = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known) or 'none'}"
        raise BadInputError(f"no plugin {name!r} in group {group}{hint}")
    return _import(found[0])


def _import(point: EntryPoint) -> Any:
    try:
        return point.load()
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"plugin {point.name!r} does not load: {error}") from error
    except (ImportError, AttributeError) as error:
        package = point.dist.name if point.dist else point.value
        raise MissingDependencyError(f"plugin {point.name!r} of {package} does not load: {error}") from error
