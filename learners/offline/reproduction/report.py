"""The results of an experiment as a table on the screen, a picture, JSON, and a section of docs/reproductions.md."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from selfcue.learners.offline.common.statistics import Interval, bootstrap_mean, paired_difference
from selfcue.learners.offline.reproduction.runner import Outcome
from selfcue.optional import require


def rows_of(outcome: Outcome) -> list[dict[str, Any]]:
    """Return one row a data set and arm: metric with its interval, the difference to ours, published, seconds."""
    experiment = outcome.experiment
    ours = experiment.arms[0].name
    rows = []
    for data in experiment.data:
        for arm in experiment.arms:
            runs = outcome.table.get((data, arm.name), ())
            if not runs:
                continue
            values = [run[experiment.metric] for run in runs]
            first = [run[experiment.metric] for run in outcome.table[data, ours]]
            gap, p = paired_difference(first, values) if arm.name != ours else (None, None)
            published = experiment.published.get(data) if arm.name == ours else None
            rows.append({
                "data": data,
                "arm": arm.name,
                "role": arm.role,
                experiment.metric: bootstrap_mean(values),
                "ours minus it": gap,
                "p": p,
                "published": "" if published is None else published.told,
                "seeds": len(values),
                "cpu s": sum(run["cpu_s"] for run in runs) / len(runs),
            })  # fmt: skip
    return rows


def as_dict(outcome: Outcome, commit: str, date: str) -> dict[str, Any]:
    """Return everything that was measured, for a program to read."""
    experiment = outcome.experiment
    return {
        "experiment": experiment.name,
        "title": experiment.title,
        "metric": experiment.metric,
        "commit": commit,
        "date": date,
        "seeds": outcome.seeds,
        "budget": outcome.budget,
        "complete": outcome.complete,
        "note": experiment.note,
        "rows": [
            {key: asdict(value) if isinstance(value, Interval) else value for key, value in row.items()}
            for row in rows_of(outcome)
        ],
        "runs": [
            {"data": data, "arm": arm, "seed": seed, **run}
            for (data, arm), runs in outcome.table.items()
            for seed, run in enumerate(runs)
        ],
        "published": {data: asdict(figure) for data, figure in experiment.published.items()},
        "claims": [asdict(verdict) for verdict in outcome.verdicts],
    }


def print_outcome(outcome: Outcome) -> None:
    """Print the table and what became of each claim."""
    console = Console()
    rows = rows_of(outcome)
    table = RichTable(title=outcome.experiment.title)
    for key in rows[0] if rows else ():
        table.add_column(key, overflow="fold")
    for row in rows:
        table.add_row(*(text(value) for value in row.values()))
    console.print(table)
    for verdict in outcome.verdicts:
        mark = "[green]holds [/]" if verdict.holds else "[red]missed[/]"
        console.print(
            f"{mark} {verdict.claim}: {text(verdict.value)} (goal {verdict.goal}; {verdict.how})", highlight=False
        )
    if outcome.experiment.note:
        console.print(outcome.experiment.note, markup=False)


def plot(outcome: Outcome, path: Path) -> None:
    """Write a picture: each arm's mean, interval and single runs, a panel a data set."""
    require("matplotlib", extra="vision")
    from matplotlib.figure import Figure

    experiment = outcome.experiment
    data_sets = [data for data in experiment.data if (data, experiment.arms[0].name) in outcome.table]
    if not data_sets:
        return
    colours = {"ours": "tab:blue", "ablation": "tab:orange", "baseline": "tab:gray"}
    figure = Figure(figsize=(4.2 * len(data_sets), 0.9 + 0.34 * len(experiment.arms)), layout="constrained")
    for axes, data in zip(figure.subplots(1, len(data_sets), squeeze=False)[0], data_sets, strict=True):
        for place, arm in enumerate(experiment.arms):
            values = [run[experiment.metric] for run in outcome.table[data, arm.name]]
            interval = bootstrap_mean(values)
            axes.plot(values, [place] * len(values), ".", color=colours[arm.role], alpha=0.4)
            axes.plot([interval.low, interval.high], [place, place], color=colours[arm.role])
            axes.plot(interval.mean, place, "o", color=colours[arm.role])
        published = experiment.published.get(data)
        if published is not None and published.value is not None:
            axes.axvline(published.value, linestyle="--", color="black", linewidth=0.8)
        axes.set_yticks(range(len(experiment.arms)), [arm.name for arm in experiment.arms])
        axes.invert_yaxis()
        axes.set_title(data)
        axes.set_xlabel(experiment.metric)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def write(outcome: Outcome, folder: Path, commit: str, date: str) -> Path:
    """Write ``NAME.json`` and ``NAME.png`` under ``folder``; return the first."""
    path = folder / f"{outcome.experiment.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_dict(outcome, commit, date), indent=1) + "\n", encoding="utf-8")
    plot(outcome, folder / f"{outcome.experiment.name}.png")
    return path


def text(value: Any) -> str:
    """Return ``value`` as tables show it."""
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
