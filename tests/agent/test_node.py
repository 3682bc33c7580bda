"""Agent and safety as nodes, flying a toy body over the bus in lock-step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

from selfcue.agent.node import FlightAgentNode
from selfcue.agent.node_params import FlightAgentParams
from selfcue.agent.safety import SafetyConfig
from selfcue.agent.safety_node import SafetyNode, SafetyParams
from selfcue.agent.sight import CueSight, SightConfig, camera_of
from selfcue.errors import BadInputError, UsageError
from selfcue.messages import CameraInfo, Estimate, VelocityCommand
from selfcue.params import with_changes
from selfcue.state import load_state, save_state
from selfcue.testing import LoopSystem

PARAMS = FlightAgentParams(mono_from_s=10.0)
SAFETY = SafetyParams()
S = 1_000_000_000


def make(folder: Any, body: Any, params: Any = PARAMS, safety: Any = SAFETY) -> LoopSystem:
    loop = LoopSystem(folder)
    loop.add(body)
    loop.add(FlightAgentNode("agent", params))
    loop.add(SafetyNode("safety", safety))
    return loop


def fly(folder: Any, body: Any, params: Any = PARAMS, safety: Any = SAFETY) -> LoopSystem:
    loop = make(folder, body, params, safety)
    loop.run()
    return loop


def events(loop: LoopSystem, kind: str) -> list[Any]:
    return [event for event in loop.published("journal") if event.kind == kind]


def states(loop: LoopSystem) -> list[str]:
    return [event.detail["state"] for event in events(loop, "mode")]


def counts(loop: LoopSystem) -> dict[str, int]:
    return dict(loop.published("agent/status")[-1].counts)


def test_stereo_then_training_wheels_then_one_eye(tmp_path: Any, toy_body: Any) -> None:
    body = toy_body(seed=1, duration_s=150, cut_s=75)
    loop = fly(tmp_path, body)
    assert states(loop) == ["MONO_TW", "MONO_ONLY"]
    assert counts(loop)["collisions"] == 0 == body.room.collisions
    assert body.room.travelled_m / 2.5 >= 14.0
    assert len(loop.published("cmd/wish")) == len(loop.published("cmd/safe")) == 150 * 40
    assert {command.mode for command in loop.published("cmd/safe")} == {"STEREO", "MONO_TW", "MONO_ONLY", "HOLD"}
    held = [command for command in loop.published("cmd/safe") if command.mode == "HOLD"]
    assert [command.limited_by for command in held] == ["stale_wish"]  # the first tick: no wish can have come yet


def test_a_student_that_sees_nothing_is_overridden_and_does_not_collide(tmp_path: Any, toy_body: Any) -> None:
    body = toy_body(seed=1, duration_s=80, student="blind")
    loop = fly(tmp_path, body)
    assert body.room.collisions == 0
    assert counts(loop)["overrides"] == counts(loop)["misses"] == len(events(loop, "override")) > 5
    assert all(event.detail["teacher_m"] <= 0.71 for event in events(loop, "override"))
    assert len(events(loop, "miss")) == len(events(loop, "override"))


def test_a_student_that_sees_well_is_hardly_overridden(tmp_path: Any, toy_body: Any) -> None:
    loop = fly(tmp_path, toy_body(seed=1, duration_s=80))
    assert counts(loop)["overrides"] <= 2
    assert counts(loop)["misses"] == 0


def test_without_stereo_a_blind_student_collides_and_each_is_counted_in_its_state(tmp_path: Any, toy_body: Any) -> None:
    body = toy_body(seed=1, duration_s=60, student="blind", cut_s=20)
    loop = fly(tmp_path, body)
    collisions = events(loop, "collision")
    assert counts(loop)["collisions_mono_only"] == len(collisions) == body.room.collisions > 5
    assert all(event.detail["state"] == "MONO_ONLY" and not event.detail["student_saw"] for event in collisions)
    assert counts(loop)["collisions_teacher_saw"] == 0
    assert counts(loop)["overrides"] > 0


@pytest.mark.parametrize("pilot", ["blind", "random_turner", "constant"])
def test_control_pilots_need_no_eyes(tmp_path: Any, toy_body: Any, pilot: Any) -> None:
    body = toy_body(seed=2, duration_s=60, student="silent", cut_s=5)
    params = replace(PARAMS, pilot=pilot)
    loop = fly(tmp_path, body, params, SafetyParams(limits=SafetyConfig(stale_estimate_s=0.0)))
    assert states(loop) == ["MONO_ONLY"]
    assert body.room.collisions > 3
    assert body.room.travelled_m > 10


def test_the_stereo_pilot_never_lets_go(tmp_path: Any, toy_body: Any) -> None:
    loop = fly(tmp_path, toy_body(duration_s=60), replace(PARAMS, pilot="stereo"))
    assert states(loop) == []
    assert {status.state for status in loop.published("agent/status")} == {"STEREO"}


def test_a_student_that_gives_one_number_flies_too(tmp_path: Any, toy_body: Any) -> None:
    body = toy_body(seed=1, duration_s=80, student="scalar", cut_s=40)
    fly(tmp_path, body)
    assert body.room.collisions == 0
    assert body.room.travelled_m > 16


def test_stereo_that_comes_back_overrides_again(tmp_path: Any, toy_body: Any) -> None:
    loop = fly(tmp_path, toy_body(seed=1, duration_s=90, cut_s=20, back_s=30))
    assert states(loop) == ["MONO_TW", "MONO_ONLY", "MONO_TW"]
    assert events(loop, "mode")[-1].stamp_ns > 40 * S


@pytest.mark.parametrize(
    ("faults", "params", "ends", "reason"),
    [
        ({"cut_s": 20.0, "mute_student_s": 30.0}, PARAMS, "LAND", "held"),
        ({"mute_student_s": 30.0}, PARAMS, "STEREO", "silent"),
        ({"mute_odometry_s": 30.0}, PARAMS, "LAND", "held"),
        ({"cut_s": 20.0}, replace(PARAMS, policy="proof"), "LAND", "held"),
        ({"cut_s": 20.0, "ready": True}, replace(PARAMS, policy="proof"), "MONO_ONLY", "lost"),
        ({"cut_s": 20.0, "ood_s": 30.0}, PARAMS, "LAND", "held"),
        ({"ood_s": 30.0, "ready": True}, replace(PARAMS, policy="proof"), "STEREO", "distribution"),
        ({"student": "silent", "cut_s": 20.0}, PARAMS, "LAND", "held"),
    ],
)
def test_faults_end_where_they_should_and_never_in_flight_without_eyes(
    tmp_path: Any, toy_body: Any, faults: Any, params: Any, ends: Any, reason: Any
) -> None:
    body = toy_body(seed=1, duration_s=60, **faults)
    loop = fly(tmp_path, body, params)
    last = loop.published("agent/status")[-1]
    assert (last.state, body.room.collisions) == (ends, 0)
    assert reason in last.reason
    still = [command for command in loop.published("cmd/safe") if command.mode in ("HOLD", "LAND")]
    assert all(command.linear[:2] == (0.0, 0.0) for command in still)
    if ends == "LAND":
        assert loop.published("cmd/safe")[-1].linear == (0.0, 0.0, -0.2)


def test_a_hover_without_knowledge_looks_round(tmp_path: Any, toy_body: Any) -> None:
    loop = fly(tmp_path, toy_body(duration_s=40, cut_s=20.0, ood_s=25.0))
    held = [command for command in loop.published("cmd/safe") if command.mode == "HOLD" and not command.limited_by]
    assert any(command.yaw_rate == 0.5 for command in held)


def test_status_comes_twice_a_second_and_at_every_change(tmp_path: Any, toy_body: Any) -> None:
    loop = fly(tmp_path, toy_body(seed=1, duration_s=60))
    told = loop.published("agent/status")
    gaps = np.diff([status.stamp_ns for status in told])
    assert gaps.max() <= 0.5 * S
    wishes = {wish.stamp_ns: wish for wish in loop.published("cmd/wish")}
    changes = [
        later.stamp_ns
        for earlier, later in zip(loop.published("cmd/wish"), loop.published("cmd/wish")[1:], strict=False)
        if (earlier.mode, earlier.reason.split(":")[0]) != (later.mode, later.reason.split(":")[0])
    ]
    assert len(changes) > 10
    assert set(changes) <= {status.stamp_ns for status in told}
    assert all(wishes[status.stamp_ns].reason.startswith(status.phase) for status in told)


def test_the_safety_node_stops_a_body_whose_agent_is_gone(tmp_path: Any, toy_body: Any) -> None:
    loop = LoopSystem(tmp_path)
    body = toy_body(duration_s=2.0)
    loop.add(body)
    loop.add(SafetyNode("safety", SafetyParams()))
    for tick in range(1, 60):
        if tick < 20:
            wish = VelocityCommand(stamp_ns=tick * 25_000_000, linear=(0.4, 0, 0), yaw_rate=0.0, mode="STEREO")
            loop.feed("cmd/wish", wish)
        loop.tick(tick * 25_000_000)
    commands = loop.published("cmd/safe")
    assert commands[15].linear[0] == 0.4
    assert commands[-1].linear == (0.0, 0.0, 0.0)
    assert commands[-1].limited_by == "stale_wish"
    assert [event.detail["rule"] for event in events(loop, "safety")][-1] == "stale_wish"


def test_the_speed_limit_changes_in_flight_and_the_rules_do_not(tmp_path: Any, toy_body: Any) -> None:
    loop = LoopSystem(tmp_path)
    loop.add(toy_body(duration_s=2.0))
    safety = SafetyNode("safety", SafetyParams())
    loop.add(safety)

    def fly_to(first: int, last: int) -> float:
        for tick in range(first, last):
            wish = VelocityCommand(stamp_ns=tick * 25_000_000, linear=(0.4, 0, 0), yaw_rate=0.0, mode="STEREO")
            loop.feed("cmd/wish", wish)
            loop.tick(tick * 25_000_000)
        return float(loop.published("cmd/safe")[-1].linear[0])

    assert fly_to(1, 15) == 0.4
    safety.retune(with_changes(safety, {"limits.max_speed_m_s": 0.1}))
    assert fly_to(15, 30) == pytest.approx(0.1)
    with pytest.raises(UsageError, match="does not change while it runs"):
        with_changes(safety, {"limits.stale_wish_s": 5.0})
    with pytest.raises(BadInputError, match="max_speed_m_s must be a finite number"):
        with_changes(safety, {"limits.max_speed_m_s": -1.0})


@pytest.mark.parametrize("strategy", ["training-wheels", "dagger"])
@pytest.mark.parametrize("cut_at", [400, 1477])
def test_resumed_from_a_snapshot_it_flies_on_bit_for_bit(
    tmp_path: Any, toy_body: Any, strategy: Any, cut_at: Any
) -> None:
    params = replace(PARAMS, strategy=strategy, seed=5)

    def build(name: Any) -> Any:
        return make(tmp_path / name, toy_body(seed=3, duration_s=60, student="blind", cut_s=35), params)

    def run(loop: Any, first: Any, last: Any) -> Any:
        for tick in range(first, last):
            loop.tick((tick + 1) * 25_000_000)

    whole, head, tail = build("whole"), build("head"), build("tail")
    run(whole, 0, 1700)
    run(head, 0, cut_at)
    save_state(tmp_path / "snapshot.npz", head.snapshot())
    tail.resume(load_state(tmp_path / "snapshot.npz"))
    run(tail, cut_at, 1700)
    for topic in ("cmd/safe", "cmd/wish", "agent/status", "journal", "odom"):
        assert head.published(topic) + tail.published(topic) == whole.published(topic), topic
    assert tail.snapshot().digest() == whole.snapshot().digest()


def test_an_estimate_of_something_else_is_refused_in_one_line() -> None:
    camera = camera_of(CameraInfo(stamp_ns=0, width=8, height=8, k=(1.0,) * 9, p=(1.0,) * 12))
    value = np.ones((4, 4), np.float32)
    wrong = Estimate(
        stamp_ns=0, cue="student", quantity="depth_m", value=value, lower=value, upper=value, valid=value > 0,
        confidence=1.0,
    )  # fmt: skip
    with pytest.raises(BadInputError, match="'depth_m'; the corridor needs 'inverse_depth_per_m'"):
        CueSight(SightConfig()).take(wrong, camera)


def test_the_student_is_scored_at_its_pessimistic_end() -> None:
    camera = ((115.5, 115.5, 63.5, 47.5), (128, 96))
    value = np.full((48, 64), 0.5, np.float32)
    b = 0.2
    unsure = Estimate(
        stamp_ns=0,
        cue="student",
        quantity="inverse_depth_per_m",
        value=value,
        lower=value - b * np.float32(np.log(10)),
        upper=value + b * np.float32(np.log(10)),
        valid=value > 0,
        confidence=0.5,
    )
    for pessimism, expected in ((0.0, 0.5), (1.0, 0.7), (2.0, 0.9)):
        sight = CueSight(SightConfig(), pessimism)
        sight.take(unsure, camera)
        assert sight.score == pytest.approx(expected, rel=1e-5)


def test_a_scalar_estimate_is_the_score() -> None:
    camera = ((115.5, 115.5, 63.5, 47.5), (128, 96))
    sight = CueSight(SightConfig(), 1.0)
    for value, valid, expected in ((0.7, True, 0.7), (0.7, False, 10.0), (np.nan, True, 10.0), (-1.0, True, 0.0)):
        one = np.array([value], np.float32)
        said = Estimate(
            stamp_ns=0, cue="student", quantity="inverse_depth_per_m", value=one, lower=one, upper=one + 1,
            valid=np.array([valid]), confidence=1.0,
        )  # fmt: skip
        sight.take(said, camera)
        assert sight.score == pytest.approx(expected)


def test_params_come_from_a_launch_file_as_plain_values() -> None:
    given = {
        "seed": 3,
        "strategy": "dagger",
        "pilot": "blind",
        "mono_from_s": 5,
        "drive": {"speed_m_s": 0.4},
        "sight": {"corridor": {"half_width_m": 0.5}},
    }
    params = msgspec.convert(given, FlightAgentParams)
    assert (params.strategy, params.drive.speed_m_s, params.sight.corridor.half_width_m) == ("dagger", 0.4, 0.5)
    with pytest.raises(msgspec.ValidationError, match="strategy"):
        msgspec.convert({"strategy": "hot-turkey"}, FlightAgentParams)
    assert msgspec.convert({"limits": {"max_speed_m_s": 1.0}}, SafetyParams).limits.max_speed_m_s == 1.0
