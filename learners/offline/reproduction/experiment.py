"""An experiment, declared: data, arms, metric, the paper's figure, and the claims it is to bear out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from selfcue.learners.offline.budget import Budget
from selfcue.learners.offline.common.statistics import Interval, bootstrap_mean, paired_difference

Figures = Mapping[str, float]
"""What one run of one arm gave: at least the experiment's metric."""


@dataclass(frozen=True)
class Trial:
    """One run of one arm: what it may know.

    Attributes:
        data: name of the data set.
        task: the data, and the truth apart from it; the same object for all arms of a data set and seed.
        seed: the same for all arms: splits, batches and noise are drawn from it.
        budget: the same for all arms; None: what their settings say.
    """

    data: str
    task: Any
    seed: int
    budget: Budget | None = None


@dataclass(frozen=True)
class Arm:
    """One way to do it.

    Attributes:
        name: in tables and files.
        role: ours, ablation (ours with a part taken out) or baseline.
        run: fits on ``trial.task``'s data, chooses by validation alone, and returns figures of the test part. A frozen
            dataclass whose repr says all that it does: changed settings are another run.
    """

    name: str
    role: Literal["ours", "ablation", "baseline"]
    run: Callable[[Trial], Figures]


@dataclass(frozen=True)
class Published:
    """The paper's figure for the metric on a data set; None: not public."""

    value: float | None
    source: str

    @property
    def told(self) -> float | str:
        """The figure, or that there is none."""
        return "not public" if self.value is None else self.value


@dataclass(frozen=True)
class Verdict:
    """What became of a claim."""

    id: str
    claim: str
    goal: str
    value: float | None
    interval: Interval | None
    holds: bool
    how: str


Table = Mapping[tuple[str, str], Sequence[Figures]]
"""By data set and arm: the figures of each seed, in one order of seeds."""


class Claim(Protocol):
    """Something that is to be borne out."""

    @property
    def id(self) -> str:
        """Unique within its experiment."""
        ...

    def judge(self, table: Table, metric: str) -> Verdict:
        """Return what became of it; ``metric`` is the experiment's."""
        ...


@dataclass(frozen=True)
class Ahead:
    """``first`` is ahead of ``second`` on ``data`` by at least ``by``, on the mean over paired seeds.

    Attributes:
        data: data sets whose figures are put together (one claim over several).
        metric: which figure; '' stands for the experiment's.
        surely: the lower end of the interval of the difference must be above 0 as well.
        relative: ``by`` is a share of the second's mean.
    """

    id: str
    first: str
    second: str
    data: tuple[str, ...]
    by: float = 0.0
    metric: str = ""
    surely: bool = False
    relative: bool = False

    def judge(self, table: Table, metric: str) -> Verdict:
        metric = self.metric or metric
        pairs = [
            (a[metric], b[metric])
            for data in self.data
            for a, b in zip(table.get((data, self.first), ()), table.get((data, self.second), ()), strict=False)
        ]
        margin = f"{self.by:.0%} " if self.relative else (f"{self.by:g} " if self.by else "")
        claim = f"{self.first} is {margin}ahead of {self.second} on {', '.join(self.data)} ({metric})"
        goal = f"mean difference >= {self.by:g}" + (", interval above 0" if self.surely else "")
        if not pairs:
            return Verdict(self.id, claim, goal, None, None, holds=False, how="not run")
        interval, p = paired_difference([a for a, _ in pairs], [b for _, b in pairs])
        mean = interval.mean
        if self.relative:
            mean = mean / abs(bootstrap_mean([b for _, b in pairs]).mean)
        sure = not self.surely or interval.low > 0
        how = f"{len(pairs)} pairs" + ("" if math.isnan(p) else f", p = {p:.2g}")
        return Verdict(self.id, claim, goal, mean, interval, holds=mean >= self.by and sure, how=how)


@dataclass(frozen=True)
class Reaches:
    """``arm`` reaches ``value`` on ``data``, on the mean over seeds (``below``: stays under it)."""

    id: str
    arm: str
    data: str
    value: float
    metric: str = ""
    below: bool = False

    def judge(self, table: Table, metric: str) -> Verdict:
        metric = self.metric or metric
        runs = table.get((self.data, self.arm), ())
        claim, goal = f"{self.arm} on {self.data} ({metric})", f"{'<=' if self.below else '>='} {self.value:g}"
        if not runs:
            return Verdict(self.id, claim, goal, None, None, holds=False, how="not run")
        interval = bootstrap_mean([run[metric] for run in runs])
        holds = interval.mean <= self.value if self.below else interval.mean >= self.value
        return Verdict(self.id, claim, goal, interval.mean, interval, holds=holds, how=f"{len(runs)} seeds")


@dataclass(frozen=True)
class Experiment:
    """Everything that is fixed before the first run.

    Attributes:
        name: unique; its first word, up to a '-', is the method's.
        title: the question, in one line.
        data: names of data sets, as ``prepare`` knows them.
        prepare: makes the task of a data set and a seed; splits are drawn here.
        arms: ours first.
        metric: the figure that tables show; higher is better unless ``lower_is_better``.
        seeds: how many a full run takes; ``--seeds`` asks for another number.
        published: by data set.
        claims: judged on the results.
        note: what a reader must know to read the table rightly.
        size: what one run costs, in words.
    """

    name: str
    title: str
    data: tuple[str, ...]
    prepare: Callable[[str, int], Any]
    arms: tuple[Arm, ...]
    metric: str
    seeds: int
    published: Mapping[str, Published]
    claims: tuple[Claim, ...]
    note: str = ""
    size: str = ""
    lower_is_better: bool = False

    @property
    def method(self) -> str:
        return self.name.partition("-")[0]
