"""A YAML file as a frozen dataclass, strictly."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml

from selfcue.config.decode import decode
from selfcue.errors import BadInputError

T = TypeVar("T")


def read_yaml(path: Path, kind: type[T], *, give: str) -> T:
    """Return what a YAML file holds as ``kind``.

    Args:
        give: the keys that it should have, for the error of a file without any.

    Raises:
        BadInputError: it cannot be read, or a key or value is wrong; the message names it.
    """
    try:
        found = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInputError(f"{path} cannot be read ({' '.join(str(error).split())})") from error
    if not isinstance(found, dict):
        raise BadInputError(f"{path}: holds no keys; give {give}")
    try:
        return decode(found, kind)
    except ValueError as error:
        raise BadInputError(f"{path}: {str(error).lstrip('.')}") from error
