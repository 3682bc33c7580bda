"""The matcher on scenes with known depth, and on Middlebury and KITTI where they are at hand."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import CameraInfo, Image
from selfcue.sensors.calibration import stereo_geometry
from selfcue.sensors.stereo.matcher import Match, StereoMatcher, image_array
from selfcue.sensors.stereo.matcher_config import MatcherConfig

Map = npt.NDArray[Any]


def auc(score: Map, good: Map) -> float:
    """Return the area under the ROC curve of ``score`` for ``good``; ties count half."""
    _, where, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[where]
    positive, negative = good.sum(), (~good).sum()
    return float((ranks[good].sum() - positive * (positive + 1) / 2) / (positive * negative))


def test_auc_of_this_file_against_counting_pairs() -> None:
    score, good = np.array([0.1, 0.4, 0.4, 0.8, 0.2]), np.array([False, True, False, True, False])
    pairs = [(a > b) + 0.5 * (a == b) for a in score[good] for b in score[~good]]
    assert auc(score, good) == pytest.approx(np.mean(pairs))


@pytest.fixture
def matcher() -> StereoMatcher:
    return StereoMatcher(128, 96)


def test_depth_of_a_room(room: Any, matcher: StereoMatcher, drone_infos: tuple[CameraInfo, CameraInfo]) -> None:
    geometry = stereo_geometry(*drone_infos)
    left, right, depth = room.shoot(2.5, 0.3)
    match = matcher.match(left, right)
    found = matcher.inverse_depth(match, geometry)
    assert found.value.dtype == found.lower.dtype == found.upper.dtype == match.disparity.dtype == np.float32
    assert match.valid.mean() > 0.85
    error_px = np.abs(match.disparity - geometry.focal_baseline / depth)[match.valid]
    assert np.median(error_px) < 0.12
    assert (error_px < 1.0).mean() > 0.98
    inside = (found.lower <= 1 / depth) & (1 / depth <= found.upper)
    assert inside[match.valid].mean() > 0.9
    assert (found.value[~found.valid] == 0).all()
    assert match.left_right_rate > 0.9
    assert match.textured_share > 0.8


def test_disparities_are_not_pulled_to_whole_pixels(make_room: Any, matcher: StereoMatcher) -> None:
    """Without the unlocking table the mean error is 0.15 px, and -0.18 px at x.3 against +0.17 px at x.7."""
    errors, fractions = [], []
    for seed in range(3):
        for end_m in (0.8, 1.3, 2.1):
            left, right, depth = make_room(seed).shoot(end_m, 0.3)
            match, true = matcher.match(left, right), 6.93 / depth
            errors.append((match.disparity - true)[match.valid])
            fractions.append((true % 1.0)[match.valid])
    error, fraction = np.concatenate(errors), np.concatenate(fractions)
    assert np.abs(error).mean() < 0.125
    for at in (0.3, 0.7):
        assert abs(error[np.abs(fraction - at) < 0.1].mean()) < 0.1


def test_the_left_strip_is_not_lost(room: Any, matcher: StereoMatcher) -> None:
    """OpenCV leaves the first num_disparities columns empty; only what the right camera cannot see may be."""
    left, right, depth = room.shoot(2.5)
    valid = matcher.match(left, right).valid
    disparity = 6.93 / depth
    strip = (np.arange(128) >= disparity + 4) & (np.arange(128) < 32)
    assert valid[strip].mean() > 0.8
    unseen = np.arange(128) < disparity - 1
    assert not valid[unseen].any()


def test_occluded_background_beside_a_near_pole_is_refused(matcher: StereoMatcher) -> None:
    """A pole at 16 px in front of a wall at 3 px hides 13 columns of the wall from the right camera."""
    rng = np.random.default_rng(3)
    wall = cv2.GaussianBlur(rng.integers(0, 256, (96, 200)).astype(np.float32), (0, 0), 1.0)
    pole = cv2.GaussianBlur(rng.integers(0, 256, (96, 20)).astype(np.float32), (0, 0), 1.0)
    left, right = wall[:, 20:148].copy(), wall[:, 23:151].copy()
    left[:, 70:90], right[:, 54:74] = pole, pole
    match = matcher.match(left.astype(np.uint8), right.astype(np.uint8))
    assert np.nanmedian(match.disparity[:, 73:87]) == pytest.approx(16, abs=0.3)
    assert np.nanmedian(match.disparity[:, 95:125]) == pytest.approx(3, abs=0.3)
    hidden, free = slice(58, 68), slice(95, 125)
    right_there = np.abs(match.disparity[:, hidden] - 3) < 1
    assert match.valid[:, hidden].mean() < 0.5
    assert match.confidence[:, hidden][~right_there].mean() < 0.3 < match.confidence[:, free].mean()


def test_what_cannot_be_matched_is_invalid(room: Any, matcher: StereoMatcher) -> None:
    flat = np.full((96, 128), 120, np.uint8)
    match = matcher.match(flat, flat)
    assert not match.valid.any()
    assert np.isnan(match.left_right_rate)
    left, right, _ = room.shoot(2.0)
    noise = np.random.default_rng(0).integers(0, 256, (96, 128)).astype(np.uint8)
    against_noise = matcher.match(left, noise)
    assert against_noise.left_right_rate < 0.3
    assert against_noise.confidence.mean() < 0.5 * matcher.match(left, right).confidence.mean()


def test_left_and_right_must_agree(room: Any) -> None:
    """The tolerance itself, apart from what the confidence refuses."""
    left, right, _ = room.shoot(2.0, 0.3)
    strict, loose = (
        StereoMatcher(128, 96, MatcherConfig(left_right_px=px, min_confidence=0.0)).match(left, right).valid.mean()
        for px in (0.03, 1.0)
    )
    assert strict < 0.8 * loose


def test_near_surfaces_are_reported(room: Any, matcher: StereoMatcher) -> None:
    """At 0.28 m the end wall is at 24.8 px of 32."""
    assert matcher.match(*room.shoot(0.28)[:2]).near_share > 0.5
    assert matcher.match(*room.shoot(1.5)[:2]).near_share < 0.02


def test_colour_gives_what_grey_gives(room: Any, matcher: StereoMatcher) -> None:
    left, right, _ = room.shoot(2.0)
    grey, colour = matcher.match(left, right), matcher.match(*(np.dstack([i, i, i]) for i in (left, right)))
    np.testing.assert_array_equal(grey.disparity, colour.disparity)


def test_equal_input_gives_equal_output(room: Any) -> None:
    left, right, _ = room.shoot(2.0)
    one, other = (StereoMatcher(128, 96).match(left, right) for _ in range(2))
    assert one.disparity.tobytes() == other.disparity.tobytes()
    assert one.confidence.tobytes() == other.confidence.tobytes()


def test_the_search_range_follows_the_image_width() -> None:
    config = MatcherConfig()
    assert [config.disparities(width) for width in (128, 160, 320, 621, 1242)] == [32, 32, 48, 96, 192]
    assert MatcherConfig(num_disparities=64).disparities(128) == 64


def test_wrong_settings_and_images_are_refused(matcher: StereoMatcher) -> None:
    with pytest.raises(ValueError, match="num_disparities 20 must be a multiple of 16"):
        MatcherConfig(num_disparities=20)
    with pytest.raises(ValueError, match="block_size 4 must be odd"):
        MatcherConfig(block_size=4)
    with pytest.raises(ValueError, match="p1 50 and p2 48"):
        MatcherConfig(p1=50)
    with pytest.raises(UsageError, match="range of 128 px does not fit an image 128 px wide"):
        StereoMatcher(128, 96, MatcherConfig(num_disparities=128))
    with pytest.raises(BadInputError, match=r"\(48, 64\) uint8; the matcher was made for 128 x 96 px"):
        matcher.match(np.zeros((48, 64), np.uint8), np.zeros((48, 64), np.uint8))
    with pytest.raises(BadInputError, match="float32"):
        matcher.match(np.zeros((96, 128), np.float32), np.zeros((96, 128), np.uint8))
    depth = Image(stamp_ns=0, encoding="32FC1", data=np.zeros((96, 128), np.float32))
    with pytest.raises(BadInputError, match="stereo/left/image: encoding '32FC1' cannot be matched"):
        image_array(depth, "stereo/left/image")


def read_png(path: Path) -> npt.NDArray[Any]:
    """Return the pixels as they are on disk (colour as BGR)."""
    pixels: Any = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None, path
    found: npt.NDArray[Any] = pixels
    return found


def middlebury(folder: Path) -> tuple[Match, Map, Map]:
    """Return the match, the true disparity [px] and the disparity before any check."""
    left, right = (read_png(folder / f"{side}.png")[:, :, ::-1].copy() for side in ("left", "right"))
    if (folder / "disp_left.npz").is_file():
        truth = np.load(folder / "disp_left.npz", allow_pickle=False)["disp"]
        truth = np.where(np.isfinite(truth), truth, np.nan)
    else:
        truth = read_png(folder / "disp_left_x4.png").astype(np.float32) / 4
        truth[truth == 0] = np.nan
    matcher = StereoMatcher(left.shape[1], left.shape[0])
    raw = matcher._disparity(matcher.gray(left), matcher.gray(right))
    return matcher.match(left, right), truth, raw


@pytest.mark.parametrize("name", ["cones", "teddy", "motorcycle"])
def test_middlebury(data: Callable[[str], Path], name: str) -> None:
    """Few bad pixels, high density, and a confidence that tells right from wrong (gate of the method: AUC 0.85)."""
    match, truth, raw = middlebury(data("middlebury_pairs") / name)
    known = np.isfinite(truth)
    kept = known & match.valid
    assert kept.sum() / known.sum() > 0.85
    assert (np.abs(match.disparity - truth)[kept] > 2.0).mean() < 0.06
    assert auc(match.confidence[known], np.abs(raw - truth)[known] <= 2.0) >= 0.85


def test_kitti_against_lidar(data: Callable[[str], Path]) -> None:
    """Every fourth LiDAR frame of the development stretch: goal 0.055 mean relative error at coverage 0.8."""
    folder = data("kitti_raw_stereo_lidar")
    with (folder / "frames.csv").open() as file:
        frames = [row["frame"] for row in csv.DictReader(file) if row["has_lidar_depth"] == "1"]
    matcher = StereoMatcher(621, 187)
    found, truth = [], []
    for frame in frames[:28:4]:
        name = f"{int(frame):06d}.png"
        left, right = (read_png(folder / side / name) for side in ("left", "right"))
        depth = read_png(folder / "lidar_depth" / name).astype(np.float32) / 256
        measured = (depth > 0) & (depth < 80)
        found.append(193.7872 / matcher.match(left, right).disparity[measured])
        truth.append(depth[measured])
    depths, truths = np.concatenate(found), np.concatenate(truth)
    valid = np.isfinite(depths)
    assert valid.mean() >= 0.8
    assert (np.abs(depths - truths)[valid] / truths[valid]).mean() <= 0.055
