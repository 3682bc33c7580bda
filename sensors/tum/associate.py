"""Which pictures of two lists belong together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Stamps = npt.NDArray[np.int64]


def associate(first: Stamps, second: Stamps, max_gap_ns: int) -> list[tuple[int, int]]:
    """Return pairs (index in ``first``, index in ``second``), each in one at most, sorted by the first.

    Pairs are made from the smallest gap up, those of ``max_gap_ns`` or more not at all: the rule of the benchmark's
    ``associate.py``. Equal gaps: the earlier pair first.
    """
    order = np.argsort(second, kind="stable")
    ordered = second[order]
    low = np.searchsorted(ordered, first - max_gap_ns, side="right")
    high = np.searchsorted(ordered, first + max_gap_ns, side="left")
    candidates = sorted(
        (abs(int(first[i]) - int(ordered[k])), i, int(order[k]))
        for i in range(len(first))
        for k in range(int(low[i]), int(high[i]))
    )
    used_first: set[int] = set()
    used_second: set[int] = set()
    pairs = []
    for _, i, j in candidates:
        if i not in used_first and j not in used_second:
            used_first.add(i)
            used_second.add(j)
            pairs.append((i, j))
    return sorted(pairs)
