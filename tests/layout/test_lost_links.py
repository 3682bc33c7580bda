"""A checkout whose links became text files says so, and does not run half a system."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path


def test_the_command_line_says_that_links_were_lost(root: Path, tmp_path: Path) -> None:
    (tmp_path / "selfcue").mkdir()
    for path in (root / "selfcue").iterdir():
        if path.is_symlink():
            (tmp_path / "selfcue" / path.name).write_text(str(path.readlink()))
        elif path.is_file():
            shutil.copy(path, tmp_path / "selfcue")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from selfcue.cli import main; raise SystemExit(main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 4
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "agent, benchmarks, launch, learners, sensors, sim" in line
    assert "git" in line
