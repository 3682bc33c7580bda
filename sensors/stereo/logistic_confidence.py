"""Confidence of a disparity as the probability that it is right: a fixed logistic rule over what can be measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.optional import require
from selfcue.sensors.stereo.engines import disparity, make_block_matching
from selfcue.sensors.stereo.matcher_config import MatcherConfig

FloatMap = npt.NDArray[np.float32]
BoolMap = npt.NDArray[np.bool_]
GrayMap = npt.NDArray[np.uint8]

_WINDOW = (9, 9)
_SECOND_BLOCK_PX = 9  # smaller than for block matching alone: a second opinion should not smear over edges

# Fitted by maximum likelihood to Middlebury's cones and to the LiDAR of frames 0 to 239 of the KITTI drive, both with
# equal weight: the error is at most 2 px, there at most 1 px or 5 %. Scored on other pairs and frames, see benchmarks.
WEIGHTS = {"difference": -1.27, "support": 1.39, "texture": -0.16, "residual": -0.48, "unique": 2.25, "step": -0.40}
OFFSET = 1.55


@dataclass(frozen=True)
class Seen:
    """What the matcher knows of one pair; all maps are (H, W).

    Attributes:
        left, right: the images.
        x_right, y: column and row of the right image that show each left pixel.
        found: disparity [px], negative where there is none.
        passed: what passed the left-right check.
        difference: of the left and the right disparity of one point [px].
        deviation: local standard deviation of the left image [grey levels].
    """

    left: GrayMap
    right: GrayMap
    x_right: FloatMap
    y: FloatMap
    found: FloatMap
    passed: BoolMap
    difference: FloatMap
    deviation: FloatMap


class LogisticConfidence:
    """The rule; holds no state that a result depends on."""

    def __init__(self, config: MatcherConfig, num_disparities: int) -> None:
        self._cv2: Any = require("cv2", extra="vision")
        self._num_disparities = num_disparities
        self._second = make_block_matching(config, num_disparities, _SECOND_BLOCK_PX)

    def confidence(self, seen: Seen) -> FloatMap:
        """Return the probability that each disparity is right, (H, W) float32; 0 where the left-right check failed."""
        total = np.full(seen.found.shape, np.float32(OFFSET))
        for name, values in self.features(seen).items():
            total += np.float32(WEIGHTS[name]) * values
        confidence: FloatMap = np.where(seen.passed, 1.0 / (1.0 + np.exp(-total)), 0.0).astype(np.float32)
        return confidence

    def features(self, seen: Seen) -> dict[str, FloatMap]:
        """Return what the rule weighs, each (H, W) float32.

        ``difference`` of left and right [px]; ``support``: share of 9 x 9 px that passed the check and lie within 1 px
        of their median; ``texture``: log(1 + deviation); ``residual``: log(1 + grey levels by which the images differ
        at the match, local mean taken out); ``unique``: share of 9 x 9 px in which block matching agrees to 1 px; it
        says nothing where texture is poor or a second place matches as well;
        ``step``: log(1 + range of disparities in 9 x 9 px).
        """
        cv2 = self._cv2
        found = seen.found
        second = disparity(self._second, seen.left, seen.right, self._num_disparities)
        smooth = np.abs(found - cv2.medianBlur(found, 5)) < 1.0
        replicate = cv2.BORDER_REPLICATE
        support = cv2.blur((smooth & seen.passed).astype(np.float32), _WINDOW, borderType=replicate)
        there = cv2.remap(seen.right.astype(np.float32), seen.x_right, seen.y, cv2.INTER_LINEAR, borderMode=replicate)
        apart = seen.left.astype(np.float32) - there
        residual = cv2.blur(np.abs(apart - cv2.blur(apart, _WINDOW)), (5, 5))
        agrees = ((second > 0) & (np.abs(second - found) <= 1.0)).astype(np.float32)
        whole = np.ones(_WINDOW, np.uint8)
        reach = np.clip(cv2.dilate(found, whole) - cv2.erode(found, whole), 0.0, 20.0)
        return {
            "difference": np.minimum(seen.difference, np.float32(1.5)),
            "support": support,
            "texture": np.log1p(seen.deviation),
            "residual": np.log1p(residual),
            "unique": cv2.blur(agrees, _WINDOW),
            "step": np.log1p(reach),
        }
