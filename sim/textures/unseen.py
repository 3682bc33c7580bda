"""The ``unseen`` family, to test in: marble, cobbles, camouflage, streaks, leaves; slanted, green to violet."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from selfcue.sim.textures.canvas import TILE_M, Plane, axes_m, cells, fractal, marks, paint

HUES_DEG = ((85.0, 175.0), (260.0, 335.0))


def marble(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Slanted veins, bent by slow noise, in several widths."""
    u, v = axes_m()
    bend = fractal(rng, fine_m=0.15, coarse_m=1.28, slope=1.6)
    across, along = int(rng.integers(3, 6)), int(rng.integers(3, 6))
    phase = 2 * math.pi * (across * u + along * v) / TILE_M + 2.6 * bend
    veins = (1.0 - np.abs(np.sin(phase))) ** 4 - 0.7 * (1.0 - np.abs(np.sin(2.0 * phase + 1.0 + bend))) ** 6
    tone = 2.2 * veins + 0.8 * fractal(rng, fine_m=0.012, coarse_m=0.5)
    return tone.astype(np.float32), bend


def cobbles(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Round stones of about 12 cm, darker at the rim, of many tones."""
    owner, rim_m, count = cells(rng, rng.uniform(0.10, 0.14))
    tones = rng.normal(0.0, 1.0, count).astype(np.float32)
    dome = np.clip(rim_m / 0.03, 0.0, 1.0) - 1.0
    grain = fractal(rng, fine_m=0.012, coarse_m=0.16)
    return tones[owner] + 1.6 * dome + 0.45 * grain, tones[owner][::-1].copy()


def camouflage(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Slanted patches of four flat tones with hard edges, large and small, and fine dirt."""
    angle = rng.uniform(0.4, 1.1) * float(rng.choice([-1.0, 1.0]))
    large = fractal(rng, fine_m=0.05, coarse_m=0.6, stretch=1.8, angle_rad=angle)
    small = fractal(rng, fine_m=0.02, coarse_m=0.12, stretch=1.8, angle_rad=angle)
    steps = np.digitize(large + 0.5 * small, [-0.7, 0.0, 0.7])
    tones = rng.permutation(np.asarray([-1.5, -0.4, 0.5, 1.5], np.float32))
    return tones[steps] + 0.4 * fractal(rng, fine_m=0.012, coarse_m=0.3), small


def streaks(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Rain-like strokes at a slant, crossed by fainter ones."""
    angle = rng.uniform(0.5, 1.0) * float(rng.choice([-1.0, 1.0]))
    tone = fractal(rng, fine_m=0.014, coarse_m=0.4, stretch=4.0, angle_rad=angle)
    crossing = fractal(rng, fine_m=0.02, coarse_m=0.5, stretch=3.0, angle_rad=-angle)
    return tone + 0.6 * crossing, crossing


def leaves(rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Fallen leaves of 2 to 16 cm, lying on each other at all angles."""
    tone = marks(
        rng, fractal(rng, fine_m=0.02, coarse_m=0.4), count=5000, small_m=0.01, large_m=0.08, slim=0.42, spread=1.0
    )
    return tone + 0.2 * fractal(rng, fine_m=0.012, coarse_m=0.2), tone


_PATTERNS: dict[str, Callable[[np.random.Generator], tuple[Plane, Plane]]] = {
    "marble": marble,
    "cobbles": cobbles,
    "camouflage": camouflage,
    "streaks": streaks,
    "leaves": leaves,
}


def draw(pattern: str, rng: np.random.Generator) -> Plane:
    """Return the tile of ``pattern``: (TILE_PX, TILE_PX, 3) in [0, 1]."""
    tone, tint = _PATTERNS[pattern](rng)
    return paint(rng, tone, tint, HUES_DEG)
