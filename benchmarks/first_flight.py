"""The main job: learn from stereo, lose it, fly on with one eye; and the same path on a real drive."""

from __future__ import annotations

import os
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selfcue.benchmarks.obstacle_auc import PLACES, layouts, load_student, measure_auc
from selfcue.benchmarks.result import BenchResult, Claim
from selfcue.benchmarks.runs import Done, Job, run_all

ROOMS = (201, 202, 203, 204, 205)
"""Scored rooms; none of them was used to choose a setting."""
SEEDS = (1, 2, 3)


def measure(work: Path, *, quick: bool) -> BenchResult:
    """Run everything (``quick``: two rooms, short flights, one seed of the drive) and judge the claims."""
    rooms, seeds = (ROOMS[:2], SEEDS[:1]) if quick else (ROOMS, SEEDS)
    minute = 12.0 if quick else 60.0
    flights = run_all(_flights(rooms, minute), work, side_by_side=max(1, (os.cpu_count() or 1)), title="flights")
    alone = run_all(_speed_jobs(minute), work, side_by_side=1, title="speed and memory, alone on the machine")
    rows = [_arm_row(arm, [flights[f"{arm}-{room}"] for room in rooms]) for arm in ARMS]
    claims = [*_flight_claims(flights, rooms), *_auc(flights, rooms, rows, quick=quick), *_speed_claims(alone)]
    runs = "every run is selfcue run drone_depth … or selfcue learn depth …"
    notes = [f"rooms {rooms}, unit of time {minute:.0f} s; {runs}"]
    drive = _drive_path()
    if drive is None:
        notes.append("no real drive: set SELFCUE_DATA to a folder that holds kitti_raw_stereo_lidar")
    else:
        claims += _drive_claims(drive, work, seeds, rows)
    return BenchResult("first-flight", quick, rows, claims, notes)


@dataclass(frozen=True)
class Arm:
    """Minutes of learning, minutes of flight after it, further words, and the phase that is looked at."""

    learn: float
    fly: float
    words: tuple[str, ...]
    phase: str = "MONO_ONLY"


ARMS = {
    "training-wheels-5": Arm(5, 5, ("--strategy", "training-wheels")),
    "training-wheels-2.5": Arm(2.5, 5, ("--strategy", "training-wheels")),
    "cold-turkey-2.5": Arm(2.5, 5, ("--strategy", "cold-turkey")),
    "blind": Arm(0.02, 2, ("--strategy", "cold-turkey", "--pilot", "blind")),
    "stereo": Arm(5, 0.02, ("--strategy", "cold-turkey", "--steps", "0"), "STEREO"),
}


def _flights(rooms: tuple[int, ...], minute: float) -> list[Job]:
    jobs = []
    for name, arm in ARMS.items():
        for room in rooms:
            times = ("--learn", str(arm.learn * minute), "--duration", str((arm.learn + arm.fly) * minute))
            jobs.append(Job(f"{name}-{room}", ("run", "drone_depth", "--seed", str(room), *times, *arm.words)))
    return jobs


def _speed_jobs(minute: float) -> list[Job]:
    """The same flight three times: one minute, three minutes, and weighed (which takes some of its time)."""

    def words(minutes: float) -> tuple[str, ...]:
        times = ("--learn", str(minutes * minute), "--duration", str(minutes * minute))
        return ("run", "drone_depth", "--seed", "200", *times, "--strategy", "training-wheels")

    return [Job("speed-short", words(1)), Job("speed", words(3)), Job("memory", words(2), weigh=True)]


def _one_eyed(done: Done) -> dict[str, Any]:
    return dict(done.report["phases"]["MONO_ONLY"])


