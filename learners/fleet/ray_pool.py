"""Tries on Ray: each of its tasks starts the same process, and watches it, as the local pool does.

What travels between machines is JSON text and the name of one function. The folder of the fleet and the logs must have
the same path on every machine (a shared folder), and selfcue must be installed there.
"""

from __future__ import annotations

import contextlib
import os
from typing import Any

import msgspec

from selfcue.errors import MissingDependencyError
from selfcue.learners.fleet.attempt import Attempt
from selfcue.learners.fleet.job import Ending, Job
from selfcue.optional import require

_STORE_BYTES = 80 << 20
"""Ray's own shared memory, about the least that it takes: hardly anything goes through it."""


def try_here(job: bytes, number: int) -> bytes:
    """Run one try on the machine that this is called on; job and ending as JSON."""
    return msgspec.json.encode(Attempt(msgspec.json.decode(job, type=Job), number).wait())


class RayPool:
    """Tries as tasks of Ray.

    Args:
        slots: tries at once; 0: as many as the cluster has processors.
        address: of a cluster that runs (``auto``, ``HOST:6379``, ``ray://HOST:10001``); empty starts one on this
            machine alone, without dashboard, and ends it with ``close``.

    Raises:
        MissingDependencyError: Ray is not installed, or nobody answers at ``address``.
    """

    def __init__(self, slots: int, *, address: str = "") -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
        self._ray: Any = require("ray", extra="fleet")
        self._errors: Any = require("ray.exceptions", extra="fleet")
        try:
            if address:
                self._ray.init(address=address, log_to_driver=False, logging_level="error")
            else:
                self._ray.init(
                    address="local",
                    num_cpus=slots or None,
                    include_dashboard=False,
                    object_store_memory=_STORE_BYTES,
                    log_to_driver=False,
                    logging_level="error",
                )
        except (ConnectionError, TimeoutError, ValueError, RuntimeError) as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise MissingDependencyError(
                f"Ray at {address or 'local'}: {line}; does it run (`ray status`), and are "
                "RAY_AUTH_MODE and RAY_AUTH_TOKEN those of the cluster?"
            ) from error
        self.slots = slots or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._try = self._ray.remote(num_cpus=1, max_retries=0)(try_here)  # we retry, and count it
        self._running: dict[Any, Job] = {}

    def start(self, job: Job, number: int) -> None:
        self._running[self._try.remote(msgspec.json.encode(job), number)] = job

    def ended(self, timeout_s: float) -> list[tuple[Job, Ending]]:
        if not self._running:
            return []
        ready, _ = self._ray.wait(list(self._running), num_returns=1, timeout=timeout_s)
        return [(self._running.pop(one), self._ending(one)) for one in ready]

    def _ending(self, one: Any) -> Ending:
        try:
            return msgspec.json.decode(self._ray.get(one), type=Ending)
        except self._errors.TaskCancelledError:
            return Ending("stopped", 0.0, "stopped")
        except self._errors.RayError as error:  # the worker, its machine, or its memory is gone
            line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            return Ending("lost", 0.0, f"lost with its worker of Ray: {line}"[:300])

    def stop(self) -> None:
        for one in self._running:
            with contextlib.suppress(self._errors.RayError):
                self._ray.cancel(one)

    def close(self) -> None:
        self.stop()
        self._running.clear()
        self._ray.shutdown()
