"""SCGC and SCGC*: clusters from a plain network; the graph enters through a loss (Kulatilleke et al., 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.about import About
from selfcue.learners.offline.common.clustering import k_means
from selfcue.learners.offline.common.contrastive import weighted_contrast
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.data.neighbours import neighbour_edges
from selfcue.learners.offline.graph.adjacency import influence
from selfcue.learners.offline.graph.sparse_rows import SparseRows, squared_error
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Part

_SPARSE = 0.15
"""Share of features that are not 0 under which sparse products are the faster ones."""


@dataclass(frozen=True)
class SCGCConfig:
    """Settings of SCGC; the defaults are a size for two cores.

    Attributes:
        n_clusters: how many clusters to find.
        variant: ``star`` (SCGC*: no decoder, all hops up to ``order``) or ``plain`` (decoder, the last hop alone).
        order: how many hops away a node still counts as a positive.
        sharpness: multiplies the cosine in the contrast; the paper's tau, one over a temperature.
        alpha: weight of the contrast. 0: the graph plays no part.
        beta: weight of the clustering loss.
        hidden: widths of the encoder's layers; the decoder mirrors them.
        n_z: width of a code.
        pretrain: epochs of the autoencoder before clustering begins.
        pretrain_batch: nodes in one of its steps.
        batch: largest number of nodes in a clustering step (memory grows with its square).
        neighbours: join each node to so many nearest ones in place of the edges; 0: keep the edges.
        lr, weight_decay: Adam's.
        cluster_epochs: epochs of clustering.
    """

    n_clusters: int = 3
    variant: Literal["star", "plain"] = "star"
    order: int = 1
    sharpness: float = 0.25
    alpha: float = 1.0
    beta: float = 0.1
    hidden: tuple[int, ...] = (256, 256, 512)
    n_z: int = 10
    pretrain: int = 30
    pretrain_batch: int = 256
    batch: int = 5000
    neighbours: int = 0
    lr: float = 1e-3
    weight_decay: float = 0.0
    cluster_epochs: int = 200

    def __post_init__(self) -> None:
        if self.n_clusters < 2 or self.order < 1 or self.n_z < 1 or not self.hidden:
            raise BadInputError(f"needs 2 clusters, 1 hop, 1 hidden layer and a code width of 1 at least; got {self}")
        if min(self.pretrain, self.cluster_epochs, self.neighbours) < 0 or min(self.pretrain_batch, self.batch) < 2:
            raise BadInputError(f"epochs and neighbours must not be below 0, batches at least 2; got {self}")

    @property
    def epochs(self) -> int:
        """Epochs of both phases."""
        return self.pretrain + self.cluster_epochs

    @classmethod
    def paper(cls, data: str = "acm") -> SCGCConfig:
        """Return the authors' SCGC* for ``data``: acm or citeseer (their README)."""
        wide = (500, 500, 2000)
        if data == "citeseer":
            return cls(n_clusters=6, hidden=wide, order=1, sharpness=0.25, alpha=1.0, beta=0.1, lr=1e-4)
        return cls(n_clusters=3, hidden=wide, order=1, sharpness=0.25, alpha=1.0, beta=0.1, lr=1e-3)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A graph as the net takes it.

    Attributes:
        x: features (N, F).
        sparse: the same where most of them are 0; None: they are not.
        weight: how much each node belongs to each other one, sparse (N, N).
    """

    x: Tensor
    sparse: SparseRows | None
    weight: Tensor

    def shown(self, rows: Tensor) -> Tensor | SparseRows:
        """Return the features of ``rows`` (R,), rising, in the form that is cheaper to encode."""
        if self.sparse is None:
            return self.x if len(rows) == len(self.x) else self.x[rows]
        return self.sparse if len(rows) == len(self.sparse) else self.sparse.select(rows)


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows of one step, and whether the autoencoder alone learns from them."""

    rows: Tensor
    pretrain: bool


class ClusterNet(nn.Module):
    """Encoder, decoder and the centres of clusters."""

    def __init__(self, config: SCGCConfig, n_features: int) -> None:
        super().__init__()
        self.config = config
        widths = [n_features, *config.hidden, config.n_z]
        self.encoder, self.decoder = _layers(widths), _layers(widths[::-1])
        self.centres = nn.Parameter(torch.zeros(config.n_clusters, config.n_z))

    def codes(self, x: Tensor | SparseRows) -> Tensor:
        """Return the codes (R, n_z) of rows of features."""
        first: Any = self.encoder[0]
        h = first(x) if isinstance(x, Tensor) else x.times(first.weight.t().contiguous()) + first.bias
        return self.encoder[1:](h)  # type: ignore[no-any-return]

    def rebuilding(self, z: Tensor, prepared: Prepared, rows: Tensor) -> Tensor:
        """Return the mean squared error of the features that the decoder makes of the codes ``z`` of ``rows``."""
        shown, last = prepared.shown(rows), self.decoder[-1]
        assert isinstance(last, nn.Linear)
        if isinstance(shown, Tensor) or len(rows) <= last.in_features:
            return F.mse_loss(self.decoder(z), prepared.x[rows])
        return squared_error(self.decoder[:-1](z), last, shown)

    def assignment(self, z: Tensor) -> Tensor:
        """Return (N, K): Student's t (one degree of freedom) around each centre, rows sum to 1."""
        q = 1.0 / (1.0 + (z[:, None] - self.centres).square().sum(2))
        return q / q.sum(1, keepdim=True)

    def forward(self, prepared: Prepared, batch: Batch) -> dict[str, Tensor]:
        config = self.config
        z = self.codes(prepared.shown(batch.rows))
        if batch.pretrain:
            return {"loss": self.rebuilding(z, prepared, batch.rows)}
        q = self.assignment(z)
        clustering = F.kl_div(q.log(), sharpened(q).detach(), reduction="batchmean")
        terms = {"clustering": clustering, "loss": config.beta * clustering}
        if config.alpha:
            weight = prepared.weight
            if len(batch.rows) < len(prepared.x):
                weight = weight.index_select(0, batch.rows).index_select(1, batch.rows).coalesce()
            terms["contrast"] = weighted_contrast(z, weight, sharpness=config.sharpness)
            terms["loss"] = terms["loss"] + config.alpha * terms["contrast"]
        if config.variant == "plain":
            terms["rebuilding"] = self.rebuilding(z, prepared, batch.rows)
            terms["loss"] = terms["loss"] + terms["rebuilding"]
        return terms


