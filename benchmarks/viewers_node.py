"""The node that viewers look at: ``python -m selfcue.benchmarks.viewers_node OUT.npy``, until its input ends.

It publishes 640 x 480 pictures at 30 Hz and inertial data at 200 Hz, as a driver does, and notes of each message when
it was published, how late, how long ``publish`` took, and whether the thread gave the processor away in it: a thread
that is pushed aside (an involuntary switch) was delayed by the machine, one that waits (a voluntary switch) by us.
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
COLUMNS = ("at_s", "late_ms", "publish_ms", "waited", "picture")
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
        before, at_s = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw, time.monotonic()
        bus.publish(topic, one)
        took_s = time.monotonic() - at_s
        waited = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before
        rows.append((at_s, 1e3 * (at_s - begin_s - due_s), 1e3 * took_s, float(waited), float(topic != "imu")))
        next_s = max((k + 1) / RATES[topic], due_s)
        heapq.heappush(queue, (next_s, topic, k + 1))
    bus.close()
    return np.array(rows)


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
