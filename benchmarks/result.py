"""What a benchmark gives back: rows that were measured and claims that hold or are missed."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from selfcue import __version__

_LEAST_COLUMN = 10
"""Characters that a column of the table needs at least."""


@dataclass(frozen=True)
class Claim:
    """One line that a machine can measure.

    Attributes:
        id: short name, stable over versions.
        claim: the line in words.
        goal: what is to be reached, in words, with its unit.
        value: what was measured.
        holds: whether the goal is reached.
        how: how the value was taken (seeds, durations, command).
    """

    id: str
    claim: str
    goal: str
    value: float | None
    holds: bool
    how: str


@dataclass(frozen=True)
class BenchResult:
    """Everything that one benchmark measured."""

    name: str
    quick: bool
    rows: list[dict[str, Any]]
    claims: list[Claim]
    notes: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return all(claim.holds for claim in self.claims)

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "commit": commit(), "version": __version__, "machine": machine()}

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=1) + "\n", encoding="utf-8")

    def _print_rows(self, console: Console) -> None:
        """Print a table, or one line of names and values a row where the columns would be too narrow to be read."""
        keys = list(dict.fromkeys(key for row in self.rows for key in row))
        title = self.name + (" (quick: a smaller run of the same code)" if self.quick else "")
        if console.width < _LEAST_COLUMN * len(keys):
            console.print(title, style="bold")
            for row in self.rows:
                told = (f"{key} {_text(row[key])}" for key in keys if row.get(key) not in (None, ""))
                console.print("  " + " · ".join(told), markup=False, highlight=False)
            return
        table = Table(title=title)
        for key in keys:
            table.add_column(key, overflow="fold")
        for row in self.rows:
            table.add_row(*(_text(row.get(key)) for key in keys))
        console.print(table)

    def print(self) -> None:
        console = Console()
        if self.rows:
            self._print_rows(console)
        table = Table(title="claims")
        for title in ("", "claim", "goal", "measured", "how"):
            table.add_column(title, overflow="fold")
        for claim in self.claims:
            mark = "[green]holds[/]" if claim.holds else "[red]missed[/]"
            table.add_row(mark, claim.claim, claim.goal, _text(claim.value), claim.how)
        console.print(table)
        for note in self.notes:
            console.print(note, markup=False)


def commit() -> str:
    """Return the commit of the checkout that this file lies in, with '+' where it has changes; '' outside one."""
    folder = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        command = ["git", "-C", str(folder), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except FileNotFoundError:
        return ""


def machine() -> dict[str, Any]:
    """Return what a figure depends on, without any name of the machine."""
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        model = next((x.partition(":")[2].strip() for x in cpuinfo.read_text().splitlines() if "model name" in x), "")
    return {
        "processor": model or platform.processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
