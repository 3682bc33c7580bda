"""The doctor: what a running system stands on is named, and what is too little comes with its cure."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from selfcue.cli import main
from selfcue.commands import ground
from selfcue.directory import FolderDirectory, this_process


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def found() -> dict[str, ground.Ground]:
    return {one.name: one for one in ground.look()}


def test_the_ground_is_part_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"shared memory", "descriptors", "messaging"} <= {row["name"] for row in rows if row["kind"] == "ground"}
    assert main(["doctor"]) == 0


def test_who_runs_is_named() -> None:
    assert found()["running here"].found.startswith("nothing in domain test-")
    directory = FolderDirectory()
    card = this_process("camera", "ipc://x", {})
    directory.enter(type(card)(card.name, card.pid, card.started, card.endpoint, nodes=("eye",)))
    try:
        assert found()["running here"].found.startswith("camera in domain")
        assert str(directory.folder) in found()["sockets"].found
    finally:
        directory.leave("camera")  # or every later test of this run would find a camera that is not there


def test_no_shared_memory_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path / "none"))
    missing = found()["shared memory"]
    assert "missing" in missing.found
    assert "remount" in missing.mend
    monkeypatch.setattr(ground, "LEAST_SHM_BYTES", 0)
    monkeypatch.setenv("SELFCUE_SHM", str(tmp_path))
    assert found()["shared memory"].mend == ""


def test_too_few_descriptors_come_with_their_cure() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
        assert found()["descriptors"].mend.startswith("ulimit -n")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
