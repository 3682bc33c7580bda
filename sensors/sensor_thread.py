"""The thread that owns a driver: opens it, reads it, stamps what comes, opens it again when it was lost.

A call into a driver may hang for ever (USB stacks, network cameras). Then its thread is left to itself and another
one begins with a new driver, so that whoever takes the readings is never blocked; too many such threads end it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.sensors.connection import Connection, ConnectionConfig, ConnectionState
from selfcue.sensors.driver import Driver, EndOfData, Reading
from selfcue.sensors.stamper import Stamper

V = TypeVar("V")

MOST_ABANDONED = 4
"""Hung threads that may exist at once; they cannot be ended from outside."""


@dataclass(frozen=True)
class Stamped(Generic[V]):
    """A reading's value with its time on the system's clock, and its number since the sensor was started."""

    stamp_ns: int
    number: int
    value: V


@dataclass(frozen=True)
class ThreadStatus:
    """How a sensor's thread and its device are doing.

    Attributes:
        state: of the connection.
        name: what the driver calls itself.
        error: why it was last lost or is not there; empty while it is up.
        reconnects, hangs: how often it was opened again, and how often a call into it did not return.
        readings: taken in since the start.
        lost: readings that the driver knows it missed; dropped: those that nobody took in time.
        age_s: since the last reading came; infinite before the first.
        asked_hz, measured_hz: readings a second; measured over about the last two seconds, 0 while unknown.
        clock_jumps, clock_uncertainty_ns: of the device's own clock, where it has one.
    """

    state: ConnectionState
    name: str
    error: str
    reconnects: int
    hangs: int
    readings: int
    lost: int
    dropped: int
    age_s: float
    asked_hz: float
    measured_hz: float
    clock_jumps: int
    clock_uncertainty_ns: int


class SensorThread(Generic[V]):
    """Reads the drivers that ``make`` makes, one after another, until it is stopped.

    Args:
        make: returns a new driver; called for every try.
        now_ns: the system's clock; called from the thread.
        config: of the connection.
        keep: readings that wait for ``take``; past it a paced source loses the oldest (counted), a file is held up.
    """

    def __init__(
        self,
        make: Callable[[], Driver[V]],
        now_ns: Callable[[], int],
        config: ConnectionConfig | None = None,
        *,
        keep: int = 16,
    ) -> None:
        self._make, self._now_ns, self._keep = make, now_ns, keep
        self.config = config or ConnectionConfig()
        self._changed = threading.Condition()
        self._connection = Connection(self.config)
        self._worker: _Worker[V] | None = None
        self._abandoned: list[_Worker[V]] = []
        self._waiting: deque[Stamped[V]] = deque()
        self._arrivals_s: deque[float] = deque(maxlen=4096)
        self._failure: Exception | None = None
        self._name, self._asked_hz = "", 0.0
        self._readings = self._lost = self._dropped = 0
        self._clock_jumps = self._clock_uncertainty_ns = 0

    def start(self) -> None:
        """Open the device and begin to read; returns when it is open, or with ``wait_for_device`` at once.

        Raises:
            BadInputError: its settings cannot be met.
            MissingDependencyError: it is not there, or opening it hangs.
        """
        with self._changed:
            self._begin()
            if self.config.wait_for_device:
                return
            self._changed.wait_for(
                lambda: self._connection.state not in ("idle", "opening"), self.config.open_timeout_s
            )
            state, error = self._connection.state, self._connection.error
        if state in ("up", "ended"):
            return
        failure, name = self._failure, self._name
        self.stop()
        if failure is not None:
            raise failure
        raise MissingDependencyError(
            error or f"{name}: does not open within {self.config.open_timeout_s} s; unplug it and plug it in again"
        )

    def take(self, timeout_s: float = 0.0) -> list[Stamped[V]]:
        """Return the waiting readings, oldest first, after waiting up to ``timeout_s`` for the first.

        Raises:
            BadInputError: the device gives what cannot be used; all good readings were taken before.
        """
        self.watch()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._connection.over, timeout_s)
            readings = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            if not readings and self._connection.state == "failed" and self._failure is not None:
                raise self._failure
            return readings

    def watch(self) -> None:
        """Look whether a call into the driver hangs, and begin anew where it does. ``take`` does it too."""
        with self._changed:
            self._abandoned = [worker for worker in self._abandoned if worker.is_alive()]
            worker, now_s = self._worker, time.monotonic()
            call = worker.call if worker is not None else None
            if worker is None or call is None or self._connection.over:
                return
            what, limit_s, since_s = call
            if now_s - since_s < limit_s:
                return
            error = f"{self._name}: {what} has not returned for {now_s - since_s:.1f} s"
            worker.abandoned = True
            self._abandoned.append(worker)
            if len(self._abandoned) > MOST_ABANDONED:
                self._failure = BadInputError(f"{error}, and {MOST_ABANDONED} times before; replug it and restart")
                self._connection.refused(now_s, str(self._failure))
                self._changed.notify_all()
                return
            self._connection.hung(now_s, error)
            threading.Thread(target=worker.close_driver, name="close hung driver", daemon=True).start()
            self._begin()

    @property
    def ended(self) -> bool:
        """The source was read to its end and all readings are taken."""
        with self._changed:
            return self._connection.state == "ended" and not self._waiting

    def status(self) -> ThreadStatus:
        """Return how it does now."""
        with self._changed:
            connection, now_s = self._connection, time.monotonic()
            return ThreadStatus(
                state=connection.state,
                name=self._name,
                error=connection.error,
                reconnects=connection.reconnects,
                hangs=connection.hangs,
                readings=self._readings,
                lost=self._lost,
                dropped=self._dropped,
                age_s=now_s - self._arrivals_s[-1] if self._arrivals_s else float("inf"),
                asked_hz=self._asked_hz,
                measured_hz=self._measured_hz(now_s),
                clock_jumps=self._clock_jumps,
                clock_uncertainty_ns=self._clock_uncertainty_ns,
            )

    def stop(self, timeout_s: float = 3.0) -> None:
        """Stop reading and close the device; from any thread, as often as liked, and before ``start``."""
        with self._changed:
            self._connection.stop(time.monotonic())
            worker = self._worker
            self._changed.notify_all()
        if worker is None or worker is threading.current_thread():
            return
        worker.close_driver()
        worker.join(timeout_s)

    # -- the worker's side: everything below is called with the lock held, or takes it ------------------------------

    def _begin(self) -> None:
        self._worker = _Worker(self, self._make)
        self._worker.start()

    def _measured_hz(self, now_s: float) -> float:
        recent = [arrival_s for arrival_s in self._arrivals_s if now_s - arrival_s <= 2.0]
        if len(recent) < 2 or recent[-1] == recent[0]:
            return 0.0
        return (len(recent) - 1) / (recent[-1] - recent[0])

    def _next_try(self, worker: _Worker[V]) -> bool:
        """Wait until the next try is due; False where there is none."""
        with self._changed:
            while not worker.abandoned and not self._connection.over:
                wait_s = self._connection.try_in_s(time.monotonic())
                if wait_s <= 0:
                    self._connection.opening(time.monotonic())
                    return True
                self._changed.wait(wait_s)
            return False

    def _take_in(self, worker: _Worker[V], driver: Driver[V], stamper: Stamper, found: Sequence[Reading[V]]) -> bool:
        """Put readings where they are taken from; False where the worker is not wanted any more."""
        with self._changed:
            stamps = stamper.stamp([reading.stamp_ns for reading in found])
            for reading, stamp_ns in zip(found, stamps, strict=True):
                if not driver.paced:
                    self._changed.wait_for(
                        lambda: len(self._waiting) < self._keep or worker.abandoned or self._connection.over
                    )
                if worker.abandoned or self._connection.over:
                    return False
                self._waiting.append(Stamped(stamp_ns, self._readings, reading.value))
                self._readings += 1
                self._lost += reading.lost
                self._arrivals_s.append(time.monotonic())
                if len(self._waiting) > self._keep:
                    self._waiting.popleft()
                    self._dropped += 1
            self._clock_jumps, self._clock_uncertainty_ns = stamper.jumps, stamper.uncertainty_ns
            if found:
                self._changed.notify_all()
            return not (worker.abandoned or self._connection.over)

    def _say(self, worker: _Worker[V], event: Callable[[Connection, float], None]) -> None:
        with self._changed:
            if not worker.abandoned:
                event(self._connection, time.monotonic())
                self._changed.notify_all()


class _Worker(threading.Thread, Generic[V]):
    """One thread's work; ``call`` is what it is in: name, how long that may take, since when."""

    def __init__(self, owner: SensorThread[V], make: Callable[[], Driver[V]]) -> None:
        super().__init__(name="sensor", daemon=True)
        self._owner, self._make = owner, make
        self._driver: Driver[V] | None = None
        self.call: tuple[str, float, float] | None = None
        self.abandoned = False

    def close_driver(self) -> None:
        driver = self._driver
        if driver is not None:
            driver.close()

    def run(self) -> None:
        while self._owner._next_try(self):
            try:
                self._connect_and_read()
            except EndOfData:
                self._owner._say(self, lambda connection, now_s: connection.ended(now_s))
            except BadInputError as error:
                self._refuse(error)
            except Exception as error:  # noqa: BLE001 - a driver may raise anything; it is said, and tried again
                self._lose(error)
            finally:
                self.call = None
                self.close_driver()

    def _connect_and_read(self) -> None:
        owner, config = self._owner, self._owner.config
        driver = self._driver = self._make()
        owner._name = driver.name
        self.call = ("open", config.open_timeout_s, time.monotonic())
        driver.open()
        self.call = None
        owner._asked_hz = driver.asked_hz
        owner._say(self, lambda connection, now_s: connection.up(now_s))
        stamper = Stamper(driver.domain, owner._now_ns)
        limit_s, due_s = config.read_timeout_s + config.hung_after_s, time.monotonic()
        while True:
            self.call = ("read", limit_s, time.monotonic())
            found = driver.read(config.read_timeout_s)
            self.call = None
            if not owner._take_in(self, driver, stamper, found):
                return
            if not driver.paced and driver.asked_hz > 0:
                due_s += len(found) / driver.asked_hz
                self._pause(due_s - time.monotonic())

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with self._owner._changed:
                self._owner._changed.wait_for(lambda: self.abandoned or self._owner._connection.over, seconds)

    def _refuse(self, error: BadInputError) -> None:
        def event(connection: Connection, now_s: float) -> None:
            self._owner._failure = error
            connection.refused(now_s, str(error))

        self._owner._say(self, event)

    def _lose(self, error: Exception) -> None:
        def event(connection: Connection, now_s: float) -> None:
            self._owner._failure = error if isinstance(error, MissingDependencyError) else None
            connection.gone(now_s, str(error) or type(error).__name__)

        self._owner._say(self, event)
