"""Which renderer draws the pictures: OpenGL where it is there and asked for, rays, which need nothing, otherwise."""

from __future__ import annotations

import importlib.util
import logging
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from selfcue.errors import MissingDependencyError
from selfcue.sim.camera import StereoSettings
from selfcue.sim.gl_render import GlRenderer
from selfcue.sim.render import Stage, StereoRenderer, StereoView

RendererKind = Literal["rays", "gl", "auto"]

_log = logging.getLogger(__name__)


class Renderer(Protocol):
    """Draws what the rig sees."""

    settings: StereoSettings

    def render(self, position: npt.NDArray[np.float64], rotation: npt.NDArray[np.float64]) -> StereoView:
        """Return what the rig sees from the body's ``position`` (3,) [m] and ``rotation`` (3, 3), R_map_body."""
        ...


def make_renderer(stage: Stage, settings: StereoSettings, kind: RendererKind = "rays") -> Renderer:
    """Return the renderer that was asked for; ``auto`` takes OpenGL where it starts, and else rays.

    Raises:
        MissingDependencyError: ``gl`` was asked for and does not start.
    """
    if kind == "rays" or (kind == "auto" and importlib.util.find_spec("moderngl") is None):
        return StereoRenderer(stage, settings)
    try:
        return GlRenderer(stage, settings)
    except MissingDependencyError as error:
        if kind == "gl":
            raise
        _log.warning("renderer=rays %s", error)
        return StereoRenderer(stage, settings)
