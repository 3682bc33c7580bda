"""All message definitions that logs are written with, and the schema text that MCAP wants for each."""

from __future__ import annotations

from functools import cache

from selfcue.errors import BadInputError
from selfcue.record.cdr import CdrCodec
from selfcue.record.msgdef import Definition, full_name, parse_definition
from selfcue.record.own_definitions import OWN_DEFINITIONS
from selfcue.record.ros_definitions import ROS_DEFINITIONS

TEXTS: dict[str, str] = {**ROS_DEFINITIONS, **OWN_DEFINITIONS}
"""Definition text by full name, ``package/msg/Name``."""
DEFINITIONS: dict[str, Definition] = {name: parse_definition(name, text) for name, text in TEXTS.items()}
_RULE = "=" * 80


def schema_text(name: str) -> str:
    """Return the ``ros2msg`` schema of ``name``: its text, then that of every type it uses, each once."""
    name = full_name(name)
    if name not in TEXTS:
        raise BadInputError(f"message type {name} is not defined; defined: {', '.join(sorted(TEXTS))}")
    order = [name]
    for used in order:
        order.extend(nested for nested in DEFINITIONS[used].nested if nested not in order)
    parts = [TEXTS[name]]
    for used in order[1:]:
        package, _, short = used.split("/")
        parts.append(f"{_RULE}\nMSG: {package}/{short}\n{TEXTS[used]}")
    return "".join(parts)


@cache
def codec(name: str) -> CdrCodec:
    """Return the codec of one of our definitions."""
    return CdrCodec(name, DEFINITIONS)
