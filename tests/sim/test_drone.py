"""The quadrotor falls, hovers, follows velocities, survives collisions, and continues bit for bit when restored."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.sim.body_model import BodySettings
from selfcue.sim.drone import Collision, Drone, Inertial
from selfcue.sim.pose import Pose
from selfcue.sim.worlds.room import RoomSettings, make_room
from selfcue.sim.worlds.world import Cylinder, World

TICK_NS, IMU_NS = 25_000_000, 5_000_000
HOVER = (0.0, 0.0, 0.0, 0.0)
CALM = BodySettings(gust_n=0.0)

EMPTY = make_room(1, RoomSettings(n_obstacles=0, size_m=(8.0, 8.0, 4.0)))


class Flight:
    """A drone and what it has lived through."""

    def __init__(self, world: World = EMPTY, settings: BodySettings = CALM, *, seed: int = 0) -> None:
        self.drone = Drone(world, settings, np.random.default_rng(seed))
        self.now_ns = 0
        self.readings: list[Inertial] = []
        self.collisions: list[Collision] = []

    def fly(self, seconds: float, wanted: tuple[float, float, float, float] | None = HOVER) -> list[Pose]:
        poses = []
        for _ in range(round(seconds * 1e9) // TICK_NS):
            self.now_ns += TICK_NS
            readings, collisions = self.drone.advance(self.now_ns, wanted, IMU_NS)
            self.readings += readings
            self.collisions += collisions
            poses.append(self.drone.pose)
        return poses


def level_velocity(pose: Pose) -> tuple[float, float, float]:
    """Forward, left, up velocity in the level frame that turns with the body."""
    yaw = math.atan2(pose.rotation[1, 0], pose.rotation[0, 0])
    x, y, z = pose.velocity
    return math.cos(yaw) * x + math.sin(yaw) * y, -math.sin(yaw) * x + math.cos(yaw) * y, z


def tilt_deg(poses: list[Pose]) -> float:
    return max(math.degrees(math.acos(min(pose.rotation[2, 2], 1.0))) for pose in poses)


def test_free_fall() -> None:
    flight = Flight()
    flight.drone.place((0.0, 0.0, 3.5), 0.0, motors_on=False)
    pose = flight.fly(0.5, None)[-1]
    assert 3.5 - pose.position[2] == pytest.approx(0.5 * 9.81 * 0.25, rel=0.01)
    assert pose.velocity[2] == pytest.approx(-9.81 * 0.5, rel=1e-3)
    assert np.abs([reading.force for reading in flight.readings]).max() < 1e-6


def test_hover_holds_place_and_reads_gravity() -> None:
    flight = Flight()
    flight.drone.place((0.5, -0.5, 1.2), 0.7)
    poses = flight.fly(5.0)
    assert poses[-1].position == pytest.approx([0.5, -0.5, 1.2], abs=0.01)
    assert np.mean([r.force for r in flight.readings], axis=0) == pytest.approx([0.0, 0.0, 9.81], abs=0.005)
    assert np.abs([r.rates for r in flight.readings]).max() < 1e-3


def test_hover_in_gusts_is_noisy_and_stays() -> None:
    flight = Flight(settings=BodySettings())
    flight.drone.place((0.0, 0.0, 1.2), 0.0)
    places = np.asarray([pose.position for pose in flight.fly(30.0)])
    assert 1e-3 < places[:, 2].std() < 0.03
    assert np.abs(places[:, :2]).max() < 1.0
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / 0.025
    assert 0.002 < speeds.mean() < 0.06


@pytest.mark.parametrize(
    "wanted",
    [(0.5, 0.0, 0.0, 0.0), (-0.4, 0.0, 0.0, 0.0), (0.0, 0.3, 0.0, 0.0), (0.3, -0.3, 0.0, 0.0), (0.0, 0.0, 0.3, 0.0)],
)
def test_velocity_is_followed_within_ten_percent(wanted: tuple[float, float, float, float]) -> None:
    flight = Flight()
    flight.drone.place((0.0, 0.0, 1.2), 2.0)
    poses = flight.fly(3.0, wanted)
    speed = math.dist(wanted[:3], (0, 0, 0))
    for pose in poses[60:]:  # after 1.5 s
        assert math.dist(level_velocity(pose), wanted[:3]) < 0.1 * speed
    if wanted[2] == 0.0:
        assert max(abs(pose.position[2] - 1.2) for pose in poses) < 0.05
    assert tilt_deg(poses) < 12.5


@pytest.mark.parametrize("rate", [1.0, -0.6])
def test_yaw_rate_is_followed_within_ten_percent(rate: float) -> None:
    flight = Flight()
    flight.drone.place((0.0, 0.0, 1.2), 0.0)
    poses = flight.fly(3.0, (0.0, 0.0, 0.0, rate))
    assert all(abs(pose.rates[2] - rate) < 0.1 * abs(rate) for pose in poses[40:])
    assert math.dist(poses[-1].position, (0.0, 0.0, 1.2)) < 0.05


def test_flies_in_its_own_direction_while_turning() -> None:
    flight = Flight()
    flight.drone.place((0.0, 0.0, 1.2), 0.0)
    poses = flight.fly(6.0, (0.4, 0.0, 0.0, 0.5))
    assert np.mean([level_velocity(p)[0] for p in poses[80:]]) == pytest.approx(0.4, rel=0.15)
    assert tilt_deg(poses) < 12.5


def test_altitude_stays_between_its_limits() -> None:
    flight = Flight()
    flight.drone.place((0.0, 0.0, 1.2), 0.0)
    assert flight.fly(8.0, (0.0, 0.0, 0.6, 0.0))[-1].position[2] == pytest.approx(2.3, abs=0.1)
    assert flight.fly(10.0, (0.0, 0.0, -0.6, 0.0))[-1].position[2] == pytest.approx(0.4, abs=0.1)
    assert not flight.collisions


def test_imu_integrates_to_the_path() -> None:
    """Dead reckoning from force and rates alone follows the body through 8 s of manoeuvres."""
    flight = Flight(settings=BodySettings())
    flight.drone.place((0.0, 0.0, 1.2), 0.3)
    start = flight.drone.pose
    flight.fly(2.0, (0.5, 0.0, 0.0, 0.6))
    flight.fly(2.0, (0.0, 0.3, 0.0, -0.4))
    flight.fly(2.0, (-0.3, 0.0, 0.2, 0.0))
    end = flight.fly(2.0)[-1]
    rotation, velocity, position = start.rotation, np.zeros(3), start.position.copy()
    for reading in flight.readings:
        angle = reading.rates * IMU_NS * 1e-9
        x, y, z = angle
        skew = np.asarray([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        middle = rotation @ (np.eye(3) + 0.5 * skew)
        rotation = rotation @ (np.eye(3) + skew + 0.5 * skew @ skew)
        acceleration = middle @ reading.force - np.asarray([0.0, 0.0, 9.81])
        position += velocity * IMU_NS * 1e-9 + 0.5 * acceleration * (IMU_NS * 1e-9) ** 2
        velocity += acceleration * IMU_NS * 1e-9
    assert len(flight.readings) == 1600
    assert np.linalg.norm(end.position - start.position) > 0.5
    assert np.linalg.norm(velocity - end.velocity) < 0.03
    assert np.linalg.norm(position - end.position) < 0.1
    assert np.abs(rotation - end.rotation).max() < 0.01


def test_one_event_per_collision_and_it_backs_away() -> None:
    flight = Flight(make_room(1, RoomSettings(n_obstacles=0)))
    flight.drone.place((1.5, 0.0, 1.2), 0.0)
    poses = flight.fly(6.0, (0.5, 0.0, 0.0, 0.0))  # meets the east wall and leans on it
    assert [c.with_what for c in flight.collisions] == ["wall_east"]
    collision = flight.collisions[0]
    assert collision.position[0] == pytest.approx(2.5, abs=0.01)
    assert 2.0 < collision.force_n < 100.0
    assert 1e9 < collision.stamp_ns < 3.5e9
    assert tilt_deg(poses) < 15.0
    assert max(pose.position[0] for pose in poses) < 2.26
    away = flight.fly(3.0, (-0.4, 0.0, 0.0, 0.0))
    assert level_velocity(away[-1])[0] == pytest.approx(-0.4, rel=0.1)
    flight.fly(6.0, (0.5, 0.0, 0.0, 0.0))
    assert [c.with_what for c in flight.collisions] == ["wall_east", "wall_east"]


def test_short_bounces_count_once() -> None:
    flight = Flight(make_room(1, RoomSettings(n_obstacles=0)))
    flight.drone.place((2.15, 0.0, 1.2), 0.0)
    for _ in range(6):
        flight.fly(0.75, (0.5, 0.0, 0.0, 0.0))
        flight.fly(0.2, (-0.5, 0.0, 0.0, 0.0))
    assert len(flight.collisions) == 1


def test_obstacles_are_solid_and_named() -> None:
    world = make_room(0)
    for solid in world.solids:
        flight = Flight(world)
        x, y, _ = solid.center_m
        angle = math.atan2(-y, -x)  # seen from the solid, where the room's middle is
        across = 2 * solid.radius_m if isinstance(solid, Cylinder) else max(solid.size_m[:2])
        reach = across / 2 + 0.6
        flight.drone.place((x + reach * math.cos(angle), y + reach * math.sin(angle), 1.2), angle + math.pi)
        flight.fly(3.0, (0.5, 0.0, 0.0, 0.0))
        assert [c.with_what for c in flight.collisions] == [solid.name]


def test_stays_upright_when_thrown_into_a_corner() -> None:
    flight = Flight(make_room(1, RoomSettings(n_obstacles=0)))
    flight.drone.place((1.2, 1.0, 1.2), 0.0)
    flight.drone.push((2.5, 2.5, 0.5))
    poses = flight.fly(4.0)
    assert flight.collisions
    assert tilt_deg(poses) < 20.0
    assert np.linalg.norm(poses[-1].velocity) < 0.05


@pytest.mark.parametrize(("ticks", "touching"), [(80, False), (120, True)])
def test_continues_bit_for_bit_from_a_saved_state(ticks: int, touching: bool) -> None:
    wanted = (0.5, 0.1, 0.0, 0.3)
    first = Flight(make_room(0), BodySettings())
    first.drone.place((0.0, 1.0, 1.2), 0.3)
    first.fly(ticks * TICK_NS * 1e-9, wanted)
    assert bool(first.collisions) == touching  # the second flight is cut while it leans on a box
    saved, met, read = first.drone.state(), len(first.collisions), len(first.readings)
    rest = first.fly(4.0, wanted)
    second = Flight(make_room(0), BodySettings(), seed=99)
    second.drone.load_state(saved)
    second.now_ns = ticks * TICK_NS
    again = second.fly(4.0, wanted)
    for one, other in zip(rest, again, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    for reading, repeated in zip(first.readings[read:], second.readings, strict=True):
        assert reading.stamp_ns == repeated.stamp_ns
        assert np.array_equal(reading.force, repeated.force)
    assert first.drone.state().digest() == second.drone.state().digest()
    assert first.collisions
    assert first.collisions[met:] == second.collisions


def test_seeds_of_the_gusts_matter() -> None:
    ends = []
    for seed in (1, 1, 2):
        flight = Flight(settings=BodySettings(), seed=seed)
        flight.drone.place((0.0, 0.0, 1.2), 0.0)
        ends.append(flight.fly(1.0)[-1].position.tobytes())
    assert ends[0] == ends[1] != ends[2]


def test_a_state_of_another_body_is_refused() -> None:
    saved = Flight().drone.state()
    saved.arrays["physics"] = saved.arrays["physics"][:-1]
    with pytest.raises(BadInputError, match=r"the saved drone has \d+ physics values"):
        Flight().drone.load_state(saved)


def test_time_only_moves_in_whole_steps() -> None:
    with pytest.raises(BadInputError, match="physics step of 2500000 ns"):
        Flight().drone.advance(1_000_000, HOVER, IMU_NS)