def _arm_row(arm: str, runs: list[Done]) -> dict[str, Any]:
    flown = [run.report["phases"][ARMS[arm].phase] for run in runs]
    minutes = sum(one["seconds"] for one in flown) / 60
    learned = [run.report["phases"].get("MONO_TW") for run in runs]
    return {
        "arm": arm,
        "rooms": len(runs),
        "minutes": minutes,
        "collisions/min": sum(one["collisions"] for one in flown) / minutes,
        "by room": " ".join(str(one["collisions"]) for one in flown),
        "m/min": sum(one["metres"] for one in flown) / minutes,
        "cells": statistics.mean(one["cells"] for one in flown),
        "AbsRel": _mean([one["abs_rel_student"] for one in flown]),
        "AUC in flight": _mean([one["obstacle_auc"] for one in flown]),
        "overrides/min learning": _mean([one["overrides_per_min"] for one in learned if one]),
    }


def _rate(flights: dict[str, Done], arm: str, rooms: tuple[int, ...]) -> float:
    flown = [_one_eyed(flights[f"{arm}-{room}"]) for room in rooms]
    return float(sum(one["collisions"] for one in flown) / (sum(one["seconds"] for one in flown) / 60))


def _flight_claims(flights: dict[str, Done], rooms: tuple[int, ...]) -> list[Claim]:
    ours, blind = _rate(flights, "training-wheels-5", rooms), _rate(flights, "blind", rooms)
    equal, cold = (_rate(flights, f"{arm}-2.5", rooms) for arm in ("training-wheels", "cold-turkey"))
    speeds = [_one_eyed(flights[f"training-wheels-5-{room}"])["metres_per_min"] for room in rooms]
    seen = [
        _one_eyed(flights[f"training-wheels-5-{room}"])["cells"]
        / max(1, flights[f"stereo-{room}"].report["phases"]["STEREO"]["cells"])
        for room in rooms
    ]
    how = f"{len(rooms)} rooms, training wheels, 5 min of learning, 5 min one-eyed"
    return [
        Claim("metres", "one-eyed flight covers ground", ">= 14 m/min in the mean of rooms", statistics.mean(speeds),
              statistics.mean(speeds) >= 14, how),
        Claim("cells", "one-eyed flight visits what stereo flight visits", ">= 0.7 of the 0.25 m cells, median",
              statistics.median(seen), statistics.median(seen) >= 0.7, how + "; stereo: 5 min in the same room"),
        Claim("blind", "collisions against the blind control", "<= 1/30 of its rate", ours / blind if blind else None,
              bool(blind) and ours <= blind / 30, f"{ours:.2f} against {blind:.2f} collisions/min; {how}"),
        Claim("cold-turkey-2.5", "fewer collisions than cold turkey after 2.5 min of learning", "difference < 0",
              ours - cold, ours < cold, f"{ours:.2f} (5 min) against {cold:.2f} collisions/min"),
        Claim("cold-turkey equal", "fewer collisions than cold turkey at equal learning time", "difference < 0",
              equal - cold, equal < cold, f"{equal:.2f} against {cold:.2f} collisions/min, both after 2.5 min"),
    ]  # fmt: skip


def _auc(flights: dict[str, Done], rooms: tuple[int, ...], rows: list[dict[str, Any]], *, quick: bool) -> list[Claim]:
    goals = {"other layout": 0.89, "unseen textures": 0.80}
    claims = []
    for place in PLACES:
        found = []
        for room in rooms:
            student = load_student(flights[f"training-wheels-5-{room}"].folder / "learner" / "student.safetensors")
            found.append(measure_auc(student, layouts(place, room, 5), 20 if quick else 100))
        values = [auc for auc, _, _ in found]
        poses, near = sum(n for _, n, _ in found), sum(n for _, _, n in found)
        how = f"median of {len(rooms)} students at {poses // len(rooms)} poses in 5 layouts; {near} of {poses} near"
        rows.append({"arm": f"obstacle AUC, {place}", "rooms": len(rooms), "AUC": statistics.median(values),
                     "by room": " ".join(f"{value:.3f}" for value in values)})  # fmt: skip
        if place in goals:
            median = statistics.median(values)
            claims.append(Claim(f"auc {place}", f"obstacle AUC, {place}", f">= {goals[place]}", median,
                                median >= goals[place], how))  # fmt: skip
    return claims


