"""The trust node: what its detectors find becomes trust, alike in every replay and after a restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from selfcue.errors import BadInputError
from selfcue.messages import JournalEvent, Scalars, Trust
from selfcue.sensors import trust_node
from selfcue.sensors.trust_node import TrustNode, TrustParams, WatchSet
from selfcue.sensors.watch import Fault
from selfcue.testing import LoopSystem

PERIOD_NS = 50_000_000
START_NS = 1_000_000_000


class HighWatch:
    """Suspects a number above 1, and gives it up above 10."""

    needs_s: ClassVar[Mapping[str, float]] = {"high": 0.0}

    def __init__(self) -> None:
        self.value = 0.0

    def update(self, message: Scalars) -> None:
        self.value = message.values["value"]

    def faults(self, now_ns: int) -> list[Fault]:
        if self.value <= 1:
            return []
        return [Fault("high", "lost" if self.value > 10 else "suspect", {"limit": 1.0})]

    def evidence(self) -> dict[str, float]:
        return {"value": self.value}

    def meta(self) -> dict[str, Any]:
        return {"value": self.value}

    def load_meta(self, meta: dict[str, Any]) -> None:
        self.value = meta["value"]


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_node, "watch_set", lambda sensor: WatchSet(Scalars, lambda: [HighWatch()]))


PARAMS = TrustParams(sensor="number", topic="number", cue="number", dead_after_s=0.4, clear_after_s=0.5)


def system(folder: Path) -> LoopSystem:
    loop = LoopSystem(folder)
    loop.add(TrustNode("trust", PARAMS))
    return loop


def play(loop: LoopSystem, values: Sequence[float | None], first: int = 0) -> list[Trust]:
    """One value a tick, None for silence."""
    before = len(loop.published("trust/number"))
    for number, value in enumerate(values, first):
        now_ns = START_NS + number * PERIOD_NS
        if value is not None:
            loop.feed("number", Scalars(stamp_ns=now_ns, values={"value": value}))
        loop.tick(now_ns)
    return [message for message in loop.published("trust/number")[before:] if isinstance(message, Trust)]


def words(said: list[Trust]) -> list[tuple[str, str]]:
    """What was said, without repetitions."""
    found: list[tuple[str, str]] = []
    for trust in said:
        if not found or found[-1] != (trust.level, trust.reason):
            found.append((trust.level, trust.reason))
    return found


def test_a_fault_is_said_at_once_and_trust_comes_back_after_a_while(tmp_path: Path) -> None:
    said = play(system(tmp_path), [0.0] * 10 + [5.0] * 2 + [50.0] + [0.0] * 20)
    assert words(said) == [("ok", ""), ("suspect", "high"), ("lost", "high"), ("ok", "")]
    times = {(trust.level, trust.reason): trust.stamp_ns for trust in reversed(said)}
    assert times["suspect", "high"] == START_NS + 10 * PERIOD_NS
    back = next(trust.stamp_ns for trust in said if trust.level == "ok" and trust.stamp_ns > times["lost", "high"])
    assert back == START_NS + 22 * PERIOD_NS, "half a second after the last bad one"
    assert said[-1].evidence == {"value": 0.0}


def test_silence_is_a_fault_also_before_the_first_message(tmp_path: Path) -> None:
    assert words(play(system(tmp_path), [None] * 12))[-1] == ("lost", "silent")
    loop = system(tmp_path)
    said = play(loop, [0.0] * 4 + [None] * 12 + [0.0] * 14)
    assert words(said) == [("ok", ""), ("lost", "silent"), ("ok", "")]
    events = [event.detail for event in loop.published("journal") if isinstance(event, JournalEvent)]
    assert [(event["level"], event["reason"]) for event in events] == [("lost", "silent"), ("ok", "")]


def test_trust_is_repeated_at_its_rate_while_nothing_changes(tmp_path: Path) -> None:
    said = play(system(tmp_path), [0.0] * 101)
    assert len(said) == pytest.approx(26, abs=1), "5 Hz over 5 s"


def test_a_restart_says_what_would_have_been_said(tmp_path: Path) -> None:
    values: list[float | None] = [0.0] * 5 + [5.0] * 3 + [None] * 15 + [0.0] * 20
    whole = play(system(tmp_path), values)
    first = system(tmp_path)
    begun = play(first, values[:9])
    second = LoopSystem(tmp_path)
    node = TrustNode("trust", PARAMS)
    second.add(node)
    node.load_state(next(one for one in first.cell.nodes if isinstance(one, TrustNode)).state())
    rest = play(second, values[9:], first=9)
    key = [(trust.stamp_ns, trust.level, trust.reason, trust.evidence) for trust in begun + rest]
    assert key == [(trust.stamp_ns, trust.level, trust.reason, trust.evidence) for trust in whole]


def test_a_late_message_changes_nothing_and_a_jump_forgets(tmp_path: Path) -> None:
    loop = system(tmp_path)
    play(loop, [0.0] * 5)
    loop.feed("number", Scalars(stamp_ns=START_NS, values={"value": 50.0}))
    assert words(play(loop, [0.0], first=5))[-1:] in ([], [("ok", "")])
    play(loop, [50.0], first=6)
    node = next(one for one in loop.cell.nodes if isinstance(one, TrustNode))
    node.jumped(JournalEvent(stamp_ns=1, kind="jump"))
    assert words(play(loop, [0.0], first=7)) == [("ok", "")]


def test_wrong_settings_and_unknown_sensors_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="must be given"):
        TrustParams(sensor="", topic="imu", cue="imu")
    with pytest.raises(ValueError, match="must be above 0"):
        TrustParams(sensor="imu", topic="imu", cue="imu", say_hz=0.0)
    monkeypatch.undo()
    with pytest.raises(BadInputError, match="no plugin 'nose'"):
        TrustNode("trust", TrustParams(sensor="nose", topic="nose", cue="nose"))
