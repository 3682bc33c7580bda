"""Lessons and pictures as the dense student's net wants them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfcue.learners.online.depth.augment import DRAWS, Floats, augment
from selfcue.learners.online.depth.augment_config import AugmentConfig
from selfcue.learners.online.interfaces import Lesson


def picture_of(lesson: Lesson) -> npt.NDArray[np.uint8]:
    """Return the lesson's picture, (H, W) or (H, W, 3)."""
    return lesson.inputs["image"]


def target_of(lesson: Lesson) -> tuple[Floats, Floats]:
    """Return the lesson's inverse depth [1/m] (0 where there is none) and its weight, each (h, w)."""
    target = lesson.target["inverse_depth_per_m"].astype(np.float32)
    known = np.isfinite(target)
    weight = np.where(known, lesson.target["weight"].astype(np.float32), np.float32(0.0))
    return np.where(known, target, np.float32(0.0)), weight


def as_input(picture: npt.NDArray[np.uint8]) -> Tensor:
    """Return ``picture`` as the net's input (1, C, H, W), normalised."""
    return _channels_first(_normalise(np.atleast_3d(picture).astype(np.float32) / np.float32(255.0))[None])


def varied_batch(
    lessons: Sequence[Lesson], mean: Floats, config: AugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return augmented ``lessons``: normalised pictures (B, C, H, W), inverse depth, ``mean`` and weight (B, h, w).

    ``mean`` (h, w) is what one expects without looking; where a lesson is turned or zoomed, so is that.
    """
    draws = torch.rand(len(lessons), DRAWS, generator=generator).numpy()
    pictures, depths, weights = [], [], []
    for lesson, mine in zip(lessons, draws, strict=True):
        target, weight = target_of(lesson)
        both = np.stack((target, mean))
        picture, both, weight = augment(np.atleast_3d(picture_of(lesson)), both, weight, config, mine)
        pictures.append(_normalise(picture))
        depths.append(both)
        weights.append(weight)
    depth = torch.from_numpy(np.stack(depths))
    return _channels_first(np.stack(pictures)), depth[:, 0], depth[:, 1], torch.from_numpy(np.stack(weights))


def _normalise(picture: Floats) -> Floats:
    """Take the picture's mean and deviation out, so that a jump of the exposure changes nothing."""
    centred = picture - picture.mean()
    deviation = float(np.sqrt(np.square(centred).mean()))
    normal: Floats = centred / np.float32(max(deviation, 0.02))
    return normal


def _channels_first(pictures: Floats) -> Tensor:
    """Return (B, H, W, C) as (B, C, H, W) without moving a byte: the layout that convolutions on CPUs like best."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)
