"""How good node vectors are: the probe that papers on graphs report, on a task's split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.collapse import effective_rank
from selfcue.learners.offline.common.probes import Split, linear_probe, neighbour_probe, softmax_probe
from selfcue.learners.offline.data.task import NodeTask


def split_of(task: NodeTask) -> Split:
    """Return the rows of the task's masks. Raises BadInputError where it has none."""
    if task.data.train_mask is None or task.data.val_mask is None:
        raise BadInputError(f"{task.data.name}: has no split into training, validation and test nodes")
    return Split(np.flatnonzero(task.data.train_mask), np.flatnonzero(task.data.val_mask), task.test)


def node_scores(z: npt.NDArray[np.float32], task: NodeTask, *, weight_decay: float, seed: int) -> dict[str, float]:
    """Return test accuracies in percent of three probes on vectors ``z`` (N, D), and the effective rank.

    ``accuracy``: the papers' probe (one linear layer, Adam 0.01, 300 epochs, at the best validation epoch);
    ``logistic``: logistic regression, regularised as validation says; ``nearest``: 5 nearest neighbours.
    """
    split = split_of(task)
    softmax = softmax_probe(z, task.truth, split, weight_decay=weight_decay, seed=seed)
    logistic = linear_probe(z, task.truth, split)
    return {
        "accuracy": 100.0 * softmax["test"],
        "accuracy_last": 100.0 * softmax["last"],
        "logistic": 100.0 * logistic["test"],
        "logistic_val": 100.0 * logistic["val"],
        "nearest": 100.0 * neighbour_probe(z, task.truth, split),
        "effective_rank": effective_rank(z),
    }
