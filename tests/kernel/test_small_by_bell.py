"""Small messages on one machine: past ZeroMQ to whoever has a bell, in order whatever else happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selfcue.bus import Bus
from selfcue.errors import BadInputError
from selfcue.messages import Image, Imu
from selfcue.qos import Qos
from selfcue.transport import wire
from tests.kernel.buses import event, gather, meet, number_of, picture, some_buses, wait_for


@pytest.fixture
def make_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bus]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path))
    monkeypatch.setenv("SELFCUE_DOMAIN", "test")
    with some_buses() as make:
        yield make


def pair(make_bus: Callable[..., Bus], qos: Qos | None = None) -> tuple[Bus, Bus]:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t", qos)
    meet(a, b)
    return a, b


def way(bus: Bus, topic: str = "t") -> str:
    """By which way the last message of ``topic`` came."""
    return bus._inbox.order._tracks["a", topic].way


def test_they_come_by_the_bell_with_their_arrays(make_bus: Callable[..., Bus]) -> None:
    a, b = pair(make_bus)
    a.publish("t", event(1))
    a.publish("t", picture(2, (8, 9)))
    first, second = gather(b, 2)
    assert (first.message, way(b)) == (event(1), "bell")
    assert isinstance(second.message, Image)
    assert second.message.data.shape == (8, 9)
    assert number_of(second) == 2
    assert not second.message.data.flags.writeable
    assert not any(b.refused.values())


def test_a_ticket_that_is_quicker_than_the_welcome_is_good(
    make_bus: Callable[..., Bus], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = make_bus("a"), make_bus("b")
    monkeypatch.setattr(a._outgoing, "_control", lambda *_: None)  # the welcome is lost on its way over ZeroMQ
    b.subscribe("t", Qos.latest().views())
    b.connect_present()
    wait_for(lambda: a.subscribers == ["b"], a)
    a.publish("t", picture(1))
    assert [number_of(one) for one in gather(b, 1)] == [1]
    assert b.drops == {}


def test_a_burst_beyond_the_queue_comes_whole_though_the_publisher_does_not_look_back(
    make_bus: Callable[..., Bus],
) -> None:
    a, b = pair(make_bus)
    for i in range(1000):  # the kernel queues some 300
        a.publish("t", event(i))
    got = gather(b, 1000)
    assert [one.message.stamp_ns for one in got] == list(range(1000))
    assert b.drops == {}
    a.poll(0)
    a.publish("t", event(1000))
    assert [one.message.stamp_ns for one in gather(b, 1)] == [1000]
    assert way(b) == "bell"


def test_what_nobody_had_room_for_is_counted_and_the_newest_comes(make_bus: Callable[..., Bus]) -> None:
    a, b = pair(make_bus, Qos.keep(5))
    for i in range(20_000):
        a.publish("t", event(i))
    got = gather(b, 1, serving=a)
    while got[-1].message.stamp_ns != 19_999:
        got += gather(b, 1, serving=a)
    assert b.drops["t publisher"] > 10_000
    assert sum(b.drops.values()) == 20_000 - len(got)


def test_a_subscriber_without_a_bell_makes_no_hole_when_it_comes_or_goes(make_bus: Callable[..., Bus]) -> None:
    a, b = pair(make_bus, Qos.every())
    for i in range(10):
        a.publish("t", event(i))
    far = make_bus("far", bell=False)
    far.subscribe("t")
    meet(a, far)
    for i in range(10, 20):
        a.publish("t", event(i))
    assert [one.message.stamp_ns for one in gather(far, 10)] == list(range(10, 20))
    got = gather(b, 20)
    assert way(b) == "pub"
    far.close()
    wait_for(lambda: a.subscribers == ["b"], a)
    for i in range(20, 30):
        a.publish("t", event(i))
    got += gather(b, 10)
    assert [one.message.stamp_ns for one in got] == list(range(30))
    assert (way(b), b.drops) == ("bell", {})


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["small", "burst", "big", "imu", "listen", "serve"]), min_size=1, max_size=25))
def test_order_holds_and_nothing_is_missed_whatever_comes_between(
    make_bus: Callable[..., Bus], steps: list[str]
) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t", Qos.every())
    meet(a, b)
    sent, got = 0, []
    for step in steps:
        if step == "listen":
            got += b.poll(0.001)
        elif step == "serve":
            a.poll(0)
        for _ in range({"burst": 400, "small": 1, "big": 1, "imu": 1}.get(step, 0)):
            sent += 1
            if step == "big":
                a.publish("t", picture(sent))
            elif step == "imu":
                a.publish("t", Imu(stamp_ns=sent, angular_velocity=(0, 0, 0), linear_acceleration=(0, 0, 9.8)))
            else:
                a.publish("t", event(sent))
    got += gather(b, sent - len(got), serving=a)
    assert [one.message.stamp_ns for one in got] == list(range(1, sent + 1))
    assert b.drops == {}
    a.close()
    b.close()


def test_a_packet_with_arrays_and_a_ticket_or_too_many_is_refused() -> None:
    label = wire.Label(0)
    whole = wire.Rung("t", label, b"h", tuple(memoryview(b"x") for _ in range(wire.MAX_FRAMES + 1)))
    for bad in (wire.pack(whole), wire.pack(wire.Rung("t" * 300, label, b"h")), b"", b"\x93"):
        with pytest.raises(BadInputError):
            wire.rung(bad)
    assert isinstance(wire.rung(wire.pack(wire.Welcome("a", 1, 3))), wire.Welcome)
    with pytest.raises(BadInputError):
        wire.rung(wire.pack(wire.Bye("x")))
    good = wire.rung(wire.pack(wire.Rung("t", label, b"h", (memoryview(np.arange(3, dtype=np.uint8).data),))))
    assert isinstance(good, wire.Rung)
    assert bytes(good.arrays[0]) == bytes([0, 1, 2])
