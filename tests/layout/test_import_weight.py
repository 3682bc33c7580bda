"""What is light stays light: no heavy package is loaded by what a small process imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("cv2", "librosa", "matplotlib", "mujoco", "onnx", "onnxruntime", "open3d", "rosbags", "scipy", "torch")


def loaded_by(statements: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter holds after ``statements``."""
    script = f"import sys\n{statements}\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statements",
    [
        "import selfcue",
        "import selfcue.cli",
        "import selfcue.messages, selfcue.codec, selfcue.bus, selfcue.node, selfcue.host, selfcue.launcher",
        "import selfcue.record, selfcue.report",
        "import selfcue.agent, selfcue.benchmarks, selfcue.learners, selfcue.sensors, selfcue.sim",
        "import selfcue.learners.commands, selfcue.benchmarks.commands, selfcue.record.commands",
        "import selfcue.agent.node, selfcue.agent.safety_node",
        "from selfcue.commands.app import build\nbuild()",
    ],
)
def test_no_heavy_package_is_loaded(statements: str) -> None:
    assert loaded_by(statements).isdisjoint(HEAVY)


def test_the_bare_package_loads_nothing_at_all() -> None:
    bare = loaded_by("import importlib.metadata")
    assert {name for name in loaded_by("import selfcue") - bare if not name.startswith("_")} <= {"selfcue"}


def test_the_probe_sees_what_is_loaded() -> None:
    assert "numpy" in loaded_by("import selfcue.messages")
