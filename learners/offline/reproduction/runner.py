"""Runs an experiment: every data set, seed and arm once, kept on disk so that nothing is done twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import Progress

from selfcue.errors import BadInputError
from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.reproduction.experiment import Arm, Experiment, Figures, Table, Trial, Verdict


@dataclass(frozen=True)
class Outcome:
    """What a run of an experiment gave.

    Attributes:
        experiment: which.
        seeds: how many.
        budget: of each training; '' for what the settings say.
        table: figures by data set and arm; ``seconds`` is among them.
    """

    experiment: Experiment
    seeds: int
    budget: str
    table: Table

    @property
    def verdicts(self) -> list[Verdict]:
        """The claims, judged."""
        return [claim.judge(self.table, self.experiment.metric) for claim in self.experiment.claims]

    @property
    def complete(self) -> bool:
        """Whether every cell has all its seeds."""
        cells = [(data, arm.name) for data in self.experiment.data for arm in self.experiment.arms]
        return all(len(self.table.get(cell, ())) == self.seeds for cell in cells)


def run_experiment(
    experiment: Experiment,
    folder: Path,
    *,
    seeds: int | None = None,
    budget: Budget | None = None,
    only: Sequence[str] = (),
    show: bool = True,
) -> Outcome:
    """Run what ``folder`` does not hold yet and return all of it.

    Seeds go outermost: whenever one stops the run, the seeds done so far are whole over all data sets and arms.

    Args:
        seeds: how many, from 0; None: as declared.
        budget: of each training, the same for all arms.
        only: names of data sets; empty: all.
    """
    unknown = set(only) - set(experiment.data)
    if unknown:
        raise BadInputError(f"{experiment.name} has no data {min(unknown)!r}; there is: {', '.join(experiment.data)}")
    data_sets = [data for data in experiment.data if not only or data in only]
    count = experiment.seeds if seeds is None else seeds
    todo = [(seed, data, arm) for seed in range(count) for data in data_sets for arm in experiment.arms]
    task: tuple[tuple[str, int], Any] | None = None
    with Progress(transient=True, disable=not show) as bar:
        line = bar.add_task(experiment.name, total=len(todo))
        for seed, data, arm in todo:
            path = _path(folder, experiment, data, arm, seed, budget)
            if not path.exists():
                bar.update(line, description=f"{experiment.name}: {data}, {arm.name}, seed {seed}")
                if task is None or task[0] != (data, seed):
                    task = (data, seed), experiment.prepare(data, seed)
                _run(arm, Trial(data, task[1], seed, budget), path)
            bar.advance(line)
    return collect(experiment, folder, seeds=count, budget=budget)


def collect(experiment: Experiment, folder: Path, *, seeds: int, budget: Budget | None = None) -> Outcome:
    """Return what ``folder`` holds of ``experiment``; only seeds that all arms of a data set have count."""
    table: dict[tuple[str, str], list[Figures]] = {}
    for data in experiment.data:
        for seed in range(seeds):
            paths = [_path(folder, experiment, data, arm, seed, budget) for arm in experiment.arms]
            if not all(path.exists() for path in paths):
                continue
            for arm, path in zip(experiment.arms, paths, strict=True):
                table.setdefault((data, arm.name), []).append(json.loads(path.read_text()))
    return Outcome(experiment, seeds, "" if budget is None else str(budget), table)


def _run(arm: Arm, trial: Trial, path: Path) -> None:
    begin = time.process_time(), time.monotonic()
    figures = {name: float(value) for name, value in arm.run(trial).items()}
    figures.update(cpu_s=time.process_time() - begin[0], seconds=time.monotonic() - begin[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    aside.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    aside.replace(path)


def _path(folder: Path, experiment: Experiment, data: str, arm: Arm, seed: int, budget: Budget | None) -> Path:
    """Return where a run is kept. The name holds what it depends on: a changed arm or budget is another run."""
    text = repr(arm.run) + ("" if budget is None else str(budget))
    mark = hashlib.sha256(text.encode()).hexdigest()[:8]
    return folder / experiment.name / data / f"{arm.name.replace(' ', '_').replace('/', '_')}-{mark}-{seed}.json"
