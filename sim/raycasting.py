"""Rays against a world's triangles, through Open3D's RaycastingScene (Embree): no GPU, no display."""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from selfcue.optional import require
from selfcue.sim.mesh import Mesh

MISS = 0xFFFFFFFF
"""Triangle number of a ray that hit nothing."""


class Hits(NamedTuple):
    """What N rays hit.

    Attributes:
        distance: (N,) float32, in lengths of the ray's direction; inf where nothing was hit.
        triangle: (N,) uint32, ``MISS`` where nothing was hit.
        weights: (N, 2) float32, barycentric weights of the triangle's second and third corner.
    """

    distance: npt.NDArray[np.float32]
    triangle: npt.NDArray[np.uint32]
    weights: npt.NDArray[np.float32]


def load_open3d() -> ModuleType:
    """Import Open3D, lending it the libusb that pip brought where the system has none.

    Raises:
        MissingDependencyError: Open3D or a library that it needs is not there.
    """
    if "open3d" not in sys.modules and sys.platform == "linux":
        # Open3D's wheel is linked against libusb (for depth cameras that we do not use) and does not bring it.
        found = importlib.util.find_spec("libusb_package")
        for folder in (found.submodule_search_locations or ()) if found else ():
            library = Path(folder) / "libusb-1.0.so"
            if library.is_file():
                ctypes.CDLL(str(library))
    return require("open3d", extra="sim")


class RayScene:
    """Answers where rays hit and how far a point is from everything. One thread: equal calls, equal bits."""

    def __init__(self, mesh: Mesh) -> None:
        open3d = load_open3d()
        self._tensor: Any = open3d.core.Tensor.from_numpy
        self._scene: Any = open3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(self._tensor(mesh.vertices), self._tensor(mesh.triangles))

    def cast(self, rays: npt.NDArray[np.float32]) -> Hits:
        """Cast ``rays`` (N, 6): origin [m] and direction (any length)."""
        answer = self._scene.cast_rays(self._tensor(rays), nthreads=1)
        return Hits(answer["t_hit"].numpy(), answer["primitive_ids"].numpy(), answer["primitive_uvs"].numpy())

    def distance(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return the distances (N,) [m] from ``points`` (N, 3) to the nearest surface."""
        return np.asarray(self._scene.compute_distance(self._tensor(points), nthreads=1).numpy())
