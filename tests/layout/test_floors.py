"""An import points down a floor; the kernel imports no room; the checkers know every module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOMS = {"agent", "benchmarks", "learners", "sensors", "sim"}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on ``tree`` with the tree's own settings; nothing installed takes part."""
    script = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(cache_dir=None))"
    return subprocess.run(
        [sys.executable, "-c", script], cwd=tree, capture_output=True, text=True, check=False, timeout=120
    )


def test_every_import_points_down_a_floor(root: Path) -> None:
    done = lint(root)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line", "complaint"),
    [
        ("sensors/calibration.py", "import selfcue.agent", "selfcue.sensors is not allowed to import selfcue.agent"),
        (
            "sim/drone_node.py",
            "import selfcue.learners.online",
            "selfcue.sim is not allowed to import selfcue.learners",
        ),
        ("selfcue/clock.py", "def late():\n    import selfcue.sensors.calibration", "imports no room BROKEN"),
        ("selfcue/errors.py", "import selfcue.bus", "selfcue.errors is not allowed to import selfcue.bus"),
        ("selfcue/newcomer.py", "", "selfcue.newcomer"),
    ],
)
def test_an_import_that_points_up_is_caught(copy_of_the_code: Path, module: str, line: str, complaint: str) -> None:
    path = copy_of_the_code / module
    before = path.read_text() if path.exists() else None
    try:
        path.write_text(f"{before or ''}\n\n{line}\n")
        done = lint(copy_of_the_code)
    finally:
        if before is None:
            path.unlink()
        else:
            path.write_text(before)
    assert done.returncode == 1
    assert complaint in done.stdout


def test_the_contracts_name_every_module_of_the_kernel(root: Path, project: dict[str, Any]) -> None:
    kernel = {path.stem for path in (root / "selfcue").glob("*.py")} - {"__init__"}
    kernel |= {path.parent.name for path in (root / "selfcue").glob("*/__init__.py")} - ROOMS
    layers, forbidden, _ = project["tool"]["importlinter"]["contracts"]
    listed = {name.removeprefix("selfcue.") for name in forbidden["source_modules"]}
    assert listed == kernel
    floors = {name.strip(" ()") for layer in layers["layers"] for name in layer.replace("|", ":").split(":")}
    assert floors == kernel | ROOMS


def test_the_lint_rules_ban_every_bare_room(root: Path, project: dict[str, Any]) -> None:
    banned = project["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-api"]
    assert set(banned) >= ROOMS


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_bare_room_does_not_import(root: Path, room: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {room}"], cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert f"ImportError: write 'selfcue.{room}', not '{room}'" in done.stderr


@pytest.mark.parametrize("room", sorted([*ROOMS, "launch"]))
def test_the_kernel_holds_a_relative_link_to_each_room(root: Path, room: str) -> None:
    link = root / "selfcue" / room
    assert link.is_symlink()
    assert link.readlink() == Path("..") / room
