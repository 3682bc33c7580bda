"""The node that viewers look at: ``python -m selfcue.benchmarks.viewers_node OUT.npy``, until its input ends.

It publishes 640 x 480 pictures at 30 Hz and inertial data at 200 Hz, as a driver does, and notes of each message when
it was published, how late, and how long ``publish`` took, by the clock and by its own doing. A thread that is pushed
aside by others was delayed by the machine: then only the processor's time that it used is its own. One that waits gives
the processor away (a voluntary switch of context): then all of the time is.
"""

from __future__ import annotations

import heapq
import resource
import sys
import threading
import time
from pathlib import Path

import numpy as np

from selfcue.bus import Bus
from selfcue.directory import FolderDirectory
from selfcue.messages import Image, Imu, Message

RATES = {"camera/image": 30.0, "imu": 200.0}
COLUMNS = ("at_s", "late_ms", "publish_ms", "own_ms", "picture")
_BREATH_S = 0.01


def publish_until(ended: threading.Event) -> np.ndarray:
    """Publish until ``ended``; return a row per message, (n, 5) as in ``COLUMNS``."""
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(8)]
    bus = Bus("node", FolderDirectory())
    bus.enter({"camera/image": "Image", "imu": "Imu"})

    def message(topic: str, k: int) -> Message:
        stamp_ns = time.time_ns()
        if topic == "imu":
            return Imu(stamp_ns=stamp_ns, seq=k, source="node", angular_velocity=(0.0, 0.0, 0.1),
                       linear_acceleration=(0.0, 0.0, 9.81))  # fmt: skip
        return Image(stamp_ns=stamp_ns, seq=k, source="node", encoding="rgb8", data=pictures[k % len(pictures)])

    rows: list[tuple[float, float, float, float, float]] = []
    begin_s = time.monotonic()
    queue = [(i * 1e-3, topic, 0) for i, topic in enumerate(RATES)]
    heapq.heapify(queue)
    while not ended.is_set():
        due_s, topic, k = heapq.heappop(queue)
        while (wait_s := begin_s + due_s - time.monotonic()) > 0:
            bus.poll(min(wait_s, _BREATH_S))
        bus.connect_present(every_s=0.5)
        bus.forget_gone()
        one = message(topic, k)
        before, used_s, at_s = _given_away(), time.thread_time(), time.monotonic()
        bus.publish(topic, one)
        took_s, used_s = time.monotonic() - at_s, time.thread_time() - used_s
        own_s = took_s if _given_away() > before else min(used_s, took_s)
        rows.append((at_s, 1e3 * (at_s - begin_s - due_s), 1e3 * took_s, 1e3 * own_s, float(topic != "imu")))
        next_s = max((k + 1) / RATES[topic], due_s)
        heapq.heappush(queue, (next_s, topic, k + 1))
    bus.close()
    return np.array(rows)


def _given_away() -> int:
    """Return how often this thread waited for something so far."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


def main() -> None:
    """Publish, then write the rows."""
    ended = threading.Event()

    def await_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=await_end, daemon=True).start()
    rows = publish_until(ended)
    np.save(Path(sys.argv[1]), rows, allow_pickle=False)


if __name__ == "__main__":
    main()
