"""The bus between threads and processes: late joiners, losses counted, strangers dropped."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import zmq

from selfcue import codec
from selfcue.bus import Bus, Received
from selfcue.directory import FolderDirectory, MemoryDirectory
from selfcue.errors import SelfcueError, UsageError
from selfcue.messages import Image, JournalEvent


@pytest.fixture
def make_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bus]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("SELFCUE_DOMAIN", "test")
    made: list[Bus] = []

    def make(name: str, *, queue: int = 4000, bell: bool = True) -> Bus:
        made.append(Bus(name, FolderDirectory(), queue=queue, bell=bell))
        made[-1].enter({})
        return made[-1]

    yield make
    for bus in made:
        bus.close()


def meet(one: Bus, other: Bus) -> None:
    """Let two buses of one thread find each other."""
    deadline = time.monotonic() + 10
    while not (one.met({other.name}) & other.met({one.name})):
        assert time.monotonic() < deadline


def gather(bus: Bus, number: int, timeout_s: float = 10.0) -> list[Received]:
    got: list[Received] = []
    deadline = time.monotonic() + timeout_s
    while len(got) < number and time.monotonic() < deadline:
        got += bus.poll(0.05)
    return got


def event(i: int) -> JournalEvent:
    return JournalEvent(stamp_ns=i, kind="n", detail={"i": i})


def test_after_a_meeting_nothing_is_missed_and_order_holds(make_bus: Callable[..., Bus]) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t")
    meet(a, b)
    for i in range(500):
        a.publish("t", event(i))
    got = gather(b, 500)
    assert [one.message.stamp_ns for one in got] == list(range(500))
    assert [one.count for one in got] == list(range(1, 501))
    assert b.drops == {}


def test_a_topic_that_begins_like_another_is_not_mixed_up(make_bus: Callable[..., Bus]) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("image")
    meet(a, b)
    a.publish("image_raw", event(1))
    a.publish("image", event(2))
    assert [one.topic for one in gather(b, 1)] == ["image"]


def test_big_arrays_arrive_whole(make_bus: Callable[..., Bus]) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t")
    meet(a, b)
    data = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), dtype=np.uint8)
    a.publish("t", Image(stamp_ns=1, encoding="rgb8", data=data))
    message = gather(b, 1)[0].message
    assert isinstance(message, Image)
    assert np.array_equal(message.data, data)


def test_a_late_subscriber_gets_the_latched_message_once(make_bus: Callable[..., Bus]) -> None:
    a, early = make_bus("a"), make_bus("early")
    early.subscribe("calibration")
    meet(a, early)
    a.publish("calibration", event(1))
    a.publish("calibration", event(2), latched=True)
    assert [one.message.stamp_ns for one in gather(early, 2)] == [1, 2]
    late = make_bus("late")
    late.subscribe("calibration")
    meet(a, late)
    a.poll(0.05)
    assert [one.message.stamp_ns for one in gather(late, 1)] == [2]
    assert gather(early, 1, timeout_s=0.2) == []  # sent again on the wire, not delivered again


def test_a_slow_reader_loses_and_the_loss_is_counted(make_bus: Callable[..., Bus]) -> None:
    a, b = make_bus("a", queue=10), make_bus("b", queue=10, bell=False)  # by PUB/SUB, as over a network
    b.subscribe("t")
    meet(a, b)
    for i in range(20_000):
        a.publish("t", event(i))
    got = gather(b, 1)
    deadline = time.monotonic() + 10
    while got[-1].count < a.sent["t"]:  # until the last one gets through
        got += b.poll(0.05)
        if got[-1].count < a.sent["t"]:
            a.publish("t", event(0))
        assert time.monotonic() < deadline
    assert len(got) < a.sent["t"]
    assert b.drops["t socket"] == a.sent["t"] - len(got)


def test_a_process_that_was_started_again_is_heard_from_its_first_message(make_bus: Callable[..., Bus]) -> None:
    first, b = make_bus("a"), make_bus("b")
    b.subscribe("t")
    meet(first, b)
    for i in range(5):
        first.publish("t", event(i))
    assert len(gather(b, 5)) == 5
    first.close()
    b._inbox.greeted.clear()
    second = make_bus("a")
    meet(second, b)
    second.publish("t", event(10))
    assert [(one.message.stamp_ns, one.count) for one in gather(b, 1)] == [(10, 1)]
    stale = codec.encode(event(6), host="a", count=6, life=first._life)
    second._publish_socket.send_multipart([b"t", *stale])  # what the dead one still had under way
    second.publish("t", event(11))
    assert [one.message.stamp_ns for one in gather(b, 1)] == [11]
    assert b.drops == {}


def test_the_door_of_a_process_that_is_gone_is_not_knocked_at_for_ever(make_bus: Callable[..., Bus]) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.connect_present()
    b.forget_gone(after_s=0.0)
    assert len(b._connected) == 1
    a.close()
    b.connect_present()
    b.forget_gone(after_s=0.0)
    assert b._connected == {}


def test_frames_of_a_stranger_are_dropped_and_counted(make_bus: Callable[..., Bus]) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t")
    meet(a, b)
    for frames in ([b"t"], [b"t", b"junk"], [b"t", b"\x81", b"x"]):
        a._publish_socket.send_multipart(frames)
    a.publish("t", event(1))
    assert [one.message.stamp_ns for one in gather(b, 2, timeout_s=0.5)] == [1]
    assert b.drops == {"t undecodable": 3}


def test_one_name_one_process(make_bus: Callable[..., Bus]) -> None:
    sleeper = (
        "from selfcue.bus import Bus; from selfcue.directory import FolderDirectory; import sys\n"
        "bus = Bus('a', FolderDirectory()); bus.enter({}); print('here', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", sleeper], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        with pytest.raises(UsageError, match=r"process 'a' \(pid \d+\) already runs in domain 'test'"):
            make_bus("a")
        child.kill()
    make_bus("a2").connect_present()
    assert [card.name for card in FolderDirectory().cards()] == ["a2"]
    assert not list(FolderDirectory().folder.glob(f"a-{child.pid}.*"))


def test_a_missing_peer_is_named(make_bus: Callable[..., Bus]) -> None:
    with pytest.raises(SelfcueError, match="no word from ghost within 0 s"):
        make_bus("a").meet({"ghost"}, timeout_s=0.2)


def test_threads_of_one_process_meet_by_inproc() -> None:
    directory = MemoryDirectory()
    with zmq.Context() as context:
        a, b = Bus("a", directory, context=context), Bus("b", directory, context=context)
        b.subscribe("t")
        a.enter({})
        b.enter({})
        meet(a, b)
        a.publish("t", event(4))
        assert gather(b, 1)[0].message.stamp_ns == 4
        a.close()
        b.close()


def test_a_bad_domain_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFCUE_DOMAIN", "../x")
    with pytest.raises(UsageError, match="use up to 32 letters"):
        FolderDirectory()
