"""Pairing: by index or by stamp, nothing paired wrongly, what is dropped is counted and explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError, UsageError
from selfcue.messages import Image, Message, Odometry
from selfcue.sensors.synchroniser import SyncConfig, Synchroniser

MS = 1_000_000


def at(ms: float) -> Image:
    return Image(stamp_ns=round(ms * MS), encoding="mono8", data=np.full((2, 2), int(ms) % 251, np.uint8))


def feed(sync: Synchroniser[Message], events: Sequence[tuple[str, float]]) -> list[tuple[float, ...]]:
    """Return the stamps [ms] of all groups."""
    groups: list[Mapping[str, Message]] = []
    for name, ms in events:
        groups.extend(sync.add(name, at(ms)))
    return [tuple(group[name].stamp_ns / MS for name in sync.config.inputs) for group in groups]


def stereo(**settings: object) -> Synchroniser[Message]:
    return Synchroniser(SyncConfig(inputs=("left", "right"), **settings))  # type: ignore[arg-type]


def test_equal_stamps_pair_at_once_whichever_comes_first() -> None:
    sync = stereo()
    assert feed(sync, [("left", 0), ("right", 0), ("right", 50), ("left", 50)]) == [(0, 0), (50, 50)]
    assert sync.counts["paired"] == 2
    assert sync.counts["dropped/left"] == sync.counts["dropped/right"] == 0


def test_stamp_pairing_drops_what_is_too_far_apart_and_says_so() -> None:
    sync = stereo(max_gap_ms=2.0)
    events = [("left", 0), ("right", 1.5), ("left", 100), ("right", 106.8), ("left", 200), ("right", 199)]
    assert feed(sync, events) == [(0, 1.5), (200, 199)]
    assert sync.counts["dropped/left"] == 1
    assert sync.counts["dropped/right"] == 1
    assert sync.best_miss_ms == pytest.approx(6.8)
    assert "2 groups" in sync.explain()
    assert "nearest refused 6.8 ms" in sync.explain()


def test_pairs_further_apart_than_two_milliseconds_are_dropped_and_counted() -> None:
    """To the nanosecond, without any setting, and either eye first."""
    sync = stereo()
    events = [("left", 0), ("right", 2.0), ("left", 50), ("right", 52.000001), ("right", 98), ("left", 100)]
    events += [("right", 147.999999), ("left", 150), ("left", 200), ("right", 200)]
    assert feed(sync, events) == [(0, 2.0), (100, 98), (200, 200)]
    assert sync.counts["paired"] == 3
    assert (sync.counts["dropped/left"], sync.counts["dropped/right"]) == (2, 2)
    assert "dropped left 2, right 2" in sync.explain()


def test_trigger_pairing_keeps_good_pairs_with_arrival_stamps() -> None:
    sync = stereo(pairing="trigger", period_ms=100.0)
    assert feed(
        sync, [("left", 0), ("right", 1.5), ("left", 100), ("right", 106.8), ("right", 197), ("left", 200)]
    ) == [
        (0, 1.5),
        (100, 106.8),
        (200, 197),
    ]


def test_trigger_pairing_notices_a_lost_frame() -> None:
    """Frame 100 of the right camera is lost: nothing after it may be paired one off."""
    sync = stereo(pairing="trigger", period_ms=100.0)
    events = [("left", 0), ("right", 1), ("left", 100), ("left", 200), ("right", 203), ("left", 300), ("right", 299)]
    assert feed(sync, events) == [(0, 1), (200, 203), (300, 299)]
    assert sync.counts["dropped/left"] == 1


def test_a_camera_that_was_dead_for_seconds_is_paired_again() -> None:
    sync = stereo(keep=8)
    events = [("left", 50.0 * i) for i in range(100)]
    events += [e for i in range(100, 110) for e in (("left", 50.0 * i), ("right", 50.0 * i))]
    assert feed(sync, events) == [(50.0 * i, 50.0 * i) for i in range(100, 110)]
    assert sync.counts["dropped/left"] == 100


def test_the_nearest_of_a_faster_input_is_taken() -> None:
    sync: Synchroniser[Message] = Synchroniser(SyncConfig(inputs=("image", "odom"), max_gap_ms=20.0))
    events = [("odom", 0), ("odom", 25), ("odom", 50), ("image", 48), ("odom", 75), ("image", 98), ("odom", 100)]
    assert feed(sync, events) == [(48, 50), (98, 100)]


def test_an_early_partner_does_not_wait_for_the_next_one() -> None:
    """A right image 1 ms before its left one pairs when the left one comes, not 50 ms later."""
    sync = stereo(max_gap_ms=2.0)
    feed(sync, [("left", 0), ("right", 0), ("left", 50), ("right", 50), ("right", 99)])
    assert feed(sync, [("left", 100)]) == [(100, 99)]


def test_three_inputs() -> None:
    sync: Synchroniser[Message] = Synchroniser(SyncConfig(inputs=("left", "right", "truth")))
    events = [("left", 0), ("right", 0), ("truth", 0), ("left", 50), ("right", 50), ("left", 100), ("right", 100)]
    assert feed(sync, events) == [(0, 0, 0)]
    assert feed(sync, [("truth", 100)]) == [(100, 100, 100)]
    assert sync.counts["dropped/left"] == 1


def test_messages_out_of_order_are_refused_and_counted() -> None:
    sync = stereo()
    assert feed(sync, [("left", 50), ("left", 50), ("left", 20), ("right", 20), ("right", 50)]) == [(50, 50)]
    assert sync.counts["out_of_order"] == 2


def test_a_silent_input_is_named() -> None:
    sync = stereo(keep=4)
    feed(sync, [("left", 50.0 * i) for i in range(20)])
    assert sync.counts["dropped/left"] == 16
    assert "nothing came on right" in sync.explain()


def test_it_says_how_often_each_input_comes() -> None:
    sync = stereo()
    assert sync.rates_hz == {"left": None, "right": None}
    feed(sync, [e for i in range(6) for e in (("left", 50.0 * i), ("right", 25.0 * i))])
    assert sync.rates_hz == {"left": pytest.approx(20.0), "right": pytest.approx(40.0)}
    assert "left 6 (20 Hz), right 6 (40 Hz)" in sync.explain()


@pytest.mark.parametrize(
    ("events", "says"),
    [
        ([("left", 50.0 * i) for i in range(4)], "nothing came on right"),
        (
            [e for i in range(4) for e in (("left", 50.0 * i), ("right", 50.0 * i + 7))],
            "no pair is near enough: allow max_gap_ms 7 or more, or pairing trigger",
        ),
        (
            [e for i in range(4) for e in (("left", 50.0 * i), ("right", 50.0 * i + 90_000))],
            "right is 90 s ahead of left: are their stamps on one clock?",
        ),
        ([("left", 0), ("left", 50), ("left", 100), ("right", -40)], "right has not come as far as left yet"),
    ],
)
def test_it_says_why_nothing_comes_out(events: list[tuple[str, float]], says: str) -> None:
    sync = stereo(max_gap_ms=2.0)
    assert feed(sync, events) == []
    assert says in sync.why_nothing()
    assert says in sync.explain()


def test_what_comes_out_needs_no_reason() -> None:
    sync = stereo()
    feed(sync, [("left", 0), ("right", 0)])
    assert sync.why_nothing() == ""


def test_time_that_is_set_back_begins_anew() -> None:
    """A log that loops, a device that starts again: nothing of the old time is paired with the new, and it goes on."""
    sync = stereo(keep=8)
    first = [e for i in range(100, 104) for e in (("left", 50.0 * i), ("right", 50.0 * i))]
    assert len(feed(sync, [*first, ("left", 5200.0)])) == 4
    again = [e for i in range(5) for e in (("left", 50.0 * i), ("right", 50.0 * i))]
    assert feed(sync, again) == [(50.0 * i, 50.0 * i) for i in range(5)]
    assert sync.counts["jumps"] == 2  # one for each input
    assert sync.counts["dropped/left"] == 1
    assert sync.counts["out_of_order"] == 0
    assert "2 times a clock was set back" in sync.explain()


def test_one_clock_set_back_waits_for_the_other_to_follow() -> None:
    sync = stereo(keep=8)
    events = [("left", 9000.0), ("right", 9000.0), ("left", 0.0), ("right", 9050.0), ("left", 50.0), ("right", 50.0)]
    assert feed(sync, [*events, ("left", 100.0), ("right", 100.0)]) == [(9000, 9000), (100, 100)]
    assert sync.counts["jumps"] == 2


def test_settings_and_names_are_checked() -> None:
    with pytest.raises(ValueError, match="pairing 'index' is not known"):
        stereo(pairing="index")
    with pytest.raises(ValueError, match="two or more different inputs"):
        SyncConfig(inputs=("left", "left"))
    with pytest.raises(ValueError, match="max_gap_ms -1"):
        stereo(max_gap_ms=-1)
    with pytest.raises(UsageError, match="no input 'top'; there are left, right"):
        stereo().add("top", at(0))


events_strategy = st.lists(
    st.tuples(st.sampled_from(["left", "right"]), st.integers(min_value=1, max_value=30)), max_size=40
)


@given(steps=events_strategy, cut=st.integers(min_value=0, max_value=40), pairing=st.sampled_from(["stamp", "trigger"]))
def test_resumed_anywhere_it_goes_on_as_if_never_cut(steps: list[tuple[str, int]], cut: int, pairing: str) -> None:
    clock = {"left": 0, "right": 0}
    events = []
    for name, step in steps:
        clock[name] += step
        events.append((name, float(clock[name])))
    whole = stereo(pairing=pairing, max_gap_ms=4.0, keep=5)
    expected = feed(whole, events)

    first = stereo(pairing=pairing, max_gap_ms=4.0, keep=5)
    found = feed(first, events[:cut])
    second = stereo(pairing=pairing, max_gap_ms=4.0, keep=5)
    second.load_state(first.state())
    found += feed(second, events[cut:])
    assert found == expected
    assert second.state().digest() == whole.state().digest()


@given(steps=events_strategy)
def test_groups_are_in_order_within_the_limit_and_nothing_is_used_twice(steps: list[tuple[str, int]]) -> None:
    clock = {"left": 0, "right": 0}
    sync = stereo(max_gap_ms=4.0, keep=5)
    groups = []
    for name, step in steps:
        clock[name] += step
        groups += feed(sync, [(name, float(clock[name]))])
    assert all(abs(left - right) <= 4.0 for left, right in groups)
    for side in (0, 1):
        stamps = [group[side] for group in groups]
        assert stamps == sorted(set(stamps))
    assert sync.counts["paired"] == len(groups)


def test_a_state_of_other_inputs_is_refused() -> None:
    other: Synchroniser[Odometry] = Synchroniser(SyncConfig(inputs=("image", "odom")))
    with pytest.raises(BadInputError, match="has inputs image, odom, this one left, right"):
        stereo().load_state(other.state())
