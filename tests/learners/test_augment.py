from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.augment import DRAWS, augment
from selfcue.learners.online.depth.augment_config import AugmentConfig

NOTHING = AugmentConfig(flip=False, gamma=0.0, gain=0.0, zoom=1.0)


def ramp() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture that brightens to the right, and a depth that equals its brightness."""
    columns = np.linspace(25, 230, 64).round()
    picture = np.broadcast_to(columns[None, :, None], (48, 64, 3)).astype(np.uint8)
    target = (picture[::2, ::2, 0] / 255.0).astype(np.float32)
    return picture, target, np.ones_like(target)


def draws(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=DRAWS)


def test_changes_nothing_it_was_not_asked_for():
    picture, target, weight = ramp()
    varied, target_now, weight_now = augment(picture, target, weight, NOTHING, draws(0))
    np.testing.assert_allclose(varied, picture / 255.0, atol=1e-6)
    np.testing.assert_array_equal(target_now, target)
    np.testing.assert_array_equal(weight_now, weight)


def test_a_flip_mirrors_picture_and_depth_together():
    config = AugmentConfig(flip=True, gamma=0.0, gain=0.0, zoom=1.0)
    mirrored = 0
    for seed in range(40):
        varied, target, _ = augment(*ramp(), config, draws(seed))
        rises = varied[0, -1, 0] > varied[0, 0, 0]
        assert rises == (target[0, -1] > target[0, 0])
        mirrored += not rises
    assert 10 < mirrored < 30


def test_zoom_brings_everything_nearer_by_the_factor_of_the_zoom():
    config = AugmentConfig(flip=False, gamma=0.0, gain=0.0, zoom=1.6, zoom_share=1.0)
    factors = []
    for seed in range(20):
        varied, target, weight = augment(*ramp(), config, draws(seed))
        assert varied.shape == (48, 64, 3)
        # depth equals brightness before the zoom, so afterwards their ratio is the zoom
        ratio = (target / varied[::2, ::2, 0])[:, 4:-4]
        factors.append(float(np.median(ratio)))
        assert np.abs(ratio / factors[-1] - 1.0).max() < 0.15
        # and the ramp is stretched by as much
        assert np.diff(varied[0, :, 0]).mean() * 63 == pytest.approx((230 - 25) / 255 / factors[-1], rel=0.1)
        assert (weight == 1.0).all()
    assert 1.0 <= min(factors) < 1.15
    assert 1.4 < max(factors) <= 1.62


def test_what_the_teacher_does_not_know_stays_unknown_under_zoom():
    picture, target, weight = ramp()
    weight[:, :16] = 0.0
    config = AugmentConfig(flip=False, zoom=1.5, zoom_share=1.0)
    _, _, weight_now = augment(picture, target, weight, config, draws(1))
    assert set(np.unique(weight_now)) == {0.0, 1.0}


def test_gamma_and_gain_leave_depth_alone():
    picture, target, weight = ramp()
    varied, target_now, weight_now = augment(
        picture, target, weight, AugmentConfig(flip=False, gamma=0.5, gain=0.5, zoom=1.0), draws(0)
    )
    np.testing.assert_array_equal(target_now, target)
    np.testing.assert_array_equal(weight_now, weight)
    assert np.abs(varied - picture / 255.0).max() > 0.02
    assert varied.min() > 0
    assert varied.max() <= 1.0


def test_the_lesson_itself_is_never_written_to():
    picture, target, weight = ramp()
    for array in (picture, target, weight):
        array.setflags(write=False)
    for seed in range(10):
        augment(picture, target, weight, AugmentConfig(), draws(seed))


def test_refuses_impossible_settings():
    with pytest.raises(BadInputError, match="zoom >= 1"):
        AugmentConfig(zoom=0.9)
