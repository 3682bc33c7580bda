"""``docs/benchmarks.md``, made from the results of full runs: nobody writes a figure by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError

HEAD = """# Benchmarks

Made by `selfcue bench --page docs/benchmarks.md` from the last full runs; every figure comes from a command that anyone
can run. A claim that is missed stands here as missed.
"""


def write_page(results: Sequence[Path], page: Path) -> None:
    """Write the page of all ``results`` (JSON files of full runs).

    Raises:
        BadInputError: there is none, or one of them is not a result or comes from a quick run.
    """
    if not results:
        raise BadInputError("no results to make the page from; run a benchmark first: selfcue bench first-flight")
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(HEAD + "".join(_section(path) for path in sorted(results)), encoding="utf-8")


def _section(path: Path) -> str:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        name, quick = result["name"], result["quick"]
    except (OSError, ValueError, KeyError) as error:
        raise BadInputError(f"{path}: not the result of a benchmark ({error})") from error
    if quick:
        raise BadInputError(f"{path}: comes from a quick run; the page shows full runs alone")
    machine = result["machine"]
    told = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}"
    claims = [
        {
            "": "holds" if claim["holds"] else "**missed**",
            "claim": claim["claim"],
            "goal": claim["goal"],
            "measured": claim["value"],
            "how": claim["how"],
        }
        for claim in result["claims"]
    ]
    notes = "".join(f"\n{note}\n" for note in result["notes"])
    return (
        f"\n## {name}\n\n`selfcue bench {name}` at commit {result['commit'] or 'unknown'} on {told}.\n\n"
        f"{_table(claims)}\n{_table(result['rows'])}{notes}"
    )


def _table(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return ""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(keys) + " |", "|" + " --- |" * len(keys)]
    lines += ["| " + " | ".join(_text(row.get(key)) for key in keys) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value).replace("|", "\\|")
