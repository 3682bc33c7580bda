"""A direction that hurts no task: the shortest vector in the hull of their gradients (multiple-gradient descent)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

FloatArray = npt.NDArray[np.float64]
Scaling = Literal["l2", "loss", "loss+", "none"]
_LEAST = 1e-12


def gram_of(gradients: npt.NDArray[np.floating]) -> FloatArray:
    """Return the inner products (K, K) of the rows of ``gradients`` (K, P), computed in double precision."""
    rows = np.asarray(gradients, dtype=np.float64)
    if rows.ndim != 2 or not rows.size:
        raise BadInputError(f"gradients must be (tasks, parameters), got {rows.shape}")
    products: FloatArray = rows @ rows.T
    return products


def sizes(gram: FloatArray, losses: npt.ArrayLike, scaling: Scaling) -> FloatArray:
    """Return what to divide each gradient by (K,): its length (``l2``), its loss, both (``loss+``) or 1 (``none``).

    A task whose gradient is tiny would otherwise take all the weight: it is the shortest vector by itself.

    Args:
        gram: (K, K) inner products of the gradients as they are.
        losses: (K,) of the tasks; those not above 0 do not scale.
    """
    _check(gram)
    length = np.sqrt(np.maximum(np.diag(gram), 0.0))
    loss = np.asarray(losses, dtype=np.float64)
    if loss.shape != length.shape:
        raise BadInputError(f"{len(length)} gradients, but losses {loss.shape}")
    loss = np.where(loss > 0, loss, 1.0)
    by: FloatArray = {"l2": length, "loss": loss, "loss+": loss * length, "none": np.ones_like(length)}[scaling]
    return np.maximum(by, _LEAST)


def divided(gram: FloatArray, by: FloatArray) -> FloatArray:
    """Return the inner products (K, K) of the gradients divided by ``by`` (K,)."""
    scaled: FloatArray = gram / by[:, None] / by[None]
    return scaled


def min_norm_weights(gram: FloatArray, *, tolerance: float = 1e-9, rounds: int = 10_000) -> FloatArray:
    """Return the weights c (K,), none below 0 and 1 in sum, whose ``|sum_k c_k g_k|^2 = c' M c`` is least.

    The direction ``d = sum_k c_k g_k`` then has ``g_k . d >= |d|^2`` for every k: a small step against it makes no task
    worse. It is 0 where no such step is left.

    Starts from the best pair in closed form, then moves weight from the worst of the gradients in use to the best of
    all, each time as far as the pair's own optimum: Frank and Wolfe's steps in pairs, which unlike plain ones do not
    creep where the answer lies on a border. Stops when ``c' M c - min_k (M c)_k`` is below ``tolerance`` times the
    longest squared gradient.

    Source: Desideri 2012; Sener and Koltun, NeurIPS 2018, algorithm 2; pairs: Lacoste-Julien and Jaggi, NeurIPS 2015.

    Args:
        gram: (K, K) inner products of the gradients.

    Raises:
        BadInputError: it is not square, not symmetric or not finite.
    """
    _check(gram)
    weights = _best_pair(gram)
    scale = tolerance * max(float(np.diag(gram).max()), _LEAST)
    for _ in range(rounds):
        slope = gram @ weights
        best = int(slope.argmin())
        worst = int(np.where(weights > 0, slope, -np.inf).argmax())
        gap = slope[worst] - slope[best]
        apart = gram[worst, worst] + gram[best, best] - 2.0 * gram[worst, best]
        if gap <= scale or apart <= 0:
            break
        move = min(gap / apart, weights[worst])
        weights[best] += move
        weights[worst] = 0.0 if move == weights[worst] else weights[worst] - move
    total: FloatArray = weights / weights.sum()
    return total


def share_of_first(gram: FloatArray) -> float:
    """Return the g in [0, 1] for which ``|g g_1 + (1 - g) g_2|`` is least, of a (2, 2) ``gram``."""
    apart = gram[0, 0] + gram[1, 1] - 2.0 * gram[0, 1]
    if apart <= 0:
        return 0.5
    return float(np.clip((gram[1, 1] - gram[0, 1]) / apart, 0.0, 1.0))


def conflict_share(gram: FloatArray) -> float:
    """Return the share of pairs of tasks whose gradients point against each other; 0 for a single task."""
    first, second = np.triu_indices(len(gram), 1)
    return float((gram[first, second] < 0).mean()) if len(first) else 0.0


def _best_pair(gram: FloatArray) -> FloatArray:
    count = len(gram)
    weights = np.zeros(count)
    if count == 1:
        weights[0] = 1.0
        return weights
    found = []
    for i in range(count):
        for j in range(i + 1, count):
            pair = gram[np.ix_((i, j), (i, j))]
            share = share_of_first(pair)
            c = np.array((share, 1.0 - share))
            found.append((float(c @ pair @ c), i, j, share))
    _, i, j, share = min(found)
    weights[i], weights[j] = share, 1.0 - share
    return weights


def _check(gram: FloatArray) -> None:
    if gram.ndim != 2 or gram.shape[0] != gram.shape[1] or not gram.size:
        raise BadInputError(f"inner products must be (K, K), got {gram.shape}")
    if not np.isfinite(gram).all():
        raise BadInputError("inner products of gradients are not finite; a smaller lr may help")
    if not np.allclose(gram, gram.T, rtol=1e-6, atol=1e-9 * float(np.abs(gram).max())):
        raise BadInputError("inner products must be symmetric")
