"""Calls: typed, answered once however often they are asked, limited in length, and clear when nobody answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import zmq
from hypothesis import given
from hypothesis import strategies as st

from selfcue import calls
from selfcue.calls import Desk, Nothing, Service, call
from selfcue.directory import Card, MemoryDirectory
from selfcue.errors import BadInputError, SelfcueError, UsageError


class Seek(msgspec.Struct, frozen=True):
    """Where to go."""

    to_s: float
    note: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where it went."""

    at_s: float
    times: int
    note: str = ""


class Answering:
    """A desk in a thread of its own."""

    def __init__(self, endpoint: str) -> None:
        self.desk = Desk(endpoint)
        self.asked: list[Seek] = []
        self.hold = threading.Event()
        self.hold.set()
        self._end = threading.Event()
        self.desk.serve("player/seek", Service(Seek, Place, self._seek))
        self.desk.serve("player/fail", Service(Nothing, Nothing, self._fail))
        self.desk.serve("player/wrong", Service(Nothing, Nothing, lambda _: Seek(0.0)))
        self.desk.serve("player/bug", Service(Nothing, Nothing, lambda _: 1 / 0))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _seek(self, request: Seek) -> Place:
        self.asked.append(request)
        return Place(request.to_s, len(self.asked), request.note * 2)

    def _fail(self, _: Nothing) -> Nothing:
        raise BadInputError("the log is 3 s long; seek within it")

    def _run(self) -> None:
        while not self._end.is_set():
            if self.desk.socket.poll(10) and self.hold.wait(0.1):
                self.desk.answer()

    def close(self) -> None:
        self._end.set()
        self.hold.set()
        self._thread.join()
        self.desk.close()


@pytest.fixture
def directory() -> MemoryDirectory:
    return MemoryDirectory()


@pytest.fixture
def answer(directory: MemoryDirectory, tmp_path: Path) -> Iterator[Callable[..., Answering]]:
    made: list[Answering] = []

    def begin(name: str = "player") -> Answering:
        one = Answering(f"ipc://{tmp_path}/{name}{len(made)}")
        directory.enter(Card(name, 1, 0.0, "", desk=one.desk.endpoint, calls=one.desk.types))
        made.append(one)
        return one

    yield begin
    for one in made:
        one.close()


def test_a_call_is_answered_with_its_type(answer: Callable[..., Answering], directory: MemoryDirectory) -> None:
    one = answer()
    assert call(directory, "player/seek", Seek(2.5), Place, timeout_s=20) == Place(2.5, 1)
    assert one.asked == [Seek(2.5)]
    assert directory.cards()[0].calls["player/seek"] == "Seek -> Place"


def test_asked_again_it_is_done_once(answer: Callable[..., Answering], directory: MemoryDirectory) -> None:
    one = answer()
    one.hold.clear()
    threading.Timer(0.8, one.hold.set).start()  # it hangs for three askings
    assert call(directory, "player/seek", Seek(1.0), Place, timeout_s=20) == Place(1.0, 1)
    assert call(directory, "player/seek", Seek(2.0), Place, timeout_s=20) == Place(2.0, 2)
    assert len(one.asked) == 2


def test_an_id_that_was_answered_gets_the_same_words(answer: Callable[..., Answering]) -> None:
    one = answer()
    body = msgspec.Raw(msgspec.msgpack.encode(Seek(1.0)))
    payload = msgspec.msgpack.encode(calls._Request(1, b"x" * 16, "player/seek", body))
    asker: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    asker.connect(one.desk.endpoint)
    for _ in range(3):
        asker.send(payload)
    replies = [asker.recv() for _ in range(3)]
    asker.close()
    assert len(set(replies)) == 1
    assert len(one.asked) == 1


@pytest.mark.parametrize(
    ("name", "kind", "says", "code"),
    [
        ("player/fail", SelfcueError, "the log is 3 s long; seek within it", 3),
        ("player/bug", SelfcueError, r"ZeroDivisionError: .*\(a fault of the program\)", 1),
        ("player/wrong", SelfcueError, "answers Nothing, got Seek", 1),
        ("player/seek", SelfcueError, r"takes a Seek: Object missing required field `to_s`", 3),
        ("player/sek", UsageError, "nobody answers 'player/sek'; did you mean 'player/seek'", 2),
    ],
)
def test_what_goes_wrong_is_one_line_with_its_exit_code(
    answer: Callable[..., Answering],
    directory: MemoryDirectory,
    name: str,
    kind: type[SelfcueError],
    says: str,
    code: int,
) -> None:
    answer()
    with pytest.raises(kind, match=says) as got:
        call(directory, name, Nothing(), Nothing, timeout_s=20)
    assert got.value.exit_code == code


