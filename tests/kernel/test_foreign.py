"""Clocks of other machines: followed by their life signs, each by itself, and never mixed with ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selfcue.foreign import MAX_PEERS, ForeignClocks
from selfcue.inbox import Received
from selfcue.messages import JournalEvent, NodeHealth

S = 1_000_000_000


@dataclass
class HandClock:
    """A clock that the test moves."""

    ns: int = 0
    domain: str = "ours"

    def now_ns(self) -> int:
        return self.ns


def sign(stamp_ns: int, *, host: str = "rover", clock: str = "theirs") -> Received:
    health = NodeHealth(stamp_ns=stamp_ns, host=host, nodes=(), rate_hz={}, drops={}, cpu_share=0.0, rss_bytes=0)
    return Received("node/health", host, 1, health, clock)


def live(clocks: ForeignClocks, clock: HandClock, seconds: int, *, offset_ns: int, ppm: float = 0.0) -> None:
    rng = np.random.default_rng(4)
    for _ in range(seconds):
        clock.ns += S
        delay_ns = round(rng.exponential(8e6)) + 300_000
        theirs_ns = clock.ns - delay_ns
        clocks.heard([sign(theirs_ns + offset_ns + round(theirs_ns * ppm * 1e-6))])


def test_offset_and_skew_of_another_machine_are_found_within_what_is_said() -> None:
    clock = HandClock(100 * S)
    clocks = ForeignClocks(clock)
    live(clocks, clock, 150, offset_ns=-3600 * S, ppm=80.0)
    (found,) = clocks.offsets()
    truth_ns = -3600 * S + round(clock.ns * 80e-6)
    assert (found.process, found.domain, found.samples > 0) == ("rover", "theirs", True)
    assert abs(found.offset_ns - truth_ns) <= found.uncertainty_ns < 30_000_000
    assert abs(found.skew_ppm - 80.0) < 25.0


def test_messages_of_our_clock_of_none_and_other_messages_tell_nothing() -> None:
    clocks = ForeignClocks(HandClock(S))
    event = JournalEvent(stamp_ns=5, kind="x")
    clocks.heard([sign(5, clock="ours"), sign(5, clock=""), Received("t", "rover", 1, event, "theirs")])
    assert clocks.offsets() == []


def test_a_machine_that_has_booted_is_learned_anew_and_a_set_clock_is_counted() -> None:
    clock = HandClock(S)
    clocks = ForeignClocks(clock)
    live(clocks, clock, 60, offset_ns=5 * S)
    live(clocks, clock, 60, offset_ns=9 * S)
    (found,) = clocks.offsets()
    assert found.jumps == 1
    assert abs(found.offset_ns - 9 * S) < 50_000_000
    clocks.heard([sign(clock.ns + 77 * S, clock="booted")])
    (found,) = clocks.offsets()
    assert (found.domain, found.jumps, found.samples) == ("booted", 0, 1)
    assert abs(found.offset_ns - 77 * S) < 50_000_000


def test_made_up_names_take_no_more_than_their_share() -> None:
    clocks = ForeignClocks(HandClock(S))
    clocks.heard([sign(5, host=f"p{i}") for i in range(3 * MAX_PEERS)])
    assert len(clocks.offsets()) == MAX_PEERS
