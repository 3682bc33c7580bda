"""Five tasks of different philosophies that a graph sets itself, after Ju et al. (ParetoGNN), ICLR 2023, section 3.

Each draws what a step needs (``sample``), and turns an encoder and that draw into a loss (``loss``); what it learns
beside the encoder are its own parameters. A package of its own may bring more: any such class in ``PRETEXTS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.common.contrastive import nt_xent
from selfcue.learners.offline.common.masking import mask_nodes
from selfcue.learners.offline.common.redundancy import decorrelation
from selfcue.learners.offline.graph.gcn_encoder import GCNEncoder
from selfcue.learners.offline.graph.graphmae import sparse_cosine
from selfcue.learners.offline.graph.views import Graph, View


@dataclass(frozen=True)
class Widths:
    """Sizes that heads are made of: of a node's ``features`` and vector (``hidden``), and of a head's own layer."""

    features: int
    hidden: int
    head: int


class Pretext(nn.Module):
    """A task. Subclasses take ``Widths`` and give both functions below."""

    def sample(self, graph: Graph, rng: np.random.Generator) -> Any:
        """Return what one step draws."""
        raise NotImplementedError

    def loss(self, encoder: GCNEncoder, graph: Graph, drawn: Any) -> Tensor:
        """Return the loss on what was drawn."""
        raise NotImplementedError


class Reconstruction(Pretext):
    """``recon``: rebuild the features of hidden nodes from their neighbours (GraphMAE's idea)."""

    drop_edges, hide, gamma = 0.35, 0.5, 3.0

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, widths.features))
        self.to_decoder = nn.Linear(widths.hidden, widths.hidden, bias=False)
        self.decoder = nn.Linear(widths.hidden, widths.features)

    def sample(self, graph: Graph, rng: np.random.Generator) -> tuple[View, Tensor, Tensor]:
        """Return a thinned view, the hidden nodes and the others."""
        masked = mask_nodes(len(graph), self.hide, 0.0, rng)
        device = graph.pairs.device
        hidden, kept = (torch.from_numpy(nodes).to(device) for nodes in (masked.tokens, masked.kept))
        return graph.thinned(self.drop_edges, rng), hidden, kept

    def loss(self, encoder: GCNEncoder, graph: Graph, drawn: tuple[View, Tensor, Tensor]) -> Tensor:
        view, hidden, kept = drawn
        shown = encoder.project(graph.x.select(kept))
        token = (self.token @ encoder.weights[0]).expand(len(hidden), -1)
        first = torch.zeros(len(graph), shown.shape[1], device=shown.device)
        h = encoder.after(first.index_copy(0, kept, shown).index_copy(0, hidden, token), view)
        code = self.to_decoder(h).index_fill(0, hidden, 0.0)
        around = view.mix(code)[hidden]
        cosine = sparse_cosine(around, self.decoder.weight.t(), self.decoder.bias, graph.unit.select(hidden))
        error: Tensor = (1.0 - cosine).clamp_min(0.0).pow(self.gamma).mean()
        return error


class Links(Pretext):
    """``link``: tell pairs that are joined from as many random ones."""

    drop_features, pairs = 0.4, 4096

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.hidden, self.score = nn.Linear(widths.hidden, widths.head), nn.Linear(widths.head, 1)

    def sample(self, graph: Graph, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return joined pairs (2, P) and random ones (2, P)."""
        device = graph.pairs.device
        chosen = torch.from_numpy(rng.permutation(graph.pairs.shape[1])[: self.pairs]).to(device)
        joined = graph.pairs[:, chosen]
        return joined, torch.from_numpy(rng.integers(0, len(graph), tuple(joined.shape))).to(device)

    def loss(self, encoder: GCNEncoder, graph: Graph, drawn: tuple[Tensor, Tensor]) -> Tensor:
        h = F.normalize(encoder.after(encoder.project(graph.x.dropout(self.drop_features)), graph.whole), dim=1)
        h = torch.relu(self.hidden(h))
        said = [self.score(h[pairs[0]] * h[pairs[1]]).squeeze(1) for pairs in drawn]
        return 0.5 * (F.softplus(-said[0]).mean() + F.softplus(said[1]).mean())


class WholeGraph(Pretext):
    """``ming``: tell nodes from those of a graph with shuffled features, knowing the graph's mean (DGI)."""

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.bilinear = nn.Parameter(torch.empty(widths.hidden, widths.hidden))
        nn.init.uniform_(self.bilinear, -(widths.hidden**-0.5), widths.hidden**-0.5)

    def sample(self, graph: Graph, rng: np.random.Generator) -> Tensor:
        """Return whose features each node shows in the shuffled graph."""
        return torch.from_numpy(rng.permutation(len(graph))).to(graph.pairs.device)

    def loss(self, encoder: GCNEncoder, graph: Graph, drawn: Tensor) -> Tensor:
        projected = encoder.project(graph.x)  # the shuffled features' product is this one, shuffled
        true, false = encoder.after(projected, graph.whole), encoder.after(projected[drawn], graph.whole)
        like = self.bilinear @ torch.sigmoid(true.mean(0))
        return F.softplus(-(true @ like)).mean() + F.softplus(false @ like).mean()


class Neighbourhoods(Pretext):
    """``minsg``: know a node's neighbourhood again in another view of the graph, among all others (GRACE)."""

    drop, temperature, nodes = 0.3, 0.1, 512

    def __init__(self, widths: Widths) -> None:
        super().__init__()
        self.projector = nn.Sequential(
            nn.Linear(widths.hidden, widths.head), nn.ReLU(), nn.Linear(widths.head, widths.hidden)
        )

    def sample(self, graph: Graph, rng: np.random.Generator) -> tuple[View, View, Tensor]:
        """Return two views and the nodes that are contrasted."""
        views = [graph.corrupted(self.drop, self.drop, rng) for _ in range(2)]
        nodes = torch.from_numpy(rng.permutation(len(graph))[: self.nodes]).to(graph.pairs.device)
        return views[0], views[1], nodes

    def loss(self, encoder: GCNEncoder, graph: Graph, drawn: tuple[View, View, Tensor]) -> Tensor:  # noqa: ARG002
        first, second, nodes = drawn
        z, v = (self.projector(encoder(view)[nodes]) for view in (first, second))
        return nt_xent(z, v, temperature=self.temperature)


class Decorrelation(Pretext):
    """``decor``: two views agree, and no two numbers of a vector say the same (CCA-SSG)."""

    drop, weight = 0.2, 1e-3

    def __init__(self, widths: Widths) -> None:  # noqa: ARG002 - one signature
        super().__init__()

    def sample(self, graph: Graph, rng: np.random.Generator) -> tuple[View, View]:
        """Return two views."""
        return graph.corrupted(self.drop, self.drop, rng), graph.corrupted(self.drop, self.drop, rng)

    def loss(self, encoder: GCNEncoder, graph: Graph, drawn: tuple[View, View]) -> Tensor:
        """Return ``|(z - v) / N| + w (|I - z'z / N| + |I - v'v / N|)``, columns standardised, Frobenius norms."""
        root = len(graph) ** 0.5  # the authors divide the distance by N where CCA-SSG divides by its root
        apart: Tensor = decorrelation(encoder(drawn[0]), encoder(drawn[1]), weight=self.weight * root) / root
        return apart


PRETEXTS: dict[str, type[Pretext]] = {
    "recon": Reconstruction,
    "link": Links,
    "ming": WholeGraph,
    "minsg": Neighbourhoods,
    "decor": Decorrelation,
}
