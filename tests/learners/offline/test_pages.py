"""What the pages on offline methods show works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from selfcue.learners.offline.registry import METHODS, REPRODUCTIONS, method_names

ROOT = Path(__file__).resolve().parents[3]
PAGES = ("docs/methods.md", "docs/add_a_method.md", "docs/reproductions.md")


def test_the_code_of_the_page_runs(tmp_path):
    (code,) = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs/methods.md").read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "shown.py").write_text(
        code + "\nassert vectors.shape == (40, 16)\nassert again.config == method.config\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "shown.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_method_stands_on_the_page():
    listed = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/methods.md").read_text(), re.MULTILINE)
    assert sorted(listed) == method_names()


def test_every_command_on_the_pages_is_there():
    from selfcue.commands.app import build

    known = build().list_commands(None)
    words = {word for page in PAGES for word in re.findall(r"\bselfcue ([a-z]+)\b", (ROOT / page).read_text())}
    assert words - set(known) <= {"with"}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    path = ROOT / page
    targets = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_groups_that_the_page_names_are_the_real_ones():
    text = (ROOT / "docs/add_a_method.md").read_text()
    assert re.findall(r'entry-points\."([\w.]+)"', text) == [METHODS, REPRODUCTIONS]
