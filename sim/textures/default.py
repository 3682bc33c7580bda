"""The ``default`` family, to learn in: plaster, brick, speckle, planks, fabric; upright, warm and blue."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from selfcue.sim.textures.canvas import TILE_M, Plane, axes_m, fractal, marks, paint

HUES_DEG = ((5.0, 60.0), (195.0, 235.0))


def plaster(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Blotches and trowel marks of every size from 1 cm to 60 cm."""
    return fractal(rng, fine_m=0.012, coarse_m=0.64), fractal(rng, fine_m=0.08, coarse_m=1.28)


def brick(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Bricks of 23 x 8 cm in running bond, every brick of its own tone, with light joints."""
    columns, rows, joint_m = 11, 32, 0.010
    u, v = axes_m()
    width, height = TILE_M / columns, TILE_M / rows
    row = np.floor(v / height).astype(np.int64)
    shifted = u + (row % 2) * (width / 2)
    column = np.floor(shifted / width).astype(np.int64) % columns
    tones = rng.normal(0.0, 1.0, (rows, columns)).astype(np.float32)
    in_joint = (shifted % width < joint_m) | (v % height < joint_m)
    tone = np.where(in_joint, np.float32(1.4), tones[row, column])
    grain = fractal(rng, fine_m=0.012, coarse_m=0.32)
    return tone + 0.55 * grain, tones[row, column] + 0.3 * grain


def speckle(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Stone chips of 1 to 8 cm in a mottled ground."""
    ground = 0.6 * fractal(rng, fine_m=0.015, coarse_m=0.6)
    tone = marks(rng, ground, count=2600, small_m=0.006, large_m=0.045, slim=0.8, spread=1.1)
    return tone + 0.25 * fractal(rng, fine_m=0.012, coarse_m=0.3), tone


def planks(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Boards of 16 cm, each of its own tone and length, with grain along them."""
    boards, joint_m = 16, 0.008
    u, v = axes_m()
    width = TILE_M / boards
    board = np.floor(v / width).astype(np.int64)
    start = rng.uniform(0.0, TILE_M, boards).astype(np.float32)
    along = (u + start[board]) % TILE_M
    piece = (along > rng.uniform(0.3, 0.7, boards).astype(np.float32)[board] * TILE_M).astype(np.int64)
    tones = rng.normal(0.0, 0.9, (boards, 2)).astype(np.float32)
    in_joint = (v % width < joint_m) | (along < joint_m)
    grain = fractal(rng, fine_m=0.012, coarse_m=0.64, stretch=5.0)
    knots = fractal(rng, fine_m=0.03, coarse_m=0.3)
    tone = np.where(in_joint, np.float32(-1.8), tones[board, piece]) + 0.8 * grain + 0.45 * knots
    return tone.astype(np.float32), tones[board, piece] + 0.5 * knots


def fabric(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Woven cloth: threads of 2 cm over and under, every thread of its own tone, faded in places."""
    threads = 128
    u, v = axes_m()
    pitch = TILE_M / threads
    column, row = np.floor(u / pitch).astype(np.int64), np.floor(v / pitch).astype(np.int64)
    warp = rng.normal(0.0, 1.0, threads).astype(np.float32)
    weft = rng.normal(0.0, 1.0, threads).astype(np.float32)
    over = (column + row) % 2 == 0
    tone = np.where(over, warp[column], weft[row])
    fade = fractal(rng, fine_m=0.02, coarse_m=0.8)
    return tone + 0.9 * fade, fractal(rng, fine_m=0.1, coarse_m=1.28)


_PATTERNS: dict[str, Callable[[np.random.Generator], tuple[Plane, Plane]]] = {
    "plaster": plaster,
    "brick": brick,
    "speckle": speckle,
    "planks": planks,
    "fabric": fabric,
}


def draw(pattern: str, rng: np.random.Generator) -> Plane:
    """Return the tile of ``pattern``: (TILE_PX, TILE_PX, 3) in [0, 1]."""
    tone, tint = _PATTERNS[pattern](rng)
    return paint(rng, tone, tint, HUES_DEG)
