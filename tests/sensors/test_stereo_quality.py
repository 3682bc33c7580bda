"""What the matcher's options are worth: block matching, the logistic confidence, and the figures of the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from selfcue.benchmarks import stereo_data, stereo_quality, stereo_rule
from selfcue.benchmarks.stereo_data import DEVELOPMENT, SCORED, TruePair
from selfcue.report.phases import area_under_curve
from selfcue.sensors.stereo.logistic_confidence import OFFSET, WEIGHTS, LogisticConfidence
from selfcue.sensors.stereo.matcher import StereoMatcher
from selfcue.sensors.stereo.matcher_config import MatcherConfig

Map = npt.NDArray[Any]
LOGISTIC = MatcherConfig(confidence="logistic")


def scenes(make_room: Any) -> list[tuple[Map, Map, Map]]:
    """Left, right and true disparity of rooms whose right pictures have a patch that shows something else."""
    found = []
    for seed, end_m in ((0, 0.9), (1, 1.4), (2, 2.2)):
        left, right, depth = make_room(seed).shoot(end_m, 0.3, noise=4.0)
        rng = np.random.default_rng(seed)
        right[30:60, 20:60] = rng.integers(0, 256, (30, 40))
        found.append((left, right, 6.93 / depth))
    return found


def figures(make_room: Any, config: MatcherConfig) -> tuple[Map, Map]:
    """Return confidence and whether the disparity is right, of all pixels that passed the left-right check."""
    confidence, right = [], []
    for left, other, true in scenes(make_room):
        matcher = StereoMatcher(128, 96, config)
        seen = matcher.look(left, other)
        match = matcher.match(left, other)
        right.append((np.abs(seen.found - true) <= 1.0)[seen.passed])
        confidence.append(match.confidence[seen.passed])
    return np.concatenate(confidence), np.concatenate(right)


def test_the_logistic_confidence_tells_right_from_wrong_better(make_room: Any) -> None:
    values = [area_under_curve(*figures(make_room, config)) for config in (MatcherConfig(), LOGISTIC)]  # type: ignore[arg-type]
    assert values[1] > values[0] + 0.01
    assert values[1] > 0.9


def test_it_is_a_probability(make_room: Any) -> None:
    """Of what it calls 0.9 and more, nine in ten are right; and it says so of most."""
    confidence, right = figures(make_room, LOGISTIC)
    sure = confidence >= 0.9
    assert sure.mean() > 0.5
    assert right[sure].mean() > 0.95
    unsure = (confidence > 0) & (confidence < 0.6)
    assert right[unsure].mean() < right[sure].mean() - 0.1


def test_every_feature_counts_in_its_own_direction(room: Any) -> None:
    """Each is there, finite, and moves the confidence as its weight says."""
    matcher = StereoMatcher(128, 96, LOGISTIC)
    seen = matcher.look(*room.shoot(1.2, 0.3)[:2])
    rule = LogisticConfidence(LOGISTIC, matcher.num_disparities)
    features = rule.features(seen)
    assert list(features) == list(WEIGHTS)
    total = OFFSET + sum(WEIGHTS[name] * values for name, values in features.items())
    for name, values in features.items():
        assert values.shape == (96, 128)
        assert np.isfinite(values).all()
        assert values.std() > 0, name
    confidence = rule.confidence(seen)
    np.testing.assert_allclose(confidence[seen.passed], 1 / (1 + np.exp(-np.asarray(total)[seen.passed])), atol=1e-5)
    assert not confidence[~seen.passed].any()


def test_block_matching_agrees_with_the_truth_and_leaves_flat_walls_out(room: Any) -> None:
    left, right, depth = room.shoot(1.5, 0.3)
    matcher = StereoMatcher(128, 96, MatcherConfig(algorithm="bm"))
    match = matcher.match(left, right)
    error_px = np.abs(match.disparity - 6.93 / depth)[match.valid]
    assert match.valid.mean() > 0.5
    assert np.median(error_px) < 0.1
    assert (error_px < 1.0).mean() > 0.98
    flat = left.copy(), right.copy()
    for image in flat:
        image[20:70] = 120
    inside = np.s_[30:60]
    assert not matcher.match(*flat).valid[inside].any()
    hidden = matcher.match(np.ascontiguousarray(left), np.random.default_rng(0).integers(0, 256, left.shape, np.uint8))
    assert hidden.valid.mean() < 0.1


def test_block_matching_is_not_pulled_to_whole_pixels(make_room: Any) -> None:
    """So SGBM's unlocking table must not be applied to it: it would add up to 0.17 px of error."""
    errors = []
    for left, right, depth in (make_room(seed).shoot(1.3, 0.3) for seed in range(3)):
        match = StereoMatcher(128, 96, MatcherConfig(algorithm="bm")).match(left, right)
        errors.append(np.abs(match.disparity - 6.93 / depth)[match.valid])
    assert np.concatenate(errors).mean() < 0.07


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"algorithm": "sad"}, "algorithm 'sad' is not known; use sgbm or bm"),
        ({"confidence": "high"}, "confidence 'high' is not known; use support or logistic"),
        ({"algorithm": "bm", "confidence": "logistic"}, "use it with sgbm"),
        ({"bm_block_px": 8}, "bm_block_px 8 must be odd"),
    ],
)
def test_wrong_options_are_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MatcherConfig(**settings)


