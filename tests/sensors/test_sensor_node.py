"""The base of adapters' nodes: it publishes readings, says how its device is, and is never blocked by it."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import pytest

from selfcue.cell import Cell
from selfcue.clock import WallClock
from selfcue.errors import BadInputError, MissingDependencyError
from selfcue.messages import DeviceStatus, JournalEvent, Message, Scalars
from selfcue.node import Link
from selfcue.sensors.connection import ConnectionConfig
from selfcue.sensors.driver import Driver, Reading
from selfcue.sensors.sensor_node import SensorNode
from tests.sensors.fake_device import Port, wait_until

FAST = ConnectionConfig(read_timeout_s=0.05, hung_after_s=0.1, first_wait_s=0.01, most_wait_s=0.02)


class NumberNode(SensorNode[int]):
    """Publishes numbers as Scalars."""

    topic = "number"
    connection = FAST
    port: Port

    def driver(self) -> Driver[int]:
        return self.port.make()

    def advertise(self, link: Link) -> None:
        self._numbers = link.advertise("number", Scalars)

    def publish(self, value: int, stamp_ns: int) -> None:
        if value < 0:
            raise BadInputError(f"number {value} is negative")
        self._numbers.publish(Scalars(stamp_ns=stamp_ns, values={"number": float(value)}))


class Rig:
    """One number node on the wall's clock, and what it published."""

    def __init__(self, folder: Path, *, lockstep: bool = False) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.port, self.clock = Port(), WallClock()
        self.node = NumberNode("number", None)
        self.node.port = self.port
        self.cell = Cell(
            clock=self.clock,
            run_dir=folder,
            lockstep=lockstep,
            outlet=lambda topic, message, latched: self.sent.append((topic, message)),
        )

    def of(self, kind: type[Message]) -> list[Message]:
        return [message for _, message in self.sent if isinstance(message, kind)]

    def step_until(self, condition: object) -> None:
        assert callable(condition)

        def stepped() -> bool:
            self.node.step(self.clock.now_ns())
            return bool(condition())

        wait_until(stepped)

    def last_state(self) -> str:
        statuses = self.of(DeviceStatus)
        return statuses[-1].state if statuses and isinstance(statuses[-1], DeviceStatus) else ""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_readings_are_published_and_the_device_described(rig: Rig) -> None:
    rig.cell.add(rig.node)
    rig.port.put(Reading(3, lost=2), Reading(4))
    rig.step_until(lambda: len(rig.of(Scalars)) == 2)
    status = rig.of(DeviceStatus)[-1]
    assert isinstance(status, DeviceStatus)
    assert (status.device, status.state, status.clock) == ("number port", "up", "arrival")
    rig.node._told_ns = 0
    rig.node.step(rig.clock.now_ns())
    status = rig.of(DeviceStatus)[-1]
    assert isinstance(status, DeviceStatus)
    assert (status.readings, status.lost) == (2, 2)
    assert status.age_s < 5.0
    rig.node.close()
    rig.node.close()
    assert rig.port.open_drivers == 0


def test_a_pulled_device_is_said_at_once_and_once_when_it_is_back(rig: Rig) -> None:
    rig.cell.add(rig.node)
    rig.step_until(lambda: rig.last_state() == "up")
    rig.port.pull()
    rig.step_until(lambda: rig.last_state() in ("waiting", "opening"))
    rig.port.plugged = True
    rig.step_until(lambda: rig.last_state() == "up")
    events = [event for event in rig.of(JournalEvent) if isinstance(event, JournalEvent) and event.kind == "device"]
    assert [event.detail["state"] for event in events if event.detail["state"] == "up"] == ["up"]
    assert any("pulled" in str(event.detail["reason"]) for event in events)
    rig.node.close()


def test_a_hung_driver_never_blocks_the_node(rig: Rig) -> None:
    rig.cell.add(rig.node)
    rig.step_until(lambda: rig.last_state() == "up")
    rig.port.hangs = hang = threading.Event()
    longest_s = 0.0
    end_s = time.monotonic() + 5.0
    while len(rig.port.drivers) < 3 and time.monotonic() < end_s:
        began_s = time.monotonic()
        rig.node.step(rig.clock.now_ns())
        longest_s = max(longest_s, time.monotonic() - began_s)
    assert len(rig.port.drivers) >= 3, "it was tried again"
    assert longest_s < 1.0, "the driver was given 30 s to hang"
    rig.port.hangs = None
    hang.set()
    rig.node.close()


def test_what_cannot_be_used_ends_the_node(rig: Rig) -> None:
    rig.cell.add(rig.node)
    rig.port.put(Reading(-1))
    with pytest.raises(BadInputError, match="-1 is negative"):
        rig.step_until(lambda: False)
    rig.node.close()


def test_it_refuses_a_simulated_clock_and_a_device_that_is_not_there(tmp_path: Path, rig: Rig) -> None:
    with pytest.raises(BadInputError, match="set clock: wall"):
        Rig(tmp_path, lockstep=True).cell.add(NumberNodeOf(Port()))
    rig.port.plugged = False
    with pytest.raises(MissingDependencyError, match="not plugged in"):
        rig.cell.add(rig.node)
    assert rig.port.open_drivers == 0
    assert math.isinf(DeviceStatus(stamp_ns=1, device="x", state="opening").age_s)


def NumberNodeOf(port: Port) -> NumberNode:  # noqa: N802 - stands for a class
    node = NumberNode("number", None)
    node.port = port
    return node
