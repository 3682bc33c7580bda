"""Fault detectors of one camera: they find what is wrong in time, and nothing in a moving scene."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from selfcue.messages import Image, Trust
from selfcue.sensors import trust_node
from selfcue.sensors.camera.watches import WATCHES
from selfcue.sensors.trust_node import TrustNode, TrustParams
from selfcue.testing import LoopSystem

PERIOD_NS = 50_000_000
Scene = Callable[[int], npt.NDArray[np.uint8]]


def moving(number: int) -> npt.NDArray[np.uint8]:
    """A textured wall that passes by."""
    wall = np.random.default_rng(3).integers(40, 220, (48, 400, 3)).astype(np.uint8)
    return wall[:, number % 300 : number % 300 + 64]


FAULTS: dict[str, tuple[Scene, str, str]] = {
    "frozen": (lambda number: moving(50), "lost", "frozen"),
    "black": (lambda number: moving(number) // 64, "lost", "black"),
    "saturated": (
        lambda number: np.clip(moving(number).astype(int) * 5, 0, 255).astype(np.uint8),
        "suspect",
        "exposure",
    ),
    "dull": (lambda number: 100 + moving(number) // 32, "suspect", "exposure"),
}


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust_node, "watch_set", lambda sensor: WATCHES)


def said(folder: Path, scene: Scene, ticks: int) -> list[Trust]:
    loop = LoopSystem(folder)
    loop.add(TrustNode("trust", TrustParams(sensor="camera", topic="camera/image", cue="camera")))
    for number in range(ticks):
        now_ns = 10**9 + number * PERIOD_NS
        loop.feed("camera/image", Image(stamp_ns=now_ns, frame_id="camera", encoding="rgb8", data=scene(number)))
        loop.tick(now_ns)
    return [message for message in loop.published("trust/camera") if isinstance(message, Trust)]


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_is_found_within_its_evidence_and_a_second(tmp_path: Path, fault: str) -> None:
    scene, level, reason = FAULTS[fault]
    begins = 60
    found = said(tmp_path, lambda number: moving(number) if number < begins else scene(number), 110)
    begin_ns = 10**9 + begins * PERIOD_NS
    assert not [trust for trust in found if trust.stamp_ns < begin_ns and trust.level != "ok"]
    first_ns = next(trust.stamp_ns for trust in found if trust.level != "ok")
    needs_s = {name: seconds for watch in WATCHES.make() for name, seconds in watch.needs_s.items()}[reason]
    assert (first_ns - begin_ns) * 1e-9 <= needs_s + 1.0
    assert any((trust.level, trust.reason) == (level, reason) for trust in found)


def test_what_it_remembers_survives_a_restart() -> None:
    first, second = WATCHES.make(), WATCHES.make()
    for number in range(4):
        image = Image(stamp_ns=number * PERIOD_NS, frame_id="camera", encoding="rgb8", data=moving(5))
        for watch in first:
            watch.update(image)
    for old, new in zip(first, second, strict=True):
        new.load_meta(old.meta())
        assert new.evidence() == old.evidence()
        image = Image(stamp_ns=4 * PERIOD_NS, frame_id="camera", encoding="rgb8", data=moving(5))
        new.update(image)
    assert [fault.name for watch in second for fault in watch.faults(0)] == ["frozen"]
