"""Carries one run from launch file to report: the folder, the processes, the live view, the end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import FrameType

from selfcue import plugins, snapshot
from selfcue.bus import Bus
from selfcue.config.launch import Launch, Scalar
from selfcue.directory import FolderDirectory, current_domain
from selfcue.errors import BadInputError, SelfcueError
from selfcue.host import HEALTH_TOPIC, make_node
from selfcue.messages import Message
from selfcue.supervisor import Supervisor
from selfcue.system import System

WATCHED = ("agent/status", "depth/status", "journal", HEALTH_TOPIC)
_POLL_S = 0.05

Watcher = Callable[[str, Message], None]


class Interrupted(SelfcueError):
    """The user stopped the run; the message says how to go on."""

    exit_code = 130


def prepare(
    launch: Launch, given: Mapping[str, Scalar], *, preset: str | None = None, out: Path | None = None
) -> tuple[System, Path]:
    """Fill in a launch file, check every node's settings, and make the run's folder.

    Raises:
        UsageError, BadInputError, MissingDependencyError: before anything has been started or written.
    """
    spec, arguments = launch.resolve(given, preset)
    system = System(launch.name, launch.origin, spec, arguments, current_domain())
    for process, nodes in spec.processes.items():
        for node in nodes:
            make_node(node, launch.origin, process)
    run_dir = out or Path("runs") / f"{launch.name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    if (run_dir / "system.json").exists():
        raise BadInputError(f"{run_dir}: already holds a run; choose another --out, or --resume it")
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInputError(f"{run_dir}: cannot be made ({error.strerror}); choose another --out") from error
    return system, run_dir


def resumed(run_dir: Path) -> System:
    """Return the system of ``run_dir``, set to go on from its newest whole snapshot."""
    return replace(System.read(run_dir), resume=snapshot.newest(run_dir), domain=current_domain())


def execute(system: System, run_dir: Path, watcher: Watcher | None = None) -> None:
    """Run ``system`` to its end, feeding ``watcher`` with the watched topics.

    Raises:
        Interrupted: Ctrl-C or TERM; everything was stopped and saved.
        SelfcueError: a process failed; the message is its one line.
    """
    with _stop_signals() as stop, Supervisor(system, run_dir) as supervisor:
        supervisor.start()
        directory = FolderDirectory(system.domain)
        bus = Bus(f"watcher-{threading.get_native_id()}", directory, queue=1000)
        try:
            for topic in WATCHED:
                bus.subscribe(topic)
            while supervisor.alive():
                bus.connect_present(every_s=0.5)
                for one in bus.poll(_POLL_S):
                    if watcher is not None:
                        watcher(one.topic, one.message)
                if stop.is_set():
                    supervisor.stop()
        finally:
            bus.close()
    directory.sweep()
    supervisor.raise_failure()
    if stop.is_set():
        raise Interrupted(f"stopped; everything is in {run_dir}{_how_to_go_on(run_dir)}")


def finish(system: System, run_dir: Path) -> object:
    """Make the run's report, where its launch file names one; return it (None otherwise)."""
    if not system.spec.report:
        return None
    return plugins.load(plugins.REPORTS, system.spec.report)(run_dir)


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _how_to_go_on(run_dir: Path) -> str:
    return f"; go on with: selfcue run --resume {run_dir}" if snapshot.whole(run_dir) else ""
