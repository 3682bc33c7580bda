"""Rerun: what it can show is all in its file, and a viewer listens on loopback alone and is shed when it stalls."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest

from selfcue.errors import LossError, MissingDependencyError, UsageError
from selfcue.messages import Estimate, Image, LearnerStatus, Message, Odometry
from selfcue.record.writer import LogWriter

pytest.importorskip("rerun", reason="rerun-sdk is not installed: pip install 'selfcue[view]'")

from selfcue.commands.view import view
from selfcue.view.rerun_feed import MOST_WAITING, RerunFeed, layout
from selfcue.view.rerun_viewer import RerunViewer

MS = 1_000_000
NOTHING_FOR = {"ClockOffset", "DeviceStatus", "Health", "ProcessStatus"}
"""Types that Rerun shows nothing for: the status page and `selfcue top` do."""


def entities(path: Path) -> Counter[str]:
    """Return rows by entity of an ``.rrd`` file, read by Rerun's own command."""
    words = [sys.executable, "-m", "rerun_cli", "rrd", "print", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: Counter[str] = Counter()
    for rows, entity in re.findall(r"with (\d+) rows .* - (/\S+) - ", done.stdout):
        found[entity] += int(rows)
    return found


def test_a_log_becomes_a_file_with_everything_that_rerun_can_show(tmp_path: Path, samples: list[Message]) -> None:
    log, written = tmp_path / "all.mcap", tmp_path / "all.rrd"
    writer = LogWriter(log)
    for k in range(3):
        for message in samples:
            stamp_ns = (k + 1) * 25 * MS
            writer.write(type(message).__name__, msgspec.structs.replace(message, stamp_ns=stamp_ns, seq=k), stamp_ns)
    writer.close()
    words = [sys.executable, "-m", "selfcue", "view", str(log), "--rerun-save", str(written)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    kinds = {type(message).__name__ for message in samples}
    assert set(re.findall(r"(\w+) \(3\)", done.stdout)) == kinds & NOTHING_FOR
    found = entities(written)
    for kind in kinds - NOTHING_FOR - {"Transforms", "CameraInfo", "Truth"}:
        assert any(entity.startswith(f"/{kind}") for entity in found), kind
    assert found["/Image"] == 3
    assert found["/Estimate"] == 3
    assert found["/PointCloud"] == 3
    assert found["/CameraInfo"] >= 1


def test_a_path_is_drawn_now_and_then_and_stays_bounded(tmp_path: Path) -> None:
    feed = RerunFeed("walk", save=tmp_path / "walk.rrd")
    for i in range(400):
        place = (0.1 * i, 0.0, 0.0)
        feed.take("odom", Odometry(stamp_ns=i * 50 * MS, position=place, orientation=(0.0, 0.0, 0.0, 1.0),
                                   linear_velocity=place, angular_velocity=place))  # fmt: skip
    feed.close()
    found = entities(tmp_path / "walk.rrd")
    assert found["/odom/body"] >= 400
    assert found["/odom/path"] == 40  # two a second, in 20 s


def test_a_viewer_listens_on_loopback_sends_no_statistics_and_is_shed_when_it_stalls() -> None:
    viewer = RerunViewer(web=True, web_port=0)
    process = psutil.Process(viewer.pid)
    listening = [one.laddr.ip for one in process.net_connections() if one.status == psutil.CONN_LISTEN]
    assert listening
    assert set(listening) == {"127.0.0.1"}
    settings = Path(process.environ()["XDG_CONFIG_HOME"]) / "rerun" / "analytics.json"
    assert json.loads(settings.read_text())["analytics_enabled"] is False
    feed = RerunFeed("stalled", viewer=viewer)
    rng = np.random.default_rng(0)
    picture = Image(stamp_ns=MS, encoding="rgb8", data=rng.integers(0, 256, (480, 640, 3), dtype=np.uint8))
    try:
        os.kill(viewer.pid, signal.SIGSTOP)
        for _ in range(20 * MOST_WAITING):
            feed.take("eye", picture)
        assert feed.shed > 10 * MOST_WAITING
    finally:
        feed.close()
    assert feed.gone
    assert not settings.exists()


def test_a_closed_viewer_ends_the_feed() -> None:
    viewer = RerunViewer(web=True, web_port=0)
    feed = RerunFeed("closed", viewer=viewer, patient=True)
    os.kill(viewer.pid, signal.SIGKILL)
    psutil.Process(viewer.pid).wait(10)
    assert feed.gone
    feed.take("eye", Image(stamp_ns=MS, encoding="mono8", data=np.zeros((4, 4), np.uint8)))  # and does not wait
    feed.close()
    feed.close()


def test_a_viewer_ends_with_the_process_that_started_it_also_where_that_is_killed(tmp_path: Path) -> None:
    words = ["import sys, time; from selfcue.view.rerun_viewer import RerunViewer",
             "print(RerunViewer(web=True, web_port=0).pid, flush=True)", "sys.stdin.read()"]  # fmt: skip
    command = [sys.executable, "-c", "\n".join(words)]
    place = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, cwd=tmp_path, env=place) as starter:
        assert starter.stdout is not None
        viewer = psutil.Process(int(starter.stdout.readline()))
        assert "rerun" in viewer.name()
        starter.kill()
    psutil.wait_procs([viewer], timeout=10)
    assert not viewer.is_running() or viewer.status() == psutil.STATUS_ZOMBIE


def test_without_a_display_there_is_no_window(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(MissingDependencyError, match=r"no display for Rerun's window; .* --rerun-web"):
        RerunViewer()


def test_a_file_that_cannot_be_written_to_its_end_is_said_and_nobody_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = RerunFeed("broken", save=tmp_path / "a.rrd")

    def full(*_: object, **__: object) -> None:
        raise RuntimeError("No space left on device")

    monkeypatch.setattr(feed._stream, "log", full)
    picture = Image(stamp_ns=MS, encoding="mono8", data=np.zeros((4, 4), np.uint8))
    for _ in range(3 * MOST_WAITING):
        feed.take("eye", picture)
    with pytest.raises(LossError, match=r"a\.rrd: not all of it could be written \(No space left"):
        feed.close()


def test_wrong_words() -> None:
    with pytest.raises(UsageError, match="choose one of"):
        view(None, foxglove=True, rerun=True, rerun_web=False, rerun_save=None, as_json=False)
    with pytest.raises(UsageError, match="no lock"):
        view(None, foxglove=False, rerun=True, rerun_web=False, rerun_save=None, as_json=False, host="0.0.0.0", port=0)


def test_a_layout_has_a_view_for_each_picture_and_curves_for_each_learner() -> None:
    pictures = layout({"depth/student": Estimate, "eye": Image}).root_container
    assert [str(one.origin) for one in pictures.contents] == ["depth/student", "eye"]
    both = layout({"eye": Image, "depth/status": LearnerStatus, "odom": Odometry}).root_container
    left = both.contents[0]
    assert [type(one).__name__ for one in left.contents] == ["Spatial3DView", "TimeSeriesView", "TextLogView"]
    assert "+ /depth/status/skill/abs_rel" in left.contents[1].contents
