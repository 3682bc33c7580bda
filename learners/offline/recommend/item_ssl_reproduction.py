"""What the paper on self-supervised item towers claims, on a year of flights: which aircraft will fly a route next?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.data.interactions import Interactions
from selfcue.learners.offline.data.task import RankTask
from selfcue.learners.offline.randomness import child
from selfcue.learners.offline.recommend.item_ssl import ItemSSL, ItemSSLConfig
from selfcue.learners.offline.recommend.top import rank_scores, top_items
from selfcue.learners.offline.reproduction.experiment import Ahead, Arm, Experiment, Figures, Published, Trial

COLD = 5
"""Aircraft with so few training pairs or fewer are cold."""
TAIL = 0.8
"""The tail: the 80 % of aircraft with the fewest training pairs."""
ALPHAS = (0.1, 1.0)
"""Weights of the contrast that every arm that has one tries; validation chooses."""


@dataclass(frozen=True)
class Run:
    """An arm: towers with ``settings``, or (``kind`` popular) the aircraft that flew most pairs."""

    settings: ItemSSLConfig = field(default_factory=ItemSSLConfig)
    kind: str = "towers"

    def __call__(self, trial: Trial) -> Figures:
        task: RankTask = trial.task
        rows = np.unique(task.user)
        if self.kind == "popular":
            count = np.bincount(task.data.item, minlength=task.data.n_items).astype(np.float32)
            top, _ = top_items(np.tile(count, (len(rows), 1)), task.data, rows, 50)
            return slices(top, rows, task)
        best: tuple[float, ItemSSL] | None = None
        for alpha in ALPHAS if self.settings.alpha else (0.0,):
            config = replace(self.settings, alpha=alpha)
            method = ItemSSL(config).fit(task.data, seed=trial.seed, budget=trial.budget, progress=False)
            score = max(epoch["validation"] for epoch in method.history)
            if best is None or score > best[0]:
                best = score, method
        assert best is not None
        top, _ = best[1].recommend(task.data, rows, k=50)
        return {**slices(top, rows, task), "alpha": best[1].config.alpha, "validation": best[0]}


def slices(top: np.ndarray, rows: np.ndarray, task: RankTask) -> dict[str, float]:
    """Return recall and NDCG at 10 and 50: of all aircraft, those in the tail (``tail_``), cold ones (``cold_``)."""
    count = np.bincount(task.data.item, minlength=task.data.n_items)
    order = np.argsort(count, kind="stable")
    tail = np.zeros(len(count), dtype=np.bool_)
    tail[order[: round(TAIL * len(count))]] = True
    figures: dict[str, float] = {}
    for name, kept in (("", np.ones(len(count), dtype=np.bool_)), ("tail_", tail), ("cold_", count <= COLD)):
        wanted = kept[task.item]
        found = rank_scores(top, rows, task.user[wanted], task.item[wanted], ks=(10, 50))
        figures.update({name + key: value for key, value in found.items()})
    return figures


def prepare(data: str, seed: int) -> RankTask:
    """Return ``nycflights``, or (``nycflights-10%``) with a tenth of its training pairs, drawn by ``seed``."""
    name, _, share = data.partition("-")
    task = catalogue.load(name)
    assert isinstance(task, RankTask)
    if not share:
        return task
    given: Interactions = task.data
    kept = child(seed, "sparse").random(len(given.user)) < float(share.rstrip("%")) / 100.0
    return RankTask(given.without(~kept), task.user, task.item)


def experiments() -> list[Experiment]:
    """Return the comparison on all pairs and on a tenth of them."""
    both = ("nycflights", "nycflights-10%")
    none = Published(None, "the paper's sets are Google's own; it gives relative gains of tens of percent on the tail")
    cfm = ItemSSLConfig()
    return [
        Experiment(
            name="item_ssl-tail",
            title="Does a contrast on the catalogue alone help to find rare aircraft?",
            data=both,
            prepare=prepare,
            arms=(
                Arm("cfm", "ours", Run(cfm)),
                Arm("rfm", "ablation", Run(replace(cfm, mask="rfm"))),
                Arm("value dropout", "ablation", Run(replace(cfm, mask="dropout", value_dropout=0.3))),
                Arm("cfm, by popularity", "ablation", Run(replace(cfm, draw="popularity"))),
                Arm("towers alone", "baseline", Run(replace(cfm, alpha=0.0))),
                Arm("popularity", "baseline", Run(kind="popular")),
            ),
            metric="tail_recall50",
            seeds=5,
            published=dict.fromkeys(both, none),
            claims=(
                Ahead("towers", "cfm", "towers alone", both, surely=True),
                Ahead("rfm", "cfm", "rfm", both),
                Ahead("dropout", "cfm", "value dropout", both),
                Ahead("cold", "cfm", "towers alone", both, metric="cold_recall50", surely=True),
                Ahead("overall", "cfm", "towers alone", both, metric="recall50", by=-0.02, relative=True),
                Ahead("sparse", "cfm", "towers alone", both[1:], surely=True),
                Ahead("uniform", "cfm", "cfm, by popularity", both),
            ),
            note=(
                "Query: carrier, origin, destination, hour; item: an aircraft with maker, model, year, engines, seats. "
                "A pair counts where it first comes: January to August trains, September and October validate, the "
                "rest is to be found among all aircraft that did not fly it before. Tail: the 80 % of aircraft with "
                "fewest pairs; cold: 5 pairs at most."
            ),
            size="about 1 minute a run on one thread",
        )
    ]
