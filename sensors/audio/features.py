"""Log-mel spectra and cepstra of a stream: the same numbers however the sound is cut into blocks.

They are librosa's (``melspectrogram``, ``power_to_db`` without ``top_db``, ``mfcc``), computed in double precision, for
any number of channels at once. numpy is all they need.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.sensors.audio.block import to_float
from selfcue.sensors.audio.mel import Floats, MelConfig, mel_filters

Features = npt.NDArray[np.float32]

_FRAMES_AT_ONCE = 256  # bounds the memory that a long block takes


class LogMel:
    """Log-mel spectra of a stream of sound.

    Args:
        config: what they are made of.
        channels: of the sound.

    Example::

        mel = LogMel(MelConfig(), channels=1)
        for block in blocks:                # (N, channels) int16 or float32, N as it comes
            spectra = mel.push(block)       # (frames, channels, mels) float32, frames as many as are whole
        last = mel.finish()                 # those that reach beyond the end; the next sound may begin
    """

    def __init__(self, config: MelConfig | None = None, *, channels: int = 1) -> None:
        if channels < 1:
            raise ValueError(f"channels is {channels}; it must be at least 1")
        self.config = config or MelConfig()
        self.channels = channels
        self._filters = mel_filters(self.config)
        self._window = _centred_hann(self.config.window, self.config.fft)
        self._pad = self.config.fft // 2 if self.config.centred else 0
        self._begin()

    def _begin(self) -> None:
        self.frames = 0
        self._buffer = np.zeros((0, self.channels), np.float32)
        self._first = 0  # number of the buffer's first sample, continuation before the sound included
        self._begun = False

    def time_s(self, frame: int) -> float:
        """Return the middle of frame ``frame`` [s], counted from the first sample."""
        return (frame * self.config.hop + (0 if self.config.centred else self.config.fft / 2)) / self.config.rate_hz

    def push(self, samples: npt.NDArray[np.generic]) -> Features:
        """Take a block, (N, channels) int16 or float32; return the frames that it completes, (n, channels, mels).

        Raises:
            BadInputError: another shape or type, or another number of channels.
        """
        block = to_float(samples)
        if block.shape[1] != self.channels:
            raise BadInputError(f"sound has {block.shape[1]} channels; these features were made for {self.channels}")
        self._buffer = np.concatenate([self._buffer, block])
        if not self._begun:
            if len(self._buffer) <= (self._pad if self.config.continued == "mirrored" else 0):
                return self._spectra(self._frames())
            self._begun = True
            self._buffer = np.concatenate([self._continuation(self._buffer[: self._pad + 1])[::-1], self._buffer])
        return self._spectra(self._frames())

    def finish(self) -> Features:
        """Return the frames that reach beyond the end of the sound, and begin anew.

        Raises:
            BadInputError: the sound was too short to be mirrored.
        """
        if self._pad and (self._begun or len(self._buffer)):
            if not self._begun:
                raise BadInputError(
                    f"sound of {len(self._buffer)} samples is too short to be mirrored by {self._pad}; continue it "
                    "by zeros"
                )
            self._buffer = np.concatenate([self._buffer, self._continuation(self._buffer[-self._pad - 1 :][::-1])])
        last = self._spectra(self._frames())
        self._begin()
        return last

    def _continuation(self, end: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return ``pad`` samples beyond an end of the sound; ``end`` are its samples there, the outermost first."""
        if self.config.continued == "mirrored":
            return end[1 : self._pad + 1]
        return np.zeros((self._pad, self.channels), np.float32)

    def _frames(self) -> npt.NDArray[np.float32]:
        """Take all whole frames out of the buffer, (n, channels, fft), as a view."""
        fft, hop = self.config.fft, self.config.hop
        begin = self.frames * hop - self._first
        if (self._pad and not self._begun) or len(self._buffer) < begin + fft:
            return np.zeros((0, self.channels, fft), np.float32)
        whole = np.lib.stride_tricks.sliding_window_view(self._buffer[begin:], fft, axis=0)[::hop]
        self.frames += len(whole)
        # What the next frame needs stays, and what a mirrored end would.
        done = min(begin + len(whole) * hop, max(0, len(self._buffer) - self._pad - 1))
        self._buffer, self._first = self._buffer[done:].copy(), self._first + done
        return whole

    def _spectra(self, frames: npt.NDArray[np.float32]) -> Features:
        config = self.config
        out = np.empty((len(frames), self.channels, config.mels), np.float32)
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            part = frames[first : first + _FRAMES_AT_ONCE]
            transform = np.fft.rfft(part * self._window, axis=-1)
            power = (transform.real**2 + transform.imag**2) @ self._filters
            if config.scale == "log":
                power = np.log(config.floor + power)
            elif config.scale == "db":
                power = 10.0 * np.log10(np.maximum(config.floor, power))
            out[first : first + _FRAMES_AT_ONCE] = power
        return out


