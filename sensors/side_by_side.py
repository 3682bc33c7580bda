"""Stereo devices that send both eyes in one picture, side by side."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

T = TypeVar("T", bound=np.generic)


def split_side_by_side(image: npt.NDArray[T], *, swapped: bool = False) -> tuple[npt.NDArray[T], npt.NDArray[T]]:
    """Return the left and the right eye's picture, contiguous copies: the device's frame may be overwritten.

    Args:
        image: (H, 2 W) or (H, 2 W, C).
        swapped: the device puts the right eye's picture on the left.

    Raises:
        BadInputError: not a picture, or of odd width.
    """
    if image.ndim not in (2, 3) or image.shape[1] < 2 or image.shape[1] % 2:
        raise BadInputError(
            f"side by side: a picture of shape {image.shape} does not hold two of equal width; "
            "check the format that the device was asked for"
        )
    half = image.shape[1] // 2
    first, second = _own(image[:, :half]), _own(image[:, half:])
    return (second, first) if swapped else (first, second)


def _own(part: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.array(part, order="C", copy=True)
