"""Scenes with known depth, and the recorded data where there is some."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from selfcue.errors import BadInputError
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


@pytest.fixture(scope="session")
def refusals() -> Callable[..., list[str]]:
    """Damage a file in many ways and read it each time; return what reading said of those that it refused."""

    def damage(victim: Path, read: Callable[[], object], *, trials: int = 40, seed: int = 5) -> list[str]:
        whole = victim.read_bytes()
        rng = np.random.default_rng(seed)
        said = []
        for trial in range(trials):
            found = bytearray(whole)
            if trial % 2:
                del found[int(rng.integers(len(found))) :]
            else:
                for at in rng.integers(0, len(found), 8):
                    found[at] = rng.integers(256)
            victim.write_bytes(found)
            try:
                read()
            except BadInputError as error:  # any other error is a failure of the test
                said.append(str(error))
        victim.write_bytes(whole)
        return said

    return damage


class KittiFolder:
    """Writes small drives in KITTI's layouts: 48 x 32 px, 4 frames, fx 40 px, baseline 0.5 m."""

    SIZE = (48, 32)
    FX, CX, CY, BASELINE_M = 40.0, 23.5, 15.5, 0.5

    def __init__(self, root: Path) -> None:
        self.root = root
        self._rng = np.random.default_rng(0)

    def picture(self, path: Path, *, colour: bool = False) -> Pixels:
        """Write a PNG; return what was written, RGB where ``colour``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        shape = (self.SIZE[1], self.SIZE[0], 3) if colour else self.SIZE[::-1]
        pixels = self._rng.integers(0, 256, shape).astype(np.uint8)
        cv2.imwrite(str(path), pixels[:, :, ::-1] if colour else pixels)
        return pixels

    def projection(self, tx_m: float) -> str:
        """Return KITTI's 12 numbers for a camera ``tx_m`` right of camera 0."""
        rows = (self.FX, 0, self.CX, -self.FX * tx_m, 0, self.FX, self.CY, 0, 0, 0, 1, 0)
        return " ".join(f"{value:e}" for value in rows)

    def scan(self, path: Path, points: list[tuple[float, float, float]]) -> None:
        """Write LiDAR points (x forward, y left, z up)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.array([(*point, 0.5) for point in points], dtype="<f4").tofile(path)

    def slim(self, numbers: tuple[int, ...] = (0, 1, 2, 5)) -> Path:
        """Stamps at 10 Hz by number, the right ones 3 ms later; depth for frame 1."""
        lines = ["frame,t_left_s,t_right_s,has_lidar_depth"]
        for number in numbers:
            lines.append(f"{number},{100 + number / 10:.6f},{100 + number / 10 + 0.003:.6f},{int(number == 1)}")
            for side in ("left", "right"):
                self.picture(self.root / side / f"{number:06d}.png")
        (self.root / "frames.csv").write_text("\n".join(lines) + "\n")
        self.slim_calibration()
        depth = np.zeros(self.SIZE[::-1], np.uint16)
        depth[20, 10] = 5 * 256
        (self.root / "lidar_depth").mkdir()
        cv2.imwrite(str(self.root / "lidar_depth" / "000001.png"), depth)
        return self.root

    def slim_calibration(self, baseline_m: float = 0.5) -> None:
        (self.root / "calib.txt").write_text(
            "# a rectified pair\n"
            f"width: {self.SIZE[0]}\nheight: {self.SIZE[1]}\nfx: {self.FX}\nfy: {self.FX}\ncx: {self.CX}\n"
            f"cy: {self.CY}\nbaseline_m: {baseline_m}\n"
        )

    def odometry(self) -> Path:
        """image_0 and image_1, times, poses (0.1 m forward and 2 degrees to the right a frame), one scan."""
        for number in range(4):
            for side in (0, 1):
                self.picture(self.root / f"image_{side}" / f"{number:06d}.png")
        (self.root / "times.txt").write_text("".join(f"{number * 0.103:e}\n" for number in range(4)))
        turn_velo = "0 -1 0 0 0 0 -1 0 1 0 0 0"
        (self.root / "calib.txt").write_text(
            f"P0: {self.projection(0)}\nP1: {self.projection(self.BASELINE_M)}\nTr: {turn_velo}\n"
        )
        poses = []
        for number in range(4):
            cos, sin = np.cos(np.radians(2 * number)), np.sin(np.radians(2 * number))
            poses.append(f"{cos} 0 {sin} 0 0 1 0 0 {-sin} 0 {cos} {0.1 * number}")
        (self.root / "poses.txt").write_text("\n".join(poses) + "\n")
        self.scan(self.root / "velodyne" / "000002.bin", [(4.0, 0.0, 0.0), (8.0, 0.0, 0.0), (-4.0, 0.0, 0.0)])
        return self.root

    def raw(self) -> Path:
        """Colour cameras 02 and 03 that sit 0.06 m left of camera 0, stamps, calibration of the day, oxts, a scan."""
        day = self.root / "2011_09_26"
        drive = day / "2011_09_26_drive_0001_sync"
        for number in range(4):
            for camera in ("02", "03"):
                self.picture(drive / f"image_{camera}" / "data" / f"{number:010d}.png", colour=True)
            packet = [49.0, 8.0 + 1e-6 * number, 112.0, 0.0, 0.0, np.pi / 2, *([0.0] * 24)]
            packet[8], packet[22] = 3.0, 0.25
            path = drive / "oxts" / "data" / f"{number:010d}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(" ".join(str(value) for value in packet))
        for camera, late in (("02", 0), ("03", 1)):
            stamps = "".join(f"2011-09-26 13:02:2{5 + number}.9{late}4389445\n" for number in range(4))
            (drive / f"image_{camera}" / "timestamps.txt").write_text(stamps)
        (day / "calib_cam_to_cam.txt").write_text(
            "calib_time: 09-Jan-2012 13:57:47\ncorner_dist: 9.950000e-02\n"
            "S_rect_02: 4.8e+01 3.2e+01\nR_rect_00: 1 0 0 0 1 0 0 0 1\n"
            f"P_rect_02: {self.projection(-0.06)}\nP_rect_03: {self.projection(self.BASELINE_M - 0.06)}\n"
        )
        (day / "calib_velo_to_cam.txt").write_text("R: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 0\ndelta_f: 0 0\n")
        self.scan(drive / "velodyne_points" / "data" / "0000000002.bin", [(4.0, 0.0, 0.0)])
        return drive


@pytest.fixture
def kitti(tmp_path: Path) -> KittiFolder:
    return KittiFolder(tmp_path / "drive")
