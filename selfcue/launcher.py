"""Carries one run from launch file to report: the folder, the processes, the live view, the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from selfcue import plugins, snapshot
from selfcue.bus import Bus
from selfcue.config.launch import Launch, Scalar
from selfcue.directory import FolderDirectory, current_domain
from selfcue.errors import BadInputError, SelfcueError
from selfcue.health import SIGN_TOPIC
from selfcue.host import make_node
from selfcue.messages import Message, NodeHealth, ProcessStatus, type_name
from selfcue.notify import Notifier
from selfcue.stop_signals import stop_signals
from selfcue.supervisor import Supervisor
from selfcue.system import LAUNCH_FILE, System

SUPERVISOR = "supervisor"
STATUS_TOPIC = "system/process/"
WATCHED = ("agent/status", "depth/status", "journal", SIGN_TOPIC)
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
        (run_dir / LAUNCH_FILE).write_text(launch.text, encoding="utf-8")
    except OSError as error:
        raise BadInputError(f"{run_dir}: cannot be made ({error.strerror}); choose another --out") from error
    return system, run_dir


def resumed(run_dir: Path) -> System:
    """Return the system of ``run_dir``, set to go on from its newest whole snapshot."""
    return replace(System.read(run_dir), resume=snapshot.newest(run_dir), domain=current_domain())


def execute(system: System, run_dir: Path, watcher: Watcher | None = None, *, one_process: bool = False) -> None:
    """Run ``system`` to its end, feeding ``watcher`` with the watched topics.

    What happens to its processes is published on ``system/process/NAME``; systemd is told where it started us.

    Raises:
        Interrupted: Ctrl-C or TERM; everything was stopped and saved.
        SelfcueError: a process failed; the message is its one line.
    """
    directory = FolderDirectory(system.domain)
    notifier = Notifier()
    bus = Bus(f"{SUPERVISOR}-{os.getpid()}", directory, queue=1000)

    def tell(status: ProcessStatus) -> None:
        bus.publish(STATUS_TOPIC + status.process, status, latched=True)
        if watcher is not None:
            watcher(STATUS_TOPIC + status.process, status)

    with (
        closing(bus),
        stop_signals() as stop,
        Supervisor(system, run_dir, one_process=one_process, on_change=tell) as supervisor,
    ):
        bus.enter({STATUS_TOPIC + status.process: type_name(status) for status in supervisor.statuses})
        for topic in WATCHED:
            bus.subscribe(topic)
        supervisor.start()
        while supervisor.alive():
            bus.connect_present(every_s=0.5)
            bus.forget_gone()
            for one in bus.poll(_POLL_S):
                if isinstance(one.message, NodeHealth):
                    supervisor.heard(one.message.host)
                if watcher is not None:
                    watcher(one.topic, one.message)
            _notify(notifier, supervisor)
            if stop.is_set():
                notifier.stopping()
                supervisor.stop()
        notifier.stopping()
    directory.sweep()
    supervisor.raise_failure()
    if stop.is_set():
        raise Interrupted(f"stopped; everything is in {run_dir}{_how_to_go_on(run_dir)}")


def _notify(notifier: Notifier, supervisor: Supervisor) -> None:
    notifier.alive()
    statuses = supervisor.statuses
    if supervisor.complete:
        notifier.ready()
    up = sum(status.state == "up" for status in statuses)
    others = [f"{status.process} {status.state}" for status in statuses if status.state != "up"]
    restarts = sum(status.restarts for status in statuses)
    words = [f"{up} of {len(statuses)} processes up", *others, *([f"{restarts} restarts"] if restarts else [])]
    notifier.status(", ".join(words))


def finish(system: System, run_dir: Path) -> object:
    """Make the run's report, where its launch file names one; return it (None otherwise)."""
    if not system.spec.report:
        return None
    return plugins.load(plugins.REPORTS, system.spec.report)(run_dir)


def _how_to_go_on(run_dir: Path) -> str:
    return f"; go on with: selfcue run --resume {run_dir}" if snapshot.whole(run_dir) else ""
