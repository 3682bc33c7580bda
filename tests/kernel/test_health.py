"""Health at the source: rates asked for against rates measured, ages, drops; stale is an error."""

from __future__ import annotations

import math

import pytest

from selfcue.health import Pulse, Vitals, judge
from selfcue.messages import Health
from selfcue.node import Node

S = 1_000_000_000


class Warm(Node):
    """A node with a thermometer."""

    @property
    def temperature_c(self) -> float:
        return 55.0


@pytest.mark.parametrize(
    ("asked_hz", "measured_hz", "age_s", "level"),
    [
        (30.0, 29.0, 0.03, "ok"), (30.0, 24.1, 0.03, "ok"), (30.0, 23.9, 0.03, "slow"), (30.0, 0.0, 0.6, "stale"),
        (30.0, 30.0, 0.4, "ok"), (2.0, 2.0, 1.4, "ok"), (2.0, 2.0, 1.6, "stale"), (0.0, 0.0, 99.0, "ok"),
        (30.0, math.nan, 0.1, "ok"), (30.0, math.nan, math.inf, "stale"),
    ],
)  # fmt: skip
def test_levels(asked_hz: float, measured_hz: float, age_s: float, level: str) -> None:
    found, reason = judge(asked_hz, measured_hz, age_s)
    assert found == level
    assert bool(reason) == (level != "ok")


def test_a_pulse_measures_between_two_looks() -> None:
    pulse = Pulse("topic")
    asked = {"image": 30.0}
    (first,) = pulse.look(0, {"image": 0}, asked, {})
    assert (first.level, first.reason) == ("stale", "nothing came yet; 30 Hz were asked for")
    assert math.isnan(first.measured_hz)
    pulse.beat("image", S - 1_000_000)
    (second,) = pulse.look(S, {"image": 12}, asked, {"image": 2})
    assert (second.measured_hz, second.drops, second.level) == (12.0, 2, "slow")
    assert second.age_s == pytest.approx(0.001)
    assert second.reason == "12.0 Hz; 30 Hz were asked for"
    (third,) = pulse.look(3 * S, {"image": 12}, asked, {})
    assert (third.measured_hz, third.level) == (0.0, "stale")
    assert third.reason == "nothing for 2.0 s; 30 Hz were asked for"


def look(vitals: Vitals, now_ns: int, **counts: object) -> dict[tuple[str, str], Health]:
    found = vitals.look(now_ns, counts.get("sent", {}), counts.get("seen", {}), counts.get("drops", {}))  # type: ignore[arg-type]
    return {(one.kind, one.name): one for one in found}


def test_topics_inputs_and_nodes_of_a_process() -> None:
    vitals = Vitals([Warm("eye", None)], {"image": 10.0}, {"eye": 20.0})
    look(vitals, 0, sent={"image": 0}, seen={("body", "imu"): 0})
    for i in range(20):
        vitals.stepped("eye", i * S // 20)
    vitals.published("image", S)
    vitals.heard("imu", S)
    seen = {("body", "imu"): 200, ("spare", "imu"): 20}
    found = look(vitals, S, sent={"image": 10}, seen=seen, drops={"imu socket": 15, "imu ring": 5})
    assert found["topic", "image"].level == "ok"
    assert found["input", "imu"].measured_hz == 200.0  # what came, not what was lost
    assert found["input", "imu"].drops == 20
    assert found["node", "eye"].measured_hz == 20.0
    assert found["node", "eye"].temperature_c == 55.0


def test_only_a_change_of_level_is_news() -> None:
    vitals = Vitals([], {"image": 10.0}, {})
    levels = []
    for second, count in enumerate([0, 10, 20, 20, 20, 30, 40]):
        if count:
            vitals.published("image", second * S if count != 20 else min(second, 2) * S)
        levels += [one.level for one in vitals.news(list(look(vitals, second * S, sent={"image": count}).values()))]
    assert levels == ["stale", "ok", "stale", "ok"]
