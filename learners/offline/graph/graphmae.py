"""GraphMAE: hide the features of half of the nodes and let a graph network rebuild them (Hou et al., KDD 2022)."""

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
from selfcue.learners.offline.common.edges import Edges
from selfcue.learners.offline.common.masking import Masked, mask_nodes
from selfcue.learners.offline.common.schedules import half_cosine
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph.gat import GATLayer, NarrowGATLayer
from selfcue.learners.offline.graph.sparse_rows import SparseRows
from selfcue.learners.offline.torch_method import TorchMethod

_TOKEN_DRAWS = 64


@dataclass(frozen=True)
class GraphMAEConfig:
    """Settings of GraphMAE; the defaults are a size for two cores.

    Attributes:
        hidden: width of a node's vector; a multiple of ``heads``.
        heads: attention heads of the encoder's layers.
        layers: attention layers of the encoder.
        mask_rate: share of nodes hidden in each step; 0 hides none and rebuilds all (an ablation).
        replace_rate: share of the hidden nodes that get another node's features in place of the mask token.
        loss: ``sce``, the scaled cosine error, or ``mse`` (an ablation).
        gamma: exponent of the scaled cosine error, at least 1: easy nodes weigh less.
        remask: zero the hidden nodes' codes before the decoder, which must then rebuild them from their neighbours.
        decoder: ``gat`` (one attention layer) or ``linear`` (sees each node alone, and is never re-masked).
        drop_edge: share of edges hidden from the encoder in each step.
        input_dropout: dropout before each layer.
        attention_dropout: dropout of attention weights.
        lr, weight_decay: Adam's.
        epochs: full-batch steps.
    """

    hidden: int = 128
    heads: int = 4
    layers: int = 2
    mask_rate: float = 0.5
    replace_rate: float = 0.05
    loss: Literal["sce", "mse"] = "sce"
    gamma: float = 3.0
    remask: bool = True
    decoder: Literal["gat", "linear"] = "gat"
    drop_edge: float = 0.0
    input_dropout: float = 0.2
    attention_dropout: float = 0.1
    lr: float = 1e-3
    weight_decay: float = 2e-4
    epochs: int = 300

    def __post_init__(self) -> None:
        if self.hidden < 1 or self.heads < 1 or self.hidden % self.heads or self.layers < 1:
            raise BadInputError(f"hidden must be a multiple of heads, layers at least 1; got {self}")
        shares = (self.mask_rate, self.replace_rate, self.drop_edge, self.input_dropout, self.attention_dropout)
        if not all(0.0 <= share < 1.0 for share in shares) or self.gamma < 1.0 or self.epochs < 0:
            raise BadInputError(f"rates must be in [0, 1), gamma at least 1; got {self}")

    @classmethod
    def paper(cls, data: str = "cora") -> GraphMAEConfig:
        """Return the authors' settings for ``data``: cora or citeseer (their repository, configs.yml)."""
        if data == "citeseer":
            return cls(hidden=512, heads=2, replace_rate=0.1, gamma=1.0, weight_decay=2e-5, epochs=300)
        return cls(hidden=512, heads=4, replace_rate=0.05, gamma=3.0, weight_decay=2e-4, epochs=1500)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A graph as the net takes it: sparse features, the same scaled to length 1, and edges with self loops."""

    x: SparseRows
    unit: SparseRows
    edges: Edges


class Autoencoder(nn.Module):
    """Encoder, the map between the codes, and decoder."""

    def __init__(self, config: GraphMAEConfig, n_features: int) -> None:
        super().__init__()
        self.config = config
        width = config.hidden // config.heads
        inputs = [n_features] + [config.hidden] * (config.layers - 1)
        self.encoder = nn.ModuleList(
            GATLayer(size, width, config.heads, attention_dropout=config.attention_dropout) for size in inputs
        )
        self.activations = nn.ModuleList(nn.PReLU() for _ in inputs)
        self.mask_token = nn.Parameter(torch.zeros(1, n_features))
        self.to_decoder = nn.Linear(config.hidden, config.hidden, bias=False)
        self.decoder = NarrowGATLayer(config.hidden, n_features, attention_dropout=config.attention_dropout)

    @property
    def first(self) -> GATLayer:
        """The layer that meets the features."""
        layer = self.encoder[0]
        assert isinstance(layer, GATLayer)
        return layer

    def encode(self, first: Tensor, edges: Edges, targets: Tensor | None = None) -> Tensor:
        """Return the codes (targets, hidden) from the first layer's projection (N, hidden) of all nodes."""
        h = first
        for i, (layer, activation) in enumerate(zip(self.encoder, self.activations, strict=True)):
            assert isinstance(layer, GATLayer)
            if i:
                h = layer.project(F.dropout(h, self.config.input_dropout, self.training))
            last = i == len(self.encoder) - 1
            h = activation(layer.gather(h, edges, targets if last else None))
        return h

    def forward(self, prepared: Prepared, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the loss of one step (Algorithm 1 of the paper)."""
        config = self.config
        n, device = len(prepared.x), self.mask_token.device
        masked = mask_nodes(n, config.mask_rate, config.replace_rate, rng)
        hidden, kept = (torch.from_numpy(nodes).to(device) for nodes in (masked.hidden, masked.kept))
        edges = prepared.edges
        if config.drop_edge:
            stay = torch.from_numpy(rng.random(len(edges.source)) >= config.drop_edge).to(device)
            edges = edges.subset(stay | (edges.source == edges.target))

        # Codes of hidden nodes are only asked for where they are not re-masked.
        remask = config.remask and config.decoder == "gat" and config.mask_rate > 0
        h = self.encode(self._first(prepared.x, masked), edges, kept if remask else None)
        code = self.to_decoder(h)
        if remask:
            code = torch.zeros(n, config.hidden, device=device).index_copy(0, kept, code)
        code = F.dropout(code, config.input_dropout, self.training)
        gathered = code[hidden] if config.decoder == "linear" else self.decoder.gather(code, prepared.edges, hidden)
        return {"loss": self._error(gathered, prepared, hidden)}

    def _first(self, x: SparseRows, masked: Masked) -> Tensor:
        """Return the first layer's projection (N, hidden) of the corrupted features."""
        share, layer = self.config.input_dropout, self.first
        device = self.mask_token.device
        shown, rows, tokens = (torch.from_numpy(a).to(device) for a in (masked.shown, masked.shown_rows, masked.tokens))
        projected = layer.project(x.select(rows).dropout(share))
        # Each token gets one of 64 draws of dropout: a draw for each would cost more than all the rest of a step.
        draws = F.dropout(self.mask_token.expand(_TOKEN_DRAWS, -1), share, self.training) @ layer.weight
        token = draws[torch.arange(len(tokens), device=device) % _TOKEN_DRAWS]
        whole = torch.zeros(len(x), self.config.hidden, device=device).index_copy(0, shown, projected)
        return whole.index_copy(0, tokens, token)

    def _error(self, gathered: Tensor, prepared: Prepared, hidden: Tensor) -> Tensor:
        if self.config.loss == "mse":
            return F.mse_loss(self.decoder.project(gathered), prepared.x.select(hidden).dense())
        cosine = sparse_cosine(gathered, self.decoder.weight, self.decoder.bias, prepared.unit.select(hidden))
        return (1.0 - cosine).clamp_min(0.0).pow(self.config.gamma).mean()


def sparse_cosine(h: Tensor, weight: Tensor, bias: Tensor, unit: SparseRows) -> Tensor:
    """Return ``cos(h W + b, x)`` row by row (R,), without ever forming ``h W`` (R, F).

    ``(h W) . x = h . (x W')`` costs what the non-zeros of ``x`` cost, and ``|h W|^2 = h (W W') h'``.

    Args:
        h: (R, D), D much smaller than F. weight: (D, F). bias: (F,).
        unit: R rows of length 1 (or 0: their cosine is 0).
    """
    dot = (h * unit.times(weight.t())).sum(1) + unit.times(bias[:, None]).squeeze(1)
    square = ((h @ (weight @ weight.t())) * h).sum(1) + 2.0 * (h @ (weight @ bias)) + bias.square().sum()
    return dot * square.clamp_min(1e-12).rsqrt()


class GraphMAE(TorchMethod[GraphData, GraphMAEConfig]):
    """One vector for each node of a graph, without labels: ``fit(graph)``, then ``transform(graph)``."""

    about: ClassVar[About] = About(
        name="graphmae",
        family="graph",
        title="GraphMAE: Self-Supervised Masked Graph Autoencoders",
        task="vectors of nodes",
        source="Hou, Liu, Cen, Dong, Yang, Wang, Tang: KDD 2022, arXiv 2205.10803",
    )
    Config = GraphMAEConfig
    Data = GraphData

    def sizes(self, data: GraphData) -> dict[str, Any]:
        if not data.edge_index.size:
            raise BadInputError(f"{data.name}: a graph without edges; what is hidden is rebuilt from neighbours")
        if not data.x.any():
            raise BadInputError(f"{data.name}: all features are 0; there is nothing to rebuild")
        return {"n_features": data.x.shape[1]}

    def build(self, sizes: Mapping[str, Any]) -> Autoencoder:
        return Autoencoder(self.config, sizes["n_features"])

    def prepare(self, data: GraphData, device: str, rng: np.random.Generator) -> Prepared:  # noqa: ARG002
        x = SparseRows.of(data.x, device)
        edges = Edges.of(torch.from_numpy(data.edge_index).to(device), data.n_nodes, loops=True)
        return Prepared(x, x.unit(), edges)

    def rate(self, progress: float) -> float:
        return half_cosine(progress)

    @torch.no_grad()
    def transform(self, data: GraphData) -> npt.NDArray[np.float32]:
        """Return the code of each node (N, hidden); the graph may be another one with the same features."""
        net = self.fitted()
        assert isinstance(net, Autoencoder)
        if data.x.shape[1] != self.facts["n_features"]:
            raise BadInputError(f"{data.name}: {data.x.shape[1]} features; learned from {self.facts['n_features']}")
        prepared = self.prepare(data, "cpu", np.random.default_rng(0))
        return net.encode(net.first.project(prepared.x), prepared.edges).numpy()
