"""A missing package or system library is named together with the command that brings it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from selfcue.errors import MissingDependencyError
from selfcue.optional import require


def test_what_is_there_is_returned() -> None:
    assert require("json.decoder", extra="sim").__name__ == "json.decoder"


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(MissingDependencyError, match=r"no_such_thing is not installed.*pip install 'selfcue\[audio\]'"):
        require("no_such_thing", extra="audio")


def test_a_missing_part_of_a_package_names_its_extra() -> None:
    with pytest.raises(MissingDependencyError, match=r"pip install 'selfcue\[lidar\]'"):
        require("no_such_thing.inside", extra="lidar")


@pytest.mark.parametrize(
    ("failure", "mend"),
    [
        ("ImportError('libGL.so.1: cannot open shared object file: No such file or directory')", "apt install libgl1"),
        ("ImportError('libusb-1.0.so.0: cannot open shared object file')", "apt install libusb-1.0-0"),
        (
            "ImportError('libfoo++.so.7: cannot open shared object file')",
            r"the system package that holds libfoo\+\+\.so\.7",
        ),
        ("OSError('PortAudio library not found')", "apt install libportaudio2"),
        ("ImportError('numpy.core.multiarray failed to import')", r"pip install 'selfcue\[sim\]'"),
    ],
)
def test_a_library_that_does_not_load_names_what_to_install(
    failure: str, mend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_wheel.py").write_text(f"raise {failure}\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match=mend):
        require("broken_wheel", extra="sim")
    sys.modules.pop("broken_wheel", None)
