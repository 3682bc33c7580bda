"""ParetoGNN: one encoder for five tasks that a graph sets itself, weighed so that none is hurt (Ju et al., 2023)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.about import About
from selfcue.learners.offline.common.min_norm import Scaling
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph.gcn_encoder import GCNEncoder
from selfcue.learners.offline.graph.pareto_pretexts import PRETEXTS, Widths
from selfcue.learners.offline.graph.task_weights import TaskGradients, Weighed, weigh
from selfcue.learners.offline.graph.views import Graph
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Part, Training


@dataclass(frozen=True)
class ParetoGNNConfig:
    """Settings of ParetoGNN; the defaults are a size for two cores.

    Attributes:
        tasks: which of ``recon`` (rebuild hidden features), ``link`` (who is joined), ``ming`` (a node and its graph),
            ``minsg`` (a node and its neighbourhood) and ``decor`` (no two numbers of a vector alike); one alone is that
            method by itself.
        hidden: widths of the encoder's layers; the last is that of a node's vector.
        head: width of the heads' own layers.
        weighting: ``mgda`` (the common descent direction), ``equal``, ``uncertainty`` (a learned variance for each
            task) or ``random`` (weights drawn anew each step).
        grad_norm: what ``mgda`` divides a task's gradient by before it weighs: ``l2`` (its length), ``loss``,
            ``loss+`` (both) or ``none``.
        step: what ``mgda`` puts its weights on: the losses as they are (``raw``, the authors' way, whose step may well
            hurt a task) or the gradients as they were weighed (``scaled``, which cannot).
        part: largest number of nodes in a step; a larger graph is seen in parts, grown from random nodes.
        lr, weight_decay: AdamW's.
        warm: steps over which the rate rises.
        epochs: steps.
    """

    tasks: tuple[str, ...] = ("recon", "link", "ming", "minsg", "decor")
    hidden: tuple[int, ...] = (128, 128)
    head: int = 128
    weighting: Literal["mgda", "equal", "uncertainty", "random"] = "mgda"
    grad_norm: Scaling = "l2"
    step: Literal["raw", "scaled"] = "raw"
    part: int = 4096
    lr: float = 2e-3
    weight_decay: float = 1e-5
    warm: int = 20
    epochs: int = 500

    def __post_init__(self) -> None:
        unknown = [task for task in self.tasks if task not in PRETEXTS]
        if unknown or not self.tasks or len(set(self.tasks)) < len(self.tasks):
            raise BadInputError(f"tasks {list(self.tasks)}; name each of {', '.join(PRETEXTS)} once at most")
        if not self.hidden or min(*self.hidden, self.head, self.warm) < 1 or self.part < 2 or self.epochs < 0:
            raise BadInputError(f"needs widths and warm of 1 or more, part of 2 or more; got {self}")

    @classmethod
    def paper(cls, data: str = "") -> ParetoGNNConfig:  # noqa: ARG003 - one size for all
        """Return the authors' size (their scripts): 512 and 256 wide, 10,000 steps."""
        return cls(hidden=(512, 256), head=512, lr=1e-3, warm=100, epochs=10_000)


