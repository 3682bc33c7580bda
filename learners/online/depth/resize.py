"""Resizing of pictures and of inverse depth, in numpy: the student's eyes and its teacher's words at its own size."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.learners.online.depth.sizes import DepthSizes
from selfcue.messages import Image

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)
"""ITU-R BT.601: how bright red, green and blue look."""


def student_picture(image: Image, sizes: DepthSizes) -> npt.NDArray[np.uint8]:
    """Return what a student of ``sizes`` sees of a camera's ``image``: uint8, ``sizes.input_shape``.

    A colour picture is turned gray for a student that sees gray. Raises BadInputError for what it cannot see.
    """
    channels = 1 if image.data.ndim == 2 else image.data.shape[2]
    if image.data.dtype != np.uint8 or channels not in (sizes.channels, 3):
        raise BadInputError(
            f"the student was made for {sizes.channels}-channel 8-bit pictures, got {image.encoding!r}; "
            "one camera teaches one student"
        )
    small = resize_picture(image.data, (sizes.height, sizes.width))
    if channels == sizes.channels:
        return small
    gray: npt.NDArray[np.uint8] = np.rint(small @ _LUMA).astype(np.uint8)
    return gray


def resize_picture(picture: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return ``picture`` (H, W) or (H, W, C) at ``shape`` (h, w), each new pixel the mean of the area it covers."""
    if picture.shape[:2] == shape:
        return picture
    down, across = _area_weights(picture.shape[0], shape[0]), _area_weights(picture.shape[1], shape[1])
    planes = np.moveaxis(np.atleast_3d(picture), 2, 0).astype(np.float32)  # C x H x W
    small = down @ planes @ across.T
    small = np.moveaxis(np.rint(small).clip(0, 255).astype(np.uint8), 0, 2)
    return np.ascontiguousarray(small[:, :, 0] if picture.ndim == 2 else small)


def pool_inverse_depth(
    value: npt.NDArray[np.floating], valid: npt.NDArray[np.bool_], shape: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the median of the valid values in the area of each new pixel, and the share of the area that was valid.

    A median and not a mean: a mean across an edge is a depth that is not there. With an even count it is the larger
    (nearer) of the two middle values.

    Args:
        value: (H, W) inverse depth [1/m]; values that are not finite or negative are not valid.
        valid: (H, W).
        shape: (h, w), no larger than (H, W).

    Returns:
        ``(pooled, share)``, both (h, w); ``pooled`` is NaN where ``share`` is 0.
    """
    rows = _samples(value.shape[0], shape[0])  # h x k
    columns = _samples(value.shape[1], shape[1])  # w x m
    usable = valid & np.isfinite(value) & (value >= 0)
    hidden = np.where(usable, value, np.float32(np.inf)).astype(np.float32)
    cells = hidden[rows[:, None, :, None], columns[None, :, None, :]].reshape(*shape, -1)  # h x w x k*m
    cells.sort(axis=-1)  # invalid ones last
    count = np.isfinite(cells).sum(axis=-1)
    pooled = np.take_along_axis(cells, np.maximum(count // 2, 0)[..., None] % cells.shape[-1], axis=-1)[..., 0]
    pooled[count == 0] = np.nan
    return pooled, (count / cells.shape[-1]).astype(np.float32)


@lru_cache(maxsize=16)
def _area_weights(size: int, new_size: int) -> npt.NDArray[np.float32]:
    """Return (new_size, size): how much of each old pixel lies in each new one, rows summing to 1."""
    edges = np.linspace(0.0, size, new_size + 1)
    lower = np.maximum(edges[:-1, None], np.arange(size)[None, :])
    upper = np.minimum(edges[1:, None], np.arange(1, size + 1)[None, :])
    weights = np.maximum(upper - lower, 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


@lru_cache(maxsize=16)
def _samples(size: int, new_size: int) -> npt.NDArray[np.intp]:
    """Return (new_size, k): the k old indices, evenly spread, that stand for each new pixel's span."""
    k = -(-size // new_size)
    centres = (np.arange(new_size * k) + 0.5) * (size / (new_size * k))
    return np.minimum(centres.astype(np.intp), size - 1).reshape(new_size, k)
