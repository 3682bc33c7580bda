"""Lenses and rectification: directions to pixels and back, pictures through known distortion, a device's two eyes."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.sensors.calibration import read_camera_info, rectified_pair, write_camera_info
from selfcue.sensors.lens import Lens
from selfcue.sensors.rectifier import Rectifier
from selfcue.sensors.side_by_side import split_side_by_side

LENSES = {
    "plumb_bob": Lens(160, 120, 130.0, 129.0, 81.0, 58.5, (-0.28, 0.09, 0.0007, -0.0004, -0.01)),
    "rational": Lens(
        160, 120, 130.0, 131.0, 79.0, 60.5, (0.9, 0.25, 0.0005, -0.0003, 0.02, 1.2, 0.45, 0.06), "rational_polynomial"
    ),
    "fisheye": Lens(160, 120, 70.0, 69.0, 80.4, 58.8, (0.05, -0.01, 0.004, -0.001), "equidistant"),
}
by_lens = pytest.mark.parametrize("name", list(LENSES))


@by_lens
@given(x=st.floats(min_value=20, max_value=139), y=st.floats(min_value=15, max_value=104))
def test_rays_and_pixels_are_each_others_inverse(name: str, x: float, y: float) -> None:
    lens = LENSES[name]
    ray = np.append(lens.rays(np.array([[x, y]]))[0], 1.0)
    np.testing.assert_allclose(lens.project(3.7 * ray[None])[0], [x, y], atol=1e-6)


@by_lens
def test_slopes_are_those_of_the_projection(name: str) -> None:
    """Against central differences, parameter by parameter."""
    lens = LENSES[name]
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (6, 3))
    pose = np.array([0.2, -0.3, 0.1, 0.05, -0.04, 1.5])
    _, by_lens, by_pose = lens.project_with_slopes(points, pose[:3], pose[3:])
    for slopes, at in ((by_lens, lens.parameters), (by_pose, pose)):
        assert slopes.shape == (12, len(at))
        for i in range(len(at)):
            ends = []
            for step in (1e-6, -1e-6):
                moved = at.copy()
                moved[i] += step
                of = lens.replaced(moved) if at is not pose else lens
                turn = moved if at is pose else pose
                ends.append(of.project(points, turn[:3], turn[3:]).ravel())
            np.testing.assert_allclose(slopes[:, i], (ends[0] - ends[1]) / 2e-6, rtol=1e-4, atol=1e-3)


def test_a_rational_lens_is_written_and_read_as_ros_has_it(tmp_path: Path) -> None:
    info = LENSES["rational"].info(frame_id="front")
    write_camera_info(tmp_path / "front.yaml", info)
    assert read_camera_info(tmp_path / "front.yaml") == info
    assert Lens.from_info(info) == LENSES["rational"]


def scene(rays: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """A smooth picture over directions (..., 2): what any camera sees there."""
    x, y = rays[..., 0], rays[..., 1]
    waves: npt.NDArray[np.float32] = np.asarray(128 + 60 * np.sin(9 * x + 2 * y) + 50 * np.cos(7 * y - 3 * x), "f4")
    return waves


@by_lens
def test_a_distorted_picture_becomes_an_ideal_one(name: str) -> None:
    """Turned by R and seen with P, every pixel shows the direction that it should."""
    lens = LENSES[name]
    turn = np.asarray(cv2.Rodrigues(np.array([0.02, -0.05, 0.03]))[0], np.float64)
    p = np.array([[110.0, 0, 78.0, 0], [0, 110.0, 61.0, 0], [0, 0, 1.0, 0]])
    columns, rows = np.meshgrid(np.arange(160.0), np.arange(120.0))
    raw = scene(lens.rays(np.column_stack([columns.ravel(), rows.ravel()])).reshape(120, 160, 2))
    rectifier = Rectifier(lens.info(r=turn, p=p))
    found = rectifier.apply(raw)

    direction = np.stack([(columns - 78.0) / 110.0, (rows - 61.0) / 110.0, np.ones_like(rows)], -1) @ turn
    expected = scene(direction[..., :2] / direction[..., 2:])
    inside = cv2.erode(rectifier.seen.astype(np.uint8), np.ones((5, 5))).astype(bool)
    assert inside.mean() > 0.75
    assert np.abs(found - expected)[inside].max() < 1.5  # linear interpolation of waves 60 grey levels high
    assert np.abs(raw - expected)[inside].mean() > 10.0  # and before it was something else


def test_its_maps_are_float32_and_its_own_calibration_is_ideal() -> None:
    info = LENSES["plumb_bob"].info()
    rectifier = Rectifier(info)
    assert [one.dtype for one in rectifier.maps] == [np.float32, np.float32]
    assert not rectifier.is_identity
    assert (rectifier.info.d, rectifier.info.p, rectifier.info.k) == ((), info.p, info.k)
    assert Rectifier(rectifier.info).is_identity


def test_an_ideal_camera_is_left_alone() -> None:
    left, _ = rectified_pair(width=32, height=24, fx_px=30.0, cx_px=15.5, cy_px=11.5, baseline_m=0.1)
    image = np.zeros((24, 32), np.uint8)
    assert Rectifier(left).apply(image) is image


def test_labels_are_not_mixed_and_sizes_must_fit() -> None:
    rectifier = Rectifier(LENSES["plumb_bob"].info())
    labels = np.where(np.arange(160)[None, :] + np.zeros((120, 1)) < 80, 3, 9).astype(np.uint16)
    assert set(np.unique(rectifier.apply(labels, nearest=True))) <= {0, 3, 9}
    assert set(np.unique(rectifier.apply(labels))) > {3, 9}
    assert rectifier.apply(np.zeros((120, 160, 3), np.uint8)).shape == (120, 160, 3)
    with pytest.raises(BadInputError, match="is 80 x 60 px, its calibration is for 160 x 120 px"):
        rectifier.apply(np.zeros((60, 80), np.uint8))


def test_a_model_that_is_not_known() -> None:
    info = msgspec.structs.replace(LENSES["fisheye"].info(), distortion_model="thin_prism")
    with pytest.raises(BadInputError, match="'thin_prism' is not known; use one of plumb_bob"):
        Rectifier(info)
    with pytest.raises(BadInputError, match="equidistant has 4 coefficients, not 5"):
        Lens(10, 10, 9.0, 9.0, 5.0, 5.0, (0.1,) * 5, "equidistant")


@given(
    half=st.integers(min_value=1, max_value=9),
    height=st.integers(min_value=1, max_value=5),
    channels=st.sampled_from([(), (3,)]),
    swapped=st.booleans(),
)
def test_two_eyes_in_one_picture(half: int, height: int, channels: tuple[int, ...], swapped: bool) -> None:
    shape = (height, 2 * half, *channels)
    image = np.arange(np.prod(shape)).reshape(shape)
    left, right = split_side_by_side(image, swapped=swapped)
    np.testing.assert_array_equal(np.concatenate([right, left] if swapped else [left, right], axis=1), image)
    for part in (left, right):
        assert part.flags["C_CONTIGUOUS"]
        assert not np.shares_memory(part, image)


def test_a_picture_that_holds_no_two() -> None:
    with pytest.raises(BadInputError, match=r"shape \(4, 7\) does not hold two"):
        split_side_by_side(np.zeros((4, 7), np.uint8))
