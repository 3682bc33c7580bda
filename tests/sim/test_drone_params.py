"""Settings of the simulated drone: where they come from, and one clear line for each that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

from selfcue.errors import BadInputError
from selfcue.sim.body_model import BodySettings
from selfcue.sim.camera import StereoSettings
from selfcue.sim.drone import Drone
from selfcue.sim.drone_node import DroneNode
from selfcue.sim.drone_params import DroneParams, StartPose
from selfcue.sim.faults import Fault
from selfcue.sim.worlds.room import RoomSettings, make_room
from selfcue.testing import LoopSystem

PARAMS = DroneParams(duration_s=2.0)


def test_settings_come_from_a_launch_file() -> None:
    params = msgspec.convert(
        {
            "seed": 3,
            "duration_s": 60,
            "world": {"n_obstacles": 2, "texture_family": "unseen"},
            "stereo": {"width": 160, "height": 120},
            "noise": {"camera": {"read_levels": 0.5}},
            "faults": [{"at_s": 30, "sensor": "stereo_right", "kind": "dead"}],
            "start": {"x_m": 0.5, "y_m": 1, "yaw_rad": 0},
        },
        DroneParams,
    )
    params.check()
    assert params.world == RoomSettings(n_obstacles=2, texture_family="unseen")
    assert params.faults == (Fault(30.0, "stereo_right", "dead"),)
    assert params.stereo == StereoSettings(width=160, height=120)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (replace(PARAMS, seed=-1), "seed -1"),
        (replace(PARAMS, duration_s=0.0), "duration_s 0.0"),
        (replace(PARAMS, camera_hz=30.0), "camera_hz 30 is no whole number of ticks of 25 ms; use one of 40, 20, 10"),
        (replace(PARAMS, camera_hz=80.0), "camera_hz 80 is no whole number of ticks"),
        (replace(PARAMS, camera_hz=0.0), "camera_hz 0 and imu_hz 200 must be above 0"),
        (replace(PARAMS, imu_hz=150.0), "imu_hz 150 is no whole number of physics steps of 2.5 ms"),
        (replace(PARAMS, truth_depth_hz=7.0), "truth_depth_hz 7 is no whole number of picture pairs of 50 ms"),
        (replace(PARAMS, lidar_hz=-1.0), "lidar_hz -1.0 is not a rate"),
        (replace(PARAMS, tick_ms=26.0), "tick_ms 26 is no whole number of physics steps"),
        (replace(PARAMS, altitude_m=3.0), "altitude_m 3 does not fit"),
        (replace(PARAMS, start_clearance_m=2.4), r"no place with 2\.4 m of clearance"),
        (replace(PARAMS, world=RoomSettings(texture_family="x")), "texture family 'x'"),
        (replace(PARAMS, stereo=StereoSettings(width=1)), "stereo 1 x 96 px"),
        (replace(PARAMS, faults=(Fault(1.0, "imu", "swap"),)), "imu:swap|swap needs both cameras"),
        (replace(PARAMS, start=StartPose(9.0, 0.0)), r"start \(9, 0\) m is not free"),
    ],
)
def test_bad_settings_give_one_line(tmp_path: Path, wrong: DroneParams, words: str) -> None:
    with pytest.raises(BadInputError, match=words) as error:
        LoopSystem(tmp_path).add(DroneNode("drone", wrong))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (BodySettings(mass_kg=0.0), "mass_kg 0.0"),
        (BodySettings(mass_kg=5.0), "cannot fly mass_kg 5"),
        (BodySettings(physics_us=50_000), "physics_us 50000"),
        (BodySettings(gust_n=-1.0), "gust_n -1.0"),
        (BodySettings(low_m=3.0), "low_m 3 must be below high_m"),
        (BodySettings(low_m=2.6, high_m=9.0), r"a room 2\.8 m high leaves body of radius_m 0\.25 no height"),
    ],
)
def test_bad_bodies_give_one_line(wrong: BodySettings, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        Drone(make_room(1), wrong, np.random.default_rng(0))
