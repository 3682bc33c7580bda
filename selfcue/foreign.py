"""Clocks of other machines, as far as their life signs tell: how far from ours, how fast, and how sure that is.

A message says by which clock its stamps are (``Received.clock``). Stamps of another machine are not translated: where
both are kept by NTP or PTP they are right as they are, and what one side alone can tell includes the delay of the way.
What is measured is published once a second on ``clock/offset``, so that a node which needs better than that knows what
it deals with, and a log says it too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

from selfcue.clock import Clock
from selfcue.inbox import Received
from selfcue.messages import ClockOffset, NodeHealth
from selfcue.offsets import OffsetConfig, OffsetEstimator

TOPIC = "clock/offset"
MAX_PEERS = 64
"""Processes of other machines whose clocks are followed; who makes up names gets no more memory than that."""

_log = logging.getLogger(__name__)


class ForeignClocks:
    """Follows the clocks of the processes that stamp by another one than ours; one thread.

    Args:
        clock: ours.
        config: of the estimators; one-way, for a life sign is not answered.
    """

    def __init__(self, clock: Clock, config: OffsetConfig | None = None) -> None:
        self._clock, self._config = clock, config
        self._peers: dict[str, tuple[str, OffsetEstimator]] = {}

    def heard(self, received: Iterable[Received]) -> None:
        """Learn from the life signs among ``received``, which are sent the moment they are stamped."""
        for one in received:
            if one.clock in ("", self._clock.domain) or not isinstance(one.message, NodeHealth):
                continue
            domain, estimator = self._peers.get(one.host, ("", None))
            if estimator is None or domain != one.clock:  # new here, or it has booted since and counts anew
                if estimator is None and len(self._peers) >= MAX_PEERS:
                    continue
                estimator = OffsetEstimator(self._config)
                self._peers[one.host] = (one.clock, estimator)
                _log.info("clock peer=%s domain=%s is not ours; offset on %s", one.host, one.clock[:64], TOPIC)
            jump = estimator.add_one_way(one.message.stamp_ns, self._clock.now_ns())
            if jump is not None:
                _log.warning("clock peer=%s was set by %+.3f s", one.host, jump.step_ns * 1e-9)

    def offsets(self) -> list[ClockOffset]:
        """Return what is known now, by process."""
        now_ns, found = self._clock.now_ns(), []
        for process, (domain, estimator) in sorted(self._peers.items()):
            offset = estimator.estimate(now_ns)
            if offset is not None:
                found.append(
                    ClockOffset(
                        stamp_ns=now_ns,
                        process=process,
                        domain=domain,
                        offset_ns=offset.offset_ns,
                        uncertainty_ns=offset.uncertainty_ns,
                        skew_ppm=offset.skew_ppm,
                        skew_uncertainty_ppm=offset.skew_uncertainty_ppm,
                        samples=offset.samples,
                        jumps=offset.jumps,
                    )
                )
        return found
