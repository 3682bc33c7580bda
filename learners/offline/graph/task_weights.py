"""How much each task of one step counts: the common descent direction, and the simpler rules that it must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfcue.learners.offline.common.min_norm import conflict_share, divided, min_norm_weights, sizes

if TYPE_CHECKING:
    from selfcue.learners.offline.graph.pareto_gnn import ParetoGNNConfig

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TaskGradients:
    """What the tasks of a step say, before they are weighed.

    Attributes:
        losses: (K,).
        shared: (K, P) gradients of what all tasks share.
        own: each task's gradients of its own parameters.
    """

    losses: FloatArray
    shared: Tensor
    own: list[list[Tensor]]


@dataclass(frozen=True, eq=False)
class Weighed:
    """The outcome.

    Attributes:
        weights: (K,).
        figures: ``conflict``, ``inner`` and ``inner_step``; see ``ParetoGNN``.
        log_variance_grad: gradient of the learned variances; None where there are none.
    """

    weights: FloatArray
    figures: dict[str, float]
    log_variance_grad: Tensor | None = None


def weigh(
    tasks: TaskGradients, config: ParetoGNNConfig, log_variance: Tensor | None, rng: np.random.Generator
) -> Weighed:
    """Return the weights of ``tasks`` by the rule that ``config`` names.

    ``uncertainty`` descends ``sum_k (exp(-s_k) L_k + s_k) / 2`` with learned ``s_k`` (Kendall, Gal, Cipolla, CVPR 2018,
    eq. 7 and the paragraph after); ``random`` draws from the simplex evenly (Lin et al., TMLR 2022).
    """
    wide = tasks.shared.double()
    gram = (wide @ wide.t()).cpu().numpy()
    gram = (gram + gram.T) / 2.0
    by = sizes(gram, tasks.losses, config.grad_norm)
    scaled = divided(gram, by)
    count, gradient = len(gram), None
    if config.weighting == "mgda":
        weights = min_norm_weights(scaled)
    elif config.weighting == "random":
        weights = rng.dirichlet(np.ones(count))
    elif config.weighting == "uncertainty":
        assert log_variance is not None
        weights, gradient = uncertainty(tasks.losses, log_variance)
    else:
        weights = np.full(count, 1.0 / count)
    figures = {"conflict": conflict_share(gram), "inner": _least_gain(scaled, weights)}
    if config.weighting == "mgda" and config.step == "scaled":
        weights = weights / by / (weights / by).sum()
    figures["inner_step"] = _least_gain(gram, weights)
    return Weighed(weights, figures, gradient)


def uncertainty(losses: FloatArray, log_variance: Tensor) -> tuple[FloatArray, Tensor]:
    """Return the weights ``exp(-s) / 2`` and the gradient of ``s`` of ``sum_k (exp(-s_k) L_k + s_k) / 2``."""
    precision = torch.exp(-log_variance.detach().double()).cpu()
    gradient = 0.5 * (1.0 - precision * torch.from_numpy(np.asarray(losses, dtype=np.float64)))
    return 0.5 * precision.numpy(), gradient.to(log_variance.dtype).to(log_variance.device)


def _least_gain(gram: FloatArray, weights: FloatArray) -> float:
    """Return the least cosine between a gradient and the weighted sum of all; 0 where that sum is nothing."""
    length = np.sqrt(np.maximum(np.diag(gram), 0.0))
    norm = max(float(weights @ gram @ weights), 0.0) ** 0.5
    if norm <= 1e-9 * float(length.max()):
        return 0.0
    return float(((gram @ weights) / np.maximum(length * norm, 1e-12)).min())
