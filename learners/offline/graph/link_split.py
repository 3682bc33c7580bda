"""Edges that are kept from a method, to be found again: the link prediction that node vectors are judged by."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.common.probes import STRENGTHS, standardised
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.optional import require

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of nodes (2, P), and whether each is joined (P,) bool: half of them are."""

    nodes: IntArray
    joined: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LinkSplit:
    """Which edges a method sees, and which pairs a scorer learns from (``learn``) and is judged by (``test``)."""

    seen: GraphData
    learn: Pairs
    test: Pairs


def split_links(data: GraphData, rng: np.random.Generator, *, learn: float = 0.1, test: float = 0.1) -> LinkSplit:
    """Return ``data`` without shares of its edges, and those with as many pairs that are not joined in ``data``.

    The scorer's own pairs are held out as well: vectors of joined nodes have seen each other, and a scorer that learned
    from those would ask too much of the others. (PyTorch Geometric's ``RandomLinkSplit`` draws its pairs from Python's
    global generator.)

    Raises:
        BadInputError: there are too few edges to hold any out, or too few pairs that are not joined.
    """
    there = data.edge_index[:, data.edge_index[0] < data.edge_index[1]]
    sizes = [int(share * there.shape[1]) for share in (learn, test)]
    if min(sizes) < 1 or sum(sizes) >= there.shape[1]:
        raise BadInputError(f"{data.name}: {there.shape[1]} edges; of so few, none can be held out")
    order = rng.permutation(there.shape[1])
    held = np.split(there[:, order[: sum(sizes)]], [sizes[0]], axis=1)
    kept = there[:, np.sort(order[sum(sizes) :])]
    apart = np.split(_not_joined(data, sum(sizes), rng), [sizes[0]], axis=1)
    both = np.ascontiguousarray(np.concatenate((kept, kept[::-1]), axis=1))
    parts = [
        Pairs(np.concatenate((true, false), axis=1), np.repeat((True, False), true.shape[1]))
        for true, false in zip(held, apart, strict=True)
    ]
    return LinkSplit(data.with_edges(both), *parts)


def link_scores(z: FloatArray, links: LinkSplit) -> dict[str, float]:
    """Return ``auc`` and ``hits20`` of logistic regression on ``z_u * z_v``, columns of ``z`` (N, D) standardised.

    Its strength is chosen by cross-validation within ``links.learn``. ``hits20``: the share of joined test pairs that
    score higher than the twentieth best of the others.
    """
    linear_model = require("sklearn.linear_model", extra="offline")
    metrics = require("sklearn.metrics", extra="offline")
    selection = require("sklearn.model_selection", extra="offline")
    rows = standardised(z)
    learn, test = (rows[p.nodes[0]] * rows[p.nodes[1]] for p in (links.learn, links.test))
    model = selection.GridSearchCV(
        linear_model.LogisticRegression(max_iter=200), {"C": STRENGTHS[:4]}, scoring="roc_auc", cv=3
    )
    with warnings.catch_warnings():  # one that stopped at the limit is judged as it is
        warnings.simplefilter("ignore", require("sklearn.exceptions", extra="offline").ConvergenceWarning)
        score = model.fit(learn, links.learn.joined).decision_function(test)
    others = np.sort(score[~links.test.joined])
    bar = others[-min(20, len(others))]
    return {
        "auc": float(metrics.roc_auc_score(links.test.joined, score)),
        "hits20": float((score[links.test.joined] > bar).mean()),
    }


def _not_joined(data: GraphData, count: int, rng: np.random.Generator) -> IntArray:
    """Return ``count`` different pairs (2, count) of different nodes, smaller first, without an edge between them."""
    n = data.n_nodes
    joined = np.unique(data.edge_index.min(0) * n + data.edge_index.max(0))
    if n * (n - 1) // 2 - len(joined) < count:
        raise BadInputError(f"{data.name}: nearly all nodes are joined; there are not {count} pairs that are not")
    found = np.zeros(0, dtype=np.int64)
    while len(found) < count:
        drawn = rng.integers(0, n, (2, 2 * count))
        codes = drawn.min(0) * n + drawn.max(0)
        codes = codes[(drawn[0] != drawn[1]) & ~np.isin(codes, joined)]
        both = np.concatenate((found, codes))
        found = both[np.sort(np.unique(both, return_index=True)[1])]  # the first of equals, in the order drawn
    return np.stack(np.divmod(found[:count], n))
