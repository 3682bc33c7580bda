"""Find the board in a picture, say how sharp it is there, and why it is not found."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.optional import require
from selfcue.sensors.calibrate.board import Board, dictionaries, marker_dictionary

Gray = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

MIN_CORNERS = 8
_REACH_PX, _STEP_PX = 6.0, 0.5  # of the profiles across edges


@dataclass(frozen=True)
class BoardView:
    """One picture of the board.

    Attributes:
        name: of the picture, for messages.
        stamp_ns: when it was taken.
        width, height: of the picture [px].
        ids: (N,) int, which inner corners are seen.
        pixels: (N, 2) where [px].
        square_px: median side of a square in the picture.
        edge_px: width of the transition from black to white, in the more blurred of the board's two directions.
    """

    name: str
    stamp_ns: int
    width: int
    height: int
    ids: npt.NDArray[np.int64]
    pixels: Floats
    square_px: float
    edge_px: float

    @property
    def blurred(self) -> bool:
        """Tell whether edges are too wide for corners that are exact: 2.5 px and 8 % of a square."""
        return self.edge_px > max(2.5, 0.08 * self.square_px)


class BoardFinder:
    """Find ``board`` in pictures. Not thread-safe (OpenCV's detector is not)."""

    def __init__(self, board: Board) -> None:
        cv2 = require("cv2", extra="vision")
        self.board = board
        self.points = board.corners
        self._made = board.made
        self._detector = cv2.aruco.CharucoDetector(self._made)
        self._cv2: Any = cv2

    def find(self, image: npt.NDArray[np.uint8], name: str = "", stamp_ns: int = 0) -> BoardView | None:
        """Return the view of the board in ``image``, (H, W) or (H, W, 3) RGB uint8, or None where it is not seen."""
        gray = self.gray(image)
        corners, ids, _, _ = self._detector.detectBoard(gray)
        if ids is None or len(ids) < MIN_CORNERS or self._made.checkCharucoCornersCollinear(np.asarray(ids)):
            return None
        numbers = np.asarray(ids).ravel().astype(np.int64)
        order = np.argsort(numbers)
        numbers, pixels = numbers[order], np.asarray(corners, dtype=np.float64).reshape(-1, 2)[order]
        square_px, edge_px = self._sharpness(gray, numbers, pixels)
        return BoardView(name, stamp_ns, gray.shape[1], gray.shape[0], numbers, pixels, square_px, edge_px)

    def gray(self, image: npt.NDArray[np.uint8]) -> Gray:
        """Return ``image`` as (H, W)."""
        found: Gray = image if image.ndim == 2 else self._cv2.cvtColor(image, self._cv2.COLOR_RGB2GRAY)
        return np.ascontiguousarray(found)

    def why_not(self, image: npt.NDArray[np.uint8]) -> str:
        """Return what stands in the way in a picture without this board, in a few words; empty where nothing is known.

        Slow: it looks for the markers of every dictionary, and for mirrored ones.
        """
        cv2, gray = self._cv2, self.gray(image)
        fit = self._count(gray, self.board.dictionary)
        if fit >= 4:
            if BoardFinder(replace(self.board, legacy=not self.board.legacy)).find(image) is not None:
                return (
                    "it shows the pattern of newer OpenCV versions; leave --legacy out"
                    if self.board.legacy
                    else "it shows the pattern of OpenCV before 4.6; add --legacy"
                )
            return f"markers of {self.board.dictionary} are seen, but not this board; check squares across and down"
        if self._count(np.ascontiguousarray(cv2.flip(gray, 1)), self.board.dictionary) >= 4:
            return "the picture is mirrored; switch mirroring off in the camera's settings"
        counts = {name: self._count(gray, name) for name in dictionaries() if name != self.board.dictionary.upper()}
        # A small dictionary is a part of the larger ones of its kind: the smallest that explains all is named.
        best = max(counts, key=lambda name: (counts[name], -len(marker_dictionary(name).bytesList)))
        if counts[best] >= 4 and counts[best] > fit:
            return f"it shows markers of {best}, not of {self.board.dictionary}; give --dictionary {best}"
        return ""

    def _count(self, gray: Gray, dictionary: str) -> int:
        """Return how many markers of a dictionary are seen."""
        ids = self._cv2.aruco.ArucoDetector(marker_dictionary(dictionary)).detectMarkers(gray)[1]
        return 0 if ids is None else len(ids)

    def _sharpness(self, gray: Gray, ids: npt.NDArray[np.int64], pixels: Floats) -> tuple[float, float]:
        """Return the side of a square and the width of its edges [px].

        Width: contrast of the board over the steepest slope across an edge, halfway between two neighbouring corners.
        """
        where = {int(number): at for number, at in zip(ids, pixels, strict=True)}
        columns, widths, sides = self.board.columns, [], []
        reach = np.arange(-_REACH_PX, _REACH_PX + _STEP_PX, _STEP_PX)
        for step in (1, columns):
            pairs = [
                (where[i], where[i + step]) for i in where if i + step in where and (step != 1 or (i + 1) % columns)
            ]
            if len(pairs) < 2:
                continue
            ends = np.array(pairs)
            along = ends[:, 1] - ends[:, 0]
            length = np.linalg.norm(along, axis=1)
            across = np.column_stack([-along[:, 1], along[:, 0]]) / length[:, None]
            at = ends.mean(axis=1)[:, None, :] + across[:, None, :] * reach[None, :, None]
            x, y = (np.ascontiguousarray(at[:, :, i], dtype=np.float32) for i in (0, 1))
            mode = self._cv2.BORDER_REPLICATE
            profiles = self._cv2.remap(gray, x, y, self._cv2.INTER_LINEAR, borderMode=mode).astype(np.float64)
            contrast = float(np.percentile(profiles, 95) - np.percentile(profiles, 5))
            slope = np.abs(profiles[:, 2:] - profiles[:, :-2]).max(axis=1) / (2 * _STEP_PX)
            widths.append(contrast / max(float(np.median(slope)), 1e-3))
            sides.append(float(np.median(length)))
        if not widths:
            return 0.0, 0.0
        return float(np.mean(sides)), max(widths)
