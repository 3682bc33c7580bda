"""Distances on the ground plan: how far a point or a footprint is from what stands in a room."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.sim.worlds.world import Box, Outline, Solid, World

_TRIES = 20_000


def distance_to_solid(solid: Solid, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the distances (N,) [m] of ``points`` (N, 2) to the footprint of ``solid``; 0 inside."""
    offset = points - np.asarray(solid.center_m[:2])
    if not isinstance(solid, Box):
        return np.asarray(np.maximum(np.hypot(offset[:, 0], offset[:, 1]) - solid.radius_m, 0.0))
    cos, sin = math.cos(solid.yaw_rad), math.sin(solid.yaw_rad)
    along = np.abs(cos * offset[:, 0] + sin * offset[:, 1]) - solid.size_m[0] / 2
    across = np.abs(-sin * offset[:, 0] + cos * offset[:, 1]) - solid.size_m[1] / 2
    return np.asarray(np.hypot(np.maximum(along, 0.0), np.maximum(across, 0.0)))


def clearance(world: World, points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the distances (N,) [m] of ``points`` (N, 2) to the nearest wall or solid; negative outside the room."""
    half = np.asarray(world.size_m[:2]) / 2
    nearest = np.min(half - np.abs(points), axis=1)
    for solid in world.solids:
        nearest = np.minimum(nearest, distance_to_solid(solid, points))
    return np.asarray(nearest)


def gap(first: Solid, second: Solid) -> float:
    """Return the width [m] of the passage between two upright solids (0 where they touch or overlap)."""
    if isinstance(first, Box) and isinstance(second, Box):
        return _gap_of_polygons(first.outline(), second.outline())
    round_one, other = (second, first) if isinstance(first, Box) else (first, second)
    assert not isinstance(round_one, Box)
    middle = np.asarray([round_one.center_m[:2]])
    return max(float(distance_to_solid(other, middle)[0]) - round_one.radius_m, 0.0)


def free_points(world: World, count: int, rng: np.random.Generator, *, clearance_m: float) -> npt.NDArray[np.float64]:
    """Return ``count`` points (count, 2) [m], uniform over the ground that is ``clearance_m`` away from everything.

    Raises:
        BadInputError: no such place was found.
    """
    half = np.asarray(world.size_m[:2]) / 2 - clearance_m
    found: list[npt.NDArray[np.float64]] = []
    missing, tries = count, 0
    while missing > 0:
        if (half <= 0).any() or (tries >= _TRIES and not found):
            raise BadInputError(
                f"world {world.name!r} (seed {world.seed}) has no place with {clearance_m:g} m of clearance; "
                "use fewer obstacles, a larger room or less clearance"
            )
        batch = rng.uniform(-half, half, size=(256, 2))
        batch = batch[clearance(world, batch) >= clearance_m][:missing]
        if len(batch):
            found.append(batch)
        missing -= len(batch)
        tries += 256
    return np.concatenate(found) if found else np.empty((0, 2))


def _gap_of_polygons(first: Outline, second: Outline) -> float:
    """Distance of two convex polygons; 0 where they overlap."""
    if not _separated(first, second) and not _separated(second, first):
        return 0.0
    return min(_corner_to_edges(first, second), _corner_to_edges(second, first))


def _separated(polygon: Outline, other: Outline) -> bool:
    """Whether an edge of the counter-clockwise ``polygon`` has all of ``other`` on its outer side."""
    for (ax, ay), (bx, by) in _edges(polygon):
        if all((bx - ax) * (y - ay) - (by - ay) * (x - ax) < 0 for x, y in other):
            return True
    return False


def _corner_to_edges(corners: Outline, polygon: Outline) -> float:
    best = math.inf
    for (ax, ay), (bx, by) in _edges(polygon):
        length_2 = (bx - ax) ** 2 + (by - ay) ** 2
        for x, y in corners:
            share = min(max(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length_2, 0.0), 1.0)
            best = min(best, math.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay)))
    return best


def _edges(polygon: Outline) -> Sequence[tuple[tuple[float, float], tuple[float, float]]]:
    return list(zip(polygon, polygon[1:] + polygon[:1], strict=True))
