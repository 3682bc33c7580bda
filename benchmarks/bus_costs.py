"""What the bus costs in processor time: many subscribers on one stream, many small messages, and nothing at all.

``python -m selfcue.benchmarks.bus_costs ROLE NAME SETTINGS`` is one process of it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import xxhash

from selfcue.benchmarks.bus_transports import domain
from selfcue.bus import Bus
from selfcue.directory import FolderDirectory
from selfcue.errors import SelfcueError
from selfcue.messages import Image, JournalEvent
from selfcue.qos import Qos
from selfcue.transport.ring import RingReader, Ticket

FRAME = (1080, 1920, 3)
FRAME_HZ = 20.0
SMALL_HZ = 5000.0
OVERRUN_BYTES = 4096
OVERRUN_SLOTS = 2

_PAGE, _ENTRY = 4096, 128


def fan_out(subscribers: int, frames: int) -> dict[str, float]:
    """Return what one 1080p frame costs its publisher: processor time and time in ``publish`` (us)."""
    name = f"{domain()}-fan{subscribers}"
    with _children([["hear", name, json.dumps({"i": i})] for i in range(subscribers)]):
        bus = Bus("sender", FolderDirectory(name))
        try:
            bus.enter({"t": "Image"})
            _until_heard(bus, subscribers)
            data = [np.random.default_rng(i).integers(0, 256, FRAME, dtype=np.uint8) for i in range(4)]
            used, inside, due = 0.0, 0.0, time.monotonic()
            for i in range(frames):
                _pace(bus, due)
                due = max(due + 1 / FRAME_HZ, time.monotonic())
                begin, wall = time.process_time(), time.perf_counter()
                bus.publish("t", Image(stamp_ns=i, encoding="rgb8", data=data[i % len(data)]))
                used += time.process_time() - begin
                inside += time.perf_counter() - wall
        finally:
            bus.close()
    return {"cpu_us": used / frames * 1e6, "publish_us": inside / frames * 1e6}


def small_messages(seconds: float) -> dict[str, float]:
    """Return the cores that 5 kHz of 100-byte messages take: publisher and subscriber together; and what was lost."""
    name = f"{domain()}-small"
    number = int(seconds * SMALL_HZ)
    with _children([["hear", name, json.dumps({"i": 0, "number": number})]]) as (child,):
        bus = Bus("sender", FolderDirectory(name))
        try:
            bus.enter({"t": "JournalEvent"})
            _until_heard(bus, 1)
            before, begin = time.process_time(), time.monotonic()
            for i in range(number):
                message = JournalEvent(stamp_ns=i, kind="x" * 60, detail={"i": i})
                late = begin + i / SMALL_HZ - time.monotonic()
                if late > 0:
                    time.sleep(late)
                bus.publish("t", message)
            wall_s = time.monotonic() - begin
            used = time.process_time() - before
            bus.publish("t", JournalEvent(stamp_ns=-1, kind="end"))
            assert child.stdout is not None
            told = json.loads(child.stdout.readline())
        finally:
            bus.close()
    return {"cores": (used + told["cpu_s"]) / wall_s, "lost": number - told["heard"], "rate_hz": number / wall_s}


def idle(seconds: float) -> float:
    """Return the cores that two buses take that know each other and have nothing to say."""
    name = f"{domain()}-idle"
    with _children([["idle", name, json.dumps({"i": i, "seconds": seconds})] for i in (0, 1)]) as children:
        used = 0.0
        for child in children:
            assert child.stdout is not None
            used += float(child.stdout.readline())
    return used / seconds


def overrun(reads: int) -> dict[str, int]:
    """Read a ring that is written without a pause; return how many reads were whole, late and torn."""
    with _children([["overrun", "", "{}"]]) as (child,):
        assert child.stdout is not None
        name, ring = child.stdout.readline().split()
        reader = RingReader(name, int(ring))
        found = {"whole": 0, "late": 0, "torn": 0}
        done = 0
        while done < reads:
            slot = done % OVERRUN_SLOTS
            generation = reader._words[(_PAGE + slot * _ENTRY) // 8] & ~1  # as if its ticket had come
            if generation:
                ticket = Ticket(name, reader.ring, slot, generation)
                buffers = reader.read(ticket, [OVERRUN_BYTES], 5, copy=bool(done & 2))
                if buffers is None:
                    found["late"] += 1
                else:
                    whole = (np.frombuffer(buffers[0], np.uint64) == generation).all()
                    found["whole" if whole else "torn"] += 1
                del buffers
                done += 1
    return found


# -- the other processes -----------------------------------------------------------------------------------------------


def _hear(name: str, settings: dict[str, Any]) -> None:
    bus = Bus(f"hear-{settings['i']}", FolderDirectory(name))
    bus.subscribe("t", Qos.keep(10_000) if "number" in settings else Qos.latest().views())
    bus.enter({})
    bus.meet({"sender"}, timeout_s=30)
    before, heard = time.process_time(), 0
    while os.getppid() != 1:
        for one in bus.poll(0.1):
            message = one.message
            if isinstance(message, Image):
                xxhash.xxh3_64_intdigest(message.data.data)
            elif message.stamp_ns < 0:
                _say(json.dumps({"cpu_s": time.process_time() - before, "heard": heard}))
            heard += 1
            del message, one


def _idle(name: str, settings: dict[str, Any]) -> None:
    bus = Bus(f"idle-{settings['i']}", FolderDirectory(name))
    bus.subscribe("t")
    bus.enter({})
    bus.meet({f"idle-{1 - settings['i']}"}, timeout_s=30)
    before, end = time.process_time(), time.monotonic() + settings["seconds"]
    while time.monotonic() < end:
        bus.poll(0.1)
    _say(str(time.process_time() - before))
    bus.close()


def _overrun() -> None:
    from selfcue.transport.ring import RingWriter

    ring = RingWriter(slots=OVERRUN_SLOTS, slot_bytes=OVERRUN_BYTES)
    _say(f"{ring.name} {ring.ring}")
    number = 1
    while os.getppid() != 1:
        number += ring.write([np.full(OVERRUN_BYTES // 8, 2 * number, np.uint64)], (), (5,)) is not None


def _until_heard(bus: Bus, subscribers: int) -> None:
    deadline = time.monotonic() + 60
    names = {f"hear-{i}" for i in range(subscribers)}
    while not bus.met(names) or len(bus.subscribers) < subscribers:
        if time.monotonic() > deadline:
            raise SelfcueError(f"only {bus.subscribers} of {subscribers} subscribers came")


def _pace(bus: Bus, due: float) -> None:
    while (left := due - time.monotonic()) > 0:
        bus.poll(left)


@contextmanager
def _children(commands: list[list[str]]) -> Iterator[list[subprocess.Popen[str]]]:
    """Start processes of this module; those that hear are waited for by the caller's bus. All are gone at the end."""
    program = [sys.executable, "-m", "selfcue.benchmarks.bus_costs"]
    children = [subprocess.Popen([*program, *words], stdout=subprocess.PIPE, text=True) for words in commands]
    try:
        yield children
    finally:
        for child in children:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Run one process."""
    role, name, settings = argv[1], argv[2], json.loads(argv[3])
    if role == "overrun":
        _overrun()
    else:
        {"hear": _hear, "idle": _idle}[role](name, settings)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
