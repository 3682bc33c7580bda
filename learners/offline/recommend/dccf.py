"""DCCF: disentangled contrastive collaborative filtering, with learned masks on noise (Ren et al., SIGIR 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.about import About
from selfcue.learners.offline.common.contrastive import info_nce
from selfcue.learners.offline.common.ranking import bpr
from selfcue.learners.offline.data.interactions import Interactions
from selfcue.learners.offline.recommend.collaborative import Bipartite, CollaborativeMethod

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class DCCFConfig:
    """Settings; the defaults are a size for two cores.

    Attributes:
        dim: width of a vector.
        intents: how many intents users and items are explained by.
        layers: hops.
        disentangle: use the intents.
        graph_mask, intent_mask: use the view whose edges are weighed by what the graph, or the intents, say.
        masks: ``learned`` weights of edges, or ``random`` ones (an ablation).
        contrast: weight of the contrast between views.
        temperature: of the contrast.
        intent_decay: weight of the squared intents, summed.
        embedding_decay: weight of the squared vectors of a batch, summed.
        contrasted: at most so many nodes of a batch are contrasted (memory grows with its square).
        batch, steps: triples a step, and steps an epoch.
        lr, weight_decay: Adam's.
        epochs: how many; the one that is best on validation is kept, where there are validation pairs.
    """

    dim: int = 32
    intents: int = 32
    layers: int = 2
    disentangle: bool = True
    graph_mask: bool = True
    intent_mask: bool = True
    masks: Literal["learned", "random"] = "learned"
    contrast: float = 0.1
    temperature: float = 1.0
    intent_decay: float = 5e-3
    embedding_decay: float = 2.5e-5
    contrasted: int = 1024
    batch: int = 2048
    steps: int = 20
    lr: float = 1e-3
    weight_decay: float = 0.0
    epochs: int = 100

    def __post_init__(self) -> None:
        if min(self.dim, self.intents, self.batch, self.steps) < 1 or self.layers < 0 or self.temperature <= 0:
            raise BadInputError(f"sizes must be 1 or more, layers 0 or more, temperature above 0; got {self}")

    @classmethod
    def paper(cls, data: str = "") -> DCCFConfig:  # noqa: ARG003 - one for all data
        """Return the authors' settings for Gowalla (their repository's defaults)."""
        return cls(dim=32, intents=128, batch=10240, steps=40, contrasted=20480, epochs=150)


@dataclass(frozen=True, eq=False)
class Layer:
    """What one hop makes of the vectors (N, D): along the graph, along the intents, and along weighed edges."""

    local: Tensor
    views: tuple[Tensor, ...]


class DCCFNet(nn.Module):
    """Vectors of nodes, and prototypes of intents for users and for items."""

    def __init__(self, config: DCCFConfig, n_users: int, n_items: int) -> None:
        super().__init__()
        self.config, self.n_users = config, n_users
        self.embedding = nn.Parameter(torch.empty(n_users + n_items, config.dim))
        self.user_intents = nn.Parameter(torch.empty(config.dim, config.intents))
        self.item_intents = nn.Parameter(torch.empty(config.dim, config.intents))
        for parameter in (self.embedding, self.user_intents, self.item_intents):
            nn.init.xavier_uniform_(parameter)

    def intents(self, h: Tensor) -> Tensor:
        """Return the mixture of intents that explains each node: ``softmax(h C) C'`` (N, D)."""
        parts = ((h[: self.n_users], self.user_intents), (h[self.n_users :], self.item_intents))
        return torch.cat([torch.softmax(x @ c, 1) @ c.t() for x, c in parts])

    def trust(self, a: Tensor, graph: Bipartite) -> Tensor:
        """Return how far each edge's ends agree in ``a`` (N, D): ``(cos + 1) / 2``, scaled to sum 1 a node; (E, 1)."""
        edges = graph.edges
        if self.config.masks == "random":
            alpha = torch.rand(len(edges.source), 1, device=a.device)
        else:
            unit = F.normalize(a, dim=1)
            alpha = ((unit[edges.source] * unit[edges.target]).sum(1, keepdim=True) + 1.0) / 2.0
        total = torch.zeros(edges.n_targets, 1, device=a.device).index_add(0, edges.target, alpha)
        return alpha / total.clamp_min(1e-12)[edges.target]

    def hops(self, graph: Bipartite) -> tuple[Tensor, list[Layer]]:
        """Return the final vectors (N, D) and what each hop made (the paper's eq. 5 to 12)."""
        config = self.config
        h: Tensor = self.embedding
        total = h
        layers = []
        for _ in range(config.layers):
            local = graph.propagate(h)
            views = []
            mixture = self.intents(h)
            if config.disentangle:
                views.append(mixture)
            if config.graph_mask:
                views.append(graph.edges.sum(self.trust(local, graph), h[:, None]).squeeze(1))
            if config.intent_mask:
                views.append(graph.edges.sum(self.trust(mixture, graph), h[:, None]).squeeze(1))
            layers.append(Layer(local, tuple(views)))
            h = sum(views, local + h)
            total = total + h
        return total, layers

    def forward(self, graph: Bipartite, triples: Tensor) -> dict[str, Tensor]:
        config = self.config
        user, item, other = triples[:, 0], triples[:, 1] + self.n_users, triples[:, 2] + self.n_users
        h, layers = self.hops(graph)
        ranking = bpr((h[user] * h[item]).sum(1), (h[user] * h[other]).sum(1))
        decay = config.embedding_decay * self.embedding[torch.cat((user, item, other))].square().sum()
        intents = config.intent_decay * (self.user_intents.square().sum() + self.item_intents.square().sum())
        terms = {"ranking": ranking, "loss": ranking + decay + intents}
        if config.contrast and any(layer.views for layer in layers):
            own = torch.zeros((), device=h.device)
            for nodes in (torch.unique(user), torch.unique(torch.cat((item, other)))):
                some = nodes[torch.randperm(len(nodes), device=nodes.device)[: config.contrasted]]
                for layer in layers:
                    for view in layer.views:
                        own = own + info_nce(layer.local[some], view[some], temperature=config.temperature)
            terms["contrast"] = own
            terms["loss"] = terms["loss"] + config.contrast * own
        return terms


