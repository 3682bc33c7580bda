"""The baselines of graph recommenders: matrix factors, LightGCN (He et al., 2020) and SGL (Wu et al., 2021).

They are arms of reproductions and no registered methods: PyTorch Geometric has them for use.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.about import About
from selfcue.learners.offline.common.contrastive import info_nce
from selfcue.learners.offline.common.ranking import bpr
from selfcue.learners.offline.recommend.collaborative import Bipartite, CollaborativeMethod


@dataclass(frozen=True)
class LightGCNConfig:
    """Settings.

    Attributes:
        dim: width of a vector.
        layers: hops of propagation; 0: matrix factors (BPR-MF).
        contrast: weight of SGL's contrast between two graphs with edges dropped; 0: LightGCN.
        edge_dropout: share of edges that each of the two drops.
        temperature: of the contrast.
        embedding_decay: weight of the squared vectors of a batch, summed.
        batch, steps: triples a step, and steps an epoch.
        lr, weight_decay: Adam's.
        epochs: how many.
    """

    dim: int = 32
    layers: int = 2
    contrast: float = 0.0
    edge_dropout: float = 0.1
    temperature: float = 0.2
    embedding_decay: float = 2.5e-5
    batch: int = 2048
    steps: int = 20
    lr: float = 1e-3
    weight_decay: float = 0.0
    epochs: int = 100


class LightNet(nn.Module):
    """Vectors of nodes, averaged over hops."""

    def __init__(self, config: LightGCNConfig, n: int) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Parameter(torch.empty(n, config.dim))
        nn.init.xavier_uniform_(self.embedding)

    def vectors(self, graph: Bipartite, *, drop: bool = False) -> Tensor:
        """Return the final vectors (N, dim), with edges dropped where asked."""
        h: Tensor = self.embedding
        total = h
        for _ in range(self.config.layers):
            weight = F.dropout(graph.weight, self.config.edge_dropout) if drop else graph.weight
            h = graph.edges.sum(weight, h[:, None]).squeeze(1)
            total = total + h
        return total / (self.config.layers + 1)

    def forward(self, graph: Bipartite, triples: Tensor) -> dict[str, Tensor]:
        config, n_users = self.config, graph.data.n_users
        user, item, other = triples[:, 0], triples[:, 1] + n_users, triples[:, 2] + n_users
        h = self.vectors(graph)
        ranking = bpr((h[user] * h[item]).sum(1), (h[user] * h[other]).sum(1))
        decay = config.embedding_decay * self.embedding[torch.cat((user, item, other))].square().sum()
        terms = {"ranking": ranking, "loss": ranking + decay}
        if config.contrast:
            a, b = self.vectors(graph, drop=True), self.vectors(graph, drop=True)
            own = torch.zeros((), device=h.device)
            for nodes in (torch.unique(user), torch.unique(item)):
                own = own + info_nce(a[nodes], b[nodes], temperature=config.temperature)
            terms["loss"] = terms["loss"] + config.contrast * own
        return terms


class LightGCN(CollaborativeMethod[LightGCNConfig]):
    """LightGCN; with ``layers=0`` matrix factors, with ``contrast`` SGL-ED."""

    about: ClassVar[About] = About(
        "lightgcn", "recommend", "LightGCN", "items for users", "He, Deng, Wang, Li, Zhang, Wang: SIGIR 2020"
    )
    Config = LightGCNConfig

    def build(self, sizes: Mapping[str, Any]) -> LightNet:
        return LightNet(self.config, sizes["n_users"] + sizes["n_items"])

    def _vectors(self, net: nn.Module, graph: Bipartite) -> Tensor:
        assert isinstance(net, LightNet)
        return net.vectors(graph)
