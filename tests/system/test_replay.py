"""``selfcue replay`` as a user has it: keys on a terminal, calls from a program, listeners that are slow."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfcue.bus import Bus
from selfcue.calls import Nothing, call
from selfcue.commands.player_keys import PlayerKeys
from selfcue.directory import FolderDirectory
from selfcue.errors import SelfcueError
from selfcue.messages import Image, Imu
from selfcue.player import PlayerState, Rate, Seek, Step
from selfcue.qos import Qos
from selfcue.record.writer import LogWriter

ROOT = Path(__file__).resolve().parents[2]
MS = 1_000_000


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of inertial data at 20 Hz and pictures at 10 Hz, each of one grey."""
    path = tmp_path_factory.mktemp("log") / "a.mcap"
    writer = LogWriter(path)
    for i in range(1200):
        omega = (float(i), 0.0, 0.0)
        stamp_ns = (1000 + 50 * i) * MS
        writer.write("imu", Imu(stamp_ns=stamp_ns, seq=i, angular_velocity=omega, linear_acceleration=omega), stamp_ns)
        if i % 2 == 0:
            grey = np.full((120, 160), i // 2 % 251, np.uint8)
            writer.write("left", Image(stamp_ns=stamp_ns, seq=i // 2, encoding="mono8", data=grey), stamp_ns)
    writer.close()
    return path


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def until(there: Callable[[], Any], *, s: float = 30.0) -> Any:
    deadline = time.monotonic() + s
    while not (found := there()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def ask(name: str, request: Any = None) -> PlayerState:
    return call(FolderDirectory(), f"player/{name}", request or Nothing(), PlayerState, timeout_s=10)


def state() -> PlayerState | None:
    try:
        return ask("state")
    except SelfcueError:
        return None


@contextmanager
def replay(log: Path, *words: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "selfcue", "replay", str(log), *words]
    with subprocess.Popen(command, cwd=log.parent, **{"stdout": -1, "stderr": -1, **streams}) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(20)


def test_calls_control_a_player(log: Path) -> None:
    with replay(log, "--paused"):
        first = until(state)
        assert (first.paused, first.played, first.rate) == (True, 0, 1.0)
        assert first.length_s == pytest.approx(59.95)
        ask("step", Step(3))
        until(lambda: ask("state").played == 3)
        assert ask("state").position_s == pytest.approx(0.1)
        assert ask("seek", Seek(to_s=30.0)).position_s == pytest.approx(30.0)
        assert ask("rate", Rate(4.0)).rate == 4.0
        begun = time.monotonic()
        assert not ask("resume").paused
        until(lambda: ask("state").position_s > 34.0)
        assert time.monotonic() - begun > 0.8  # four seconds of log at four times
        assert ask("pause").paused
        before = ask("state").played
        assert ask("seek", Seek(by_s=-10.0)).played == before
        with pytest.raises(SelfcueError, match=r"the log goes from 0 to 59\.95 s"):
            ask("seek", Seek(to_s=100.0))


def test_keys_control_it_on_a_terminal(log: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        with replay(log, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            threading.Thread(target=_drain, args=(ours,), daemon=True).start()
            until(lambda: (now := state()) is not None and now.played > 0)
            os.write(ours, b" ")
            until(lambda: ask("state").paused)
            played = ask("state").played
            os.write(ours, b"n")
            until(lambda: ask("state").played == played + 1)
            at_s = ask("state").position_s
            os.write(ours, b"x\x1b[C\x1b[A")  # a key that means nothing, right, up
            until(lambda: ask("state").rate == 2.0)
            assert ask("state").position_s == pytest.approx(at_s + 5.0)
            os.write(ours, b"\x1b[B\x1b[B")
            until(lambda: ask("state").rate == 0.5)
            os.write(ours, b" ")
            until(lambda: not ask("state").paused)
            os.write(ours, b"q")
            assert process.wait(20) == 130
    finally:
        os.close(ours)


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except OSError:
        return


def test_no_terminal_no_keys(log: Path) -> None:
    with (log.parent / "empty").open("w+") as nothing, PlayerKeys(nothing) as keys:
        assert not keys.listening
        keys.press(b" \x1b[C")  # nobody plays: nothing happens, and no error


def test_as_fast_as_the_slowest_reliable_listener_and_without_a_drop(log: Path) -> None:
    """Rate 0 hands over a minute in seconds; a listener that takes its time for each picture misses none."""
    bus = Bus("slow", FolderDirectory())
    bus.subscribe("left", Qos.reliable(4, deadline_s=20.0))
    try:
        with replay(log, "--rate", "0", "--paused"):
            until(state)
            until(lambda: bus.met({"source"}))
            ask("resume")
            seqs: list[int] = []
            deadline = time.monotonic() + 60
            while len(seqs) < 600:
                assert time.monotonic() < deadline
                bus.connect_present(every_s=0.2)
                for one in bus.poll(0.1):
                    assert isinstance(one.message, Image)
                    assert np.all(one.message.data == one.message.seq % 251)
                    seqs.append(one.message.seq)
                    time.sleep(0.002)  # work
        assert seqs == list(range(600))
        assert bus.drops == {}
    finally:
        bus.close()


def test_chosen_topics_under_other_names(log: Path) -> None:
    bus = Bus("hears", FolderDirectory())
    for topic in ("camera/image", "left", "imu"):
        bus.subscribe(topic)
    try:
        with replay(log, "--topic", "left", "--remap", "left:=camera/image", "--rate", "50", "--paused"):
            until(state)
            until(lambda: bus.met({"source"}))
            ask("step", Step(5))
            heard: list[str] = []
            deadline = time.monotonic() + 30
            while len(heard) < 5:
                assert time.monotonic() < deadline
                heard += [one.topic for one in bus.poll(0.1)]
        assert heard == ["camera/image"] * 5
    finally:
        bus.close()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--topic", "right"], 3, "has no topic 'right'; it has imu, left"),
        (["--remap", "left"], 2, "--remap left: write OLD:=NEW"),
        (["--start", "100"], 3, "start_s is 100, the log is 59.95 s long"),
    ],
)
def test_wrong_words(log: Path, words: list[str], code: int, says: str) -> None:
    with replay(log, *words) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert says in err.decode()
