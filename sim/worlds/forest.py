"""A forest of thin trunks: a glade closed by hedges, under leaves that shut out the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfcue.errors import BadInputError
from selfcue.sim.textures.families import material_for, require_family
from selfcue.sim.worlds.ground_plan import gap
from selfcue.sim.worlds.world import ROOM_FACES, Cylinder, Light, World

_TRIES = 20_000
_BARKS = 6  # so many different barks; trees share them


@dataclass(frozen=True)
class ForestSettings:
    """How a forest is laid out.

    Attributes:
        size_m: inner size of the glade (x, y, z); the trunks reach up through the leaves.
        n_trees: how many trunks stand in it.
        thinnest_m, thickest_m: diameters of the trunks.
        gap_m: least width of every passage between two trunks, and between a trunk and the hedge.
        texture_family, texture_seed: see ``RoomSettings``.
    """

    size_m: tuple[float, float, float] = (14.0, 14.0, 4.0)
    n_trees: int = 30
    thinnest_m: float = 0.06
    thickest_m: float = 0.3
    gap_m: float = 1.2
    texture_family: str = "default"
    texture_seed: int | None = None

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        require_family(self.texture_family)
        if min(self.size_m) < 2.0 or max(self.size_m) > 200.0:
            raise BadInputError(f"forest size_m {self.size_m} is not usable; give three lengths of 2 to 200 m")
        if not 0 <= self.n_trees <= 500:
            raise BadInputError(f"forest n_trees {self.n_trees} is not usable; give 0 to 500")
        if not 0.01 <= self.thinnest_m <= self.thickest_m <= 2.0:
            raise BadInputError(
                f"forest thinnest_m {self.thinnest_m} and thickest_m {self.thickest_m} are not usable; give 0.01 to "
                "2 m, the thinnest first"
            )
        if not self.gap_m >= 0.0:
            raise BadInputError(f"forest gap_m {self.gap_m} is not usable; give 0 or more metres")


def make_forest(seed: int, settings: ForestSettings | None = None) -> World:
    """Return the forest that ``seed`` describes.

    Raises:
        BadInputError: a setting is out of range, or the trees do not fit with the wanted gaps.
    """
    settings = settings or ForestSettings()
    settings.check()
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 21])))
    texture_seed = seed if settings.texture_seed is None else settings.texture_seed
    wear = np.random.Generator(np.random.PCG64(np.random.SeedSequence([texture_seed, 22])))
    faces = tuple((face, material_for(settings.texture_family, face, wear)) for face in ROOM_FACES)
    barks = [material_for(settings.texture_family, "obstacle", wear) for _ in range(_BARKS)]
    width, depth, height = settings.size_m
    trees: list[Cylinder] = []
    for _ in range(_TRIES):
        if len(trees) == settings.n_trees:
            break
        radius = 0.5 * float(rng.uniform(settings.thinnest_m, settings.thickest_m))
        room = np.array([width, depth]) / 2 - radius - settings.gap_m
        if (room <= 0).any():
            break
        x, y = (float(value) for value in rng.uniform(-room, room))
        bark = barks[int(rng.integers(_BARKS))]
        tree = Cylinder(f"tree_{len(trees):03d}", (x, y, height / 2), radius, height, bark)
        if all(gap(tree, other) >= settings.gap_m for other in trees):
            trees.append(tree)
    if len(trees) < settings.n_trees:
        raise BadInputError(
            f"forest (seed {seed}): {settings.n_trees} trees with {settings.gap_m:g} m gaps do not fit in "
            f"{width:g} x {depth:g} m; ask for fewer, or for narrower gaps"
        )
    sun = (0.3 * width, -0.2 * depth, height - 0.1)
    return World(
        "forest", seed, settings.size_m, faces, tuple(trees), Light(sun, lamp=0.4, ambient=0.75, reach_m=width)
    )
