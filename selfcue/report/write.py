"""How reports leave: JSON in which what was not measured is null, and tables on the terminal."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def finite(value: Any) -> Any:
    """Return ``value`` with every number that is not finite replaced by None, tuples by lists."""
    if isinstance(value, Mapping):
        return {str(key): finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    """Write ``value`` aside, then rename: a reader finds a whole file or the one before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".tmp")
    aside.write_text(json.dumps(finite(value), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    aside.replace(path)
    return path


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], footer: Sequence[str] = ()) -> None:
    """Print a table: the first column to the left, the rest to the right, and lines below it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(title, style="bold"), title_justify="left", header_style="bold")
    for i, name in enumerate(columns):
        made.add_column(name, justify="left" if i == 0 else "right", no_wrap=i > 0, vertical="bottom")
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:  # a file or a pipe has no width: do not fold into 80 columns
        console = Console(highlight=False, width=120)
    console.print(made)
    for line in footer:
        console.print(Text(line))
