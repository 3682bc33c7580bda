"""The main job over real processes: learn, lose stereo, fly on; cut it anywhere and it goes on bit for bit."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from selfcue import snapshot
from selfcue.directory import FolderDirectory
from selfcue.record.run_log import RunLog

NEEDED = ("mujoco", "open3d", "torch", "cv2", "matplotlib", "safetensors", "scipy")
missing = [module for module in NEEDED if importlib.util.find_spec(module) is None]
if missing:
    pytest.skip(f"the main job needs {missing}: pip install 'selfcue[sim,learn]'", allow_module_level=True)

SHORT = ("run", "drone_depth", "--seed", "3", "--learn", "12", "--duration", "18", "--json")
Selfcue = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def selfcue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Selfcue:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "selfcue", *words]
        return subprocess.Popen(command, stdout=-1, stderr=-1, text=True, cwd=tmp_path, start_new_session=True)

    return start


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]


def wait_for(true: Callable[[], object], timeout_s: float = 120) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def fingerprint(run_dir: Path) -> dict[str, str]:
    """Return hashes of the learned weights, of every pose and of the journal, and the number of poses."""
    poses, journal = hashlib.sha256(), hashlib.sha256()
    number = 0
    with RunLog(run_dir) as log:
        for entry in log.messages(["odom", "journal"]):
            target = poses if entry.topic == "odom" else journal
            target.update(repr(entry.message).encode())
            number += entry.topic == "odom"
    weights = hashlib.sha256((run_dir / "learner" / "student.safetensors").read_bytes()).hexdigest()
    return {"weights": weights, "poses": poses.hexdigest(), "journal": journal.hexdigest(), "n": str(number)}


def test_the_main_job_runs_is_repeatable_and_survives_kill_9(selfcue: Selfcue, tmp_path: Path) -> None:
    code, out, err = finish(selfcue(*SHORT, "--out", "whole"))
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert {"STEREO", "MONO_ONLY"} <= set(report["phases"])
    assert report["phases"]["ALL"]["metres"] > 1.0
    assert report["learner_counts"]["steps"] > 20
    for picture in ("path.png", "learning_curve.png", "depth.png"):
        assert (tmp_path / "whole" / "report" / picture).stat().st_size > 10_000
    assert json.loads((tmp_path / "whole" / "report" / "report.json").read_text())["phases"] == report["phases"]

    run = selfcue(*SHORT, "--snapshot", "4", "--out", "cut")
    wait_for(lambda: len(snapshot.whole(tmp_path / "cut")) >= 2)
    processes = family(run)
    assert len(processes) == 5
    for process in processes:
        process.kill()
    psutil.wait_procs(processes, timeout=10)
    code, _, err = finish(selfcue("run", "--resume", "cut", "--json"))
    assert (code, err) == (0, "")
    assert fingerprint(tmp_path / "cut") == fingerprint(tmp_path / "whole")
    assert not list(FolderDirectory().folder.iterdir())


def test_ctrl_c_leaves_a_readable_log_and_a_checkpoint(selfcue: Selfcue, tmp_path: Path) -> None:
    run = selfcue(*SHORT, "--snapshot", "2", "--out", "r")
    wait_for(lambda: snapshot.whole(tmp_path / "r"))
    begin = time.monotonic()
    run.send_signal(signal.SIGINT)
    code, _, err = finish(run)
    assert time.monotonic() - begin < 3.0
    assert code == 130
    assert "go on with: selfcue run --resume r" in err
    with RunLog(tmp_path / "r") as log:
        assert sum(entry.topic == "odom" for entry in log.messages()) >= 80
        assert not log.loss
    assert (tmp_path / "r" / "learner" / "student.safetensors").exists()
    assert not list(FolderDirectory().folder.iterdir())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            ("node: sim_drone", "node: sim_dron"),
            "no plugin 'sim_dron' in group selfcue.nodes; did you mean 'sim_drone'?",
        ),
        (("duration_s:", "duration:"), "params.duration: no such key; did you mean 'duration_s'?"),
        (('seed: "${seed}"', "seed: three"), "seed: expected `int`, got `str`"),
        (("sensor: stereo_right", "sensor: sonar"), "sonar"),
        (('duration_s: "${duration}"', "camera_hz: 33"), "camera_hz"),
        (('duration_s: "${duration}"', "stereo: {width: -3}"), "stereo -3 x 96 px is not usable"),
    ],
)
def test_a_wrong_launch_file_gives_one_line(
    selfcue: Selfcue, tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    shipped = Path(__file__).resolve().parents[2] / "launch" / "drone_depth.yaml"
    text = shipped.read_text()
    assert change[0] in text
    (tmp_path / "mine.yaml").write_text(text.replace(*change, 1))
    code, out, err = finish(selfcue("run", "mine.yaml", "--json", "--out", "r"))
    assert code in (2, 3)
    assert says in err
    assert err.count("\n") == 1
    assert out == ""
