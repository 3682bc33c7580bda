"""OpenCV's SGBM finds the true depth in rendered pairs, in textures to learn in and in those to test in."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from selfcue.sim.camera import StereoSettings
from selfcue.sim.probe import probe_poses, render_probe
from selfcue.sim.worlds.room import RoomSettings, make_room

DISPARITIES = 32


def sgbm_depth(left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Depth (H, W) [m]; NaN where SGBM says nothing. The left edge is padded: SGBM is blind there."""
    matcher = cv2.StereoSGBM.create(
        minDisparity=0, numDisparities=DISPARITIES, blockSize=5, P1=200, P2=800, disp12MaxDiff=1, uniquenessRatio=5
    )
    gray = [
        cv2.copyMakeBorder(cv2.cvtColor(p, cv2.COLOR_RGB2GRAY), 0, 0, DISPARITIES, 0, cv2.BORDER_REPLICATE)
        for p in (left, right)
    ]
    disparity = matcher.compute(*gray)[:, DISPARITIES:] / np.float32(16.0)
    settings = StereoSettings()
    with np.errstate(divide="ignore"):
        depth = settings.focal_px * settings.baseline_m / disparity
    return np.where(disparity > 0, depth, np.nan).astype(np.float32)


@pytest.mark.parametrize("family", ["default", "unseen"])
def test_matching_finds_the_true_depth(family: str) -> None:
    cv2.setNumThreads(1)
    errors, valid = [], []
    for seed in (11, 12, 13):
        world = make_room(seed, RoomSettings(texture_family=family))
        views = render_probe(world, probe_poses(world, 25, np.random.default_rng(seed)))
        for left, right, truth in zip(views.left, views.right, views.depth, strict=True):
            found = sgbm_depth(left, right)
            near = (truth < 3.0) & (truth > StereoSettings().focal_px * 0.06 / (DISPARITIES - 1))
            ok = np.isfinite(found)
            valid.append(ok[near])
            errors.append((np.abs(found - truth) / truth)[near & ok])
    error, coverage = float(np.median(np.concatenate(errors))), float(np.concatenate(valid).mean())
    print(f"{family}: median relative depth error {error:.4f}, coverage {coverage:.3f} nearer than 3 m")
    assert error < 0.05
    assert coverage > 0.6
