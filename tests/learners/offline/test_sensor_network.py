"""The worked example of docs/sensor_network.md, as it stands there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/sensor_network.md").read_text(encoding="utf-8")
CHECK = """
np.savez("told.npz", vectors=vectors, x=graph.x, air=air, edges=graph.edge_index, more=moves_together)
"""


def run(command: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder in which the page's Python ran; what it printed is in ``said.txt``."""
    place: Path = tmp_path_factory.mktemp("hall")
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (place / "shown.py").write_text("".join(blocks) + CHECK, encoding="utf-8")
    (place / "said.txt").write_text(run([sys.executable, "shown.py"], place))
    return place


def test_vectors_group_the_sensors_better_than_their_readings(folder):
    shares = [int(word) for word in re.findall(r"(\d+)% of the sensors", (folder / "said.txt").read_text())]
    assert len(shares) == 2
    assert shares[1] >= shares[0] + 15
    assert shares[1] >= 70


def test_the_graph_is_the_hall(folder):
    told = np.load(folder / "told.npz", allow_pickle=False)
    assert told["vectors"].shape == (120, 64)
    same = told["air"][told["edges"][0]] == told["air"][told["edges"][1]]
    assert same.mean() > 0.6
    pairs = told["more"]
    assert (told["air"][pairs[:, 0]] == told["air"][pairs[:, 1]]).mean() > 2 / 6


def test_the_commands_give_the_same_vectors(folder):
    lines = re.findall(r"^selfcue .*$", PAGE, re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "selfcue"
        run([sys.executable, "-m", "selfcue", *words[1:]], folder)
    rows = np.loadtxt(folder / "vectors.csv", delimiter=",", skiprows=1)
    told = np.load(folder / "told.npz", allow_pickle=False)
    np.testing.assert_allclose(rows[:, 1:], told["vectors"], rtol=1e-4, atol=1e-5)