class ParetoNet(nn.Module):
    """The encoder that all tasks share, and what each has of its own."""

    def __init__(self, config: ParetoGNNConfig, n_features: int) -> None:
        super().__init__()
        self.encoder = GCNEncoder(n_features, config.hidden)
        widths = Widths(n_features, config.hidden[-1], config.head)
        self.pretexts = nn.ModuleDict({name: PRETEXTS[name](widths) for name in config.tasks})
        if config.weighting == "uncertainty":
            self.log_variance = nn.Parameter(torch.zeros(len(config.tasks)))

    def draw(self, graph: Graph, rng: np.random.Generator) -> dict[str, Any]:
        """Return what each task draws for a step."""
        return {name: task.sample(graph, rng) for name, task in self.pretexts.items()}  # type: ignore[operator]

    def losses(self, graph: Graph, drawn: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
        """Yield each task's name and loss, one at a time: what it took can be let go before the next."""
        for name, task in self.pretexts.items():
            yield name, task.loss(self.encoder, graph, drawn[name])  # type: ignore[operator]


class ParetoGNN(TorchMethod[GraphData, ParetoGNNConfig]):
    """One vector for each node, for tasks that are not known yet: ``fit(graph)``, then ``transform(graph)``.

    ``history`` holds for each step every task's ``loss/NAME`` and ``weight/NAME``; ``conflict``, the share of pairs of
    tasks whose gradients pull apart; and how much the least favoured task gains: ``inner`` along the direction that was
    weighed (scaled gradients; never below 0 with ``mgda``), ``inner_step`` along the one that was taken.
    """

    about: ClassVar[About] = About(
        name="pareto_gnn",
        family="graph",
        title="Multi-task Self-supervised Graph Neural Networks Enable Stronger Task Generalization",
        task="vectors of nodes for many tasks",
        source="Ju, Zhao, Wen, Yu, Shah, Ye, Zhang: ICLR 2023, arXiv 2210.02016",
    )
    Config = ParetoGNNConfig
    Data = GraphData

    def sizes(self, data: GraphData) -> dict[str, Any]:
        if not data.edge_index.size:
            raise BadInputError(f"{data.name}: a graph without edges sets itself no task")
        if not data.x.any():
            raise BadInputError(f"{data.name}: all features are 0; nothing tells the nodes apart")
        return {"n_features": data.x.shape[1]}

    def build(self, sizes: Mapping[str, Any]) -> ParetoNet:
        return ParetoNet(self.config, sizes["n_features"])

    def optimiser(self, net: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(net.parameters(), lr=self.config.lr, weight_decay=self.config.weight_decay)

    def rate(self, progress: float) -> float:
        return min(1.0, (progress * self.epochs + 1.0) / self.config.warm)

    def prepare(self, data: GraphData, device: str, rng: np.random.Generator) -> Graph:  # noqa: ARG002
        return Graph.of(data, device)

    def batches(self, prepared: Graph, rng: np.random.Generator, part: Part) -> Iterator[Any]:  # noqa: ARG002
        while not (graph := prepared.part(self.config.part, rng)).pairs.numel():
            pass  # a part without an edge sets no task
        yield graph, rng

    def update(self, loop: Training, net: nn.Module, batch: Any) -> Mapping[str, Tensor]:
        """Take one step (Algorithm 1 of the paper, in one pass).

        The authors run every task twice: for its gradient, and once more for the weighted sum of the losses. That sum's
        gradient is the weighted sum of the gradients that are already there, so that one pass gives the same step.
        """
        assert isinstance(net, ParetoNet)
        graph, rng = batch
        tasks = _gradients(net, graph, rng)
        weighed = weigh(tasks, self.config, getattr(net, "log_variance", None), rng)
        loop.optimiser.zero_grad(set_to_none=True)
        _place(net, tasks, weighed)
        loop.optimiser.step()
        figures = {
            **{f"loss/{name}": loss for name, loss in zip(net.pretexts, tasks.losses, strict=True)},
            **{f"weight/{name}": weight for name, weight in zip(net.pretexts, weighed.weights, strict=True)},
            **weighed.figures,
            "loss": float(weighed.weights @ tasks.losses),
        }
        return {name: torch.tensor(float(value), dtype=torch.float64) for name, value in figures.items()}

    @torch.no_grad()
    def transform(self, data: GraphData) -> npt.NDArray[np.float32]:
        """Return the vector of each node (N, hidden[-1]); the graph may be another one with the same features."""
        net = self.fitted()
        assert isinstance(net, ParetoNet)
        if data.x.shape[1] != self.facts["n_features"]:
            raise BadInputError(f"{data.name}: {data.x.shape[1]} features; learned from {self.facts['n_features']}")
        vectors: npt.NDArray[np.float32] = net.encoder(Graph.of(data).whole).numpy()
        return vectors


def _gradients(net: ParetoNet, graph: Graph, rng: np.random.Generator) -> TaskGradients:
    """Return every task's loss, and its gradients of the encoder and of its own parameters."""
    shared = list(net.encoder.parameters())
    losses, rows, owns = [], [], []
    for name, loss in net.losses(graph, net.draw(graph, rng)):
        own = list(net.pretexts[name].parameters())
        found = torch.autograd.grad(loss, [*shared, *own], allow_unused=True, materialize_grads=True)
        rows.append(torch.cat([gradient.reshape(-1) for gradient in found[: len(shared)]]))
        owns.append(list(found[len(shared) :]))
        losses.append(float(loss.detach()))
    return TaskGradients(np.array(losses), torch.stack(rows), owns)


def _place(net: ParetoNet, tasks: TaskGradients, weighed: Weighed) -> None:
    """Give every parameter the gradient of the weighted sum of the losses."""
    shared = list(net.encoder.parameters())
    whole = torch.from_numpy(weighed.weights).to(tasks.shared) @ tasks.shared
    pieces = torch.tensor_split(whole, np.cumsum([p.numel() for p in shared])[:-1].tolist())
    for parameter, piece in zip(shared, pieces, strict=True):
        parameter.grad = piece.view_as(parameter)
    for name, weight, own in zip(net.pretexts, weighed.weights, tasks.own, strict=True):
        for parameter, gradient in zip(net.pretexts[name].parameters(), own, strict=True):
            parameter.grad = float(weight) * gradient
    if weighed.log_variance_grad is not None:
        net.log_variance.grad = weighed.log_variance_grad
