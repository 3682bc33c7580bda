"""A folder of plain files, or a WAV file alone, as a source of messages."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Audio, Image
from selfcue.sensors.folder.columns import table_stream
from selfcue.sensors.folder.mapping import MAPPING, Pictures, Sound, read_mapping
from selfcue.sensors.folder.sound import WavFile
from selfcue.sensors.images import read_image
from selfcue.sensors.streams import Stream, StreamReader
from selfcue.sensors.tables import read_rows, stamp_ns, stamps


class FolderReader(StreamReader):
    """A folder with a mapping file ``selfcue.yaml``: pictures, WAV and CSV files by topic (see ``Mapping``).

    A ``.wav`` file by itself is the topic ``audio`` in blocks of 100 ms from time 0.

    Raises:
        BadInputError: the mapping or a file that it names is missing or damaged. Pictures are read when their turn
            comes.
    """

    looks_for: ClassVar[str] = f"a folder with {MAPPING}, or a .wav"

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        if self.path.is_file():
            self.time_base = "from the beginning of the file"
            self._take([_sound("audio", self.path, Sound(self.path.name))])
            return
        mapping = read_mapping(self.path)
        self.time_base = mapping.time_base
        streams = [_pictures(topic, one, self.path) for topic, one in mapping.images.items()]
        streams += [_sound(topic, _inside(self.path, one.file), one) for topic, one in mapping.audio.items()]
        for topic, table in mapping.tables.items():
            _inside(self.path, table.file)
            streams.append(table_stream(topic, table, self.path))
        topics = [stream.topic for stream in streams]
        twice = sorted({topic for topic in topics if topics.count(topic) > 1})
        if twice:
            raise BadInputError(f"{self.path / MAPPING}: topic {twice[0]!r} is named twice")
        self._take(streams)

    @classmethod
    def claims(cls, path: Path) -> bool:
        """Tell whether ``path`` is a folder with a mapping file, or a WAV file."""
        if path.is_dir():
            return (path / MAPPING).is_file()
        try:
            with path.open("rb") as file:
                start = file.read(12)
        except OSError:
            return False
        return start[:4] == b"RIFF" and start[8:12] == b"WAVE"


def _inside(folder: Path, name: str) -> Path:
    """Return a file that the mapping names. Raises BadInputError where it lies elsewhere."""
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise BadInputError(f"{folder / MAPPING}: {name!r} lies outside the folder")
    return folder / name


def _pictures(topic: str, one: Pictures, folder: Path) -> Stream:
    _inside(folder, one.files)
    files = sorted(folder.glob(one.files))
    if not files:
        raise BadInputError(f"{folder / MAPPING}: {topic}: no file fits {one.files!r}")
    stamps_ns = _picture_stamps(topic, one, folder, files)

    def read(i: int) -> Image:
        return read_image(files[i], stamp_ns=int(stamps_ns[i]), frame_id=one.frame_id)

    return Stream(topic, Image, stamps_ns, read, f"pictures {one.files}")


def _picture_stamps(topic: str, one: Pictures, folder: Path, files: list[Path]) -> npt.NDArray[np.int64]:
    if one.rate_hz:
        periods = np.arange(len(files)) * (1e9 / one.rate_hz)
        return np.asarray(round(one.start_s * 1e9) + np.rint(periods).astype(np.int64))
    if one.stamped_names:
        return np.array([stamp_ns(path.stem, one.unit, path, 1) for path in files], dtype=np.int64)
    table = _inside(folder, one.times)
    rows = read_rows(table, "the times of the pictures")
    found = stamps(rows, table, unit=one.unit)
    if len(found) != len(files):
        raise BadInputError(f"{table}: {len(found)} times for the {len(files)} pictures of {topic} ({one.files})")
    return found


def _sound(topic: str, path: Path, one: Sound) -> Stream:
    file = WavFile(path)
    size = max(1, round(file.rate_hz * one.block_ms / 1e3))
    firsts = np.arange(0, file.frames, size)
    stamps_ns = round(one.start_s * 1e9) + np.array([int(i) * 1_000_000_000 // file.rate_hz for i in firsts], np.int64)

    def read(i: int) -> Audio:
        return file.block(int(firsts[i]), size, stamp_ns=int(stamps_ns[i]), frame_id=one.frame_id)

    return Stream(topic, Audio, stamps_ns, read, "WAV")
