"""A sound file as a sensor: WAV (whole numbers and floats), FLAC, OGG, and what else libsndfile reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from selfcue.errors import BadInputError
from selfcue.optional import require
from selfcue.sensors.audio.block import SampleFormat, SoundBlock, check_pick, picked
from selfcue.sensors.audio.picture import draw_sound
from selfcue.sensors.driver import Domain, Driver, EndOfData, Reading


@dataclass(frozen=True)
class SoundFileConfig:
    """Settings of a sound file.

    Attributes:
        path: of the file; ``~`` is the home folder.
        sample_format: int16, float32 with full scale 1, or ``own``: float32 for files of floats, of more than 16 bit
            and of lossy formats, int16 for the others.
        pick: numbers of the channels that are kept, from 0, in the order in which they shall come; empty keeps all.
        block_ms: length of the blocks that are given on; the last one is shorter.
        loop: begin again at the end.
    """

    path: str
    sample_format: Literal["own", "int16", "float32"] = "own"
    pick: tuple[int, ...] = ()
    block_ms: float = 40.0
    loop: bool = False

    def __post_init__(self) -> None:
        if not self.path or self.block_ms <= 0 or any(number < 0 for number in self.pick):
            raise ValueError(f"path {self.path!r} must be given, block_ms {self.block_ms} above 0, pick not below 0")
        if self.sample_format not in ("own", "int16", "float32"):
            raise ValueError(f"sample_format is {self.sample_format!r}; it can be own, int16 or float32")


class SoundFile(Driver[SoundBlock]):
    """Blocks of a sound file, stamped as if it had been heard from the first ``read`` on.

    Samples of a lossy format may lie beyond full scale; as float32 they are given as they are, as int16 they are held.
    """

    kind: ClassVar[str] = "audio"
    domain: Domain = "monotonic"

    def __init__(self, config: SoundFileConfig) -> None:
        self.config = config
        self._file: Any = None
        self._use = threading.Lock()
        self._begin_ns = 0
        self._given = 0
        self._in_round = 0
        self._block = 0
        self._format: SampleFormat = "int16"

    @classmethod
    def from_source(cls, source: str) -> SoundFile:
        return cls(SoundFileConfig(source))

    @property
    def name(self) -> str:
        return f"sound {self.config.path}"

    @property
    def asked_hz(self) -> float:
        return self._file.samplerate / self._block if self._file is not None else 1e3 / self.config.block_ms

    @property
    def paced(self) -> bool:
        return False

    def open(self) -> None:
        soundfile = require("soundfile", extra="audio")
        path = Path(self.config.path).expanduser()
        if not path.is_file():
            raise BadInputError(f"{path}: the sound is missing")
        try:
            file = soundfile.SoundFile(str(path))
        except (soundfile.SoundFileError, RuntimeError, OSError) as error:
            raise BadInputError(f"{path} is damaged or no sound that libsndfile reads ({error})") from error
        try:
            if not len(file):
                raise BadInputError(f"{path}: it holds no sample")
            check_pick(self.config.pick, file.channels, str(path))
        except BaseException:
            file.close()
            raise
        with self._use:
            self._file = file
            self._block = max(1, round(file.samplerate * self.config.block_ms * 1e-3))
            self._format = _own_format(file.subtype) if self.config.sample_format == "own" else _named(self.config)

    def read(self, timeout_s: float) -> list[Reading[SoundBlock]]:  # noqa: ARG002 - a file never waits
        soundfile = require("soundfile", extra="audio")
        with self._use:
            if self._file is None:
                return []
            rate_hz = self._file.samplerate
            try:
                samples = self._read_block()
                if not len(samples) and self.config.loop and self._in_round:
                    self._file.seek(0)
                    self._in_round = 0
                    samples = self._read_block()
            except (soundfile.SoundFileError, RuntimeError) as error:
                raise BadInputError(f"{self.name} is damaged at sample {self._in_round}: {error}") from error
            if not len(samples):
                if self._in_round < len(self._file):
                    raise BadInputError(
                        f"{self.name} is cut off: its head announces {len(self._file)} samples, and number "
                        f"{self._in_round} is not there"
                    )
                raise EndOfData
            if not self._begin_ns:
                self._begin_ns = time.monotonic_ns()
            stamp_ns = self._begin_ns + self._given * 1_000_000_000 // rate_hz
            self._given += len(samples)
            self._in_round += len(samples)
        return [Reading(SoundBlock(rate_hz, picked(samples, self.config.pick)), stamp_ns)]

    def _read_block(self) -> Any:
        """Return the next samples, (N, channels); none at the end."""
        samples = self._file.read(self._block, dtype="float32", always_2d=True)
        if self._format == "float32":
            return samples
        # libsndfile wraps floats beyond full scale when it is asked for whole numbers; 16 bit ones come back exactly.
        return np.clip(np.rint(samples * np.float32(32768)), -32768, 32767).astype(np.int16)

    def close(self) -> None:
        with self._use:
            file, self._file = self._file, None
            if file is not None:
                file.close()

    def describe(self) -> dict[str, Any]:
        with self._use:
            if self._file is None:
                return {}
            return {
                "path": self.config.path,
                "format": f"{self._file.format} {self._file.subtype}",
                "rate_hz": self._file.samplerate,
                "channels": len(self.config.pick) or self._file.channels,
                "seconds": len(self._file) / self._file.samplerate,
            }

    def draw(self, readings: Sequence[Reading[SoundBlock]], axes: Any) -> None:
        draw_sound(readings, axes)


def _own_format(subtype: str) -> SampleFormat:
    return "int16" if subtype in ("PCM_16", "PCM_S8", "PCM_U8") else "float32"


def _named(config: SoundFileConfig) -> SampleFormat:
    return "int16" if config.sample_format == "int16" else "float32"
