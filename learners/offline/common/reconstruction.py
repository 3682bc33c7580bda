"""Losses between what was there and what was rebuilt."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor

from selfcue.errors import BadInputError


def scaled_cosine_error(rebuilt: Tensor, truth: Tensor, *, gamma: float = 3.0) -> Tensor:
    """Return ``mean_i (1 - cos(truth_i, rebuilt_i))^gamma`` over rows (N, F); a row of zeros has cosine 0.

    ``gamma`` of at least 1 scales down the rows that are already good. Source: Hou et al. (GraphMAE), KDD 2022, eq. 2.
    """
    if rebuilt.shape != truth.shape or rebuilt.ndim != 2 or not rebuilt.numel():
        raise BadInputError(
            f"rows must be (N, F) and of one shape, got {tuple(rebuilt.shape)} and {tuple(truth.shape)}"
        )
    cosine = F.cosine_similarity(rebuilt, truth, dim=1, eps=1e-8)
    return (1.0 - cosine).clamp_min(0.0).pow(gamma).mean()
