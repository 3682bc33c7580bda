"""Simulated sensors say what the world and the body say, plus their own noise."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.sim.camera import StereoSettings
from selfcue.sim.drone import Inertial
from selfcue.sim.pose import resting_pose
from selfcue.sim.render import Stage, StereoRenderer
from selfcue.sim.sensors.inertial import ImuNoise, InertialUnit
from selfcue.sim.sensors.lidar import Lidar, LidarSettings
from selfcue.sim.sensors.odometry import OdometryNoise, OdometrySensor
from selfcue.sim.sensors.stereo import CameraNoise, StereoCamera, camera_info
from selfcue.sim.sensors.truth import TruthSensor
from selfcue.sim.worlds.ground_plan import clearance

SETTINGS = StereoSettings()


def camera(stage: Stage, noise: CameraNoise, seed: int = 0) -> StereoCamera:
    renderer = StereoRenderer(stage, SETTINGS)
    return StereoCamera(renderer, noise, np.random.default_rng(seed), np.random.default_rng(7))


def test_camera_info_of_a_rectified_pair() -> None:
    left, right = camera_info(SETTINGS, right=False, stamp_ns=5), camera_info(SETTINGS, right=True, stamp_ns=5)
    assert (left.frame_id, right.frame_id) == ("stereo_left_optical", "stereo_right_optical")
    assert left.baseline_m == 0.0
    assert right.baseline_m == pytest.approx(0.06)
    assert right.p[3] == pytest.approx(-SETTINGS.focal_px * 0.06)
    assert left.k == right.k == (SETTINGS.focal_px, 0.0, 63.5, 0.0, SETTINGS.focal_px, 47.5, 0.0, 0.0, 1.0)
    assert (left.width, left.height) == (128, 96)


def test_picture_noise_has_the_stated_size(stage: Stage) -> None:
    pose = resting_pose(0.0, 0.0, 1.2, 0.4)
    quiet = camera(stage, CameraNoise(read_levels=0.0, gain=0.0)).shoot(pose)
    loud_camera = camera(stage, CameraNoise(read_levels=3.0, gain=0.0))
    loud, louder = loud_camera.shoot(pose), loud_camera.shoot(pose)
    bright = (quiet.left > 20) & (quiet.left < 235)
    difference = loud.left.astype(float) - quiet.left
    assert difference[bright].std() == pytest.approx(3.0, rel=0.05)
    assert abs(difference[bright].mean()) < 0.1
    assert not np.array_equal(loud.left, louder.left)
    between = np.corrcoef(difference[bright], (louder.left.astype(float) - quiet.left)[bright])[0, 1]
    assert abs(between) < 0.05
    assert np.array_equal(quiet.depth, loud.depth)


def test_gain_noise_moves_a_whole_picture(stage: Stage) -> None:
    pose = resting_pose(0.0, 0.0, 1.2, 0.4)
    unsteady = camera(stage, CameraNoise(read_levels=0.0, gain=0.05))
    shots = [unsteady.shoot(pose) for _ in range(30)]
    means = np.asarray([[shot.left.mean(), shot.right.mean()] for shot in shots])
    assert (means.std(axis=0) / means.mean(axis=0)) == pytest.approx([0.05, 0.05], rel=0.5)
    assert abs(np.corrcoef(means.T)[0, 1]) < 0.6


def test_exposure_brightens(stage: Stage) -> None:
    pose = resting_pose(0.0, 0.0, 1.2, 0.4)
    dim = StereoRenderer(stage, StereoSettings(exposure=0.5))
    shot = StereoCamera(dim, CameraNoise(0.0, 0.0), np.random.default_rng(0), np.random.default_rng(7)).shoot(pose)
    full = camera(stage, CameraNoise(0.0, 0.0)).shoot(pose)
    ok = (full.left > 0) & (full.left < 255)
    assert np.abs(2.0 * shot.left.astype(float) - full.left)[ok].max() <= 2.0


def test_camera_continues_from_a_saved_state(stage: Stage) -> None:
    pose = resting_pose(0.0, 0.0, 1.2, 0.4)
    first = camera(stage, CameraNoise())
    first.shoot(pose)
    second = camera(stage, CameraNoise(), seed=99)
    second.load_state(first.state())
    one, other = first.shoot(pose), second.shoot(pose)
    assert np.array_equal(one.left, other.left)
    assert np.array_equal(one.right, other.right)


def test_imu_noise_bias_and_range() -> None:
    noise = ImuNoise(accel_mps2=0.1, gyro_radps=0.01, accel_bias_mps2=0.2, gyro_bias_radps=0.02)
    still = Inertial(0, np.asarray([0.0, 0.0, 9.81]), np.zeros(3))
    biases = []
    for seed in range(40):
        unit = InertialUnit(noise, np.random.default_rng(seed))
        readings = [unit.measure(still) for _ in range(300)]
        force = np.asarray([r.linear_acceleration for r in readings])
        rates = np.asarray([r.angular_velocity for r in readings])
        assert force.std(axis=0) == pytest.approx([0.1] * 3, rel=0.2)
        assert rates.std(axis=0) == pytest.approx([0.01] * 3, rel=0.2)
        biases.append([*(force.mean(axis=0) - [0, 0, 9.81]), *rates.mean(axis=0)])
    assert np.std(biases, axis=0) == pytest.approx([0.2] * 3 + [0.02] * 3, rel=0.35)
    crash = Inertial(0, np.asarray([5000.0, 0.0, -5000.0]), np.asarray([0.0, 500.0, 0.0]))
    hard = InertialUnit(noise, np.random.default_rng(0)).measure(crash)
    assert hard.linear_acceleration[0] == noise.accel_range_mps2
    assert hard.linear_acceleration[2] == -noise.accel_range_mps2
    assert hard.angular_velocity[1] == noise.gyro_range_radps


def test_odometry_is_the_truth_in_the_right_frames() -> None:
    pose = resting_pose(1.0, 2.0, 1.2, math.pi / 2)._replace(
        velocity=np.asarray([0.0, 0.5, 0.1]), rates=np.asarray([0.0, 0.0, 0.3])
    )
    message = OdometrySensor(OdometryNoise(), np.random.default_rng(0)).measure(pose, 7)
    assert message.position == (1.0, 2.0, 1.2)
    assert message.linear_velocity == pytest.approx((0.5, 0.0, 0.1))  # flying along +y, nose to +y
    assert message.angular_velocity == (0.0, 0.0, 0.3)
    assert message.orientation == pytest.approx((0.0, 0.0, math.sqrt(0.5), math.sqrt(0.5)))
    assert (message.frame_id, message.child_frame_id, message.stamp_ns) == ("map", "base_link", 7)


def test_odometry_noise() -> None:
    sensor = OdometrySensor(OdometryNoise(position_m=0.1), np.random.default_rng(0))
    places = np.asarray([sensor.measure(resting_pose(1.0, 2.0, 1.2), 0).position for _ in range(500)])
    assert places.std(axis=0) == pytest.approx([0.1] * 3, rel=0.15)
    assert places.mean(axis=0) == pytest.approx([1.0, 2.0, 1.2], abs=0.03)


def test_lidar_points_lie_on_the_surfaces(stage: Stage) -> None:
    lidar = Lidar(stage, LidarSettings(noise_m=0.0), np.random.default_rng(0))
    pose = resting_pose(0.2, -0.3, 1.2, 0.7, pitch=0.05, roll=-0.04)
    cloud = lidar.scan(pose, 3)
    assert cloud.points.shape == (16 * 360, 3)
    assert cloud.points.dtype == cloud.intensity.dtype == np.float32
    assert cloud.frame_id == "lidar_link"
    world_points = (pose.position + cloud.points @ pose.rotation.T).astype(np.float32)
    assert stage.rays.distance(world_points).max() < 2e-3  # the query itself is no better this close
    assert (cloud.intensity > 0).all()
    assert (cloud.intensity <= 1.0 + 1e-6).all()


def test_lidar_agrees_with_depth(stage: Stage) -> None:
    """Beams inside the left picture land at the picture's depth."""
    pose = resting_pose(0.2, -0.3, 1.2, 0.7)
    depth = StereoRenderer(stage, StereoSettings(baseline_m=1e-6)).render(pose.position, pose.rotation).depth[0]
    points = Lidar(stage, LidarSettings(noise_m=0.0), np.random.default_rng(0)).scan(pose, 0).points
    ahead = points[points[:, 0] > 0.1]
    u = SETTINGS.focal_px * -ahead[:, 1] / ahead[:, 0] + 63.5
    v = SETTINGS.focal_px * -ahead[:, 2] / ahead[:, 0] + 47.5
    inside = (u > 0) & (u < 127) & (v > 0) & (v < 95)
    found = depth[np.rint(v[inside]).astype(int), np.rint(u[inside]).astype(int)]
    error = np.abs(found - ahead[inside, 0]) / ahead[inside, 0]
    assert inside.sum() > 500
    assert np.median(error) < 0.005
    assert (error < 0.03).mean() > 0.95  # the rest straddles an edge


