"""The ring: whole arrays or none, also while the writer overruns its readers, and nothing left of the dead."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.transport import ring as ring_module
from selfcue.transport import shm
from selfcue.transport.ring import HELD, RingReader, RingWriter, Ticket


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shared memory of the test's own (any file system can be mapped)."""
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path))
    return tmp_path


@pytest.fixture
def writer(folder: Path) -> Iterator[RingWriter]:
    ring = RingWriter(slots=4, slot_bytes=10_000)
    yield ring
    ring.close()


def reader_of(writer: RingWriter) -> RingReader:
    return RingReader(writer.name, writer.ring)


def put(writer: RingWriter, value: int, size: int = 5000, holders: tuple[int, ...] = ()) -> Ticket:
    ticket = writer.write([np.full(size, value % 251, np.uint8)], holders)
    assert ticket is not None
    return ticket


def value_of(buffers: list[memoryview] | None) -> int | None:
    """Return the value that fills all buffers; None for a late read. Fails on a mixture."""
    if buffers is None:
        return None
    values = {value for buffer in buffers for value in np.unique(np.frombuffer(buffer, np.uint8)).tolist()}
    assert len(values) == 1, "torn"
    return int(values.pop())


@given(st.lists(st.binary(min_size=1, max_size=2000), min_size=1, max_size=4), st.booleans())
@settings(max_examples=60)
def test_what_goes_in_comes_out_aligned(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], copy: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFCUE_SHM", str(tmp_path_factory.getbasetemp()))
        writer = RingWriter(slots=2, slot_bytes=ring_module.aligned([len(part) for part in parts]))
        try:
            ticket = writer.write(parts)
            assert ticket is not None
            found = reader_of(writer).read(ticket, [len(part) for part in parts], 0, copy=copy)
            assert found is not None
            assert [bytes(one) for one in found] == parts
            assert all(np.frombuffer(one, np.uint8).ctypes.data % 16 == 0 for one in found)
        finally:
            writer.close()


