"""Passages and forests: laid out anew from each seed, and a robot gets through everywhere."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.sim.drone_node import DroneNode
from selfcue.sim.worlds.forest import ForestSettings, make_forest
from selfcue.sim.worlds.ground_plan import clearance, gap
from selfcue.sim.worlds.make import WorldKind, make_world
from selfcue.sim.worlds.passage import PassageSettings, make_passage
from selfcue.sim.worlds.world import Box, Cylinder, World
from selfcue.testing import LoopSystem

BODY_RADIUS_M = 0.25


def free(world: World, step_m: float = 0.05) -> npt.NDArray[np.bool_]:
    """Where a body's middle may be, on a grid over the ground."""
    half = np.asarray(world.size_m[:2]) / 2
    x, y = np.arange(-half[0], half[0], step_m), np.arange(-half[1], half[1], step_m)
    places = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    return (clearance(world, places.reshape(-1, 2)) >= BODY_RADIUS_M).reshape(len(x), len(y))


def reached(ground: npt.NDArray[np.bool_], start: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Cells that a walk from ``start`` over free cells comes to."""
    seen = start & ground
    while True:
        grown = seen.copy()
        grown[1:] |= seen[:-1]
        grown[:-1] |= seen[1:]
        grown[:, 1:] |= seen[:, :-1]
        grown[:, :-1] |= seen[:, 1:]
        grown &= ground
        if (grown == seen).all():
            return seen
        seen = grown


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), doors=st.floats(0, 1), furniture=st.floats(0, 1))
def test_a_body_gets_from_one_end_of_a_passage_to_the_other(seed: int, doors: float, furniture: float) -> None:
    world = make_passage(seed, PassageSettings(open_doors=doors, furniture=furniture))
    ground = free(world)
    start = np.zeros_like(ground)
    start[:10] = True
    assert reached(ground, start)[-10:].any()
    names = [solid.name for solid in world.solids]
    assert names == sorted(set(names))
    half = np.asarray(world.size_m[:2]) / 2
    for solid in world.solids:
        assert (np.abs(np.asarray(solid.outline())) <= half + 1e-9).all(), solid


def test_passages_have_doors_open_and_shut_and_things_at_the_walls() -> None:
    solids = [solid for seed in range(30) for solid in make_passage(seed).solids]
    doors = [solid for solid in solids if isinstance(solid, Box) and solid.name.startswith("door")]
    standing_open = np.mean([door.yaw_rad != 0.0 for door in doors])
    assert 0.15 < standing_open < 0.45
    assert any(solid.name.startswith("bin") for solid in solids)
    assert any(solid.name.startswith("cabinet") for solid in solids)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_way_between_two_trees_lets_a_robot_through(seed: int) -> None:
    world = make_forest(seed)
    trees = [solid for solid in world.solids if isinstance(solid, Cylinder)]
    assert len(trees) == len(world.solids) == 30
    for first, second in itertools.combinations(trees, 2):
        assert gap(first, second) >= 1.2
    widths = [2 * tree.radius_m for tree in trees]
    assert min(widths) >= 0.06
    assert max(widths) <= 0.3


@pytest.mark.parametrize("kind", [PassageSettings(), ForestSettings()])
def test_equal_seeds_make_equal_worlds_and_textures_may_be_shared(kind: PassageSettings | ForestSettings) -> None:
    assert make_world(7, kind) == make_world(7, kind)
    assert make_world(7, kind).solids != make_world(8, kind).solids
    shared = type(kind)(texture_seed=3)
    assert make_world(7, shared).faces == make_world(8, shared).faces


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (PassageSettings(size_m=(12.0, 1.0, 2.6)), "passage size_m"),
        (PassageSettings(open_doors=1.5), "open_doors 1.5 is not a share"),
        (PassageSettings(pitch_m=1.0), "pitch_m 1.0"),
        (ForestSettings(n_trees=400), "do not fit in 14 x 14 m"),
        (ForestSettings(thinnest_m=0.5, thickest_m=0.2), "the thinnest first"),
        (ForestSettings(texture_family="plaid"), "texture family 'plaid' is not known"),
    ],
)
def test_what_cannot_be_built_gives_one_line(wrong: PassageSettings | ForestSettings, said: str) -> None:
    with pytest.raises(BadInputError, match=said) as caught:
        make_world(1, wrong)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["passage", "forest"])
def test_the_drone_flies_in_it(tmp_path: Path, place: WorldKind) -> None:
    loop = LoopSystem(tmp_path)
    loop.add(DroneNode("drone", DroneNode.Params(seed=5, duration_s=0.3, place=place)))
    loop.run()
    assert [info.world for info in loop.published("truth/map")] == [place]
    pictures = loop.published("stereo/left/image")
    assert len(pictures) >= 5
    assert pictures[0].data.std() > 10
