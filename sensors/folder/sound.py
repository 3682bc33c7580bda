"""WAV files as blocks of sound."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Audio


class WavFile:
    """A WAV file of whole numbers, checked when it is made, read block by block.

    16 bit samples come as int16, 8 bit ones too (times 256), 24 and 32 bit ones as float32 with full scale 1.

    Attributes:
        rate_hz, channels, frames: of the file; a frame is one sample of each channel.

    Raises:
        BadInputError: no WAV, not PCM, cut off, or empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with wave.open(str(path), "rb") as file:
                self.rate_hz, self.channels, self.frames = file.getframerate(), file.getnchannels(), file.getnframes()
                self._width = file.getsampwidth()
                # The length that the head claims is believed nowhere else.
                file.setpos(max(0, self.frames - 1))
                torn = bool(self.frames) and len(file.readframes(1)) != self._width * self.channels
        except FileNotFoundError:
            raise BadInputError(f"{path}: the sound is missing") from None
        except (OSError, EOFError, wave.Error, struct.error, RuntimeError) as error:
            reason = str(error) or "it ends too early"
            raise BadInputError(
                f"{path} is damaged or no WAV of whole numbers ({reason}); convert it to PCM"
            ) from error
        if torn:
            raise BadInputError(
                f"{path} is cut off: its head announces {self.frames} samples, and the last is not there"
            )
        if not self.frames or not self.rate_hz or self._width not in (1, 2, 3, 4):
            raise BadInputError(f"{path}: {self.frames} samples of {8 * self._width} bit at {self.rate_hz} Hz")

    def block(self, first: int, count: int, *, stamp_ns: int, frame_id: str) -> Audio:
        """Return ``count`` samples of each channel from number ``first`` on, fewer at the end of the file.

        Raises:
            BadInputError: the file has become shorter.
        """
        count = min(count, self.frames - first)
        with wave.open(str(self._path), "rb") as file:
            file.setpos(first)
            raw = file.readframes(count)
        if len(raw) != count * self.channels * self._width:
            raise BadInputError(f"{self._path} is cut off: sample {first + count} is not there")
        samples = _numbers(raw, self._width).reshape(-1, self.channels)
        return Audio(stamp_ns=stamp_ns, frame_id=frame_id, sample_rate_hz=self.rate_hz, samples=samples)


def _numbers(raw: bytes, width: int) -> npt.NDArray[np.int16] | npt.NDArray[np.float32]:
    if width == 1:
        return ((np.frombuffer(raw, np.uint8).astype(np.int16) - 128) * 256).astype(np.int16)
    if width == 2:
        return np.frombuffer(raw, "<i2").astype(np.int16)
    if width == 4:
        return (np.frombuffer(raw, "<i4") / 2.0**31).astype(np.float32)
    three = np.frombuffer(raw, np.uint8).reshape(-1, 3)
    wide = np.zeros((len(three), 4), np.uint8)
    wide[:, 1:] = three  # as the upper bytes: the sign comes along
    return (wide.reshape(-1).view("<i4") / 2.0**31).astype(np.float32)
