"""docs/write_a_sensor.md as it stands there: a package of its own, a range finder behind a pseudo-terminal."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import pty
import re
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from selfcue.cell import Cell
from selfcue.clock import WallClock
from selfcue.messages import DeviceStatus, Message, Scalars
from selfcue.sensors.connection import ConnectionConfig
from tests.sensors.fake_device import wait_until

PAGE = (Path(__file__).parents[2] / "docs" / "write_a_sensor.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The page's package as ``pip install`` would leave it."""
    folder = tmp_path / "site"
    about = folder / "range_finder-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "range_finder.py").write_text("\n\n".join(blocks("python")))
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: range-finder\nVersion: 1.0\n")
    points = blocks("toml")[0].replace("project.entry-points.", "").replace('"selfcue', "selfcue")
    (about / "entry_points.txt").write_text(re.sub(r'"', "", points))
    return folder


class Finder:
    """The device's end of the cable."""

    def __init__(self) -> None:
        self.plug()

    def plug(self) -> None:
        self.end, self._cable = pty.openpty()
        tty.setraw(self._cable)
        self.port = os.ttyname(self._cable)

    def say(self, data: bytes) -> None:
        os.write(self.end, data)

    def pull(self) -> None:
        os.close(self.end)
        os.close(self._cable)


@pytest.fixture
def finder() -> Iterator[Finder]:
    finder = Finder()
    yield finder
    with contextlib.suppress(OSError):  # a test pulled it
        finder.pull()


@pytest.fixture
def module(package: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("range_finder", package / "range_finder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "range_finder", module)
    spec.loader.exec_module(module)
    return module


def test_garbage_and_split_lines_cost_nothing_but_themselves(module: ModuleType, finder: Finder) -> None:
    driver = module.RangeFinder(finder.port)
    driver.open()
    finder.say(b"\x00\xffjunk R9\nR12")
    assert driver.read(1.0) == []
    finder.say(b"34\r\nR1500\nR123456\n" + 200 * b"x")
    assert [reading.value for reading in driver.read(1.0)] == [1.234, 1.5]
    finder.say(b"\nR700\n")
    assert [reading.value for reading in driver.read(1.0)] == [0.7]
    driver.close()
    driver.close()


def test_the_node_publishes_and_finds_its_device_again(module: ModuleType, finder: Finder, tmp_path: Path) -> None:
    sent: list[tuple[str, Message]] = []
    link = tmp_path / "port"
    link.symlink_to(finder.port)  # as udev's links, it leads to wherever the device was plugged in
    connection = ConnectionConfig(read_timeout_s=0.1, first_wait_s=0.02)
    node = module.RangeNode("sonar", module.RangeParams(str(link), connection))
    clock = WallClock()
    cell = Cell(
        clock=clock,
        run_dir=tmp_path,
        lockstep=False,
        outlet=lambda topic, message, latched: sent.append((topic, message)),
    )
    cell.add(node)

    def ranges() -> list[float]:
        node.step(clock.now_ns())
        return [message.values["range_m"] for _, message in sent if isinstance(message, Scalars)]

    finder.say(b"R250\n")
    wait_until(lambda: ranges() == [0.25])
    finder.pull()
    finder.plug()
    link.unlink()
    link.symlink_to(finder.port)

    def again() -> bool:
        finder.say(b"R260\n")
        return 0.26 in ranges()

    wait_until(again, 10.0)
    states = [message.state for _, message in sent if isinstance(message, DeviceStatus)]
    assert states.count("up") >= 2
    node.close()


def test_installed_as_a_package_the_commands_know_it(package: Path, finder: Finder) -> None:
    def probe() -> dict[str, Any]:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package), os.environ.get("PYTHONPATH", "")])}
        command = [
            sys.executable,
            "-m",
            "selfcue",
            "sensors",
            "probe",
            f"range:{finder.port}",
            "--seconds",
            "1",
            "--json",
        ]
        root = Path(__file__).parents[2]
        done = subprocess.run(command, env=env, cwd=root, capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    stop = threading.Event()

    def echo() -> None:
        while not stop.wait(0.05):
            finder.say(b"R1000\n")

    thread = threading.Thread(target=echo)
    thread.start()
    try:
        found = probe()
    finally:
        stop.set()
        thread.join()
    assert found["status"]["name"] == f"range finder {finder.port}"
    assert found["status"]["readings"] >= 5
