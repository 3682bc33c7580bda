"""Losses that put one thing before another."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor

from selfcue.errors import BadInputError


def bpr(positive: Tensor, negative: Tensor) -> Tensor:
    """Return ``mean softplus(s_negative - s_positive)``: scores (B,) of what was chosen and of what was not.

    Source: Rendle et al., UAI 2009.
    """
    if positive.shape != negative.shape or not positive.numel():
        raise BadInputError(f"scores must come in pairs, got {tuple(positive.shape)} and {tuple(negative.shape)}")
    return F.softplus(negative - positive).mean()


def triplet(anchor: Tensor, positive: Tensor, negative: Tensor, *, margin: float = 0.5) -> Tensor:
    """Return ``mean max(0, |a - p| - |a - n| + margin)`` over (B, D) triples, Euclidean.

    Source: Schroff, Kalenichenko, Philbin (FaceNet), CVPR 2015, without the squares.
    """
    if not anchor.shape == positive.shape == negative.shape or not anchor.numel():
        shapes = ", ".join(str(tuple(x.shape)) for x in (anchor, positive, negative))
        raise BadInputError(f"triples must be of one shape and not empty, got {shapes}")
    near, far = (anchor - positive).norm(dim=1), (anchor - negative).norm(dim=1)
    loss: Tensor = (near - far + margin).clamp_min(0.0).mean()
    return loss