def test_lidar_noise_and_range(empty_stage: Stage) -> None:
    pose = resting_pose(0.0, 0.0, 1.2)
    exact = Lidar(empty_stage, LidarSettings(noise_m=0.0), np.random.default_rng(0)).scan(pose, 0).points
    noisy = Lidar(empty_stage, LidarSettings(noise_m=0.05), np.random.default_rng(0)).scan(pose, 0).points
    spread = np.linalg.norm(noisy, axis=1) - np.linalg.norm(exact, axis=1)
    assert spread.std() == pytest.approx(0.05, rel=0.05)
    near = Lidar(empty_stage, LidarSettings(range_m=2.6, noise_m=0.0), np.random.default_rng(0)).scan(pose, 0)
    assert 0 < len(near.points) < len(exact)
    assert np.linalg.norm(near.points, axis=1).max() <= 2.6


def test_truth_of_clearance_and_corridor(stage: Stage) -> None:
    truth = TruthSensor(stage, SETTINGS, 0.4, 0.3)
    rng = np.random.default_rng(3)
    places = rng.uniform(-2.0, 2.0, (50, 2))
    flat = clearance(stage.world, places)
    for place, wanted in zip(places, flat, strict=True):
        if wanted > 0:
            # Pillars are drawn with flat sides, so a millimetre of difference is theirs.
            found = truth.clearance_m(np.asarray([*place, 1.2]))
            assert found == pytest.approx(min(wanted, 1.2), abs=0.003)
    wall = resting_pose(1.0, 0.0, 1.4)
    depth = np.full((96, 128), 5.0, np.float32)
    assert truth.corridor_nearest_m(depth) == pytest.approx(5.0)
    depth[:, :5] = 0.9  # 0.46 m beside the axis at 0.9 m: passes by
    assert truth.corridor_nearest_m(depth) == pytest.approx(5.0)
    depth[40:50, 60:62] = 1.7
    message = truth.measure(wall.position, depth, ("stereo:dead",), 9)
    assert message.corridor_nearest_m == pytest.approx(1.7)
    assert message.fault_active == ("stereo:dead",)


@pytest.mark.parametrize(
    "wrong",
    [
        CameraNoise(read_levels=-1.0),
        CameraNoise(gain=2.0),
        ImuNoise(accel_mps2=-0.1),
        ImuNoise(gyro_range_radps=0.0),
        OdometryNoise(position_m=-1.0),
        LidarSettings(rings=0),
        LidarSettings(low_deg=20.0, high_deg=10.0),
        LidarSettings(range_m=0.0),
    ],
)
def test_bad_settings_give_one_line(wrong: CameraNoise | ImuNoise | OdometryNoise | LidarSettings) -> None:
    with pytest.raises(BadInputError) as error:
        wrong.check()
    assert "\n" not in str(error.value)
