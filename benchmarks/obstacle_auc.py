"""How well a student tells near from free at fixed poses that nobody flew: the obstacle AUC on simulator truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from selfcue.corridor import estimate_score
from selfcue.messages import Image
from selfcue.report.phases import area_under_curve

NEAR_M = 1.2
SEED = 977

PLACES = ("same room", "other layout", "other layout and textures", "unseen textures")


def layouts(place: str, room: int, number: int) -> list[Any]:
    """Return ``number`` worlds of a kind, seen from the room that a student learned in."""
    from selfcue.sim.worlds.room import RoomSettings, make_room

    others = [10_000 + 100 * room + i for i in range(number)]
    if place == "same room":
        return [make_room(room)] * number
    if place == "other layout":
        return [make_room(seed, RoomSettings(texture_seed=room)) for seed in others]
    if place == "other layout and textures":
        return [make_room(seed) for seed in others]
    return [make_room(seed, RoomSettings(texture_family="unseen")) for seed in others]


def load_student(weights: Path) -> Any:
    """Return the dense student of a run, as it flew."""
    from selfcue.learners.online.checkpoint import load_weights
    from selfcue.learners.online.depth.dense import DenseStudent
    from selfcue.learners.online.depth.sizes import sizes_for

    learned = load_weights(weights)
    student = DenseStudent(sizes_for(128, 96, learned.meta["channels"]))
    student.start_from(learned)
    return student


def measure_auc(student: Any, worlds: list[Any], poses_each: int) -> tuple[float, int, int]:
    """Return AUC, number of poses and number of positives; poses are uniform in free space."""
    from selfcue.learners.online.interfaces import Sample
    from selfcue.sim.camera import StereoSettings
    from selfcue.sim.probe import probe_poses, render_probe

    rig = StereoSettings()
    focal = rig.width / 2 / np.tan(np.radians(rig.fov_deg) / 2)
    intrinsics = (focal, focal, (rig.width - 1) / 2, (rig.height - 1) / 2)
    scores: list[float] = []
    near: list[bool] = []
    for i, world in enumerate(worlds):
        views = render_probe(world, probe_poses(world, poses_each, np.random.default_rng([SEED, i])), seed=i)
        for picture, truth in zip(views.left, views.corridor_nearest_m, strict=True):
            sample = Sample(0, {"image": Image(stamp_ns=0, encoding="rgb8", data=picture)})
            estimate = student.estimate(sample)
            scores.append(estimate_score(estimate, intrinsics, (rig.width, rig.height), pessimism=1.0))
            near.append(bool(truth < NEAR_M))
    return area_under_curve(scores, near), len(near), sum(near)
