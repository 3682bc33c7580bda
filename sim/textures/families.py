"""Which texture families and patterns there are, and which surface may wear which: names, no pixels."""

from __future__ import annotations

import numpy as np

from selfcue.errors import BadInputError
from selfcue.sim.worlds.world import Material

FAMILIES: dict[str, dict[str, tuple[str, ...]]] = {
    "default": {
        "floor": ("planks", "speckle", "fabric"),
        "ceiling": ("plaster", "speckle"),
        "wall": ("plaster", "brick", "fabric", "planks"),
        "obstacle": ("plaster", "brick", "speckle", "planks", "fabric"),
    },
    "unseen": {
        "floor": ("cobbles", "leaves", "streaks"),
        "ceiling": ("marble", "camouflage"),
        "wall": ("marble", "cobbles", "camouflage", "streaks"),
        "obstacle": ("marble", "cobbles", "camouflage", "streaks", "leaves"),
    },
}
"""Family to kind of surface to patterns. No pattern, hue or orientation of one family occurs in another."""


def require_family(family: str) -> None:
    """Raise BadInputError unless ``family`` is a known texture family."""
    if family not in FAMILIES:
        raise BadInputError(f"texture family {family!r} is not known; use one of {', '.join(sorted(FAMILIES))}")


def material_for(family: str, surface: str, rng: np.random.Generator) -> Material:
    """Draw a material for ``surface`` (floor, ceiling, wall_*, obstacle) from ``family``."""
    require_family(family)
    patterns = FAMILIES[family][surface.partition("_")[0]]
    return Material(family, patterns[int(rng.integers(len(patterns)))], int(rng.integers(2**31)))
