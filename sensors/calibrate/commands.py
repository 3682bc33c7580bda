"""The command ``selfcue calibrate``: print a board, calibrate a camera, a pair, a camera against an inertial sensor."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selfcue.errors import UsageError

if TYPE_CHECKING:
    from selfcue.sensors.calibrate.board import Board
    from selfcue.sensors.calibrate.run import CalibrateConfig, Outcome

app = typer.Typer(
    help="Calibrate a camera, a stereo pair, or a camera against an inertial sensor, with a ChArUco board.",
    no_args_is_help=True,
)


class Model(str, Enum):
    """How the lens distorts."""

    PLUMB_BOB = "plumb_bob"
    RATIONAL = "rational_polynomial"
    FISHEYE = "equidistant"


_Squares = Annotated[str, typer.Option(help="Squares across x down.")]
_SquareMm = Annotated[float, typer.Option(min=0.1, help="Side of a square, measured on the print [mm].")]
_MarkerMm = Annotated[float, typer.Option(min=0.0, help="Side of a marker [mm]; 0: 0.72 of a square.")]
_Dictionary = Annotated[str, typer.Option(help="Marker dictionary, as OpenCV names it without DICT_.")]
_Legacy = Annotated[bool, typer.Option("--legacy", help="A board printed by OpenCV before 4.6.")]
_Model = Annotated[Model, typer.Option(help="Of the lens: plumb_bob; rational_polynomial, wide; equidistant, fisheye.")]
_Every = Annotated[int, typer.Option(min=1, help="Take each n-th picture only.")]
_Seconds = Annotated[float, typer.Option(min=0.0, help="Watch a live camera no longer than this (0: until enough).")]
_MaxViews = Annotated[int, typer.Option(min=4, help="Use at most so many views: the most different ones.")]
_Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")]
_Accept = Annotated[bool, typer.Option("--accept-bad", help="Write the calibration even when the verdict is BAD.")]
_Json = Annotated[bool, typer.Option("--json", help="Print the report as one JSON object.")]


@app.command()
def board(
    out: Annotated[Path, typer.Option(help="The sheet to print at 100 %: NAME.pdf or NAME.png.")],
    squares: _Squares = "10x7",
    square_mm: _SquareMm = 25.0,
    marker_mm: _MarkerMm = 0.0,
    dictionary: _Dictionary = "5X5_100",
    legacy: _Legacy = False,
    force: _Force = False,
) -> None:
    """Write a board to print. The defaults fit a sheet of A4."""
    from selfcue.sensors.calibrate.board import write_board

    made = _board(squares, square_mm, marker_mm, dictionary, legacy=legacy)
    width_mm, height_mm = write_board(made, out, force=force)
    typer.echo(f"{out}: {made}; {width_mm:.0f} x {height_mm:.0f} mm with its margin. Print at 100 %, glue it onto")
    typer.echo("something flat, measure five squares, and give a fifth of that as --square-mm to selfcue calibrate.")


@app.command()
def camera(
    source: Annotated[str, typer.Argument(help="Folder of pictures, video, log, device (0), or URL.")],
    out: Annotated[Path, typer.Option(help="Folder for NAME.yaml, report.json and report.png.")],
    name: Annotated[str, typer.Option(help="The camera's name.")] = "camera",
    topic: Annotated[str, typer.Option(help="Topic of a log's pictures.")] = "",
    model: _Model = Model.PLUMB_BOB,
    squares: _Squares = "10x7",
    square_mm: _SquareMm = 25.0,
    marker_mm: _MarkerMm = 0.0,
    dictionary: _Dictionary = "5X5_100",
    legacy: _Legacy = False,
    every: _Every = 1,
    seconds: _Seconds = 0.0,
    max_views: _MaxViews = 40,
    force: _Force = False,
    accept_bad: _Accept = False,
    as_json: _Json = False,
) -> int:
    """Calibrate one camera from pictures of the board. Exit code 1 where the verdict is BAD."""
    from selfcue.sensors.calibrate.frames import PictureSource
    from selfcue.sensors.calibrate.run import calibrate_camera

    if not name or "/" in name:
        raise UsageError(f"--name {name!r} cannot be a file's name")
    pictures = PictureSource(source, topic, every)
    made = _board(squares, square_mm, marker_mm, dictionary, legacy=legacy)
    config = _config(made, out, model, seconds, max_views, force=force, accept_bad=accept_bad, live=pictures.live)
    with _progress(len(pictures.pictures)) as tell:
        outcome = calibrate_camera(pictures.frames(), config, name=name, tell=tell)
    return _told(outcome, as_json=as_json)


@app.command()
def stereo(
    left: Annotated[str, typer.Argument(help="Left camera's pictures, a log of both, or a device with both eyes.")],
    right: Annotated[str, typer.Argument(help="Right camera's pictures, where they are apart.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for left.yaml, right.yaml, report.json and report.png.")] = Path(
        "stereo_calibration"
    ),
    left_topic: Annotated[str, typer.Option(help="Topic of a log.")] = "",
    right_topic: Annotated[str, typer.Option(help="Topic of a log.")] = "",
    side_by_side: Annotated[bool, typer.Option("--side-by-side", help="Both eyes come in one picture.")] = False,
    max_gap_ms: Annotated[float, typer.Option(min=0.0, help="Pictures of a log further apart are no pair.")] = 2.0,
    model: _Model = Model.PLUMB_BOB,
    squares: _Squares = "10x7",
    square_mm: _SquareMm = 25.0,
    marker_mm: _MarkerMm = 0.0,
    dictionary: _Dictionary = "5X5_100",
    legacy: _Legacy = False,
    every: _Every = 1,
    seconds: _Seconds = 0.0,
    max_views: _MaxViews = 40,
    force: _Force = False,
    accept_bad: _Accept = False,
    as_json: _Json = False,
) -> int:
    """Calibrate a stereo pair; the files carry the rectification. Exit code 1 where the verdict is BAD."""
    from selfcue.sensors.calibrate.frames import PairSource
    from selfcue.sensors.calibrate.run import calibrate_stereo

    if side_by_side and right:
        raise UsageError("--side-by-side takes one source, which gives both eyes")
    source = PairSource(left, right, left_topic, right_topic, side_by_side, max_gap_ms, every)
    made = _board(squares, square_mm, marker_mm, dictionary, legacy=legacy)
    config = _config(made, out, model, seconds, max_views, force=force, accept_bad=accept_bad, live=source.live)
    with _progress(0) as tell:
        outcome = calibrate_stereo(source.pairs(), config, tell=tell)
    return _told(outcome, as_json=as_json)


@app.command("imu-camera")
def imu_camera(
    log: Annotated[str, typer.Argument(help="A log with pictures of the board and inertial data.")],
    camera_file: Annotated[Path, typer.Option("--camera", help="The camera's calibration (camera.yaml).")],
    out: Annotated[Path, typer.Option(help="Folder for imu_camera.yaml, report.json and report.png.")],
    topic: Annotated[str, typer.Option(help="Topic of the raw pictures.")] = "",
    imu_topic: Annotated[str, typer.Option(help="Topic of the inertial data.")] = "",
    squares: _Squares = "10x7",
    square_mm: _SquareMm = 25.0,
    marker_mm: _MarkerMm = 0.0,
    dictionary: _Dictionary = "5X5_100",
    legacy: _Legacy = False,
    force: _Force = False,
    accept_bad: _Accept = False,
    as_json: _Json = False,
) -> int:
    """Calibrate a camera against an inertial sensor: rotation, time offset, and the sensor's place where it shows.

    Hold the rig before a board that stands still; turn it about all axes and swing it for half a minute.
    """
    from selfcue.sensors.calibrate.imu_run import calibrate_imu_camera
    from selfcue.sensors.calibration import read_camera_info

    made = _board(squares, square_mm, marker_mm, dictionary, legacy=legacy)
    config = _config(made, out, Model.PLUMB_BOB, 0.0, 40, force=force, accept_bad=accept_bad, live=False)
    info = read_camera_info(camera_file)
    with _progress(0) as tell:
        outcome = calibrate_imu_camera(log, info, config, topic=topic, imu_topic=imu_topic, tell=tell)
    return _told(outcome, as_json=as_json)


@app.command("from-kalibr")
def from_kalibr(
    chain: Annotated[Path, typer.Argument(help="Kalibr's camchain.yaml.")],
    out: Annotated[Path, typer.Option(help="Folder for left.yaml and right.yaml, or one file for each camera.")],
    force: _Force = False,
) -> None:
    """Write what Kalibr found as ROS's camera_info files; two cameras with their rectification."""
    from selfcue.sensors.calibrate.report import OutFolder
    from selfcue.sensors.calibration import write_camera_info
    from selfcue.sensors.kalibr import kalibr_infos

    infos = kalibr_infos(chain)
    folder = OutFolder(out, [f"{name}.yaml" for name in infos], force=force)
    for name, info in infos.items():
        write_camera_info(folder.path(f"{name}.yaml"), info)
        typer.echo(f"{out / name}.yaml: {info.width} x {info.height} px, {info.distortion_model}")


