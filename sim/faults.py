"""Faults on a timetable: what breaks in which sensor, from when to when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from selfcue.errors import BadInputError
from selfcue.messages import Imu
from selfcue.sim.sensors.inertial import imu_message
from selfcue.sim.sensors.stereo import Picture
from selfcue.state import State, generator_from, generator_state

FaultSensor = Literal["stereo_left", "stereo_right", "stereo", "imu"]
FaultKind = Literal["dead", "freeze", "black", "saturate", "noise", "swap"]

_IMU_KINDS = ("dead", "freeze", "saturate", "noise")
_NOISE_LEVELS = 60.0
_NOISE_OF_RANGE = 0.05


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        at_s: simulated time at which it begins.
        sensor: which sensor; ``stereo`` means both cameras.
        kind: ``dead`` sends nothing more; ``freeze`` repeats the last picture or reading with new stamps; ``black`` and
            ``saturate`` send the lowest and the highest value; ``noise`` drowns the signal; ``swap`` exchanges the two
            cameras (sensor ``stereo``).
        until_s: when it ends; None: never.
    """

    at_s: float
    sensor: FaultSensor
    kind: FaultKind
    until_s: float | None = None

    @property
    def name(self) -> str:
        """How messages and the journal call it."""
        return f"{self.sensor}:{self.kind}"

    def active(self, now_ns: int) -> bool:
        """Whether it is on at this time."""
        return round(self.at_s * 1e9) <= now_ns and (self.until_s is None or now_ns < round(self.until_s * 1e9))

    def check(self) -> None:
        """Raise BadInputError with one line where a value cannot be used."""
        for value, known, what in (
            (self.sensor, get_args(FaultSensor), "sensor"),
            (self.kind, get_args(FaultKind), "kind"),
        ):
            if value not in known:
                raise BadInputError(f"fault {what} {value!r} is not known; use one of {', '.join(known)}")
        if not (math.isfinite(self.at_s) and self.at_s >= 0.0):
            raise BadInputError(f"fault {self.name}: at_s {self.at_s} is not a time; give seconds from 0 on")
        if self.until_s is not None and not self.until_s > self.at_s:
            raise BadInputError(f"fault {self.name}: until_s {self.until_s} must be later than at_s {self.at_s}")
        if self.kind == "swap" and self.sensor != "stereo":
            raise BadInputError(f"fault {self.name}: swap needs both cameras; use sensor 'stereo'")
        if self.sensor == "imu" and self.kind not in _IMU_KINDS:
            raise BadInputError(f"fault {self.name} does not exist; the imu knows {', '.join(_IMU_KINDS)}")


class FaultBox:
    """Sits between the sensors and the bus. A sensor may have several faults at once; the first listed acts first."""

    def __init__(self, faults: Sequence[Fault], imu_range: npt.NDArray[np.float64], rng: np.random.Generator) -> None:
        for fault in faults:
            fault.check()
        self._faults = tuple(faults)
        self._imu_range, self._rng = imu_range, rng
        self._on = [False] * len(self._faults)
        self._imu_can_fail = any(fault.sensor == "imu" for fault in self._faults)
        self._last: dict[str, npt.NDArray[np.generic]] = {}

    def update(self, now_ns: int) -> list[tuple[Fault, bool]]:
        """Move to ``now_ns``; return the faults that began (True) or ended (False) since the last call."""
        before, self._on = self._on, [fault.active(now_ns) for fault in self._faults]
        return [(f, now) for f, was, now in zip(self._faults, before, self._on, strict=True) if was != now]

    @property
    def active(self) -> tuple[str, ...]:
        """Names of the faults that are on."""
        return tuple(fault.name for fault, on in zip(self._faults, self._on, strict=True) if on)

    def pictures(self, left: Picture, right: Picture) -> tuple[Picture | None, Picture | None]:
        """Return what the two cameras send in the place of these pictures; None: nothing."""
        pair: dict[str, Picture | None] = {"stereo_left": left, "stereo_right": right}
        for fault, on in zip(self._faults, self._on, strict=True):
            if on and fault.kind == "swap":
                pair = {"stereo_left": pair["stereo_right"], "stereo_right": pair["stereo_left"]}
        for camera in pair:
            picture = pair[camera]
            for fault, on in zip(self._faults, self._on, strict=True):
                if on and fault.sensor in (camera, "stereo") and picture is not None:
                    picture = self._spoil(picture, fault.kind, self._last.get(camera))
            pair[camera] = picture
            if picture is not None:
                self._last[camera] = picture
        return pair["stereo_left"], pair["stereo_right"]

    def reading(self, message: Imu) -> Imu | None:
        """Return what the inertial unit sends in the place of this reading; None: nothing."""
        if not self._imu_can_fail:
            return message
        values = np.asarray([*message.linear_acceleration, *message.angular_velocity])
        for fault, on in zip(self._faults, self._on, strict=True):
            if not on or fault.sensor != "imu":
                continue
            if fault.kind == "dead":
                return None
            if fault.kind == "freeze":
                values = np.asarray(self._last.get("imu", values), dtype=np.float64)
            elif fault.kind == "saturate":
                values = self._imu_range.copy()
            else:
                values = values + _NOISE_OF_RANGE * self._imu_range * self._rng.standard_normal(6)
        self._last["imu"] = values
        return imu_message(message.stamp_ns, values)

    def _spoil(self, picture: Picture, kind: FaultKind, last: npt.NDArray[np.generic] | None) -> Picture | None:
        if kind == "dead":
            return None
        if kind == "freeze":
            return picture if last is None else np.asarray(last, dtype=np.uint8)
        if kind == "black":
            return np.zeros_like(picture)
        if kind == "saturate":
            return np.full_like(picture, 255)
        if kind == "noise":
            noise = _NOISE_LEVELS * self._rng.standard_normal(picture.shape, dtype=np.float32)
            return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)
        return picture  # swap was done before

    def state(self) -> State:
        meta = {"on": list(self._on), "generator": generator_state(self._rng)}
        return State(meta, {name: value.copy() for name, value in self._last.items()})

    def load_state(self, state: State) -> None:
        self._on = [bool(on) for on in state.meta["on"]]
        self._rng = generator_from(state.meta["generator"])
        self._last = {name: value.copy() for name, value in state.arrays.items()}
