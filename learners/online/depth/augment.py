"""Augmentation of depth lessons: what may change in a picture, and what that does to the depth.

- Flip: mirrors picture and depth. Wrong for a camera mounted askew: a setting.
- Gamma and gain: exposure. Brightness and contrast alone would vanish in the per-picture normalisation, so the tone
  curve is bent as well.
- Zoom: the crop of 1/z of the picture, shown at full size, looks like a camera with z times the focal length; for the
  same camera everything is then z times nearer, so the inverse depth is multiplied by z.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from selfcue.learners.online.depth.augment_config import AugmentConfig

Floats = npt.NDArray[np.float32]

DRAWS = 7
"""Random numbers that one lesson takes, whatever the settings."""


def augment(
    picture: npt.NDArray[np.uint8],
    target: Floats,
    weight: Floats,
    config: AugmentConfig,
    draws: npt.NDArray[np.floating],
) -> tuple[Floats, Floats, Floats]:
    """Return a varied copy of one lesson.

    Args:
        picture: (H, W, C) uint8; H and W are the same whole multiple of h and w.
        target: (h, w) or (k, h, w) inverse depth [1/m].
        weight: (h, w), 0 where there is no target.
        config: how far to vary.
        draws: (7,) in [0, 1), the only source of chance.

    Returns:
        Picture (H, W, C) float32 in (0, 1], target and weight.
    """
    gain = 1.0 + config.gain * (2.0 * draws[0] - 1.0)
    exponent = (1.0 + config.gamma) ** (2.0 * draws[1] - 1.0)
    levels = (np.arange(256) * (gain / 255.0)).clip(1e-3, 1.0) ** exponent
    varied = np.take(levels.astype(np.float32), picture)
    if config.zoom > 1.0 and draws[2] < config.zoom_share:
        factor = 1.0 + (config.zoom - 1.0) * float(draws[3])
        varied, target, weight = _zoom(varied, target, weight, factor, (float(draws[4]), float(draws[5])))
    if config.flip and draws[6] < 0.5:
        varied, target, weight = varied[:, ::-1], target[..., ::-1], weight[:, ::-1]
    return varied, target, weight


def _zoom(
    picture: Floats, target: Floats, weight: Floats, factor: float, place: tuple[float, float]
) -> tuple[Floats, Floats, Floats]:
    """Zoom by about ``factor``; ``place`` (down, right) in [0, 1) moves the crop about the middle."""
    height, width = weight.shape
    rows, columns = round(height / factor), round(width / factor)
    top = round((height - rows) * (0.25 + 0.5 * place[0]))
    left = round((width - columns) * (0.25 + 0.5 * place[1]))
    ratio = picture.shape[0] // height
    crop = picture[top * ratio : (top + rows) * ratio, left * ratio : (left + columns) * ratio]
    picture = _stretch(_stretch(crop, picture.shape[0], axis=0), picture.shape[1], axis=1)
    # Nearest for the depth: an average across an edge would be a depth that is not there.
    down = top + np.arange(height) * rows // height
    across = left + np.arange(width) * columns // width
    cells = np.ix_(down, across)
    return picture, target[(..., *cells)] * np.float32(width / columns), weight[cells]


def _stretch(values: Floats, size: int, *, axis: int) -> Floats:
    """Stretch ``axis`` to ``size`` by linear interpolation between pixel centres."""
    old = values.shape[axis]
    centres = ((np.arange(size) + 0.5) * (old / size) - 0.5).clip(0, old - 1)
    lower = np.minimum(centres.astype(np.intp), old - 2)
    shape = [1] * values.ndim
    shape[axis] = size
    share = (centres - lower).astype(np.float32).reshape(shape)
    low, high = np.take(values, lower, axis=axis), np.take(values, lower + 1, axis=axis)
    stretched: Floats = low + (high - low) * share
    return stretched
