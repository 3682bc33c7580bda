"""Augmentation of depth lessons: what may change in a picture, and what that does to the depth.

- Flip: mirrors picture and depth. Wrong for traffic that keeps to one side and for a camera mounted askew: a setting.
- Gamma and contrast: exposure. Brightness and contrast alone would vanish in the per-picture normalisation, so the
  tone curve is bent as well.
- Zoom: the crop of 1/z of the picture, shown at full size, looks like a camera with z times the focal length; for the
  same camera everything is then z times nearer, so the inverse depth is multiplied by z.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - the name everybody knows
from torch import Tensor

from selfcue.learners.online.depth.augment_config import AugmentConfig


def augment(
    pictures: Tensor, target: Tensor, weight: Tensor, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return a varied copy of a batch.

    Args:
        pictures: (B, C, H, W) float32 in [0, 1].
        target: (B, h, w) inverse depth [1/m].
        weight: (B, h, w), 0 where there is no target.
        generator: the only source of chance; a call always draws 7 numbers per lesson.
    """
    draws = torch.rand(7, pictures.shape[0], generator=generator)
    pictures, target, weight = pictures.clone(), target.clone(), weight.clone()
    for i in range(pictures.shape[0]):
        if config.zoom > 1 and draws[0, i] < config.zoom_share:
            factor = 1.0 + (config.zoom - 1.0) * float(draws[1, i])
            _zoom(pictures[i], target[i], weight[i], factor, (float(draws[2, i]), float(draws[3, i])))
    if config.flip:
        mirrored = torch.nonzero(draws[4] < 0.5).flatten()
        pictures[mirrored] = pictures[mirrored].flip(-1)
        target[mirrored], weight[mirrored] = target[mirrored].flip(-1), weight[mirrored].flip(-1)
    column = (slice(None), None, None, None)
    gain = 1.0 + config.gain * (2.0 * draws[5] - 1.0)
    exponent = (1.0 + config.gamma) ** (2.0 * draws[6] - 1.0)
    pictures = (pictures * gain[column]).clamp_(1e-3, 1.0) ** exponent[column]
    return pictures, target, weight


def _zoom(picture: Tensor, target: Tensor, weight: Tensor, factor: float, place: tuple[float, float]) -> None:
    """Zoom one lesson in place, by ``factor``; ``place`` (down, right) in [0, 1) moves the crop about the middle."""
    height, width = target.shape
    rows, columns = round(height / factor), round(width / factor)
    top = round((height - rows) * (0.25 + 0.5 * place[0]))
    left = round((width - columns) * (0.25 + 0.5 * place[1]))
    ratio = picture.shape[1] // height  # the picture is a whole multiple of the map
    crop = picture[:, top * ratio : (top + rows) * ratio, left * ratio : (left + columns) * ratio]
    picture.copy_(F.interpolate(crop[None], size=picture.shape[1:], mode="bilinear", align_corners=False)[0])
    pair = torch.stack((target, weight))[:, top : top + rows, left : left + columns]
    # Nearest: an average across an edge would be a depth that is not there.
    target_now, weight_now = F.interpolate(pair[None], size=(height, width), mode="nearest")[0]
    target.copy_(target_now * (width / columns))
    weight.copy_(weight_now)
