"""``selfcue learn``: let a recorded log teach a student, as if live, and report."""

from __future__ import annotations

from pathlib import Path

import typer

learn_app = typer.Typer(help="Learn from a recorded log, through the same nodes as on the robot.", no_args_is_help=True)


@learn_app.callback()
def _learn() -> None:
    """Learn from a recorded log."""


@learn_app.command("depth")
def depth(
    log: Path = typer.Argument(
        ..., metavar="PATH", help="A drive in one of KITTI's layouts, or any log with stereo/left and stereo/right."
    ),
    seed: int = typer.Option(0, help="Seeds weights and the draw of lessons."),
    student: str = typer.Option("dense", help="Which student learns: dense or textons."),
    steps: float = typer.Option(1.0, min=0.0, help="Training steps per frame."),
    first: int = typer.Option(0, min=0, help="Index of the first frame."),
    last: int = typer.Option(-1, help="Index of the last frame (-1: the log's last)."),
    learn_until: int = typer.Option(-1, help="Index of the last frame learned from (-1: the first 80 % of them)."),
    predict_from: int = typer.Option(
        0, min=0, help="Index of the first frame that counts for the predict-before-learn figures."
    ),
    init: Path | None = typer.Option(None, help="Weights to start from: RUN/learner/student.safetensors."),
    out: Path | None = typer.Option(None, help="Folder of the run; default: runs/learn_depth-DATE."),
    as_json: bool = typer.Option(False, "--json", help="Print the report as JSON, and nothing else."),
) -> None:
    """Stereo teaches one camera depth on a recorded drive: predict, score against LiDAR, then learn.

    Reports block by block, and on a last stretch never learned from: the student's AbsRel, RMSE and δ1 beside the
    teacher's and two priors learned from the teacher on the same frames (row mean and per-pixel mean).

    Examples: `selfcue learn depth drive/ --learn-until 239`; many logs at once: `selfcue fleet learn drives/*`
    """
    from selfcue import launcher
    from selfcue.commands.run import show
    from selfcue.learners.online.depth.drive_run import DriveRun

    drive = DriveRun(
        seed=seed,
        student=student,
        steps=steps,
        first=first,
        last=last if last >= 0 else None,
        learn_until=learn_until if learn_until >= 0 else None,
        predict_from=predict_from,
        init=str(init) if init else "",
    )
    found, given = drive.launch(log)
    system, run_dir = launcher.prepare(found, given, out=out)
    show(system, run_dir, as_json=as_json)
