"""Every kind of world by its name."""

from __future__ import annotations

from typing import Literal, TypeAlias

from selfcue.sim.worlds.forest import ForestSettings, make_forest
from selfcue.sim.worlds.passage import PassageSettings, make_passage
from selfcue.sim.worlds.room import RoomSettings, make_room
from selfcue.sim.worlds.world import World

WorldKind: TypeAlias = Literal["room", "passage", "forest"]
WorldSettings: TypeAlias = RoomSettings | PassageSettings | ForestSettings


def make_world(seed: int, settings: WorldSettings) -> World:
    """Return the world that ``seed`` and ``settings`` describe: equal ones give equal worlds.

    Raises:
        BadInputError: a setting is out of range, or what it asks for does not fit.
    """
    if isinstance(settings, PassageSettings):
        return make_passage(seed, settings)
    if isinstance(settings, ForestSettings):
        return make_forest(seed, settings)
    return make_room(seed, settings)
