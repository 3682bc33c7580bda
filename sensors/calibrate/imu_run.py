"""From a log with pictures of the board and inertial data to a file: what ``selfcue calibrate imu-camera`` does."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from selfcue.errors import BadInputError
from selfcue.messages import CameraInfo, Image, Imu
from selfcue.report.style import draw
from selfcue.sensors.calibrate.collect import Collector
from selfcue.sensors.calibrate.finder import BoardFinder
from selfcue.sensors.calibrate.frames import check_topic, frame_of, image_topics, only_topic
from selfcue.sensors.calibrate.imu_camera import GRAVITY, BoardPath, ImuReadings, ImuSolution, solve_imu_camera
from selfcue.sensors.calibrate.picture import title
from selfcue.sensors.calibrate.pose import board_pose
from selfcue.sensors.calibrate.report import OutFolder, finite
from selfcue.sensors.calibrate.run import CalibrateConfig, Outcome, finished
from selfcue.sensors.calibrate.turning import matrices
from selfcue.sensors.calibrate.verdict import BAD, Check, Verdict
from selfcue.sensors.lens import Lens
from selfcue.sensors.readers import LogReader, open_log

KNOWN_PLACE_M = 0.03
"""A place that is less certain is not written down."""


def calibrate_imu_camera(
    log: str, info: CameraInfo, config: CalibrateConfig, *, topic: str = "", imu_topic: str = "",
    tell: Callable[[str], None] | None = None,
) -> Outcome:  # fmt: skip
    """Calibrate a camera against an inertial sensor; write ``imu_camera.yaml``, ``report.json``, ``report.png``.

    Args:
        info: calibration of the camera that took the raw pictures.
        topic, imu_topic: of the log; empty where it has one alone.

    Raises:
        BadInputError: no such topics, no board, next to no motion in common, or files would be overwritten.
    """
    out = OutFolder(config.out, ("imu_camera.yaml", "report.json", "report.png"), force=config.force)
    reader = open_log(log)
    topic = topic or only_topic(image_topics(reader), log)
    check_topic(reader, topic, log)
    imu_topics = [name for name, kind in sorted(reader.topics().items()) if kind is Imu]
    imu_topic = imu_topic or only_topic(imu_topics, log, "--imu-topic", "inertial data")
    if imu_topic not in imu_topics:
        raise BadInputError(f"{log}: no inertial data on topic {imu_topic!r}; there is some on {imu_topics or 'none'}")
    path, imu, collector = _read(reader, topic, imu_topic, info, BoardFinder(config.board), tell)
    solution = solve_imu_camera(path, imu)
    verdict = Verdict(judge(solution))
    draw(out.path("report.png"), 12.0, 4.2, lambda figure: _paint(figure, solution, verdict.level))
    known = bool(np.nanmax(solution.place_std) < KNOWN_PLACE_M) if np.isfinite(solution.place).all() else False
    if verdict.level != BAD or config.accept_bad:
        _write(out.path("imu_camera.yaml"), solution, info, known=known)
    report = {
        "kind": "imu-camera", "board": str(config.board), "verdict": verdict.as_dict(),
        "pictures": dict(collector.counts), "rotation": solution.rotation.tolist(),
        "rotation_std_deg": solution.rotation_std_deg, "offset_s": solution.offset_s,
        "offset_std_s": solution.offset_std_s, "gyro_bias_rad_s": solution.gyro_bias.tolist(),
        "correlation": solution.correlation, "residual_share": solution.residual_share,
        "axes_rate_rad_s": solution.axes_rate.tolist(), "place_known": known,
        "place_m": [finite(x) for x in solution.place.tolist()],
        "place_std_m": [finite(x) for x in solution.place_std.tolist()], "gravity_m_s2": finite(solution.gravity),
    }  # fmt: skip
    mm = "x {:.1f}, y {:.1f}, z {:.1f} mm".format(*(1e3 * solution.place))
    place = (
        f"place in the camera {mm} +- {1e3 * float(solution.place_std.max()):.1f}" if known else "place not observable"
    )
    offset = f"{1e3 * solution.offset_s:.2f} ms +- {1e3 * solution.offset_std_s:.2f}"
    values = [
        f"{collector.explain()}; {solution.pairs} turns compared, correlation {solution.correlation:.3f}",
        f"rotation to {solution.rotation_std_deg:.2f} deg; stamps: imu = camera + {offset}",
        f"{place}; gravity {solution.gravity:.2f} m/s^2",
    ]
    return finished(out, report, verdict, values)


def judge(solution: ImuSolution) -> tuple[Check, ...]:
    """Return the checks of a solution."""
    place = 1e3 * float(solution.place_std.max())
    second_deg_s = float(np.degrees(solution.axes_rate[1]))
    return (
        Check("correlation of turn rates", solution.correlation, 0.97, 0.85,
              "do the stamps come from one machine, and is it this camera? turn the rig more briskly", above=True),
        Check("turns compared", solution.pairs, 150, 50, "record for half a minute with the board in view", above=True),
        Check("turn rate about the second axis [deg/s]", second_deg_s, 15.0, 5.0,
              "turn about more than one axis: nod, shake and roll the rig", above=True),
        Check("turn rate unexplained [share]", solution.residual_share, 0.12, 0.3,
              "more light for shorter exposures, or a calibration of the lens that fits better"),
        Check("rotation uncertain by [deg]", solution.rotation_std_deg, 0.5, 2.0, "turn more, about all axes"),
        Check("time offset uncertain by [ms]", 1e3 * solution.offset_std_s, 1.0, 5.0, "turn back and forth faster"),
        Check("gravity off by [m/s^2]", abs(solution.gravity - GRAVITY), 0.3, 1.0,
              "does the sensor give m/s^2, and is it calibrated?"),
        Check("place uncertain by [mm]", place, 1e3 * KNOWN_PLACE_M, math.inf,
              "swing faster and wider, if the place is needed; rotation and time do not need it"),
    )  # fmt: skip


def _read(
    reader: LogReader, topic: str, imu_topic: str, info: CameraInfo, finder: BoardFinder,
    tell: Callable[[str], None] | None,
) -> tuple[BoardPath, ImuReadings, Collector]:  # fmt: skip
    """Return the board's poses and the inertial data, on the log's clock from its start."""
    lens, zero_ns = Lens.from_info(info), reader.start_ns
    collector = Collector(finder)
    poses: list[npt.NDArray[np.float64]] = []
    times_s: list[float] = []
    samples: list[tuple[float, ...]] = []
    for _, name, message in reader.messages():
        at_s = (message.stamp_ns - zero_ns) * 1e-9
        if name == imu_topic and isinstance(message, Imu):
            samples.append((at_s, *message.angular_velocity, *message.linear_acceleration))
        if name != topic or not isinstance(message, Image):
            continue
        if (message.width, message.height) != (lens.width, lens.height):
            raise BadInputError(
                f"{topic}: pictures of {message.width} x {message.height} px, the calibration is for {lens.width} x "
                f"{lens.height} px; calibrate at the size that the camera sends"
            )
        view = collector.add(frame_of(message, topic))
        pose = board_pose(lens, finder.points, view) if view is not None else None
        if pose is not None and (not times_s or at_s > times_s[-1]):
            times_s.append(at_s)
            poses.append(pose)
        if tell:
            tell(f"{at_s:.1f} s: board in {len(poses)} of {collector.counts['pictures']} pictures")
    if not poses:
        raise BadInputError(f"imu-camera: no sharp view of a board of {finder.board} in {collector.explain()}")
    data = np.array(sorted(samples), dtype=np.float64).reshape(-1, 7)
    data = data[np.concatenate([[True], np.diff(data[:, 0]) > 0])] if len(data) else data
    found = np.array(poses)
    board = BoardPath(np.array(times_s), matrices(found[:, :3]), found[:, 3:])
    return board, ImuReadings(data[:, 0], data[:, 1:4], data[:, 4:]), collector


def _write(path: Path, solution: ImuSolution, info: CameraInfo, *, known: bool) -> None:
    """Write in the words of Kalibr's camchain-imucam files."""
    transform = np.eye(4)
    transform[:3, :3] = solution.rotation
    if known:
        transform[:3, 3] = solution.place
    plain = info.distortion_model == "plumb_bob" and not any(info.d[4:])  # Kalibr's radtan has no third radial term
    camera: dict[str, Any] = {
        "T_cam_imu": transform.tolist(),
        "timeshift_cam_imu": solution.offset_s,  # t_imu = t_cam + shift
        "translation_known": known,
        "gyro_bias_rad_s": solution.gyro_bias.tolist(),
        "resolution": [info.width, info.height],
        "intrinsics": [info.k[0], info.k[4], info.k[2], info.k[5]],
        "camera_model": "pinhole",
        "distortion_model": "radtan" if plain else info.distortion_model,
        "distortion_coeffs": list(info.d[:4] if plain else info.d),
    }
    path.write_text(yaml.safe_dump({"cam0": camera}, sort_keys=False, default_flow_style=None))


def _paint(figure: Any, solution: ImuSolution, level: str) -> None:
    at_s, ours, theirs = solution.rates
    for i, axes in enumerate(figure.subplots(1, 3, sharey=True)):
        axes.plot(at_s, np.degrees(ours[:, i]), color="#0072b2", linewidth=1.2, label="camera")
        axes.plot(at_s, np.degrees(theirs[:, i]), color="#d55e00", linewidth=0.8, label="inertial sensor, turned")
        axes.set(title=f"about the camera's {'xyz'[i]}", xlabel="time [s]")
    figure.axes[0].set_ylabel("turn rate [deg/s]")
    figure.axes[0].legend()
    title(figure, f"offset {1e3 * solution.offset_s:.2f} ms, {solution.residual_share:.1%} unexplained", level)
