"""Losses that pull two views of an item together and push all others away.

Temperatures divide: a small one looks at the nearest negatives alone.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor

from selfcue.errors import BadInputError


def info_nce(
    z: Tensor, v: Tensor, *, temperature: float = 0.1, log_frequency: Tensor | None = None, normalise: bool = True
) -> Tensor:
    """Return ``-mean_i log( exp(z_i . v_i / t) / sum_j exp(z_i . v_j / t) )``: row i of ``v`` is the answer to row i.

    Args:
        z, v: (N, D).
        log_frequency: (N,), taken from each column's logit: the correction for items that are drawn more often
            (logQ, Yi et al., RecSys 2019).
        normalise: scale rows to length 1 first.

    Source: van den Oord, Li, Vinyals 2018, eq. 4.
    """
    _check(z, v)
    if normalise:
        z, v = F.normalize(z, dim=1), F.normalize(v, dim=1)
    logits = z @ v.t() / temperature
    if log_frequency is not None:
        logits = logits - log_frequency
    return F.cross_entropy(logits, torch.arange(len(z), device=z.device))


def nt_xent(z: Tensor, v: Tensor, *, temperature: float = 0.5) -> Tensor:
    """Return the symmetric loss whose negatives are the other rows of both views.

    For row a of ``[z; v]`` with partner p, mean over 2N:
    ``-log( exp(cos(a, p) / t) / sum_{b != a} exp(cos(a, b) / t) )``.

    Source: Chen, Kornblith, Norouzi, Hinton (SimCLR), ICML 2020, eq. 1; the same as GRACE's.
    """
    _check(z, v)
    n = len(z)
    both = F.normalize(torch.cat((z, v)), dim=1)
    logits = (both @ both.t() / temperature).masked_fill(
        torch.eye(2 * n, dtype=torch.bool, device=z.device), -torch.inf
    )
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(logits, partner)


def weighted_contrast(z: Tensor, weight: Tensor, *, sharpness: float) -> Tensor:
    """Return ``-mean_i log( sum_j w_ij exp(c s_ij) / sum_j exp(c s_ij) + 1e-8 )``, s the cosine, 0 on the diagonal.

    ``weight`` (N, N) says how much row j belongs to row i (rows sum to 1, the own place included); ``sharpness`` c
    MULTIPLIES: it is one over a temperature.

    Source: Kulatilleke, Portmann, Chandra (SCGC) 2022, eq. 4, as its code has it.
    """
    unit = F.normalize(z, dim=1, eps=1e-8)
    total: Tensor = _ExpRowSums.apply(unit, sharpness)  # type: ignore[no-untyped-call]
    pairs = weight if weight.is_sparse else weight.to_sparse()
    row, column = pairs.indices()
    cosine = (unit[row] * unit[column]).sum(1).masked_fill(row == column, 0.0)
    together = torch.zeros_like(total).index_add(0, row, pairs.values() * torch.exp(sharpness * cosine))
    return -torch.log(together / total + 1e-8).mean()


class _ExpRowSums(torch.autograd.Function):
    """``t_i = sum_j exp(c u_i . u_j)``, the product taken as 0 for j = i: one (N, N) matrix, forward and backward."""

    @staticmethod
    def forward(ctx: Any, unit: Tensor, sharpness: float) -> Tensor:
        similar = unit @ unit.t()
        similar.mul_(sharpness).exp_().fill_diagonal_(1.0)
        ctx.save_for_backward(unit, similar)
        ctx.sharpness = sharpness
        return similar.sum(1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,) = grads
        unit, similar = ctx.saved_tensors
        # exp(c u_i . u_j) stands in the sums of i and of j; the diagonal is constant.
        both = similar @ torch.cat((unit, grad[:, None] * unit), 1)
        first, second = both.split(unit.shape[1], 1)
        own = 2.0 * grad[:, None] * unit
        return ctx.sharpness * (grad[:, None] * first + second - own), None


def _check(z: Tensor, v: Tensor) -> None:
    if z.shape != v.shape or z.ndim != 2 or len(z) < 2:
        raise BadInputError(
            f"a contrast needs two views (N, D), N at least 2; got {tuple(z.shape)} and {tuple(v.shape)}"
        )
