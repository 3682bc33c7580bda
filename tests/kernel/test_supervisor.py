"""Real processes under the supervisor, on the wall's clock: killed, failing, hanging, with children of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from selfcue import logs
from selfcue.bus import Bus
from selfcue.config import launch
from selfcue.directory import FolderDirectory
from selfcue.errors import SelfcueError
from selfcue.messages import NodeHealth, ProcessStatus
from selfcue.supervisor import Supervisor
from selfcue.system import System

ROOT = Path(__file__).resolve().parents[2]
LIVE = """
processes:
  beat: [{{name: beat, node: "tests.kernel.live_toys:Beat", rate_hz: 50.0}}]
  echo: [{{name: echo, node: "tests.kernel.live_toys:Echo"}}]
  faulty: [{{name: faulty, node: "tests.kernel.live_toys:Faulty", rate_hz: 50.0, params: {{how: {how}, after: 20}}}}]
restart: {restart}
"""


class Watch:
    """A supervised system, and a bus that listens to it."""

    def __init__(self, supervisor: Supervisor, bus: Bus, run_dir: Path) -> None:
        self.supervisor, self.bus, self.run_dir = supervisor, bus, run_dir
        self.heard: list[tuple[str, int]] = []
        self.statuses: list[ProcessStatus] = []

    def until(self, true: Callable[[], object], timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < deadline, f"waited in vain; {self.statuses}"
            self.supervisor.alive()
            self.bus.connect_present(every_s=0.1)
            self.bus.forget_gone()
            for one in self.bus.poll(0.02):
                if isinstance(one.message, NodeHealth):
                    self.supervisor.heard(one.message.host)
                self.heard.append((one.topic, one.count))

    def pid(self, process: str) -> int:
        return next(status.pid for status in self.supervisor.statuses if status.process == process)

    def states(self, process: str) -> list[str]:
        return [status.state for status in self.statuses if status.process == process]

    def hears(self, topic: str) -> Callable[[], object]:
        """Return a condition: ``topic`` is heard from now on."""
        before = len(self.heard)
        return lambda: any(name == topic for name, _ in self.heard[before:])


@pytest.fixture
def supervise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Watch]]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    watches: list[Watch] = []

    def start(*, how: str = "none", restart: str = "{}", one_process: bool = False) -> Watch:
        found = launch.parse(LIVE.format(how=how, restart=restart), name="live", origin="live.yaml")
        system = System("live", "live.yaml", found.resolve({})[0], {}, os.environ["SELFCUE_DOMAIN"])
        bus = Bus("ears", FolderDirectory())
        for topic in ("beat", "echo", "node/health"):
            bus.subscribe(topic)
        statuses: list[ProcessStatus] = []
        supervisor = Supervisor(system, tmp_path / "run", one_process=one_process, on_change=statuses.append)
        watch = Watch(supervisor, bus, tmp_path / "run")
        watch.statuses = statuses
        watches.append(watch)
        (tmp_path / "run").mkdir()
        supervisor.start()
        return watch

    yield start
    for watch in watches:
        watch.supervisor.__exit__()
        watch.bus.close()
    assert [line for line in command_lines() if str(tmp_path) in line] == []


def command_lines() -> list[str]:
    return [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]


def test_a_killed_process_is_back_and_the_others_go_on(supervise: Callable[..., Watch]) -> None:
    watch = supervise(restart="{beat: {policy: on-failure, wait_s: 0.1}, echo: on-failure}")
    watch.until(lambda: watch.supervisor.complete)
    echo, first = watch.pid("echo"), watch.pid("beat")
    os.kill(first, signal.SIGKILL)
    watch.until(lambda: watch.states("beat")[-1] == "up" and watch.pid("beat") not in (0, first))
    watch.until(watch.hears("echo"))  # the echo heard the new one, and we heard the echo
    assert watch.states("beat") == ["starting", "up", "waiting", "starting", "up"]
    assert watch.states("echo") == ["starting", "up"]
    assert watch.pid("echo") == echo
    status = next(status for status in watch.supervisor.statuses if status.process == "beat")
    assert status.restarts == 1
    assert status.reason.startswith("process 'beat' was killed by SIGKILL")
    assert "process=beat state=waiting" in logs.file_of(watch.run_dir, "supervisor").read_text()
    assert watch.supervisor.failure() is None


def test_enough_is_enough(supervise: Callable[..., Watch]) -> None:
    watch = supervise(how="bad-input", restart="{faulty: {policy: on-failure, most: 2, wait_s: 0.0}}")
    watch.until(lambda: not watch.supervisor.alive(), timeout_s=120)
    assert watch.states("faulty").count("starting") == 3
    with pytest.raises(
        SelfcueError, match=r"faulty: the cable is loose.* 2 restarts within 60 s were not enough"
    ) as got:
        watch.supervisor.raise_failure()
    assert got.value.exit_code == 3


def test_a_process_that_hangs_is_killed_and_started_again(supervise: Callable[..., Watch]) -> None:
    watch = supervise(how="hang", restart="{faulty: {policy: on-failure, silent_s: 4.0, wait_s: 0.0}}")
    watch.until(lambda: "waiting" in watch.states("faulty"))
    watch.until(watch.hears("beat"))
    reason = next(status.reason for status in watch.statuses if status.state == "waiting")
    assert "was killed by SIGKILL" in reason
    assert "taken for hung" in logs.file_of(watch.run_dir, "supervisor").read_text()


def test_what_a_killed_process_had_started_goes_with_it(supervise: Callable[..., Watch]) -> None:
    watch = supervise(how="child", restart="{faulty: {policy: always, wait_s: 60.0, longest_wait_s: 60.0}}")
    watch.until(lambda: watch.supervisor.complete)
    (grandchild,) = psutil.Process(watch.pid("faulty")).children()
    os.kill(watch.pid("faulty"), signal.SIGKILL)
    watch.until(lambda: "waiting" in watch.states("faulty"))
    watch.until(lambda: not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE)


def test_a_stop_cancels_a_restart_that_waits(supervise: Callable[..., Watch]) -> None:
    watch = supervise(restart="{beat: {policy: always, wait_s: 60.0, longest_wait_s: 60.0}}")
    watch.until(lambda: watch.supervisor.complete)
    os.kill(watch.pid("beat"), signal.SIGKILL)
    watch.until(lambda: "waiting" in watch.states("beat"))
    watch.supervisor.stop()
    watch.until(lambda: not watch.supervisor.alive(), timeout_s=10)
    assert watch.supervisor.failure() is None


def test_one_process_holds_all_and_stops_at_once(supervise: Callable[..., Watch]) -> None:
    watch = supervise(one_process=True)
    watch.until(watch.hears("echo"))
    watch.until(lambda: watch.supervisor.complete)
    assert [status.process for status in watch.supervisor.statuses] == ["all"]
    assert {card.pid for card in FolderDirectory().cards()} - {os.getpid()} == {watch.pid("all")}
    watch.supervisor.stop()
    watch.until(lambda: not watch.supervisor.alive(), timeout_s=10)
    assert watch.states("all")[-1] == "ended"


def test_a_failing_or_hanging_thread_ends_the_one_process(supervise: Callable[..., Watch]) -> None:
    watch = supervise(how="bad-input", one_process=True)
    watch.until(lambda: not watch.supervisor.alive())
    assert "the cable is loose" in str(watch.supervisor.failure())


def test_a_thread_that_hangs_does_not_hold_up_the_end(supervise: Callable[..., Watch]) -> None:
    watch = supervise(how="hang", one_process=True)
    watch.until(watch.hears("echo"))
    watch.supervisor.stop()
    watch.until(lambda: not watch.supervisor.alive(), timeout_s=10)


def test_each_node_has_a_log_of_its_own(supervise: Callable[..., Watch]) -> None:
    watch = supervise()
    watch.until(watch.hears("echo"))
    assert "node.echo listening to beat" in logs.file_of_node(watch.run_dir, "echo").read_text()
    assert not logs.file_of_node(watch.run_dir, "beat").exists()


def test_even_a_hanging_child_ends_with_a_killed_supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "live.yaml").write_text(LIVE.format(how="hang", restart="{}"))
    command = [sys.executable, "-m", "selfcue", "run", "live.yaml", "--json", "--out", "run"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=-1, stderr=-1) as run:
        deadline = time.monotonic() + 60
        while len(FolderDirectory().cards()) < 4:  # three processes and the supervisor
            assert time.monotonic() < deadline
            time.sleep(0.02)
        family = psutil.Process(run.pid).children(recursive=True)
        run.kill()
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert (len(gone), alive) == (3, [])
