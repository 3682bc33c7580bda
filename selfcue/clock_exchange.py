"""Asking another process for its time: exchanges for an ``OffsetEstimator``, over a call.

Each live process answers ``PROCESS/clock``. The four stamps bound the offset whatever happens to a call on its way: one
that is asked twice, or waits in a queue, only took longer.
"""

from __future__ import annotations

import msgspec

from selfcue.calls import Nothing, Service, call
from selfcue.clock import Clock
from selfcue.directory import Directory
from selfcue.offsets import Jump, OffsetEstimator

CALL = "clock"


class ClockTimes(msgspec.Struct, frozen=True):
    """When a request came and when its answer left, on the clock of who answers [ns]."""

    received_ns: int
    sent_ns: int


def clock_service(clock: Clock) -> Service:
    """Return the service that tells the time of ``clock``."""

    def tell(_: Nothing) -> ClockTimes:
        received_ns = clock.now_ns()
        return ClockTimes(received_ns, clock.now_ns())

    return Service(Nothing, ClockTimes, tell)


def exchange(
    directory: Directory, process: str, clock: Clock, estimator: OffsetEstimator, *, timeout_s: float = 1.0
) -> Jump | None:
    """Ask ``process`` for its time once, and let ``estimator`` learn from it; return a jump that came to light.

    Raises:
        UsageError: nobody of that name tells the time.
        SelfcueError: no answer within ``timeout_s``.
    """
    asked_ns = clock.now_ns()
    times = call(directory, f"{process}/{CALL}", Nothing(), ClockTimes, timeout_s=timeout_s)
    return estimator.add_two_way(asked_ns, times.received_ns, times.sent_ns, clock.now_ns())
