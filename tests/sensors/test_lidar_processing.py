"""What is done with clouds: cropped, thinned, split from the ground, painted, deskewed."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Imu, Odometry, PointCloud
from selfcue.sensors.calibration import rectified_pair
from selfcue.sensors.lidar.camera_view import depth_image, points_of_depth
from selfcue.sensors.lidar.cloud import choose, with_points
from selfcue.sensors.lidar.crop import in_box, in_range
from selfcue.sensors.lidar.deskew import deskew
from selfcue.sensors.lidar.ground import GroundConfig, Plane, find_ground, on_ground
from selfcue.sensors.lidar.motion import Motion
from selfcue.sensors.lidar.range_image import ring_image, spherical_image, spherical_points
from selfcue.sensors.lidar.voxel import voxel_filter
from selfcue.sensors.readers import open_log
from selfcue.transforms import Transform
from tests.sensors.captures import SECOND
from tests.sensors.lidar_packets import there

SEEDS = st.integers(0, 1 << 30)
MANY = settings(max_examples=40, deadline=None)


def cloud_of(points: np.ndarray, **more: np.ndarray | None) -> PointCloud:
    points = np.asarray(points, np.float32)
    return PointCloud(stamp_ns=7, points=points, intensity=np.arange(len(points), dtype=np.float32), **more)  # type: ignore[arg-type]


# -- crop and choose ---------------------------------------------------------------------------------------------------


@MANY
@given(SEEDS)
def test_crops_equal_a_naive_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-3, 3, (60, 3)).astype(np.float32)
    points[rng.integers(0, 60, 3)] = np.nan
    low, high = np.sort(rng.uniform(-3, 3, (2, 3)), axis=0)
    box = in_box(points, tuple(low), tuple(high))
    assert box.tolist() == [all(lo <= v <= hi for v, lo, hi in zip(p, low, high, strict=True)) for p in points.tolist()]
    reach = in_range(points, 1.0, 2.5)
    assert reach.tolist() == [1.0 <= math.hypot(*p) <= 2.5 for p in points.astype(float).tolist()]


def test_a_choice_keeps_what_belongs_together() -> None:
    cloud = cloud_of(np.eye(3), time_s=np.array([0, 1, 2], np.float32), ring=np.array([5, 6, 7], np.uint16))
    for which in (np.array([True, False, True]), np.array([0, 2])):
        found = choose(cloud, which)
        assert found.points.tolist() == [[1, 0, 0], [0, 0, 1]]
        assert (found.intensity.tolist(), there(found.time_s).tolist(), there(found.ring).tolist()) == (
            [0, 2],
            [0, 2],
            [5, 7],
        )
        assert found.stamp_ns == 7
    assert choose(cloud_of(np.eye(3)), np.array([1])).ring is None


def test_what_cannot_be_cropped() -> None:
    for call, text in (
        (lambda: in_box(np.zeros((2, 2)), (0, 0, 0), (1, 1, 1)), r"shape \(N, 3\)"),
        (lambda: in_box(np.zeros((2, 3)), (0, 0, 0), (1, 0, 1)), "has no inside"),
        (lambda: in_range(np.zeros((2, 3)), 2.0, 1.0), "holds nothing"),
        (lambda: with_points(cloud_of(np.zeros((2, 3))), np.zeros((3, 3))), "cannot have points"),
        (lambda: voxel_filter(cloud_of(np.zeros((2, 3))), 0.0), "has no size"),
        (lambda: voxel_filter(cloud_of(np.full((2, 3), 5e6)), 0.1), "do not reach 5000000 m"),
    ):
        with pytest.raises(BadInputError, match=text):
            call()


# -- voxels ------------------------------------------------------------------------------------------------------------


@MANY
@given(SEEDS, st.sampled_from([0.1, 0.5, 2.0]), st.integers(0, 300))
def test_voxels_hold_the_means_of_their_points(seed: int, size_m: float, count: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-2, 2, (count, 3)).astype(np.float32)
    cloud = cloud_of(points, time_s=rng.random(count, np.float32), ring=np.zeros(count, np.uint16))
    cubes: dict[tuple[int, ...], list[int]] = {}
    for i, point in enumerate(points.astype(np.float64).tolist()):
        cubes.setdefault(tuple(math.floor(v / size_m) for v in point), []).append(i)
    found = voxel_filter(cloud, size_m)
    assert len(found.points) == len(cubes)
    for k, cube in enumerate(sorted(cubes)):
        mine = cubes[cube]
        assert found.points[k] == pytest.approx(points[mine].mean(axis=0), abs=1e-5)
        assert found.intensity[k] == pytest.approx(cloud.intensity[mine].mean(), rel=1e-5)
        assert there(found.time_s)[k] == pytest.approx(there(cloud.time_s)[mine].mean(), abs=1e-5)
    assert found.ring is None
    again = voxel_filter(found, size_m)
    assert np.allclose(again.points, found.points, atol=1e-6)


# -- ground ------------------------------------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.floats(-10, 10), st.floats(-10, 10), st.floats(-2.5, 0.0))
def test_a_sloping_ground_is_found_among_walls(seed: int, roll_deg: float, pitch_deg: float, height_m: float) -> None:
    rng = np.random.default_rng(seed)
    tilt = np.array([math.tan(math.radians(pitch_deg)), math.tan(math.radians(roll_deg))])
    flat = rng.uniform(-6, 6, (600, 2))
    ground = np.column_stack([flat, flat @ tilt + height_m + rng.normal(0, 0.02, 600)])
    foot = rng.uniform(-6, 6, (400, 2))
    foot[:200, 0] = 6.0
    wall = np.column_stack([foot, foot @ tilt + height_m + rng.uniform(0.5, 3.0, 400)])
    plane = find_ground(np.concatenate([ground, wall]), rng, GroundConfig(low_m=-6.0, high_m=6.0))
    assert plane is not None
    true = np.array([-tilt[0], -tilt[1], 1.0])
    assert math.degrees(math.acos(min(1.0, float(true @ plane.normal / np.linalg.norm(true))))) < 0.5
    assert on_ground(ground, plane, 0.1).mean() > 0.99
    assert on_ground(wall, plane, 0.1).mean() < 0.02
    assert np.linalg.norm(plane.normal) == pytest.approx(1.0)


def test_without_ground_there_is_none() -> None:
    rng = np.random.default_rng(0)
    wall = np.column_stack([np.full(500, 3.0), rng.uniform(-3, 3, 500), rng.uniform(-2, 1, 500)])
    assert find_ground(wall, rng) is None
    assert find_ground(wall[:2], rng) is None
    ring = np.column_stack([np.cos(np.arange(300)), np.sin(np.arange(300)), np.zeros(300)]) * 3.0
    rings = np.concatenate(
        [ring, ring, ring, *(ring + np.array([[[0.0, 0.0, -0.3]], [[0.0, 0.0, 0.3]]]))]
    )  # on walls, all around
    assert find_ground(rings, rng, GroundConfig(least_share=0.5)) is None
    assert find_ground(rings[:900], rng, GroundConfig(least_share=0.5)) is not None
    assert not on_ground(wall, None, 0.1).any()
    assert Plane((0.0, 0.0, 1.0), 1.5).height(np.array([[0, 0, 0], [1, 1, -1.5]])).tolist() == [1.5, 0.0]


def test_the_same_generator_finds_the_same_ground() -> None:
    points = np.random.default_rng(1).uniform(-5, 5, (9000, 3))
    points[:6000, 2] *= 0.01
    first, second = (find_ground(points, np.random.default_rng(5)) for _ in range(2))
    assert first == second is not None


# -- range images ------------------------------------------------------------------------------------------------------


@MANY
@given(SEEDS, st.integers(1, 40), st.integers(1, 90))
def test_a_range_image_holds_the_nearest_of_each_direction(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 5, (200, 3)).astype(np.float32)
    points[0] = 0.0
    points[1] = np.nan
    image = spherical_image(points, height, width, -45.0, 45.0)
    nearest: dict[tuple[int, int], tuple[float, int]] = {}
    for i, (x, y, z) in enumerate(points.astype(np.float64).tolist()):
        r = math.sqrt(x * x + y * y + z * z)
        if not r > 0:
            continue
        up = math.degrees(math.asin(z / r))
        if abs(up) > 45:
            continue
        row = min(int((45 - up) / 90 * height), height - 1)
        column = int((math.atan2(y, x) + math.pi) / (2 * math.pi) * width) % width
        nearest[row, column] = min(nearest.get((row, column), (math.inf, -1)), (r, i))
    assert {(int(r), int(c)) for r, c in zip(*np.nonzero(image.places >= 0), strict=True)} == set(nearest)
    for (row, column), (r, i) in nearest.items():
        assert image.places[row, column] == i
        assert image.range_m[row, column] == pytest.approx(r, rel=1e-6)
    assert np.array_equal(np.isnan(image.range_m), image.places < 0)


@MANY
@given(SEEDS)
def test_a_range_images_points_come_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    range_m = rng.uniform(1, 50, (16, 120)).astype(np.float32)
    range_m[rng.random(range_m.shape) < 0.3] = np.nan
    again = spherical_image(spherical_points(range_m, -20.0, 10.0), 16, 120, -20.0, 10.0)
    assert np.allclose(again.range_m, range_m, rtol=1e-5, equal_nan=True)


def test_a_ring_image_has_a_row_for_each_laser() -> None:
    points = [[2, 0.1, 0], [3, 0.1, 9], [0, 5, 0]]
    image = ring_image(cloud_of(np.array(points), ring=np.array([0, 2, 2], np.uint16)), 3, 4)
    assert np.argwhere(image.places >= 0).tolist() == [[0, 2], [0, 3], [2, 2]]
    assert image.places[2, 2] == 0
    with pytest.raises(BadInputError, match="use the spherical image"):
        ring_image(cloud_of(np.array(points)), 3, 4)
    with pytest.raises(BadInputError, match="does not hold ring 2"):
        ring_image(cloud_of(np.array(points), ring=np.array([0, 2, 2], np.uint16)), 2, 4)
    with pytest.raises(BadInputError, match="is none"):
        spherical_image(np.zeros((1, 3)), 4, 4, 10.0, -10.0)


# -- cameras -----------------------------------------------------------------------------------------------------------

LOOKS_AHEAD = Transform((0.02, -0.1, 0.05), (0.5, -0.5, 0.5, 0.5))  # LiDAR axes (x forward) to optical (z forward)


def camera(**changes: object) -> CameraInfo:
    left, _ = rectified_pair(width=64, height=48, fx_px=50.0, cx_px=31.5, cy_px=23.5, baseline_m=0.1)
    return msgspec.structs.replace(left, **changes)


@MANY
@given(SEEDS)
def test_depth_pictures_and_points_are_each_others_inverse(seed: int) -> None:
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.5, 20, (48, 64)).astype(np.float32)
    depth[rng.random(depth.shape) < 0.4] = np.nan
    info = camera()
    in_camera = points_of_depth(depth, info)
    assert len(in_camera) == np.isfinite(depth).sum()
    in_lidar = LOOKS_AHEAD.inverse().apply(in_camera)
    again = depth_image(in_lidar, info, LOOKS_AHEAD)
    assert np.allclose(again, depth, rtol=1e-4, equal_nan=True)


def test_depth_pictures_of_a_lens_that_distorts() -> None:
    pytest.importorskip("cv2", reason="OpenCV is not installed")
    info = camera(d=(-0.2, 0.05, 0.001, -0.001, 0.0))
    depth = np.full((48, 64), np.nan, np.float32)
    depth[::5, ::7] = np.random.default_rng(0).uniform(1, 9, depth[::5, ::7].shape)
    points = points_of_depth(depth, info, rectified=False)
    again = depth_image(points, info, Transform(), rectified=False)
    assert np.allclose(again, depth, rtol=1e-4, equal_nan=True)
    assert not np.allclose(depth_image(points, info, Transform()), depth, rtol=1e-4, equal_nan=True)
    aside = np.array([[30.0, 0.0, 0.5], [0.0, -40.0, 0.5]])  # folds back into view where nobody takes care
    assert np.isnan(depth_image(aside, info, Transform(), rectified=False)).all()


def test_depth_pictures_keep_the_nearest_and_what_is_in_front() -> None:
    points = np.array([[5.0, 0, 0], [3.0, 0, 0], [-3.0, 0, 0], [0.05, 0, 0], [np.nan, 0, 0]])
    picture = depth_image(points, camera(), Transform((0, 0, 0), (0.5, -0.5, 0.5, 0.5)))
    assert np.nanmin(picture) == np.nanmax(picture) == 3.0
    assert np.isfinite(picture).sum() == 1
    with pytest.raises(BadInputError, match="a depth picture of 3 x 2 px, calibrated at 64 x 48 px"):
        points_of_depth(np.zeros((2, 3)), camera())


# -- deskew ------------------------------------------------------------------------------------------------------------


def turned(yaw: float, roll: float = 0.0) -> Transform:
    return Transform(rotation=(0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))) @ Transform(
        rotation=(math.sin(roll / 2), 0.0, 0.0, math.cos(roll / 2))
    )


def skewed(pose: Callable[[float], Transform], mount: Transform, seed: int) -> tuple[PointCloud, np.ndarray]:
    """A turn of 0.1 s of points that stand still, and where they are from the pose at its begin."""
    rng = np.random.default_rng(seed)
    world = rng.uniform(-20, 20, (300, 3))
    times = np.sort(rng.uniform(0, 0.1, 300)).astype(np.float32)
    seen = [(pose(float(t)) @ mount).inverse().apply(p) for t, p in zip(times, world, strict=True)]
    cloud = PointCloud(
        stamp_ns=5 * SECOND,
        points=np.array(seen, np.float32),
        intensity=np.zeros(300, np.float32),
        time_s=times,
    )
    return cloud, (pose(0.0) @ mount).inverse().apply(world)


MOUNT = Transform((0.3, -0.1, 0.5), (0.1, 0.0, 0.3, 0.9))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(-4, 4), st.floats(-15, 15))
def test_odometry_takes_the_motion_out_of_a_turn(seed: int, yaw_rate: float, speed: float) -> None:
    def pose(t: float) -> Transform:
        yaw = 0.3 + yaw_rate * t
        turn = turned(yaw)
        return Transform((speed * t, 1.0, 0.2 * speed * t), turn.rotation)

    odometry = []
    for k in range(-1, 8):
        at = pose(0.02 * k)
        odometry.append(
            Odometry(
                stamp_ns=5 * SECOND + k * 20_000_000,
                position=at.translation,
                orientation=tuple(-part for part in at.rotation) if k % 2 else at.rotation,  # type: ignore[arg-type]
                linear_velocity=(0, 0, 0),
                angular_velocity=(0, 0, 0),
            )
        )
    cloud, expected = skewed(pose, MOUNT, seed)
    found = deskew(cloud, Motion.from_odometry(odometry), MOUNT)
    assert np.abs(found.points - expected).max() < 2e-5 * 60
    if abs(yaw_rate) > 1:
        assert np.abs(cloud.points - expected).max() > 0.5
    assert not there(found.time_s).any()
    late = deskew(cloud, Motion.from_odometry(odometry), MOUNT, at_ns=cloud.stamp_ns + 100_000_000)
    back = (pose(0.1) @ MOUNT).inverse() @ (pose(0.0) @ MOUNT)
    assert np.abs(late.points - back.apply(expected)).max() < 1e-3
    assert late.stamp_ns == cloud.stamp_ns + 100_000_000


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.floats(-5, 5), st.floats(-5, 5))
def test_a_gyroscope_takes_the_rotation_out_of_a_turn(seed: int, rate: float, growth: float) -> None:
    def pose(t: float) -> Transform:
        return turned(rate * t + growth * t * t)

    imus = [
        Imu(
            stamp_ns=5 * SECOND + k * 5_000_000,
            angular_velocity=(0.0, 0.0, rate + 2 * growth * k * 0.005),
            linear_acceleration=(0, 0, 9.81),
        )
        for k in range(-2, 23)
    ]
    mount = Transform(rotation=MOUNT.rotation)
    cloud, expected = skewed(pose, mount, seed)
    found = deskew(cloud, Motion.from_gyro(imus), mount)
    assert np.abs(found.points - expected).max() < 2e-3


def test_what_cannot_be_deskewed() -> None:
    cloud, _ = skewed(lambda _: Transform(), Transform(), 0)
    imus = [Imu(stamp_ns=5 * SECOND + k, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 0)) for k in (0, 10)]
    with pytest.raises(BadInputError, match=r"does not cover the cloud: 0\.\d+ s of it are missing"):
        deskew(cloud, Motion.from_gyro(imus))
    with pytest.raises(BadInputError, match="does not say when each point was measured"):
        deskew(cloud_of(np.eye(3)), Motion.from_gyro(imus))
    with pytest.raises(BadInputError, match="two poses or more with rising stamps, got 1"):
        Motion.from_gyro(imus[:1])


# -- recorded clouds ---------------------------------------------------------------------------------------------------


def test_the_streets_ground_is_found_in_a_recorded_turn(data: Callable[[str], Path]) -> None:
    """KITTI mounts its LiDAR 1.73 m above the ground."""
    folder = data("kitti_raw_0048_tiny") / "2011_09_26_drive_0048_sync" / "velodyne_points" / "data"
    points = np.fromfile(folder / "0000000000.bin", "<f4").reshape(-1, 4)[:, :3]
    plane = find_ground(points, np.random.default_rng(0))
    assert plane is not None
    assert plane.offset_m == pytest.approx(1.73, abs=0.12)
    assert math.degrees(math.acos(plane.normal[2])) < 3.0
    assert 0.2 < on_ground(points, plane, 0.15).mean() < 0.7


def test_the_recorded_velodyne_fills_a_ring_image(data: Callable[[str], Path]) -> None:
    pytest.importorskip("rosbags", reason="rosbags is not installed")
    bag = data("ros_logs") / "nebula_vlp16" / "1673400471837873222"
    cloud = next(one for _, _, one in open_log(bag).messages() if isinstance(one, PointCloud))
    image = ring_image(cloud, 16, 900)
    assert np.isfinite(image.range_m).mean() > 0.5
    up = np.degrees(np.arcsin(cloud.points[:, 2] / np.linalg.norm(cloud.points, axis=1)))
    for row in range(15):
        mine = image.places[row][image.places[row] >= 0]
        assert up[mine] == pytest.approx(15 - 2 * row, abs=0.1)
