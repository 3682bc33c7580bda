"""Logs: writing and reading beside the mcap library, rosbags and a plain copy, and a recorder under a robot's load."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.progress import Progress

from selfcue.benchmarks.logs_race import (
    COPY,
    MCAP,
    OURS,
    ROSBAGS,
    Load,
    Race,
    images,
    inertial,
    race_reading,
    race_writing,
)
from selfcue.benchmarks.logs_soak import Soak, soak
from selfcue.benchmarks.result import BenchResult, Claim
from selfcue.record.mcap_file import Compression

IMAGE_GOAL, IMU_GOAL = 0.85, 0.25e6
MEMORY_GOAL_MB = 20.0


@dataclass(frozen=True)
class Effort:
    """How much is run: messages, repeats, seconds of the soak."""

    images: int
    samples: int
    repeats: int
    soak_s: float


FULL = Effort(images=400, samples=300_000, repeats=7, soak_s=600.0)
QUICK = Effort(images=60, samples=40_000, repeats=3, soak_s=20.0)
NOTES = (
    "in shared memory where there is room, so that no disk is measured; the soak is on the disk",
    "ours takes and gives our messages; mcap takes and gives CDR; rosbags takes CDR and gives its own messages",
    "ratios are medians of the ratios within each repeat; in each repeat all take turns; fsync counts for all",
    "rosbags writes no checksum of a chunk: where it runs, ours and mcap write none either",
)


def measure(work: Path, *, quick: bool) -> BenchResult:
    """Race, then soak."""
    effort = QUICK if quick else FULL
    load = os.getloadavg()[0]
    pictures, samples = images(effort.images), inertial(effort.samples)
    with Progress(transient=True) as progress, tempfile.TemporaryDirectory(dir=_fast_folder(work, pictures)) as name:
        folder = Path(name)

        def write(what: Load, names: list[str], crc: bool, compression: Compression = "none") -> Race:
            return race_writing(
                what,
                names,
                folder,
                compression=compression,
                crc=crc,
                repeats=effort.repeats,
                progress=progress,
            )

        bare = write(pictures, [OURS, MCAP, ROSBAGS, COPY], crc=False)
        checked = write(pictures, [OURS, MCAP, COPY], crc=True)
        squeezed = write(pictures, [OURS, MCAP], crc=True, compression="lz4")
        small = write(samples, [OURS, MCAP, COPY], crc=True, compression="lz4")
        small_bare = write(samples, [OURS, MCAP, ROSBAGS], crc=False)
        reading = race_reading(pictures, folder, repeats=effort.repeats, progress=progress)
        reading_small = race_reading(samples, folder, repeats=effort.repeats, progress=progress)
    found = soak(work, effort.soak_s)
    races = {
        "write 0.9 MB images, no checksum": bare,
        "write 0.9 MB images": checked,
        "write 0.9 MB images, lz4": squeezed,
        "write IMU, lz4": small,
        "write IMU, no checksum": small_bare,
        "read 0.9 MB images": reading,
        "read IMU": reading_small,
    }
    rows = [row for what, race in races.items() for row in race.rows(what)]
    rows.append({"": f"soak of {found.seconds:.0f} s", "who": OURS, "MB/s": found.mb_per_s,
                 "messages/s": sum(found.published.values()) / found.seconds})  # fmt: skip
    claims = [*_speed_claims(bare, checked, small, effort), *_soak_claims(found)]
    loads = f"load of the machine (1 min) {load:.1f} at the start, {os.getloadavg()[0]:.1f} at the end"
    return BenchResult("logs", quick, rows, claims, [f"{loads}, on {os.cpu_count()} cores", *NOTES])


def _fast_folder(work: Path, load: Load) -> Path:
    """Return where the races write: shared memory where it has room for a few files."""
    work.mkdir(parents=True, exist_ok=True)
    memory = Path("/dev/shm")  # noqa: S108 - a folder of random name is made in it
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > 4 * load.nbytes else work


def _speed_claims(bare: Race, checked: Race, small: Race, effort: Effort) -> list[Claim]:
    faster = max((MCAP, ROSBAGS), key=lambda name: -sum(bare.seconds[name]))
    rate = small.load.number / sorted(small.seconds[OURS])[len(small.seconds[OURS]) // 2]
    how = f"{effort.images} images, median of {effort.repeats} ratios"
    claims = []
    for title, race, peer in (
        ("without checksums", bare, faster),
        ("with checksums", checked, MCAP),
    ):
        value = race.ratio(OURS, peer)
        claims.append(
            Claim(f"images / {peer}, {title}", f"writing 0.9 MB images against {peer}, {title}", f">= {IMAGE_GOAL} x",
                  value, value >= IMAGE_GOAL, how)
        )  # fmt: skip
    claims.append(
        Claim("imu", "inertial messages written a second, lz4, checksums", f">= {IMU_GOAL / 1e6:g} M", rate,
              rate >= IMU_GOAL, f"{effort.samples} messages, median of {effort.repeats}; "
              f"{small.ratio(OURS, MCAP):.2f} x mcap, {COPY} {small.ratio(COPY, OURS):.1f} x ours")
    )  # fmt: skip
    return claims


def _soak_claims(found: Soak) -> list[Claim]:
    number = sum(found.published.values())
    how = f"{found.seconds:.0f} s at {found.mb_per_s:.0f} MB/s, {number} messages; {found.late} late"
    lost = found.missing + sum(found.lost.values())
    return [
        Claim("soak drops", "messages lost under four 640 x 480 cameras, LiDAR, IMU and microphone", "0", float(lost),
              lost == 0, how),
        Claim("soak cores", "cores that the recorder takes", "< 1", found.cores, 0 < found.cores < 1, how),
        Claim("soak memory", "growth of its memory, last quarter against second", f"<= {MEMORY_GOAL_MB:g} MB",
              found.growth_mb, found.growth_mb <= MEMORY_GOAL_MB,
              f"resident {max(found.rss_mb, default=0.0):.0f} MB at most"),
    ]  # fmt: skip
