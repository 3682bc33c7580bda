"""What DCCF's paper claims, on the listeners of Last.fm: ranking, noise, and over-smoothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from selfcue.learners.offline.common.collapse import mean_cosine
from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.data.task import RankTask
from selfcue.learners.offline.randomness import child
from selfcue.learners.offline.recommend.dccf import DCCF, DCCFConfig
from selfcue.learners.offline.recommend.lightgcn import LightGCN, LightGCNConfig
from selfcue.learners.offline.recommend.top import rank_scores, top_items
from selfcue.learners.offline.reproduction.experiment import Ahead, Arm, Experiment, Figures, Published, Trial

METHODS: dict[str, Any] = {"dccf": DCCF, "lightgcn": LightGCN}


@dataclass(frozen=True)
class Run:
    """An arm: a method with ``settings``, or the most popular items."""

    kind: str
    settings: DCCFConfig | LightGCNConfig = field(default_factory=DCCFConfig)

    def __call__(self, trial: Trial) -> Figures:
        task: RankTask = trial.task
        rows = np.unique(task.user)
        if self.kind == "popular":
            count = np.bincount(task.data.item, minlength=task.data.n_items).astype(np.float32)
            top, _ = top_items(np.tile(count, (len(rows), 1)), task.data, rows, 40)
            return rank_scores(top, rows, task.user, task.item, ks=(20, 40))
        method = METHODS[self.kind](self.settings)
        method.fit(task.data, seed=trial.seed, budget=trial.budget, progress=False)
        top, _ = method.recommend(task.data, rows, k=40)
        figures = rank_scores(top, rows, task.user, task.item, ks=(20, 40))
        best = max(epoch["validation"] for epoch in method.history)
        return {**figures, "validation": best, "mean_cosine": mean_cosine(method.transform(task.data))}


def prepare(data: str, seed: int) -> RankTask:
    """Return ``lastfm``; with ``+10%`` so many of its training pairs are replaced by random ones, drawn by ``seed``."""
    name, _, noise = data.partition("+")
    task = catalogue.load(name)
    assert isinstance(task, RankTask)
    if not noise:
        return task
    rng, given = child(seed, "noise"), task.data
    wrong = rng.random(len(given.item)) < float(noise.rstrip("%")) / 100.0
    item = np.where(wrong, rng.integers(0, given.n_items, len(given.item)), given.item)
    pairs = np.unique(np.stack((given.user, item), axis=1), axis=0)
    noisy = given.with_pairs(np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]))
    return RankTask(noisy, task.user, task.item)


def experiments() -> list[Experiment]:
    """Return the comparison, and the one with noise."""
    ours, light = DCCFConfig(), LightGCNConfig()
    source = "the paper's sets are Gowalla, Amazon-book and Tmall, whose splits are not public in full"
    main = (
        Arm("dccf", "ours", Run("dccf", ours)),
        Arm("lightgcn", "baseline", Run("lightgcn", light)),
        Arm("sgl", "baseline", Run("lightgcn", replace(light, contrast=0.1))),
    )
    ablations = (
        Arm("no intents", "ablation", Run("dccf", replace(ours, disentangle=False))),
        Arm("no graph mask", "ablation", Run("dccf", replace(ours, graph_mask=False))),
        Arm("no intent mask", "ablation", Run("dccf", replace(ours, intent_mask=False))),
        Arm("no contrast", "ablation", Run("dccf", replace(ours, contrast=0.0))),
        Arm("random masks", "ablation", Run("dccf", replace(ours, masks="random"))),
    )
    simple = (
        Arm("matrix factors", "baseline", Run("lightgcn", replace(light, layers=0))),
        Arm("popularity", "baseline", Run("popular")),
    )
    return [
        Experiment(
            name="dccf-ranking",
            title="Does DCCF rank better than LightGCN, with equal width, hops and updates?",
            data=("lastfm",),
            prepare=prepare,
            arms=(*main, *simple, *ablations),
            metric="ndcg20",
            seeds=5,
            published={"lastfm": Published(None, source)},
            claims=(
                Ahead("lightgcn", "dccf", "lightgcn", ("lastfm",), by=0.03, relative=True, surely=True),
                Ahead("factors", "dccf", "matrix factors", ("lastfm",), surely=True),
                Ahead("contrast", "dccf", "no contrast", ("lastfm",)),
                Ahead("intents", "dccf", "no intents", ("lastfm",)),
                Ahead("masks", "dccf", "random masks", ("lastfm",)),
            ),
            note="All items are ranked but a listener's training items; validation pairs choose the epoch.",
            size="2 to 6 minutes a run on one thread",
        ),
        Experiment(
            name="dccf-noise",
            title="Does DCCF lose less than LightGCN when training pairs are replaced by random ones?",
            data=("lastfm+10%", "lastfm+25%"),
            prepare=prepare,
            arms=main,
            metric="ndcg20",
            seeds=3,
            published={},
            claims=(
                Ahead("noise-10", "dccf", "lightgcn", ("lastfm+10%",), surely=True),
                Ahead("noise-25", "dccf", "lightgcn", ("lastfm+25%",), surely=True),
                Ahead("noise-25-sgl", "dccf", "sgl", ("lastfm+25%",)),
            ),
            size="2 to 6 minutes a run on one thread",
        ),
    ]
