"""Fixed views of a world for scoring: poses uniform in free space, with their pictures and the truth about them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.corridor import CorridorConfig
from selfcue.sim.camera import StereoSettings
from selfcue.sim.pose import resting_pose
from selfcue.sim.render import Stage, StereoRenderer
from selfcue.sim.sensors.stereo import CameraNoise, StereoCamera
from selfcue.sim.sensors.truth import TruthSensor
from selfcue.sim.worlds.ground_plan import free_points
from selfcue.sim.worlds.world import World

ALTITUDE_M = 1.2
ALTITUDE_SPREAD_M = 0.1


@dataclass(frozen=True)
class ProbeViews:
    """What the rig sees from N poses.

    Attributes:
        left: (N, H, W, 3) uint8 RGB.
        right: (N, H, W, 3) uint8 RGB.
        depth: (N, H, W) float32, exact depth of the left pictures [m] along the optical axis.
        corridor_nearest_m: (N,) depth of the nearest surface in the swept corridor; inf where the way is free.
    """

    left: npt.NDArray[np.uint8]
    right: npt.NDArray[np.uint8]
    depth: npt.NDArray[np.float32]
    corridor_nearest_m: npt.NDArray[np.float64]


def probe_poses(
    world: World, n: int, rng: np.random.Generator, *, clearance_m: float = 0.35
) -> npt.NDArray[np.float64]:
    """Return ``n`` poses (n, 4): x, y, z [m] and yaw [rad], uniform over free ground and heading.

    Raises:
        BadInputError: the world has no place with ``clearance_m``.
    """
    ground = free_points(world, n, rng, clearance_m=clearance_m)
    height = rng.uniform(ALTITUDE_M - ALTITUDE_SPREAD_M, ALTITUDE_M + ALTITUDE_SPREAD_M, (n, 1))
    yaw = rng.uniform(-math.pi, math.pi, (n, 1))
    return np.concatenate([ground, height, yaw], axis=1)


def render_probe(
    world: World,
    poses: npt.NDArray[np.float64],
    *,
    stereo: StereoSettings | None = None,
    noise: CameraNoise | None = None,
    corridor: CorridorConfig | None = None,
    seed: int = 0,
) -> ProbeViews:
    """Return what a level rig sees from ``poses`` (N, 4), with the camera noise of a flight.

    ``noise`` and ``corridor`` are the flight's by default; ``seed`` starts the noise.
    """
    stereo, corridor = stereo or StereoSettings(), corridor or CorridorConfig()
    stereo.check()
    stage = Stage(world)
    streams = np.random.SeedSequence([seed, 31]).spawn(2)
    rng, book = (np.random.Generator(np.random.PCG64(part)) for part in streams)
    camera = StereoCamera(StereoRenderer(stage, stereo), noise or CameraNoise(), rng, book)
    truth = TruthSensor(stage, stereo, corridor.half_width_m, corridor.half_height_m)
    shots = [camera.shoot(resting_pose(*(float(v) for v in pose))) for pose in poses]
    shape = (len(shots), stereo.height, stereo.width)
    return ProbeViews(
        left=np.stack([shot.left for shot in shots]) if shots else np.empty((*shape, 3), np.uint8),
        right=np.stack([shot.right for shot in shots]) if shots else np.empty((*shape, 3), np.uint8),
        depth=np.stack([shot.depth for shot in shots]) if shots else np.empty(shape, np.float32),
        corridor_nearest_m=np.asarray([truth.corridor_nearest_m(shot.depth) for shot in shots], np.float64),
    )
