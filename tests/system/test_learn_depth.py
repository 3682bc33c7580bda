"""A recorded drive through the real command line: it learns, scores and reports; a bad drive gets one line."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

NEEDED = ("torch", "cv2", "matplotlib", "safetensors", "scipy")
missing = [module for module in NEEDED if importlib.util.find_spec(module) is None]
if missing:
    pytest.skip(f"learning depth needs {missing}: pip install 'selfcue[learn]'", allow_module_level=True)

FRAMES = 24
Result = tuple[int, str, str]


@pytest.fixture
def learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))

    def run(*words: str) -> Result:
        command = [sys.executable, "-m", "selfcue", "learn", "depth", *words]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=240, check=False)
        return done.returncode, done.stdout, done.stderr

    return run


def test_a_drive_is_learned_scored_and_reported(learn: Callable[..., Result], drive: Path, tmp_path: Path) -> None:
    code, out, err = learn(str(drive), "--learn-until", "17", "--json", "--out", "r")
    assert (code, err) == (0, "")
    report = json.loads(out)
    learned, frozen = report["stretches"]["predict_before_learn"], report["stretches"]["frozen"]
    assert learned["student"]["frames"] + frozen["student"]["frames"] == FRAMES // 4
    assert frozen["first_frame"] == 18
    assert learned["teacher"]["abs_rel"] < 0.05
    for cue in ("student", "row_mean", "pixel_mean"):
        assert 0 < frozen[cue]["abs_rel"] < 1
    for name in ("report/curve.png", "report/depth.png", "learner/student.safetensors", "log/0000.mcap"):
        assert (tmp_path / "r" / name).stat().st_size > 5_000


def weights_of(run: Path) -> str:
    return hashlib.sha256((run / "learner" / "student.safetensors").read_bytes()).hexdigest()


def test_replayed_twice_the_weights_are_the_same_to_the_bit(
    learn: Callable[..., Result], drive: Path, tmp_path: Path
) -> None:
    """And how nodes are grouped into processes makes no difference."""
    common = ["--learn-until", "17", "--json", "--out"]
    assert learn(str(drive), *common, "a")[::2] == (0, "")
    words = ["run", "learn_depth", "--path", str(drive), "--one-process", *common, "b"]
    done = subprocess.run(
        [sys.executable, "-m", "selfcue", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert weights_of(tmp_path / "a") == weights_of(tmp_path / "b")
    assert learn(str(drive), "--seed", "1", *common, "c")[::2] == (0, "")
    assert weights_of(tmp_path / "c") != weights_of(tmp_path / "a")


@pytest.mark.slow
def test_the_real_drive_replayed_twice_gives_the_same_weights(learn: Callable[..., Result], tmp_path: Path) -> None:
    root = os.environ.get("SELFCUE_DATA")
    if not root or not (Path(root) / "kitti_raw_stereo_lidar").is_dir():
        pytest.skip("SELFCUE_DATA with kitti_raw_stereo_lidar is not here")
    for run in ("a", "b"):
        code, _, err = learn(
            str(Path(root) / "kitti_raw_stereo_lidar"), "--last", "14", "--learn-until", "10", "--json", "--out", run
        )
        assert (code, err) == (0, "")
    assert weights_of(tmp_path / "a") == weights_of(tmp_path / "b")


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda d: (d / "left" / "000005.png").unlink(), "000005.png"),
        (lambda d: os.truncate(d / "right" / "000006.png", 300), "000006.png"),
        (lambda d: (d / "calib.txt").unlink(), "calib.txt"),
        (lambda d: (d / "calib.txt").write_text("fx fast\n"), "calib.txt"),
        (lambda d: [x.unlink() for x in (d / "left").iterdir()], "left"),
    ],
    ids=["missing image", "corrupt image", "missing calibration", "calibration of words", "no images"],
)
def test_a_bad_drive_gets_one_line(
    learn: Callable[..., Result], drive: Path, harm: Callable[[Path], object], says: str
) -> None:
    harm(drive)
    code, out, err = learn(str(drive), "--json", "--out", "r")
    assert code == 3
    assert says in err
    assert err.count("\n") == 1
    assert out == ""


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nowhere"], 3, "nowhere: no such file or folder"),
        (["drive/left"], 3, "left"),
        (["drive", "--first", "30"], 2, "leave nothing to play"),
        (["drive", "--student", "oracle"], 2, "choose one of dense, textons"),
        ([], 2, "Missing argument"),
    ],
)
def test_wrong_words(learn: Callable[..., Result], drive: Path, words: list[str], code: int, says: str) -> None:
    assert drive.exists()
    result = learn(*words, "--json", "--out", "r")
    assert result[0] == code
    assert says in result[2]
    assert result[2].count("\n") == 1
