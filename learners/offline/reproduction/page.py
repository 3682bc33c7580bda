"""``docs/reproductions.md`` and the figures of ``selfcue methods``, made from results: nobody writes one by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from selfcue.errors import BadInputError
from selfcue.learners.offline.reproduction.report import text

HEAD = """# Reproductions

Made by `selfcue reproduce --page docs/reproductions.md`; every figure comes from a command that anyone can run. A
claim that is missed stands here as missed, and a run that was cut short says how many seeds it has. Brackets hold a
95 % bootstrap interval over seeds (with three seeds it is too narrow: read it as a spread). "ours minus it" is the mean
paired difference to the first row. CPU seconds are those of one run of an arm, its probes included, on one thread.
"""


def read_results(folder: Path) -> list[dict[str, Any]]:
    """Return the results under ``folder``, by name.

    Raises:
        BadInputError: there is none, or one is not a result.
    """
    results = []
    for path in sorted(folder.glob("*.json")):
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            result["experiment"], result["rows"], result["claims"]
        except (OSError, ValueError, KeyError) as error:
            raise BadInputError(f"{path}: not the result of a reproduction ({error})") from None
        results.append(result)
    if not results:
        raise BadInputError(f"{folder}: holds no results; run one first: selfcue reproduce graphmae")
    return results


def write_page(results: Sequence[dict[str, Any]], page: Path, waiting: Sequence[tuple[str, str, str]] = ()) -> None:
    """Write the page of ``results``, and of experiments that are ``waiting``: name, question, size."""
    page.parent.mkdir(parents=True, exist_ok=True)
    whole = HEAD + "".join(_section(result) for result in results)
    if waiting:
        rows = [
            {"command": f"`selfcue reproduce {name}`", "question": ask, "size": size} for name, ask, size in waiting
        ]
        whole += (
            f"\n## Not run yet\n\nDeclared, with arms and claims; no figure stands here for them.\n\n{_table(rows)}"
        )
    page.write_text(whole, encoding="utf-8")


def short_figures(results: Sequence[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Return by method what ``selfcue methods`` says of it: its effect, and how many claims hold."""
    figures: dict[str, dict[str, str]] = {}
    for result in results:
        method = result["experiment"].partition("-")[0]
        ours = [row for row in result["rows"] if row["role"] == "ours"][:3]
        effect = ", ".join(f"{row['data']} {text(row[result['metric']]['mean'])}" for row in ours)
        held = sum(claim["holds"] for claim in result["claims"])
        said = figures.setdefault(method, {"effect": "", "status": ""})
        said["effect"] += ("; " if said["effect"] else "") + f"{result['metric']} {effect}"
        said["status"] += ("; " if said["status"] else "") + f"{held} of {len(result['claims'])} claims hold"
    return figures


def _section(result: dict[str, Any]) -> str:
    rows = [
        {key: _cell(value) for key, value in row.items() if key != "role"} | {"arm": _arm(row)}
        for row in result["rows"]
    ]
    claims = [
        {
            "": "holds" if claim["holds"] else "**missed**",
            "claim": claim["claim"],
            "goal": claim["goal"],
            "measured": text(claim["value"]),
            "how": claim["how"],
        }
        for claim in result["claims"]
    ]
    sources = "; ".join(
        f"{data}: {'not public' if figure['value'] is None else figure['value']} ({figure['source']})"
        for data, figure in result["published"].items()
    )
    short = "" if result["complete"] else " **Cut short: not all seeds were run.**"
    budget = f", {result['budget']} a training" if result["budget"] else ""
    note = f"\n{result['note']}\n" if result["note"] else ""
    return (
        f"\n## {result['experiment']}\n\n{result['title']} Run at commit {result['commit'] or 'unknown'} on "
        f"{result['date']}{budget}.{short}\n\n{_table(rows)}\nPublished: {sources or 'nothing comparable'}.\n{note}\n"
        f"{_table(claims)}"
    )


def _arm(row: dict[str, Any]) -> str:
    return f"**{row['arm']}**" if row["role"] == "ours" else f"{row['arm']} ({row['role']})"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        if value["n"] < 2:
            return text(value["mean"])
        return f"{value['mean']:.4g} [{value['low']:.4g}, {value['high']:.4g}]"
    return text(value)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    if not rows:
        return "Nothing was run yet.\n"
    keys = list(dict.fromkeys(key for row in rows for key in row))
    lines = ["| " + " | ".join(keys) + " |", "|" + " --- |" * len(keys)]
    lines += ["| " + " | ".join(str(row.get(key, "")).replace("|", "\\|") for key in keys) + " |" for row in rows]
    return "\n".join(lines) + "\n"
