"""Cora and Citeseer as Planetoid (Yang, Cohen and Salakhutdinov, 2016) published them, with the public split."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.learners.offline.data.plain_pickle import read_plain_pickle
from selfcue.learners.offline.data.task import NodeTask


def read_planetoid(folder: Path, name: str) -> NodeTask:
    """Return the graph ``name`` (cora, citeseer) of ``folder`` and, apart from it, the labels of its 1000 test nodes.

    Rows of features are scaled to sum 1; the 15 Citeseer nodes without features stay zero. 20 labels a class train,
    the next 500 nodes validate.
    """
    parts = {
        part: read_plain_pickle(folder / f"ind.{name}.{part}") for part in ("y", "allx", "ally", "tx", "ty", "graph")
    }
    test = np.loadtxt(folder / f"ind.{name}.test.index", dtype=np.int64)
    known, low, high = parts["allx"].shape[0], int(test.min()), int(test.max())
    if low != known:
        raise BadInputError(f"{folder}: test nodes begin at {low}, but {known} others come before")
    x = np.zeros((high + 1, parts["allx"].shape[1]), dtype=np.float32)
    one_hot = np.zeros((high + 1, parts["ally"].shape[1]))
    x[:known], one_hot[:known] = parts["allx"].toarray(), parts["ally"]
    x[test], one_hot[test] = parts["tx"].toarray(), parts["ty"]
    x /= np.maximum(x.sum(1, keepdims=True), 1.0)
    y = one_hot.argmax(1).astype(np.int64)
    pairs = [(node, other) for node, others in parts["graph"].items() for other in others]
    graph = GraphData.of(x, np.array(pairs, dtype=np.int64).T, name=name)
    train = np.arange(len(parts["y"]))
    return NodeTask(graph.with_labels(y, train, np.arange(len(train), len(train) + 500)), y, np.sort(test))
