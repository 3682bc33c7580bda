"""Big arrays between buses: through the ring where both ends see it, over the socket where not; slow subscribers."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from selfcue.bus import Bus
from selfcue.messages import Image, Imu
from selfcue.qos import Qos
from selfcue.transport import shm
from selfcue.transport.pool import PoolSettings
from tests.kernel.buses import event, gather, meet, number_of, picture, some_buses, wait_for


@pytest.fixture
def make_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bus]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path))
    monkeypatch.setenv("SELFCUE_DOMAIN", "test")
    with some_buses() as make:
        yield make


def pair(make_bus: Callable[..., Bus], qos: Qos | None = None, **settings: object) -> tuple[Bus, Bus]:
    a, b = make_bus("a", **settings), make_bus("b", **settings)
    b.subscribe("t", qos)
    meet(a, b)
    return a, b


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def rings(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.ring"))


@pytest.mark.parametrize("settings", [{}, {"bell": False}, {"pool": None}], ids=["bell", "ticket", "socket"])
def test_big_arrays_come_whole_and_in_order_by_every_way(make_bus, tmp_path: Path, settings) -> None:
    a, b = pair(make_bus, Qos.every(), **settings)
    for i in range(40):
        a.publish("t", picture(i))
        if i % 3 == 0:
            a.publish("t", event(i))  # small ones of the same topic do not overtake
    got = gather(b, 54, serving=a)
    assert [one.count for one in got] == list(range(1, 55))
    assert [number_of(one) for one in got if isinstance(one.message, Image)] == list(range(40))
    assert b.drops == {}
    assert bool(rings(tmp_path)) == ("pool" not in settings)


def test_a_subscriber_elsewhere_gets_the_array_over_the_socket(make_bus, tmp_path: Path, monkeypatch) -> None:
    """It sees another shared memory (as in a container), so it cannot show the number that is asked for."""
    a = make_bus("a")
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path / "other"))
    b = make_bus("b")
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path))
    b.subscribe("t")
    meet(a, b)
    a.publish("t", picture(3))
    assert [number_of(one) for one in gather(b, 1)] == [3]
    assert rings(tmp_path) == []


def test_a_view_stays_what_it_was_and_the_stream_goes_on(make_bus) -> None:
    a, b = pair(make_bus, Qos.latest().views())
    a.publish("t", picture(1))
    first = gather(b, 1)[0]
    for i in range(2, 60):
        a.publish("t", picture(i))
        assert number_of(gather(b, 1)[0]) == i
    assert number_of(first) == 1
    in_use = [b._incoming.shelf.in_use]
    del first
    gc.collect()
    in_use.append(b._incoming.shelf.in_use)
    assert in_use == [True, False]
    assert b.drops == {}


def test_where_views_keep_every_slot_the_socket_serves(make_bus) -> None:
    a, b = pair(make_bus, Qos.keep(50).views())
    kept = []
    for i in range(80):
        a.publish("t", picture(i))
        kept += gather(b, 1, serving=a)
    assert [number_of(one) for one in kept] == list(range(80))
    assert a._pool is not None
    assert a._pool.busy == {"t": 16}
    assert b.drops == {}


def test_nobody_who_keeps_a_view_sees_it_change_after_the_bus_is_closed(make_bus) -> None:
    a, b = pair(make_bus, Qos.latest().views())
    a.publish("t", picture(7))
    (first,) = gather(b, 1)
    b.close()
    for i in range(40):
        a.publish("t", picture(i))
        a.poll(0)
    assert number_of(first) == 7


def test_who_is_late_at_the_ring_loses_the_oldest_and_it_is_counted_there(make_bus) -> None:
    a, b = pair(make_bus, Qos.keep(1000))
    for i in range(100):
        a.publish("t", picture(i))
    got = [number_of(one) for one in gather(b, 64)]
    assert got == list(range(36, 100))
    assert b.drops == {"t ring": 36}


def test_latest_gives_the_newest_alone_and_counts_the_rest(make_bus) -> None:
    a, b = pair(make_bus, Qos.latest())
    for i in range(50):
        a.publish("t", picture(i))
        a.publish("u", event(i))
    assert [number_of(one) for one in gather(b, 1)] == [49]
    assert b.drops == {"t queue": 49}


def test_keep_gives_the_newest_few_of_small_messages_too(make_bus) -> None:
    a, b = pair(make_bus, Qos.keep(3))
    for i in range(50):
        a.publish("t", event(i))
    wait_for(lambda: len(b._backlog) == 3 and b.seen.get(("a", "t")) == 50, b)
    assert [one.message.stamp_ns for one in b.poll(0)] == [47, 48, 49]
    assert b.drops == {"t queue": 47}


def test_what_a_socket_cannot_take_is_skipped_by_the_publisher_and_the_newest_comes(make_bus) -> None:
    a, b = pair(make_bus, Qos.latest(), pool=None)
    for i in range(60):
        a.publish("t", picture(i))
    assert a._outgoing.waiting
    got: list[int] = []
    while 59 not in got:
        got += [number_of(one) for one in gather(b, 1, serving=a)]
    assert b.drops["t publisher"] == 60 - 8 - 1  # 8 were under way, the newest waited
    assert b.drops.get("t queue", 0) + len(got) == 9
    assert a._outgoing.skips == {"t": 51}


def test_no_more_bytes_are_under_way_than_the_window_takes(make_bus) -> None:
    a, b = pair(make_bus, Qos.latest(), pool=None)
    for i in range(8):
        a.publish("t", picture(i, (4000, 5000)))  # 20 MB
    line = a._outgoing.lines("t")[0]
    assert len(line.under_way) == 4
    assert len(line.waiting) == 1
    got: list[int] = []
    while 7 not in got:
        got += [number_of(one) for one in gather(b, 1, serving=a)]
    assert not {4, 5, 6} & set(got)


@pytest.mark.parametrize("big", [False, True], ids=["small", "big"])
def test_reliable_holds_the_publisher_up_and_loses_nothing(make_bus, big: bool) -> None:
    """The publisher writes far more than fits while the subscriber, in a thread of its own, takes its time."""
    import threading

    a, b = pair(make_bus, Qos.reliable(4, deadline_s=10.0))
    number = 100
    got: list[int] = []

    def listen() -> None:
        while len(got) < number:
            got.extend(one.message.stamp_ns for one in b.poll(0.1))

    thread = threading.Thread(target=listen)
    thread.start()
    for i in range(number):
        a.publish("t", picture(i) if big else event(i))
    while thread.is_alive():
        a.poll(0.01)
    thread.join()
    assert got == list(range(number))
    assert b.drops == {}


def test_who_handles_nothing_is_disconnected_at_its_deadline_counted_and_named(make_bus) -> None:
    a, b = pair(make_bus, Qos.reliable(5, deadline_s=0.2))
    c = make_bus("c")
    c.subscribe("t")
    meet(a, c)
    begin = time.monotonic()
    for i in range(20):
        a.publish("t", event(i))
    assert 0.2 <= time.monotonic() - begin < 2.0  # once, and not for every message after it
    assert a._outgoing.disconnects == {"b": 1}
    assert a.reports == ["t: b has handled nothing for 0.2 s; disconnected"]
    assert len(gather(c, 20)) == 20
    wait_for(lambda: b.reports == a.reports, b)
    assert a._outgoing.subscribers == ["c"]


def test_a_late_command_is_worse_than_none(make_bus) -> None:
    a, b = pair(make_bus, Qos.reliable(2, deadline_s=5.0))
    begin = time.monotonic()
    for i in range(50):
        a.publish("t", Imu(stamp_ns=i, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 9.81)))
    assert time.monotonic() - begin < 4.0
    got = [one.message.stamp_ns for one in gather(b, 2, serving=a)]
    wait_for(lambda: b.seen[("a", "t")] == 50, a, b)
    assert got[0] == 0
    assert a._outgoing.disconnects == {}


def test_a_late_subscriber_gets_what_is_latched_reliably_too(make_bus) -> None:
    a = make_bus("a")
    a.publish("map", picture(5), latched=True)
    a.publish("info", event(6), latched=True)
    late = make_bus("late")
    late.subscribe("map", Qos.reliable())
    late.subscribe("info", Qos.reliable())
    late.subscribe("m", None)
    meet(a, late)
    assert sorted(one.message.stamp_ns for one in gather(late, 2, serving=a)) == [5, 6]


def test_shared_memory_without_room_is_said_once_counted_and_the_socket_serves(make_bus) -> None:
    a, b = pair(make_bus, Qos.every(), pool=PoolSettings(total_bytes=100_000))
    for i in range(5):
        a.publish("t", picture(i))
    assert [number_of(one) for one in gather(b, 5)] == [0, 1, 2, 3, 4]
    assert a._pool is not None
    assert a._pool.full == {"t": 5}
    assert len(a.reports) == 1
    assert a.reports[0].startswith("t: no shared memory for 64 x 76800 bytes, going over the socket")


def test_a_topic_that_outgrows_its_ring_gets_a_greater_one_and_loses_nothing(make_bus, tmp_path: Path) -> None:
    a, b = pair(make_bus, Qos.every())
    for i, side in enumerate((200, 300, 400, 200)):
        a.publish("t", picture(i, (side, side)))
    assert [number_of(one) for one in gather(b, 4)] == [0, 1, 2, 3]
    assert a._pool is not None
    a._pool.tend()
    assert len(rings(tmp_path)) == 1


def test_64_mb_travel_and_more_is_refused(make_bus) -> None:
    from selfcue.errors import BadInputError

    a, b = pair(make_bus, Qos.latest().views())
    a.publish("t", picture(9, (8192, 8192)))
    assert number_of(gather(b, 1)[0]) == 9
    with pytest.raises(BadInputError, match=r"holds 1 arrays with 67117056 bytes.*limit is 16 arrays with 67108864"):
        a.publish("t", picture(9, (8193, 8192)))
    a.publish("t", picture(10))
    assert number_of(gather(b, 1)[0]) == 10
    assert b.drops == {}


def test_a_subscriber_that_leaves_frees_its_column_and_its_bell(make_bus) -> None:
    a = make_bus("a")
    for i in range(70):  # more than there are columns
        b = make_bus("b")
        b.subscribe("t")
        meet(a, b)
        a.publish("t", picture(i))
        assert [number_of(one) for one in gather(b, 1)] == [i]
        b.close()
        wait_for(lambda: a._outgoing.subscribers == [], a)
    assert a._pool is not None
    assert a._pool.busy == a._pool.full == {}


def test_buses_that_come_and_go_leave_neither_descriptors_nor_files(make_bus, tmp_path: Path) -> None:
    def cycle() -> None:
        with some_buses() as make:
            a, b = make("x"), make("y")
            b.subscribe("t")
            meet(a, b)
            a.publish("t", picture(1))
            assert len(gather(b, 1)) == 1

    cycle()
    gc.collect()
    before = descriptors()
    for _ in range(5):
        cycle()
    gc.collect()
    deadline = time.monotonic() + 5
    while descriptors() > before and time.monotonic() < deadline:
        time.sleep(0.01)  # ZeroMQ closes in its own thread
    assert descriptors() <= before
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []
    assert shm.reap() == []
