"""The thread of every sensor: plugged, pulled, hung, flooded, stopped from anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import Reading
from selfcue.sensors.sensor_thread import MOST_ABANDONED, SensorThread, Stamped
from tests.sensors.fake_device import Port, wait_until

FAST = ConnectionConfig(
    open_timeout_s=0.15, read_timeout_s=0.05, hung_after_s=0.1, first_wait_s=0.01, most_wait_s=0.02, steady_after_s=1.0
)
WAITING = ConnectionConfig(wait_for_device=True, read_timeout_s=0.05, first_wait_s=0.01, most_wait_s=0.02)


@pytest.fixture
def port() -> Iterator[Port]:
    port = Port()
    yield port
    if port.hangs is not None:
        port.hangs.set()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "sensor"])
    assert port.open_drivers == 0


def readings(thread: SensorThread[int], count: int) -> list[Stamped[int]]:
    found: list[Stamped[int]] = []

    def enough() -> bool:
        found.extend(thread.take())
        return len(found) >= count

    wait_until(enough)
    return found


def values(thread: SensorThread[int], count: int) -> list[int]:
    return [reading.value for reading in readings(thread, count)]


def test_readings_come_in_order_with_rising_stamps(port: Port) -> None:
    thread = SensorThread(port.make, time.time_ns, FAST)
    thread.start()
    port.put(*(Reading(number) for number in range(10)))
    found = readings(thread, 10)
    assert [reading.value for reading in found] == list(range(10))
    assert [reading.number for reading in found] == list(range(10))
    stamps = [reading.stamp_ns for reading in found]
    assert all(later > earlier for earlier, later in pairwise(stamps))
    assert abs(stamps[-1] - time.time_ns()) < 5_000_000_000
    thread.stop()
    thread.stop()


def test_a_pulled_device_is_found_again_when_it_is_back(port: Port) -> None:
    thread = SensorThread(port.make, time.time_ns, FAST)
    thread.start()
    port.put(Reading(1))
    assert values(thread, 1) == [1]
    port.pull()
    wait_until(lambda: thread.status().state == "waiting")
    assert thread.status().error in ("number port: not plugged in", "number port: pulled")
    assert thread.take() == []
    port.plugged = True
    port.put(Reading(2))
    assert values(thread, 1) == [2]
    assert thread.status().reconnects == 1
    thread.stop()


def test_the_first_open_fails_at_once_and_holds_nothing(port: Port) -> None:
    port.plugged = False
    with pytest.raises(MissingDependencyError, match="not plugged in"):
        SensorThread(port.make, time.time_ns, FAST).start()
    port.refuses = True
    with pytest.raises(BadInputError, match="no such number"):
        SensorThread(port.make, time.time_ns, FAST).start()


def test_who_waits_for_a_device_gets_it_when_it_comes(port: Port) -> None:
    port.plugged = False
    thread = SensorThread(port.make, time.time_ns, WAITING)
    thread.start()
    wait_until(lambda: len(port.drivers) >= 3)
    assert thread.status().state in ("waiting", "opening")
    port.plugged = True
    port.put(Reading(7))
    assert values(thread, 1) == [7]
    thread.stop()


def test_settings_that_are_refused_later_are_said_after_the_good_readings(port: Port) -> None:
    thread = SensorThread(port.make, time.time_ns, FAST)
    thread.start()
    port.put(Reading(1))
    wait_until(lambda: thread.status().readings == 1)
    port.refuses = True
    port.pull()
    wait_until(lambda: thread.status().state == "failed")
    assert [reading.value for reading in thread.take()] == [1]
    with pytest.raises(BadInputError, match="no such number"):
        thread.take()
    thread.stop()


def test_a_hung_read_never_blocks_who_takes_and_is_replaced(port: Port) -> None:
    thread = SensorThread(port.make, time.time_ns, FAST)
    thread.start()
    first = port.drivers[0]
    port.hangs = hang = threading.Event()

    def opened_again() -> bool:
        thread.watch()
        return len(port.drivers) >= 2

    wait_until(opened_again)
    port.hangs = None  # whoever hangs goes on hanging: it waits for the event
    port.put(Reading(5))
    assert values(thread, 1) == [5]
    assert thread.status().hangs >= 1
    assert not first.is_open, "the hung driver was closed from outside"
    hang.set()
    thread.stop()


def test_a_hung_open_is_said(port: Port) -> None:
    port.hangs, port.hangs_in = threading.Event(), "open"
    with pytest.raises(MissingDependencyError, match=r"does not open within 0\.15 s"):
        SensorThread(port.make, time.time_ns, FAST).start()


def test_too_many_hung_threads_end_it(port: Port) -> None:
    thread = SensorThread(port.make, time.time_ns, FAST)
    thread.start()
    port.hangs = threading.Event()

    def failed() -> bool:
        thread.watch()
        return thread.status().state == "failed"

    wait_until(failed, 20.0)
    assert thread.status().hangs == MOST_ABANDONED
    with pytest.raises(BadInputError, match="replug it"):
        thread.take()
    port.hangs.set()
    thread.stop()


def test_what_nobody_takes_is_lost_and_counted_and_what_the_driver_lost_too(port: Port) -> None:
    thread = SensorThread(port.make, time.time_ns, FAST, keep=4)
    thread.start()
    port.put(*(Reading(number, lost=1) for number in range(10)))
    wait_until(lambda: thread.status().readings == 10)
    assert [reading.value for reading in thread.take()] == [6, 7, 8, 9]
    status = thread.status()
    assert (status.dropped, status.lost) == (6, 10)
    thread.stop()


def test_a_file_is_held_up_and_loses_nothing(port: Port) -> None:
    port.file = True
    port.put(*(Reading(number) for number in range(50)))
    thread = SensorThread(port.make, time.time_ns, FAST, keep=4)
    thread.start()
    assert values(thread, 50) == list(range(50))
    wait_until(lambda: thread.ended)
    assert thread.status().dropped == 0
    thread.stop()


def test_stamps_of_a_device_keep_its_spacing_and_those_of_the_machine_are_taken_as_they_are(port: Port) -> None:
    port.domain = "device"
    thread = SensorThread(port.make, time.time_ns, FAST, keep=64)
    thread.start()
    port.put(*(Reading(number, stamp_ns=5_000_000_000 + number * 1_000_000) for number in range(20)))
    found = readings(thread, 20)
    steps = [later.stamp_ns - earlier.stamp_ns for earlier, later in pairwise(found)]
    assert max(abs(step - 1_000_000) for step in steps[1:]) < 200_000
    assert found[-1].stamp_ns <= time.time_ns()
    thread.stop()

    port.domain = "monotonic"
    thread = SensorThread(port.make, time.time_ns, FAST, keep=64)
    thread.start()
    taken_ns, wall_ns = time.monotonic_ns() - 30_000_000, time.time_ns() - 30_000_000
    port.put(Reading(1, stamp_ns=taken_ns))
    assert abs(readings(thread, 1)[0].stamp_ns - wall_ns) < 5_000_000
    thread.stop()


def test_a_hundred_connections_leave_nothing_behind(port: Port) -> None:
    for number in range(100):
        thread = SensorThread(port.make, time.time_ns, FAST)
        thread.start()
        port.put(Reading(number))
        assert values(thread, 1) == [number]
        threads = [threading.Thread(target=thread.stop) for _ in range(3)]  # from any thread, more than once
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(port.drivers) >= 100
