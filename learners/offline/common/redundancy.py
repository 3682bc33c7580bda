"""Losses without negatives: two views agree, and the dimensions of a vector do not repeat one another."""

from __future__ import annotations

import torch
from torch import Tensor

from selfcue.errors import BadInputError

_EPSILON = 1e-4


def barlow_twins(z: Tensor, v: Tensor, *, off_diagonal: float = 5e-3) -> Tensor:
    """Return ``sum_i (1 - C_ii)^2 + l sum_{i != j} C_ij^2``, C the cross-correlation of standardised columns.

    Shapes: z, v (N, D). Source: Zbontar et al., ICML 2021, eq. 1 and 2.
    """
    _check(z, v)
    correlation = _standardised(z).t() @ _standardised(v) / len(z)
    diagonal = torch.diagonal(correlation)
    return (1.0 - diagonal).square().sum() + off_diagonal * (correlation.square().sum() - diagonal.square().sum())


def vicreg(
    z: Tensor, v: Tensor, *, invariance: float = 25.0, variance: float = 25.0, covariance: float = 1.0
) -> Tensor:
    """Return the weighted sum of the three terms below. Source: Bardes, Ponce, LeCun, ICLR 2022, eq. 6."""
    _check(z, v)
    return (
        invariance * invariance_term(z, v)
        + variance * (variance_term(z) + variance_term(v))
        + covariance * (covariance_term(z) + covariance_term(v))
    )


def invariance_term(z: Tensor, v: Tensor) -> Tensor:
    """Return the mean squared distance between partners, summed over dimensions."""
    return (z - v).square().sum(1).mean()


def variance_term(z: Tensor, *, target: float = 1.0) -> Tensor:
    """Return the mean over dimensions of how far the deviation falls short of ``target``."""
    return (target - torch.sqrt(z.var(0) + _EPSILON)).clamp_min(0.0).mean()


def covariance_term(z: Tensor) -> Tensor:
    """Return the sum of squared covariances between different dimensions, over D."""
    centred = z - z.mean(0)
    matrix = centred.t() @ centred / (len(z) - 1)
    return (matrix.square().sum() - torch.diagonal(matrix).square().sum()) / z.shape[1]


def decorrelation(z: Tensor, v: Tensor, *, weight: float = 1e-3) -> Tensor:
    """Return ``|Z - V|_F + w (|I - Z'Z|_F + |I - V'V|_F)`` with columns standardised and divided by sqrt(N).

    Source: Zhang et al. (CCA-SSG), NeurIPS 2021, eq. 5, with the norms that ParetoGNN takes in place of their squares.
    """
    _check(z, v)
    a, b = (_standardised(x) / len(x) ** 0.5 for x in (z, v))
    one = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)
    apart = torch.linalg.norm(one - a.t() @ a) + torch.linalg.norm(one - b.t() @ b)
    distance: Tensor = torch.linalg.norm(a - b) + weight * apart
    return distance


def _standardised(z: Tensor) -> Tensor:
    return (z - z.mean(0)) / torch.sqrt(z.var(0, unbiased=False) + 1e-5)


def _check(z: Tensor, v: Tensor) -> None:
    if z.shape != v.shape or z.ndim != 2 or len(z) < 2:
        raise BadInputError(f"needs two views (N, D), N at least 2; got {tuple(z.shape)} and {tuple(v.shape)}")