@dataclass(frozen=True)
class MfccConfig:
    """What cepstra are made of.

    Attributes:
        mel: the spectra; their scale must be ``db`` for librosa's numbers, and may be ``log``.
        coefficients: how many, from 0 on; at most as many as bands.
        lifter: HTK's weighting of higher coefficients; 0 leaves them as they are.
    """

    mel: MelConfig = field(default_factory=lambda: MelConfig(scale="db", floor=1e-10))
    coefficients: int = 20
    lifter: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.coefficients <= self.mel.mels or self.lifter < 0 or self.mel.scale == "power":
            raise ValueError(
                f"coefficients {self.coefficients} must be 1 to {self.mel.mels}, lifter {self.lifter} not negative and "
                f"the mel scale a logarithm, not {self.mel.scale!r}"
            )


class Mfcc:
    """Mel-frequency cepstra of a stream of sound: the cosine transform (type 2, orthonormal) of log-mel spectra.

    Used as ``LogMel`` is; frames come as (n, channels, coefficients) float32.
    """

    def __init__(self, config: MfccConfig | None = None, *, channels: int = 1) -> None:
        self.config = config or MfccConfig()
        self._mel = LogMel(self.config.mel, channels=channels)
        self._transform = _cosines(self.config.mel.mels, self.config.coefficients)
        if self.config.lifter:
            number = np.arange(1, self.config.coefficients + 1)
            self._transform *= 1.0 + self.config.lifter / 2 * np.sin(np.pi * number / self.config.lifter)

    @property
    def frames(self) -> int:
        return self._mel.frames

    def time_s(self, frame: int) -> float:
        """Return the middle of frame ``frame`` [s], counted from the first sample."""
        return self._mel.time_s(frame)

    def push(self, samples: npt.NDArray[np.generic]) -> Features:
        """Take a block; return the frames that it completes, (n, channels, coefficients). Errors as ``LogMel.push``."""
        return self._cepstra(self._mel.push(samples))

    def finish(self) -> Features:
        """Return the last frames and begin anew. Errors as ``LogMel.finish``."""
        return self._cepstra(self._mel.finish())

    def _cepstra(self, spectra: Features) -> Features:
        return (spectra @ self._transform).astype(np.float32)


def _centred_hann(window: int, fft: int) -> Floats:
    """Return a periodic Hann window of ``window`` samples in the middle of ``fft``, zeros around it."""
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(window) / window)
    left = (fft - window) // 2
    return np.pad(hann, (left, fft - window - left))


def _cosines(mels: int, coefficients: int) -> Floats:
    """Return the orthonormal cosine transform, (mels, coefficients)."""
    band, number = np.arange(mels)[:, None], np.arange(coefficients)[None, :]
    cosines: Floats = np.cos(np.pi * number * (2 * band + 1) / (2 * mels)) * np.sqrt(2.0 / mels)
    cosines[:, 0] /= np.sqrt(2.0)
    return cosines