class DCCF(CollaborativeMethod[DCCFConfig]):
    """Items for users from noisy pairs; tells which intents drive a user, and which pairs look like noise."""

    about: ClassVar[About] = About(
        name="dccf",
        family="recommend",
        title="Disentangled Contrastive Collaborative Filtering",
        task="items for users, from noisy pairs",
        source="Ren, Xia, Zhao, Yin, Huang: SIGIR 2023, arXiv 2305.02759",
    )
    Config = DCCFConfig

    def build(self, sizes: Mapping[str, Any]) -> DCCFNet:
        return DCCFNet(self.config, sizes["n_users"], sizes["n_items"])

    @torch.no_grad()
    def user_intents(self, data: Interactions) -> npt.NDArray[np.float32]:
        """Return how much each intent drives each user (U, intents); rows sum to 1."""
        net = self._net(self.fitted())
        self.graph_of(data)
        return torch.softmax(net.embedding[: net.n_users] @ net.user_intents, 1).numpy()

    @torch.no_grad()
    def edge_weights(self, data: Interactions) -> npt.NDArray[np.float32]:
        """Return for each training pair (M,) how far its ends agree after one hop, in [0, 1]; low looks like noise."""
        net, graph = self._net(self.fitted()), self.graph_of(data)
        unit = F.normalize(graph.propagate(net.embedding), dim=1)
        agree = (unit[data.user] * unit[data.item + data.n_users]).sum(1)
        return ((agree + 1.0) / 2.0).clamp(0.0, 1.0).numpy()

    def _vectors(self, net: nn.Module, graph: Bipartite) -> Tensor:
        return self._net(net).hops(graph)[0]

    def _net(self, net: nn.Module) -> DCCFNet:
        assert isinstance(net, DCCFNet)
        return net
