"""What collaborative filters share: the bipartite graph, draws of what was chosen and what was not, ranking."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.edges import Edges
from selfcue.learners.offline.data.interactions import Interactions
from selfcue.learners.offline.recommend.top import rank_scores, top_items
from selfcue.learners.offline.torch_method import TorchMethod
from selfcue.learners.offline.training import Part

IntArray = npt.NDArray[np.int64]
C = TypeVar("C")
_VALIDATED_USERS = 2000


@dataclass(frozen=True, eq=False)
class Bipartite:
    """Users and items as nodes 0 to U - 1 and U to U + I - 1.

    Attributes:
        edges: both directions of each pair.
        weight: (E, 1) float32: ``1 / sqrt(degree * degree)`` of each edge's ends.
        data: the pairs themselves.
        starts, items: items of each user, for draws: those of user u are ``items[starts[u] : starts[u + 1]]``.
        active: users that have an item.
        keys: sorted ``user * n_items + item`` of all pairs.
    """

    edges: Edges
    weight: Tensor
    data: Interactions
    starts: IntArray
    items: IntArray
    active: IntArray
    keys: IntArray

    @classmethod
    def of(cls, data: Interactions, device: str) -> Bipartite:
        """Return the graph of the training pairs of ``data``."""
        n = data.n_users + data.n_items
        there = np.stack((data.user, data.item + data.n_users))
        edges = Edges.of(torch.from_numpy(np.concatenate((there, there[::-1]), axis=1)).to(device), n, loops=False)
        degree = torch.bincount(edges.target, minlength=n).clamp_min(1).float()
        weight = (degree[edges.source] * degree[edges.target]).rsqrt()[:, None]
        keys = np.sort(data.user * data.n_items + data.item)
        count = np.bincount(data.user, minlength=data.n_users)
        starts = np.concatenate(([0], np.cumsum(count)))
        return cls(edges, weight, data, starts, keys % data.n_items, np.flatnonzero(count), keys)

    def propagate(self, h: Tensor) -> Tensor:
        """Return ``D^-1/2 A D^-1/2 h`` (N, D)."""
        return self.edges.sum(self.weight, h[:, None]).squeeze(1)

    def draw(self, count: int, rng: np.random.Generator) -> IntArray:
        """Return ``count`` triples (count, 3): a user, drawn uniformly, an item of theirs, and one that is not."""
        user = self.active[rng.integers(0, len(self.active), count)]
        place = self.starts[user] + (rng.random(count) * (self.starts[user + 1] - self.starts[user])).astype(np.int64)
        other = rng.integers(0, self.data.n_items, count)
        for _ in range(10):  # nearly all are free at the first try; a user who has everything gets what comes
            key = user * self.data.n_items + other
            taken = self.keys[np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)] == key
            if not taken.any():
                break
            other[taken] = rng.integers(0, self.data.n_items, int(taken.sum()))
        return np.stack((user, self.items[place], other), axis=1)


class CollaborativeMethod(TorchMethod[Interactions, C], Generic[C]):
    """A method whose users and items are vectors, and whose scores are inner products.

    Its settings need ``batch`` and ``steps`` (steps an epoch).
    """

    Data = Interactions
    mini_batch = True

    def sizes(self, data: Interactions) -> dict[str, Any]:
        return {"n_users": data.n_users, "n_items": data.n_items}

    def prepare(self, data: Interactions, device: str, rng: np.random.Generator) -> Bipartite:  # noqa: ARG002
        return Bipartite.of(data, device)

    def batches(self, prepared: Bipartite, rng: np.random.Generator, part: Part) -> Iterator[Tensor]:
        config: Any = self.config
        for _ in range(config.steps):
            triples = prepared.draw(config.batch, rng)
            yield torch.from_numpy(part.take(triples)).to(prepared.weight.device)

    @torch.no_grad()
    def validate(self, net: nn.Module, prepared: Bipartite) -> float | None:
        """Return NDCG@20 of the validation pairs, of at most 2000 users."""
        data = prepared.data
        rows = np.unique(data.val_user)[:_VALIDATED_USERS]
        if not len(rows):
            return None
        top, _ = self._top(net, prepared, rows, 20)
        return rank_scores(top, rows, data.val_user, data.val_item)["ndcg20"]

    @torch.no_grad()
    def recommend(self, data: Interactions, rows: IntArray, *, k: int = 20) -> tuple[IntArray, npt.NDArray[np.float32]]:
        """Return the best ``k`` items (R, k) for users ``rows`` (R,) and their scores; known pairs are left out."""
        return self._top(self.fitted(), self.graph_of(data), rows, k)

    @torch.no_grad()
    def transform(self, data: Interactions) -> npt.NDArray[np.float32]:
        """Return the vectors of all users, then of all items (U + I, D)."""
        return self._vectors(self.fitted(), self.graph_of(data)).numpy()

    def graph_of(self, data: Interactions) -> Bipartite:
        """Return the graph of ``data``. Raises BadInputError where its users or items are not those learned from."""
        if self.sizes(data) != self.facts:
            raise BadInputError(f"{data.name}: {self.sizes(data)}; learned from {self.facts}")
        return Bipartite.of(data, "cpu")

    def _top(
        self, net: nn.Module, graph: Bipartite, rows: IntArray, k: int
    ) -> tuple[IntArray, npt.NDArray[np.float32]]:
        vectors = self._vectors(net, graph).cpu()
        data = graph.data
        parts = []
        for start in range(0, len(rows), 1000):  # all users at once would not fit for large catalogues
            some = rows[start : start + 1000]
            scores = vectors[some] @ vectors[data.n_users :].t()
            parts.append(top_items(scores.numpy(), data, some, k))
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    @abstractmethod
    def _vectors(self, net: nn.Module, graph: Bipartite) -> Tensor:
        """Return the final vectors of all nodes (U + I, D)."""
