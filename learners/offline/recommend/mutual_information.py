"""How much one categorical feature tells about another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.optional import require


def mutual_information(codes: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return the (K, K) adjusted mutual information of the columns of ``codes`` (N, K): 0 by chance, 1 for equals.

    Plain mutual information favours features of many values (an id tells everything about all): what independent
    columns of such sizes would show by chance is taken off. Source:
    Vinh, Epps, Bailey (JMLR 2010), as scikit-learn computes it. The diagonal is 1.
    """
    metrics = require("sklearn.metrics", extra="offline")
    k = codes.shape[1]
    table = np.eye(k)
    for i in range(k):
        for j in range(i):
            table[i, j] = table[j, i] = metrics.adjusted_mutual_info_score(codes[:, i], codes[:, j])
    return table
