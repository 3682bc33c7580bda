"""Claims about many comparisons at once: who ranks best, and who is ahead more often than not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfcue.learners.offline.reproduction.experiment import Table, Verdict
from selfcue.optional import require


@dataclass(frozen=True)
class RanksFirst:
    """``arm`` has the best mean rank among ``arms`` over all data sets and ``metrics``, of the means over seeds.

    Attributes:
        arms: all that are ranked, ``arm`` among them; the best of a cell has rank 1, equals share theirs.
        data: data sets; those without results are left out.
        metrics: figures of which more is better.
    """

    id: str
    arm: str
    arms: tuple[str, ...]
    data: tuple[str, ...]
    metrics: tuple[str, ...]

    def judge(self, table: Table, metric: str) -> Verdict:  # noqa: ARG002 - its own metrics
        claim = f"{self.arm} ranks first of {len(self.arms)} over {', '.join(self.data)} ({', '.join(self.metrics)})"
        goal = "least mean rank"
        ranks = mean_ranks(table, self.arms, self.data, self.metrics)
        if not ranks:
            return Verdict(self.id, claim, goal, None, None, holds=False, how="not run")
        mine = ranks[self.arm]
        others = {arm: rank for arm, rank in ranks.items() if arm != self.arm}
        best = min(others, key=lambda arm: others[arm])
        how = f"mean rank; next: {best}, {others[best]:.3g}"
        return Verdict(self.id, claim, goal, mine, None, holds=mine < others[best], how=how)


@dataclass(frozen=True)
class MoreOften:
    """Of several pairs of arms on several data sets, the first is ahead (mean over seeds) in more than half.

    Attributes:
        pairs: names of two arms each.
        data: data sets; a cell without results is left out.
    """

    id: str
    what: str
    pairs: tuple[tuple[str, str], ...]
    data: tuple[str, ...]

    def judge(self, table: Table, metric: str) -> Verdict:
        claim, goal = f"{self.what} on {', '.join(self.data)} ({metric})", "more than half of the cells"
        gaps = [
            float(np.mean([run[metric] for run in table[data, first]]))
            - float(np.mean([run[metric] for run in table[data, second]]))
            for data in self.data
            for first, second in self.pairs
            if table.get((data, first)) and table.get((data, second))
        ]
        if not gaps:
            return Verdict(self.id, claim, goal, None, None, holds=False, how="not run")
        ahead = sum(gap > 0 for gap in gaps)
        how = f"ahead in {ahead} of {len(gaps)} cells, by {np.mean(gaps):.2g} on average"
        return Verdict(self.id, claim, goal, ahead / len(gaps), None, holds=2 * ahead > len(gaps), how=how)


def mean_ranks(
    table: Table, arms: tuple[str, ...], data: tuple[str, ...], metrics: tuple[str, ...]
) -> dict[str, float]:
    """Return each arm's mean rank over the cells of ``data`` and ``metrics`` that have results; empty without any."""
    stats = require("scipy.stats", extra="offline")
    cells = [
        stats.rankdata([-np.mean([run[metric] for run in table[name, arm]]) for arm in arms])
        for name in data
        if all(table.get((name, arm)) for arm in arms)
        for metric in metrics
    ]
    return dict(zip(arms, np.mean(cells, axis=0).tolist(), strict=True)) if cells else {}
