"""Settings of the stereo matcher."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class MatcherConfig:
    """Settings of the matcher. Defaults were measured on Middlebury pairs and a KITTI drive.

    Attributes:
        algorithm: ``sgbm``: semi-global matching in OpenCV's three-way form (its eight-way form takes
            three times the time and was no better on Middlebury and KITTI); ``bm``: block matching, which takes half
            of the time and finds nothing where texture is poor.
        confidence: ``support``: agreement of left and right, of neighbours, and texture; ``logistic``: a fixed rule
            over these, the grey levels of both images, and a second, cheap matcher that must find each pixel unique.
            It tells right from wrong better, is close to the share that is right, and costs a fifth more time;
            needs ``sgbm``.
        num_disparities: search range [px], a multiple of 16; 0 chooses by image width: 32 up to 160 px (16 would be
            blind nearer than 0.46 m on the small drone camera), else the multiple of 16 next above 0.15 widths.
        block_size: side of the matched block [px], odd.
        p1, p2: smoothness penalties per pixel of a block, for a step of one and of more disparities.
        uniqueness_percent: by how much the best cost must beat the second best; else the pixel is invalid.
        prefilter_cap: truncation of the horizontal derivative that is matched [grey levels].
        left_right_px: largest difference between the left and the right disparity of one point.
        bm_block_px: side of the block of block matching [px], odd, 5 or more.
        bm_texture: least sum of horizontal derivatives in a block for block matching to try.
        bm_uniqueness_percent: ``uniqueness_percent`` of block matching.
        speckle_share: islands smaller than this share of the image are invalid.
        support_px: side of the window in which neighbours must agree for a pixel to be trusted, odd.
        texture_std: local standard deviation [grey levels of 255] from which on texture costs no confidence.
        textured_std: local standard deviation above which a pixel counts as textured in ``left_right_rate``.
        min_confidence: pixels below it are invalid.
        sigma_px: standard deviation of the disparity at full confidence.
        sigma_slope: growth of that deviation as confidence falls: ``sigma_px * (1 + sigma_slope * (1 - c))``.
    """

    algorithm: Literal["sgbm", "bm"] = "sgbm"
    confidence: Literal["support", "logistic"] = "support"
    num_disparities: int = 0
    block_size: int = 5
    p1: int = 12
    p2: int = 48
    uniqueness_percent: int = 5
    prefilter_cap: int = 31
    left_right_px: float = 1.0
    bm_block_px: int = 15
    bm_texture: int = 10
    bm_uniqueness_percent: int = 10
    speckle_share: float = 0.0008
    support_px: int = 9
    texture_std: float = 1.0
    textured_std: float = 4.0
    min_confidence: float = 0.3
    sigma_px: float = 0.3
    sigma_slope: float = 6.0

    def __post_init__(self) -> None:
        if self.num_disparities < 0 or self.num_disparities % 16:
            raise ValueError(f"num_disparities {self.num_disparities} must be a multiple of 16, or 0 to choose")
        if self.algorithm not in ("sgbm", "bm"):
            raise ValueError(f"algorithm {self.algorithm!r} is not known; use sgbm or bm")
        if self.confidence not in ("support", "logistic"):
            raise ValueError(f"confidence {self.confidence!r} is not known; use support or logistic")
        if self.confidence == "logistic" and self.algorithm == "bm":
            raise ValueError("confidence logistic asks block matching for a second opinion; use it with sgbm")
        if self.bm_block_px < 5 or self.bm_block_px % 2 == 0 or self.bm_texture < 0:
            raise ValueError(
                f"bm_block_px {self.bm_block_px} must be odd, 5 or more, bm_texture {self.bm_texture} >= 0"
            )
        for name in ("block_size", "support_px"):
            if getattr(self, name) < 1 or getattr(self, name) % 2 == 0:
                raise ValueError(f"{name} {getattr(self, name)} must be odd and positive")
        if not 0 < self.p1 < self.p2:
            raise ValueError(f"p1 {self.p1} and p2 {self.p2} must be positive, p2 the larger")
        if not 0 <= self.min_confidence < 1 or self.sigma_px <= 0 or self.left_right_px <= 0:
            raise ValueError(
                f"min_confidence {self.min_confidence} must lie in [0, 1), sigma_px {self.sigma_px} and "
                f"left_right_px {self.left_right_px} above 0"
            )

    def disparities(self, width: int) -> int:
        """Return the search range for images ``width`` px wide."""
        if self.num_disparities:
            return self.num_disparities
        return 32 if width <= 160 else math.ceil(0.15 * width / 16) * 16