@given(
    st.lists(
        st.tuples(st.sampled_from(["write", "hold", "mean", "copy", "view", "drop"]), st.integers(0, 30)), max_size=60
    )
)
@settings(max_examples=80, deadline=None)
def test_any_order_of_reads_and_writes_gives_the_right_bytes_or_none(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    """Against a model: a copy comes out unless its slot was written again; a view stays what it was for ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFCUE_SHM", str(tmp_path_factory.getbasetemp()))
        writer = RingWriter(slots=3, slot_bytes=4096)
        reader = reader_of(writer)
        tickets: list[tuple[int, Ticket]] = []
        views: list[tuple[int, list[memoryview]]] = []
        last: dict[int, int] = {}  # slot to the value that was written last
        try:
            for act, number in acts:
                if act in ("write", "hold", "mean"):
                    value = len(tickets) % 251
                    ticket = writer.write(
                        [bytes([value]) * 4096], (1,) if act == "hold" else (), (1,) if act == "mean" else ()
                    )
                    if ticket is not None:
                        tickets.append((value, ticket))
                        last[ticket.slot] = len(tickets) - 1
                elif act == "drop" and views:
                    del views[number % len(views)]
                elif act in ("copy", "view") and tickets:
                    index = number % len(tickets)
                    value, ticket = tickets[index]
                    found = reader.read(ticket, [4096], 1, copy=act == "copy")
                    assert (found is not None) == (last[ticket.slot] == index)
                    assert value_of(found) in (None, value)
                    if found is not None and act == "view":
                        views.append((value, found))
                for value, found in views:
                    assert value_of(found) == value
        finally:
            views.clear()
            writer.close()


def test_a_late_reader_gets_nothing(writer: RingWriter) -> None:
    reader, first = reader_of(writer), put(writer, 1)
    for value in range(2, 6):
        put(writer, value)
    assert reader.read(first, [5000], 0, copy=True) is None
    assert reader.read(first, [5000], 0, copy=False) is None
    assert reader.views == 0


def test_a_view_is_read_only_lies_in_the_ring_and_is_never_written_over(writer: RingWriter) -> None:
    reader = reader_of(writer)
    buffers = reader.read(put(writer, 7), [5000], 0, copy=False)
    assert buffers is not None
    array = np.frombuffer(buffers[0], np.uint8).reshape(50, 100)[10:20]
    del buffers
    gc.collect()
    with pytest.raises(ValueError, match="read-only"):
        array[0, 0] = 1
    for value in range(20):
        put(writer, value)
    assert set(array.ravel().tolist()) == {7}
    assert reader.views == 1
    del array
    gc.collect()
    assert reader.views == 0
    assert len({put(writer, value).slot for value in range(8)}) == 1  # what is free and warm is used again


def test_who_may_come_too_late_is_given_as_much_time_as_there_are_slots(writer: RingWriter) -> None:
    reader = reader_of(writer)
    tickets = [writer.write([bytes([value]) * 100], (), (1, 2)) for value in range(9)]
    found = [value_of(reader.read(ticket, [100], 1, copy=True)) for ticket in tickets if ticket is not None]
    assert found == [None] * 5 + [5, 6, 7, 8]
    assert writer.write([b"x"], (), (1, 2)) is not None


def test_what_is_held_or_looked_at_is_not_given_up_for_who_may_come_too_late(writer: RingWriter) -> None:
    reader = reader_of(writer)
    held = writer.write([b"h" * 100], (3,), (1,))
    seen = writer.write([b"s" * 100], (), (1,))
    assert held is not None
    assert seen is not None
    view = reader.read(seen, [100], 1, copy=False)
    for _ in range(9):
        assert writer.write([b"x" * 100], (), (1,)) is not None
    assert value_of(reader.read(held, [100], 3, copy=True)) == ord("h")
    assert value_of(view) == ord("s")


def test_where_readers_keep_every_slot_the_writer_is_told(writer: RingWriter) -> None:
    reader = reader_of(writer)
    kept = [reader.read(put(writer, value), [5000], 3, copy=False) for value in range(4)]
    assert writer.write([b"x"]) is None
    del kept[2]
    gc.collect()
    assert put(writer, 9).slot == 2


def test_a_held_slot_waits_for_its_readers(writer: RingWriter) -> None:
    readers = [reader_of(writer), reader_of(writer)]
    tickets = [put(writer, value, holders=(0, 1)) for value in range(4)]
    assert writer.write([b"x"]) is None
    assert value_of(readers[0].read(tickets[1], [5000], 0, copy=True)) == 1
    assert writer.write([b"x"]) is None
    assert value_of(readers[1].read(tickets[1], [5000], 1, copy=True)) == 1
    assert put(writer, 5).slot == 1
    assert not writer.let_go(0, taken=False) or writer.let_go(0)
    assert writer.let_go(1)
    assert put(writer, 6) is not None


def test_what_the_dead_had_in_use_is_taken_back_and_the_living_keep_theirs(writer: RingWriter) -> None:
    reader = reader_of(writer)
    kept = reader.read(put(writer, 3, holders=(2,)), [5000], 2, copy=False)
    put(writer, 4, holders=(2,))
    assert not writer.let_go(2)
    assert [writer._bytes[4096 + slot * 128 + 64 + 2] for slot in range(4)] == [2, 0, 0, 0]
    assert value_of(kept) == 3
    assert writer.let_go(2, taken=True)
    assert HELD not in [writer._bytes[4096 + slot * 128 + 64 + 2] for slot in range(4)]


def test_a_reader_that_comes_while_the_slot_is_claimed_backs_off(writer: RingWriter) -> None:
    reader, ticket = reader_of(writer), put(writer, 1)
    writer._words[(4096 + ticket.slot * 128) // 8] |= 1  # the writer is at it
    assert reader.read(ticket, [5000], 0, copy=False) is None
    assert writer._map[4096 + 64 : 4096 + 128] == bytes(64)


@pytest.mark.parametrize(
    "ticket",
    [
        lambda t: Ticket(t.name, t.ring, 99, t.generation),
        lambda t: Ticket(t.name, t.ring, -1, t.generation),
    ],
)
def test_a_ticket_that_does_not_fit_is_refused(writer: RingWriter, ticket) -> None:
    reader, good = reader_of(writer), put(writer, 1)
    with pytest.raises(BadInputError, match="does not fit ring"):
        reader.read(ticket(good), [5000], 0, copy=True)
    with pytest.raises(BadInputError, match="does not fit ring"):
        reader.read(good, [50_000_000], 0, copy=True)
    with pytest.raises(BadInputError, match="does not fit ring"):
        reader.read(good, [5000], 64, copy=True)


def test_what_is_no_ring_is_not_opened(writer: RingWriter, folder: Path) -> None:
    for name in ("../etc/passwd", "selfcue-00000000-1-1.ring/..", "selfcue-x-1-1.ring", "", "a" * 5000):
        with pytest.raises(BadInputError, match="no name of a ring"):
            RingReader(name, 0)
    with pytest.raises(BadInputError, match="cannot be opened"):
        RingReader("selfcue-00000000-1-1.ring", 0)
    with pytest.raises(BadInputError, match="not the ring that the ticket names"):
        RingReader(writer.name, writer.ring + 1)
    (folder / "selfcue-00000000-1-2.ring").symlink_to(writer.path)
    with pytest.raises(BadInputError, match="cannot be opened"):
        RingReader("selfcue-00000000-1-2.ring", writer.ring)
    (folder / "selfcue-00000000-1-3.ring").write_bytes(writer.path.read_bytes()[:20_000])
    with pytest.raises(BadInputError, match="do not hold 4 slots"):
        RingReader("selfcue-00000000-1-3.ring", writer.ring)


def test_the_number_that_proves_is_read_back_or_not(folder: Path, tmp_path: Path) -> None:
    proof = shm.Proof()
    assert shm.proved(proof.name, proof.number)
    assert not shm.proved(proof.name, bytes(16))
    elsewhere = tmp_path / "other"
    elsewhere.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFCUE_SHM", str(elsewhere))
        assert not shm.proved(proof.name, proof.number)
    proof.close()
    assert not shm.proved(proof.name, proof.number)


OWNER = """
import sys
from selfcue.transport import shm
from selfcue.transport.ring import RingWriter
ring, proof = RingWriter(slots=2, slot_bytes=100), shm.Proof()
print("here", flush=True)
sys.stdin.read()
"""


def test_a_killed_process_leaves_nothing_after_the_reaper_and_the_living_lose_nothing(
    folder: Path, writer: RingWriter
) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "here\n"
        assert shm.reap() == []
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert len(shm.reap()) == 2
    assert list(folder.iterdir()) == [writer.path]


def test_files_of_an_earlier_boot_and_of_a_dead_number_go_unless_someone_holds_them(folder: Path) -> None:
    import fcntl

    old, held = folder / "selfcue-01234567-1-1.ring", folder / "selfcue-01234567-1-2.ring"
    strange = folder / "selfcue-mine.ring"
    for path in (old, held, strange):
        path.write_bytes(b"x")
    with held.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert shm.reap() == [old.name]
    assert shm.reap() == [held.name]
    assert strange.exists()


FULL = """
import os
from selfcue.transport import shm
from selfcue.transport.ring import RingWriter
ring = RingWriter(slots=2, slot_bytes=100_000)
try:
    RingWriter(slots=2, slot_bytes=1_000_000)
except shm.NoRoomError as error:
    print(error)
print(len(os.listdir(shm.folder())), ring.write([b"x"]) is not None)
"""


def may_mount() -> bool:
    """Return whether this user may mount a file system in a namespace of their own."""
    unshare = ["unshare", "-Urm", "true"]
    return bool(shutil.which("unshare")) and not subprocess.run(unshare, capture_output=True, check=False).returncode


@pytest.mark.skipif(
    not may_mount(),
    reason="needs user namespaces, to mount a small shared memory",
)
def test_a_full_shared_memory_is_an_error_and_no_crash(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec {sys.executable} -c '{FULL}'"
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", mount],
        capture_output=True, text=True, env={**os.environ, "SELFCUE_SHM": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == [
        f"{tmp_path}: no room for 2015232 bytes (No space left on device)",
        "1 True",
    ], done.stderr


OVERRUN = """
import sys
import numpy as np
from selfcue.transport.ring import RingWriter
ring = RingWriter(slots=2, slot_bytes={size})
print(ring.name, ring.ring, flush=True)
number = 0
while True:
    number += 1
    if ring.write([np.full({size} // 8, 2 * number, np.uint64)], (), (5,)) is None:
        number -= 1
"""


def read_under_overrun(reads: int, size: int) -> tuple[int, int, int]:
    """Read ``reads`` times from a process that writes without a pause; return whole, late and torn."""
    with subprocess.Popen([sys.executable, "-c", OVERRUN.format(size=size)], stdout=-1, text=True) as child:
        try:
            assert child.stdout is not None
            name, number = child.stdout.readline().split()
            reader = RingReader(name, int(number))
            whole = late = torn = 0
            while whole + late + torn < reads:
                slot = (whole + late) % 2
                generation = reader._words[(4096 + slot * 128) // 8] & ~1
                if generation == 0:
                    continue
                ticket = Ticket(name, reader.ring, slot, generation)
                found = reader.read(ticket, [size], 5, copy=bool(whole & 2))
                if found is None:
                    late += 1
                elif (np.frombuffer(found[0], np.uint64) == generation).all():
                    whole += 1
                else:
                    torn += 1
                del found
            return whole, late, torn
        finally:
            child.kill()


def test_no_read_is_torn_under_a_writer_that_overruns(folder: Path) -> None:
    whole, late, torn = read_under_overrun(20_000, 16_384)
    assert torn == 0
    assert whole > 0
    assert late > 0, "the writer never overran the reader: this shows nothing"


@pytest.mark.long
def test_no_read_of_a_million_is_torn(folder: Path) -> None:
    whole, late, torn = read_under_overrun(1_000_000, 4096)
    assert torn == 0
    assert whole > 0
    assert late > 0


def test_without_its_guards_the_ring_does_tear(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above sees torn reads where there are any: a reader that neither pins nor looks again has them."""

    def careless(self: RingReader, entry: int, pin: int, ticket: Ticket) -> bool:
        return True

    monkeypatch.setattr(RingReader, "_pin", careless)
    whole, _, torn = read_under_overrun(20_000, 65_536)
    assert torn > 0
    assert whole > 0
