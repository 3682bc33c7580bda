"""The real command line over real processes, with toy nodes: life, lock-step, faults, Ctrl-C, kill -9 and resume."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from selfcue import snapshot
from selfcue.calls import call
from selfcue.directory import FolderDirectory
from selfcue.params import ParamReply, ParamRequest

ROOT = Path(__file__).resolve().parents[2]
TOYS = """
args: {ticks: {default: 300}, slow: {default: 0.0}, how: {default: none}, after: {default: 1000000}}
clock: a/source
snapshot_s: 0.5
processes:
  a: [{name: source, node: "tests.kernel.toys:Source", params: {ticks: "${ticks}", slow_s: "${slow}"}}]
  b:
    - {name: summer, node: "tests.kernel.toys:Summer"}
    - {name: failing, node: "tests.kernel.toys:Failing", params: {after: "${after}", how: "${how}"}}
  c: [{name: diary, node: "tests.kernel.toys:Diary"}]
"""
ALONE = (
    TOYS.replace("  b:\n", "")
    .replace('  c: [{name: diary, node: "tests.kernel.toys:Diary"}]', "")
    .replace("    - {name: summer", '    - {name: diary, node: "tests.kernel.toys:Diary"}\n    - {name: summer')
    .replace("  a: [{name: source", "  a:\n    - {name: source")
    .replace('slow_s: "${slow}"}}]', 'slow_s: "${slow}"}}')
)
Selfcue = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def selfcue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Selfcue]:
    (tmp_path / "toys.yaml").write_text(TOYS)
    (tmp_path / "alone.yaml").write_text(ALONE)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("COLUMNS", "200")

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "selfcue", *words]
        started.append(subprocess.Popen(command, stdout=-1, stderr=-1, text=True, cwd=tmp_path, start_new_session=True))
        return started[-1]

    started: list[subprocess.Popen[str]] = []
    yield start
    for process in started:  # a test that failed must not leave a system to the next one; its children go with it
        if process.poll() is None:
            process.kill()
            process.communicate()


def finish(process: subprocess.Popen[str], timeout_s: float = 60) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=timeout_s)
    return process.returncode, out, err


def wait_for(true: Callable[[], object], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def left_behind(tmp_path: Path) -> list[str]:
    """Return what a run left of processes and of files in its domain."""
    lines = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    return [line for line in lines if str(tmp_path) in line] + [p.name for p in FolderDirectory().folder.iterdir()]


def test_grouping_into_processes_changes_nothing(selfcue: Selfcue, tmp_path: Path) -> None:
    for name in ("toys", "alone"):
        code, _, err = finish(selfcue("run", f"{name}.yaml", "--json", "--out", name))
        assert (code, err) == (0, "")
    code, _, err = finish(selfcue("run", "toys.yaml", "--json", "--out", "threads", "--one-process"))
    assert (code, err) == (0, "")
    diary = (tmp_path / "toys" / "diary.txt").read_text()
    assert diary == (tmp_path / "threads" / "diary.txt").read_text()
    assert len(diary.splitlines()) == 300  # what the last tick says is heard too
    assert diary == (tmp_path / "alone" / "diary.txt").read_text()
    assert left_behind(tmp_path) == []


def test_ctrl_c_stops_all_saves_and_resumes_bit_for_bit(selfcue: Selfcue, tmp_path: Path) -> None:
    assert finish(selfcue("run", "toys.yaml", "--json", "--out", "whole", "--ticks", "400"))[0] == 0
    run = selfcue("run", "toys.yaml", "--json", "--out", "cut", "--ticks", "400", "--slow", "0.01")
    wait_for(lambda: snapshot.whole(tmp_path / "cut"))
    begin = time.monotonic()
    run.send_signal(signal.SIGINT)
    code, _, err = finish(run)
    assert time.monotonic() - begin < 3.0
    assert code == 130
    assert "go on with: selfcue run --resume cut" in err
    assert left_behind(tmp_path) == []
    assert finish(selfcue("run", "--resume", "cut", "--json"))[0] == 0
    assert (tmp_path / "cut" / "diary.txt").read_text() == (tmp_path / "whole" / "diary.txt").read_text()


def test_a_parameter_that_was_changed_stays_changed_after_a_resume(selfcue: Selfcue, tmp_path: Path) -> None:
    run = selfcue("run", "toys.yaml", "--json", "--out", "r", "--ticks", "1000", "--slow", "0.3")
    wait_for(lambda: any("source/params" in card.calls for card in FolderDirectory().cards()))
    ask = (FolderDirectory(), "source/params", ParamRequest({"slow_s": 0.01}), ParamReply)
    assert call(*ask, timeout_s=30).values["slow_s"] == 0.01  # answered at the beginning of a tick
    wait_for(lambda: snapshot.whole(tmp_path / "r"))
    run.send_signal(signal.SIGINT)
    assert finish(run)[0] == 130
    begin = time.monotonic()
    assert finish(selfcue("run", "--resume", "r", "--json"), timeout_s=150)[0] == 0
    assert time.monotonic() - begin < 150  # five minutes with the old value
    lines = (tmp_path / "r" / "diary.txt").read_text().splitlines()
    assert len(lines) == 1001
    assert sum("param {'node': 'source', 'name': 'slow_s', 'value': 0.01}" in line for line in lines) == 1


def test_kill_9_of_everything_resumes_bit_for_bit(selfcue: Selfcue, tmp_path: Path) -> None:
    assert finish(selfcue("run", "toys.yaml", "--json", "--out", "whole", "--ticks", "400"))[0] == 0
    run = selfcue("run", "toys.yaml", "--json", "--out", "cut", "--ticks", "400", "--slow", "0.01")
    wait_for(lambda: len(snapshot.whole(tmp_path / "cut")) >= 2)
    family = [*psutil.Process(run.pid).children(recursive=True), psutil.Process(run.pid)]
    assert len(family) == 4
    for process in family:
        process.kill()
    psutil.wait_procs(family, timeout=10)
    assert not (tmp_path / "cut" / "diary.txt").exists()
    assert finish(selfcue("run", "--resume", "cut", "--json"))[0] == 0
    assert (tmp_path / "cut" / "diary.txt").read_text() == (tmp_path / "whole" / "diary.txt").read_text()
    assert left_behind(tmp_path) == []


def test_children_die_with_a_killed_supervisor(selfcue: Selfcue, tmp_path: Path) -> None:
    run = selfcue("run", "toys.yaml", "--json", "--out", "r", "--slow", "0.01", "--ticks", "100000")
    wait_for(lambda: snapshot.whole(tmp_path / "r"))
    children = psutil.Process(run.pid).children(recursive=True)
    run.kill()
    run.wait()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []


def test_a_killed_process_ends_the_run_and_is_named(selfcue: Selfcue, tmp_path: Path) -> None:
    run = selfcue("run", "toys.yaml", "--json", "--out", "r", "--slow", "0.01", "--ticks", "100000")
    wait_for(lambda: snapshot.whole(tmp_path / "r"))
    child = next(p for p in psutil.Process(run.pid).children() if p.cmdline()[-2] == "b")
    child.kill()
    code, _, err = finish(run)
    assert code == 1
    assert "process 'b' was killed by SIGKILL" in err
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("how", "code", "says"),
    [
        ("bad-input", 3, "selfcue: failing: frame 7 is not an image; check the camera\n"),
        ("bug", 1, "ZeroDivisionError: oops (a fault of the program; see logs/b.log)\n"),
    ],
)
def test_a_failing_node_gives_one_line(selfcue: Selfcue, tmp_path: Path, how: str, code: int, says: str) -> None:
    result = finish(selfcue("run", "toys.yaml", "--json", "--out", "r", "--how", how, "--after", "9"))
    assert result[0] == code
    assert result[2].endswith(says)
    assert result[2].count("\n") == 1
    assert left_behind(tmp_path) == []


def test_a_hanging_node_does_not_hold_up_ctrl_c(selfcue: Selfcue, tmp_path: Path) -> None:
    run = selfcue("run", "toys.yaml", "--json", "--out", "r", "--how", "hang", "--after", "60")
    wait_for(lambda: snapshot.whole(tmp_path / "r"))
    begin = time.monotonic()
    run.send_signal(signal.SIGINT)
    assert finish(run)[0] == 130
    assert time.monotonic() - begin < 3.5
    assert left_behind(tmp_path) == []


def test_ctrl_c_during_start_leaves_nothing(selfcue: Selfcue, tmp_path: Path) -> None:
    run = selfcue("run", "toys.yaml", "--json", "--out", "r")
    wait_for(lambda: len(psutil.Process(run.pid).children()) == 3)
    run.send_signal(signal.SIGINT)
    assert finish(run)[0] in (0, 130)
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["run", "nope"], 2, "no launch file 'nope'; shipped:"),
        (["run", "toys.yaml", "--tick", "3"], 2, "no argument 'tick'; it has: ticks"),
        (["run", "toys.yaml", "--ticks", "x"], 2, "--ticks x: expected a whole number"),
        (["run", "toys.yaml", "stray"], 2, "'stray' is not understood"),
        (["run", "missing.yaml"], 3, "missing.yaml: cannot be read"),
        (["run", "--resume", "nowhere"], 3, "not the folder of a run"),
        (["frob"], 2, "No such command 'frob'"),
        (["topic", "echo", "nothing"], 3, "nobody publishes 'nothing'"),
    ],
)
def test_wrong_words_give_one_line(selfcue: Selfcue, words: list[str], code: int, says: str) -> None:
    result = finish(selfcue(*words))
    assert result[0] == code
    assert says in result[2]
    assert result[2].count("\n") == 1
    assert "Traceback" not in result[2]


def test_topics_of_a_running_system(selfcue: Selfcue, tmp_path: Path) -> None:
    run = selfcue("run", "toys.yaml", "--json", "--out", "r", "--slow", "0.01", "--ticks", "100000")
    wait_for(lambda: snapshot.whole(tmp_path / "r"))
    rows = [json.loads(line) for line in finish(selfcue("topic", "list", "--json"))[1].splitlines()]
    assert {"topic": "image", "type": "Image", "publishers": ["a"]} in rows
    echoed = json.loads(finish(selfcue("topic", "echo", "image", "--count", "1", "--json"))[1])
    assert echoed["data"]["shape"] == [96, 128]
    rate = json.loads(finish(selfcue("topic", "hz", "image", "--count", "20", "--json"))[1])
    assert rate["stamp_hz"] == pytest.approx(100, rel=0.01)
    first = json.loads(finish(selfcue("topic", "echo", "first", "--count", "1", "--json"))[1])
    assert first["stamp_ns"] == 0  # latched: it was published before this subscriber came
    os.kill(run.pid, signal.SIGTERM)
    assert finish(run)[0] == 130
