"""A fleet of depth learners by the real command line: each log gets what it would get by itself, to the bit."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NEEDED = ("torch", "cv2", "matplotlib", "safetensors", "scipy")
missing = [module for module in NEEDED if importlib.util.find_spec(module) is None]
if missing:
    pytest.skip(f"learning depth needs {missing}: pip install 'selfcue[learn]'", allow_module_level=True)


@pytest.fixture
def selfcue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Runs ``selfcue WORDS --json`` and returns what it prints."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))

    def run(*words: str) -> Any:
        command = [sys.executable, "-m", "selfcue", *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=240, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


def student_at(run: Path, frame: int) -> float:
    """Return the student's AbsRel on one frame of a run."""
    rows = json.loads((run / "scorer" / "score.json").read_text())["rows"]
    return next(float(row["scores"]["student"]["abs_rel"]) for row in rows if row["frame"] == frame)


@pytest.mark.slow
def test_a_log_in_a_fleet_gets_the_weights_and_figures_that_it_gets_alone(
    selfcue: Callable[..., Any], make_drive: Callable[..., Path], tmp_path: Path
) -> None:
    """Also where the log is an MCAP file made from the drive; and the student then holds on both, frozen."""
    near, far = make_drive("near", frames=27), make_drive("far", frames=22, seed=1)
    selfcue("log", "convert", str(far), "far.mcap")
    fleet = selfcue("fleet", "learn", str(near), "far.mcap", "--on", "local", "-j", "1", "--out", "fleet")
    assert (fleet["done"], fleet["failed"]) == (2, 0)
    for drive, log in zip((near, far), fleet["logs"], strict=True):
        alone = selfcue("learn", "depth", str(drive), "--out", f"alone_{drive.name}")
        weights = tmp_path / f"alone_{drive.name}" / "learner" / "student.safetensors"
        found = log["findings"]
        assert found["facts"]["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
        frozen = alone["stretches"]["frozen"]["student"]
        figure = found["figures"]["abs_rel"]
        assert (figure["value"], figure["number"]) == (frozen["abs_rel"], frozen["frames"])
        assert found["figures"]["teacher_abs_rel"]["value"] == alone["stretches"]["frozen"]["teacher"]["abs_rel"]
        assert found["curves"]["vs_stereo_abs_rel"]
    values = [log["findings"]["figures"]["abs_rel"]["value"] for log in fleet["logs"]]
    assert fleet["together"]["abs_rel"]["value"] == pytest.approx(sum(values) / 2)
    assert (tmp_path / "fleet" / "fleet.png").stat().st_size > 20_000

    checkpoint = tmp_path / "alone_near" / "learner" / "student.safetensors"
    scores = selfcue("fleet", "evaluate", str(checkpoint), str(near), "far.mcap", "--on", "local", "--out", "scores")
    first = scores["logs"][0]["findings"]["figures"]["abs_rel"]
    assert first["number"] == 7  # every LiDAR frame of the drive: nothing was learned from
    run = Path(scores["logs"][0]["findings"]["facts"]["run"])
    assert json.loads((run / "learner" / "student.json").read_text())["counts"]["steps"] == 0
    # Picture 24: by then the learner has heard that 21 was the last to learn from, and has decided which weights fly.
    assert student_at(run, 24) == student_at(tmp_path / "alone_near", 24) == values[0]
