"""What ``selfcue doctor`` says of libraries, programs and ports."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfcue.commands import ports
from selfcue.optional import SYSTEM_PACKAGES


def test_every_missing_library_has_the_command_that_gets_it(tmp_path: Path) -> None:
    found = {one.name: one for one in ports.look(tmp_path, known=lambda: {"libGL.so.1"})}
    assert found["libGL.so.1"].mend == ""
    assert found["libportaudio.so.2"].mend == "sudo apt-get install libportaudio2"
    for name, package in SYSTEM_PACKAGES.items():
        if name != "libGL.so.1":
            assert found[name].mend.endswith(f" {package}")
            assert found[name].what_for != "a package's wheel", "say what it is for"


def test_the_systems_own_libraries_are_found() -> None:
    here = ports.libraries()
    assert any(name.startswith("libc.so") for name in here)


def test_ports_are_listed_and_one_that_is_closed_says_which_group_opens_it(tmp_path: Path) -> None:
    for name in ("video0", "ttyUSB0", "ttyACM1", "ttyS0", "i2c-1"):
        (tmp_path / name).touch()
    found = {one.name: one for one in ports.look(tmp_path, known=set)}
    assert found["cameras"].found == str(tmp_path / "video0")
    assert found["serial ports"].found == f"{tmp_path / 'ttyACM1'}, {tmp_path / 'ttyUSB0'}"
    assert not found["I2C buses"].mend


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_closed_port_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "video0").touch(mode=0)
    (cameras,) = [one for one in ports.look(tmp_path, known=set) if one.name == "cameras"]
    assert "not readable" in cameras.found
    assert "usermod -aG" in cameras.mend


def test_a_program_that_is_missing_names_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = {one.name: one for one in ports.look(tmp_path, known=set)}
    assert found["ffmpeg"].mend == "sudo apt-get install ffmpeg"
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    assert not {one.name: one for one in ports.look(tmp_path, known=set)}["ffmpeg"].mend
