"""Lessons as batches of tensors, as the dense student wants them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from selfcue.learners.online.interfaces import Lesson


def image_of(lesson: Lesson) -> npt.NDArray[np.uint8]:
    """Return the lesson's picture, (H, W) or (H, W, 3)."""
    return lesson.inputs["image"]


def target_of(lesson: Lesson) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the lesson's inverse depth (0 where there is none) and weight, each (h, w) float32."""
    target = lesson.target["inverse_depth_per_m"].astype(np.float32)
    known = np.isfinite(target)
    weight = np.where(known, lesson.target["weight"].astype(np.float32), np.float32(0.0))
    return np.where(known, target, np.float32(0.0)), weight


def pictures_of(pictures: Sequence[npt.NDArray[np.uint8]]) -> Tensor:
    """Return (B, C, H, W) float32 in [0, 1]."""
    batch = torch.from_numpy(np.stack(pictures)).to(torch.float32).div_(255.0)
    return batch.unsqueeze(1) if batch.ndim == 3 else batch.permute(0, 3, 1, 2)


def normalise(pictures: Tensor) -> Tensor:
    """Take each picture's mean and deviation out, so that a jump of the exposure changes nothing."""
    deviation, mean = torch.std_mean(pictures, dim=(1, 2, 3), keepdim=True)
    return (pictures - mean) / deviation.clamp_min(0.02)