def _board(squares: str, square_mm: float, marker_mm: float, dictionary: str, *, legacy: bool) -> Board:
    from selfcue.sensors.calibrate.board import Board as Made

    across, _, down = squares.lower().partition("x")
    if not (across.isdigit() and down.isdigit()):
        raise UsageError(f"--squares {squares!r} is not ACROSSxDOWN, for instance 10x7")
    marker_m = (marker_mm or 0.72 * square_mm) / 1e3
    return Made(int(across), int(down), square_mm / 1e3, marker_m, dictionary, legacy)


def _config(
    made: Board, out: Path, model: Model, seconds: float, max_views: int, *, force: bool, accept_bad: bool, live: bool
) -> CalibrateConfig:
    from selfcue.sensors.calibrate.collect import CollectConfig
    from selfcue.sensors.calibrate.run import CalibrateConfig as Config

    return Config(made, out, model.value, force, accept_bad, seconds, live, CollectConfig(max_views=max_views))


def _told(outcome: Outcome, *, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps(outcome.report))
    else:
        for line in outcome.lines:
            typer.echo(line)
    return 1 if outcome.bad else 0


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show on a terminal's error output what was found so far; on anything else nothing."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("looking for the board", total=total or None)
        yield lambda text: bar.update(task, advance=1, description=text)
