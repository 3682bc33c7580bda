"""What OmniMatch's paper claims, on three databases with known keys: as they are, and cut up and rewritten."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.data.task import LakeTask
from selfcue.learners.offline.randomness import child
from selfcue.learners.offline.reproduction.experiment import Ahead, Arm, Experiment, Figures, Published, Trial
from selfcue.learners.offline.tabular.join_scores import join_figures
from selfcue.learners.offline.tabular.omnimatch import OmniMatch, OmniMatchConfig
from selfcue.learners.offline.tabular.pair_models import (
    Scored,
    chosen_signal,
    model_scores,
    profile_scores,
    signal_scores,
)
from selfcue.learners.offline.tabular.rough_lake import JoinTask, rough_lake
from selfcue.learners.offline.tabular.signals import SIGNALS

NAMES = {"chinook": "chinook", "northwind": "northwind", "flights": "nycflights_tables"}
WHOLE = tuple(NAMES)
PARTS = tuple(f"{name}-parts" for name in NAMES)
NONE = Published(None, "the paper's two benchmarks of open data of New York cannot be had here")


@dataclass(frozen=True)
class Run:
    """An arm.

    Attributes:
        kind: omnimatch, or what it is measured against: forest and mlp on the signals, oracle (the signal that the
            truth likes best), chosen (the one that fabricated pairs like best), mean (of all signals), profile.
        settings: of OmniMatch.
    """

    kind: Literal["omnimatch", "forest", "mlp", "oracle", "chosen", "mean", "profile"]
    settings: OmniMatchConfig = field(default_factory=OmniMatchConfig)

    def __call__(self, trial: Trial) -> Figures:
        task: JoinTask = trial.task
        if self.kind == "omnimatch":
            method = OmniMatch(self.settings).fit(task.data, seed=trial.seed, budget=trial.budget, progress=False)
            best = max(range(len(method.history)), key=lambda epoch: method.history[epoch]["validation"])
            found = judged(task, Scored(method.score_pairs(task.seen), method.cut))
            return {**found, "validation": method.history[best]["validation"], "epoch": best}
        made = task.made
        if self.kind == "oracle":
            all_of_them = {name: judged(task, signal_scores(name, made, task.seen)) for name in SIGNALS}
            first = max(SIGNALS, key=lambda name: all_of_them[name]["pr_auc"])
            return {**all_of_them[first], **{f"{name}_alone": f["pr_auc"] for name, f in all_of_them.items()}}
        if self.kind == "chosen":
            return judged(task, signal_scores(chosen_signal(made), made, task.seen))
        if self.kind == "mean":
            return judged(task, signal_scores("mean", made, task.seen))
        if self.kind == "profile":
            return judged(task, profile_scores(made, task.seen))
        return judged(task, model_scores(self.kind, made, task.seen, seed=trial.seed))


def judged(task: JoinTask, found: Scored) -> dict[str, float]:
    """Return the figures of ``found``, and how many joins and pairs there are."""
    figures = join_figures(found.score, task.joins, task.seen.apart, found.cut, task.parts)
    return {**figures, "joins": task.joins.sum() / 2, "pairs": task.seen.apart.sum() / 2}


def prepare(data: str, seed: int) -> JoinTask:
    """Return ``chinook``, ``northwind`` or ``flights``; with ``-parts`` cut up and rewritten, as ``seed`` draws it."""
    name, _, parts = data.partition("-")
    task: LakeTask = catalogue.load(NAMES[name])
    joins = rough_lake(task, child(seed, "parts")) if parts else JoinTask.of(task)
    made = OmniMatch().fabricated(joins.data, child(seed, "prepare"))  # just what fit makes for itself
    return replace(joins, made=tuple(made))


def experiments() -> list[Experiment]:
    """Return the comparison on tables in parts, the one on whole databases, and the ablations."""
    ours, plain = OmniMatchConfig(), Arm("omnimatch", "ours", Run("omnimatch"))
    against = (
        Arm("forest", "baseline", Run("forest")),
        Arm("mlp", "baseline", Run("mlp")),
        Arm("best signal (oracle)", "baseline", Run("oracle")),
        Arm("chosen signal", "baseline", Run("chosen")),
        Arm("mean of signals", "baseline", Run("mean")),
        Arm("profile", "baseline", Run("profile")),
    )
    untrained = Arm("untrained", "baseline", Run("omnimatch", replace(ours, lr=0.0, epochs=1)))
    bce = Arm("omnimatch, bce", "ablation", Run("omnimatch", replace(ours, loss="bce")))
    joins = Experiment(
        name="omnimatch-joins",
        title="Does a graph of columns find joins that models of single pairs and single signals miss?",
        data=PARTS,
        prepare=prepare,
        arms=(plain, bce, *against, untrained),
        metric="pr_auc",
        seeds=3,
        published=dict.fromkeys(PARTS, NONE),
        claims=(
            Ahead("forest", "omnimatch", "forest", PARTS, surely=True),
            Ahead("forest-f1", "omnimatch", "forest", PARTS, metric="best_f1", surely=True),
            Ahead("mlp", "omnimatch", "mlp", PARTS, surely=True),
            Ahead("signal", "forest", "best signal (oracle)", PARTS, surely=True),
            Ahead("signal-f1", "forest", "best signal (oracle)", PARTS, metric="best_f1", surely=True),
            Ahead("fuzzy", "omnimatch", "forest", PARTS, metric="fuzzy_recall", surely=True),
            Ahead("transitive", "omnimatch", "forest", PARTS, metric="far_recall", surely=True),
            Ahead("untrained", "omnimatch", "untrained", PARTS, surely=True),
        ),
        note=(
            "Each table comes in three parts with overlapping rows (first and last share none) and 7 of 10 columns; "
            "half of the columns of later parts are rewritten (units, months by name, words cut, turned or with a "
            "tail), which is not the noise of the fabricated training pairs. Joins: parts of one column, and columns "
            "tied by keys or by hand. fuzzy_recall and far_recall: share of the joins with a rewritten column, and of "
            "those without a common value, among as many best pairs as there are joins. All arms learn from the same "
            "fabricated pairs of the same tables; the truth is for scores alone, but for the oracle."
        ),
        size="about 10 s a run on one thread",
    )
    whole = Experiment(
        name="omnimatch-keys",
        title="Which of them finds the keys of whole databases, headers unread?",
        data=WHOLE,
        prepare=prepare,
        arms=(plain, *against[:4], untrained),
        metric="pr_auc",
        seeds=3,
        published=dict.fromkeys(WHOLE, NONE),
        claims=(
            Ahead("forest", "omnimatch", "forest", WHOLE, surely=True),
            Ahead("signal", "omnimatch", "best signal (oracle)", WHOLE),
            Ahead("keys", "omnimatch", "forest", WHOLE, metric="keys_recall"),
        ),
        note=(
            "Joins: declared keys and what follows from them, and columns of one kind looked through by hand. Most "
            "keys are small whole numbers from 1 on: by their values alone any two of them could be joined."
        ),
        size="about 10 s a run on one thread",
    )
    return [joins, whole, _ablation(ours, plain)]


def _ablation(ours: OmniMatchConfig, plain: Arm) -> Experiment:
    data = PARTS[:2]
    changes = {f"no {name}": replace(ours, signals=tuple(s for s in SIGNALS if s != name)) for name in SIGNALS}
    changes |= {f"k = {k}": replace(ours, k=k) for k in (1, 5, 10)}
    changes |= {
        "edges above 0.5": replace(ours, threshold=0.5),
        "edges from any": replace(ours, floor=-1.0),
        "no graph": replace(ours, layers=0),
        "one layer": replace(ours, layers=1),
        "no noise": replace(ours, noise=0.0),
        "random negatives": replace(ours, negatives="random"),
        "all negatives": replace(ours, negatives="all"),
        "paper's settings": OmniMatchConfig.paper(),
    }
    return Experiment(
        name="omnimatch-ablation",
        title="Does each signal, the graph, the noise and the fabricated negatives matter?",
        data=data,
        prepare=prepare,
        arms=(plain, *(Arm(name, "ablation", Run("omnimatch", config)) for name, config in changes.items())),
        metric="pr_auc",
        seeds=3,
        published={},
        claims=(
            Ahead("graph", "omnimatch", "no graph", data, surely=True),
            Ahead("layers", "omnimatch", "one layer", data),
            Ahead("noise", "omnimatch", "no noise", data),
            Ahead("negatives", "omnimatch", "random negatives", data, metric="precision", surely=True),
            Ahead("top", "omnimatch", "edges above 0.5", data),
        ),
        note=(
            "Tables in parts, as in omnimatch-joins. 'no quantiles' is the paper's set of signals, 'edges from any' "
            "its graph."
        ),
        size="about 10 s a run on one thread",
    )
