"""What a sensor's driver is: find, open, read, close. Threads, reconnection, clocks and health are the base's business.

A new sensor is one class of this kind and one entry point in group ``selfcue.sensors``; docs/write_a_sensor.md walks
through one. A driver is an ordinary object that may block: it is only ever used by the one thread that a
``SensorThread`` gives it, with one exception, ``close``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

from selfcue.errors import MissingDependencyError, SelfcueError

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)

Domain = Literal["arrival", "monotonic", "device"]
"""By which clock a driver stamps: not at all (the base takes the moment at which ``read`` returned), this machine's
monotonic clock (V4L2, PortAudio), or one of the device's own, whose offset the base then estimates."""


@dataclass(frozen=True)
class Device:
    """Something that was found plugged in.

    Attributes:
        kind: of sensor: camera, audio, imu, lidar, or a plug-in's own.
        source: what to write as the driver's ``source`` to get this very one again after it was plugged in elsewhere.
        label: what its maker calls it.
        detail: what else is known of it: serial number, bus, formats, rates.
    """

    kind: str
    source: str
    label: str
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading(Generic[V_co]):
    """One thing that a device measured.

    Attributes:
        value: what was measured; its type is the driver's.
        stamp_ns: time of measurement by the driver's clock; ignored where its domain is ``arrival``.
        lost: readings that the driver knows were lost before this one (a gap in a counter, an overrun).
    """

    value: V_co
    stamp_ns: int = 0
    lost: int = 0


class EndOfData(Exception):
    """A file, folder or capture has been read to its end."""


class DeviceLostError(MissingDependencyError):
    """The device was there and is not any more; whoever reads it tries again."""


class NotDrawableError(SelfcueError):
    """What a driver reads has no picture."""


class Driver(ABC, Generic[V]):
    """One device, stream or file.

    Life: ``__init__`` (no work) -> ``open`` -> ``read`` again and again -> ``close``. A closed driver is not opened
    again: a new one is made, which looks for its device anew, by serial number where it has one.
    """

    kind: ClassVar[str]
    domain: Domain = "arrival"
    """Set by the class, or in ``__init__`` where it depends on the settings."""

    @classmethod
    @abstractmethod
    def from_source(cls, source: str) -> Driver[Any]:
        """Return a driver for ``source`` (see ``Device``) with default settings; no work.

        Raises:
            BadInputError: ``source`` cannot be one of its own.
        """

    @property
    @abstractmethod
    def name(self) -> str:
        """What it reads, for messages: ``camera /dev/video0``."""

    @property
    def asked_hz(self) -> float:
        """Readings a second that are expected; 0 where nothing is promised. May change in ``open``."""
        return 0.0

    @property
    def paced(self) -> bool:
        """The source sets its own pace; a file gives readings as fast as it is read, and is never read ahead."""
        return True

    @classmethod
    def find(cls) -> list[Device]:
        """Return what is plugged in here; quick, opens nothing that has a side effect, and never raises for absence."""
        return []

    @abstractmethod
    def open(self) -> None:
        """Open it, all or nothing: when this raises, nothing is held.

        Raises:
            BadInputError: the settings cannot be met, now or later; it is not tried again.
            MissingDependencyError: it is not there, busy or silent; it is tried again.
        """

    @abstractmethod
    def read(self, timeout_s: float) -> Sequence[Reading[V]]:
        """Return what came, oldest first; empty where nothing came in ``timeout_s``. Blocks no longer than about that.

        Raises:
            EndOfData: a file has been read to its end.
            DeviceLostError: the device is gone.
            BadInputError: it gives what cannot be used, and will go on to.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of it. From any thread, also while another is in ``read`` (which then ends soon); idempotent."""

    def describe(self) -> dict[str, Any]:
        """Return what an open device says of itself (model, firmware, size, rate), for ``selfcue sensors probe``."""
        return {}

    def draw(self, readings: Sequence[Reading[V]], axes: Any) -> None:  # noqa: ARG002 - for those that have one
        """Draw what was read on ``axes`` (matplotlib's), for ``selfcue sensors show``.

        Raises:
            NotDrawableError: this driver's readings have no picture.
        """
        raise NotDrawableError(f"{self.name}: there is no picture of what a {self.kind} gives")
