"""An attributed graph: what the methods of the graph family learn from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class GraphData:
    """Nodes with features, and undirected edges.

    Attributes:
        x: (N, F) float32, finite: one row of features a node.
        edge_index: (2, E) int64: both directions of each edge, each once, no self loops (``GraphData.of`` sees to it).
        y: (N,) int64 classes from 0; -1 where unknown. None: no labels. Labels of test nodes do not belong here.
        train_mask, val_mask: (N,) bool; every node of them has a label. None: no split.
        name: for messages and reports.
    """

    x: FloatArray
    edge_index: IntArray
    y: IntArray | None = None
    train_mask: BoolArray | None = None
    val_mask: BoolArray | None = None
    name: str = "graph"

    def __post_init__(self) -> None:
        n = self._check_features()
        if self.edge_index.ndim != 2 or len(self.edge_index) != 2 or self.edge_index.dtype != np.int64:
            raise BadInputError(
                f"{self.name}: edge_index must be (2, E) int64, got {self.edge_index.shape} {self.edge_index.dtype}"
            )
        if self.edge_index.size and not 0 <= self.edge_index.min() <= self.edge_index.max() < n:
            low, high = self.edge_index.min(), self.edge_index.max()
            raise BadInputError(f"{self.name}: edges name nodes {low} to {high}, but the nodes are 0 to {n - 1}")
        if self.y is not None and (self.y.shape != (n,) or self.y.dtype != np.int64 or self.y.min(initial=0) < -1):
            raise BadInputError(f"{self.name}: y must be ({n},) int64, -1 where unknown; got {self.y.shape}")
        for what, mask in (("train_mask", self.train_mask), ("val_mask", self.val_mask)):
            if mask is None:
                continue
            if mask.shape != (n,) or mask.dtype != np.bool_:
                raise BadInputError(f"{self.name}: {what} must be ({n},) bool, got {mask.shape} {mask.dtype}")
            if self.y is None or (self.y[mask] < 0).any():
                raise BadInputError(f"{self.name}: {what} holds nodes whose label is unknown")

    def _check_features(self) -> int:
        if self.x.ndim != 2 or self.x.dtype != np.float32:
            raise BadInputError(f"{self.name}: x must be (N, F) float32, got {self.x.shape} {self.x.dtype}")
        if not self.x.size:
            raise BadInputError(f"{self.name}: a graph of {self.x.shape[0]} nodes and {self.x.shape[1]} features")
        bad = np.argwhere(~np.isfinite(self.x))
        if len(bad):
            raise BadInputError(
                f"{self.name}: feature {bad[0][1]} of node {bad[0][0]} is {self.x[tuple(bad[0])]} "
                f"({len(bad)} such values); fill or drop them"
            )
        return len(self.x)

    @classmethod
    def of(cls, x: npt.ArrayLike, edges: npt.ArrayLike, **labels: Any) -> GraphData:
        """Return a graph of ``x`` (N, F) and ``edges`` (2, E): made undirected, doubles and loops dropped."""
        features = np.ascontiguousarray(x, dtype=np.float32)
        pairs = np.asarray(edges, dtype=np.int64)
        if pairs.ndim != 2 or len(pairs) != 2:
            raise BadInputError(f"edges must be (2, E), got {pairs.shape}; transpose a list of pairs")
        pairs = pairs[:, pairs[0] != pairs[1]]
        both = np.unique(np.concatenate((pairs, pairs[::-1]), axis=1), axis=1)
        return cls(features, np.ascontiguousarray(both), **labels)

    @classmethod
    def from_pyg(cls, data: Any, name: str = "graph") -> GraphData:
        """Return the graph of a ``torch_geometric.data.Data`` (x, edge_index, y, train_mask, val_mask).

        Labels outside of the two masks are left out: what a model is judged by does not go into ``fit``.
        """
        if getattr(data, "x", None) is None or getattr(data, "edge_index", None) is None:
            raise BadInputError(f"{name}: a Data object needs x and edge_index")
        given = {key: np.asarray(data[key]) for key in ("y", "train_mask", "val_mask") if data.get(key) is not None}
        masks: dict[str, Any] = {k: given[k].astype(np.bool_) for k in ("train_mask", "val_mask") if k in given}
        labels: dict[str, Any] = {**masks}
        if "y" in given:
            y = given["y"].astype(np.int64).reshape(-1)
            known = np.logical_or.reduce(list(masks.values())) if masks else np.ones(len(y), dtype=np.bool_)
            labels["y"] = np.where(known, y, -1)
        return cls.of(np.asarray(data.x), np.asarray(data.edge_index), name=name, **labels)

    @classmethod
    def read(cls, path: Path | str) -> GraphData:
        """Read a folder (``edges.csv``, ``nodes.csv``), an ``.npz`` or a PyG ``.pt`` file; see docs/methods.md.

        Raises:
            BadInputError: it is none of these, or what it holds is no graph.
        """
        from selfcue.learners.offline.data.graph_files import read_graph

        return read_graph(Path(path))

    @property
    def n_nodes(self) -> int:
        return len(self.x)

    @property
    def n_classes(self) -> int:
        """Classes among the known labels; 0 without any."""
        return 0 if self.y is None or not (self.y >= 0).any() else int(self.y.max()) + 1

    def with_edges(self, edge_index: IntArray) -> GraphData:
        """Return the same nodes with other edges."""
        return GraphData(self.x, edge_index, self.y, self.train_mask, self.val_mask, self.name)

    def with_labels(self, y: IntArray, train: Sequence[int] | IntArray, val: Sequence[int] | IntArray) -> GraphData:
        """Return the same graph with the labels ``y`` of the nodes ``train`` and ``val``, and of no others."""
        masks = [np.zeros(len(self.x), dtype=np.bool_) for _ in range(2)]
        masks[0][np.asarray(train)] = True
        masks[1][np.asarray(val)] = True
        known = np.where(masks[0] | masks[1], y, -1).astype(np.int64)
        return GraphData(self.x, self.edge_index, known, masks[0], masks[1], self.name)
