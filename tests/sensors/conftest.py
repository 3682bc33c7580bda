"""Scenes with known depth, and the recorded data where there is some."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from selfcue.messages import CameraInfo, Image
from selfcue.sensors.calibration import rectified_pair

cv2.setNumThreads(1)

Pixels = npt.NDArray[np.uint8]
Depth = npt.NDArray[np.float32]

WIDTH, HEIGHT, FX, BASELINE_M = 128, 96, 115.5, 0.06
MS = 1_000_000


class BoxRoom:
    """The inside of a textured box seen by the drone's stereo camera, looking along +z.

    Walls at x = +-half_width, floor and ceiling at y = +-half_height, the end wall at z = 0 (the camera is before it).
    """

    def __init__(self, seed: int = 0, half_width_m: float = 2.0, half_height_m: float = 1.3) -> None:
        rng = np.random.default_rng(seed)
        fine = rng.integers(0, 256, (512, 512)).astype(np.float32)
        coarse = cv2.resize(rng.integers(0, 256, (64, 64)).astype(np.float32), (512, 512))
        self._texture = np.ascontiguousarray(cv2.GaussianBlur(fine, (0, 0), 1.2) * 0.9 + coarse * 0.5 - 40)
        self._half = np.array([half_width_m, half_height_m])
        self._rng = rng
        x, y = np.meshgrid(np.arange(WIDTH, dtype=np.float64), np.arange(HEIGHT, dtype=np.float64))
        self._ray = np.stack([(x - (WIDTH - 1) / 2) / FX, (y - (HEIGHT - 1) / 2) / FX])

    def _render(self, x_m: float, end_m: float, yaw_rad: float) -> tuple[npt.NDArray[np.float64], Depth]:
        cos, sin = np.cos(yaw_rad), np.sin(yaw_rad)
        across = cos * self._ray[0] + sin  # direction in the room for unit depth along the optical axis
        along = cos - sin * self._ray[0]
        down = self._ray[1]
        camera_x, camera_z = x_m * cos, end_m + x_m * sin
        with np.errstate(divide="ignore"):
            to_side = np.where(across > 0, self._half[0] - camera_x, self._half[0] + camera_x) / np.abs(across)
            to_floor = self._half[1] / np.abs(down)
            to_end = np.where(along > 0, camera_z / along, np.inf)
        depth = np.minimum(np.minimum(to_side, to_floor), to_end)
        hit_x, hit_y, hit_z = camera_x + depth * across, depth * down, camera_z - depth * along
        is_end = to_end <= np.minimum(to_side, to_floor)
        is_side = ~is_end & (to_side < to_floor)
        u = np.where(is_side, hit_z, hit_x) * 90.0 + 77.0 * is_side
        v = np.where(is_end | is_side, hit_y, hit_z) * 90.0 + 33.0 * is_end
        texture = cv2.remap(
            self._texture,
            (u % 510).astype(np.float32),
            (v % 510).astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_WRAP,
        )
        return texture.astype(np.float64), depth.astype(np.float32)

    def shoot(self, end_m: float, yaw_rad: float = 0.0, *, noise: float = 1.2) -> tuple[Pixels, Pixels, Depth]:
        """Return left and right (H, W) uint8 image and the left depth (H, W) [m], ``end_m`` before the end wall."""
        left, depth = self._render(0.0, end_m, yaw_rad)
        right, _ = self._render(BASELINE_M, end_m, yaw_rad)
        noisy = [np.clip(np.rint(i + self._rng.normal(0, noise, i.shape)), 0, 255) for i in (left, right)]
        return noisy[0].astype(np.uint8), noisy[1].astype(np.uint8), depth


@pytest.fixture
def room() -> BoxRoom:
    return BoxRoom()


@pytest.fixture
def make_room() -> Callable[[int], BoxRoom]:
    return BoxRoom


@pytest.fixture
def drone_infos() -> tuple[CameraInfo, CameraInfo]:
    """Calibration of the small drone camera that ``room`` is seen with."""
    return rectified_pair(
        width=WIDTH, height=HEIGHT, fx_px=FX, cx_px=(WIDTH - 1) / 2, cy_px=(HEIGHT - 1) / 2, baseline_m=BASELINE_M
    )


@pytest.fixture
def picture() -> Callable[..., Image]:
    """Make an Image message from pixels."""

    def make(stamp_ms: float, pixels: Pixels, side: str = "left") -> Image:
        encoding = "mono8" if pixels.ndim == 2 else "rgb8"
        frame_id = f"stereo_{side}_optical"
        return Image(stamp_ns=round(stamp_ms * MS), frame_id=frame_id, encoding=encoding, data=pixels)

    return make


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """Return the folder of recorded data by name; skip the test where there is none."""

    def find(name: str) -> Path:
        root = os.environ.get("SELFCUE_DATA")
        if not root:
            pytest.skip("SELFCUE_DATA is not set: no recorded data here")
        folder = Path(root) / name
        if not folder.is_dir():
            pytest.skip(f"SELFCUE_DATA has no folder {name}")
        return folder

    return find
