"""Rests between looks: only under a fast stream of small messages, and never longer than the caller waits."""

from __future__ import annotations

import pytest

from selfcue.transport import moderation
from selfcue.transport.moderation import CROWD, REST_S, Moderation


class HandTime:
    """Stands in for the time module."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> HandTime:
    hand = HandTime()
    monkeypatch.setattr(moderation, "time", hand)
    return hand


def stream(hand: HandTime, hz: float, *, number: int = 1, big: bool = False, looks: int = 600) -> Moderation:
    found = Moderation()
    for _ in range(looks):
        hand.now_s += number / hz
        found.came(number, big=big)
    return found


def test_a_fast_stream_is_looked_at_less_often(hand: HandTime) -> None:
    assert stream(hand, 5000.0).rest_s(0.1) == REST_S
    assert stream(hand, 5000.0, number=4).rest_s(0.1) == REST_S
    assert stream(hand, 5000.0).rest_s(0.0001) == 0.0001  # no longer than the wait would have been


@pytest.mark.parametrize(
    ("hz", "number", "big"), [(1000.0, 1, False), (5000.0, 1, True), (100_000.0, CROWD, False)], ids=str
)
def test_slow_streams_big_arrays_and_crowds_are_not_held_up(hand: HandTime, hz: float, number: int, big: bool) -> None:
    assert stream(hand, hz, number=number, big=big).rest_s(0.1) == 0.0


def test_the_first_silence_ends_it_and_a_short_burst_does_not_begin_it(hand: HandTime) -> None:
    found = stream(hand, 5000.0)
    found.came(0, big=False)
    assert found.rest_s(0.1) == 0.0
    assert stream(hand, 5000.0, looks=20).rest_s(0.1) == 0.0
