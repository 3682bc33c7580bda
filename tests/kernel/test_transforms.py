"""Transforms, their tree and values along time: group laws, names that chain, interpolation, clear refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.messages import Imu, Odometry
from selfcue.timeline import Timeline, imu_timeline
from selfcue.transforms import Transform, TransformTree, slerp

S = 1_000_000_000
parts = st.floats(-1, 1, allow_subnormal=False)
quaternions = st.tuples(parts, parts, parts, parts).filter(lambda q: sum(x * x for x in q) > 0.01)
transforms = st.builds(Transform, st.tuples(*[st.floats(-100, 100)] * 3), quaternions)
shares = st.floats(0, 1)


def turned(degrees: float, x: float = 0.0) -> Transform:
    half = math.radians(degrees) / 2
    return Transform((x, 0.0, 0.0), (0.0, 0.0, math.sin(half), math.cos(half)))


def same(a: Transform, b: Transform, tolerance: float = 1e-6) -> bool:
    return bool(np.allclose(a.matrix, b.matrix, atol=tolerance))


@given(transforms, transforms)
def test_composition_is_the_product_of_matrices(a: Transform, b: Transform) -> None:
    assert np.allclose((a @ b).matrix, a.matrix @ b.matrix, atol=1e-8)
    assert same(a @ a.inverse(), Transform())


@given(transforms)
def test_matrix_and_back(transform: Transform) -> None:
    assert same(Transform.from_matrix(transform.matrix), transform)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_half_turns_come_back_from_their_matrix(axis: int) -> None:
    rotation = tuple(float(i == axis) for i in range(4))
    assert same(Transform.from_matrix(Transform((0, 0, 0), rotation).matrix), Transform((0, 0, 0), rotation))  # type: ignore[arg-type]


def test_points_go_from_child_to_parent() -> None:
    T_map_base = turned(90, x=1.0)  # the base looks along the map's y from (1, 0)
    assert np.allclose(T_map_base.apply([[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), [[1.0, 2.0, 0.0], [1.0, 0.0, 0.0]])


@given(quaternions, quaternions, shares)
def test_slerp_turns_at_constant_speed_along_the_short_arc(a: tuple, b: tuple, share: float) -> None:
    one, two = Transform((0, 0, 0), a), Transform((0, 0, 0), b)
    whole = one.angle_to(two)
    assume(whole < math.pi - 1e-3)  # half a turn may go either way
    there = Transform((0, 0, 0), slerp(one.rotation, two.rotation, share))
    assert one.angle_to(there) == pytest.approx(share * whole, abs=1e-5)
    assert there.angle_to(two) == pytest.approx((1 - share) * whole, abs=1e-5)


def test_no_transform_without_a_rotation() -> None:
    for translation, rotation in (
        ((0, 0, 0), (0, 0, 0, 0)),
        ((math.nan, 0, 0), (0, 0, 0, 1)),
        ((0, 0, 0), (1e200, 1e200, 0, 0)),
    ):
        with pytest.raises(BadInputError, match="no rigid transform"):
            Transform(translation, rotation)
    with pytest.raises(BadInputError, match="not a rigid"):
        Transform.from_matrix(np.diag([1.0, 1.0, -1.0, 1.0]))


@pytest.fixture
def tree() -> TransformTree:
    tree = TransformTree(keep_s=2.0, reach_s=0.1)
    tree.fix("base", "camera", Transform((0.1, 0.0, 0.0)))
    tree.fix("base", "imu", turned(180))
    for i in range(11):
        tree.move("map", "base", i * S // 10, turned(9.0 * i, x=float(i)))
    return tree


def test_any_two_frames_at_any_time(tree: TransformTree) -> None:
    assert same(tree.between("map", "base", S // 4), turned(22.5, x=2.5))
    assert same(tree.between("map", "camera", S // 4), turned(22.5, x=2.5) @ Transform((0.1, 0.0, 0.0)))
    assert same(tree.between("camera", "map", S // 4), tree.between("map", "camera", S // 4).inverse())
    assert same(tree.between("imu", "camera", 99 * S), turned(-180) @ Transform((0.1, 0.0, 0.0)))  # fixed: at any time
    assert same(tree.between("base", "base", 0), Transform())


def test_odometry_feeds_the_tree(tree: TransformTree) -> None:
    tree.take(
        Odometry(
            stamp_ns=S + S // 10, frame_id="map", child_frame_id="base", position=(20.0, 0.0, 0.0),
            orientation=(0.0, 0.0, 0.0, 1.0), linear_velocity=(0, 0, 0), angular_velocity=(0, 0, 0),
        )
    )  # fmt: skip
    assert tree.between("map", "base", S + S // 10).translation == (20.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("parent", "child", "at_s", "says"),
    [
        ("map", "camra", 0.5, "no frame 'camra'; did you mean 'camera'"),
        ("world", "base", 0.5, "no frame 'world'; there is: base, camera, imu, map"),
        ("map", "camera", 1.2, r"T_map_base: asked for a time 0.200 s after the newest known \(0.1 s are allowed\)"),
        ("map", "camera", -0.5, "T_map_base: asked for a time 0.500 s before the oldest"),
    ],
)
def test_what_is_not_known_is_refused(tree: TransformTree, parent: str, child: str, at_s: float, says: str) -> None:
    with pytest.raises(BadInputError, match=says):
        tree.between(parent, child, round(at_s * S))
    tree.between("map", "camera", round(1.05 * S))  # held for a moment


def test_the_tree_stays_a_tree(tree: TransformTree) -> None:
    for parent, child, says in (
        ("map", "camera", "'camera' hangs on 'base'; it cannot hang on 'map' too"),
        ("camera", "map", "would close a circle"),
        ("x", "x", "would close a circle"),
        ("map", "base", "'base' moves in 'map'"),
    ):
        with pytest.raises(BadInputError, match=says):
            tree.fix(parent, child, Transform())
    with pytest.raises(BadInputError, match="'camera' is fixed in 'base'"):
        tree.move("base", "camera", 0, Transform())
    tree.fix("dock", "charger", Transform())
    with pytest.raises(BadInputError, match="hang in different trees: 'map' and 'dock'"):
        tree.between("base", "charger", 0)


def test_when_time_is_set_back_the_past_is_void(tree: TransformTree) -> None:
    tree.move("map", "base", -5 * S, turned(0, x=-1.0))
    assert tree.jumps == 1
    assert tree.between("map", "base", -5 * S).translation == (-1.0, 0.0, 0.0)
    with pytest.raises(BadInputError, match="after the newest"):
        tree.between("map", "base", S)


def mix(a: float, b: float, share: float) -> float:
    return a + (b - a) * share


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=30, unique=True), st.integers(0, 10**9))
def test_a_straight_line_stays_straight_in_whatever_order_it_comes(stamps: list[int], at_ns: int) -> None:
    line = Timeline(mix, keep_s=1.0)
    for stamp in stamps:
        line.add(stamp, 3.0 * stamp)
    if min(stamps) <= at_ns <= max(stamps):
        assert line.at(at_ns) == pytest.approx(3.0 * at_ns, rel=1e-9, abs=1e-3)
    else:
        with pytest.raises(BadInputError, match=r"s (after|before) the"):
            line.at(at_ns)


def test_the_past_is_kept_for_so_long_and_a_late_value_finds_its_place() -> None:
    line = Timeline(mix, keep_s=1.0)
    for i in (0, 1, 2, 3, 4, 5, 7, 8, 6):
        line.add(i * S // 4, float(i))
    assert len(line) == 5
    assert line.at(6 * S // 4) == 6.0
    with pytest.raises(BadInputError, match=r"0.250 s before the oldest"):
        line.at(3 * S // 4)
    with pytest.raises(BadInputError, match="nothing is known yet"):
        Timeline(mix).at(0)


def test_inertial_samples_between_two_pictures() -> None:
    line = imu_timeline()
    for i in range(5):
        line.add(
            i * 10, Imu(stamp_ns=i * 10, angular_velocity=(0, 0, float(i)), linear_acceleration=(float(i), 0, 9.81))
        )
    found = line.between(5, 32)
    assert [stamp for stamp, _ in found] == [5, 10, 20, 30, 32]
    assert [imu.stamp_ns for _, imu in found] == [5, 10, 20, 30, 32]
    assert [imu.angular_velocity[2] for _, imu in found] == pytest.approx([0.5, 1, 2, 3, 3.2])
    assert found[0][1].linear_acceleration == pytest.approx((0.5, 0.0, 9.81))
    assert [stamp for stamp, _ in line.between(10, 10)] == [10]
    assert [stamp for stamp, _ in line.between(10, 20)] == [10, 20]
    with pytest.raises(BadInputError, match="runs backwards"):
        line.between(20, 10)
    with pytest.raises(BadInputError, match="after the newest"):
        line.between(30, 41)
