"""The corridor: against a pixel-by-pixel reference, and the promises that others build on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.corridor import CorridorConfig, intrinsics_of, nearest_depth, obstacle_score
from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo

CAMERA = (115.5, 115.5, 63.5, 47.5)
FULL = (128, 96)
HALF_SHAPE = (48, 64)
EVERYWHERE = np.ones(HALF_SHAPE, bool)


def wall(depth_m: float, shape: tuple[int, int] = HALF_SHAPE) -> np.ndarray:
    return np.full(shape, 1.0 / depth_m, np.float32)


def reference(
    rho: np.ndarray, valid: np.ndarray, camera: tuple, full: tuple[int, int], config: CorridorConfig
) -> float:
    """One pixel after the other, straight from the definition, without the rule for blind views."""
    fx, fy, cx, cy = camera
    height, width = rho.shape
    inside = []
    for row in range(height):
        for column in range(width):
            u = (column + 0.5) * full[0] / width - 0.5
            v = (row + 0.5) * full[1] / height - 0.5
            value = float(rho[row, column])
            if not valid[row, column] or not math.isfinite(value) or value <= 0:
                continue
            if abs(u - cx) / (fx * value) <= config.half_width_m and abs(v - cy) / (fy * value) <= config.half_height_m:
                inside.append(value)
    k = max(1, round(config.order_share * height * width))
    return min(sorted(inside)[-k], config.blind_score_per_m) if len(inside) >= k else 0.0


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    share=st.sampled_from([0.0, 0.01, 0.1]),
    shift=st.floats(-10, 10),
    holes=st.floats(0, 0.5),
)
def test_equals_the_definition_pixel_by_pixel(seed: Any, size: Any, share: Any, shift: Any, holes: Any) -> None:
    generator = np.random.default_rng(seed)
    rho = generator.uniform(-0.5, 12, size).astype(np.float32)
    rho[generator.random(size) < holes / 2] = np.nan
    valid = generator.random(size) >= holes
    camera = (100.0 + shift, 90.0, 63.5 + shift, 47.5 - shift)
    config = CorridorConfig(order_share=share, min_valid_share=0.0)
    found = obstacle_score(rho, valid, camera, FULL, config)
    assert found == pytest.approx(reference(rho, valid, camera, FULL, config), rel=1e-6)


@given(depth=st.floats(0.3, 6.0))
def test_a_wall_scores_its_inverse_depth_at_every_resolution(depth: Any) -> None:
    for shape in (HALF_SHAPE, (96, 128), (24, 32)):
        score = obstacle_score(wall(depth, shape), np.ones(shape, bool), CAMERA, FULL)
        assert score == pytest.approx(1.0 / depth, rel=1e-5)


@given(near=st.floats(0.4, 3.0), far=st.floats(3.1, 9.0), seed=st.integers(0, 1000))
def test_bringing_pixels_nearer_never_lowers_the_score(near: Any, far: Any, seed: Any) -> None:
    generator = np.random.default_rng(seed)
    rho = wall(far)
    before = obstacle_score(rho, EVERYWHERE, CAMERA, FULL)
    rho = np.where(generator.random(HALF_SHAPE) < 0.2, np.float32(1 / near), rho)
    assert obstacle_score(rho, EVERYWHERE, CAMERA, FULL) >= before


def test_a_thin_pole_counts_and_single_noisy_pixels_do_not() -> None:
    pole = wall(5.0)
    columns = round(0.05 * 57.75 / 1.4)  # 5 cm at 1.4 m on a picture of 64 columns
    pole[:, 30 : 30 + columns] = 1 / 1.4
    assert obstacle_score(pole, EVERYWHERE, CAMERA, FULL) == pytest.approx(1 / 1.4, rel=1e-6)
    noise = wall(5.0)
    noise[np.arange(5, 45, 2), np.arange(5, 45, 2)] = 3.0
    assert obstacle_score(noise, EVERYWHERE, CAMERA, FULL) == pytest.approx(1 / 5.0, rel=1e-6)


def test_what_stands_beside_the_corridor_does_not_count() -> None:
    beside = wall(6.0)
    offset_px = 57.75 * 0.5 / 2.0  # 0.5 m beside the axis at 2 m
    beside[:, int(32 + offset_px) :] = 1 / 2.0
    wide = CorridorConfig(half_width_m=0.6)
    assert obstacle_score(beside, EVERYWHERE, CAMERA, FULL) == pytest.approx(1 / 6.0, rel=1e-5)
    assert obstacle_score(beside, EVERYWHERE, CAMERA, FULL, wide) == pytest.approx(1 / 2.0, rel=1e-5)


def test_floor_and_ceiling_do_not_count() -> None:
    rho = np.zeros(HALF_SHAPE, np.float32)
    rows = (np.arange(48) + 0.5) * 2 - 0.5
    rho[:] = (np.abs(rows - 47.5) / (115.5 * 1.2))[:, None]  # floor and ceiling 1.2 m away
    assert obstacle_score(rho, EVERYWHERE, CAMERA, FULL) == 0.0


def test_a_cue_that_sees_too_little_counts_as_blocked() -> None:
    config = CorridorConfig()
    nothing = np.zeros(HALF_SHAPE, bool)
    assert obstacle_score(wall(5.0), nothing, CAMERA, FULL) == config.blind_score_per_m
    not_a_number = np.full(HALF_SHAPE, np.nan, np.float32)
    assert obstacle_score(not_a_number, EVERYWHERE, CAMERA, FULL) == config.blind_score_per_m
    only_beside = EVERYWHERE.copy()
    only_beside[:, 14:50] = False  # the window straight ahead is dark, the rest is fine
    assert obstacle_score(wall(5.0), only_beside, CAMERA, FULL) == config.blind_score_per_m


def test_a_score_never_exceeds_that_of_a_blocked_view() -> None:
    assert obstacle_score(wall(0.01), EVERYWHERE, CAMERA, FULL) == CorridorConfig().blind_score_per_m


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), half_width=st.floats(0.1, 1.0), half_height=st.floats(0.1, 1.0))
def test_nearest_depth_is_exact(seed: Any, half_width: Any, half_height: Any) -> None:
    generator = np.random.default_rng(seed)
    depth = generator.uniform(0.2, 8.0, (12, 16)).astype(np.float32)
    depth[generator.random(depth.shape) < 0.1] = np.inf
    depth[generator.random(depth.shape) < 0.1] = np.nan
    depth[generator.random(depth.shape) < 0.1] = 0.0
    camera = (14.0, 13.0, 7.5, 5.5)
    best = math.inf
    for v in range(12):
        for u in range(16):
            z = float(depth[v, u])
            inside = abs(u - 7.5) * z / 14.0 <= half_width and abs(v - 5.5) * z / 13.0 <= half_height
            if math.isfinite(z) and z > 0 and inside:
                best = min(best, z)
    assert nearest_depth(depth, camera, half_width, half_height) == best


def test_one_pixel_is_enough_for_truth_and_an_empty_corridor_is_endless() -> None:
    depth = np.full((96, 128), np.inf, np.float32)
    assert nearest_depth(depth, CAMERA, 0.4, 0.3) == math.inf
    depth[48, 64] = 1.5
    assert nearest_depth(depth, CAMERA, 0.4, 0.3) == 1.5


def test_score_and_truth_agree_on_a_clean_scene() -> None:
    depth = np.full((96, 128), 4.0, np.float32)
    depth[20:80, 60:75] = 1.1
    score = obstacle_score(1 / depth, np.ones(depth.shape, bool), CAMERA, FULL)
    assert 1 / score == pytest.approx(nearest_depth(depth, CAMERA, 0.4, 0.3), rel=1e-5)


def test_intrinsics_come_from_the_rectified_matrix_where_there_is_one() -> None:
    k = (100.0, 0, 60.0, 0, 101.0, 40.0, 0, 0, 1.0)
    p = (115.5, 0, 63.5, 0, 0, 115.0, 47.5, 0, 0, 0, 1.0, 0)
    info = CameraInfo(stamp_ns=0, width=128, height=96, k=k, p=p)
    assert intrinsics_of(info) == (115.5, 115.0, 63.5, 47.5)
    bare = CameraInfo(stamp_ns=0, width=128, height=96, k=k, p=(0.0,) * 12)
    assert intrinsics_of(bare) == (100.0, 101.0, 60.0, 40.0)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: obstacle_score(np.ones(5), np.ones(5, bool), CAMERA, FULL), "got \\(5,\\)"),
        (lambda: obstacle_score(np.ones((4, 4)), np.ones((4, 5), bool), CAMERA, FULL), "\\(4, 5\\)"),
        (lambda: obstacle_score(np.ones((4, 4)), np.ones((4, 4), bool), (0, 1, 1, 1), FULL), "fx 0"),
        (lambda: obstacle_score(np.ones((4, 4)), np.ones((4, 4), bool), CAMERA, (0, 96)), "camera 0 x 96"),
        (lambda: nearest_depth(np.ones(5), CAMERA, 0.4, 0.3), "got shape \\(5,\\)"),
        (lambda: nearest_depth(np.ones((4, 4)), CAMERA, -0.4, 0.3), "half_width_m .* -0.4"),
        (lambda: CorridorConfig(half_height_m=math.nan), "half_height_m"),
        (lambda: CorridorConfig(order_share=1.0), "order_share"),
    ],
)
def test_bad_input_is_one_clear_line(call: Any, says: Any) -> None:
    with pytest.raises(BadInputError, match=says) as caught:
        call()
    assert "\n" not in str(caught.value)