def sharpened(q: Tensor) -> Tensor:
    """Return the target of the clustering loss: ``q^2`` over each cluster's size, rows scaled to sum 1."""
    p = q.square() / q.sum(0)
    return p / p.sum(1, keepdim=True)


def _layers(widths: list[int]) -> nn.Sequential:
    parts: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        parts += [nn.Linear(inputs, outputs)] + ([nn.ReLU()] if i < len(widths) - 2 else [])
    return nn.Sequential(*parts)


class SCGC(TorchMethod[GraphData, SCGCConfig]):
    """Clusters of nodes. What is learned needs no graph: a new row of features is enough to place it."""

    about: ClassVar[About] = About(
        name="scgc",
        family="graph",
        title="SCGC: Self-Supervised Contrastive Graph Clustering",
        task="clusters of nodes",
        source="Kulatilleke, Portmann, Chandra: 2022, arXiv 2204.12656",
    )
    Config = SCGCConfig
    Data = GraphData

    def sizes(self, data: GraphData) -> dict[str, Any]:
        if data.n_nodes < self.config.n_clusters:
            raise BadInputError(f"{data.name}: {self.config.n_clusters} clusters of {data.n_nodes} nodes")
        if not data.edge_index.size and not self.config.neighbours:
            raise BadInputError(f"{data.name}: no edges; join nearest nodes with neighbours=5")
        return {"n_features": data.x.shape[1]}

    def build(self, sizes: Mapping[str, Any]) -> ClusterNet:
        return ClusterNet(self.config, sizes["n_features"])

    def prepare(self, data: GraphData, device: str, rng: np.random.Generator) -> Prepared:  # noqa: ARG002
        config = self.config
        edges = neighbour_edges(data.x, config.neighbours) if config.neighbours else data.edge_index
        weight = influence(edges, data.n_nodes, config.order, summed=config.variant == "star")
        sparse = SparseRows.of(data.x, device) if np.count_nonzero(data.x) < _SPARSE * data.x.size else None
        return Prepared(torch.from_numpy(data.x).to(device), sparse, weight.to(device))

    def before_epoch(self, net: nn.Module, prepared: Prepared, epoch: int, rng: np.random.Generator) -> None:
        """Begin: batches of the autoencoder; then place the centres by k-means, once, and cluster."""
        assert isinstance(net, ClusterNet)
        self._pretrain = epoch < self.config.pretrain
        if epoch == self.config.pretrain:
            with torch.no_grad():
                z = net.encoder(prepared.x).cpu().numpy()
                _, centres = k_means(z, self.config.n_clusters, int(rng.integers(2**31)), tries=20)
                net.centres.copy_(torch.from_numpy(centres))

    def batches(self, prepared: Prepared, rng: np.random.Generator, part: Part) -> Iterator[Batch]:  # noqa: ARG002
        device = prepared.x.device
        order = rng.permutation(len(prepared.x))
        if self._pretrain:
            for start in range(0, len(order), self.config.pretrain_batch):
                rows = torch.from_numpy(np.sort(order[start : start + self.config.pretrain_batch])).to(device)
                yield Batch(rows, pretrain=True)
        else:
            yield Batch(torch.from_numpy(np.sort(order[: self.config.batch])).to(device), pretrain=False)

    @torch.no_grad()
    def transform(self, data: GraphData) -> npt.NDArray[np.float32]:
        """Return the code of each node (N, n_z); its edges play no part."""
        return self._net(data).encoder(torch.from_numpy(data.x)).numpy()  # type: ignore[no-any-return]

    @torch.no_grad()
    def predict_proba(self, data: GraphData) -> npt.NDArray[np.float32]:
        """Return how much each node belongs to each cluster (N, K); rows sum to 1."""
        net = self._net(data)
        return net.assignment(net.encoder(torch.from_numpy(data.x))).numpy()

    def predict(self, data: GraphData) -> npt.NDArray[np.int64]:
        """Return the cluster of each node (N,)."""
        classes: npt.NDArray[np.int64] = np.argmax(self.predict_proba(data), axis=1)
        return classes

    def _net(self, data: GraphData) -> ClusterNet:
        net = self.fitted()
        assert isinstance(net, ClusterNet)
        if data.x.shape[1] != self.facts["n_features"]:
            raise BadInputError(f"{data.name}: {data.x.shape[1]} features; learned from {self.facts['n_features']}")
        return net
