from __future__ import annotations

import subprocess
import sys

import pytest

LIGHT = (
    "selfcue.learners",
    "selfcue.learners.online.engine",
    "selfcue.learners.online.interfaces",
    "selfcue.learners.online.depth.node",
    "selfcue.learners.online.depth.params",
    "selfcue.learners.online.depth.scorer_node",
    "selfcue.learners.online.depth.teacher",
    "selfcue.learners.online.depth.textons",
)


@pytest.mark.parametrize("module", LIGHT)
def test_imports_neither_torch_nor_opencv(module):
    script = f"import sys, {module}; print(sorted({{'torch', 'cv2', 'safetensors', 'scipy'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
