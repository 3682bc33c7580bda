"""Parameters of nodes at work: read by anyone, changed where the node declares them live.

Each node answers the call ``NODE/params``. A change goes through the same strict decoding as a launch file: the whole
frozen dataclass is made anew, and only then the node is told. What was changed is journalled, and in lock-step it is
part of the snapshot: a run that is resumed goes on with it.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from selfcue.calls import Service
from selfcue.config.decode import decode
from selfcue.errors import BadInputError, UsageError
from selfcue.node import Node

CALL = "params"


class ParamRequest(msgspec.Struct, frozen=True):
    """``changes``: dotted name of each parameter to its new value; empty: only tell."""

    changes: dict[str, Any] = {}


class ParamReply(msgspec.Struct, frozen=True):
    """What holds now: the node's kind, all values (nested), and the names of those that may be changed."""

    kind: str
    values: dict[str, Any]
    live: tuple[str, ...] = ()


class ParamDesk:
    """Answers for the parameters of the nodes of one process.

    Args:
        nodes: the nodes.
        tell: called with node, dotted name and new value of each change.

    Attributes:
        changed: by node, all changes so far.
    """

    def __init__(self, nodes: Sequence[Node], tell: Callable[[Node, str, Any], None]) -> None:
        self._nodes, self._tell = nodes, tell
        self.changed: dict[str, dict[str, Any]] = {}

    @property
    def services(self) -> dict[str, Service]:
        """The calls to serve, by name."""
        return {
            f"{node.name}/{CALL}": Service(ParamRequest, ParamReply, functools.partial(self._answer, node))
            for node in self._nodes
        }

    def restore(self, changed: Mapping[str, Mapping[str, Any]]) -> None:
        """Make the changes of a run that goes on; nothing is told."""
        for node in self._nodes:
            if node.name in changed:
                node.retune(with_changes(node, changed[node.name]))
                self.changed[node.name] = dict(changed[node.name])

    def _answer(self, node: Node, asked: ParamRequest) -> ParamReply:
        if asked.changes:
            node.retune(with_changes(node, asked.changes))
            self.changed.setdefault(node.name, {}).update(asked.changes)
            for name, value in asked.changes.items():
                self._tell(node, name, value)
        return ParamReply(type(node).__name__, values_of(node), type(node).LIVE_PARAMS)


def values_of(node: Node) -> dict[str, Any]:
    """Return the parameters of ``node`` as maps, lists and scalars."""
    values: dict[str, Any] = msgspec.to_builtins(dataclasses.asdict(node.params))  # by field: defaults too
    return values


def with_changes(node: Node, changes: Mapping[str, Any]) -> Any:
    """Return the parameters of ``node`` with ``changes`` (dotted names) in them, checked as a whole.

    Raises:
        UsageError: a parameter that is not live, or that there is none of.
        BadInputError: a value of the wrong type or outside of what the node allows.
    """
    live = type(node).LIVE_PARAMS
    values = values_of(node)
    for name, value in changes.items():
        *folders, last = name.split(".")
        place: Any = values
        for folder in folders:
            place = place.get(folder) if isinstance(place, dict) else None
        if not isinstance(place, dict) or last not in place:
            raise UsageError(
                f"node {node.name!r} has no parameter {name!r}; it has: {', '.join(flat(values)) or 'none'}"
            )
        if (folders or [last])[0] not in live and name not in live:
            raise UsageError(
                f"parameter {name!r} of node {node.name!r} does not change while it runs; "
                f"set it in the launch file (live: {', '.join(live) or 'none'})"
            )
        place[last] = value
    try:
        return decode(values, type(node).Params, node.name)
    except ValueError as error:
        raise BadInputError(str(error)) from error


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return nested parameters by dotted name."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{above}{name}."))
        else:
            found[f"{above}{name}"] = value
    return found
