"""The student's picture size follows the camera's."""

from __future__ import annotations

from dataclasses import dataclass

from selfcue.errors import BadInputError

_STEP = 16
"""The net halves its input four times."""


@dataclass(frozen=True)
class DepthSizes:
    """Sizes [px] of what the student sees (``width`` x ``height``) and says (half of it)."""

    width: int
    height: int
    channels: int

    @property
    def input_shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, 3) of the student's picture, uint8."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)

    @property
    def output_shape(self) -> tuple[int, int]:
        """(h, w) of its inverse depth."""
        return self.height // 2, self.width // 2


def sizes_for(width: int, height: int, channels: int, *, max_width: int = 320) -> DepthSizes:
    """Return the sizes for a camera of ``width`` x ``height`` px: at most ``max_width`` wide, sides multiples of 16.

    128 x 96 stays as it is; 621 x 187 becomes 320 x 96.

    Raises:
        BadInputError: the camera's picture is smaller than 32 x 32, or ``max_width`` is.
    """
    if min(width, height, max_width) < 2 * _STEP:
        raise BadInputError(
            f"a depth student needs pictures of 32 x 32 px or more, got {width} x {height} (max_width {max_width})"
        )
    new_width = min(width, max_width) // _STEP * _STEP
    new_height = max(2 * _STEP, round(height * new_width / width / _STEP) * _STEP)
    return DepthSizes(new_width, new_height, channels)
