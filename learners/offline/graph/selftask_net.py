"""The net that learns classes and a task beside them, and the graph as it takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.graph import pretexts
from selfcue.learners.offline.graph.gcn import GCN
from selfcue.learners.offline.graph.label_correction import corrected_labels
from selfcue.learners.offline.graph.label_guesses import context_distribution
from selfcue.learners.offline.graph.sparse_rows import SparseRows

if TYPE_CHECKING:
    from selfcue.learners.offline.graph.selftask_gnn import SelfTaskConfig


@dataclass(frozen=True, eq=False)
class Prepared:
    """The graph as the net takes it, and the task's targets."""

    x: SparseRows
    shown: SparseRows
    adjacency: Tensor
    seen: Tensor
    y: Tensor
    train: Tensor
    val: Tensor
    targets: pretexts.Targets | None
    around: Any
    labels: npt.NDArray[np.int64]


class SelfTaskNet(nn.Module):
    """A GCN and a head for the task on its hidden vectors.

    Attributes:
        stage: what is learned: ``both`` at once, the ``task`` or the ``classes``.
    """

    stage: Literal["both", "task", "classes"] = "both"

    def __init__(self, config: SelfTaskConfig, n_features: int, n_classes: int, outputs: int) -> None:
        super().__init__()
        self.config = config
        self.gcn = GCN(n_features, config.hidden, n_classes, dropout=config.dropout)
        self.head = nn.Linear(config.hidden, outputs) if outputs else None

    def forward(self, prepared: Prepared, rng: np.random.Generator) -> dict[str, Tensor]:
        config = self.config
        if self.head is None or self.stage == "classes" or not (config.weight or config.pretrain):
            whole = self.gcn.hidden(prepared.x, prepared.adjacency)
            return {"loss": self._classes(whole, prepared.adjacency, prepared)}
        h = self.gcn.hidden(prepared.shown, prepared.seen)
        if self.stage == "task":
            return {"loss": self._task(h, prepared, rng)}
        classes, task = self._classes(h, prepared.seen, prepared), self._task(h, prepared, rng)
        return {"classes": classes, "task": task, "loss": classes + config.weight * task}

    def _classes(self, h: Tensor, adjacency: Tensor, prepared: Prepared) -> Tensor:
        logits = self.gcn.logits(h, adjacency)
        return F.cross_entropy(logits[prepared.train], prepared.y[prepared.train])

    def _task(self, h: Tensor, prepared: Prepared, rng: np.random.Generator) -> Tensor:
        assert self.head is not None
        assert prepared.targets is not None
        dropped = F.dropout(h, self.config.dropout, self.training)
        task = prepared.targets.loss(self.head, dropped, rng)
        if self.config.task == "corrected_label":
            task = task + self.config.correction * self._corrected(h, dropped, prepared, rng)
        return task

    def _corrected(self, h: Tensor, dropped: Tensor, prepared: Prepared, rng: np.random.Generator) -> Tensor:
        assert self.head is not None
        free = np.flatnonzero(~prepared.train.cpu().numpy())
        some = rng.permutation(free)[: self.config.sampled]
        labels = corrected_labels(h.cpu(), prepared.labels, rng)
        shares = F.one_hot(labels, prepared.targets.outputs if prepared.targets else 0).numpy().astype(np.float32)
        truth = torch.from_numpy(context_distribution(prepared.around, shares))
        return F.mse_loss(torch.softmax(self.head(dropped[some]), 1), truth[some].to(h.device))
