"""Where the weights of the logistic confidence come from: ``python -m selfcue.benchmarks.stereo_rule`` fits them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import typer

from selfcue.benchmarks.stereo_data import DEVELOPMENT, TruePair, data_folder, drive, middlebury
from selfcue.errors import BadInputError
from selfcue.sensors.stereo.logistic_confidence import OFFSET, WEIGHTS, LogisticConfidence
from selfcue.sensors.stereo.matcher import StereoMatcher
from selfcue.sensors.stereo.matcher_config import MatcherConfig

Floats = npt.NDArray[np.float64]
_STEPS = 30


def development_sets() -> list[list[TruePair]]:
    """Return the development pairs of Middlebury and of the drive.

    Raises:
        BadInputError: SELFCUE_DATA does not have them.
    """
    pictures, street = data_folder("middlebury_pairs"), data_folder("kitti_raw_stereo_lidar")
    if pictures is None or street is None:
        raise BadInputError("set SELFCUE_DATA to a folder that holds middlebury_pairs and kitti_raw_stereo_lidar")
    return [[pair for pair in pairs if pair.part == DEVELOPMENT] for pairs in (middlebury(pictures), drive(street))]


def fit(sets: Iterable[list[TruePair]]) -> tuple[dict[str, float], float]:
    """Return weights and offset of the most likely rule; each set weighs the same, whatever its size."""
    features, labels, weights = [], [], []
    for pairs in sets:
        parts = [_samples(pair) for pair in pairs]
        features.append(np.concatenate([values for values, _ in parts]))
        labels.append(np.concatenate([right for _, right in parts]))
        weights.append(np.full(len(labels[-1]), 1.0 / len(labels[-1])))
    x, y, w = np.concatenate(features), np.concatenate(labels), np.concatenate(weights)
    mean, scale = x.mean(axis=0), x.std(axis=0)
    design = np.column_stack([(x - mean) / scale, np.ones(len(x))])
    found = np.zeros(design.shape[1])
    for _ in range(_STEPS):  # Newton
        p = 1.0 / (1.0 + np.exp(-design @ found))
        curvature = (design * (w * p * (1 - p))[:, None]).T @ design + 1e-9 * np.eye(len(found))
        found -= np.linalg.solve(curvature, design.T @ (w * (p - y)))
    slopes = found[:-1] / scale
    return dict(zip(WEIGHTS, slopes.tolist(), strict=True)), float(found[-1] - slopes @ mean)


def _samples(pair: TruePair) -> tuple[Floats, Floats]:
    """Return features (N, 6) and whether the disparity is right (N,), where truth is known and the check passed."""
    config = MatcherConfig()
    matcher = StereoMatcher(pair.left.shape[1], pair.left.shape[0], config)
    seen = matcher.look(pair.left, pair.right)
    features = LogisticConfidence(config, matcher.num_disparities).features(seen)
    at = np.isfinite(pair.disparity) & seen.passed
    right = np.abs(seen.found - pair.disparity)[at] <= pair.tolerance[at]
    return np.column_stack([features[name][at] for name in WEIGHTS]).astype(np.float64), right.astype(np.float64)


if __name__ == "__main__":
    new, offset = fit(development_sets())
    for name, value in new.items():
        typer.echo(f"{name:<12} {value:+.3f} (in use {WEIGHTS[name]:+.3f})")
    typer.echo(f"{'offset':<12} {offset:+.3f} (in use {OFFSET:+.3f})")
