"""Pictures of a calibration board through a camera that is known exactly."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from selfcue.sensors.calibrate.board import Board
from selfcue.sensors.lens import Lens

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

BOARD = Board(squares_x=8, squares_y=6, square_m=0.04, marker_m=0.03)
_TEXTURE_PX = 64  # per square
_FINER = 3  # rays per pixel each way


class BoardCamera:
    """A camera that sees nothing but the board, before a grey wall.

    Each pixel is the mean of 3 x 3 rays (what a sensor's pixel does), the ray being traced to the board's plane.
    """

    def __init__(self, lens: Lens, board: Board = BOARD) -> None:
        self.lens, self.board = lens, board
        picture = board.picture(_TEXTURE_PX).astype(np.float32)
        self._texture = np.pad(picture, _TEXTURE_PX, constant_values=255.0)
        offsets = (np.arange(_FINER) - (_FINER - 1) / 2) / _FINER
        x, y = ((np.arange(n)[:, None] + offsets).ravel() for n in (lens.width, lens.height))
        fine = np.stack(np.meshgrid(x, y), axis=-1)
        rays = lens.rays(fine.reshape(-1, 2)).reshape(fine.shape).astype(np.float32)
        self._x, self._y = np.ascontiguousarray(rays[..., 0]), np.ascontiguousarray(rays[..., 1])

    def shoot(self, pose: Floats, *, noise: float = 1.0, seed: int = 0, blur_px: float = 0.0) -> Pixels:
        """Return (H, W) uint8; ``pose`` (6,) is the board's rotation vector and translation [m] in the camera."""
        turn: Floats = np.asarray(cv2.Rodrigues(np.asarray(pose[:3], dtype=np.float64))[0], dtype=np.float64)
        normal, origin = turn[:, 2], np.asarray(pose[3:], dtype=np.float64)
        scale = _TEXTURE_PX / self.board.square_m
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = float(origin @ normal) / self._along(normal)
        behind = depth <= 0
        # Texture pixels from the board's corner.
        u, v = (
            np.where(behind, -1e4, (depth * self._along(scale * axis)) + (_TEXTURE_PX - 0.5 - scale * (origin @ axis)))
            for axis in (turn[:, 0], turn[:, 1])
        )
        fine = cv2.remap(
            self._texture,
            u.astype(np.float32),
            v.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=128.0,
        )
        height, width = self.lens.height, self.lens.width
        picture = fine.reshape(height, _FINER, width, _FINER).mean(axis=(1, 3))
        if blur_px:
            picture = cv2.GaussianBlur(picture, (0, 0), blur_px)
        noisy = 20.0 + 0.8 * picture + np.random.default_rng(seed).normal(0.0, noise, picture.shape)
        pixels: Pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
        return pixels

    def _along(self, axis: Floats) -> npt.NDArray[np.float32]:
        """Return each ray's part along ``axis`` (3,); rays have z = 1."""
        x, y, z = (np.float32(part) for part in axis)
        part: npt.NDArray[np.float32] = x * self._x + y * self._y + z
        return part


def poses(lens: Lens, count: int, *, seed: int = 0, board: Board = BOARD, fill: float = 0.55) -> Iterator[Floats]:
    """Yield poses of the board all over the picture, tilted all ways, ``fill`` of the picture's width large."""
    rng = np.random.default_rng(seed)
    width_m, height_m = board.size_m
    for i in range(count):
        tilt = rng.uniform(15, 42) if i % 4 else 3.0
        way = rng.uniform(0, 2 * np.pi)
        tilted = cv2.Rodrigues(np.radians(tilt) * np.array([np.cos(way), np.sin(way), 0.0]))[0]
        turn = tilted @ cv2.Rodrigues(np.array([0.0, 0.0, rng.uniform(-0.6, 0.6)]))[0]
        spot = np.array(
            [
                (0.5 + 0.8 * rng.uniform(-0.5, 0.5)) * (lens.width - 1),
                (0.5 + 0.8 * rng.uniform(-0.5, 0.5)) * (lens.height - 1),
            ]
        )
        ray = np.append(lens.rays(spot[None])[0], 1.0)
        depth = width_m * lens.fx / (fill * rng.uniform(0.75, 1.25) * lens.width)
        middle = ray * depth / np.linalg.norm(ray)
        origin = middle - turn @ np.array([width_m / 2, height_m / 2, 0.0])
        yield np.concatenate([cv2.Rodrigues(turn)[0].ravel(), origin])
