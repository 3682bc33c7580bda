"""A world as triangles, each with its texture, its metric texture coordinates and its plane."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from selfcue.sim.textures.canvas import TILE_M
from selfcue.sim.worlds.world import Box, Cylinder, Material, World

PILLAR_SIDES = 32

Point = tuple[float, float, float]
Place = tuple[float, float]


@dataclass(frozen=True)
class Mesh:
    """Triangles, counter-clockwise as seen from the free side.

    Attributes:
        vertices: (V, 3) float32 [m] in ``map``.
        triangles: (T, 3) uint32, rows of ``vertices``.
        materials: what the triangles wear, by number.
        material_of: (T,) int32, numbers in ``materials``.
        texture: (T, 6) float32 [m]: u, v of the first corner, then their change to the second and to the third.
        plane: (T, 4) float32: unit normal to the free side, and its product with any point of the triangle.
    """

    vertices: npt.NDArray[np.float32]
    triangles: npt.NDArray[np.uint32]
    materials: tuple[Material, ...]
    material_of: npt.NDArray[np.int32]
    texture: npt.NDArray[np.float32]
    plane: npt.NDArray[np.float32]


class _Builder:
    def __init__(self) -> None:
        self.corners: list[Sequence[Point]] = []
        self.places: list[Sequence[Place]] = []
        self.materials: list[Material] = []

    def polygon(self, corners: Sequence[Point], places: Sequence[Place], material: Material) -> None:
        """Add a convex polygon, counter-clockwise from the free side, with the texture place [m] of each corner."""
        # Two surfaces of one material shall not show the same stretch of it side by side.
        shift = (material.seed % 977) / 977 * TILE_M
        places = [(u + shift, v) for u, v in places]
        for second in range(1, len(corners) - 1):
            self.corners.append((corners[0], corners[second], corners[second + 1]))
            self.places.append((places[0], places[second], places[second + 1]))
            self.materials.append(material)

    def upright(self, start: Place, end: Place, low: float, high: float, along: float, material: Material) -> None:
        """Add a vertical rectangle over the ground line ``start`` to ``end``; its free side is to the right of it."""
        (ax, ay), (bx, by) = start, end
        far = along + math.hypot(bx - ax, by - ay)
        corners = ((ax, ay, low), (bx, by, low), (bx, by, high), (ax, ay, high))
        self.polygon(corners, ((along, -low), (far, -low), (far, -high), (along, -high)), material)

    def level(self, outline: Sequence[Place], height: float, material: Material, *, up: bool) -> None:
        """Add a horizontal polygon over the counter-clockwise ``outline``, free above (``up``) or below."""
        ring = list(outline) if up else list(reversed(outline))
        self.polygon([(x, y, height) for x, y in ring], [(x, -y) for x, y in ring], material)

    def mesh(self) -> Mesh:
        corners = np.asarray(self.corners, np.float64)  # T x 3 corners x 3
        places = np.asarray(self.places, np.float64)  # T x 3 corners x 2
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        offset = np.einsum("ij,ij->i", normal, corners[:, 0])
        texture = np.concatenate([places[:, 0], places[:, 1] - places[:, 0], places[:, 2] - places[:, 0]], axis=1)
        # Shared corners keep the surface closed for the ray caster.
        vertices, triangles = np.unique(corners.reshape(-1, 3).round(9), axis=0, return_inverse=True)
        materials = tuple(dict.fromkeys(self.materials))
        return Mesh(
            vertices=vertices.astype(np.float32),
            triangles=triangles.reshape(-1, 3).astype(np.uint32),
            materials=materials,
            material_of=np.asarray([materials.index(m) for m in self.materials], np.int32),
            texture=texture.astype(np.float32),
            plane=np.concatenate([normal, offset[:, None]], axis=1).astype(np.float32),
        )


def mesh_of(world: World) -> Mesh:
    """Return the triangles of ``world``: the room's faces seen from inside, the solids' from outside."""
    builder = _Builder()
    _add_room(builder, world)
    for solid in world.solids:
        if isinstance(solid, Box):
            ring: Sequence[Place] = solid.outline()
            half = solid.size_m[2] / 2
        else:
            ring, half = _ring(solid), solid.height_m / 2
        low, high = solid.center_m[2] - half, solid.center_m[2] + half
        along = 0.0
        for start, end in zip(ring, [*ring[1:], ring[0]], strict=True):
            builder.upright(start, end, low, high, along, solid.material)
            along += math.dist(start, end)
        if high < world.size_m[2] - 1e-6:
            builder.level(ring, high, solid.material, up=True)
        if low > 1e-6:
            builder.level(ring, low, solid.material, up=False)
    return builder.mesh()


def _add_room(builder: _Builder, world: World) -> None:
    x, y, height = world.size_m[0] / 2, world.size_m[1] / 2, world.size_m[2]
    wears = dict(world.faces)
    ground = ((-x, -y), (x, -y), (x, y), (-x, y))
    builder.level(ground, 0.0, wears["floor"], up=True)
    builder.level(ground, height, wears["ceiling"], up=False)
    # Clockwise around the room, so that the free side of every wall is inside.
    builder.upright((-x, -y), (-x, y), 0.0, height, 0.0, wears["wall_west"])
    builder.upright((-x, y), (x, y), 0.0, height, 0.0, wears["wall_north"])
    builder.upright((x, y), (x, -y), 0.0, height, 0.0, wears["wall_east"])
    builder.upright((x, -y), (-x, -y), 0.0, height, 0.0, wears["wall_south"])


def _ring(pillar: Cylinder) -> list[Place]:
    """Return a polygon of the circle's own area around a pillar, counter-clockwise."""
    turn = 2 * math.pi / PILLAR_SIDES
    radius = pillar.radius_m * math.sqrt(turn / math.sin(turn))
    x, y, _ = pillar.center_m
    return [(x + radius * math.cos(turn * k), y + radius * math.sin(turn * k)) for k in range(PILLAR_SIDES)]
