"""SelfTask: a graph network with few labels that also solves a task it sets itself (Jin et al., 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.about import About
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph import pretexts
from selfcue.learners.offline.graph.adjacency import symmetric
from selfcue.learners.offline.graph.label_guesses import one_hot, surroundings
from selfcue.learners.offline.graph.selftask_net import Prepared, SelfTaskNet
from selfcue.learners.offline.graph.sparse_rows import SparseRows
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Training

TASKS = (
    "none", "edge_mask", "pairwise_distance", "attribute_mask",
    "distance_to_labelled", "context_label", "corrected_label",
)  # fmt: skip


@dataclass(frozen=True)
class SelfTaskConfig:
    """Settings; the paper's size is a size for two cores.

    Attributes:
        task: what is solved beside the classes: ``none`` (a plain GCN); of structure ``edge_mask``,
            ``pairwise_distance``; of features ``attribute_mask``; of labels ``distance_to_labelled``,
            ``context_label``, ``corrected_label`` (the paper's best).
        guess: how labels are guessed for the last two: ``lp`` (label propagation), ``ica`` (iterative classification)
            or ``both``.
        pretrain: epochs of the task alone before those of the classes alone, with the optimiser begun anew (two-stage
            training); 0: both at once (joint training, the paper's main scheme).
        weight: of the task's loss in joint training (the paper's lambda).
        correction: weight of corrected labels within it (the paper's alpha).
        sampled: unlabelled nodes in a step of ``corrected_label``.
        hidden: width of a node's vector.
        dropout: before each layer, and before the task's head.
        lr, weight_decay: Adam's.
        epochs: full-batch steps of the classes; the one that is best on validation nodes is kept, where there are some.
        patience: stop after so many epochs without a better one on validation nodes; 0: never.
    """

    task: Literal[
        "none", "edge_mask", "pairwise_distance", "attribute_mask",
        "distance_to_labelled", "context_label", "corrected_label",
    ] = "corrected_label"  # fmt: skip
    guess: Literal["lp", "ica", "both"] = "lp"
    pretrain: int = 0
    weight: float = 10.0
    correction: float = 1.5
    sampled: int = 1000
    hidden: int = 128
    dropout: float = 0.5
    lr: float = 0.01
    weight_decay: float = 5e-4
    epochs: int = 200
    patience: int = 0

    def __post_init__(self) -> None:
        if min(self.pretrain, self.patience, self.epochs) < 0 or (self.pretrain and self.task == "none"):
            raise BadInputError(f"needs epochs and patience of 0 or more, and a task to pretrain on; got {self}")
        if self.weight < 0 or self.correction < 0 or not 0 <= self.dropout < 1 or min(self.hidden, self.sampled) < 1:
            raise BadInputError(f"needs weights of 0 or more, dropout in [0, 1), sizes of 1 or more; got {self}")

    @classmethod
    def paper(cls, data: str = "cora") -> SelfTaskConfig:
        """Return the authors' settings for ``data`` (their table of weights)."""
        return cls(weight=1.0, correction=1.0, sampled=3000) if data == "citeseer" else cls(weight=50.0)


class SelfTaskGNN(TorchMethod[GraphData, SelfTaskConfig]):
    """Classes of nodes from a handful of labels."""

    about: ClassVar[About] = About(
        name="selftask_gnn",
        family="graph",
        title="Self-supervised Learning on Graphs: Deep Insights and New Direction",
        task="classes of nodes from few labels",
        source="Jin, Derr, Liu, Wang, Wang, Liu, Tang: 2020, arXiv 2006.10141",
    )
    Config = SelfTaskConfig
    Data = GraphData

    def sizes(self, data: GraphData) -> dict[str, Any]:
        known = one_hot(data)
        task, n_classes = self.config.task, known.shape[1]
        outputs = {
            "none": 0,
            "edge_mask": 2,
            "pairwise_distance": pretexts.FARTHEST,
            "attribute_mask": data.x.shape[1],
            "distance_to_labelled": 3 * int(known.any(0).sum()),
        }.get(task, n_classes)
        if outputs and not data.edge_index.size:
            raise BadInputError(f"{data.name}: a graph without edges sets itself no task; choose task='none'")
        return {"n_features": data.x.shape[1], "n_classes": n_classes, "outputs": outputs}

    def build(self, sizes: Mapping[str, Any]) -> SelfTaskNet:
        return SelfTaskNet(self.config, sizes["n_features"], sizes["n_classes"], sizes["outputs"])

    def prepare(self, data: GraphData, device: str, rng: np.random.Generator) -> Prepared:
        targets, labels = self._targets(data, rng)
        x = SparseRows.of(data.x, device)
        adjacency = symmetric(data.edge_index, data.n_nodes).to(device)
        shown, seen = x, adjacency
        if targets is not None and len(targets.blank):
            hidden = data.x.copy()
            hidden[targets.blank] = 0.0
            shown = SparseRows.of(hidden, device)
        if targets is not None and targets.edges is not None:
            seen = symmetric(targets.edges, data.n_nodes).to(device)
        around = surroundings(data) if self.config.task == "corrected_label" else None
        assert data.y is not None
        assert data.train_mask is not None
        val = data.val_mask if data.val_mask is not None else np.zeros(data.n_nodes, dtype=np.bool_)
        masks = [torch.from_numpy(array).to(device) for array in (data.y, data.train_mask, val)]
        return Prepared(x, shown, adjacency, seen, masks[0], masks[1], masks[2], targets, around, labels)

    def _targets(
        self, data: GraphData, rng: np.random.Generator
    ) -> tuple[pretexts.Targets | None, npt.NDArray[np.int64]]:
        config = self.config
        nothing = np.zeros(0, dtype=np.int64)
        if config.task == "none":
            return None, nothing
        if config.task in ("context_label", "corrected_label"):
            guess = pretexts.guessed(data, config.guess)
            return pretexts.context_label(data, config.guess), np.argmax(guess, axis=1).astype(np.int64)
        return getattr(pretexts, config.task)(data, rng), nothing

    @property
    def epochs(self) -> int:
        """Epochs of both stages."""
        return self.config.pretrain + self.config.epochs

    def before_epoch(self, net: nn.Module, prepared: Prepared, epoch: int, rng: np.random.Generator) -> None:  # noqa: ARG002
        """Say which stage this is."""
        assert isinstance(net, SelfTaskNet)
        staged: Literal["task", "classes"] = "task" if epoch < self.config.pretrain else "classes"
        net.stage = staged if self.config.pretrain else "both"

    def update(self, loop: Training, net: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """Take one step; the second stage begins with an optimiser that remembers nothing of the first."""
        if self.config.pretrain and len(self.history) == self.config.pretrain:
            loop.optimiser.state.clear()
        return super().update(loop, net, batch)

    def enough(self) -> bool:
        """Return whether the last ``patience`` epochs brought nothing on validation nodes."""
        scores = [epoch["validation"] for epoch in self.history if "validation" in epoch]
        patience = self.config.patience
        return bool(patience) and len(scores) > patience and max(scores[-patience:]) <= max(scores[:-patience])

    @torch.no_grad()
    def validate(self, net: nn.Module, prepared: Prepared) -> float | None:
        """Return the accuracy on validation nodes, once the classes are learned."""
        assert isinstance(net, SelfTaskNet)
        if net.stage == "task" or not bool(prepared.val.any()):
            return None
        said = net.gcn.logits(net.gcn.hidden(prepared.x, prepared.adjacency), prepared.adjacency).argmax(1)
        return float((said == prepared.y)[prepared.val].float().mean())

    @torch.no_grad()
    def transform(self, data: GraphData) -> npt.NDArray[np.float32]:
        """Return the vector of each node (N, hidden)."""
        net, x, adjacency = self._ready(data)
        vectors: npt.NDArray[np.float32] = net.gcn.hidden(x, adjacency).numpy()
        return vectors

    @torch.no_grad()
    def predict_proba(self, data: GraphData) -> npt.NDArray[np.float32]:
        """Return class probabilities (N, C)."""
        net, x, adjacency = self._ready(data)
        logits = net.gcn.logits(net.gcn.hidden(x, adjacency), adjacency)
        shares: npt.NDArray[np.float32] = torch.softmax(logits, 1).numpy()
        return shares

    def predict(self, data: GraphData) -> npt.NDArray[np.int64]:
        """Return the class of each node (N,)."""
        classes: npt.NDArray[np.int64] = np.argmax(self.predict_proba(data), axis=1)
        return classes

    def _ready(self, data: GraphData) -> tuple[SelfTaskNet, SparseRows, Tensor]:
        net = self.fitted()
        assert isinstance(net, SelfTaskNet)
        if data.x.shape[1] != self.facts["n_features"]:
            raise BadInputError(f"{data.name}: {data.x.shape[1]} features; learned from {self.facts['n_features']}")
        return net, SparseRows.of(data.x), symmetric(data.edge_index, data.n_nodes)
