"""Probe views are uniform over free ground, repeatable, and true."""

from __future__ import annotations

import numpy as np

from selfcue.corridor import CorridorConfig, nearest_depth
from selfcue.sim.camera import StereoSettings
from selfcue.sim.probe import probe_poses, render_probe
from selfcue.sim.worlds.ground_plan import clearance
from selfcue.sim.worlds.room import make_room


def test_poses_are_free_and_spread() -> None:
    world = make_room(2)
    poses = probe_poses(world, 800, np.random.default_rng(0))
    assert poses.shape == (800, 4)
    assert clearance(world, poses[:, :2]).min() >= 0.35
    assert poses[:, 2].min() >= 1.1
    assert poses[:, 2].max() <= 1.3
    counts, _ = np.histogram(poses[:, 3], bins=8, range=(-np.pi, np.pi))
    assert counts.min() > 60


def test_views_are_repeatable_and_hold_both_classes() -> None:
    world = make_room(2)
    poses = probe_poses(world, 60, np.random.default_rng(0))
    views, again = render_probe(world, poses), render_probe(world, poses)
    assert views.left.shape == views.right.shape == (60, 96, 128, 3)
    assert views.depth.shape == (60, 96, 128)
    assert np.array_equal(views.left, again.left)
    assert np.array_equal(views.corridor_nearest_m, again.corridor_nearest_m)
    assert not np.array_equal(views.left, render_probe(world, poses, seed=1).left)
    settings, corridor = StereoSettings(), CorridorConfig()
    lens = (settings.focal_px, settings.focal_px, *settings.center_px)
    for depth, nearest in zip(views.depth, views.corridor_nearest_m, strict=True):
        assert nearest == nearest_depth(depth, lens, corridor.half_width_m, corridor.half_height_m)
    blocked = (views.corridor_nearest_m < 1.2).mean()
    assert 0.15 < blocked < 0.85


def test_no_poses_no_views() -> None:
    world = make_room(2)
    views = render_probe(world, probe_poses(world, 0, np.random.default_rng(0)))
    assert views.left.shape == (0, 96, 128, 3)
    assert views.corridor_nearest_m.shape == (0,)
