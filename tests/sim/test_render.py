"""Pictures and depth are true: known planes, the stereo pair's geometry, steady light, calm textures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from selfcue.errors import BadInputError
from selfcue.sim.camera import StereoSettings
from selfcue.sim.pose import resting_pose
from selfcue.sim.render import Stage, StereoRenderer, StereoView
from selfcue.sim.worlds.ground_plan import free_points
from selfcue.sim.worlds.world import Cylinder

SETTINGS = StereoSettings()


def turn(roll: float, pitch: float, yaw: float) -> npt.NDArray[np.float64]:
    return resting_pose(0.0, 0.0, 0.0, yaw, pitch=pitch, roll=roll).rotation


def view(stage: Stage, place: tuple[float, float, float], rotation: npt.NDArray[np.float64]) -> StereoView:
    return StereoRenderer(stage, SETTINGS).render(np.asarray(place), rotation)


def pixels() -> tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]:
    """x / z and y / z of every pixel."""
    (cx, cy), focal = SETTINGS.center_px, SETTINGS.focal_px
    u, v = np.meshgrid(np.arange(SETTINGS.width), np.arange(SETTINGS.height))
    return (u - cx) / focal, (v - cy) / focal


def test_focal_length_of_the_rig() -> None:
    assert SETTINGS.focal_px == pytest.approx(115.5, abs=0.1)
    assert SETTINGS.center_px == (63.5, 47.5)


def test_depth_of_a_wall_straight_ahead_is_its_distance(empty_stage: Stage) -> None:
    depth = view(empty_stage, (0.7, 0.2, 1.4), np.eye(3)).depth
    assert depth[:, 20:76] == pytest.approx(np.full((2, 56, 128), 2.5 - 0.7), abs=2e-6)


@pytest.mark.parametrize(
    ("roll", "pitch", "yaw"), [(0.0, 0.0, 0.4), (0.1, 0.0, 0.0), (0.0, 0.3, 0.0), (0.15, -0.1, 2.0)]
)
def test_depth_of_the_six_planes_from_any_attitude(empty_stage: Stage, roll: float, pitch: float, yaw: float) -> None:
    rotation = turn(roll, pitch, yaw)
    place = np.asarray([0.3, -0.4, 1.1])
    depth = view(empty_stage, (0.3, -0.4, 1.1), rotation).depth
    x, y = pixels()
    rays = np.stack([np.ones_like(x), -x, -y], axis=-1) @ rotation.T  # body: forward, left, up
    low, high = np.asarray([-2.5, -2.5, 0.0]), np.asarray([2.5, 2.5, 2.8])
    for camera, left in enumerate((0.03, -0.03)):
        origin = place + rotation @ np.asarray([0.0, left, 0.0])
        with np.errstate(divide="ignore"):
            reach = np.where(rays > 0, (high - origin) / rays, np.where(rays < 0, (low - origin) / rays, np.inf))
        assert depth[camera] == pytest.approx(reach.min(axis=-1), rel=1e-5)


def test_a_pillar_stands_where_the_world_says(stage: Stage) -> None:
    pillar = next(solid for solid in stage.world.solids if isinstance(solid, Cylinder))
    for angle in np.linspace(0, 2 * np.pi, 7)[:-1]:
        away = pillar.radius_m + 0.45
        place = np.asarray(pillar.center_m[:2]) - away * np.asarray([np.cos(angle), np.sin(angle)])
        depth = view(stage, (place[0], place[1], 1.2), turn(0, 0, angle)).depth
        assert depth[0].min() == pytest.approx(0.45, abs=0.004)


def test_no_ray_slips_through(stage: Stage, unseen_stage: Stage) -> None:
    rng = np.random.default_rng(2)
    for world_stage in (stage, unseen_stage):
        for place in free_points(world_stage.world, 40, rng, clearance_m=0.26):
            rotation = turn(rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2), rng.uniform(-np.pi, np.pi))
            depth = view(world_stage, (place[0], place[1], rng.uniform(0.5, 2.0)), rotation).depth
            assert np.isfinite(depth).all()
            assert depth.max() < np.hypot(5.0, 5.0) + 0.1


def test_left_pixels_lie_where_disparity_says_in_the_right_picture(stage: Stage, unseen_stage: Stage) -> None:
    rng = np.random.default_rng(4)
    column = np.arange(SETTINGS.width)
    for world_stage in (stage, unseen_stage):
        errors, near = [], []
        for place in free_points(world_stage.world, 12, rng, clearance_m=0.5):
            rotation = turn(0.05, -0.04, rng.uniform(-np.pi, np.pi))
            light, depth = view(world_stage, (place[0], place[1], 1.2), rotation)
            shift = SETTINGS.focal_px * SETTINGS.baseline_m / depth[0]
            source = column[None, :] - shift
            inside = (source >= 0) & (source <= SETTINGS.width - 1)
            left = np.clip(np.floor(source).astype(int), 0, SETTINGS.width - 2)
            rows = np.arange(SETTINGS.height)[:, None]
            share = source - left
            seen = depth[1][rows, left] * (1 - share) + depth[1][rows, left + 1] * share
            visible = inside & (np.abs(seen - depth[0]) < 0.01)
            warped = light[:, 1][:, rows, left] * (1 - share) + light[:, 1][:, rows, left + 1] * share
            errors.append(np.abs(warped - light[:, 0])[:, visible].mean())
            near.append(np.abs(light[:, 1] - light[:, 0])[:, visible].mean())
            assert visible.mean() > 0.5
        # Resampling blurs; pictures that were off by a pixel would differ as much as two neighbours do.
        assert np.mean(errors) < 0.35 * np.mean(near)
        assert np.mean(errors) < 6.0


def test_brightness_says_nothing_about_distance(stage: Stage) -> None:
    rng = np.random.default_rng(5)
    seen = []
    for place in free_points(stage.world, 120, rng, clearance_m=0.35):
        light, depth = view(stage, (place[0], place[1], 1.2), turn(0, 0, rng.uniform(-np.pi, np.pi)))
        seen.append((depth[0].mean(), light[:, 0].mean()))
    distance, brightness = np.asarray(seen).T
    assert 90.0 < brightness.mean() < 140.0
    assert brightness.std() < 0.15 * brightness.mean()
    assert abs(np.corrcoef(distance, brightness)[0, 1]) < 0.45


def test_texture_does_not_shimmer(stage: Stage) -> None:
    """A picture is near the mean of a 4 x finer one: what a pixel averages does not jump as the camera moves."""
    fine = StereoSettings(width=512, height=384)
    place, rotation = np.asarray([-1.0, 0.3, 1.2]), turn(0.0, 0.0, 0.3)
    coarse = StereoRenderer(stage, SETTINGS).render(place, rotation).light[:, 0]
    sharp = StereoRenderer(stage, fine).render(place, rotation).light[:, 0]
    mean = sharp.reshape(3, 96, 4, 128, 4).mean(axis=(2, 4))
    assert np.abs(coarse - mean).mean() < 0.45 * np.abs(np.diff(mean, axis=2)).mean()
    assert coarse.std() == pytest.approx(mean.std(), rel=0.12)


def test_light_falls_as_lambert_says(empty_stage: Stage) -> None:
    """The same texture is brighter where the lamp is nearer: compare shades of one wall, seen frontally twice."""
    lamp = empty_stage.world.light
    origin = np.asarray([[0.0, 0.0, 1.2]], np.float32)
    targets = np.asarray([[2.4999, 0.0, 1.2], [2.4999, 2.2, 0.3]], np.float32)
    rays = np.concatenate([np.repeat(origin, 2, axis=0), targets - origin], axis=1)
    hits = empty_stage.rays.cast(rays)
    directions = rays[:, 3:].copy()
    lengths = np.linalg.norm(directions, axis=1)
    lit = empty_stage.colours(hits, origin, directions, lengths, 115.5)
    shades = []
    for target in targets.astype(np.float64):
        away = np.linalg.norm(target - lamp.position_m)
        lambert = (2.5 - lamp.position_m[0]) / away
        shades.append(lamp.ambient + lamp.lamp * lambert * 2 * lamp.reach_m**2 / (away**2 + lamp.reach_m**2))
    texture = lit / np.asarray(shades)
    unlit = (texture >= 0).all() and (texture <= 255.0).all()
    assert unlit
    dark = Stage.__new__(Stage)
    dark.__dict__.update(empty_stage.__dict__)
    dark._lamp_over = np.zeros_like(empty_stage._lamp_over)
    plain = dark.colours(hits, origin, directions, lengths, 115.5) / lamp.ambient
    assert texture == pytest.approx(plain, rel=1e-3)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (StereoSettings(width=0), "stereo 0 x 96 px"),
        (StereoSettings(fov_deg=179.0), "fov_deg 179"),
        (StereoSettings(baseline_m=0.0), "baseline_m 0"),
        (StereoSettings(exposure=float("nan")), "exposure nan"),
    ],
)
def test_bad_rigs_give_one_line(wrong: StereoSettings, words: str) -> None:
    with pytest.raises(BadInputError, match=words):
        wrong.check()