def test_the_wrong_reply_type_is_noticed(answer: Callable[..., Answering], directory: MemoryDirectory) -> None:
    answer()
    with pytest.raises(BadInputError, match="the answer is no Seek"):
        call(directory, "player/seek", Seek(1.0), Seek, timeout_s=20)


def test_nobody_answers_in_time(answer: Callable[..., Answering], directory: MemoryDirectory) -> None:
    one = answer()
    one.hold.clear()
    begin = time.monotonic()
    with pytest.raises(SelfcueError, match=r"process 'player' did not answer within 0.5 s"):
        call(directory, "player/seek", Seek(1.0), Place, timeout_s=0.5)
    assert time.monotonic() - begin < 5
    with pytest.raises(UsageError, match="none: no system runs in this domain"):
        call(MemoryDirectory(), "player/seek", Seek(1.0), Place, timeout_s=0.5)


def test_a_process_that_was_started_again_answers_the_call(
    answer: Callable[..., Answering], directory: MemoryDirectory
) -> None:
    answer().close()  # its card is still there, it is not
    threading.Timer(0.6, answer).start()
    assert call(directory, "player/seek", Seek(4.0), Place, timeout_s=20) == Place(4.0, 1)


def test_lengths_are_limited_on_both_ends(answer: Callable[..., Answering], directory: MemoryDirectory) -> None:
    one = answer()
    with pytest.raises(BadInputError, match="a request of 1048"):
        call(directory, "player/seek", Seek(1.0, "x" * calls.MAX_CALL_BYTES), Place, timeout_s=20)
    with pytest.raises(SelfcueError, match="a reply of 12000"):  # the note comes back twice
        call(directory, "player/seek", Seek(1.0, "x" * 600_000), Place, timeout_s=20)
    stranger: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.DEALER)
    stranger.connect(one.desk.endpoint)
    stranger.send(b"x" * (2 * calls.MAX_CALL_BYTES))  # refused before it is read: the connection ends
    stranger.close(linger=0)
    assert call(directory, "player/seek", Seek(3.0), Place, timeout_s=20).at_s == 3.0


def test_replies_are_kept_up_to_a_size(answer: Callable[..., Answering], directory: MemoryDirectory) -> None:
    one = answer()
    for i in range(12):
        call(directory, "player/seek", Seek(i, "x" * 450_000), Place, timeout_s=20)
    assert one.desk._kept_bytes <= calls._KEPT_BYTES
    assert 0 < len(one.desk._answered) < 12


def test_a_name_is_served_once(tmp_path: Path) -> None:
    desk = Desk(f"ipc://{tmp_path}/desk")
    desk.serve("a", Service(Nothing, Nothing, lambda _: Nothing()))
    for name in ("a", "", "x" * 200):
        with pytest.raises(UsageError, match="answered here already, or a name not of"):
            desk.serve(name, Service(Nothing, Nothing, lambda _: Nothing()))
    desk.close()
    desk.close()


@pytest.fixture(scope="module")
def quiet() -> Iterator[Desk]:
    desk = Desk("inproc://quiet-desk")
    desk.serve("seek", Service(Seek, Place, lambda request: Place(request.to_s, 1)))
    yield desk
    desk.close()


@given(
    st.one_of(
        st.binary(max_size=300),
        st.recursive(st.integers(-(2**63), 2**63) | st.text(), st.lists).map(msgspec.msgpack.encode),
    )
)
def test_no_bytes_upset_a_desk(quiet: Desk, payload: bytes) -> None:
    before = quiet.drops.get("undecodable", 0)
    assert quiet._reply_to(payload) is None
    assert quiet.drops["undecodable"] == before + 1


@given(data=st.data())
def test_a_damaged_request_is_dropped_or_answered(quiet: Desk, data: st.DataObject) -> None:
    body = msgspec.Raw(msgspec.msgpack.encode(Seek(1.0)))
    payload = bytearray(msgspec.msgpack.encode(calls._Request(1, b"y" * 16, "seek", body)))
    quiet._answered.clear()
    payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    reply = quiet._reply_to(bytes(payload))
    assert reply is None or calls._replies.decode(reply).code in (0, 2, 3)
