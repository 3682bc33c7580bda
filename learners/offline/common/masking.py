"""Which items a masked autoencoder hides in a step, and what it shows in their place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Masked:
    """One draw.

    Attributes:
        hidden: items whose features are to be rebuilt, rising; all items where none is hidden.
        kept: the others, rising.
        tokens: hidden items that show the mask token.
        shown: items that show some item's features: the kept ones, and hidden ones with another's features.
        shown_rows: whose features those show.
    """

    hidden: IntArray
    kept: IntArray
    tokens: IntArray
    shown: IntArray
    shown_rows: IntArray


def mask_nodes(n: int, rate: float, replace: float, rng: np.random.Generator) -> Masked:
    """Hide ``floor(rate * n)`` of ``n`` items; of these the share ``replace`` shows another item's features.

    Source: Hou et al. (GraphMAE, KDD 2022), section 3.2. With a rate of 0 nothing is hidden and all is to be rebuilt.
    """
    order = rng.permutation(n)
    count = int(rate * n)
    if not count:
        everything = np.arange(n)
        return Masked(everything, everything, order[:0], everything, everything)
    hidden, kept = order[:count], np.sort(order[count:])
    noisy = hidden[: int(replace * count)]
    tokens = hidden[len(noisy) :]
    others = rng.integers(0, n, len(noisy))
    return Masked(np.sort(hidden), kept, tokens, np.concatenate((kept, noisy)), np.concatenate((kept, others)))
