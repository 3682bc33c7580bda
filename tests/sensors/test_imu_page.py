"""What docs/sensors_imu.md shows works as it stands there."""

from __future__ import annotations

import importlib.util
import re
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import yaml

from selfcue.config import launch as launch_files
from selfcue.host import make_node
from selfcue.sensors.imu.calibration_file import read_imu_calibration
from selfcue.sensors.imu.framing import read_framing
from selfcue.sensors.imu.network_driver import NetworkImu, NetworkImuConfig
from selfcue.sensors.imu.watches import clock_watches, imu_watches

PAGE = Path(__file__).parents[2] / "docs" / "sensors_imu.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def shown(folder: Path, number: int) -> ModuleType:
    """Return a block of code of the page as a module."""
    path = folder / f"shown_{number}.py"
    path.write_text(blocks("python")[number])
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_launch_file_holds_together() -> None:
    spec, _ = launch_files.parse(blocks("yaml")[0], name="shown", origin=PAGE.name).resolve({})
    nodes = [make_node(node, PAGE.name, process) for process, found in spec.processes.items() for node in found]
    assert [node.name for node in nodes] == ["imu", "imu_watch", "imu_clock_watch"]


def test_the_descriptions_are_read(tmp_path: Path) -> None:
    described = blocks("yaml")[1:]
    assert len(described) == 2
    for text in described:
        (tmp_path / "unit.yaml").write_text(text)
        framing = read_framing(tmp_path / "unit.yaml")
        assert {one.name for one in framing.fields} >= {"accel_x", "time", "counter"}
        assert yaml.safe_load(text).keys() <= {"binary", "text"}


def test_the_sender_is_heard(tmp_path: Path) -> None:
    driver = NetworkImu(NetworkImuConfig(port=0))
    driver.open()
    batches = iter([[(1000, (0.0, 0.0, 9.81), (0.1, 0.0, 0.0)), (11_000, (0.0, 0.5, 9.81), (0.2, 0.0, 0.0))], []])
    send = shown(tmp_path, 0).send_forever
    sender = threading.Thread(target=send, args=(lambda: next(batches), ("127.0.0.1", driver.port)))
    sender.start()
    found = driver.read(10.0)
    sender.join()
    driver.close()
    assert [reading.value.accel for reading in found] == [(0.0, 0.0, 9.81), (0.0, 0.5, 9.81)]
    assert [reading.value.device for reading in found] == ["left-wrist"] * 2


def test_the_functions_do_what_they_say(tmp_path: Path) -> None:
    code = shown(tmp_path, 1)
    rng = np.random.default_rng(0)
    faces = np.repeat(np.concatenate([np.eye(3), -np.eye(3)]) * 9.80665, 300, axis=0)
    accel = faces * 1.02 + [0.1, 0.0, -0.2] + rng.normal(0, 0.01, faces.shape)
    stamps = np.arange(len(accel), dtype=np.int64) * 10_000_000
    report = code.calibrate(stamps, accel, np.zeros_like(accel), tmp_path / "imu.yaml")
    assert report.good, report.verdict
    assert read_imu_calibration(tmp_path / "imu.yaml").accel_bias == pytest.approx((0.1, 0.0, -0.2), abs=0.01)
    stamps_50, values, valid = code.at_50_hz(stamps, accel)
    assert len(stamps_50) == 900
    assert valid.all()
    assert values.shape == (900, 3)
    tau, deviation = code.noise(accel[:300], 100.0)
    assert tau[0] == 0.01
    assert deviation[0] == pytest.approx((0.01, 0.01, 0.01), rel=0.2)


def test_the_table_of_faults_says_what_the_detectors_need() -> None:
    rows = dict(re.findall(r"^\| (`[a-z`, ]+`) \| ([\d.]+) s", PAGE.read_text(), re.MULTILINE))
    said = {name: float(needs) for names, needs in rows.items() for name in re.findall(r"`([a-z]+)`", names)}
    assert said == {
        name: needs for watch in [*imu_watches(), *clock_watches()] for name, needs in watch.needs_s.items()
    }
