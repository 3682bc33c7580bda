"""Pictures and exact depth of a world: one ray a pixel, mip-mapped textures, one lamp. Float32 throughout."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from selfcue.sim.camera import StereoSettings
from selfcue.sim.mesh import Mesh, mesh_of
from selfcue.sim.raycasting import Hits, RayScene
from selfcue.sim.textures.atlas import Atlas
from selfcue.sim.worlds.world import World


class StereoView(NamedTuple):
    """What the rig sees, without noise.

    Attributes:
        light: (3, 2, H, W) float32, colour channels of left and right; 255 is white, brighter is possible.
        depth: (2, H, W) float32 [m] along the optical axis.
    """

    light: npt.NDArray[np.float32]
    depth: npt.NDArray[np.float32]


class Stage:
    """A world made ready for rays: triangles, textures and lamp. Costs a second; share it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.mesh: Mesh = mesh_of(world)
        self.rays = RayScene(self.mesh)
        self.atlas = Atlas(self.mesh.materials)
        self._lamp = np.asarray(world.light.position_m, np.float32)
        plane = self.mesh.plane
        # Height of the lamp over each triangle's plane: Lambert's cosine is this over the distance to the lamp.
        self._lamp_over = np.maximum(plane[:, :3] @ self._lamp - plane[:, 3], np.float32(0.0))

    def colours(
        self,
        hits: Hits,
        origin: npt.NDArray[np.float32],
        directions: npt.NDArray[np.float32],
        lengths: npt.NDArray[np.float32],
        focal_px: float,
    ) -> npt.NDArray[np.float32]:
        """Return the light (3, N) that comes back along rays from few origins.

        Args:
            hits: of N rays, n from each of the k origins, in order.
            origin: (k, 3) [m].
            directions: (n, 3), the same from every origin, in the world's axes, 1 long along the optical axis.
            lengths: (n,), lengths of ``directions``.
            focal_px: for the size of a pixel on the surface.
        """
        triangle = hits.triangle.astype(np.int32)
        k, n = len(origin), len(directions)
        depth = hits.distance.reshape(k, n)
        plane = self.mesh.plane
        over = np.abs(origin @ plane[:, :3].T - plane[:, 3]).astype(np.float32)  # k x T: height of each eye over it
        height = over.take(triangle + np.repeat(np.arange(k, dtype=np.int32) * len(plane), n)).reshape(k, n)
        # A pixel covers depth / f across and 1 / cos of that along the slope: the geometric mean keeps near-grazing
        # surfaces sharper than the larger of the two and calmer than the smaller.
        slope = depth * lengths / np.maximum(height, np.float32(1e-3))
        footprint = depth * np.sqrt(np.minimum(slope, np.float32(20.0))) * np.float32(1.0 / focal_px)

        texture = self.mesh.texture.take(triangle, axis=0)
        second, third = hits.weights[:, 0], hits.weights[:, 1]
        u = texture[:, 0] + second * texture[:, 2] + third * texture[:, 4]
        v = texture[:, 1] + second * texture[:, 3] + third * texture[:, 5]
        colour = self.atlas.look_up(self.mesh.material_of.take(triangle), u, v, footprint.reshape(-1))

        away = np.zeros((k, n), np.float32)
        for axis in range(3):
            part = depth * directions[:, axis]
            part += (origin[:, axis] - self._lamp[axis])[:, None]
            part *= part
            away += part
        light = self.world.light
        reach_2 = np.float32(light.reach_m**2)
        shade = self._lamp_over.take(triangle).reshape(k, n)
        shade *= np.float32(2.0 * light.lamp) * reach_2
        shade /= np.sqrt(away) * (away + reach_2)
        shade += np.float32(light.ambient)
        colour *= shade.reshape(-1)
        return colour


class StereoRenderer:
    """The rig on a stage. Both pictures come from one cast."""

    def __init__(self, stage: Stage, settings: StereoSettings) -> None:
        self.stage = stage
        self.settings = settings
        self._directions = settings.directions()
        self._lengths = np.linalg.norm(self._directions, axis=1).astype(np.float32)
        self._positions = settings.positions()
        self._rays = np.empty((2, len(self._directions), 6), np.float32)

    def render(self, position: npt.NDArray[np.float64], rotation: npt.NDArray[np.float64]) -> StereoView:
        """Return what the rig sees from the body's ``position`` (3,) [m] and ``rotation`` (3, 3), R_map_body."""
        turn = rotation.astype(np.float32)
        directions = np.ascontiguousarray((self._directions @ turn.T).astype(np.float32))
        origins = (position + self._positions @ rotation.T).astype(np.float32)
        self._rays[:, :, :3] = origins[:, None, :]
        self._rays[:, :, 3:] = directions
        hits = self.stage.rays.cast(self._rays.reshape(-1, 6))
        colour = self.stage.colours(hits, origins, directions, self._lengths, self.settings.focal_px)
        shape = (2, self.settings.height, self.settings.width)
        return StereoView(colour.reshape(3, *shape), hits.distance.reshape(shape))
