"""Tasks that a graph sets itself, after Jin et al. (2020): what is known of pairs and nodes without asking anyone.

A pretext makes its targets once, from data whose test labels are not there; it says how wide its head is, and turns
hidden vectors into a loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor, nn

from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.graph.label_guesses import (
    adjacency_of,
    context_distribution,
    iterative_classification,
    label_propagation,
    one_hot,
    surroundings,
)
from selfcue.optional import require

FARTHEST = 4
SOURCES = 1000
PAIRS = 400
"""Pairs of each class (of distance, or of edge and no edge) in a step."""


@dataclass(frozen=True, eq=False)
class Targets:
    """What a pretext asks, made once.

    Attributes:
        outputs: width of its head.
        loss: from the head, hidden vectors (N, H) and a generator to the loss.
        edges: edges that the encoder sees while it learns; None: all.
        blank: nodes whose features are hidden while it learns.
    """

    outputs: int
    loss: Callable[[nn.Module, Tensor, np.random.Generator], Tensor]
    edges: npt.NDArray[np.int64] | None = None
    blank: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


def edge_mask(data: GraphData, rng: np.random.Generator) -> Targets:
    """Hide a tenth of the edges and tell them from pairs that are not joined, by ``|h_u - h_v|``."""
    there = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    hidden = rng.random(there.shape[1]) < 0.1
    shown, gone = there[:, ~hidden], there[:, hidden]

    def loss(head: nn.Module, h: Tensor, rng: np.random.Generator) -> Tensor:
        false = rng.integers(0, data.n_nodes, gone.shape)
        pairs = np.concatenate((gone, false), axis=1)
        label = torch.arange(pairs.shape[1]) >= gone.shape[1]
        return F.cross_entropy(_between(head, h, pairs), label.long().to(h.device))

    return Targets(2, loss, np.concatenate((shown, shown[::-1]), axis=1))


def pairwise_distance(data: GraphData, rng: np.random.Generator) -> Targets:
    """Tell whether two nodes are 1, 2, 3 or more edges apart, by ``|h_u - h_v|``; one of the two is one of 1000."""
    sources = np.sort(rng.permutation(data.n_nodes)[:SOURCES])
    distance = np.minimum(hops(data, sources), FARTHEST)
    places = [np.flatnonzero(distance == d) for d in range(1, FARTHEST + 1)]
    present = [(label, flat) for label, flat in enumerate(places) if len(flat)]

    def loss(head: nn.Module, h: Tensor, rng: np.random.Generator) -> Tensor:
        drawn = [flat[rng.integers(0, len(flat), PAIRS)] for _, flat in present]
        row, other = np.divmod(np.concatenate(drawn), data.n_nodes)
        pairs = np.stack((sources[row], other))
        label = torch.tensor([label for label, _ in present]).repeat_interleave(PAIRS)
        return F.cross_entropy(_between(head, h, pairs), label.to(h.device))

    return Targets(FARTHEST, loss)


def attribute_mask(data: GraphData, rng: np.random.Generator) -> Targets:
    """Hide the features of a tenth of the unlabelled nodes and rebuild them."""
    free = np.flatnonzero(~one_hot(data).any(1))
    blank = np.sort(rng.choice(free, max(1, len(free) // 10), replace=False))
    truth = torch.from_numpy(data.x[blank])

    def loss(head: nn.Module, h: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
        return F.mse_loss(head(h[blank]), truth.to(h.device))

    return Targets(data.x.shape[1], loss, blank=blank)


def distance_to_labelled(data: GraphData, rng: np.random.Generator) -> Targets:  # noqa: ARG001 - one signature
    """Tell the mean, least and greatest distance to the training nodes of each class, standardised."""
    known = one_hot(data)
    parts = []
    for label in range(known.shape[1]):
        distance = np.minimum(hops(data, np.flatnonzero(known[:, label])), FARTHEST)
        parts += [distance.mean(0), distance.min(0), distance.max(0)] if len(distance) else []
    wide = np.stack(parts, axis=1)
    wide = (wide - wide.mean(0)) / np.maximum(wide.std(0), 1e-6)
    truth, free = torch.from_numpy(wide.astype(np.float32)), np.flatnonzero(~known.any(1))

    def loss(head: nn.Module, h: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
        return F.mse_loss(head(h[free]), truth[free].to(h.device))

    return Targets(wide.shape[1], loss)


def context_label(data: GraphData, guess: str) -> Targets:
    """Tell which classes a node's neighbours two edges around are guessed to be of."""
    truth = torch.from_numpy(context_distribution(surroundings(data), guessed(data, guess)))
    free = np.flatnonzero(~one_hot(data).any(1))

    def loss(head: nn.Module, h: Tensor, rng: np.random.Generator) -> Tensor:  # noqa: ARG001
        return F.mse_loss(torch.softmax(head(h[free]), 1), truth[free].to(h.device))

    return Targets(truth.shape[1], loss)


def guessed(data: GraphData, guess: str) -> npt.NDArray[np.float32]:
    """Return guesses (N, C) by ``lp``, ``ica`` or the mean of ``both``."""
    if guess == "both":
        return ((label_propagation(data) + iterative_classification(data)) / 2).astype(np.float32)
    return label_propagation(data) if guess == "lp" else iterative_classification(data)


def hops(data: GraphData, sources: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return how many edges lie between ``sources`` (S,) and all nodes, (S, N); infinite from ``FARTHEST`` on."""
    csgraph = require("scipy.sparse.csgraph", extra="offline")
    if not len(sources):
        return np.zeros((0, data.n_nodes))
    found: npt.NDArray[np.float64] = csgraph.dijkstra(
        adjacency_of(data), indices=sources, unweighted=True, limit=FARTHEST - 1
    )
    return found


def _between(head: nn.Module, h: Tensor, pairs: npt.NDArray[np.int64]) -> Tensor:
    out: Tensor = head((h[pairs[0]] - h[pairs[1]]).abs())
    return out
