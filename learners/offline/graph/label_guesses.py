"""Guesses of all labels from a few: what self-supervision from labels starts from, and must beat."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.offline.data.graph_data import GraphData
from selfcue.optional import require

FloatArray = npt.NDArray[np.float32]


def label_propagation(data: GraphData, *, keep: float = 0.1, rounds: int = 50) -> FloatArray:
    """Return class probabilities (N, C) that spread from the training labels along the edges.

    ``F <- (1 - keep) S F + keep Y``, S the symmetric normalised adjacency; nodes that nothing reaches get equal shares.
    Source: Zhou et al., NeurIPS 2003.
    """
    known, adjacency = one_hot(data), adjacency_of(data)
    sparse = require("scipy.sparse", extra="offline")
    scale = sparse.diags(1.0 / np.sqrt(np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1.0)))
    smooth = scale @ adjacency @ scale
    guess = known.astype(np.float64)
    for _ in range(rounds):
        guess = (1.0 - keep) * (smooth @ guess) + keep * known
    return _shares(guess)


def iterative_classification(data: GraphData, *, rounds: int = 10) -> FloatArray:
    """Return class probabilities (N, C) of logistic regression on features and on what the neighbours were said to be.

    The first round sees features alone; training nodes keep their labels. Source: Sen et al., AI Magazine 2008.
    """
    linear_model = require("sklearn.linear_model", extra="offline")
    sparse = require("scipy.sparse", extra="offline")
    known, adjacency = one_hot(data), adjacency_of(data)
    train = np.flatnonzero(known.any(1))
    y = known[train].argmax(1)
    x = sparse.csr_matrix(data.x / max(float(np.linalg.norm(data.x, axis=1).mean()), 1e-12))
    share = sparse.diags(1.0 / np.maximum(np.asarray(adjacency.sum(1)).ravel(), 1.0)) @ adjacency
    rows, guess = x, np.zeros(known.shape)
    for _ in range(rounds):
        model = linear_model.LogisticRegression(C=10.0, max_iter=200).fit(rows[train], y)
        guess = np.zeros(known.shape)
        guess[:, model.classes_] = model.predict_proba(rows)
        guess[train] = known[train]
        rows = sparse.hstack((x, sparse.csr_matrix(share @ guess))).tocsr()
    return _shares(guess)


def surroundings(data: GraphData) -> Any:
    """Return the scipy CSR matrix (N, N) that holds 1 for each node one or two edges away, itself not among them."""
    adjacency = adjacency_of(data)
    both = ((adjacency + adjacency @ adjacency) > 0).astype(np.float64)
    both.setdiag(0)
    return both


def context_distribution(around: Any, guess: FloatArray) -> FloatArray:
    """Return the mean of ``guess`` (N, C) over each node's ``surroundings``; (N, C), rows sum to 1."""
    return _shares(around @ guess)


def adjacency_of(data: GraphData) -> Any:
    """Return the scipy CSR adjacency (N, N) without self loops."""
    sparse = require("scipy.sparse", extra="offline")
    ones = np.ones(data.edge_index.shape[1])
    return sparse.csr_matrix((ones, tuple(data.edge_index)), shape=(data.n_nodes, data.n_nodes))


def one_hot(data: GraphData) -> npt.NDArray[np.float64]:
    """Return the training labels (N, C); rows of all other nodes, validation nodes too, are zero.

    Raises:
        BadInputError: there are no training labels, or they are of one class alone.
    """
    if data.y is None or data.train_mask is None or len(np.unique(data.y[data.train_mask])) < 2:
        raise BadInputError(f"{data.name}: needs training labels (y and train_mask) of two classes or more")
    known = np.zeros((data.n_nodes, data.n_classes))
    rows = np.flatnonzero(data.train_mask)
    known[rows, data.y[rows]] = 1.0
    return known


def _shares(guess: Any) -> FloatArray:
    total = guess.sum(1, keepdims=True)
    even = np.full_like(guess, 1.0 / guess.shape[1])
    shares: FloatArray = np.where(total > 1e-12, guess / np.maximum(total, 1e-12), even).astype(np.float32)
    return shares
