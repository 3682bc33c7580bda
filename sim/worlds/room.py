"""The 5 x 5 m room of the first flight: textured walls, floor, ceiling and a few pillars and boxes, from a seed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from selfcue.errors import BadInputError
from selfcue.sim.textures.families import material_for, require_family
from selfcue.sim.worlds.ground_plan import gap
from selfcue.sim.worlds.world import ROOM_FACES, Box, Cylinder, Light, Material, Solid, World

_LAYOUTS = 200
_PLACES = 200


@dataclass(frozen=True)
class RoomSettings:
    """How a room is laid out.

    Attributes:
        size_m: inner size of the room (x, y, z).
        n_obstacles: how many pillars and boxes stand in it.
        gap_m: least width of every passage between obstacles, and between an obstacle and a wall.
        at_wall: share of the boxes that stand flush against a wall, without a passage.
        thin: share of the obstacles that are thin (0.2 to 0.3 m across).
        texture_family: which family of textures its surfaces wear: ``default`` to learn in, ``unseen`` to test in.
        texture_seed: seed of the textures; None takes the world's, so that every layout looks different too.
    """

    size_m: tuple[float, float, float] = (5.0, 5.0, 2.8)
    n_obstacles: int = 4
    gap_m: float = 1.0
    at_wall: float = 0.3
    thin: float = 0.5
    texture_family: str = "default"
    texture_seed: int | None = None

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        require_family(self.texture_family)
        if min(self.size_m) < 1.0 or max(self.size_m) > 100.0:
            raise BadInputError(f"room size_m {self.size_m} is not usable; give three lengths of 1 to 100 m")
        if not 0 <= self.n_obstacles <= 50:
            raise BadInputError(f"room n_obstacles {self.n_obstacles} is not usable; give 0 to 50")
        if not self.gap_m >= 0.0:
            raise BadInputError(f"room gap_m {self.gap_m} is not usable; give 0 or more metres")
        for name in ("at_wall", "thin"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise BadInputError(f"room {name} {getattr(self, name)} is not a share; give 0 to 1")


def make_room(seed: int, settings: RoomSettings | None = None) -> World:
    """Return the room that ``seed`` describes: equal seeds and settings give equal worlds.

    Raises:
        BadInputError: a setting is out of range, or the obstacles do not fit with the wanted gaps.
    """
    if settings is None:
        settings = RoomSettings()
    settings.check()
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 1])))
    texture_seed = seed if settings.texture_seed is None else settings.texture_seed
    texture_rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([texture_seed, 2])))
    faces = tuple((face, material_for(settings.texture_family, face, texture_rng)) for face in ROOM_FACES)
    materials = [material_for(settings.texture_family, "obstacle", texture_rng) for _ in range(settings.n_obstacles)]
    width, depth, height = settings.size_m
    lamp = (float(rng.uniform(-0.15, 0.15)) * width, float(rng.uniform(-0.15, 0.15)) * depth, height - 0.1)
    return World("room", seed, settings.size_m, faces, _place_all(rng, settings, materials, seed), Light(lamp))


def _place_all(
    rng: np.random.Generator, settings: RoomSettings, materials: list[Material], seed: int
) -> tuple[Solid, ...]:
    for _ in range(_LAYOUTS):
        placed: list[Solid] = []
        for number, material in enumerate(materials):
            solid = _place_one(rng, settings, placed, number, material)
            if solid is None:
                break
            placed.append(solid)
        else:
            return tuple(placed)
    raise BadInputError(
        f"room (seed {seed}): {settings.n_obstacles} obstacles with {settings.gap_m:g} m gaps do not fit in "
        f"{settings.size_m[0]:g} x {settings.size_m[1]:g} m; ask for fewer, or for narrower gaps"
    )


def _place_one(
    rng: np.random.Generator, settings: RoomSettings, placed: list[Solid], number: int, material: Material
) -> Solid | None:
    """Draw one obstacle's shape, then places for it until all passages are wide enough; None where none is found."""
    height = settings.size_m[2]
    thin = rng.random() < settings.thin
    round_one = rng.random() < 0.5
    against = not round_one and rng.random() < settings.at_wall
    across = rng.uniform(0.2, 0.3) if thin else rng.uniform(0.35, 0.6)
    along = across if round_one else across * rng.uniform(1.0, 1.6)
    # Most reach the ceiling; some boxes end above flying height, so that an edge is in sight.
    tall = height if round_one or rng.random() < 0.6 else height * rng.uniform(0.62, 0.8)
    for _ in range(_PLACES):
        yaw = float(rng.integers(4)) * math.pi / 2 if against else float(rng.uniform(-math.pi, math.pi))
        x, y = (float(v) for v in rng.uniform(-0.5, 0.5, 2) * settings.size_m[:2])
        solid: Solid
        if round_one:
            solid = Cylinder(f"pillar_{number}", (x, y, tall / 2), across / 2, tall, material)
        else:
            if against:
                x, y = _to_wall(x, y, yaw, across, settings)
            solid = Box(f"box_{number}", (x, y, tall / 2), (across, along, tall), yaw, material)
        if _fits(solid, placed, settings):
            return solid
    return None


def _to_wall(x: float, y: float, yaw: float, across: float, settings: RoomSettings) -> tuple[float, float]:
    """Move a box's middle so that its face on the -x side of its own frame lies on a wall."""
    step_x, step_y = round(math.cos(yaw)), round(math.sin(yaw))
    if step_x:
        x = -step_x * (settings.size_m[0] - across) / 2
    if step_y:
        y = -step_y * (settings.size_m[1] - across) / 2
    return x, y


def _fits(solid: Solid, placed: list[Solid], settings: RoomSettings) -> bool:
    """Whether every passage is ``gap_m`` wide or, at a wall that the solid stands flush against, closed."""
    for axis in (0, 1):
        values = [point[axis] for point in solid.outline()]
        half = settings.size_m[axis] / 2
        for passage in (half - max(values), half + min(values)):
            if passage < settings.gap_m and abs(passage) > 1e-9:
                return False
    return all(gap(solid, other) >= settings.gap_m for other in placed)
