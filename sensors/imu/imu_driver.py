"""What all drivers of inertial units share: kind, options in a source's text, the picture of a few seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from selfcue.errors import BadInputError
from selfcue.sensors.driver import Driver, Reading
from selfcue.sensors.imu.sample import ImuSample


class ImuDriver(Driver[ImuSample]):
    """Base of the drivers of inertial units. ``Config`` is the frozen dataclass of its settings."""

    kind = "imu"
    Config: ClassVar[type[Any]]

    def draw(self, readings: Sequence[Reading[ImuSample]], axes: Any) -> None:
        """Draw specific force (lines) and angular velocity (dashed, axis on the right) of each device over time."""
        right = axes.twinx()
        start_ns = readings[0].stamp_ns if readings else 0
        for device in sorted({reading.value.device for reading in readings}):
            mine = [reading for reading in readings if reading.value.device == device]
            time_s = [(reading.stamp_ns - start_ns) * 1e-9 for reading in mine]
            for i, axis in enumerate("xyz"):
                label = f"{device} {axis}".strip()
                axes.plot(time_s, [reading.value.accel[i] for reading in mine], color=f"C{i}", label=label)
                right.plot(time_s, [reading.value.gyro[i] for reading in mine], color=f"C{i}", linestyle=":")
        accels, gyros = [reading.value.accel for reading in readings], [reading.value.gyro for reading in readings]
        for half, vectors, least in ((axes, accels, 12.0), (right, gyros, 0.5)):  # noise is not to fill the picture
            sizes = (abs(value) for vector in vectors for value in vector if math.isfinite(value))
            most = max(1.1 * max(sizes, default=0.0), least)
            half.set_ylim(-most, most)
        axes.set_xlabel("time [s]")
        axes.set_ylabel("specific force [m/s²]")
        right.set_ylabel("angular velocity, dotted [rad/s]")
        axes.legend(loc="upper left")


def options_of(source: str, known: Sequence[str]) -> tuple[str, dict[str, str]]:
    """Return what stands before ``?`` in a source, and the options behind it: ``/dev/ttyUSB0?framing=a.yaml``.

    Raises:
        BadInputError: an option that there is none of.
    """
    plain, _, rest = source.partition("?")
    options = dict(parse_qsl(rest, keep_blank_values=True))
    strange = sorted(set(options) - set(known))
    if strange or not plain:
        raise BadInputError(f"{source!r}: option {strange[:1]} is not known; known: {', '.join(known) or 'none'}")
    return plain, options


def whole(text: str, what: str) -> int:
    """Return a number written in decimal or as 0x... Raises BadInputError where it is none."""
    try:
        return int(text, 0)
    except ValueError:
        raise BadInputError(f"{what} {text!r} is no whole number") from None
