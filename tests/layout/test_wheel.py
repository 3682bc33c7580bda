"""The wheel holds the code and the launch files, all of them and nothing else."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def built(copy_of_the_code: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Source distribution from the tree, wheel from the source distribution, as a release does it."""
    pytest.importorskip("build")
    out = tmp_path_factory.mktemp("dist")
    (copy_of_the_code / "tests").mkdir()
    (copy_of_the_code / "tests" / "test_nothing.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(copy_of_the_code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return out


def wanted(tree: Path) -> set[str]:
    """Return the names that a package of ``tree`` must hold, read off the tree through the links."""
    names = set()
    for folder in ("", "agent", "benchmarks", "learners", "sensors", "sim"):
        start = tree / "selfcue" / folder
        for path in start.rglob("*.py"):
            relative = path.relative_to(tree)
            if folder or len(relative.parts) < 3 or not (tree / "selfcue" / relative.parts[1]).is_symlink():
                names.add(relative.as_posix())
    for pattern in ("*.yaml", "*.service"):
        names |= {path.relative_to(tree).as_posix() for path in (tree / "selfcue" / "launch").rglob(pattern)}
    for pattern in ("learners/offline/*.json", "sim/shaders/*", "view/*.html"):
        names |= {path.relative_to(tree).as_posix() for path in (tree / "selfcue").glob(pattern)}
    return names | {"selfcue/py.typed"}


def test_the_wheel_is_the_tree_without_the_tests(built: Path, copy_of_the_code: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == wanted(copy_of_the_code)
    assert {"selfcue/launch/drone_depth.yaml", "selfcue/agent/node.py", "selfcue/cli.py"} <= held


def test_the_source_distribution_holds_real_files(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        members = archive.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    tops = {member.name.split("/")[1] for member in members if "/" in member.name}
    assert {"selfcue", "pyproject.toml", "LICENSE"} <= tops
    assert tops.isdisjoint({"agent", "benchmarks", "launch", "learners", "sensors", "sim"})


def test_the_command_of_the_wheel_finds_its_launch_files(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    target = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    script = (
        f"import sys; sys.path.insert(0, {str(target)!r})\n"
        "import selfcue\n"
        f"assert selfcue.__file__.startswith({str(target)!r}), selfcue.__file__\n"
        "from selfcue.cli import main; raise SystemExit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-P" if sys.version_info >= (3, 11) else "-s", "-c", script, "run", "drone_depth", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "--duration" in done.stdout
