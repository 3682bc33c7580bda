"""The state machine of a connection: every way through it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.sensors.connection import FINAL, Connection, ConnectionConfig

CONFIG = ConnectionConfig(first_wait_s=0.5, most_wait_s=4.0, steady_after_s=10.0)
EVENTS = ("opening", "up", "gone", "hung", "refused", "ended", "stop")


def test_the_pause_doubles_up_to_the_most_and_begins_again_after_a_steady_connection() -> None:
    connection, pauses, now_s = Connection(CONFIG), [], 0.0
    for _ in range(6):
        connection.opening(now_s)
        connection.gone(now_s, "not there")
        pauses.append(connection.try_in_s(now_s))
        now_s += pauses[-1]
    assert pauses == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    connection.opening(now_s)
    connection.up(now_s)
    connection.gone(now_s + 3.0, "pulled early")  # a flapping device is not asked ever faster
    assert connection.try_in_s(now_s + 3.0) == 4.0
    connection.opening(now_s + 7.0)
    connection.up(now_s + 7.0)
    connection.gone(now_s + 17.0, "pulled")
    assert connection.try_in_s(now_s + 17.0) == 0.5
    assert connection.try_in_s(now_s + 17.4) == pytest.approx(0.1)


def test_counts_say_what_happened() -> None:
    connection = Connection(CONFIG)
    connection.opening(0.0)
    connection.up(0.0)
    connection.hung(1.0, "read hangs")
    assert (connection.state, connection.hangs, connection.lost, connection.error) == ("waiting", 1, 1, "read hangs")
    connection.opening(2.0)
    connection.up(2.0)
    assert (connection.reconnects, connection.error) == (1, "")


@given(st.lists(st.sampled_from(EVENTS), max_size=30))
def test_no_order_of_events_leaves_a_final_state_or_counts_back(events: list[str]) -> None:
    connection = Connection(CONFIG)
    for number, event in enumerate(events):
        before = connection.state, connection.opened, connection.lost
        if event in ("gone", "hung", "refused"):
            getattr(connection, event)(float(number), "why")
        else:
            getattr(connection, event)(float(number))
        if before[0] in FINAL:
            assert connection.state == before[0]
        assert connection.opened >= before[1]
        assert connection.lost >= before[2]
        assert connection.lost <= connection.opened
        assert (connection.state == "waiting") >= (connection.try_in_s(float(number)) > 0)


@pytest.mark.parametrize("bad", [{"read_timeout_s": 0.0}, {"first_wait_s": 6.0}, {"hung_after_s": -1.0}])
def test_times_that_make_no_sense_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        ConnectionConfig(**bad)  # type: ignore[arg-type]
