"""The same pictures as ``render``, rasterised by OpenGL on EGL: no display, in software where there is no GPU.

The shading, the texture look-up and the choice of mip level are those of the ray caster, term by term, so both
renderers give one picture but for single pixels at edges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from selfcue.errors import MissingDependencyError
from selfcue.optional import require
from selfcue.sim.camera import OPTICAL_IN_BODY, StereoSettings
from selfcue.sim.render import Stage, StereoView
from selfcue.sim.textures.canvas import TEXEL_M, TILE_M

NEAR_M, FAR_M = 0.01, 2000.0
_ROW = 4096  # texels a row of the texture that holds the atlas
_SHADERS = Path(__file__).parent / "shaders"


class GlRenderer:
    """The rig on a stage, rasterised. To be used by the thread that made it."""

    def __init__(self, stage: Stage, settings: StereoSettings) -> None:
        self.stage, self.settings = stage, settings
        self._gl = open_context()
        with self._gl:  # of several renderers in a process, each draws in its own context
            self._prepare(settings)

    def _prepare(self, settings: StereoSettings) -> None:
        self._program = self._gl.program(
            vertex_shader=_shader("surface.vert"),
            fragment_shader=_shader("surface.frag", TILE_M=TILE_M, TEXEL_M=TEXEL_M),
        )
        self._load_surfaces()
        self._load_atlas()
        self._target = self._frame()
        self._positions = settings.positions().astype(np.float64)
        self._pixels = np.empty((2, settings.height, settings.width, 4), np.float32)
        self._set_constants()

    def _load_surfaces(self) -> None:
        mesh = self.stage.mesh
        corners = mesh.vertices[mesh.triangles]  # T x 3 x 3
        first, second, third = mesh.texture[:, 0:2], mesh.texture[:, 2:4], mesh.texture[:, 4:6]
        places = np.stack([first, first + second, first + third], axis=1)
        planes = np.repeat(mesh.plane[:, None, :], 3, axis=1)
        tiles = np.repeat(mesh.material_of.astype(np.float32)[:, None, None], 3, axis=1)
        rows = np.concatenate([corners, places, planes, tiles], axis=2).astype("f4")
        buffer = self._gl.buffer(rows.tobytes())
        names = ("in_position", "in_place", "in_plane", "in_tile")
        self._surfaces = self._gl.vertex_array(self._program, [(buffer, "3f 2f 4f 1f", *names)])

    def _load_atlas(self) -> None:
        texels = self.stage.atlas.texels
        rows = -(-len(texels) // _ROW)
        padded = np.zeros(rows * _ROW, np.uint32)
        padded[: len(texels)] = texels
        self._atlas = self._gl.texture((_ROW, rows), 4, padded.tobytes(), dtype="f1")
        self._atlas.filter = (self._gl.NEAREST, self._gl.NEAREST)
        self._atlas.use(0)

    def _frame(self) -> Any:
        """Return where both pictures are drawn, left over right: light and depth of each pixel."""
        size = (self.settings.width, 2 * self.settings.height)
        colour = self._gl.renderbuffer(size, 4, dtype="f4")
        return self._gl.framebuffer([colour], self._gl.depth_renderbuffer(size))

    def _set_constants(self) -> None:
        atlas, light, settings = self.stage.atlas, self.stage.world.light, self.settings
        self._program["level_px"].value = [float(size) for size in atlas.level_px]
        self._program["level_start"].value = [int(start) for start in atlas.level_start]
        self._program["tile_words"].value = atlas.tile_words
        self._program["lamp"].value = tuple(light.position_m)
        self._program["lamp_light"].value = (light.lamp, light.reach_m, light.ambient)
        self._program["focal_px"].value = settings.focal_px
        self._program["scale"].value = (2 * settings.focal_px / settings.width, 2 * settings.focal_px / settings.height)
        self._program["range_m"].value = (NEAR_M, FAR_M)

    def render(self, position: npt.NDArray[np.float64], rotation: npt.NDArray[np.float64]) -> StereoView:
        """Return what the rig sees from the body's ``position`` (3,) [m] and ``rotation`` (3, 3), R_map_body."""
        eyes = position + self._positions @ rotation.T
        turn = (OPTICAL_IN_BODY.T.astype(np.float64) @ rotation.T).astype(np.float32)
        with self._gl:
            self._draw(eyes, turn)
        light = np.ascontiguousarray(self._pixels[..., :3].transpose(3, 0, 1, 2))
        return StereoView(light, self._pixels[..., 3].copy())

    def _draw(self, eyes: npt.NDArray[np.float64], turn: npt.NDArray[np.float32]) -> None:
        """Draw both pictures into ``_pixels``. ``turn``: R_optical_map."""
        width, height = self.settings.width, self.settings.height
        self._program["turn"].write(np.ascontiguousarray(turn.T).tobytes())  # GLSL takes columns
        self._target.use()
        self._gl.enable(self._gl.DEPTH_TEST)
        self._target.clear(0.0, 0.0, 0.0, float("inf"))
        for number, eye in enumerate(eyes):
            self._gl.viewport = (0, number * height, width, height)
            self._program["eye"].value = tuple(float(value) for value in eye)
            self._surfaces.render()
        self._target.read_into(self._pixels, components=4, dtype="f4")

    def close(self) -> None:
        """Let go of the context."""
        self._gl.release()


def _shader(name: str, **values: float) -> str:
    """Return a shader's text with ``{{NAME}}`` filled in."""
    text = (_SHADERS / name).read_text()
    for key, value in values.items():
        text = text.replace(f"{{{{{key}}}}}", repr(float(value)))
    return text


def open_context() -> Any:
    """Return an OpenGL 3.3 context without a display.

    Raises:
        MissingDependencyError: moderngl, EGL or a driver is not there.
    """
    moderngl = require("moderngl", extra="gl")
    try:
        return moderngl.create_context(standalone=True, backend="egl", require=330)
    except Exception as error:
        raise MissingDependencyError(
            f"OpenGL without a display does not start ({error}); Debian, Ubuntu: apt install libegl1 libegl-mesa0; or "
            "use renderer: rays"
        ) from error
