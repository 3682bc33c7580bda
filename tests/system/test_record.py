"""``selfcue record`` on a live system, and ``record:`` in its launch file, by the real command line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from selfcue.cli import main
from selfcue.directory import FolderDirectory
from selfcue.messages import Image, JournalEvent
from selfcue.record.reader import LogReader
from selfcue.record.recover import recover
from selfcue.record.run_log import RunLog

ROOT = Path(__file__).resolve().parents[2]
LIVE = """
record:
  topics: {image: {type: Image, png: 1}, beat: {type: JournalEvent}, calibration: {type: JournalEvent}}
  split_s: 1.5
processes:
  beat: [{name: beat, node: "tests.kernel.live_toys:Beat", rate_hz: 200.0}]
  camera: [{name: camera, node: "tests.kernel.live_toys:Camera", rate_hz: 30.0}]
"""
Tool = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("record")


@pytest.fixture(scope="module")
def system(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "x"))
        patch.setenv("PYTHONPATH", str(ROOT))
        (folder / "live.yaml").write_text(LIVE)
        command = [sys.executable, "-m", "selfcue", "run", "live.yaml", "--json", "--out", "run"]
        with subprocess.Popen(command, cwd=folder, stdout=-1, stderr=-1, text=True) as run:
            until(lambda: sum(bool(card.nodes) for card in FolderDirectory().cards()) == 3, run)
            yield run
            if run.poll() is None:
                run.send_signal(signal.SIGINT)
                assert run.wait(20) == 130


def until(
    there: Callable[[], bool], process: subprocess.Popen[str] | None = None, *, s: float = 60.0, pause_s: float = 0.02
) -> None:
    deadline = time.monotonic() + s
    while not there():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(pause_s)


@pytest.fixture
def tool(system: subprocess.Popen[str], capsys: pytest.CaptureFixture[str]) -> Tool:
    def use(*words: str) -> tuple[int, str, str]:
        code = main(["record", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return use


def begin(folder: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "selfcue", "record", *words], cwd=folder, stdout=-1, stderr=-1, text=True
    )


def seqs(log: Any, topic: str) -> list[int]:
    return [message.seq for _, message, _ in log.messages([topic])]


def without_gap(numbers: list[int]) -> bool:
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_everything_is_recorded_without_a_gap(tool: Tool, folder: Path) -> None:
    code, out, _ = tool("--out", str(folder / "a.mcap"), "--duration", "2", "--json")
    told = json.loads(out)
    assert (code, told["complete"], told["lost"]) == (0, True, {})
    with LogReader(folder / "a.mcap") as log:
        assert log.complete
        pictures = [message for _, message, _ in log.messages(["image"])]
        assert all(isinstance(one, Image) and one.data.min() == one.data.max() for one in pictures)
        assert without_gap([one.seq for one in pictures])
        assert without_gap(seqs(log, "beat"))
        assert len(pictures) > 20
        assert seqs(log, "calibration") == [0]  # latched, long before
        assert {"health", "node/health", "image", "beat"} <= set(log.topics())
        assert log.attachment("launch.yaml").decode() == LIVE
        assert all(0 <= ns - message.stamp_ns < 60e9 for _, message, ns in log.messages(["beat"]))


def test_chosen_topics_thinned_and_split(tool: Tool, folder: Path) -> None:
    out = folder / "some"
    words = ("beat", "cal*", "--max-hz", "beat=20", "--split-s", "0.6", "--duration", "2")
    code, said, _ = tool(*words, "--out", str(out))
    assert code == 0
    assert "messages of 2 topics" in said
    with RunLog(out) as log:
        assert sorted(log.topics()) == ["beat", "calibration"]
        assert 20 < log.topics()["beat"].count < 60
    assert len(list(out.iterdir())) >= 3


def test_ctrl_c_ends_a_recording_and_kill_9_costs_a_second(folder: Path, system: subprocess.Popen[str]) -> None:
    with begin(folder, "beat", "--out", "ended.mcap") as recording:
        until((folder / "ended.mcap").exists, recording)
        recording.send_signal(signal.SIGINT)
        assert recording.wait(20) == 0
    with LogReader(folder / "ended.mcap") as log:
        assert log.complete
    path = folder / "killed.mcap"
    with begin(folder, "--out", "killed.mcap") as recording:
        until(lambda: path.exists() and path.stat().st_size > 100_000, recording)
        at_ns = time.time_ns()
        os.kill(recording.pid, signal.SIGKILL)
        recording.wait()
    with LogReader(path) as log:
        assert log.cut_short
        assert at_ns - log.end_ns < 2e9  # a second, and what a busy machine adds
        whole = len(list(log))
    made = recover(path)
    assert made.messages == whole > 0


def test_snapshots_by_call_and_by_signal(tool: Tool, folder: Path) -> None:
    assert tool("--now")[0] == 2  # nobody holds a ring yet
    with begin(folder, "--out", "events", "--snapshot", "1.5") as holding:
        until(lambda: any("recorder/snapshot" in card.calls for card in FolderDirectory().cards()), holding)
        snaps = folder / "events" / "snapshots"

        def full() -> bool:
            told = json.loads(tool("--now", "--reason", "bump", "--json")[1] or '{"to_ns": 0, "from_ns": 0}')
            return bool(told["to_ns"] - told["from_ns"] > 1.2e9)

        until(full, holding, pause_s=0.3)
        holding.send_signal(signal.SIGUSR1)
        until(lambda: any(snaps.glob("*-signal.mcap")), holding)
        holding.send_signal(signal.SIGINT)
        assert holding.wait(20) == 0
    for path in (max(snaps.glob("*-bump.mcap")), *snaps.glob("*-signal.mcap")):
        with LogReader(path) as log:
            assert log.complete
            assert 1.2e9 < log.end_ns - log.start_ns <= 1.5e9
            assert without_gap(seqs(log, "image"))
    assert [path.name for path in (folder / "events").iterdir()] == ["snapshots"]


def test_what_cannot_be_recorded_is_said(tool: Tool, folder: Path) -> None:
    code, _, err = tool("bea", "--out", str(folder / "b.mcap"))
    assert code == 3
    assert "nobody publishes bea; there is: beat" in err
    assert tool("--out", str(folder / "b.mcap"), "--split-mb", "3")[0] == 2
    assert tool()[0] == 2
    assert tool("--out", str(folder / "b.mcap"), "--jpeg", "image=101")[0] == 3
    assert tool("--out", str(folder / "b.mcap"), "--max-hz", "image")[0] == 2
    assert not (folder / "b.mcap").exists()


def test_the_run_recorded_itself(system: subprocess.Popen[str], folder: Path) -> None:
    """The last one here: it ends the system."""
    until((folder / "run" / "log" / "0002.mcap").exists, system)
    system.send_signal(signal.SIGINT)
    assert system.wait(20) == 130
    with RunLog(folder / "run") as log:
        assert log.loss == ""
        assert without_gap(seqs(log, "beat"))
        assert without_gap(seqs(log, "image"))
        assert seqs(log, "calibration") == [0]
        kinds = {type(message) for _, message, _ in log}
    assert kinds == {Image, JournalEvent}