def _speed_claims(alone: dict[str, Done]) -> list[Claim]:
    short, done, peak_bytes = alone["speed-short"], alone["speed"], alone["memory"].peak_bytes
    simulated_s, wall_s = (done.report["seconds"] - short.report["seconds"], done.wall_s - short.wall_s)
    factor, whole = simulated_s / wall_s, done.report["seconds"] / done.wall_s
    return [
        Claim("speed", "whole loop: render, match, learn, infer, fly, record, over processes", ">= 2 x real time",
              factor, factor >= 2, f"{simulated_s:.0f} s simulated in {wall_s:.0f} s (a long flight less a short one); "
              f"with start and report {whole:.2f} x; learning all the time, alone on the machine"),
        Claim("memory", "peak memory, sum over processes (PSS)", "< 1.5 GB", peak_bytes / 1e9,
              peak_bytes < 1.5e9, "the same flight, sampled twice a second"),
    ]  # fmt: skip


def _drive_path() -> Path | None:
    folder = Path(os.environ.get("SELFCUE_DATA", "")) / "kitti_raw_stereo_lidar"
    return folder.resolve() if os.environ.get("SELFCUE_DATA") and folder.is_dir() else None


def _drive_claims(drive: Path, work: Path, seeds: tuple[int, ...], rows: list[dict[str, Any]]) -> list[Claim]:
    jobs = []
    for seed in seeds:
        words = ("learn", "depth", str(drive), "--seed", str(seed))
        jobs.append(Job(f"drive-all-{seed}", (*words, "--learn-until", "100000", "--predict-from", "200")))
        jobs.append(Job(f"drive-frozen-{seed}", (*words, "--learn-until", "239")))
    runs = run_all(jobs, work, side_by_side=max(1, (os.cpu_count() or 1)), title="real drive")
    claims = []
    for kind, stretch, told, goal in (
        ("all", "predict_before_learn", "predict before learn, from frame 200 on", 0.35),
        ("frozen", "frozen", "learned on 0 to 239 and frozen, from frame 240 on", 0.30),
    ):
        found = [_stretch(runs[f"drive-{kind}-{seed}"].report, stretch) for seed in seeds]
        row = {key: statistics.median(one[key] for one in found) for key in found[0]}
        spread = " ".join(f"{one['AbsRel']:.3f}" for one in found)
        rows.append({"arm": f"real drive, {told}", "rooms": len(seeds), "by room": spread, **row})
        intervals = [runs[f"drive-{kind}-{seed}"].report["stretches"][stretch]["below_row_mean"] for seed in seeds]
        ends = "; ".join("{:.0%} to {:.0%}".format(*one["interval_95"]) for one in intervals)
        how = f"median of {len(seeds)} seeds; {found[0]['LiDAR frames']} LiDAR frames; 95 % block bootstrap {ends}"
        for prior, least in (("row mean", goal), ("pixel mean", 0.0)):
            gain = statistics.median(1 - one["AbsRel"] / one[prior] for one in found)
            if prior == "row mean" or kind == "frozen":
                claims.append(Claim(f"drive {kind}, {prior}", f"student's AbsRel below the {prior}, {told}",
                                    f">= {goal:.0%}" if least else "> 0", gain, gain >= least if least else gain > 0,
                                    how))  # fmt: skip
    return claims


def _stretch(report: dict[str, Any], name: str) -> dict[str, float]:
    """Return AbsRel, RMSE and δ1 of the student, and AbsRel of teacher and priors, on one stretch of the drive."""
    stretch = report["stretches"][name]
    return {
        "LiDAR frames": stretch["student"]["frames"],
        "AbsRel": stretch["student"]["abs_rel"],
        "RMSE m": stretch["student"]["rmse_m"],
        "delta1": stretch["student"]["delta1"],
        "teacher": stretch["teacher"]["abs_rel"],
        "row mean": stretch["row_mean"]["abs_rel"],
        "pixel mean": stretch["pixel_mean"]["abs_rel"],
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.mean(known) if known else None
