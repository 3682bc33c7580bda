"""``selfcue sensors``: lists, probes and draws what is plugged in, and says clearly what is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from selfcue import plugins
from selfcue.errors import BadInputError, LossError, MissingDependencyError
from selfcue.sensors import sensor_commands, survey
from selfcue.sensors.driver import Device, Driver, Reading
from tests.sensors.fake_device import PORTS, Port, PortDriver


class Plotter(PortDriver):
    @classmethod
    def find(cls) -> list[Device]:
        return [Device("number", "port-a", "Numbers Inc.", {"serial": "17"})]

    def describe(self) -> dict[str, Any]:
        return {"model": "N-1"}

    def draw(self, readings: Sequence[Reading[int]], axes: Any) -> None:
        axes.plot([reading.value for reading in readings])


class Broken(PortDriver):
    @classmethod
    def find(cls) -> list[Device]:
        raise RuntimeError("its library crashed")


class Hanging(PortDriver):
    @classmethod
    def find(cls) -> list[Device]:
        threading.Event().wait(10)
        return []


KNOWN: dict[str, type[Driver[Any]]] = {"broken": Broken, "hanging": Hanging, "numbers": Plotter}


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Port:
    monkeypatch.setattr(plugins, "names", lambda group: sorted(KNOWN))
    monkeypatch.setattr(survey, "driver_class", KNOWN.__getitem__)
    port = PORTS["port-a"] = Port()
    return port


def test_one_driver_that_fails_or_hangs_hides_nothing(port: Port) -> None:
    found = {one.driver: one for one in survey.find(timeout_s=0.3)}
    assert [device.source for device in found["numbers"].devices] == ["port-a"]
    assert found["broken"].error == "RuntimeError: its library crashed"
    assert "does not answer within" in found["hanging"].error


def test_list_prints_what_to_write_for_a_device(
    port: Port, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(KNOWN, "hanging")
    sensor_commands.list_sensors(as_json=False)
    said = capsys.readouterr()
    assert "numbers:port-a" in said.out
    assert "Numbers Inc." in said.out
    assert "broken: RuntimeError: its library crashed" in said.err
    sensor_commands.list_sensors(as_json=True)
    rows = json.loads(capsys.readouterr().out)
    assert {row["driver"]: len(row["devices"]) for row in rows} == {"broken": 0, "numbers": 1}


def feed(port: Port, count: int, *, lost: int = 0) -> None:
    port.domain = "device"
    port.put(*(Reading(number, stamp_ns=10**9 + number * 10_000_000, lost=lost) for number in range(count)))


def test_probe_measures_rate_and_gaps(port: Port, capsys: pytest.CaptureFixture[str]) -> None:
    feed(port, 40)
    sensor_commands.probe("numbers:port-a", seconds=0.3, as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert row["rate_hz"] == pytest.approx(100.0, rel=0.05)
    assert row["gap_p50_ms"] == pytest.approx(10.0, abs=0.5)
    assert row["description"] == {"model": "N-1"}
    assert port.open_drivers == 0


def test_probe_says_losses_and_silence_by_its_exit_code(port: Port, capsys: pytest.CaptureFixture[str]) -> None:
    feed(port, 3, lost=2)
    with pytest.raises(LossError, match="6 readings lost"):
        sensor_commands.probe("numbers:port-a", seconds=0.2, as_json=False)
    assert "lost         6 by the driver" in capsys.readouterr().out
    with pytest.raises(LossError, match="nothing came"):
        sensor_commands.probe("numbers:port-a", seconds=0.2, as_json=False)
    port.plugged = False
    with pytest.raises(MissingDependencyError, match="not plugged in"):
        sensor_commands.probe("numbers:port-a", seconds=0.2, as_json=False)


def test_show_draws_a_picture_and_overwrites_none(port: Port, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    out = tmp_path / "numbers.png"
    feed(port, 20)
    sensor_commands.show("numbers:port-a", seconds=0.2, out=out, force=False)
    assert out.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(BadInputError, match="exists; choose another"):
        sensor_commands.show("numbers:port-a", seconds=0.2, out=out, force=False)
    with pytest.raises(BadInputError, match=r"ends with \.png"):
        sensor_commands.show("numbers:port-a", seconds=0.2, out=tmp_path / "numbers.txt", force=False)


@pytest.mark.parametrize("text", ["numbers", "numbers:", ""])
def test_a_name_without_its_parts_says_how_it_is_written(port: Port, text: str) -> None:
    with pytest.raises(BadInputError, match="not DRIVER:SOURCE"):
        survey.driver_of(text)
