"""Hostile input: no crash, no hang, no memory beyond the limit, at every decoder and at a running bus."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue import codec
from selfcue.bus import Bus
from selfcue.directory import Card, FolderDirectory, this_process
from selfcue.errors import BadInputError
from selfcue.qos import Qos
from selfcue.transport import wire
from selfcue.transport.bell import MAX_PACKET_BYTES
from selfcue.transport.ring import Ticket
from selfcue.transport.wire import Hello, Label, Rung, Want
from tests.kernel import decoders
from tests.kernel.buses import event, gather, meet, number_of, picture, some_buses, wait_for


@pytest.fixture
def make_bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Bus]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path))
    monkeypatch.setenv("SELFCUE_DOMAIN", "test")
    with some_buses() as make:
        yield make


# -- decoders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", decoders.DECODERS)
@settings(max_examples=200, deadline=None)
@given(payload=st.binary(max_size=300))
def test_random_bytes_are_taken_or_refused_by_every_decoder(name: str, payload: bytes) -> None:
    decoders.try_one(decoders.DECODERS[name][0], payload)


def test_the_examples_are_good_and_mutations_of_them_are_taken_or_refused() -> None:
    assert decoders.every_seed_is_taken()
    taken = decoders.throw(20_000, seed=1)
    assert 0 < taken < 20_000


LIMITED = """
import resource
from tests.kernel import decoders
decoders.throw(100, seed=0)
address_space = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (address_space + (64 << 20),) * 2)
for payload in decoders.huge_lengths():
    for decoder, _ in decoders.DECODERS.values():
        decoders.try_one(decoder, payload)