# -- the benchmark -----------------------------------------------------------------------------------------------------


def test_scores_of_a_pair_that_is_known() -> None:
    """A wall at 8 px: all is right, and against a truth of 11 px all is wrong by three eighths of the depth."""
    rng = np.random.default_rng(1)
    wall = rng.integers(0, 256, (64, 168)).astype(np.uint8)
    left, right = np.ascontiguousarray(wall[:, :160]), np.ascontiguousarray(wall[:, 8:])
    for true_px, right_share, error in ((8.0, 1.0, 0.0), (11.0, 0.0, 0.375)):
        truth = np.full((64, 160), np.float32(true_px))
        truth[:, :24] = np.nan
        pair = TruePair("wall", SCORED, left, right, truth, np.full_like(truth, 2.0))
        found = stereo_quality.score(pair, MatcherConfig())
        assert len(found.true) == 64 * 136
        assert found.valid.mean() > 0.98
        assert found.right.mean() == pytest.approx(right_share, abs=0.02)
        assert np.median(found.relative_error) == pytest.approx(error, abs=0.01)


def test_without_data_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SELFCUE_DATA", raising=False)
    result = stereo_quality.measure(tmp_path, quick=True)
    assert result.rows == []
    assert result.claims == []
    assert "set SELFCUE_DATA" in result.notes[-1]


def test_figures_on_recorded_pairs(data: Callable[[str], Path], tmp_path: Path) -> None:
    data("middlebury_pairs"), data("kitti_raw_stereo_lidar")
    result = stereo_quality.measure(tmp_path, quick=True)
    assert {claim.id: claim.holds for claim in result.claims} == {
        "middlebury auc": True,
        "kitti error": True,
        "kitti coverage": True,
    }
    rows = {(row["matcher"], row["data"], row["part"]): row for row in result.rows}
    assert len(rows) == 3 * (3 + 2)
    for name in stereo_data.MIDDLEBURY:
        part = stereo_data.MIDDLEBURY[name]
        default, rule = (rows[one, name, part] for one in ("sgbm (default)", "sgbm, logistic confidence"))
        assert rule["AUC after check"] > default["AUC after check"] + 0.03
        assert default["bad-2.0 after check"] < 0.06
        assert default["bad-2.0 after check"] < default["bad-2.0 before"]
        assert default["density"] > 0.85
    assert rows["bm", "drive", SCORED]["coverage"] < rows["sgbm (default)", "drive", SCORED]["coverage"]


def test_the_rule_in_use_is_what_the_development_pairs_give(data: Callable[[str], Path]) -> None:
    """Every fourth frame of the drive; the full fit is python -m selfcue.benchmarks.stereo_rule."""
    pictures = stereo_data.middlebury(data("middlebury_pairs"))
    street = stereo_data.drive(data("kitti_raw_stereo_lidar"), every=4)
    weights, offset = stereo_rule.fit([[p for p in pairs if p.part == DEVELOPMENT] for pairs in (pictures, street)])
    assert offset == pytest.approx(OFFSET, abs=0.5)
    for name, value in weights.items():
        assert value == pytest.approx(WEIGHTS[name], rel=0.35, abs=0.12), name
