"""Faults of cameras and stereo pairs, in the simulator: detectors as they run on a robot, on the bus, in flight."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from selfcue.agent.node import FlightAgentNode
from selfcue.agent.safety_node import SafetyNode
from selfcue.benchmarks.fault_table import FaultRow, fault_claims
from selfcue.benchmarks.result import Claim
from selfcue.messages import Image, Trust
from selfcue.node import Link, Node
from selfcue.sensors.stereo.node import StereoNode
from selfcue.sensors.trust_node import TrustNode, TrustParams
from selfcue.sim.drone_node import DroneNode
from selfcue.sim.faults import Fault
from selfcue.testing import LoopSystem

Said = dict[str, list[Trust]]
SETTLED_S = 3.0
"""Before it, trust may still wait for its first frames."""


@dataclass(frozen=True)
class Lens:
    """What happens to the right eye's optics from ``at_s`` on: it is knocked out of line, or covered by a smear."""

    at_s: float
    kind: str

    def seen(self, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
        if self.kind == "tilted":
            return np.ascontiguousarray(np.roll(picture, 3, axis=0))
        sums = np.cumsum(np.cumsum(np.pad(picture.astype(np.int64), ((5, 4), (5, 4), (0, 0)), "edge"), 0), 1)
        means = (sums[9:, 9:] - sums[:-9, 9:] - sums[9:, :-9] + sums[:-9, :-9]) / 81
        return means.astype(np.uint8)


class LensNode(Node):
    """Stands between the right camera and whoever hears it."""

    def __init__(self, lens: Lens) -> None:
        super().__init__("lens", None)
        self._lens = lens

    def configure(self, link: Link) -> None:
        self._out = link.advertise("stereo/right/image", Image)
        link.subscribe("bare/right/image", Image, self._take)

    def _take(self, image: Image) -> None:
        if image.stamp_ns >= self._lens.at_s * 1e9:
            image = msgspec.structs.replace(image, data=self._lens.seen(image.data))
        self._out.publish(image)


@dataclass(frozen=True)
class Case:
    """One fault: what breaks, which cue must say so, and the evidence that its detector needs."""

    name: str
    fault: Fault | Lens
    cue: str
    needs_s: float


def cases(at_s: float) -> list[Case]:
    """Return the faults of the method's table that cameras of a flying body can have."""
    both = [
        Case("dead", Fault(at_s, "stereo_left", "dead"), "left", 0.5),
        Case("frozen", Fault(at_s, "stereo_left", "freeze"), "left", 0.25),
        Case("black", Fault(at_s, "stereo_left", "black"), "left", 0.3),
        Case("saturated", Fault(at_s, "stereo_left", "saturate"), "left", 0.3),
    ]
    pair = [
        Case("one eye dead", Fault(at_s, "stereo_right", "dead"), "stereo", 0.2),
        Case("one eye frozen", Fault(at_s, "stereo_right", "freeze"), "stereo", 0.25),
        Case("one eye black", Fault(at_s, "stereo_right", "black"), "stereo", 0.3),
        Case("one eye saturated", Fault(at_s, "stereo_right", "saturate"), "stereo", 0.3),
        Case("one eye out of line by 3 px", Lens(at_s, "tilted"), "stereo", 1.5),
        Case("one lens smeared", Lens(at_s, "smeared"), "stereo", 1.3),
        Case("eyes swapped", Fault(at_s, "stereo", "swap"), "stereo", 1.5),
    ]
    return both + pair


def fly(seed: int, duration_s: float, fault: Fault | Lens | None = None, *, hover: bool = False) -> Said:
    """Fly by stereo (or hover) and return what was said of the left camera and of the pair."""
    faults = (fault,) if isinstance(fault, Fault) else ()
    with tempfile.TemporaryDirectory() as folder:
        loop = LoopSystem(Path(folder), keep=lambda topic: topic.startswith("trust/"))
        drone = DroneNode("drone", DroneNode.Params(seed=seed, duration_s=duration_s, faults=faults))
        if isinstance(fault, Lens):
            loop.add(drone, {"stereo/right/image": "bare/right/image"})
            loop.add(LensNode(fault))
        else:
            loop.add(drone)
        loop.add(StereoNode("stereo", StereoNode.Params()))
        loop.add(TrustNode("watch", TrustParams(sensor="camera", topic="stereo/left/image", cue="left")))
        if not hover:
            loop.add(FlightAgentNode("pilot", FlightAgentNode.Params(seed=seed, pilot="stereo")))
            loop.add(SafetyNode("safety", SafetyNode.Params()))
        loop.run()
        return {cue: loop.published(f"trust/{cue}") for cue in ("left", "stereo")}


def clean_rows(seed: int, duration_s: float, *, hover: bool) -> list[FaultRow]:
    """Return what was said of cameras that were well: one row for the camera, one for the pair."""
    data = f"simulated {'noisy hover' if hover else 'flight'}, seed {seed}"
    said = fly(seed, duration_s, hover=hover)
    rows = []
    for cue, sensor in (("left", "camera"), ("stereo", "stereo pair")):
        bad = _alarms(said[cue])
        rows.append(FaultRow(sensor, "clean", _words(bad), 0.0, None, 0.0, duration_s, len(bad), data))
    return rows


def _alarms(said: Sequence[Trust]) -> list[Trust]:
    """Return the first word of each alarm."""
    found, level = [], "ok"
    for trust in said:
        if trust.level != "ok" and level == "ok" and trust.stamp_ns > SETTLED_S * 1e9:
            found.append(trust)
        level = trust.level
    return found


def _words(alarms: Sequence[Trust]) -> str:
    return ", ".join(dict.fromkeys(f"{trust.level}: {trust.reason}" for trust in alarms))


def fault_row(case: Case, seed: int, *, at_s: float, end_s: float) -> FaultRow:
    """Fly with one fault and return how it was found."""
    said = fly(seed, end_s, case.fault)[case.cue]
    bad = _alarms(said)
    before = [trust for trust in bad if trust.stamp_ns < at_s * 1e9]
    after = [trust for trust in said if trust.stamp_ns >= at_s * 1e9 and trust.level != "ok"]
    return FaultRow(
        sensor="camera" if case.cue == "left" else "stereo pair",
        fault=case.name,
        found=_words(after[:1]),
        needs_s=case.needs_s,
        after_s=after[0].stamp_ns * 1e-9 - at_s if after else None,
        allowed_s=case.needs_s + 1.0,
        clean_s=at_s,
        false_alarms=len(before),
        data=f"simulated flight, seed {seed}",
    )


def camera_faults(*, quick: bool) -> tuple[list[FaultRow], list[Claim]]:
    """Return the table of cameras and stereo pairs, and its claims."""
    at_s, end_s, clean_s = (8.0, 11.0, 20.0) if quick else (15.0, 19.0, 300.0)
    rows = [fault_row(case, 301 + number, at_s=at_s, end_s=end_s) for number, case in enumerate(cases(at_s))]
    rows += clean_rows(331, clean_s, hover=False) + clean_rows(332, clean_s, hover=True)
    claims: list[Claim] = []
    for sensor in ("camera", "stereo pair"):
        claims += fault_claims(sensor, [row for row in rows if row.sensor == sensor])
    return rows, claims
