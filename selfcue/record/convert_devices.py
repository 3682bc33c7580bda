"""What an adapter says of its device, as ROS values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcue.measurements import DeviceStatus
from selfcue.record.converter import Converter
from selfcue.record.fields import Values, choice

_STATES = ("opening", "up", "waiting", "ended", "failed")
_CLOCKS = ("arrival", "monotonic", "device")


class DeviceStatusConverter(Converter[DeviceStatus]):
    """How a device is connected, and what of it was lost."""

    kind = DeviceStatus
    schema = "selfcue_msgs/msg/DeviceStatus"
    _FIELDS = (
        "device",
        "state",
        "reason",
        "reconnects",
        "hangs",
        "readings",
        "lost",
        "dropped",
        "age_s",
        "asked_hz",
        "measured_hz",
        "clock",
        "clock_jumps",
        "clock_uncertainty_ns",
    )

    def pack(self, message: DeviceStatus) -> Values:
        return {name: getattr(message, name) for name in self._FIELDS}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        fields = {name: values[name] for name in self._FIELDS}
        fields["state"] = choice(values["state"], _STATES, "device field 'state'")
        fields["clock"] = choice(values["clock"], _CLOCKS, "device field 'clock'")
        return fields
