"""Worlds that many tests look at, made once."""

from __future__ import annotations

import pytest

from selfcue.sim.render import Stage
from selfcue.sim.worlds.room import RoomSettings, make_room


@pytest.fixture(scope="session")
def stage() -> Stage:
    """The room of seed 0 with its four obstacles."""
    return Stage(make_room(0))


@pytest.fixture(scope="session")
def unseen_stage() -> Stage:
    """The room of seed 3 in the textures to test in."""
    return Stage(make_room(3, RoomSettings(texture_family="unseen")))


@pytest.fixture(scope="session")
def empty_stage() -> Stage:
    """A room with nothing in it."""
    return Stage(make_room(1, RoomSettings(n_obstacles=0)))
