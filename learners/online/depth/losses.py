"""Losses of the dense depth student, one function each; all in inverse depth, so that near errors weigh most.

Shapes of all arguments: (B, h, w) float32 unless said otherwise; ``weight`` >= 0, 0 where the teacher is silent.
"""

from __future__ import annotations

import torch
from torch import Tensor

_TINY = 1e-6


def laplace_nll(rho: Tensor, log_scale: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted negative log likelihood of a Laplace distribution, per picture (B,), without its constant.

    ``sum w (|rho - target| / b + log b) / sum w`` with ``b = exp(log_scale)``: the net learns its own uncertainty.
    """
    loss = (rho - target).abs() * torch.exp(-log_scale) + log_scale
    return _mean(loss, weight)


def scale_invariant(rho: Tensor, target: Tensor, weight: Tensor, *, floor_per_m: float = 0.005) -> Tensor:
    """Return the weighted variance of ``log rho - log target``, per picture (B,): shape without scale.

    Source: Eigen, Puhrsch, Fergus 2014, eq. 4 with lambda = 1. Inverse depths below ``floor_per_m`` [1/m] (200 m)
    count as that.
    """
    difference = torch.log(rho.clamp_min(floor_per_m)) - torch.log(target.clamp_min(floor_per_m))
    mean = _mean(difference, weight)
    return _mean((difference - mean[:, None, None]).square(), weight)


def edge_aware_smoothness(rho: Tensor, gray: Tensor) -> Tensor:
    """Return the gradients of ``rho / mean(rho)``, damped where the picture has edges, per picture (B,).

    ``gray`` is the picture at the map's resolution, normalised to deviation 1. Source: Godard et al. 2017, eq. 5.
    """
    relative = rho / rho.mean(dim=(1, 2), keepdim=True).clamp_min(_TINY)
    total = torch.zeros(rho.shape[0], dtype=rho.dtype)
    for axis in (1, 2):
        slope = relative.diff(dim=axis).abs() * torch.exp(-gray.diff(dim=axis).abs())
        total = total + slope.mean(dim=(1, 2))
    return total


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted mean over each picture (B,); 0 where it has no weight at all."""
    return (values * weight).sum(dim=(1, 2)) / weight.sum(dim=(1, 2)).clamp_min(_TINY)
