"""The room is laid out anew from each seed, and a robot fits everywhere."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.sim.textures.families import FAMILIES
from selfcue.sim.worlds.ground_plan import clearance, distance_to_solid, free_points, gap
from selfcue.sim.worlds.room import RoomSettings, make_room
from selfcue.sim.worlds.world import Box, Cylinder, Material

MATERIAL = Material("default", "plaster", 1)


def box(x: float, y: float, w: float, d: float, yaw: float = 0.0) -> Box:
    return Box("box", (x, y, 1.4), (w, d, 2.8), yaw, MATERIAL)


def pillar(x: float, y: float, radius: float) -> Cylinder:
    return Cylinder("pillar", (x, y, 1.4), radius, 2.8, MATERIAL)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 5))
def test_every_passage_lets_a_robot_through(seed: int, count: int) -> None:
    world = make_room(seed, RoomSettings(n_obstacles=count))
    assert len(world.solids) == count
    assert len({solid.name for solid in world.solids}) == count
    for first, second in itertools.combinations(world.solids, 2):
        assert gap(first, second) >= 1.0
    for solid in world.solids:
        for axis in (0, 1):
            half = world.size_m[axis] / 2
            values = [point[axis] for point in solid.outline()]
            for passage in (half - max(values), half + min(values)):
                assert passage >= 1.0 or abs(passage) < 1e-9
        assert 1.2 + 0.25 < solid.center_m[2] * 2 <= world.size_m[2]


def test_layouts_differ_and_mix_shapes() -> None:
    worlds = [make_room(seed) for seed in range(60)]
    places = {world.solids[0].center_m for world in worlds}
    solids = [solid for world in worlds for solid in world.solids]
    across = [s.size_m[0] if isinstance(s, Box) else 2 * s.radius_m for s in solids]
    assert len(places) == 60
    assert {type(solid) for solid in solids} == {Box, Cylinder}
    assert 0.3 < np.mean([0.2 <= a <= 0.3 for a in across]) < 0.7
    at_wall = [max(abs(v) for p in s.outline() for v in p) > 2.5 - 1e-6 for s in solids]
    assert 0.05 < np.mean(at_wall) < 0.4


def test_equal_seeds_make_equal_worlds() -> None:
    assert make_room(7) == make_room(7)
    assert make_room(7) != make_room(8)


def test_texture_seed_keeps_the_look_of_another_layout() -> None:
    first, second = (make_room(seed, RoomSettings(texture_seed=5)) for seed in (1, 2))
    assert first.faces == second.faces
    assert [s.material for s in first.solids] == [s.material for s in second.solids]
    assert [s.center_m for s in first.solids] != [s.center_m for s in second.solids]


def test_families_are_disjoint() -> None:
    learned, unseen = ({p for patterns in FAMILIES[name].values() for p in patterns} for name in ("default", "unseen"))
    assert not learned & unseen
    worn = {m.family for _, m in make_room(0, RoomSettings(texture_family="unseen")).faces}
    assert worn == {"unseen"}


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (pillar(0, 0, 0.2), pillar(1, 0, 0.3), 0.5),
        (pillar(0, 0, 0.2), box(1, 0, 0.4, 0.4), 0.6),
        (box(1, 0, 0.4, 0.4), pillar(0, 0, 0.2), 0.6),
        (box(0, 0, 1, 1), box(2, 0, 1, 1), 1.0),
        (box(0, 0, 1, 1), box(2, 0, 1, 1, math.pi / 4), 1.5 - math.sqrt(0.5)),
        (box(0, 0, 1, 1), box(2, 2, 1, 1), math.sqrt(2)),
        (box(0, 0, 2, 2), box(0.1, 0.1, 0.2, 0.2), 0.0),
        (box(0, 0, 2, 0.2), box(0, 0, 0.2, 2), 0.0),
        (pillar(0, 0, 0.2), pillar(0.1, 0, 0.2), 0.0),
    ],
)
def test_gap_of_known_pairs(first: Box | Cylinder, second: Box | Cylinder, wanted: float) -> None:
    assert gap(first, second) == pytest.approx(wanted, abs=1e-9)


def test_distance_to_a_turned_box() -> None:
    solid = box(1.0, 2.0, 2.0, 1.0, math.pi / 2)  # now 1 m along x, 2 m along y
    points = np.asarray([[2.0, 2.0], [1.0, 4.0], [1.2, 2.1], [2.5, 4.0]])
    assert distance_to_solid(solid, points) == pytest.approx([0.5, 1.0, 0.0, math.hypot(1.0, 1.0)])


def test_free_points_are_free_and_cover_the_room() -> None:
    world = make_room(0)
    points = free_points(world, 4000, np.random.default_rng(0), clearance_m=0.35)
    assert clearance(world, points).min() >= 0.35
    cells, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=6, range=[[-2.15, 2.15], [-2.15, 2.15]])
    assert (cells > 0).all()
    # Uniform: cells that nothing cuts into hold equal shares.
    middles = np.stack(np.meshgrid(*[np.linspace(-2.15, 2.15, 7)[:-1] + 2.15 / 6] * 2, indexing="ij"), -1).reshape(
        -1, 2
    )
    open_cells = cells.reshape(-1)[clearance(world, middles) > 0.35 + 0.51]
    assert len(open_cells) >= 3
    assert open_cells.std() < 0.25 * open_cells.mean()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (RoomSettings(texture_family="wallpaper"), "texture family 'wallpaper' is not known; use one of default"),
        (RoomSettings(n_obstacles=-1), "n_obstacles -1"),
        (RoomSettings(size_m=(2.5, 2.5, 2.8)), r"4 obstacles with 1 m gaps do not fit in 2\.5 x 2\.5 m"),
        (RoomSettings(size_m=(0.0, 5.0, 2.8)), "size_m"),
        (RoomSettings(thin=1.5), "thin 1.5 is not a share"),
        (RoomSettings(gap_m=float("nan")), "gap_m nan"),
    ],
)
def test_bad_settings_give_one_line(wrong: RoomSettings, words: str) -> None:
    with pytest.raises(BadInputError, match=words) as error:
        make_room(0, wrong)
    assert "\n" not in str(error.value)


def test_no_free_place_gives_one_line() -> None:
    with pytest.raises(BadInputError, match="no place with 3 m of clearance"):
        free_points(make_room(0), 1, np.random.default_rng(0), clearance_m=3.0)
    with pytest.raises(BadInputError, match=r"no place with 2\.4 m"):
        free_points(make_room(0), 1, np.random.default_rng(0), clearance_m=2.4)
