"""The two ends of one race: ``python -m selfcue.benchmarks.bus_ends send|receive TRANSPORT NAME PLAN``.

Every message begins with 16 bytes, phase and number (u32 each) and the time before it was sent (ns, monotonic); the
rest is one of 16 arrays, whose xxh3 both sides know. The receiver reads every byte before it looks at the clock.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from typing import Any

import msgspec
import numpy as np
import xxhash

from selfcue.benchmarks.bus_transports import TRANSPORTS

HEAD = struct.Struct("=IIq")
HELLO, END = 254, 255
ARRAYS = 16
SILENCE_S = 8.0


class Phase(msgspec.Struct, frozen=True):
    """``number`` messages of ``size`` bytes, one each ``period_s`` (0: as fast as the transport takes them)."""

    size: int
    number: int
    period_s: float


class Count(msgspec.Struct):
    """What one phase gave: one-way times (ns), and what was lost or damaged."""

    times_ns: list[int]
    lost: int = 0
    damaged: int = 0
    seconds: float = 0.0


def arrays(size: int) -> list[np.ndarray]:
    """Return the arrays of a phase; every process makes the same."""
    rng = np.random.default_rng(size)
    return [rng.integers(0, 256, size, dtype=np.uint8) for _ in range(ARRAYS)]


def digest(data: Any) -> int:
    """Return the xxh3 of all that follows the head."""
    return int(xxhash.xxh3_64_intdigest(memoryview(data).cast("B")[HEAD.size :]))


def send(sender: Any, phases: list[Phase]) -> None:
    """Say hello until told to go, then send all phases."""
    hello = np.zeros(64, np.uint8)
    HEAD.pack_into(hello.data, 0, HELLO, 0, 0)
    heard = _Lines()
    while not heard.line():
        sender.send(hello)
        _breathe(sender, 0.02)
    for index, phase in enumerate(phases):
        data = arrays(phase.size)
        due = time.monotonic()
        for number in range(phase.number):
            one = data[number % ARRAYS]
            if phase.period_s:
                _breathe(sender, due - time.monotonic())
                due = max(due + phase.period_s, time.monotonic())
            HEAD.pack_into(one.data, 0, index, number, time.monotonic_ns())
            sender.send(one)
        _breathe(sender, 0.2)
    for _ in range(20):
        HEAD.pack_into(hello.data, 0, END, 0, 0)
        sender.send(hello)
        _breathe(sender, 0.02)
    while not heard.line():
        _breathe(sender, 0.02)


def _breathe(sender: Any, seconds: float) -> None:
    """Wait; a bus serves its subscribers meanwhile."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        if hasattr(sender, "bus"):
            sender.bus.poll(left if left > 0.002 else 0)
        if left <= 0.002:
            time.sleep(left)


class _Lines:
    """Lines on standard input, without waiting for one."""

    def line(self) -> bool:
        import select

        return bool(select.select([sys.stdin], [], [], 0)[0]) and sys.stdin.readline() != "never"


def receive(receiver: Any, phases: list[Phase]) -> list[Count]:
    """Take everything until the end; return what each phase gave."""
    counts = [Count([]) for _ in phases]
    wanted = [[digest(one) for one in arrays(phase.size)] for phase in phases]
    first = [0] * len(phases)
    told = False
    heard = time.monotonic()
    while time.monotonic() - heard < SILENCE_S * (4 if not told else 1):
        for data in receiver.receive(1.0):
            found = digest(data)
            now = time.monotonic_ns()
            index, number, sent_ns = HEAD.unpack_from(memoryview(data).cast("B"), 0)
            del data
            heard = time.monotonic()
            if index == HELLO and not told:
                told = True
                _say("hearing")
            if index == END:
                return _closed(counts, phases)
            if index >= len(phases):
                continue
            count = counts[index]
            first[index] = first[index] or sent_ns
            count.times_ns.append(now - sent_ns)
            count.damaged += found != wanted[index][number % ARRAYS]
            count.seconds = (now - first[index]) * 1e-9
    return _closed(counts, phases)


def _closed(counts: list[Count], phases: list[Phase]) -> list[Count]:
    for count, phase in zip(counts, phases, strict=True):
        count.lost = phase.number - len(count.times_ns)
    return counts


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Run one end; the receiver prints its counts as one line of JSON."""
    role, transport, name = argv[1:4]
    phases = msgspec.json.decode(argv[4], type=list[Phase])
    if role == "send":
        sender = TRANSPORTS[transport].sender(name, max(phase.size for phase in phases))
        try:
            send(sender, phases)
        finally:
            sender.close()
        return 0
    receiver = TRANSPORTS[transport].receiver(name)
    _say("here")
    counts = receive(receiver, phases)
    drops = getattr(getattr(receiver, "bus", None), "drops", {})
    _say(json.dumps({"counts": msgspec.to_builtins(counts), "drops": drops}))
    receiver.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
