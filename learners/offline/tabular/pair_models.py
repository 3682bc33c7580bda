"""What OmniMatch is measured against: models that look at one pair of columns at a time, and single signals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from selfcue.learners.offline.tabular.column_graph import Described
from selfcue.learners.offline.tabular.fabricate import Fabricated
from selfcue.learners.offline.tabular.join_scores import average_precision, best_cut
from selfcue.learners.offline.tabular.signals import SIGNALS
from selfcue.optional import require

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores (N, N) of the pairs of a lake, symmetric, and the cut that fabricated pairs suggest."""

    score: FloatArray
    cut: float


def pair_features(seen: Described) -> FloatArray:
    """Return (N, N, 7): all signals of each pair; the same in both orders, containments sorted."""
    values = seen.signals.copy()
    contained, contains = SIGNALS.index("contained"), SIGNALS.index("contains")
    low, high = np.minimum(values[contained], values[contains]), np.maximum(values[contained], values[contains])
    values[contained], values[contains] = low, high
    return np.ascontiguousarray(values.transpose(1, 2, 0))


def model_scores(kind: Literal["forest", "mlp"], made: Sequence[Fabricated], seen: Described, *, seed: int) -> Scored:
    """Return what a forest or a small network on the signals says of ``seen``'s pairs.

    It learns from the fabricated lakes, joins against non-joins of the same source; the last one sets the cut.
    """
    *train, val = made
    rows, labels = [], []
    for lake in train:
        kept = np.triu(lake.joins | lake.others)
        rows.append(pair_features(lake.seen)[kept])
        labels.append(lake.joins[kept])
    model = _model(kind, seed).fit(np.concatenate(rows), np.concatenate(labels))

    def score(lake: Described) -> FloatArray:
        features = pair_features(lake)
        upper = np.triu(lake.apart)
        found = np.zeros(upper.shape, dtype=np.float32)
        found[upper] = model.predict_proba(features[upper])[:, 1]
        return found + found.T

    held = score(val.seen)[val.candidates]
    return Scored(score(seen), best_cut(held, val.joins[val.candidates])[0])


def signal_scores(name: str, made: Sequence[Fabricated], seen: Described) -> Scored:
    """Return one signal (the better of its two orders), or the mean of all (``mean``), as the score."""
    val = made[-1]
    held = _signal(name, val.seen)[val.candidates]
    return Scored(_signal(name, seen), best_cut(held, val.joins[val.candidates])[0])


def chosen_signal(made: Sequence[Fabricated]) -> str:
    """Return the signal with the highest average precision on the fabricated lake that validates."""
    val = made[-1]
    joined = val.joins[val.candidates]
    return max(SIGNALS, key=lambda name: average_precision(_signal(name, val.seen)[val.candidates], joined))


def profile_scores(made: Sequence[Fabricated], seen: Described) -> Scored:
    """Return the cosine of standardised profiles: what the nodes know before any edge."""
    profiles = np.concatenate([lake.seen.profile for lake in made[:-1]])
    mean, deviation = profiles.mean(0), profiles.std(0)

    def score(lake: Described) -> FloatArray:
        z = np.clip((lake.profile - mean) / np.where(deviation > 1e-6, deviation, 1.0), -5.0, 5.0)
        unit = z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
        cosine: FloatArray = (unit @ unit.T).astype(np.float32)
        return cosine

    val = made[-1]
    return Scored(score(seen), best_cut(score(val.seen)[val.candidates], val.joins[val.candidates])[0])


def _signal(name: str, seen: Described) -> FloatArray:
    if name == "mean":
        return _signal_both_ways(seen.signals.mean(0))
    return _signal_both_ways(seen.signals[SIGNALS.index(name)])


def _signal_both_ways(value: FloatArray) -> FloatArray:
    both: FloatArray = np.maximum(value, value.T)
    return both


def _model(kind: Literal["forest", "mlp"], seed: int) -> Any:
    if kind == "forest":
        ensemble = require("sklearn.ensemble", extra="offline")
        return ensemble.RandomForestClassifier(200, class_weight="balanced_subsample", random_state=seed, n_jobs=1)
    network = require("sklearn.neural_network", extra="offline")
    pipeline = require("sklearn.pipeline", extra="offline")
    preprocessing = require("sklearn.preprocessing", extra="offline")
    return pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        network.MLPClassifier((64, 64), early_stopping=True, max_iter=300, random_state=seed),
    )
