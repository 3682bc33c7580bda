"""``selfcue fleet``: a learner or an evaluation over many logs, in parallel, with one merged report."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from selfcue.errors import UsageError

if TYPE_CHECKING:
    from selfcue.learners.fleet.plan import Plan

app = typer.Typer(
    help="One task over many logs, in parallel: on Ray where it is installed, else on local processes.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

LOGS: Any = typer.Argument(..., metavar="LOG", help="Logs of any format that a reader knows.")
OUT: Any = typer.Option(None, help="Folder of the fleet; default: runs/fleet-TASK-DATE. The same again goes on.")
WORKERS: Any = typer.Option(0, "--workers", "-j", min=0, help="Logs at once; 0: one per processor.")
RETRIES: Any = typer.Option(1, min=0, help="Further tries of a log whose worker failed, was killed, or was late.")
TIMEOUT: Any = typer.Option(0.0, min=0.0, help="Seconds for one try of one log; 0: no limit.")
ON: Any = typer.Option("auto", help="auto (Ray where installed), ray, or local.")
ADDRESS: Any = typer.Option("", help="A Ray cluster that runs: auto, HOST:6379 or ray://HOST:10001.")
SETTINGS: Any = typer.Option([], "--set", metavar="NAME=VALUE", help="A setting of the task; `fleet tasks` lists them.")
JSON: Any = typer.Option(False, "--json", help="Print the report as JSON, and nothing else.")


@app.command("learn")
def learn(
    logs: list[Path] = LOGS,
    pair: str = typer.Option("depth", help="Which pair learns: the task learn-PAIR."),
    init: Path | None = typer.Option(None, help="Weights that each log starts from; none: from scratch."),
    given: list[str] = SETTINGS,
    out: Path | None = OUT,
    workers: int = WORKERS,
    retries: int = RETRIES,
    timeout: float = TIMEOUT,
    on: str = ON,
    address: str = ADDRESS,
    as_json: bool = JSON,
) -> None:
    """Learn online from each log by itself, and report all of them together.

    Each log gets what `selfcue learn depth LOG` would give it, weights to the bit, in a process of its own: one that
    crashes, runs out of memory or is killed costs its own log alone, and is tried again. What is done is not done
    again: the same command with the same --out goes on, and so does `selfcue fleet resume OUT`.

    Examples: `selfcue fleet learn drives/* --workers 4 --out runs/drives --set seed=1 --set learn_share=0.5`;
    `selfcue fleet learn drives/* --init base.safetensors --timeout 3600 --retries 2`
    """
    values: dict[str, Any] = {"init": str(init.resolve())} if init else {}
    plan = _plan(f"learn-{pair}", logs, values, given, inputs=["init"], timeout_s=timeout)
    _run(plan, out, workers=workers, retries=retries, on=on, address=address, as_json=as_json)


@app.command("evaluate")
def evaluate(
    checkpoint: Path = typer.Argument(..., help="Weights, like RUN/learner/student.safetensors."),
    logs: list[Path] = LOGS,
    pair: str = typer.Option("depth", help="Whose weights they are: the task evaluate-PAIR."),
    given: list[str] = SETTINGS,
    out: Path | None = OUT,
    workers: int = WORKERS,
    retries: int = RETRIES,
    timeout: float = TIMEOUT,
    on: str = ON,
    address: str = ADDRESS,
    as_json: bool = JSON,
) -> None:
    """Score one student, frozen, on every frame of each log, and report all of them together.

    Example: `selfcue fleet evaluate runs/a/learner/student.safetensors drives/* --out runs/scores`
    """
    values = {"checkpoint": str(checkpoint.resolve())}
    plan = _plan(f"evaluate-{pair}", logs, values, given, inputs=["checkpoint"], timeout_s=timeout)
    _run(plan, out, workers=workers, retries=retries, on=on, address=address, as_json=as_json)


@app.command("run")
def run(
    task: str = typer.Argument(..., help="A task: `fleet tasks` lists them, or package.module:Class."),
    logs: list[Path] = LOGS,
    given: list[str] = SETTINGS,
    out: Path | None = OUT,
    workers: int = WORKERS,
    retries: int = RETRIES,
    timeout: float = TIMEOUT,
    on: str = ON,
    address: str = ADDRESS,
    as_json: bool = JSON,
) -> None:
    """Run a task of your own over many logs (docs/fleets.md shows one).

    Example: `selfcue fleet run my_package.checks:Sharpness flights/*.mcap --set topic=cam/image`
    """
    plan = _plan(task, logs, {}, given, inputs=[], timeout_s=timeout)
    _run(plan, out, workers=workers, retries=retries, on=on, address=address, as_json=as_json)


@app.command("resume")
def resume(
    out: Path = typer.Argument(..., help="The folder of a fleet that was stopped, or in which logs failed."),
    workers: int = WORKERS,
    retries: int = RETRIES,
    on: str = ON,
    address: str = ADDRESS,
    as_json: bool = JSON,
) -> None:
    """Go on with a fleet: what is done stays as it is; what failed or was not done yet is done.

    Example: `selfcue fleet resume runs/drives --workers 2`
    """
    from selfcue.learners.fleet.plan import Plan

    _run(Plan.read(out), out, workers=workers, retries=retries, on=on, address=address, as_json=as_json)


@app.command("tasks")
def tasks(as_json: bool = typer.Option(False, "--json", help="Print JSON, and nothing else.")) -> None:
    """List the tasks that are registered, with their settings."""
    from selfcue.learners.fleet.listing import list_tasks

    rows = list_tasks()
    if as_json:
        typer.echo(json.dumps(rows))
        return
    for row in rows:
        typer.echo(f"{row['name']}: {row['what']}")
        for name, default in row["settings"].items():
            typer.echo(f"    --set {name}={default}")


def _plan(
    task: str, logs: list[Path], values: dict[str, Any], given: list[str], *, inputs: list[str], timeout_s: float
) -> Plan:
    from selfcue.learners.fleet.plan import Plan

    for word in given:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"--set {word}: write NAME=VALUE")
        try:
            values[name] = json.loads(text)
        except ValueError:
            values[name] = text
    return Plan(task, values, [str(log.resolve()) for log in logs], inputs, timeout_s)


def _run(plan: Plan, out: Path | None, *, workers: int, retries: int, on: str, address: str, as_json: bool) -> None:
    from selfcue.learners.fleet.show import carry_out

    if on not in ("auto", "ray", "local"):
        raise UsageError(f"--on {on}: choose one of auto, ray, local")
    if on == "local" and address:
        raise UsageError("--address is of a Ray cluster; leave --on local out")
    stamp = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    folder = out or Path("runs") / f"fleet-{plan.task.rpartition(':')[2]}-{stamp}"
    carry_out(plan, folder, _pool_maker(workers, on, address), retries=retries, quiet=as_json)


def _pool_maker(workers: int, on: str, address: str) -> Callable[[], Any]:
    """Return what makes the pool once there is something to do."""

    def make() -> Any:
        from importlib.util import find_spec

        if on == "ray" or address or (on == "auto" and find_spec("ray") is not None):
            from selfcue.learners.fleet.ray_pool import RayPool

            return RayPool(workers if workers or address else _processors(), address=address)
        from selfcue.learners.fleet.pool import LocalPool

        return LocalPool(workers or _processors())

    return make


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
