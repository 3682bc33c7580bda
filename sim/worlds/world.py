"""What a world is: named solids in a box-shaped room, each with a material. Plain data, no library behind it.

Frame ``map``: origin on the floor in the middle of the room, x and y along the walls, z up. Metres and radians.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

Outline: TypeAlias = tuple[tuple[float, float], ...]

_CIRCLE_CORNERS = 24


@dataclass(frozen=True)
class Material:
    """What a surface looks like; the pixels are made from this by ``selfcue.sim.textures``.

    Attributes:
        family: name of the texture generator's family.
        pattern: name of the pattern inside the family.
        seed: the texture's own seed: equal materials have equal pixels.
    """

    family: str
    pattern: str
    seed: int


@dataclass(frozen=True)
class Box:
    """An upright box, turned about z.

    Attributes:
        name: what contacts and maps call it.
        center_m: middle of the box (x, y, z).
        size_m: full edge lengths before turning (x, y, z).
        yaw_rad: turn about z.
        material: of its five or six faces.
    """

    name: str
    center_m: tuple[float, float, float]
    size_m: tuple[float, float, float]
    yaw_rad: float
    material: Material

    def outline(self) -> Outline:
        """Return the four corners on the ground, counter-clockwise."""
        half_x, half_y = self.size_m[0] / 2, self.size_m[1] / 2
        cos, sin = math.cos(self.yaw_rad), math.sin(self.yaw_rad)
        corners = ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y))
        return tuple((self.center_m[0] + cos * x - sin * y, self.center_m[1] + sin * x + cos * y) for x, y in corners)


@dataclass(frozen=True)
class Cylinder:
    """An upright round pillar.

    Attributes:
        name: what contacts and maps call it.
        center_m: middle of the pillar (x, y, z).
        radius_m: its radius.
        height_m: its full height.
        material: of mantle and caps.
    """

    name: str
    center_m: tuple[float, float, float]
    radius_m: float
    height_m: float
    material: Material

    def outline(self) -> Outline:
        """Return a polygon around the pillar on the ground, counter-clockwise."""
        turns = (2 * math.pi * k / _CIRCLE_CORNERS for k in range(_CIRCLE_CORNERS))
        return tuple(
            (self.center_m[0] + self.radius_m * math.cos(a), self.center_m[1] + self.radius_m * math.sin(a))
            for a in turns
        )


Solid: TypeAlias = Box | Cylinder

ROOM_FACES = ("floor", "ceiling", "wall_west", "wall_east", "wall_south", "wall_north")
"""Inner faces of a room: west and east at -x and +x, south and north at -y and +y."""


@dataclass(frozen=True)
class Light:
    """One soft lamp under the ceiling and light from everywhere.

    Attributes:
        position_m: of the lamp (x, y, z).
        lamp: brightness that the lamp adds to a face looking straight at it from ``reach_m``.
        ambient: brightness that every face has without the lamp.
        reach_m: distance within which the lamp's light falls off only slowly.
    """

    position_m: tuple[float, float, float]
    lamp: float = 0.55
    ambient: float = 0.62
    reach_m: float = 2.5


@dataclass(frozen=True)
class World:
    """A closed room with solids in it.

    Attributes:
        name: kind of world, for maps and reports.
        seed: what it was made from.
        size_m: inner size of the room (x, y, z).
        faces: material of each of ``ROOM_FACES``.
        solids: the obstacles, in the order of their names.
        light: what lights it.
    """

    name: str
    seed: int
    size_m: tuple[float, float, float]
    faces: tuple[tuple[str, Material], ...]
    solids: tuple[Solid, ...]
    light: Light

    def outlines(self) -> dict[str, Outline]:
        """Return the ground plan: the room's inner edge under ``room`` and each solid by name."""
        x, y = self.size_m[0] / 2, self.size_m[1] / 2
        plan: dict[str, Outline] = {"room": ((-x, -y), (x, -y), (x, y), (-x, y))}
        plan.update({solid.name: solid.outline() for solid in self.solids})
        return plan
