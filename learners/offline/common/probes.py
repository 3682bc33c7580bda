"""How good frozen vectors are: judged by simple models on top of them. All fitting is scikit-learn's."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.optional import require

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Split:
    """Rows of a set by their use: learn from ``train``, choose by ``val``, report on ``test`` (int64 ids each)."""

    train: IntArray
    val: IntArray
    test: IntArray

    def __post_init__(self) -> None:
        for name in ("train", "val", "test"):
            if not len(getattr(self, name)):
                raise BadInputError(f"a probe needs {name} rows, got none")


def linear_probe(z: FloatArray, y: IntArray, split: Split) -> dict[str, float]:
    """Return accuracies of logistic regression on ``z`` (N, D): ``test``, ``val`` and the ``strength``.

    Columns are standardised, or (better for sparse counts) all numbers divided by the rows' mean length; that, and the
    inverse regularisation of ``STRENGTHS``, is what is best on ``val`` (the first of equals).

    Raises:
        BadInputError: the training rows are of one class alone, or ``z`` is not finite.
    """
    linear_model = require("sklearn.linear_model", extra="offline")
    scaled = (standardised(z), z / max(float(np.linalg.norm(z, axis=1).mean()), 1e-12))
    if len(np.unique(y[split.train])) < 2:
        raise BadInputError("a probe needs training rows of two classes or more")
    best = {"val": -1.0, "test": 0.0, "strength": 0.0}
    for rows, strength in product(scaled, STRENGTHS):
        model = linear_model.LogisticRegression(C=strength, max_iter=300)
        with warnings.catch_warnings():  # one that stopped at the limit is judged as it is
            warnings.simplefilter("ignore", require("sklearn.exceptions", extra="offline").ConvergenceWarning)
            model.fit(rows[split.train], y[split.train])
        val = float(model.score(rows[split.val], y[split.val]))
        if val > best["val"]:
            best = {"val": val, "test": float(model.score(rows[split.test], y[split.test])), "strength": strength}
    return best


def softmax_probe(
    z: FloatArray, y: IntArray, split: Split, *, lr: float = 0.01, weight_decay: float = 1e-4, epochs: int = 300,
    seed: int = 0,
) -> dict[str, float]:  # fmt: skip
    """Return accuracies of the probe that papers on graphs use: one linear layer, full-batch Adam, ``z`` as it is.

    ``test`` is taken at the epoch that is best on ``val`` (the last of equals, as they do), ``last`` after the last.
    """
    torch = require("torch", extra="offline")
    _check(z)
    rows, labels = torch.from_numpy(z), torch.from_numpy(y)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        layer = torch.nn.Linear(z.shape[1], int(y.max()) + 1)
        optimiser = torch.optim.Adam(layer.parameters(), lr=lr, weight_decay=weight_decay)
        best = {"val": -1.0, "test": 0.0, "last": 0.0}
        for _ in range(epochs):
            loss = torch.nn.functional.cross_entropy(layer(rows[split.train]), labels[split.train])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            with torch.no_grad():
                val, test = (_share(layer(rows[part]).argmax(1), labels[part]) for part in (split.val, split.test))
            if val >= best["val"]:
                best = {"val": val, "test": test, "last": test}
            best["last"] = test
    return best


def neighbour_probe(z: FloatArray, y: IntArray, split: Split, *, k: int = 5) -> float:
    """Return the test accuracy of a vote of the ``k`` nearest training rows by cosine."""
    neighbors = require("sklearn.neighbors", extra="offline")
    _check(z)
    model = neighbors.KNeighborsClassifier(n_neighbors=min(k, len(split.train)), metric="cosine")
    return float(model.fit(z[split.train], y[split.train]).score(z[split.test], y[split.test]))


def standardised(z: FloatArray) -> FloatArray:
    """Return ``z`` (N, D) with mean 0 and deviation 1 a column; constant columns become 0."""
    _check(z)
    deviation = z.std(0)
    out: FloatArray = ((z - z.mean(0)) / np.where(deviation > 1e-8, deviation, 1.0)).astype(np.float32)
    return out


def _share(said: object, truth: object) -> float:
    return float((said == truth).float().mean())  # type: ignore[attr-defined]


def _check(z: FloatArray) -> None:
    if z.ndim != 2 or not z.size:
        raise BadInputError(f"vectors must be (N, D), got {z.shape}")
    if not np.isfinite(z).all():
        raise BadInputError(f"{int((~np.isfinite(z)).sum())} of the vectors' numbers are not finite")
