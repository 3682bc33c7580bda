"""What the SelfTask paper claims, on Cora and Citeseer: the public split, and 5 labels a class."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from selfcue.learners.offline.common.few_labels import draw_split
from selfcue.learners.offline.data import catalogue
from selfcue.learners.offline.data.task import NodeTask
from selfcue.learners.offline.graph.label_guesses import iterative_classification, label_propagation
from selfcue.learners.offline.graph.selftask_gnn import SelfTaskConfig, SelfTaskGNN
from selfcue.learners.offline.randomness import child
from selfcue.learners.offline.reproduction.experiment import Ahead, Arm, Experiment, Figures, Published, Trial
from selfcue.learners.offline.reproduction.over_cells import MoreOften

WEIGHTS = (1.0, 10.0, 100.0)
"""Weights that every task tries in joint training; validation chooses."""
PRETRAIN = (20, 60, 200)
"""Epochs of the task alone that two-stage training tries, as many trials; validation chooses."""
PATIENCE = 50
"""Epochs without a better one on validation after which a run stops."""


@dataclass(frozen=True)
class Run:
    """An arm: a network that solves a task beside, or (``kind``) guesses of labels alone."""

    kind: str = "network"
    settings: SelfTaskConfig = field(default_factory=SelfTaskConfig)

    def __call__(self, trial: Trial) -> Figures:
        task: NodeTask = trial.task
        if self.kind != "network":
            guess = {"lp": label_propagation, "ica": iterative_classification}[self.kind](task.data)
            return {"accuracy": 100.0 * float((guess.argmax(1) == task.truth)[task.test].mean())}
        best: tuple[float, SelfTaskGNN] | None = None
        for settings in self._tried():
            method = SelfTaskGNN(settings)
            method.fit(task.data, seed=trial.seed, budget=trial.budget, progress=False)
            score = max((epoch["validation"] for epoch in method.history if "validation" in epoch), default=0.0)
            if best is None or score > best[0]:
                best = score, method
        assert best is not None
        said, chosen = best[1].predict(task.data), best[1].config
        accuracy = 100.0 * float((said == task.truth)[task.test].mean())
        return {
            "accuracy": accuracy,
            "validation": 100.0 * best[0],
            "weight": chosen.weight,
            "pretrain": chosen.pretrain,
            "epochs": len(best[1].history),
        }

    def _tried(self) -> list[SelfTaskConfig]:
        """Return the settings among which validation chooses."""
        if self.settings.task == "none":
            return [self.settings]
        if self.settings.pretrain:
            return [replace(self.settings, pretrain=epochs) for epochs in PRETRAIN]
        return [replace(self.settings, weight=weight) for weight in WEIGHTS]


def prepare(data: str, seed: int) -> NodeTask:
    """Return ``cora`` or ``citeseer`` with the public split, or (``cora-5``) so many random labels a class."""
    name, _, labels = data.partition("-")
    task = catalogue.load(name)
    assert isinstance(task, NodeTask)
    if not labels:
        return task
    split = draw_split(task.truth, int(labels), child(seed, "split"))
    return NodeTask(task.data.with_labels(task.truth, split.train, split.val), task.truth, np.sort(split.test))


def experiments() -> list[Experiment]:
    """Return the comparison of tasks."""

    def arm(name: str, role: str, **settings: object) -> Arm:
        return Arm(name, role, Run(settings=replace(SelfTaskConfig(patience=PATIENCE), **settings)))  # type: ignore[arg-type]

    public, few = ("cora", "citeseer"), ("cora-5", "citeseer-5")
    staged = ("corrected label", "distance to labelled", "pairwise distance")
    recalled = "from memory of the paper's tables, half a point uncertain; public split, 10 seeds"
    return [
        Experiment(
            name="selftask_gnn-tasks",
            title="Which task beside the classes helps a graph network with few labels?",
            data=(*public, *few),
            prepare=prepare,
            arms=(
                arm("corrected label", "ours", task="corrected_label"),
                arm("no correction", "ablation", task="context_label"),
                arm("distance to labelled", "ours", task="distance_to_labelled"),
                arm("pairwise distance", "baseline", task="pairwise_distance"),
                arm("edge mask", "baseline", task="edge_mask"),
                arm("attribute mask", "baseline", task="attribute_mask"),
                *(
                    arm(f"two-stage {name}", "ablation", task=name.replace(" ", "_"), pretrain=PRETRAIN[0])
                    for name in staged
                ),
                arm("gcn", "baseline", task="none"),
                Arm("label propagation", "baseline", Run("lp")),
                Arm("iterative classification", "baseline", Run("ica")),
            ),
            metric="accuracy",
            seeds=3,
            published={"cora": Published(83.4, recalled), "citeseer": Published(73.5, recalled)},
            claims=(
                Ahead("public", "corrected label", "gcn", public, by=1.0, surely=True),
                Ahead("few", "corrected label", "gcn", few, by=2.5, surely=True),
                Ahead("lp", "corrected label", "label propagation", (*public, *few), surely=True),
                Ahead("ica", "corrected label", "iterative classification", (*public, *few), surely=True),
                Ahead("correction", "corrected label", "no correction", (*public, *few)),
                Ahead("global", "pairwise distance", "edge mask", (*public, *few)),
                MoreOften(
                    "joint",
                    "joint training is ahead of two-stage",
                    tuple((name, f"two-stage {name}") for name in staged),
                    (*public, *few),
                ),
            ),
            note=(
                "Every task tries the same three weights, two-stage training as many lengths of its first stage, and "
                f"validation chooses; a plain GCN has none to choose. A run stops {PATIENCE} epochs after its best on "
                "validation."
            ),
            size="5 to 60 s a run of three trials on one thread",
        )
    ]