print(decoders.throw({number}, seed=2) > 0)
"""


def throw_under_a_limit(number: int) -> str:
    """Throw payloads in a process that may take 64 MB more than it has; return what it prints."""
    script = LIMITED.format(number=number)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=Path.cwd())
    return done.stdout + done.stderr


def test_huge_announcements_take_no_memory() -> None:
    assert throw_under_a_limit(10_000) == "True\n"


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_million_mutated_and_random_frames() -> None:
    assert throw_under_a_limit(1_000_000) == "True\n"


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris: pip install atheris")
def test_a_million_frames_of_a_coverage_guided_fuzzer() -> None:
    command = [sys.executable, "-m", "tests.kernel.fuzz_decoders", "-runs=1000000", "-seed=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Done 1000000 runs" in done.stderr


def test_limits_hold_on_every_field() -> None:
    long = "x" * 300
    for bad in (
        Hello(long, 1, ()),
        Hello("", 1, ()),
        Hello("h", 1, tuple(Want(f"t{i}", "latest") for i in range(1025))),
        Hello("h", 1, (Want(long, "latest"),)),
        Hello("h", 1, (Want("t", "keep", 10**9),)),
        Hello("h", 1, (Want("t", "reliable", 5, 1e9),)),
        Hello("h", 1, (), bell="ipc://" + long),
        wire.Welcome(long, 1),
        wire.Ack({long: 1}),
        wire.Bye("x" * (1 << 19)),
    ):
        with pytest.raises(BadInputError):
            wire.control(wire.pack(bad))
    with pytest.raises(BadInputError, match="257 bytes; the limit is 256"):
        wire.topic_of(b"x" * 257)
    with pytest.raises(BadInputError, match="limit is 1048576"):
        codec.decode_envelope(bytes((1 << 20) + 1))
    for name, arrays in {"17 arrays": [[1]] * 17, "134217728 bytes": [[1 << 26]] * 2}.items():
        header = codec.Envelope(
            1, "Image", "", 0, "h", 1, msgspec.Raw(b""), tuple(codec.ArraySpec("|u1", tuple(a)) for a in arrays)
        )
        with pytest.raises(BadInputError, match=name):
            codec.lengths(header)


# -- a running bus -----------------------------------------------------------------------------------------------------


class Peer:
    """A process that speaks ZeroMQ to a bus and says what it likes."""

    def __init__(self, name: str) -> None:
        self.directory, self.name = FolderDirectory(), name
        self.context = zmq.Context()
        self.publish, self.link = self.context.socket(zmq.XPUB), self.context.socket(zmq.ROUTER)
        card = this_process(name, self.directory.endpoint(name, "pub"), {"t": "Image"})
        self.card = Card(
            name, card.pid, card.started, card.endpoint, card.topics, "", self.directory.endpoint(name, "link")
        )
        self.publish.bind(self.card.endpoint)
        self.link.bind(self.card.link)
        self.directory.enter(self.card)

    def met_by(self, bus: Bus) -> bytes:
        """Have ``bus`` subscribe; return its address on the link."""
        address = b""

        def heard() -> bool:
            nonlocal address
            bus.connect_present()
            while self.link.poll(0):
                sender, _, said = self.link.recv_multipart()
                hello = wire.control(said)
                address = sender if isinstance(hello, Hello) and hello.name == bus.name else address
            return bool(address) and bool(self.publish.poll(0))

        wait_for(heard, bus)
        return address

    def close(self) -> None:
        self.directory.leave(self.name)
        self.context.destroy(linger=0)


@pytest.fixture
def peer(make_bus) -> Iterator[Peer]:
    one = Peer("stranger")
    yield one
    one.close()


def frames_of(i: int, life: int = 0) -> list[bytes]:
    return [bytes(frame) for frame in codec.encode(event(i), host="stranger", count=i, life=life)]


def test_junk_on_every_entrance_is_counted_and_the_stream_goes_on(make_bus, peer: Peer) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t", Qos.every())
    meet(a, b)
    address = peer.met_by(b)
    rng = np.random.default_rng(0)
    asker = peer.context.socket(zmq.DEALER)
    asker.connect(b._link_endpoint)
    for i in range(300):
        junk = [rng.bytes(int(rng.integers(0, 300))) for _ in range(int(rng.integers(1, 30)))]
        peer.publish.send_multipart([b"t", *junk])
        peer.link.send_multipart([address, [wire.MESSAGE, wire.CONTROL, b""][i % 3], *junk])
        asker.send_multipart([[wire.CONTROL, b"x"][i % 2], *junk])
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as bell:
        assert b._incoming._bell is not None
        bell.connect(b._incoming._bell.endpoint[len("ipc://") :])
        for i in range(30):
            bell.send(rng.bytes(int(rng.integers(1, 300))))
            ticket = Ticket("selfcue-00000000-1-1.ring", 1, 1, 2, held=True)
            bell.send(wire.pack(Rung("t", Label(1, 0, ticket), frames_of(i + 1, life=5)[0])))
        bell.send(bytes(MAX_PACKET_BYTES + 1))
        wait_for(lambda: b.refused["malformed"] >= 300 + 300 + 31, b)
        wait_for(lambda: b.drops.get("t undecodable", 0) >= 300 + 30, b)
        for i in range(50):
            a.publish("t", picture(i))
            assert [number_of(one) for one in gather(b, 1)] == [i]


def test_a_replayed_message_is_dropped_and_counted(make_bus, peer: Peer) -> None:
    b = make_bus("b")
    b.subscribe("t")
    peer.met_by(b)
    for i in (1, 2, 3, 2, 1, 3, 4):
        peer.publish.send_multipart([b"t", *frames_of(i)])
    assert [one.count for one in gather(b, 4)] == [1, 2, 3, 4]
    assert b.refused["replayed"] == 3
    assert b.drops == {}


def test_an_oversized_header_is_dropped_and_counted(make_bus, peer: Peer) -> None:
    b = make_bus("b")
    b.subscribe("t")
    peer.met_by(b)
    peer.publish.send_multipart([b"t", *frames_of(1)])
    peer.publish.send_multipart([b"t", bytes(2 << 20)])
    peer.publish.send_multipart([b"t" + bytes(1000), frames_of(2)[0]])
    peer.publish.send_multipart([b"t", *frames_of(2)])
    assert [one.count for one in gather(b, 2)] == [1, 2]
    assert b.drops == {"t undecodable": 1}


def test_who_sends_a_frame_beyond_the_limit_is_hung_up_on_and_counted(make_bus, peer: Peer) -> None:
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t")
    meet(a, b)
    address = peer.met_by(b)
    peer.publish.send_multipart([b"t", *frames_of(1)])
    assert len(gather(b, 1)) == 1
    before = resident_bytes()
    giant = bytes(wire.MAX_FRAME_BYTES + 1)  # made of zero pages: takes memory only where it is copied
    peer.publish.send_multipart([b"t", giant], copy=False)
    peer.link.send_multipart([address, wire.MESSAGE, b"t", wire.pack(Label(1)), b"", giant], copy=False)

    def counted() -> bool:
        b.connect_present()
        return bool(b.refused["cut off"] == 2)

    wait_for(counted, b)
    assert resident_bytes() - before < 20 << 20
    assert "hung up on, for a frame of more than" in b.reports[0]
    for i in range(20):
        a.publish("t", event(i))
    assert len(gather(b, 20)) == 20


def resident_bytes() -> int:
    return psutil.Process().memory_info().rss


def test_tickets_lead_nowhere_else(make_bus, peer: Peer, tmp_path: Path) -> None:
    """A ticket to a file that is no ring, or from somebody with whom no shared memory was agreed on, reads nothing."""
    a, b = make_bus("a"), make_bus("b")
    b.subscribe("t", Qos.every())
    meet(a, b)
    address = peer.met_by(b)
    (tmp_path / "secret").write_text("x" * 100_000)
    header = bytes(codec.encode(picture(1), host="a", count=1)[0])
    proof = b._incoming._proof
    assert proof is not None
    for name in ("secret", "../secret", proof.name, "selfcue-00000000-1-1.ring"):
        label = wire.pack(Label(1, 0, Ticket(name, 1, 0, 2)))
        peer.link.send_multipart([address, wire.MESSAGE, b"t", label, header])
    wait_for(lambda: b.drops.get("t undecodable", 0) == 3, b)
    assert b.poll(0) == []
