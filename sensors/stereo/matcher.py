"""Disparity, confidence and inverse depth of one rectified stereo pair.

Semi-global matching (H. Hirschmueller, "Stereo Processing by Semiglobal Matching and Mutual Information", PAMI 2008)
in OpenCV's three-way form, or block matching, run once for each image so that occlusions can be told by a left-right
check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import IMAGE_ENCODINGS, Image
from selfcue.optional import require
from selfcue.sensors.calibration import StereoGeometry
from selfcue.sensors.stereo.engines import disparity, make_engine
from selfcue.sensors.stereo.logistic_confidence import LogisticConfidence, Seen
from selfcue.sensors.stereo.matcher_config import MatcherConfig

FloatMap = npt.NDArray[np.float32]
BoolMap = npt.NDArray[np.bool_]
GrayMap = npt.NDArray[np.uint8]

_FIXED_POINT = 16  # SGBM's disparities are in 1/16 px
_LOCKING_PX = 0.13  # how far SGBM's sub-pixel fit pulls a disparity of x.25 or x.75 towards the whole pixel ...
_ROUNDING_PX = 0.035  # ... and how far its integer division lifts all: both measured on scenes with known depth
_Z90 = 1.645  # standard deviations to each end of a normal 90 % interval


@dataclass(frozen=True)
class Match:
    """What the matcher says of one pair; all maps are (H, W) and belong to the left image.

    Attributes:
        disparity: float32 px, NaN where invalid.
        confidence: float32 c* in [0, 1]; 0 where invalid.
        left_right_rate: share of the textured pixels inside both views whose left and right disparities agree, and
            those of their neighbours (broken images agree here and there by chance); NaN where fewer than 1 % of the
            pixels are textured.
        textured_share: share of pixels whose local deviation exceeds ``textured_std``.
        near_share: share of the image that passed the left-right check in the upper third of the search range;
            surfaces only a little nearer fail that check without any fault.
    """

    disparity: FloatMap
    confidence: FloatMap
    left_right_rate: float
    textured_share: float
    near_share: float

    @property
    def valid(self) -> BoolMap:
        return np.isfinite(self.disparity)


@dataclass(frozen=True)
class InverseDepth:
    """Inverse depth with its 90 % interval; (H, W) float32 [1/m], 0 where not ``valid``."""

    value: FloatMap
    lower: FloatMap
    upper: FloatMap
    valid: BoolMap


class StereoMatcher:
    """Match pairs of one size. Holds no state that a result depends on.

    Args:
        width, height: image size [px].
        config: settings.
    """

    def __init__(self, width: int, height: int, config: MatcherConfig | None = None) -> None:
        self.config = config or MatcherConfig()
        self.width, self.height = width, height
        self.num_disparities = self.config.disparities(width)
        if self.num_disparities >= width:
            raise UsageError(
                f"matcher: a search range of {self.num_disparities} px does not fit an image {width} px wide; "
                "set num_disparities lower"
            )
        self._cv2: Any = require("cv2", extra="vision")
        self._cv2.setNumThreads(1)
        self._engine = make_engine(self.config, self.num_disparities)
        self._rule: LogisticConfidence | None = None
        if self.config.confidence == "logistic":
            self._rule = LogisticConfidence(self.config, self.num_disparities)
        # Block matching fits its parabola to plain sums of differences and is not pulled as SGBM is.
        semi_global = self.config.algorithm != "bm"
        self._unlock = unlocking_table() if semi_global else np.zeros(_FIXED_POINT, np.float32)
        columns = np.arange(width, dtype=np.float32)
        self._x = np.broadcast_to(columns, (height, width))
        self._y = np.ascontiguousarray(np.broadcast_to(np.arange(height, dtype=np.float32)[:, None], (height, width)))

    def match(self, left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> Match:
        """Match two rectified images, each (H, W) or (H, W, 3) RGB uint8."""
        config = self.config
        seen = self.look(left, right)
        found, passed = seen.found, seen.passed
        if self._rule is None:
            confidence = self._confidence(found, passed, seen.difference, seen.deviation)
        else:
            confidence = self._rule.confidence(seen)
        exact = found + self._unlock[(found * _FIXED_POINT).astype(np.int32) % _FIXED_POINT]
        valid = passed & (confidence >= config.min_confidence) & self._not_speckle(found, passed)
        textured = seen.deviation > config.textured_std
        checkable = textured & (self._x >= self.num_disparities)
        few = checkable.mean() < 0.01
        return Match(
            disparity=np.where(valid, exact, np.float32(np.nan)),
            confidence=np.where(valid, confidence, np.float32(0.0)),
            left_right_rate=float("nan") if few else float(valid[checkable].mean()),
            textured_share=float(textured.mean()),
            near_share=float((passed & (found > self.num_disparities * 2 / 3)).mean()),
        )

    def look(self, left: npt.NDArray[np.uint8], right: npt.NDArray[np.uint8]) -> Seen:
        """Return what is measured of a pair before anything is refused: disparity, left-right check, texture."""
        cv2 = self._cv2
        left_gray, right_gray = self.gray(left), self.gray(right)
        found = self._disparity(left_gray, right_gray)
        mirrored = self._disparity(cv2.flip(right_gray, 1), cv2.flip(left_gray, 1))
        found_right = cv2.flip(mirrored, 1)

        # A left pixel x shows the point that right pixel x - d shows; there the right map must say d too.
        x_right = self._x - found
        inside = (found > 0) & (x_right >= 0)
        other = cv2.remap(
            found_right, x_right, self._y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT, borderValue=-1.0
        )
        difference = np.abs(other - found)
        passed = inside & (other > 0) & (difference <= self.config.left_right_px)
        return Seen(left_gray, right_gray, x_right, self._y, found, passed, difference, self._deviation(left_gray))

    def inverse_depth(self, match: Match, geometry: StereoGeometry) -> InverseDepth:
        """Return ``rho = d / (f B)`` and its 90 % interval ``(d -+ 1.645 sigma_d) / (f B)``, not below 0."""
        valid = match.valid
        disparity = np.where(valid, match.disparity, np.float32(0.0))
        sigma = self.config.sigma_px * (1.0 + self.config.sigma_slope * (1.0 - match.confidence))
        half = np.where(valid, _Z90 * sigma, 0.0).astype(np.float32)
        scale = np.float32(1.0 / geometry.focal_baseline)
        return InverseDepth(
            value=disparity * scale,
            lower=np.maximum(disparity - half, np.float32(0.0)) * scale,
            upper=(disparity + half) * scale,
            valid=valid,
        )

    def gray(self, image: npt.NDArray[np.uint8]) -> GrayMap:
        """Return ``image`` as (H, W) uint8. Raises BadInputError where size or dtype are not this matcher's."""
        if image.shape[:2] != (self.height, self.width) or image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise BadInputError(
                f"stereo image is {image.shape} {image.dtype}; the matcher was made for "
                f"{self.width} x {self.height} px, uint8"
            )
        gray: GrayMap = image if image.ndim == 2 else self._cv2.cvtColor(image, self._cv2.COLOR_RGB2GRAY)
        return np.ascontiguousarray(gray)

    def _disparity(self, first: GrayMap, second: GrayMap) -> FloatMap:
        """Return the engine's disparity of ``first`` [px], negative where it found none."""
        return disparity(self._engine, first, second, self.num_disparities)

    def _deviation(self, gray: GrayMap) -> FloatMap:
        """Return the standard deviation [grey levels] inside 5 x 5 px."""
        values = gray.astype(np.float32)
        mean = self._cv2.blur(values, (5, 5))
        variance = self._cv2.blur(values * values, (5, 5)) - mean * mean
        deviation: FloatMap = np.sqrt(np.maximum(variance, 0.0))
        return deviation

    def _confidence(self, found: FloatMap, passed: BoolMap, difference: FloatMap, deviation: FloatMap) -> FloatMap:
        """Return c*: agreement of left and right x support by neighbours x texture.

        Support is the share of the window whose pixels passed the check and lie within 1 px of their median; it is
        what tells wrong from right best (see benchmarks). Local texture tells little where SGBM carries disparity over
        from textured neighbours, so it only discounts flat surfaces.
        """
        cv2, config = self._cv2, self.config
        smooth = np.abs(found - cv2.medianBlur(found, 5)) < 1.0
        window = (config.support_px, config.support_px)
        support = cv2.blur((smooth & passed).astype(np.float32), window, borderType=cv2.BORDER_REPLICATE)
        texture = 0.75 + 0.25 * np.minimum(deviation / np.float32(config.texture_std), 1.0)
        agreement = np.exp(-np.square(np.where(passed, difference, np.float32(0.0))))
        confidence: FloatMap = np.where(passed, agreement * support * texture, 0.0).astype(np.float32)
        return confidence

    def _not_speckle(self, found: FloatMap, passed: BoolMap) -> BoolMap:
        """Return the pixels of ``passed`` that belong to islands of at least ``speckle_share`` of the image."""
        invalid = -_FIXED_POINT
        fixed = np.where(passed, found * _FIXED_POINT, invalid).astype(np.int16)
        smallest = int(self.config.speckle_share * self.width * self.height)
        self._cv2.filterSpeckles(fixed, invalid, smallest, _FIXED_POINT)
        kept: BoolMap = fixed > 0
        return kept


def unlocking_table() -> FloatMap:
    """Return (16,) float32 px to add to a disparity, by its sixteenths beyond the whole pixel.

    SGBM's parabola fit prefers whole pixels ("pixel locking": M. Shimizu, M. Okutomi, "Precise sub-pixel estimation on
    area-based matching", ICCV 2001): it gives m(t) = t - A sin(2 pi t) + r for the true t. The table holds the inverse.
    """
    measured = np.arange(_FIXED_POINT) / _FIXED_POINT
    true = measured.copy()
    for _ in range(50):  # a contraction: 2 pi A < 1
        true = measured + _LOCKING_PX * np.sin(2.0 * np.pi * true)
    return (true - measured - _ROUNDING_PX).astype(np.float32)


def image_array(image: Image, subject: str) -> npt.NDArray[np.uint8]:
    """Return the pixels of ``image`` for matching. Raises BadInputError for an encoding that is not 8 bit."""
    if IMAGE_ENCODINGS[image.encoding][0] != "uint8":
        raise BadInputError(f"{subject}: encoding {image.encoding!r} cannot be matched; use rgb8 or mono8")
    return image.data
