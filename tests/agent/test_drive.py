"""The driver in a toy room with perfect eyes: it flies far, touches nothing, and gets out of corners."""

from __future__ import annotations

import json
import math
from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from selfcue.agent.drive import Driver
from selfcue.agent.drive_config import DriveConfig
from selfcue.agent.motion import Headings, Pose, wrap
from selfcue.errors import BadInputError

TICK_NS = 25_000_000
DELAY_TICKS = 3
HERE = Pose(0.0, 0.0, 0.0)


def fly(room: Any, driver: Any, minutes: Any, *, start_tick: Any = 0, queue: Any = None) -> Any:
    """Fly ``room`` by what it shows, three ticks late; return the actions and the queue of scores under way."""
    queue = deque([0.0] * DELAY_TICKS) if queue is None else queue
    actions = []
    score = 0.0
    for tick in range(start_tick, start_tick + round(minutes * 60 * 40)):
        if tick % 2 == 0:
            score = room.score()
        queue.append(score)
        motion = driver.step(tick * TICK_NS, queue.popleft(), room.pose)
        actions.append(motion.action)
        if room.step(motion.forward_m_s, motion.yaw_rate_rad_s):
            driver.bump(tick * TICK_NS, room.pose)
    return actions, queue


@pytest.mark.parametrize("seed", range(5))
def test_five_minutes_with_perfect_eyes_are_free_of_collisions_and_not_timid(toy_room: Any, seed: Any) -> None:
    room = toy_room(seed=seed)
    fly(room, Driver(DriveConfig(), np.random.default_rng(seed)), 5)
    assert room.collisions == 0
    assert room.travelled_m / 5 >= 14.0
    assert len(room.cells) >= 30


def test_a_blind_driver_collides_all_the_time_and_always_gets_away(toy_room: Any) -> None:
    room = toy_room(seed=1)
    driver = Driver(DriveConfig(), np.random.default_rng(1))
    for tick in range(3 * 60 * 40):
        motion = driver.step(tick * TICK_NS, 0.0, room.pose)
        if room.step(motion.forward_m_s, motion.yaw_rate_rad_s):
            driver.bump(tick * TICK_NS, room.pose)
    assert room.collisions / 3 > 6
    assert len(room.cells) > 100


def test_a_lone_gap_is_found_after_a_whole_circle(toy_room: Any) -> None:
    """Nowhere is as free as asked for: the freest heading is taken, closer than usual."""
    room = toy_room(seed=0, side_m=2.2, pillar_count=0, radius_m=0.2)
    room.pose = Pose(1.0, 1.2, 0.0)
    actions, _ = fly(room, Driver(DriveConfig(), np.random.default_rng(0)), 2)
    assert {"turn", "seek", "squeeze"} <= set(actions)
    assert room.collisions == 0
    assert room.travelled_m > 3.0


def test_an_obstacle_starts_a_turn_of_at_least_the_least_angle() -> None:
    config = DriveConfig(free_for_s=0.05, creep_share=0.01)
    driver = Driver(config, np.random.default_rng(3))
    assert driver.step(0, 0.0, HERE).forward_m_s == config.speed_m_s
    assert driver.step(TICK_NS, 1 / 1.39, HERE).action == "turn"
    yaw, tick = 0.0, 2
    while (motion := driver.step(tick * TICK_NS, 0.0, Pose(0, 0, wrap(yaw)))).action == "turn":
        assert abs(motion.yaw_rate_rad_s) <= config.yaw_rate_rad_s
        yaw, tick = yaw + motion.yaw_rate_rad_s * 0.025, tick + 1
    assert motion.action == "fly"
    assert config.least_turn_rad <= abs(yaw) <= config.most_least_turn_rad + 0.2


def test_hysteresis_between_turning_and_flying_again() -> None:
    config = DriveConfig()
    driver = Driver(config, np.random.default_rng(0))
    assert driver.step(0, 1 / 1.41, HERE).action == "fly"
    driver.step(TICK_NS, 1 / 1.39, HERE)
    turned = config.most_least_turn_rad + 0.1
    side = math.copysign(1, driver.step(2 * TICK_NS, 1 / 1.39, HERE).yaw_rate_rad_s)
    # 1.5 m is enough to fly on, yet not to end a turn.
    for tick in range(3, 40):
        yaw = side * min(turned, 0.1 * tick)
        assert driver.step(tick * TICK_NS, 1 / 1.5, Pose(0, 0, yaw)).action == "turn"


