"""A graph for data that have none: each row is joined to its nearest ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.optional import require


def neighbour_edges(x: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """Return edges (2, N * k) from each row of ``x`` (N, F) to its ``k`` nearest others, by Euclidean distance."""
    neighbors = require("sklearn.neighbors", extra="offline")
    if not 0 < k < len(x):
        raise BadInputError(f"{k} neighbours of {len(x)} rows")
    graph = neighbors.kneighbors_graph(x, k, include_self=False).tocoo()
    return np.stack((graph.row, graph.col)).astype(np.int64)
