"""What is plugged in, and how well a device does: the work behind ``selfcue sensors``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from selfcue import plugins
from selfcue.clock import WallClock
from selfcue.errors import BadInputError, SelfcueError
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import Device, Driver, Reading
from selfcue.sensors.sensor_thread import SensorThread, Stamped, ThreadStatus

FIND_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Found:
    """What one driver found: devices, or why it could not look."""

    driver: str
    devices: tuple[Device, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Probe:
    """What was seen of a device in a few seconds.

    Attributes:
        description: what the device says of itself.
        status: of its thread at the end.
        rate_hz: readings a second, by their stamps; 0 where there were fewer than two.
        gap_p50_ms, gap_max_ms: between readings. jitter_ms: their standard deviation from the usual gap.
        readings: what was read, at most the last 4096.
    """

    description: dict[str, Any]
    status: ThreadStatus
    rate_hz: float
    gap_p50_ms: float
    gap_max_ms: float
    jitter_ms: float
    readings: tuple[Stamped[Any], ...]


def driver_class(name: str) -> type[Driver[Any]]:
    """Return the driver that is registered as ``name``.

    Raises:
        BadInputError: there is none; the message lists them.
        MissingDependencyError: what it needs is not installed.
    """
    found = plugins.load(plugins.SENSORS, name)
    if not (isinstance(found, type) and issubclass(found, Driver)):
        raise BadInputError(f"{name!r} in {plugins.SENSORS} is no Driver but {found!r}")
    return found


def driver_of(text: str) -> Driver[Any]:
    """Return a driver for ``NAME:SOURCE``, as ``selfcue sensors list`` prints it; no work.

    Raises:
        BadInputError: it has no colon, or there is no such driver or source.
    """
    name, colon, source = text.partition(":")
    if not colon or not source:
        known = ", ".join(plugins.names(plugins.SENSORS))
        raise BadInputError(f"{text!r} is not DRIVER:SOURCE, for instance v4l2:/dev/video0; drivers: {known}")
    return driver_class(name).from_source(source)


def find(timeout_s: float = FIND_TIMEOUT_S) -> list[Found]:
    """Ask every driver what is plugged in, all at once; one that hangs or fails is said and keeps nobody waiting."""
    names = plugins.names(plugins.SENSORS)
    results: dict[str, Found] = {}
    threads = [threading.Thread(target=_find, args=(name, results), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    end_s = time.monotonic() + timeout_s
    for thread in threads:
        thread.join(max(0.0, end_s - time.monotonic()))
    silent = f"does not answer within {timeout_s:.0f} s"
    return [results.get(name, Found(name, error=silent)) for name in names]


def _find(name: str, results: dict[str, Found]) -> None:
    try:
        results[name] = Found(name, tuple(driver_class(name).find()))
    except SelfcueError as error:
        results[name] = Found(name, error=str(error))
    except Exception as error:  # noqa: BLE001 - one driver's fault must not hide what the others found
        results[name] = Found(name, error=f"{type(error).__name__}: {error}")


def probe(make: Callable[[], Driver[Any]], seconds: float, progress: Callable[[float], None] | None = None) -> Probe:
    """Read a device for ``seconds`` and say what came.

    Raises:
        SelfcueError: it does not open, or gives what cannot be used.
    """
    drivers: list[Driver[Any]] = []

    def remembered() -> Driver[Any]:
        drivers.append(make())
        return drivers[-1]

    thread = SensorThread(remembered, WallClock().now_ns, ConnectionConfig(), keep=4096)
    thread.start()
    try:
        readings: list[Stamped[Any]] = []
        began_s = time.monotonic()
        while (passed_s := time.monotonic() - began_s) < seconds and not thread.ended:
            readings = (readings + thread.take(0.1))[-4096:]
            if progress is not None:
                progress(passed_s)
        status, description = thread.status(), drivers[-1].describe()
    finally:
        thread.stop()
    gaps_ms = np.diff([reading.stamp_ns for reading in readings]).astype(np.float64) * 1e-6
    if not gaps_ms.size:
        return Probe(description, status, 0.0, 0.0, 0.0, 0.0, tuple(readings))
    middle_ms = float(np.median(gaps_ms))
    return Probe(
        description=description,
        status=status,
        rate_hz=1e3 / float(gaps_ms.mean()),
        gap_p50_ms=middle_ms,
        gap_max_ms=float(gaps_ms.max()),
        jitter_ms=float(np.sqrt(np.mean((gaps_ms - middle_ms) ** 2))),
        readings=tuple(readings),
    )


def as_readings(found: Probe) -> list[Reading[Any]]:
    """Return what a probe read in the form that ``Driver.draw`` takes, stamped by the system's clock."""
    return [Reading(one.value, one.stamp_ns) for one in found.readings]
