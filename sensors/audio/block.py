"""What every driver of sound gives: a block of samples, and which channels of it are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError

Samples = npt.NDArray[np.int16] | npt.NDArray[np.float32]
SampleFormat = Literal["int16", "float32"]


@dataclass(frozen=True)
class SoundBlock:
    """A block of sound.

    Attributes:
        rate_hz: samples a second and channel, as the device says it.
        samples: (N, channels) int16, or float32 with full scale 1.
        lost_samples: samples of each channel that are missing before this block (an overrun).
    """

    rate_hz: int
    samples: Samples
    lost_samples: int = 0


def check_pick(pick: tuple[int, ...], channels: int, what: str) -> None:
    """Check that a choice of channels can be met.

    Raises:
        BadInputError: a channel is not there.
    """
    for number in pick:
        if not 0 <= number < channels:
            raise BadInputError(
                f"{what} has {channels} channels, 0 to {channels - 1}; pick names {number}: choose among those"
            )


def picked(samples: Samples, pick: tuple[int, ...]) -> Samples:
    """Return the channels ``pick`` of (N, C) samples in that order; all of them where it is empty.

    The result shares no memory with ``samples`` where something was picked.
    """
    return samples[:, list(pick)] if pick else samples


def to_float(samples: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Return (N, C) samples as float32 with full scale 1; int16 is divided by 32768.

    Raises:
        BadInputError: other shapes or types.
    """
    if samples.ndim != 2 or samples.dtype.name not in ("int16", "float32"):
        raise BadInputError(
            f"sound has samples of shape {samples.shape} and type {samples.dtype}; give (N, channels) int16 or float32"
        )
    if samples.dtype.name == "int16":
        return samples.astype(np.float32) * np.float32(1 / 32768)
    return samples.astype(np.float32, copy=False)
