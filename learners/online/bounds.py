"""Exact one-sided confidence bounds of a share, after Clopper and Pearson (1934)."""

from __future__ import annotations

import math
from functools import lru_cache

from selfcue.errors import BadInputError


def lower_bound(hits: int, trials: int, *, confidence: float = 0.95) -> float:
    """Return the share that the true one exceeds with ``confidence``, having seen ``hits`` in ``trials``.

    0 for no trials or no hits. 59 hits in 59 give 0.95; so do 92 in 93 and 122 in 124.
    """
    _check(hits, trials)
    return 0.0 if hits == 0 else _solve(hits, trials, 1.0 - confidence)


def upper_bound(hits: int, trials: int, *, confidence: float = 0.95) -> float:
    """Return the share that the true one stays below with ``confidence``. 1 for no trials."""
    _check(hits, trials)
    return 1.0 if hits == trials else 1.0 - _solve(trials - hits, trials, 1.0 - confidence)


@lru_cache(maxsize=4096)
def _solve(hits: int, trials: int, tail: float) -> float:
    """Return p with P(X >= hits) = tail for X ~ Binomial(trials, p), by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _at_least(hits, trials, middle) < tail:
            low = middle
        else:
            high = middle
    return low


def _at_least(hits: int, trials: int, p: float) -> float:
    if p <= 0.0 or p >= 1.0:
        return p
    log_p, log_q = math.log(p), math.log1p(-p)
    total = math.lgamma(trials + 1)
    return math.fsum(
        math.exp(total - math.lgamma(k + 1) - math.lgamma(trials - k + 1) + k * log_p + (trials - k) * log_q)
        for k in range(hits, trials + 1)
    )


def _check(hits: int, trials: int) -> None:
    if not 0 <= hits <= trials:
        raise BadInputError(f"a share of {hits} in {trials} has no bound; needs 0 <= hits <= trials")