def test_sides_are_drawn_evenly() -> None:
    driver = Driver(DriveConfig(), np.random.default_rng(5))
    left = 0
    for _ in range(400):
        driver.turn_away()
        left += driver.step(0, 1.0, HERE).yaw_rate_rad_s > 0
    assert 160 < left < 240


def test_after_a_contact_it_backs_off_and_turns() -> None:
    config = DriveConfig()
    driver = Driver(config, np.random.default_rng(0))
    driver.step(0, 0.0, HERE)
    driver.bump(0, HERE)
    assert driver.step(TICK_NS, 0.0, HERE).forward_m_s == -config.back_off_speed_m_s
    assert driver.step(2 * TICK_NS, 0.0, Pose(-0.3, 0, 0)).action == "back"
    assert driver.step(3 * TICK_NS, 0.0, Pose(-0.41, 0, 0)).action == "turn"


def test_a_contact_while_backing_off_ends_the_backing_off() -> None:
    driver = Driver(DriveConfig(), np.random.default_rng(0))
    driver.step(0, 0.0, HERE)
    driver.bump(0, HERE)
    driver.bump(TICK_NS, HERE)
    assert driver.action == "turn"


def test_no_progress_counts_as_a_contact() -> None:
    config = DriveConfig()
    driver = Driver(config, np.random.default_rng(0))
    ticks = round(config.stuck_s * 40)
    actions = [driver.step(tick * TICK_NS, 0.0, HERE).action for tick in range(ticks + 1)]
    assert set(actions[:-1]) == {"fly"}
    assert actions[-1] == "back"


def test_a_pause_is_no_lack_of_progress() -> None:
    driver = Driver(DriveConfig(), np.random.default_rng(0))
    assert driver.step(0, 0.0, HERE).action == "fly"
    assert driver.step(60_000_000_000, 0.0, HERE).action == "fly"


def test_slows_before_an_obstacle() -> None:
    config = DriveConfig()
    speeds = [
        Driver(config, np.random.default_rng(0)).step(0, 1 / distance, HERE).forward_m_s
        for distance in (1.41, 1.55, 3.0)
    ]
    assert speeds[0] < speeds[1] < speeds[2] == config.speed_m_s
    assert speeds[0] == pytest.approx(config.speed_m_s * config.slow_share, rel=0.05)


def test_override_distance_is_computed_from_speed_latency_and_braking() -> None:
    assert DriveConfig().override_distance_m == pytest.approx(0.70)
    assert DriveConfig(speed_m_s=0.7, turn_distance_m=1.5).override_distance_m == pytest.approx(0.87)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"turn_distance_m": 0.6}, "override 0.70 m"),
        ({"free_distance_m": 1.3}, "free_distance_m 1.3"),
        ({"speed_m_s": -1.0}, "speed_m_s"),
        ({"yaw_rate_rad_s": math.nan}, "yaw_rate_rad_s"),
        ({"least_turn_rad": 2.0}, "least_turn_rad 2.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change: Any, says: Any) -> None:
    with pytest.raises(BadInputError, match=says):
        replace(DriveConfig(), **change)


def test_a_saved_driver_continues_bit_for_bit(toy_room: Any) -> None:
    def make() -> Any:
        room, generator = toy_room(seed=2), np.random.default_rng(7)
        return room, generator, Driver(DriveConfig(), generator)

    room, _, driver = make()
    whole, _ = fly(room, driver, 1.0)
    first, generator, driver = make()
    head, queue = fly(first, driver, 0.4)
    saved = json.loads(json.dumps(driver.state()))
    other = np.random.default_rng(99)
    other.bit_generator.state = generator.bit_generator.state
    resumed = Driver(DriveConfig(), other)
    resumed.load_state(saved)
    tail, _ = fly(first, resumed, 0.6, start_tick=len(head), queue=queue)
    assert head + tail == whole
    assert first.pose == room.pose


def test_the_freest_heading_is_as_free_as_its_worse_neighbour() -> None:
    headings = Headings()
    for degrees in range(-180, 180, 5):
        headings.note(math.radians(degrees), 1.0)
    headings.worst[5] = 0.1  # a slit of ten degrees
    headings.worst[20:23] = [0.4, 0.5, 0.4]  # a way
    found = headings.freest()
    assert found is not None
    yaw, room_m = found
    assert math.degrees(yaw) == pytest.approx(-180 + 215)
    assert room_m == pytest.approx(2.0)
    assert Headings().freest() is None
