"""Choose among many pictures those that show the board anew: elsewhere, nearer, tilted otherwise, and sharp."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.optional import require
from selfcue.sensors.calibrate.board import Board
from selfcue.sensors.calibrate.coverage import coverage
from selfcue.sensors.calibrate.finder import BoardFinder, BoardView
from selfcue.sensors.calibrate.pose import first_pose
from selfcue.sensors.lens import Lens

Floats = npt.NDArray[np.float64]

_TRIES_TO_EXPLAIN = 3


@dataclass(frozen=True)
class Frame:
    """One picture: its name for messages, when it was taken, and (H, W) or (H, W, 3) RGB uint8."""

    name: str
    stamp_ns: int
    image: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CollectConfig:
    """Which views are kept.

    Attributes:
        max_views: how many at most; the most different ones are chosen.
        min_change: least difference to every kept view; 0.1 is a tenth of the picture's width, or 8 degrees of tilt.
        enough_views, enough_share: with so many views and this share of the picture covered a live camera may stop.
    """

    max_views: int = 40
    min_change: float = 0.05
    enough_views: int = 20
    enough_share: float = 0.85

    def __post_init__(self) -> None:
        if self.max_views < 4 or self.min_change < 0:
            raise ValueError(f"max_views {self.max_views} must be 4 or more, min_change {self.min_change} 0 or more")


class Collector:
    """Takes pictures one by one, from wherever they come, and keeps what each view is good for.

    Raises:
        BadInputError: a picture of another size than those before it.
    """

    def __init__(self, finder: BoardFinder, config: CollectConfig | None = None) -> None:
        self.config = config or CollectConfig()
        self.counts: Counter[str] = Counter()
        self._finder = finder
        self._seen: list[tuple[BoardView, Floats]] = []
        self._size: tuple[int, int] | None = None
        self._why: Counter[str] = Counter()
        self._explained = 0

    def add(self, frame: Frame) -> BoardView | None:
        """Take one picture; return its view where it shows the board sharply (kept or not), else None."""
        size = (int(frame.image.shape[1]), int(frame.image.shape[0]))
        self._size = self._size or size
        if size != self._size:
            raise BadInputError(
                f"{frame.name}: {size[0]} x {size[1]} px, the pictures before it {self._size[0]} x {self._size[1]} px; "
                "take all with one setting of one camera"
            )
        self.counts["pictures"] += 1
        view = self._finder.find(frame.image, frame.name, frame.stamp_ns)
        if view is None:
            self.counts["no board"] += 1
            if self._explained < _TRIES_TO_EXPLAIN and not self._seen:
                self._explained += 1
                self._why[self._finder.why_not(frame.image)] += 1
            return None
        if view.blurred:
            self.counts["blurred"] += 1
            return None
        looks = _looks(view, self._finder)
        if self._seen and min(np.linalg.norm(looks - other) for _, other in self._seen) < self.config.min_change:
            self.counts["like another"] += 1
            return view
        self._seen.append((view, looks))
        return view

    @property
    def board(self) -> Board:
        """What is looked for."""
        return self._finder.board

    @property
    def enough(self) -> bool:
        """Tell whether a live camera may stop."""
        seen = [view for view, _ in self._seen]
        return len(seen) >= self.config.enough_views and coverage(seen).share >= self.config.enough_share

    @property
    def views(self) -> list[BoardView]:
        """The kept views in the order of their pictures, at most ``max_views``: the most different ones."""
        if len(self._seen) <= self.config.max_views:
            return [view for view, _ in self._seen]
        looks = np.array([one for _, one in self._seen])
        chosen = [int(np.argmax([len(view.ids) for view, _ in self._seen]))]
        nearest = np.linalg.norm(looks - looks[chosen[0]], axis=1)
        while len(chosen) < self.config.max_views:
            chosen.append(int(np.argmax(nearest)))
            nearest = np.minimum(nearest, np.linalg.norm(looks - looks[chosen[-1]], axis=1))
        return [self._seen[i][0] for i in sorted(chosen)]

    def explain(self) -> str:
        """Return one line on what became of the pictures, and why the board was not found where that is known."""
        counted = ", ".join(f"{self.counts[key]} {key}" for key in ("no board", "blurred", "like another"))
        reason = "" if self._seen else next((why for why, _ in self._why.most_common() if why), "")
        return f"{self.counts['pictures']} pictures: {counted}" + (f"; {reason}" if reason else "")

    def add_all(self, frames: Iterable[Frame]) -> None:
        """Take all of ``frames``."""
        for frame in frames:
            self.add(frame)


def _looks(view: BoardView, finder: BoardFinder) -> Floats:
    """Return place (2), size (1) and tilt (2) of the board in numbers that compare; a rough lens is enough for that."""
    cv2: Any = require("cv2", extra="vision")
    middle = view.pixels.mean(axis=0) / view.width
    size = view.square_px * finder.board.squares_x / view.width
    rough = Lens(view.width, view.height, view.width, view.width, (view.width - 1) / 2, (view.height - 1) / 2)
    pose = first_pose(rough, finder.points, view)
    normal: Any = np.zeros(3) if pose is None else cv2.Rodrigues(pose[:3])[0][:, 2]
    return np.array([middle[0], middle[1], size, 0.7 * normal[0], 0.7 * normal[1]], dtype=np.float64)
