"""Reports: figures from a made-up flight whose truth is known, pictures that are pictures, JSON that is JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selfcue.errors import BadInputError
from selfcue.messages import (
    AgentStatus,
    CameraInfo,
    Estimate,
    Image,
    JournalEvent,
    LearnerStatus,
    Message,
    Odometry,
    Truth,
    WorldMap,
)
from selfcue.report import drive, flight
from selfcue.report.depth_error import abs_rel, resized
from selfcue.report.drive_moments import moments
from selfcue.report.flight_figures import FlightFigures
from selfcue.report.learning_curve import running_median
from selfcue.report.phases import area_under_curve

S = 1_000_000_000
PNG = b"\x89PNG\r\n\x1a\n"
SHAPE = (96, 128)


def odometry(t_ns: int, x: float, yaw: float = 0.0) -> Odometry:
    still = (0.0, 0.0, 0.0)
    turn = (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2))
    return Odometry(
        stamp_ns=t_ns, position=(x, 0.1, 1.2), orientation=turn, linear_velocity=still, angular_velocity=still
    )


def estimate(t_ns: int, cue: str, value: np.ndarray) -> Estimate:
    return Estimate(
        stamp_ns=t_ns, cue=cue, quantity="inverse_depth_per_m", value=value, lower=value, upper=value,  # type: ignore[arg-type]
        valid=np.ones(value.shape, bool), confidence=1.0,
    )  # fmt: skip


def state(t_ns: int, name: str) -> AgentStatus:
    return AgentStatus(stamp_ns=t_ns, state=name, phase="fly", counts={"collisions": 1})  # type: ignore[arg-type]


def made_up_flight(*, late_ns: int = 0, yaw_rate: float = 0.0) -> Iterator[tuple[str, Message]]:
    """120 s: stereo 40 s, training wheels 40 s, one eye 40 s, at 0.5, 0.25 and 0.3 m/s along x.

    The student is 20 % too far, later 10 %; stereo 5 %. What is in the way is 1 m off every other second.
    ``late_ns``: pictures and estimates are stamped so much before truth.
    """
    k = (115.5, 0.0, 63.5, 0.0, 115.5, 47.5, 0.0, 0.0, 1.0)
    p = (115.5, 0.0, 63.5, 0.0, 0.0, 115.5, 47.5, 0.0, 0.0, 0.0, 1.0, 0.0)
    yield "stereo/left/camera_info", CameraInfo(stamp_ns=0, width=128, height=96, k=k, p=p)
    square = ((-1.0, -1.0), (30.0, -1.0), (30.0, 1.0), (-1.0, 1.0))
    yield "truth/map", WorldMap(stamp_ns=0, outlines={"room": square, "pillar": ((1, 0), (2, 0), (2, 1))})
    x = 0.0
    for tick in range(60 * 40):
        t_ns = tick * 50_000_000
        name = ("STEREO", "MONO_TW", "MONO_ONLY")[tick // 800]
        if tick % 800 == 0:
            yield "agent/status", state(t_ns, name)
            yield "journal", JournalEvent(stamp_ns=t_ns, kind="mode", detail={"state": name})
        x += (0.5, 0.25, 0.3)[tick // 800] * 0.05
        yield "odom", odometry(t_ns, x, yaw_rate * t_ns / S)
        near_m = 1.0 if (tick // 20) % 2 else 3.0
        yield "truth/nearest", Truth(stamp_ns=t_ns, corridor_nearest_m=near_m, clearance_m=1.0)
        if tick % 10 == 0 and tick:
            depth = np.full(SHAPE, near_m, np.float32)
            picture = np.full((*SHAPE, 3), tick % 255, np.uint8)
            seen_ns = t_ns - late_ns
            yield "stereo/left/image", Image(stamp_ns=seen_ns, encoding="rgb8", data=picture)
            yield "truth/depth", Image(stamp_ns=t_ns, encoding="32FC1", data=depth)
            if name != "MONO_ONLY":
                yield "depth/trusted", estimate(seen_ns, "trusted", 1 / (depth * np.float32(1.05)))
            factor = np.float32(1.2 if name == "STEREO" else 1.1)
            yield "depth/student", estimate(seen_ns, "student", 1 / (depth[::2, ::2] * factor))
        if tick % 20 == 0:
            skill = {"auc": 0.5 + tick / 10_000, "hit_bound": math.nan}
            yield "depth/status", LearnerStatus(
                stamp_ns=t_ns, pair="depth", trust="ok", ready=False, ready_fast=False, frozen=False, skill=skill,
                counts={"steps": tick},
            )  # fmt: skip
        if tick in (900, 1000, 1100):
            yield "journal", JournalEvent(stamp_ns=t_ns, kind="override", detail={"teacher_m": 0.7})
        if tick == 2000:
            yield "journal", JournalEvent(stamp_ns=t_ns, kind="collision", detail={"state": name})
            yield "journal", JournalEvent(stamp_ns=t_ns, kind="rollback")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> flight.FlightReport:
    return flight.make_report(made_up_flight(), tmp_path_factory.mktemp("report"), {"seed": 3, "strategy": "dagger"})


def test_figures_by_phase(report: flight.FlightReport) -> None:
    phases = report.phases()
    assert list(phases) == ["STEREO", "MONO_TW", "MONO_ONLY", "ALL"]
    for name, speed in (("STEREO", 0.5), ("MONO_TW", 0.25), ("MONO_ONLY", 0.3)):
        assert phases[name]["seconds"] == pytest.approx(40, abs=0.1)
        assert phases[name]["metres_per_min"] == pytest.approx(speed * 60, rel=0.02)
    assert phases["MONO_TW"]["overrides_per_min"] == pytest.approx(3 / (40 / 60), rel=0.01)
    assert phases["STEREO"]["overrides"] == phases["MONO_TW"]["collisions"] == 0
    assert phases["MONO_ONLY"]["collisions_per_min"] == pytest.approx(1.5, rel=0.01)
    assert phases["STEREO"]["cells"] == pytest.approx(20 / 0.25, abs=1)
    assert phases["ALL"]["seconds"] == pytest.approx(120, abs=0.1)
    assert phases["ALL"]["overrides"] == 3


def test_depth_errors_and_obstacle_figures(report: flight.FlightReport) -> None:
    phases = report.phases()
    assert phases["STEREO"]["abs_rel_student"] == pytest.approx(0.2, rel=1e-3)
    assert phases["MONO_TW"]["abs_rel_student"] == pytest.approx(0.1, rel=1e-3)
    assert phases["MONO_TW"]["abs_rel_stereo"] == pytest.approx(0.05, rel=1e-3)
    assert math.isnan(phases["MONO_ONLY"]["abs_rel_stereo"])
    assert phases["MONO_ONLY"]["obstacle_auc"] == 1.0
    assert phases["MONO_ONLY"]["obstacle_positives"] == 40
    assert phases["STEREO"]["pictures_compared"] == 79  # two a second, none at the very start


def test_json_says_the_same_and_has_no_nan(report: flight.FlightReport) -> None:
    assert report.folder is not None
    written = json.loads((report.folder / "report.json").read_text(), parse_constant=pytest.fail)
    assert written == json.loads(json.dumps(report.as_dict()))
    assert written["phases"]["MONO_ONLY"]["abs_rel_stereo"] is None
    assert written["run"] == {"seed": 3, "strategy": "dagger"}
    assert [event["kind"] for event in written["events"]].count("override") == 3
    assert written["skill"] == {"auc": pytest.approx(0.738), "hit_bound": None}


def test_pictures_are_written(report: flight.FlightReport) -> None:
    assert report.folder is not None
    assert report.pictures == ["path.png", "learning_curve.png", "depth.png"]
    for name in report.pictures:
        content = (report.folder / name).read_bytes()
        assert content.startswith(PNG)
        assert len(content) > 10_000


def test_the_table_is_printed(report: flight.FlightReport, capsys: pytest.CaptureFixture[str]) -> None:
    report.print()
    printed = capsys.readouterr().out
    for word in (
        "student flies alone",
        "stereo flies",
        "whole flight",
        "seed 3",
        "dagger",
        "4.50 (3)",
        "0.200",
        "path.png",
    ):
        assert word in printed, word


def test_moments_show_each_state_once(report: flight.FlightReport) -> None:
    chosen = report.figures.moments.chosen()
    assert [moment.state for moment in chosen] == ["STEREO", "MONO_TW", "MONO_ONLY"]
    assert chosen[0].stereo is not None
    assert chosen[2].stereo is None
    assert all(moment.telling for moment in chosen)


def test_what_was_seen_a_moment_before_is_compared_only_while_the_body_does_not_turn() -> None:
    straight = FlightFigures().read(made_up_flight(late_ns=50_000_000))
    turning = FlightFigures().read(made_up_flight(late_ns=50_000_000, yaw_rate=1.5))
    assert len(straight.comparisons) == 239
    assert turning.comparisons == []


def test_a_flight_of_nothing_still_makes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty = flight.make_report([], tmp_path)
    empty.print()
    assert empty.pictures == []
    assert empty.as_dict()["phases"]["ALL"]["collisions_per_min"] is None
    assert "whole flight" in capsys.readouterr().out


def test_a_student_that_gives_one_number_has_an_obstacle_figure_but_no_depth_error(tmp_path: Path) -> None:
    def scalar() -> Iterator[tuple[str, Message]]:
        for topic, message in made_up_flight():
            if topic == "depth/student" and isinstance(message, Estimate):
                yield topic, estimate(message.stamp_ns, "student", message.value[24, 32:33])
            else:
                yield topic, message

    made = flight.make_report(scalar(), tmp_path)
    assert made.phases()["ALL"]["obstacle_auc"] == 1.0
    assert math.isnan(made.phases()["ALL"]["abs_rel_student"])
    assert "depth.png" in made.pictures


def test_without_matplotlib_table_and_json_remain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    made = flight.make_report(made_up_flight(), tmp_path)
    assert made.pictures == []
    assert "pip install" in made.notes[0]
    assert (tmp_path / "report.json").exists()


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]), st.booleans()), min_size=2, max_size=40),
)
def test_area_under_curve_equals_its_definition(pairs: list[tuple[float, bool]]) -> None:
    scores, positive = [a for a, _ in pairs], [b for _, b in pairs]
    wins = [(a > b) + 0.5 * (a == b) for a, p in pairs if p for b, q in pairs if not q]
    found = area_under_curve(scores, positive)
    assert math.isnan(found) if not wins else found == pytest.approx(sum(wins) / len(wins))


def test_truth_is_resized_by_mean_inverse_depth() -> None:
    truth = np.array([[1.0, 2.0, 4.0, 4.0], [1.0, 2.0, 4.0, 4.0]], np.float32)
    assert resized(truth, (1, 2)) == pytest.approx(np.array([[1 / 0.75, 4.0]]))
    assert resized(truth, (2, 4)) == pytest.approx(truth)
    assert resized(truth, (1, 3)).shape == (1, 3)


def test_abs_rel_leaves_out_what_is_not_valid_and_what_is_too_far() -> None:
    truth = np.array([[2.0, 2.0, 50.0, np.inf]], np.float32)
    value = np.array([[0.25, 5.0, 1.0, 1.0]], np.float32)
    said = Estimate(
        stamp_ns=0, cue="student", quantity="inverse_depth_per_m", value=value, lower=value, upper=value,
        valid=np.array([[True, False, True, True]]), confidence=1.0,
    )  # fmt: skip
    assert abs_rel(said, truth) == pytest.approx(1.0)  # 4 m for 2 m


def test_running_median() -> None:
    t_s = np.array([0.0, 1.0, 2.0, 30.0])
    assert running_median(t_s, np.array([5.0, np.nan, 1.0, 7.0]), 20.0).tolist() == [5.0, 5.0, 3.0, 7.0]
    assert np.isnan(running_median(t_s, np.full(4, np.nan), 20.0)).all()


# -- the drive ---------------------------------------------------------------------------------------------------------


def made_up_score() -> dict[str, Any]:
    def one(error: float) -> dict[str, Any]:
        return {
            "frames": 7, "pixels": 900, "coverage": 0.9, "abs_rel": error, "abs_rel_95": [error * 0.9, error * 1.1],
            "rmse_m": 4.0, "rmse_m_95": [None, None], "delta1": 0.7, "delta1_95": [None, None],
        }  # fmt: skip

    errors = {"student": 0.2, "teacher": 0.05, "row_mean": 0.35, "pixel_mean": 0.31}

    def stretch(first: int, last: int | None) -> dict[str, Any]:
        below = {"value": 0.43, "interval_95": [0.3, 0.5], "frames": 7}
        cues = {cue: one(error) for cue, error in errors.items()}
        none = {"value": None, "interval_95": [None, None], "frames": 0}
        return {
            "frames": 7,
            "first_frame": first,
            "last_frame": last,
            **cues,
            "below_row_mean": below,
            "below_pixel_mean": none,
        }

    student = {"student_abs_rel": 0.6, "student_rmse_m": 9.0, "student_delta1": 0.2, "teacher_abs_rel": 0.05}
    block = {"block": 0, "first_frame": 0, "frames": 3, **student, "row_mean_abs_rel": None}
    rows = [
        {"frame": f, "stamp_ns": f, "scores": {"student": {"abs_rel": 0.3}, "teacher": {"abs_rel": 0.05}}}
        for f in range(9)
    ]
    return {
        "pictures": 298,
        "stretches": {"predict_before_learn": stretch(200, 239), "frozen": stretch(240, None)},
        "blocks": [block],
        "rows": rows,
    }


def lidar_drive(frames: int) -> Iterator[tuple[str, Message]]:
    for frame in range(frames):
        t_ns = frame * 100_000_000
        value = np.full((12, 40), 0.1, np.float32)
        data = np.full((24, 80, 3), frame * 255 // 3000, np.uint8)
        yield "stereo/left/image", Image(stamp_ns=t_ns, encoding="rgb8", data=data)
        yield "depth/student", estimate(t_ns, "student", value)
        yield "depth/trusted", estimate(t_ns, "trusted", value)
        if frame % 7 == 0:
            lidar = np.full((24, 80), np.nan, np.float32)
            lidar[10, 40] = 9.0
            yield "lidar/depth", Image(stamp_ns=t_ns, encoding="32FC1", data=lidar)


def test_a_drive_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = drive.make_report(made_up_score(), tmp_path, {"launch": "learn_depth"}, moments(lidar_drive(300)))
    made.print()
    printed = capsys.readouterr().out
    for word in (
        "Never learned from",
        "0.180 to 0.220",
        "by 43% (95 % interval 30% to 50%)",
        "per-pixel mean",
        "from 0",
    ):
        assert word in printed, word
    assert made.pictures == ["curve.png", "depth.png"]
    assert all((tmp_path / name).read_bytes().startswith(PNG) for name in made.pictures)
    written = json.loads((tmp_path / "report.json").read_text())
    assert written["stretches"]["frozen"]["student"]["abs_rel"] == 0.2
    assert written["kind"] == "drive"


def test_moments_of_a_drive_are_spread_over_it_and_share_one_time() -> None:
    for frames in (30, 300, 3000):
        rows = moments(lidar_drive(frames))
        brightness = [int(row.image[0, 0, 0]) for row in rows]
        assert len(rows) == 3
        assert all(row.depths[2] is not None and np.nanmin(row.depths[2]) == 9.0 for row in rows)
        assert brightness[0] <= brightness[1] <= brightness[2]
        if frames == 3000:
            assert brightness[0] < 90 < brightness[1] < 170 < brightness[2]
    assert moments([]) == []


def test_a_file_that_is_no_score_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="'stretches'"):
        drive.make_report({"blocks": []}, tmp_path)
    with pytest.raises(BadInputError, match="not the folder of a run"):
        drive.report_run(tmp_path)
    with pytest.raises(BadInputError, match="not the folder of a run"):
        flight.report_run(tmp_path)
