from __future__ import annotations

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.resize import pool_inverse_depth, resize_picture, student_picture
from selfcue.learners.online.depth.sizes import DepthSizes, sizes_for
from selfcue.messages import Image


@pytest.mark.parametrize(
    ("camera", "student"),
    [
        ((128, 96), (128, 96)),
        ((621, 187), (320, 96)),
        ((1242, 375), (320, 96)),
        ((640, 480), (320, 240)),
        ((752, 480), (320, 208)),
    ],
)
def test_the_student_follows_the_camera(camera, student):
    width, height = camera
    sizes = sizes_for(width, height, 3)
    assert (sizes.width, sizes.height) == student
    assert sizes.width % 16 == sizes.height % 16 == 0
    assert sizes.output_shape == (student[1] // 2, student[0] // 2)


def test_gray_and_colour_have_their_shapes_and_too_small_is_refused():
    assert sizes_for(128, 96, 1).input_shape == (96, 128)
    assert sizes_for(128, 96, 3).input_shape == (96, 128, 3)
    with pytest.raises(BadInputError, match="32 x 32"):
        sizes_for(31, 96, 3)


def test_area_resize_is_the_mean_of_the_covered_area():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (12, 18, 3)).astype(np.uint8)
    small = resize_picture(picture, (4, 6))
    naive = picture.reshape(4, 3, 6, 3, 3).mean(axis=(1, 3))
    assert np.abs(small - naive).max() <= 0.51
    assert resize_picture(picture, (12, 18)) is picture


def test_area_resize_by_a_broken_ratio_against_a_naive_loop():
    gray = np.random.default_rng(1).integers(0, 256, (7, 5)).astype(np.uint8)
    small = resize_picture(gray, (3, 2))
    for i in range(3):
        for j in range(2):
            total = area = 0.0
            for y in range(7):
                for x in range(5):
                    h = max(0.0, min(y + 1, (i + 1) * 7 / 3) - max(y, i * 7 / 3))
                    w = max(0.0, min(x + 1, (j + 1) * 5 / 2) - max(x, j * 5 / 2))
                    total, area = total + h * w * float(gray[y, x]), area + h * w
            assert abs(float(small[i, j]) - total / area) <= 0.51


def test_pooling_takes_the_median_of_valid_values_and_says_how_many_there_were():
    value = np.array([[1.0, 2.0, 5.0, np.nan], [3.0, 4.0, -1.0, 7.0]], dtype=np.float32)
    valid = np.array([[True, True, True, True], [True, False, True, True]])
    pooled, share = pool_inverse_depth(value, valid, (1, 2))
    np.testing.assert_allclose(pooled, [[2.0, 7.0]])  # of 5 and 7 the nearer
    np.testing.assert_allclose(share, [[0.75, 0.5]])


def test_pooling_never_invents_a_depth_between_two_surfaces():
    value = np.where(np.arange(40)[None, :] < 17, 0.2, 1.0).astype(np.float32).repeat(30, axis=0)
    pooled, share = pool_inverse_depth(value, np.ones(value.shape, dtype=bool), (13, 16))
    assert set(np.unique(pooled).tolist()) == {np.float32(0.2), np.float32(1.0)}
    assert (share == 1.0).all()


def test_pooling_of_nothing_is_nan():
    pooled, share = pool_inverse_depth(np.ones((4, 4), dtype=np.float32), np.zeros((4, 4), dtype=bool), (2, 2))
    assert np.isnan(pooled).all()
    assert not share.any()


def test_a_student_that_sees_gray_sees_how_bright_colours_look():
    picture = np.zeros((32, 32, 3), dtype=np.uint8)
    picture[:16, :, 1] = 200  # green above, blue below
    picture[16:, :, 2] = 200
    seen = student_picture(Image(stamp_ns=0, encoding="rgb8", data=picture), DepthSizes(32, 32, 1))
    assert seen.dtype == np.uint8
    assert (int(seen[0, 0]), int(seen[31, 0])) == (117, 23)
    gray = Image(stamp_ns=0, encoding="mono8", data=seen)
    np.testing.assert_array_equal(student_picture(gray, DepthSizes(32, 32, 1)), seen)
    with pytest.raises(BadInputError, match="3-channel"):
        student_picture(gray, DepthSizes(32, 32, 3))
