"""Labels corrected by what dense places of each class look like (Jin et al., 2020, section 5.2.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor

SAMPLE, PROTOTYPES, QUANTILE, NEAR = 320, 8, 0.4, 0.95


def corrected_labels(h: Tensor, labels: npt.NDArray[np.int64], rng: np.random.Generator) -> Tensor:
    """Return for each node (N,) the class whose prototypes are most like it.

    Of each class up to 320 nodes are drawn. A node's density is the number of others more similar to it than the 40th
    percentile, less those that are not; the 8 densest that are not nearly equal (0.95) to a denser one are prototypes.

    Args:
        h: (N, H) vectors; no gradient flows through them.
        labels: (N,) guessed classes.
    """
    unit = F.normalize(h.detach(), dim=1)
    classes = np.unique(labels)
    likeness = []
    for label in classes:
        members = rng.permutation(np.flatnonzero(labels == label))[:SAMPLE]
        prototypes = unit[members[densest(unit[members]).numpy()]]
        likeness.append((unit @ prototypes.t()).mean(1))
    return torch.from_numpy(classes)[torch.stack(likeness, 1).argmax(1)]


def densest(unit: Tensor) -> Tensor:
    """Return which rows of ``unit`` (M, H) are prototypes: at most 8 places, densest first."""
    similar = unit @ unit.t()
    cut = float(np.quantile(similar.numpy(), QUANTILE))  # selects where torch.quantile sorts: a tenth of the time
    density = torch.sign(similar - cut).sum(1)
    denser = density[None] > density[:, None]
    nearest = similar.masked_fill(~denser, -torch.inf).amax(1)
    top = ~denser.any(1)
    nearest = torch.where(top, similar.amin(1), nearest)
    density = torch.where((nearest >= NEAR) & ~top, torch.zeros_like(density), density)
    return density.argsort(descending=True, stable=True)[:PROTOTYPES]
