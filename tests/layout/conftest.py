"""What the layout's tests share: where the tree is, and which Python files are in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("selfcue", "agent", "benchmarks", "learners", "sensors", "sim")


def list_files(*folders: str, suffix: str = ".py") -> list[Path]:
    """Return the files under ``folders`` of the tree, each once: links are not followed."""
    found = []
    for folder in folders:
        for here, _, names in os.walk(ROOT / folder, followlinks=False):
            found += [Path(here) / name for name in names if name.endswith(suffix)]
    return sorted(found)


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's root."""
    return ROOT


@pytest.fixture(scope="session")
def code() -> list[Path]:
    """Every Python file that is shipped."""
    return list_files(*CODE)


@pytest.fixture(scope="session")
def code_and_tests() -> list[Path]:
    """Every Python file of the repository."""
    return list_files(*CODE, "tests", ".ci")


@pytest.fixture(scope="session")
def copy_of_the_code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a package is built from, links as links, free to be broken and mended."""
    tree = tmp_path_factory.mktemp("tree")
    for name in (*CODE, "launch"):
        shutil.copytree(ROOT / name, tree / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    return tree
