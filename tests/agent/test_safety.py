"""The safety rules, in their order; and that the process of safety loads no torch."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.agent.safety import SafeMotion, SafetyConfig, SafetyFilter, Situation
from selfcue.errors import BadInputError
from selfcue.messages import VelocityCommand

S = 1_000_000_000
NOW = 10 * S
FILTER = SafetyFilter(SafetyConfig())
CALM = Situation(now_ns=NOW, trust="ok", trusted_ns=NOW, student_ns=NOW)


def wish(
    forward: Any = 0.5, yaw_rate: Any = 0.3, mode: Any = "MONO_TW", side: Any = 0.0, up: Any = 0.0, age_s: Any = 0.0
) -> VelocityCommand:
    return VelocityCommand(stamp_ns=NOW - round(age_s * S), linear=(forward, side, up), yaw_rate=yaw_rate, mode=mode)


def test_a_harmless_wish_passes_unchanged() -> None:
    assert FILTER.apply(wish(), CALM) == SafeMotion((0.5, 0.0, 0.0), 0.3, "MONO_TW", "")


@pytest.mark.parametrize(
    ("rule", "wished", "situation", "linear"),
    [
        ("stale_wish", None, CALM, (0, 0, 0)),
        ("stale_wish", wish(age_s=0.31), CALM, (0, 0, 0)),
        ("bad_wish", wish(forward=math.nan), CALM, (0, 0, 0)),
        ("bad_wish", wish(yaw_rate=math.inf), CALM, (0, 0, 0)),
        ("land", wish(mode="LAND"), CALM, (0, 0, -0.2)),
        ("hold", wish(mode="HOLD"), CALM, (0, 0, 0)),
        ("stale_estimate", wish(), replace(CALM, student_ns=NOW - S), (0, 0, 0)),
        ("stale_estimate", wish(), replace(CALM, student_ns=None), (0, 0, 0)),
        ("stale_estimate", wish(mode="STEREO"), replace(CALM, trusted_ns=NOW - S), (0, 0, 0)),
        ("contact", wish(side=0.1), replace(CALM, contact_ns=NOW - S // 4), (0, 0.1, 0)),
        ("obstacle", wish(), replace(CALM, nearest_m=0.44), (0, 0, 0)),
        ("limits", wish(forward=1.6), CALM, (0.8, 0, 0)),
        ("limits", wish(forward=0.6, side=0.8), CALM, (0.48, 0.64, 0)),
        ("limits", wish(up=2.0), CALM, (0.5, 0, 0.5)),
        ("limits", wish(yaw_rate=-3.0), CALM, (0.5, 0, 0)),
    ],
)
def test_each_rule(rule: Any, wished: Any, situation: Any, linear: Any) -> None:
    motion = FILTER.apply(wished, situation)
    assert motion.limited_by == rule
    assert motion.linear == pytest.approx(linear)
    assert abs(motion.yaw_rate) <= 2.0


# Each worse than the next; all but the last also break every rule after them.
ORDER = ["stale_wish", "bad_wish", "land", "hold", "stale_estimate", "contact", "obstacle", "limits"]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_first_broken_rule_of_the_order_gives_its_name(first: Any) -> None:
    broken = ORDER[first:]
    bad = "bad_wish" in broken
    mode = "LAND" if "land" in broken else "HOLD" if "hold" in broken else "MONO_TW"
    wished = wish(forward=math.nan if bad else 5.0, mode=mode, age_s=1.0 if "stale_wish" in broken else 0.0)
    situation = replace(
        CALM,
        student_ns=NOW - S if "stale_estimate" in broken else NOW,
        trusted_ns=NOW,
        contact_ns=NOW if "contact" in broken else None,
        nearest_m=0.6 if "obstacle" in broken else math.inf,
    )
    assert FILTER.apply(wished, situation).limited_by == ORDER[first]


def test_later_rules_still_hold_after_an_earlier_one_changed_the_wish() -> None:
    motion = FILTER.apply(wish(forward=0.5, yaw_rate=9.0), replace(CALM, contact_ns=NOW))
    assert motion == SafeMotion((0.0, 0.0, 0.0), 2.0, "MONO_TW", "contact")


def test_a_contact_and_an_obstacle_let_the_body_back_off_and_turn() -> None:
    back = wish(forward=-0.3, yaw_rate=1.0)
    assert FILTER.apply(back, replace(CALM, contact_ns=NOW, nearest_m=0.1)).limited_by == ""


def test_an_obstacle_binds_only_by_a_trusted_cue_that_speaks() -> None:
    near = replace(CALM, nearest_m=0.2)
    assert FILTER.apply(wish(), near).linear[0] == 0.0
    for silent in (replace(near, trust="suspect"), replace(near, trust="lost"), replace(near, trusted_ns=NOW - S)):
        assert FILTER.apply(wish(), silent).linear[0] == 0.5


@given(distance=st.floats(0.0, 5.0))
def test_the_speed_allowed_stops_before_the_obstacle(distance: Any) -> None:
    config = FILTER.config
    speed = FILTER.speed_to_stop_within(distance)
    needed = speed * config.latency_s + speed**2 / (2 * config.braking_m_s2) + config.radius_m + config.margin_m
    assert speed >= 0
    assert needed == pytest.approx(max(distance, config.radius_m + config.margin_m), abs=1e-9)


def test_at_the_override_distance_full_speed_is_just_allowed() -> None:
    assert FILTER.speed_to_stop_within(0.70) == pytest.approx(0.5)
    assert FILTER.speed_to_stop_within(math.inf) == math.inf


number = st.floats(allow_nan=True, allow_infinity=True)


@given(
    forward=number, side=number, up=number, yaw=number, distance=st.floats(0, 10), age=st.floats(0, 1),
    mode=st.sampled_from(["STEREO", "MONO_TW", "MONO_ONLY", "HOLD", "LAND", ""]),
)  # fmt: skip
def test_nothing_gets_past_the_limits(
    forward: Any, side: Any, up: Any, yaw: Any, distance: Any, age: Any, mode: Any
) -> None:
    motion = FILTER.apply(wish(forward, yaw, mode, side, up, age), replace(CALM, nearest_m=distance))
    assert all(math.isfinite(value) for value in (*motion.linear, motion.yaw_rate))
    assert math.hypot(*motion.linear[:2]) <= 0.8 + 1e-9
    assert abs(motion.linear[2]) <= 0.5
    assert abs(motion.yaw_rate) <= 2.0
    assert motion.linear[0] <= FILTER.speed_to_stop_within(distance) + 1e-9


def test_the_estimate_rule_can_be_turned_off_for_controls() -> None:
    filter_ = SafetyFilter(SafetyConfig(stale_estimate_s=0.0))
    assert filter_.apply(wish(), Situation(now_ns=NOW)).limited_by == ""


def test_a_body_that_cannot_brake_is_refused() -> None:
    with pytest.raises(BadInputError, match="braking_m_s2"):
        SafetyConfig(braking_m_s2=0.0)
    with pytest.raises(BadInputError, match="max_speed_m_s"):
        SafetyConfig(max_speed_m_s=math.nan)


def test_agent_and_safety_load_nothing_heavy() -> None:
    code = (
        "import sys, selfcue.agent.safety_node, selfcue.agent.node;"
        "heavy = {'torch', 'cv2', 'open3d', 'mujoco', 'matplotlib', 'scipy', 'rich'} & set(sys.modules);"
        "print(sorted(heavy)); sys.exit(bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
