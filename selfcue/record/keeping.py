"""How a recording is kept, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from selfcue.record.mcap_file import Compression
from selfcue.record.run_log import next_segment

SNAPSHOTS = "snapshots"


@dataclass(frozen=True)
class Keeping:
    """How a recording is kept.

    Attributes:
        compression: of chunks: lz4, zstd or none.
        chunk_bytes: size of a chunk before compression.
        split_mb: a new file begins when one has so many megabytes (10^6 bytes); 0: never.
        split_s: a new file begins when one spans so many seconds of the system's time; 0: never.
        snapshot_s: no files; the last so many seconds are held in memory and written out when asked for. 0: files.
        snapshot_mb: most memory for that.
        queue_mb: live, so many megabytes may wait for the disk.
    """

    compression: Compression = "lz4"
    chunk_bytes: int = 1 << 20
    split_mb: float = 0.0
    split_s: float = 0.0
    snapshot_s: float = 0.0
    snapshot_mb: float = 512.0
    queue_mb: float = 256.0

    def __post_init__(self) -> None:
        for name in ("split_mb", "split_s", "snapshot_s"):
            if not 0 <= getattr(self, name) <= 1e6:
                raise ValueError(f"{name} is {getattr(self, name)}; give 0 (off) or more, up to 1e6")
        for name in ("snapshot_mb", "queue_mb"):
            if not 1 <= getattr(self, name) <= 1e6:
                raise ValueError(f"{name} is {getattr(self, name)}; give 1 to 1e6")
        if self.snapshot_s and (self.split_mb or self.split_s):
            raise ValueError("snapshot_s keeps no files that could be split; leave out split_mb and split_s")


@dataclass(frozen=True)
class Place:
    """Where a recording goes.

    Attributes:
        next_path: gives the path of each file.
        snapshots: folder of what is written out of a ring.
        run_dir: folder of the run that is recorded, for what the log says of it; None where there is none.
    """

    next_path: Callable[[], Path]
    snapshots: Path
    run_dir: Path | None

    @classmethod
    def folder(cls, folder: Path, run_dir: Path | None) -> Place:
        """Return a folder of files ``0000.mcap``, ``0001.mcap``, ...; snapshots go into ``snapshots`` in it."""
        return cls(lambda: next_segment(folder), folder / SNAPSHOTS, run_dir)

    @classmethod
    def file(cls, path: Path, run_dir: Path | None) -> Place:
        """Return one file; snapshots would go beside it."""
        return cls(lambda: path, path.parent / SNAPSHOTS, run_dir)
