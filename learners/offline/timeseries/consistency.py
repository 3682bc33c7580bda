"""TimeX's losses: explained windows must lie to one another as the whole ones do, and masks be small and whole.

Source: Queen, Hartvigsen, Koker, He, Tsiligkaridis, Zitnik, "Encoding Time-Series Explanations through Self-Supervised
Model Behavior Consistency", NeurIPS 2023, section 4.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor

from selfcue.errors import BadInputError


def behaviour_consistency(z: Tensor, z_explained: Tensor) -> Tensor:
    """Return ``(1 / B^2) sum_ij ( cos(z_i, z_j) - cos(e_i, e_j) )^2``.

    Args:
        z: (B, D) of whole windows in the model that is explained.
        z_explained: (B, E) of what the masks left of them.
    """
    if len(z) != len(z_explained) or z.ndim != 2 or z_explained.ndim != 2:
        raise BadInputError(f"one row a window in both spaces; got {tuple(z.shape)} and {tuple(z_explained.shape)}")
    a, b = F.normalize(z, dim=1), F.normalize(z_explained, dim=1)
    return (a @ a.t() - b @ b.t()).square().mean()


def pairwise_js(logits: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence in nats of each two of B distributions, given as logits (B, K): (B, B)."""
    p = logits.softmax(1).clamp_min(1e-9)
    middle = (p[:, None] + p[None]) / 2
    own = (p * p.log()).sum(1)
    return ((own[:, None] + own[None]) / 2 - (middle * middle.log()).sum(2)).clamp_min(0.0)


def label_consistency(logits: Tensor, logits_explained: Tensor) -> Tensor:
    """Return the mean over pairs i < j of ``( JS(y_i, y_j) - JS(e_i, e_j) )^2``; 0 for a single window."""
    if logits.shape != logits_explained.shape or logits.ndim != 2:
        raise BadInputError(
            f"logits must be (B, K) in both; got {tuple(logits.shape)} and {tuple(logits_explained.shape)}"
        )
    if len(logits) < 2:
        return logits_explained.sum() * 0.0
    i, j = torch.triu_indices(len(logits), len(logits), 1, device=logits.device)
    return (pairwise_js(logits) - pairwise_js(logits_explained))[i, j].square().mean()


def mask_size(p: Tensor, r: float) -> Tensor:
    """Return the mean of ``p log(p / r) + (1 - p) log((1 - p) / (1 - r))``: how far masks say more than the prior r.

    Source: Miao, Liu, Li (GSAT), ICML 2022, eq. 9.
    """
    p = p.clamp(1e-6, 1.0 - 1e-6)
    return (p * (p / r).log() + (1.0 - p) * ((1.0 - p) / (1.0 - r)).log()).mean()


def jumpiness(p: Tensor) -> Tensor:
    """Return ``|| p_(t+1) - p_t ||_2 / n`` over all n numbers of (B, T, D), as the authors' code has it.

    (It is small: a mean of absolute differences at the same weight flattens every mask, seen on FreqShapes.)
    """
    # The root has no gradient at 0, where a mask is flat.
    return (p.diff(dim=1).square().sum() + 1e-12).sqrt() / p.numel()
