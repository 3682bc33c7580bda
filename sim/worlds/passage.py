"""An office passage: long and narrow, doors open and shut along both sides, cabinets and bins at the walls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from selfcue.errors import BadInputError
from selfcue.sim.textures.families import material_for, require_family
from selfcue.sim.worlds.world import ROOM_FACES, Box, Cylinder, Light, Material, Solid, World

DOOR_M = (0.9, 0.05, 2.05)
"""A door leaf: width, thickness, height."""
_OPEN_RAD = (math.radians(55.0), math.radians(80.0))
_DEEPEST_M = 0.45  # of what stands at a wall


@dataclass(frozen=True)
class PassageSettings:
    """How a passage is laid out.

    Attributes:
        size_m: inner size: length (x), width (y), height (z).
        pitch_m: between the middles of two doors of one side.
        open_doors: share of the doors that stand open, into the passage.
        furniture: share of the walls between two doors where a cabinet or a bin stands.
        texture_family, texture_seed: see ``RoomSettings``.
    """

    size_m: tuple[float, float, float] = (12.0, 2.8, 2.6)
    pitch_m: float = 2.6
    open_doors: float = 0.3
    furniture: float = 0.4
    texture_family: str = "default"
    texture_seed: int | None = None

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        require_family(self.texture_family)
        length, width, height = self.size_m
        if not (4.0 <= length <= 100.0 and 2.2 <= width <= 10.0 and 2.2 <= height <= 10.0):
            raise BadInputError(
                f"passage size_m {self.size_m} is not usable; give 4 to 100 m, 2.2 to 10 m and 2.2 to 10 m"
            )
        if not 2.0 <= self.pitch_m <= length:
            raise BadInputError(f"passage pitch_m {self.pitch_m} is not usable; give 2 m to the passage's length")
        for name in ("open_doors", "furniture"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise BadInputError(f"passage {name} {getattr(self, name)} is not a share; give 0 to 1")


def make_passage(seed: int, settings: PassageSettings | None = None) -> World:
    """Return the passage that ``seed`` describes. Between what stands out from both sides a body can always pass.

    Raises:
        BadInputError: a setting is out of range.
    """
    settings = settings or PassageSettings()
    settings.check()
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 11])))
    texture_seed = seed if settings.texture_seed is None else settings.texture_seed
    wear = np.random.Generator(np.random.PCG64(np.random.SeedSequence([texture_seed, 12])))
    faces = tuple((face, material_for(settings.texture_family, face, wear)) for face in ROOM_FACES)
    length, _, height = settings.size_m
    count = max(1, int((length - DOOR_M[0]) // settings.pitch_m))
    solids: list[Solid] = []
    for side in (-1, 1):
        # Doors of the two sides are staggered by half a pitch, so that two open leaves never face each other.
        shift = 0.25 * settings.pitch_m * side
        for number in range(count):
            middle = (number + 0.5 - count / 2) * settings.pitch_m + shift
            leaf = material_for(settings.texture_family, "obstacle", wear)
            piece = material_for(settings.texture_family, "obstacle", wear)
            solids.append(_door(rng, settings, side, number, middle, leaf))
            if rng.random() < settings.furniture:
                solids.append(_piece(rng, settings, side, number, middle + 0.5 * settings.pitch_m, piece))
    half = length / 2 - 0.05
    inside = [solid for solid in solids if max(abs(x) for x, _ in solid.outline()) < half]
    lamp = (float(rng.uniform(-0.2, 0.2)) * length, 0.0, height - 0.1)
    named = tuple(sorted(inside, key=lambda solid: solid.name))
    return World("passage", seed, settings.size_m, faces, named, Light(lamp, reach_m=0.4 * length))


def _door(
    rng: np.random.Generator, settings: PassageSettings, side: int, number: int, middle: float, material: Material
) -> Solid:
    """Return a leaf, shut in its wall or open around its hinge."""
    width, thick, tall = DOOR_M
    wall = side * settings.size_m[1] / 2
    name = f"door_{'right' if side < 0 else 'left'}_{number}"
    if rng.random() >= settings.open_doors:
        return Box(name, (middle, wall - side * thick / 2, tall / 2), (width, thick, tall), 0.0, material)
    turn = float(rng.uniform(*_OPEN_RAD))
    reach = min(width, 0.5 * settings.size_m[1] - 0.4)  # what stands out leaves more than half of the width free
    half = 0.5 * reach / math.sin(turn) if reach < width * math.sin(turn) else 0.5 * width
    x = middle - width / 2 + half * math.cos(turn)
    y = wall - side * (half * math.sin(turn) + thick)
    return Box(name, (x, y, tall / 2), (2 * half, thick, tall), -side * turn, material)


def _piece(
    rng: np.random.Generator, settings: PassageSettings, side: int, number: int, middle: float, material: Material
) -> Solid:
    """Return a cabinet flush with the wall, or a bin close to it."""
    wall, which = side * settings.size_m[1] / 2, "right" if side < 0 else "left"
    if rng.random() < 0.4:
        radius, tall = float(rng.uniform(0.14, 0.2)), float(rng.uniform(0.5, 0.9))
        return Cylinder(
            f"bin_{which}_{number}", (middle, wall - side * (radius + 0.02), tall / 2), radius, tall, material
        )
    deep, wide = float(rng.uniform(0.3, _DEEPEST_M)), float(rng.uniform(0.5, 0.9))
    tall = float(rng.uniform(1.0, 2.0))
    return Box(
        f"cabinet_{which}_{number}", (middle, wall - side * deep / 2, tall / 2), (wide, deep, tall), 0.0, material
    )
