"""One recorded drive through `launch/learn_depth.yaml`: what is played, learned from, and only scored."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path

from selfcue.config import launch as launch_files
from selfcue.config.launch import Launch, Scalar
from selfcue.errors import BadInputError, UsageError
from selfcue.record.sources import Source, contents
from selfcue.sensors.readers import HasMoments, open_log

LEFT = "stereo/left/image"
NEEDED = (LEFT, "stereo/right/image", "stereo/left/camera_info", "stereo/right/camera_info")
PLAYED = (*NEEDED, "lidar/depth")
"""Topics of a log of ours that are played; what it holds of an earlier student or teacher is left out."""


@dataclass(frozen=True)
class DriveRun:
    """How a drive is learned from.

    Attributes:
        seed: of weights and of the draw of lessons.
        student: ``dense`` or ``textons``.
        steps: training steps per frame.
        first, last: index of the first and the last frame played; ``last`` None: the log's last.
        learn_until: index of the last frame learned from; None: ``learn_share`` of the frames.
        learn_share: 0 to 1; 0 learns from none: the whole drive is only scored.
        predict_from: index of the first frame that counts for the predict-before-learn figures.
        init: file of weights to start from; empty: from scratch.
    """

    seed: int = 0
    student: str = "dense"
    steps: float = 1.0
    first: int = 0
    last: int | None = None
    learn_until: int | None = None
    learn_share: float = 0.8
    predict_from: int = 0
    init: str = ""

    def launch(self, log: Path) -> tuple[Launch, dict[str, Scalar]]:
        """Return the launch file and its arguments for ``log``.

        Raises:
            UsageError: the frames asked for leave nothing to play.
            BadInputError: ``log`` is no log of stereo pictures.
        """
        if not log.exists():
            raise BadInputError(f"{log}: no such file or folder")
        reader = open_log(log)
        found = launch_files.find("learn_depth")
        if isinstance(reader, HasMoments):
            frames, whole = len(reader.moment_stamps()), False
        else:
            frames, whole = _pictures(log, reader), True
            found = _playing(found, [topic for topic in PLAYED if topic in reader.topics()])
            if self.first or self.last is not None:
                raise UsageError(f"{log}: has no numbered frames; cut it first: selfcue log cut {log} PART --start S")
        last = frames - 1 if self.last is None else min(self.last, frames - 1)
        if not self.first < last:
            raise UsageError(
                f"--first {self.first} and --last {last} leave nothing to play; {log} has frames 0 to {frames - 1}"
            )
        until = self.learn_until
        if until is None:
            until = self.first + round(self.learn_share * (last - self.first)) if self.learn_share else self.first - 1
        return found, {
            "path": str(log.resolve()), "seed": self.seed, "student": self.student, "steps": self.steps,
            "first": self.first, "end": 0 if whole else last + 1, "learn_until": until - self.first,
            "predict_from": max(0, self.predict_from - self.first),
            "init": str(Path(self.init).resolve()) if self.init else "",
        }  # fmt: skip


def _pictures(log: Path, reader: Source) -> int:
    """Return how many left pictures a log without frames holds. Raises BadInputError where a topic is missing."""
    offered = reader.topics()
    missing = [topic for topic in NEEDED if topic not in offered]
    if missing:
        raise BadInputError(
            f"{log}: is not a log of stereo pictures: it has no {missing[0]}, but {', '.join(sorted(offered))}"
        )
    return contents(reader)[LEFT].count


def _playing(found: Launch, topics: list[str]) -> Launch:
    """Return the launch file with a player of these topics alone."""
    raw = copy.deepcopy(found.raw)
    (player,) = raw["processes"]["source"]
    player["params"]["topics"] = topics
    return replace(found, raw=raw)
