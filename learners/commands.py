"""``selfcue learn``: let a recorded log teach a student, as if live, and report."""

from __future__ import annotations

from pathlib import Path

import typer

from selfcue.errors import BadInputError, UsageError

learn_app = typer.Typer(help="Learn from a recorded log, through the same nodes as on the robot.", no_args_is_help=True)


@learn_app.callback()
def _learn() -> None:
    """Learn from a recorded log."""


@learn_app.command("depth")
def depth(
    log: Path = typer.Argument(..., metavar="PATH", help="A drive in one of KITTI's layouts: raw, odometry, or slim."),
    seed: int = typer.Option(0, help="Seeds weights and the draw of lessons."),
    student: str = typer.Option("dense", help="Which student learns: dense or textons."),
    steps: float = typer.Option(1.0, min=0.0, help="Training steps per frame."),
    first: int = typer.Option(0, min=0, help="Index of the first frame."),
    last: int = typer.Option(-1, help="Index of the last frame (-1: the log's last)."),
    learn_until: int = typer.Option(-1, help="Index of the last frame learned from (-1: the first 80 % of them)."),
    predict_from: int = typer.Option(
        0, min=0, help="Index of the first frame that counts for the predict-before-learn figures."
    ),
    out: Path | None = typer.Option(None, help="Folder of the run; default: runs/learn_depth-DATE."),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON, and nothing else."),
) -> None:
    """Stereo teaches one camera depth on a recorded drive: predict, score against LiDAR, then learn.

    Reports block by block, and on a last stretch never learned from: the student's AbsRel, RMSE and δ1 beside the
    teacher's and two priors learned from the teacher on the same frames (row mean and per-pixel mean).

    Example: `selfcue learn depth drive/ --learn-until 239`
    """
    from selfcue import launcher
    from selfcue.commands.run import show
    from selfcue.config import launch as launch_files

    if not log.exists():
        raise BadInputError(f"{log}: no such file or folder")
    frames = len(moments_of(log))
    last = min(last, frames - 1) if last >= 0 else frames - 1
    if not first < last:
        raise UsageError(f"--first {first} and --last {last} leave nothing to play; {log} has frames 0 to {frames - 1}")
    if learn_until < 0:
        learn_until = first + round(0.8 * (last - first))
    given: dict[str, launch_files.Scalar] = {
        "path": str(log.resolve()), "seed": seed, "student": student, "steps": steps, "first": first, "end": last + 1,
        "learn_until": learn_until - first, "predict_from": max(0, predict_from - first),
    }  # fmt: skip
    system, run_dir = launcher.prepare(launch_files.find("learn_depth"), given, out=out)
    show(system, run_dir, as_json=as_json)


def moments_of(log: Path) -> tuple[int, ...]:
    """Return the stamps of the frames of ``log``. Raises BadInputError where it has none."""
    from selfcue.sensors.readers import HasMoments, open_log

    reader = open_log(log)
    if not isinstance(reader, HasMoments):
        raise BadInputError(f"{log}: is not a log of stereo frames; give a folder in one of KITTI's layouts")
    return reader.moment_stamps()
