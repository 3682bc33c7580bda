"""Moments of a drive for the picture side by side, read from the run's log where it has one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Estimate, Image, Message
from selfcue.report.panel import PanelRow

TOPICS = ("depth/student", "depth/trusted", "lidar/depth", "stereo/left/image")
_NS = 1e9


def read_moments(run_dir: Path, count: int = 3) -> tuple[list[PanelRow], list[str]]:
    """Return ``count`` moments spread over the drive in ``run_dir``, and notes where there are none."""
    from selfcue.record.run_log import RunLog

    try:
        log = RunLog(run_dir)
    except BadInputError:
        return [], ["no picture side by side: the drive was not recorded"]
    with log:
        known = [topic for topic in TOPICS if topic in log.topics()]
        entries = log.messages(known, on_damage="skip")
        rows = moments((((entry.topic, entry.message) for entry in entries)), count)
    return rows, [] if rows else ["no picture side by side: the log holds no moment with picture, student and LiDAR"]


def moments(messages: Iterable[tuple[str, Message]], count: int = 3) -> list[PanelRow]:
    """Return up to ``count`` moments at which picture, student and LiDAR were recorded, spread over all of them."""
    kept: list[tuple[float, PanelRow]] = []
    stride = 1
    seen = 0
    waiting: dict[int, dict[str, Message]] = {}
    for topic, message in messages:
        if topic not in TOPICS:
            continue
        at = waiting.setdefault(message.stamp_ns, {})
        at[topic] = message
        while next(iter(waiting)) < message.stamp_ns - 2 * _NS:
            del waiting[next(iter(waiting))]
        row = _row(at) if len(at) == len(TOPICS) else None
        if row is None:
            continue
        if seen % stride == 0:
            kept.append((message.stamp_ns / _NS, row))
            if len(kept) > 8 * count:  # keep every second one: memory stays small on a drive of any length
                kept, stride = kept[::2], stride * 2
        seen += 1
    if not kept:
        return []
    chosen = sorted({round((i + 0.5) * len(kept) / count - 0.5) for i in range(count)})
    return [kept[i][1] for i in chosen]


def _row(at: dict[str, Message]) -> PanelRow | None:
    image, lidar = at["stereo/left/image"], at["lidar/depth"]
    student, trusted = at["depth/student"], at["depth/trusted"]
    if not (isinstance(image, Image) and isinstance(lidar, Image)):
        return None
    if not (isinstance(student, Estimate) and isinstance(trusted, Estimate)) or student.value.ndim != 2:
        return None
    # Single LiDAR points would be lost in a small picture: each covers a few pixels.
    depths = (_metres(trusted), _metres(student), _thick(lidar.data))
    return PanelRow(f"t = {image.stamp_ns / _NS:.0f} s", image.data, depths)


def _metres(estimate: Estimate) -> npt.NDArray[np.float32]:
    usable = estimate.valid & np.isfinite(estimate.value) & (estimate.value > 1e-3)
    return np.where(usable, 1.0 / np.where(usable, estimate.value, 1.0), np.nan).astype(np.float32)


def _thick(depth: npt.NDArray[np.float32], reach: int = 2) -> npt.NDArray[np.float32]:
    """Return sparse depth with each point grown by ``reach`` pixels; the nearer of two wins."""
    height, width = depth.shape
    padded = np.pad(np.where(np.isfinite(depth), depth, np.inf), reach, constant_values=np.inf)
    steps = range(2 * reach + 1)
    grown = np.full((height, width), np.inf, np.float32)
    for down in steps:
        for across in steps:
            np.minimum(grown, padded[down : down + height, across : across + width], out=grown)
    return np.where(np.isfinite(grown), grown, np.nan).astype(np.float32)
