"""OpenGL and rays give one picture; what to do where OpenGL does not start."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from selfcue.errors import MissingDependencyError
from selfcue.sim import renderers
from selfcue.sim.camera import StereoSettings
from selfcue.sim.gl_render import GlRenderer, open_context
from selfcue.sim.pose import resting_pose
from selfcue.sim.render import Stage, StereoRenderer
from selfcue.sim.renderers import make_renderer
from selfcue.sim.worlds.room import RoomSettings, make_room

SETTINGS = StereoSettings(width=160, height=120)
POSES = [resting_pose(0.4 * k - 0.8, 0.3 * k - 0.6, 0.9 + 0.2 * k, 1.3 * k) for k in range(5)]


@pytest.fixture(scope="module", autouse=True)
def gl() -> None:
    pytest.importorskip("moderngl", reason="moderngl is not installed: no OpenGL")
    try:
        open_context().release()
    except MissingDependencyError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("seed", range(5))
def test_both_renderers_give_the_same_picture(seed: int) -> None:
    stage = Stage(make_room(seed, RoomSettings()))
    rays, raster = StereoRenderer(stage, SETTINGS), GlRenderer(stage, SETTINGS)
    for pose in POSES:
        seen, drawn = (one.render(pose.position, pose.rotation) for one in (rays, raster))
        assert drawn.light.shape == seen.light.shape == (3, 2, 120, 160)
        differs = np.abs(np.clip(seen.light, 0, 255) - np.clip(drawn.light, 0, 255))
        assert differs.mean() <= 0.1
        assert np.percentile(differs, 99) <= 2.0
        edges = np.abs(seen.depth - drawn.depth) > 0.001
        assert edges.mean() < 0.005, "only pixels at an edge may see another surface"
    raster.close()


def test_it_draws_the_same_bits_in_another_process() -> None:
    text = (
        "import hashlib; from tests.sim.test_gl_render import *; "
        "r = GlRenderer(Stage(make_room(3, RoomSettings())), SETTINGS); "
        "v = r.render(POSES[1].position, POSES[1].rotation); "
        "print(hashlib.sha256(v.light.tobytes() + v.depth.tobytes()).hexdigest())"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", text], cwd=root, capture_output=True, text=True, check=True)
    view = GlRenderer(Stage(make_room(3, RoomSettings())), SETTINGS).render(POSES[1].position, POSES[1].rotation)
    assert done.stdout.strip() == hashlib.sha256(view.light.tobytes() + view.depth.tobytes()).hexdigest()


def test_two_renderers_of_one_process_do_not_disturb_each_other(stage: Stage) -> None:
    first, second = GlRenderer(stage, SETTINGS), GlRenderer(stage, StereoSettings(width=64, height=48))
    alone = first.render(POSES[0].position, POSES[0].rotation)
    second.render(POSES[1].position, POSES[1].rotation)
    again = first.render(POSES[0].position, POSES[0].rotation)
    np.testing.assert_array_equal(alone.light, again.light)
    np.testing.assert_array_equal(alone.depth, again.depth)


def test_without_opengl_auto_takes_rays_and_gl_says_why(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(make_renderer(stage, SETTINGS, "auto"), GlRenderer)
    assert isinstance(make_renderer(stage, SETTINGS), StereoRenderer)

    def broken(stage: Stage, settings: StereoSettings) -> GlRenderer:
        raise MissingDependencyError("OpenGL does not start")

    monkeypatch.setattr(renderers, "GlRenderer", broken)
    assert isinstance(make_renderer(stage, SETTINGS, "auto"), StereoRenderer)
    with pytest.raises(MissingDependencyError, match="does not start"):
        make_renderer(stage, SETTINGS, "gl")
