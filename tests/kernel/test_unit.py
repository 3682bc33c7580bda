"""The systemd unit: what is filled in, and that systemd itself reads it without complaint."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from selfcue.commands.unit import fill
from selfcue.errors import UsageError


def test_this_installation_is_filled_in() -> None:
    text = fill("drone_depth", user=False)
    assert f'ExecStart="{sys.executable}" -m selfcue run "drone_depth" $ARGS\n' in text
    assert "Type=notify" in text
    assert "%i" not in text
    assert "User=" not in fill("drone_depth", user=True)
    assert fill("drone_depth", user=True).endswith("WantedBy=default.target\n")


def test_a_path_is_made_whole_and_defused(tmp_path: Path) -> None:
    path = tmp_path / "50% $of it.yaml"
    path.write_text("processes: {p: [{name: n, node: x}]}")
    assert f'run "{tmp_path}/50%% $$of it.yaml" $ARGS' in fill(str(path), user=True)


def test_a_launch_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="no launch file 'nope'"):
        fill("nope", user=False)


@pytest.mark.parametrize("user", [False, True])
def test_systemd_reads_it(user: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "selfcue-drone.service"
    unit.write_text(fill("drone_depth", user=user))
    command = ["systemd-analyze", *(["--user"] if user else []), "verify", "--man=no", str(unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    about_us = [line for line in (done.stdout + done.stderr).splitlines() if "selfcue" in line]
    assert about_us == []
    unit.write_text(fill("drone_depth", user=user).replace("WatchdogSec=30", "WatchdogSec=soon"))
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert "ignoring: soon" in done.stdout + done.stderr  # the probe sees what is wrong
