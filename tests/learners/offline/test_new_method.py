"""A method from outside: the package that `selfcue new method` writes plugs in, passes its tests, and is used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from selfcue import cli
from selfcue.errors import BadInputError
from selfcue.learners.offline.example.new_method import write_package
from selfcue.learners.offline.method import Method

ROOT = Path(__file__).resolve().parents[3]
COMMAND = "import sys; from selfcue.cli import main; sys.exit(main())"


@pytest.fixture
def installed(tmp_path):
    """A new package, and a way to run Python where it is installed: its metadata as pip would lay them out."""
    folder = write_package("my_method", tmp_path)
    info = folder / "selfcue_my_method-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: selfcue-my-method\nVersion: 0.1.0\n")
    lines = (folder / "pyproject.toml").read_text().partition('[project.entry-points."selfcue.methods"]\n')[2]
    point = lines.splitlines()[0].replace('"', "")
    (info / "entry_points.txt").write_text(f"[selfcue.methods]\n{point}\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))), "OMP_NUM_THREADS": "1"}

    def run(*words: object, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, *(str(word) for word in words)],
            capture_output=True, text=True, timeout=250, check=False, env=environment, cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return folder, run


@pytest.mark.slow
def test_a_new_package_passes_its_own_tests(installed):
    folder, run = installed
    assert "5 passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", folder)


@pytest.mark.slow
def test_a_method_from_outside_is_listed_fitted_and_applied(installed, tmp_path):
    _, run = installed
    rows = {row["name"]: row for row in json.loads(run("-c", COMMAND, "methods", "--json"))}
    assert rows["my_method"]["takes"] == "windows"
    assert "graphmae" in rows
    np.savez(tmp_path / "w.npz", x=np.random.default_rng(0).normal(size=(20, 9, 2)))
    out = run("-c", COMMAND, "fit", "my_method", "--data", "w.npz", "--out", "run", "--set", "epochs=2", "--json")
    assert json.loads(out)["epochs"] == 2
    run("-c", COMMAND, "apply", "run", "--data", "w.npz", "--out", "z.npz")
    with np.load(tmp_path / "z.npz", allow_pickle=False) as found:
        assert found["transform"].shape == (20, 32)


def test_a_method_needs_no_base_class():
    class Bare:
        from selfcue.learners.offline.about import About

        about = About("bare", "x", "x", "x", "x")
        Config = Data = int
        history: list[dict[str, float]] = []  # noqa: RUF012

        def fit(self, data, **options):
            return self

        def save(self, path):
            return None

        @classmethod
        def load(cls, path) -> Bare:
            return cls()

    assert isinstance(Bare(), Method)


@pytest.mark.parametrize("name", ["My", "two words", "9lives", "class", "", "a-b"])
def test_names_that_will_not_do_are_refused(tmp_path, name):
    with pytest.raises(BadInputError, match="small letters"):
        write_package(name, tmp_path)


def test_what_is_there_is_not_overwritten(tmp_path, capsys):
    assert cli.main(["new", "method", "mine", "--out", str(tmp_path)]) == 0
    assert "selfcue methods show mine" in capsys.readouterr().out
    with pytest.raises(BadInputError, match="there already"):
        write_package("mine", tmp_path)
    with pytest.raises(BadInputError, match="a method 'graphmae' already"):
        write_package("graphmae", tmp_path)
