"""The room can be looked at without its heavy libraries, and says how to get one that is missing."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

from selfcue.errors import MissingDependencyError
from selfcue.sim import body_model, raycasting


def test_no_module_of_the_room_loads_a_heavy_library() -> None:
    script = """
import importlib, pkgutil, sys
import selfcue.sim
for module in pkgutil.walk_packages(selfcue.sim.__path__, "selfcue.sim."):
    importlib.import_module(module.name)
print(*sorted({"mujoco", "open3d", "cv2", "torch", "scipy", "matplotlib"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == ""


def test_the_bare_name_is_refused() -> None:
    done = subprocess.run([sys.executable, "-c", "import sim"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize("name", ["mujoco", "open3d"])
def test_a_missing_library_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    load = body_model.load_mujoco if name == "mujoco" else raycasting.load_open3d
    with pytest.raises(MissingDependencyError, match=rf"{name} .*pip install 'selfcue\[sim\]'"):
        load()


def test_every_module_has_a_docstring() -> None:
    package = importlib.import_module("selfcue.sim")
    for module in pkgutil.walk_packages(package.__path__, "selfcue.sim."):
        assert importlib.import_module(module.name).__doc__, module.name
