"""OpenCV's stereo engines, made as a configuration says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.optional import require
from selfcue.sensors.stereo.matcher_config import MatcherConfig


def make_engine(config: MatcherConfig, num_disparities: int) -> Any:
    """Return the engine of ``config.algorithm``: ``compute(left, right)`` gives int16 sixteenths of a pixel."""
    cv2: Any = require("cv2", extra="vision")
    if config.algorithm == "bm":
        return make_block_matching(config, num_disparities)
    block = config.block_size
    return cv2.StereoSGBM_create(
        minDisparity=0,
        numDisparities=num_disparities,
        blockSize=block,
        P1=config.p1 * block * block,
        P2=config.p2 * block * block,
        disp12MaxDiff=-1,
        preFilterCap=config.prefilter_cap,
        uniquenessRatio=config.uniqueness_percent,
        speckleWindowSize=0,
        speckleRange=0,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )


def disparity(
    engine: Any, first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8], num_disparities: int
) -> npt.NDArray[np.float32]:
    """Return the disparity of ``first`` (H, W) [px], negative where there is none.

    OpenCV leaves the first ``num_disparities`` columns empty, so both images get that many in front.
    """
    cv2: Any = require("cv2", extra="vision")
    pad = num_disparities
    padded = [cv2.copyMakeBorder(i, 0, 0, pad, 0, cv2.BORDER_REPLICATE) for i in (first, second)]
    raw = engine.compute(*padded)[:, pad:]
    found: npt.NDArray[np.float32] = raw.astype(np.float32) / np.float32(16)
    return found


def make_block_matching(config: MatcherConfig, num_disparities: int, block_px: int = 0) -> Any:
    """Return block matching (K. Konolige, "Small vision systems", 1997); ``block_px`` 0 takes the configuration's."""
    cv2: Any = require("cv2", extra="vision")
    engine = cv2.StereoBM_create(num_disparities, block_px or config.bm_block_px)
    engine.setPreFilterCap(config.prefilter_cap)
    engine.setTextureThreshold(config.bm_texture)
    engine.setUniquenessRatio(config.bm_uniqueness_percent)
    return engine
