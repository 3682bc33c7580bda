"""What is known of clocks, as ROS values and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcue.messages import ClockOffset
from selfcue.record.converter import Converter
from selfcue.record.fields import Values


class ClockOffsetConverter(Converter[ClockOffset]):
    """How far another machine's clock is."""

    kind = ClockOffset
    schema = "selfcue_msgs/msg/ClockOffset"
    _FIELDS = (
        "process", "domain", "offset_ns", "uncertainty_ns", "skew_ppm", "skew_uncertainty_ppm", "samples", "jumps",
    )  # fmt: skip

    def pack(self, message: ClockOffset) -> Values:
        return {name: getattr(message, name) for name in self._FIELDS}

    def unpack(self, values: Mapping[str, Any]) -> Values:
        return {name: values[name] for name in self._FIELDS}
