"""A small drive with exact depth that several tests of the real command line learn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

WIDTH, HEIGHT = 192, 64
FOCAL_PX, BASELINE_M = 120.0, 0.5


@pytest.fixture
def make_drive(tmp_path: Path) -> Callable[..., Path]:
    """Makes slim drives along a textured wall whose distance changes from frame to frame, with exact LiDAR."""

    def make(name: str = "drive", *, frames: int = 24, seed: int = 0) -> Path:
        import cv2

        folder = tmp_path / name
        for part in ("left", "right", "lidar_depth"):
            (folder / part).mkdir(parents=True)
        rng = np.random.default_rng(seed)
        wall = cv2.GaussianBlur(rng.integers(0, 255, (HEIGHT, 2 * WIDTH), dtype=np.uint8), (5, 5), 1.2)
        lines = ["frame,t_left_s,t_right_s,has_lidar_depth"]
        for i in range(frames):
            disparity = 4 + i % 6
            depth_m = FOCAL_PX * BASELINE_M / disparity
            shift = 5 * i % WIDTH
            cv2.imwrite(str(folder / "left" / f"{i:06d}.png"), wall[:, shift : shift + WIDTH])
            right = wall[:, shift + disparity : shift + disparity + WIDTH]
            cv2.imwrite(str(folder / "right" / f"{i:06d}.png"), right[:, :WIDTH])
            has_lidar = i % 4 == 0
            if has_lidar:
                points = np.full((HEIGHT, WIDTH), round(depth_m * 256), np.uint16)
                cv2.imwrite(str(folder / "lidar_depth" / f"{i:06d}.png"), points)
            lines.append(f"{i},{1000 + 0.1 * i:.4f},{1000 + 0.1 * i:.4f},{int(has_lidar)}")
        (folder / "frames.csv").write_text("\n".join(lines) + "\n")
        (folder / "calib.txt").write_text(
            f"width: {WIDTH}\nheight: {HEIGHT}\nfx: {FOCAL_PX}\nfy: {FOCAL_PX}\ncx: {WIDTH / 2}\ncy: {HEIGHT / 2}\n"
            f"baseline_m: {BASELINE_M}\n"
        )
        return folder

    return make


@pytest.fixture
def drive(make_drive: Callable[..., Path]) -> Path:
    return make_drive()
