"""Least squares over many views: a few parameters that all share, and one board pose for each view.

Levenberg-Marquardt with the poses eliminated (Schur complement), and Huber weights so that a wrong corner does not
bend the rest (B. Triggs et al., "Bundle adjustment: a modern synthesis", 1999).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Evaluate = Callable[[int, Floats, Floats], tuple[Floats, Floats, Floats]]
"""``evaluate(view, shared, pose)``: residuals (2 M,) [px] x and y in turn, and their derivatives by ``shared``
(2 M, S) and by ``pose`` (2 M, 6)."""

_HUBER_SIGMAS = 2.5
_LEAST_SIGMA_PX = 0.02


@dataclass(frozen=True)
class Adjusted:
    """What the adjustment found.

    Attributes:
        shared: (S,) parameters.
        poses: (V, 6) rotation vector [rad] and translation [m] of the board in the camera.
        residuals: for each view (M, 2) [px], found minus measured.
        covariance: (S, S) of ``shared``, scaled by the residuals that were found.
        sigma_px: robust standard deviation of one residual.
    """

    shared: Floats
    poses: Floats
    residuals: tuple[Floats, ...]
    covariance: Floats
    sigma_px: float

    @property
    def rms_px(self) -> float:
        """Root mean square distance of a corner from where it should be."""
        return rms(self.residuals)

    @property
    def view_rms_px(self) -> Floats:
        """The same for each view, (V,)."""
        return np.array([rms([one]) for one in self.residuals])


def rms(residuals: Sequence[Floats]) -> float:
    """Return the root mean square length [px] of residuals (M, 2); NaN where there is none."""
    every = np.concatenate(residuals) if residuals else np.zeros((0, 2))
    return float(np.sqrt(np.square(every).sum(axis=1).mean())) if len(every) else float("nan")


def adjust(evaluate: Evaluate, shared: Floats, poses: Floats, *, rounds: int = 3, steps: int = 40) -> Adjusted:
    """Minimise the residuals from a near start.

    Args:
        shared: (S,) where to start; S may be 0 (poses alone).
        poses: (V, 6).
        rounds: how often the scale of the weights is measured anew.
        steps: most steps in each round.
    """
    for _ in range(rounds):
        sigma = robust_sigma([evaluate(v, shared, pose)[0] for v, pose in enumerate(poses)])
        shared, poses = _minimise(evaluate, shared, poses, _HUBER_SIGMAS * sigma, steps)
    found = [evaluate(v, shared, pose)[0] for v, pose in enumerate(poses)]
    sigma = robust_sigma(found)
    normal, _, _ = _system(evaluate, shared, poses, _HUBER_SIGMAS * sigma)
    count = sum(len(one) for one in found)
    scale = sigma**2 * count / max(1, count - len(shared) - 6 * len(poses))
    return Adjusted(shared, poses, tuple(one.reshape(-1, 2) for one in found), _inverse(normal) * scale, sigma)


def robust_sigma(residuals: Sequence[Floats]) -> float:
    """Return the standard deviation of normal residuals, from their median magnitude, at least 0.02 px."""
    every = np.concatenate([one.ravel() for one in residuals]) if residuals else np.zeros(1)
    return max(_LEAST_SIGMA_PX, 1.4826 * float(np.median(np.abs(every))))


def _minimise(evaluate: Evaluate, shared: Floats, poses: Floats, huber: float, steps: int) -> tuple[Floats, Floats]:
    damping, cost = 1e-4, _cost(evaluate, shared, poses, huber)
    for _ in range(steps):
        normal, gradient, back = _system(evaluate, shared, poses, huber, damping)
        step = -_solve(normal, gradient)
        new_shared = shared + step
        new_poses = poses + np.array([-(solved_g + solved_w @ step) for solved_g, solved_w in back]).reshape(-1, 6)
        new_cost = _cost(evaluate, new_shared, new_poses, huber)
        if not new_cost < cost:
            damping *= 10.0
            if damping > 1e8:
                break
            continue
        gained = (cost - new_cost) / max(cost, 1e-30)
        shared, poses, cost, damping = new_shared, new_poses, new_cost, max(damping / 10.0, 1e-12)
        if gained < 1e-9:
            break
    return shared, poses


def _cost(evaluate: Evaluate, shared: Floats, poses: Floats, huber: float) -> float:
    total = 0.0
    for v, pose in enumerate(poses):
        length = np.linalg.norm(evaluate(v, shared, pose)[0].reshape(-1, 2), axis=1)
        near = length <= huber
        total += float(np.square(length[near]).sum() + (2 * huber * length[~near] - huber**2).sum())
    return total if np.isfinite(total) else float("inf")


def _system(
    evaluate: Evaluate, shared: Floats, poses: Floats, huber: float, damping: float = 0.0
) -> tuple[Floats, Floats, list[tuple[Floats, Floats]]]:
    """Return the reduced normal matrix (S, S), its gradient (S,), and what gives each pose from the shared step."""
    normal = np.zeros((len(shared), len(shared)))
    gradient = np.zeros(len(shared))
    back = []
    for v, pose in enumerate(poses):
        residual, by_shared, by_pose = evaluate(v, shared, pose)
        length = np.linalg.norm(residual.reshape(-1, 2), axis=1)
        weight = np.repeat(huber / np.maximum(length, huber), 2)
        weighted_shared, weighted_pose = by_shared * weight[:, None], by_pose * weight[:, None]
        own = by_pose.T @ weighted_pose
        own[np.diag_indices(6)] *= 1.0 + damping
        mixed = by_pose.T @ weighted_shared
        own_gradient = weighted_pose.T @ residual
        solved_w, solved_g = _solve(own, mixed), _solve(own, own_gradient)
        block = by_shared.T @ weighted_shared
        block[np.diag_indices(len(shared))] *= 1.0 + damping
        normal += block - mixed.T @ solved_w
        gradient += weighted_shared.T @ residual - mixed.T @ solved_g
        back.append((solved_g, solved_w))
    return normal, gradient, back


def _inverse(normal: Floats) -> Floats:
    """Return the inverse of a normal matrix; infinite variances where it has none, for then nothing is known."""
    size = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    scaled = normal / size[:, None] / size[None, :]
    least = float(np.linalg.eigvalsh(scaled)[0]) if len(normal) else 1.0
    if not least > 1e-13:
        return np.diag(np.full(len(normal), np.inf))
    found: Floats = np.linalg.inv(scaled) / size[:, None] / size[None, :]
    return found


def _solve(matrix: Floats, right: Floats) -> Floats:
    if matrix.shape[0] == 0:
        return np.zeros(right.shape)
    try:
        found: Floats = np.asarray(np.linalg.solve(matrix, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        found = np.linalg.pinv(matrix) @ right
    return found
