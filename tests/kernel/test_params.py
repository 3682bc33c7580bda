"""Parameters at work: what is live changes after the whole was checked; what is not, or is wrong, changes nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from selfcue.errors import BadInputError, SelfcueError, UsageError
from selfcue.node import Node
from selfcue.params import ParamDesk, ParamRequest, flat, with_changes


@dataclass(frozen=True)
class Gains:
    """Nested settings."""

    p: float = 1.0
    limits: tuple[float, float] = (-1.0, 1.0)


@dataclass(frozen=True)
class PilotParams:
    """Settings of Pilot."""

    speed_m_s: float = 0.5
    name: str = "a"
    gains: Gains = field(default_factory=Gains)

    def __post_init__(self) -> None:
        if self.speed_m_s > 2:
            raise ValueError(f"speed_m_s is {self.speed_m_s}; at most 2")


class Pilot(Node):
    """A node that lets its speed and gains change."""

    Params = PilotParams
    LIVE_PARAMS = ("speed_m_s", "gains")

    def retune(self, params: Any) -> None:
        if params.speed_m_s == 1.5:
            raise BadInputError("not that fast indoors")
        super().retune(params)


@pytest.fixture
def pilot() -> Pilot:
    return Pilot("pilot", PilotParams())


@pytest.fixture
def told() -> list[tuple[str, str, Any]]:
    return []


@pytest.fixture
def desk(pilot: Pilot, told: list[tuple[str, str, Any]]) -> ParamDesk:
    return ParamDesk([pilot], lambda node, name, value: told.append((node.name, name, value)))


def change(desk: ParamDesk, **changes: Any) -> dict[str, Any]:
    service = desk.services["pilot/params"]
    request = ParamRequest({name.replace("__", "."): value for name, value in changes.items()})
    return flat(service.handler(request).values)


def test_all_values_are_told_defaults_too(desk: ParamDesk) -> None:
    assert change(desk) == {"speed_m_s": 0.5, "name": "a", "gains.p": 1.0, "gains.limits": (-1.0, 1.0)}
    assert desk.services["pilot/params"].handler(ParamRequest()).live == ("speed_m_s", "gains")


def test_what_is_live_changes_and_is_told(pilot: Pilot, desk: ParamDesk, told: list[tuple[str, str, Any]]) -> None:
    assert change(desk, speed_m_s=1, gains__p=0.25)["gains.p"] == 0.25
    assert pilot.params == PilotParams(speed_m_s=1.0, gains=Gains(p=0.25))
    assert told == [("pilot", "speed_m_s", 1), ("pilot", "gains.p", 0.25)]
    fresh = Pilot("pilot", PilotParams())
    ParamDesk([fresh], lambda *_: told.append(("never", "", 0))).restore(desk.changed)
    assert fresh.params == pilot.params
    assert len(told) == 2


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"name": "b"}, UsageError, r"'name' of node 'pilot' does not change while it runs.*live: speed_m_s, gains"),
        ({"speed": 1.0}, UsageError, r"no parameter 'speed'; it has: speed_m_s, name, gains.p, gains.limits"),
        ({"gains__q": 1.0}, UsageError, "no parameter 'gains.q'"),
        ({"name__x": 1.0}, UsageError, "no parameter 'name.x'"),
        ({"speed_m_s": "fast"}, BadInputError, "pilot.speed_m_s: expected `float`, got `str`"),
        ({"gains__limits": [1.0]}, BadInputError, r"pilot.gains.limits: expected `array` of length 2, got 1"),
        ({"speed_m_s": 3.0}, BadInputError, "pilot: speed_m_s is 3.0; at most 2"),
        ({"speed_m_s": 1.5}, BadInputError, "not that fast indoors"),
        ({"gains__p": 0.1, "name": "b"}, UsageError, "does not change"),
    ],
)
def test_what_is_wrong_changes_nothing(
    pilot: Pilot, desk: ParamDesk, told: list[Any], changes: dict[str, Any], kind: type[SelfcueError], says: str
) -> None:
    with pytest.raises(kind, match=says):
        change(desk, **changes)
    assert pilot.params == PilotParams()
    assert told == []
    assert desk.changed == {}


def test_a_node_without_live_parameters_says_so() -> None:
    class Stiff(Node):
        Params = PilotParams

    with pytest.raises(UsageError, match=r"set it in the launch file \(live: none\)"):
        with_changes(Stiff("s", PilotParams()), {"speed_m_s": 1.0})
