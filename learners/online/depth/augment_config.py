"""How far depth lessons are varied."""

from __future__ import annotations

from dataclasses import dataclass

from selfcue.errors import BadInputError


@dataclass(frozen=True)
class AugmentConfig:
    """How far lessons are varied.

    Attributes:
        flip: mirror every second lesson left to right.
        gamma: the tone curve's exponent is drawn from [1 / (1 + gamma), 1 + gamma], evenly in its logarithm.
        gain: brightness is multiplied by [1 - gain, 1 + gain] before it clips.
        zoom: largest zoom; drawn from [1, zoom] for ``zoom_share`` of the lessons. 1 switches it off.
        zoom_share: share of lessons that are zoomed.
    """

    flip: bool = True
    gamma: float = 0.3
    gain: float = 0.3
    zoom: float = 2.0
    zoom_share: float = 0.5

    def __post_init__(self) -> None:
        if self.gamma < 0 or not 0 <= self.gain < 1 or self.zoom < 1 or not 0 <= self.zoom_share <= 1:
            raise BadInputError(
                f"augmentation needs gamma >= 0, 0 <= gain < 1, zoom >= 1 and 0 <= zoom_share <= 1, got {self}"
            )
