"""The simulated stereo camera: pictures with sensor noise, and the calibration that belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo
from selfcue.sim.camera import StereoSettings
from selfcue.sim.pose import Pose
from selfcue.sim.renderers import Renderer
from selfcue.state import State, generator_from, generator_state

LEFT_FRAME, RIGHT_FRAME = "stereo_left_optical", "stereo_right_optical"

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class CameraNoise:
    """What separates a sensor's picture from the light on it.

    Attributes:
        read_levels: standard deviation of each pixel's noise in grey levels (of 255).
        gain: standard deviation of a factor on a whole picture, each camera its own.
    """

    read_levels: float = 1.2
    gain: float = 0.008

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        if not 0.0 <= self.read_levels <= 100.0:
            raise BadInputError(f"camera noise read_levels {self.read_levels} is not usable; give 0 to 100 levels")
        if not 0.0 <= self.gain <= 0.5:
            raise BadInputError(f"camera noise gain {self.gain} is not usable; give 0 to 0.5")


class StereoShot(NamedTuple):
    """One shot of the rig: ``left`` and ``right`` (H, W, 3) uint8 RGB, exact ``depth`` of the left one (H, W) [m]."""

    left: Picture
    right: Picture
    depth: npt.NDArray[np.float32]


class StereoCamera:
    """Takes shots.

    Noise is read from a book of normal numbers, opened at a random page for each shot: as good as fresh numbers for a
    picture, and a tenth of their cost.
    """

    def __init__(
        self, renderer: Renderer, noise: CameraNoise, rng: np.random.Generator, book_rng: np.random.Generator
    ) -> None:
        self._renderer, self._noise, self._rng = renderer, noise, rng
        settings = renderer.settings
        self._values = 3 * 2 * settings.width * settings.height
        self._book = noise.read_levels * book_rng.standard_normal(max(1 << 19, 4 * self._values), dtype=np.float32)

    def shoot(self, pose: Pose) -> StereoShot:
        """Return what the rig sees from ``pose``."""
        settings = self._renderer.settings
        view = self._renderer.render(pose.position, pose.rotation)
        light = view.light
        gains = settings.exposure * (1.0 + self._noise.gain * self._rng.standard_normal(2))
        light *= gains.astype(np.float32)[:, None, None]
        page = int(self._rng.integers(len(self._book) - self._values))
        light += self._book[page : page + self._values].reshape(light.shape)
        np.clip(np.rint(light, out=light), 0.0, 255.0, out=light)
        pictures = np.empty((2, settings.height, settings.width, 3), np.uint8)
        for channel in range(3):
            pictures[..., channel] = light[channel]
        return StereoShot(pictures[0], pictures[1], view.depth[0])

    def state(self) -> State:
        return State({"generator": generator_state(self._rng)})

    def load_state(self, state: State) -> None:
        self._rng = generator_from(state.meta["generator"])


def camera_info(settings: StereoSettings, *, right: bool, stamp_ns: int) -> CameraInfo:
    """Return the calibration of one camera of the rig; the right one's ``p[3]`` is -fx * baseline_m."""
    focal, (cx, cy) = settings.focal_px, settings.center_px
    shift = -focal * settings.baseline_m if right else 0.0
    return CameraInfo(
        stamp_ns=stamp_ns,
        frame_id=RIGHT_FRAME if right else LEFT_FRAME,
        width=settings.width,
        height=settings.height,
        k=(focal, 0.0, cx, 0.0, focal, cy, 0.0, 0.0, 1.0),
        p=(focal, 0.0, cx, shift, 0.0, focal, cy, 0.0, 0.0, 0.0, 1.0, 0.0),
        d=(0.0, 0.0, 0.0, 0.0, 0.0),
    )
